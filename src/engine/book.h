/* The state of a portfolio: cash, positions with their lots, pending orders, counters.
 *
 * A book is one block of memory without pointers: arrays follow the header at offsets, lots are linked by index. It can
 * be copied with memcpy, written and read. One book is a backtest; an array of them is a sweep.
 *
 * Invariants: positions are sorted by symbol and hold at least one lot; a lot's quantity is > 0; flag[symbol] tells
 * whether a symbol is held and what is pending; orders are in order of decision. A symbol has at most one pending order,
 * and until the sweep at the end of a bar's decisions one more that it replaced.
 *
 *   | assay_book | flag[n_symbols] | order[2 n_symbols] | closing[n_symbols] | position[n_symbols] | lot[lot_capacity] |
 */
#ifndef ASSAY_ENGINE_BOOK_H
#define ASSAY_ENGINE_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/assay_error.h"
#include "assay/assay_result.h"
#include "base/sum.h"

enum {
    ASSAY_HELD_LONG = 1,
    ASSAY_HELD_SHORT = 2,
    ASSAY_HELD = ASSAY_HELD_LONG | ASSAY_HELD_SHORT,
    ASSAY_PENDING_BUY = 4,
    ASSAY_PENDING_SELL = 8,
    ASSAY_PENDING = ASSAY_PENDING_BUY | ASSAY_PENDING_SELL
};

#define ASSAY_NO_INDEX UINT32_MAX

/* Shares bought (or sold short) in one fill and not closed yet. Money fields are of what is left. */
typedef struct assay_lot {
    double quantity; /* > 0, in shares of today */
    double price;    /* as filled, in share units of today */
    double commission;
    double slippage;
    double dividends; /* received less paid */
    double low,
        high; /* of the bars in which it was held, in share units of today; +inf, -inf before the first */
    uint32_t entry_bar;
    uint32_t signal; /* index of the entry signal's record, or ASSAY_NO_SIGNAL */
    uint32_t next;   /* next younger lot of the position, or ASSAY_NO_INDEX */
    uint16_t strategy;
    uint16_t reserved;
} assay_lot;

typedef struct assay_position {
    uint32_t symbol;
    uint32_t first_lot; /* the oldest */
    uint32_t last_lot;
    uint32_t is_short;
    double quantity; /* > 0 */
    double mark;     /* last close, in share units of today */
} assay_position;

typedef struct assay_order {
    uint64_t id;
    double quantity;  /* at the decision, in shares of today */
    double remaining; /* > 0 */
    double score;
    uint32_t symbol;
    uint32_t decision_bar;
    uint32_t signal;  /* index of its record, or ASSAY_NO_SIGNAL */
    uint32_t closing; /* index into the closings, or ASSAY_NO_INDEX */
    uint8_t side;     /* assay_side */
    uint8_t reduces;  /* closes or lowers a position; else it opens or raises one */
    uint8_t has_fill;
    uint8_t done; /* ended; swept out at the end of the step */
    uint16_t strategy;
    uint16_t reserved;
} assay_order;

/* What a closing order has consumed so far: the trade that it will be. Quantities and prices in share units of its last
 * fill; splits since then wait in later_ratio for the next one. */
typedef struct assay_closing {
    double quantity;
    double later_ratio;
    double entry_value, exit_value;
    double commission, slippage, dividends;
    double low, high;
    uint32_t entry_bar, exit_bar;
    uint32_t entry_signal;
    uint16_t strategy; /* of the oldest lot consumed */
    uint8_t is_short, exit_kind, used;
    uint8_t reserved[3];
} assay_closing;

typedef struct assay_book {
    size_t size; /* bytes of the whole block */
    size_t orders_at, closings_at, positions_at,
        lots_at; /* offsets of the arrays; the flags follow the header */
    uint32_t n_symbols;
    uint32_t n_orders, n_positions, n_closings; /* n_closings: high-water mark of used slots */
    uint32_t n_lots, lot_capacity, free_lot;    /* n_lots: high-water mark; free_lot: list of returned ones */
    uint32_t ruined;
    double initial_capital;
    double cash;
    double receivable;    /* dividends on their way */
    assay_sum realised;   /* net pnl of everything closed */
    assay_sum financing;  /* interest less fees */
    assay_sum borrow;     /* the fees in it, >= 0 */
    assay_sum rounding;   /* money that "what rounding leaves is 0" made, at most 1e-9 of a cost each time */
    double equity;        /* at the last close */
    double gross_short;   /* short value at the last close */
    double previous_cash; /* at the last snapshot */
    double peak_equity;
    double bar_turnover; /* sum of |fill value| of the bar at hand */
    uint64_t next_order_id;
    uint64_t n_delisted;
    uint64_t n_fills;
} assay_book;

/* A book of `n_symbols` symbols with this cash; free() frees it. NULL when out of memory. */
assay_book *assay_book_create(size_t n_symbols, double initial_capital);

/* The arrays. */
static inline uint8_t *assay_book_flags(assay_book *book) {
    return (uint8_t *)(book + 1);
}

static inline assay_order *assay_book_orders(assay_book *book) {
    return (assay_order *)(void *)((char *)book + book->orders_at);
}

static inline assay_closing *assay_book_closings(assay_book *book) {
    return (assay_closing *)(void *)((char *)book + book->closings_at);
}

static inline assay_position *assay_book_positions(assay_book *book) {
    return (assay_position *)(void *)((char *)book + book->positions_at);
}

static inline assay_lot *assay_book_lots(assay_book *book) {
    return (assay_lot *)(void *)((char *)book + book->lots_at);
}

/* The position in a symbol, or NULL. */
assay_position *assay_book_find_position(assay_book *book, uint32_t symbol);

/* Makes sure that one more lot can be made; may move the block. ASSAY_E_NOMEM: the book is as it was. */
ASSAY_NODISCARD assay_status assay_book_reserve_lot(assay_book **book, assay_error *err);

/* Adds a lot to a symbol's position (made if there is none). A lot must have been reserved. */
void assay_book_add_lot(assay_book *book, uint32_t symbol, bool is_short, double mark, const assay_lot *lot);

/* Returns a lot that has been consumed whole to the free list. `previous` is the lot before it or ASSAY_NO_INDEX. */
void assay_book_drop_lot(assay_book *book, assay_position *position, uint32_t previous, uint32_t lot);

/* Removes a position without lots. */
void assay_book_drop_position(assay_book *book, assay_position *position);

/* A free closing slot, zeroed, as an index. */
uint32_t assay_book_new_closing(assay_book *book);

/* Removes the orders that are done, keeping the order of the rest. */
void assay_book_sweep_orders(assay_book *book);

#endif
