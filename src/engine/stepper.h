/* One book stepped over one market for one strategy: what the parts of the bar loop share.
 *
 * The bar loop (run.c) calls, in the order of docs/semantics.md section 3: ledger.c (corporate actions, fills into lots and
 * trades, delistings, financing), serve.c (pending orders meet a price point), decide.c (signals become orders), and
 * snapshot.c (the ledger must close; the row of the day).
 */
#ifndef ASSAY_ENGINE_STEPPER_H
#define ASSAY_ENGINE_STEPPER_H

#include "engine/book.h"
#include "engine/config.h"
#include "engine/market.h"
#include "engine/recorder.h"

/* Fractions of the residue rules and of the cash tolerance (docs/semantics.md, section 5). */
#define ASSAY_RESIDUE 1e-9

typedef enum assay_price_point {
    ASSAY_AT_OPEN,
    ASSAY_AT_CLOSE,         /* orders of earlier bars */
    ASSAY_AT_DECISION_CLOSE /* fill: close, orders of this very bar */
} assay_price_point;

/* An order on its way through a price point. */
typedef struct assay_served {
    uint32_t order;   /* index into the book's orders */
    double reference; /* price before slippage */
    double price;
    double quantity; /* what volume lets fill */
} assay_served;

/* What decides when a served order's turn comes. */
typedef struct assay_ranked {
    uint32_t decision_bar, symbol;
    double score;
    uint32_t at; /* index into the served orders */
} assay_ranked;

typedef struct assay_prefix assay_prefix;

/* A strategy of the run, as its book asks it. */
typedef struct assay_asked {
    const assay_strategy *strategy;
    const char *name;
    const double *params;
    double weight;
    uint32_t index;      /* among the strategies of the run */
    uint32_t first_kind; /* of its kinds among those of the run */
    uint32_t first_feature, n_features;
    uint64_t times_asked; /* before */
    void *state;
} assay_asked;

/* Signals of a bar that are combined before they are decided. */
typedef struct assay_signal_list {
    assay_signal *signal;
    size_t n, capacity;
} assay_signal_list;

/* Dividends whose pay date is later than their ex-date. */
typedef struct assay_due {
    int32_t day;
    double amount; /* negative: owed */
} assay_due;

typedef struct assay_dues {
    assay_due *due;
    size_t n, capacity;
} assay_dues;

typedef struct assay_stepper {
    const assay_market *market;
    const assay_config *config;
    assay_book *book;
    assay_recorder *recorder; /* the portfolio's */
    assay_asked *asked;       /* those that decide for this book; the portfolio's */
    uint32_t n_asked;
    const double *const *feature; /* rows of the bar at hand, of all strategies of the run */
    assay_signal_list emitted;
    double *vote; /* n_symbols, for combine: vote */
    assay_prefix
        *prefix; /* not NULL: openings of the last decision bar stay a prefix of a sorted row; see prefix.h */
    double prefix_full; /* money of a full position at that bar; 0: none may open */
    uint32_t *blocked;  /* symbols that had a pending order at that bar */
    size_t n_blocked;
    /* Scratch of n_symbols. */
    assay_served *closings, *openings;
    assay_ranked *rank;
    uint32_t *candidate;
    uint8_t *beyond;        /* stride bytes */
    double *decision_close; /* n_symbols; NULL: closes of decisions are those of the bar */
    double *volume_used;    /* of the bar that volume_bar names; the portfolio's, NULL: not kept */
    uint32_t *volume_bar;
    /* Cursors into the market's lists. */
    size_t next_event, next_silence;
    assay_dues dues; /* the book's; its `receivable` is their sum */
} assay_stepper;

/* --- stepper.c --- */

/* A stepper at the market's first bar, with a book of its own that has this capital. What it borrows (recorder, strategies,
 * features, volumes) is the caller's to set. Reset it in every case. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_stepper_init(assay_stepper *st, const assay_market *market,
                                                const assay_config *config, double capital, assay_error *err);
void assay_stepper_reset(assay_stepper *st);

/* Bar t up to the check of the ledger, in the order of section 3. Bars come one after the other. */
ASSAY_NODISCARD assay_status assay_stepper_step(assay_stepper *st, size_t t, assay_error *err);

/* After the last bar: pending orders end (open_at_end, or partial), open positions become open trades. */
ASSAY_NODISCARD assay_status assay_stepper_end(assay_stepper *st, assay_error *err);

/* --- actions.c --- */

/* Step 1: dividends that are paid at bar t; splits, dividends and spin-offs that take effect. */
ASSAY_NODISCARD assay_status assay_ledger_apply_events(assay_stepper *st, size_t t, assay_error *err);

/* --- ledger.c --- */

/* Books one fill of an order: cash, lots, the trade in progress, the record. The order's remaining quantity is the
 * caller's. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_ledger_fill(assay_stepper *st, size_t t, assay_order *order,
                                               double quantity, double price, double reference,
                                               double commission, assay_fill_kind kind, assay_error *err);

/* Ends an order: outcome on its signal, its trade if it closed anything, its symbol free for the next order. An order with
 * a fill that ends unfilled is `partial`, whatever ends it but cash that scales. */
ASSAY_NODISCARD assay_status assay_ledger_end_order(assay_stepper *st, assay_order *order,
                                                    assay_outcome outcome, assay_error *err);

/* Closes a whole position at a price without an order (delisting, ruin); the position is gone afterwards. */
ASSAY_NODISCARD assay_status assay_ledger_close_position(assay_stepper *st, size_t t, uint32_t symbol,
                                                         double price, double reference, double commission,
                                                         assay_fill_kind kind, assay_error *err);

/* The same of a part of it. */
ASSAY_NODISCARD assay_status assay_ledger_close_some(assay_stepper *st, size_t t, uint32_t symbol,
                                                     double quantity, double price, double reference,
                                                     double commission, assay_fill_kind kind,
                                                     assay_error *err);

/* Lows and highs of bar t for every lot that is held now. */
void assay_ledger_track_extremes(assay_stepper *st, size_t t);

/* Step 6: interest and borrow fee on the balances of the previous close, for the calendar days since. */
void assay_ledger_finance(assay_stepper *st, size_t t);

/* Marks every position to the close of bar t where its symbol has one, and sets equity. */
void assay_ledger_mark(assay_stepper *st, size_t t);

/* Trades of positions still open, marked, in symbol order. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_ledger_add_open_trades(assay_stepper *st, assay_error *err);

/* --- serve.c --- */

/* Steps 2, 4 and 9: every pending order that meets this price point at bar t. */
ASSAY_NODISCARD assay_status assay_serve_orders(assay_stepper *st, size_t t, assay_price_point point,
                                                assay_error *err);

/* What cash makes of a buy, of which `closes` shares close a short: the whole quantity, a scaled one, or 0 (refused). */
double assay_affordable(const assay_settings *s, double cash, double quantity, double price, double closes);

/* How much of an order the bar's volume lets fill; 0: it waits. */
double assay_fillable(const assay_stepper *st, size_t t, const assay_order *order);

/* Price after slippage for a quantity. */
double assay_market_price(const assay_stepper *st, size_t t, uint32_t symbol, assay_side side,
                          double reference, double quantity);
double assay_commission(const assay_settings *s, double quantity, double price);

/* --- decide.c --- */

/* Steps 7 and 8: asks the strategy and turns its signals into orders. */
ASSAY_NODISCARD assay_status assay_decide(assay_stepper *st, size_t t, assay_error *err);

/* The money of a full position: 0 once equity is below 0, for an account without money wants no positions. */
double assay_full_position(const assay_stepper *st);

/* Shares of an opening worth target x full at a close, in whole lots. */
double assay_opening_quantity(const assay_settings *s, double target, double full, double close);

/* Ends the pending order of a symbol: a signal of the other side replaces it. */
ASSAY_NODISCARD assay_status assay_cancel_pending(assay_stepper *st, uint32_t symbol, assay_error *err);

/* Adds an order decided at bar t. `record`: its signal's record. */
void assay_add_order(assay_stepper *st, size_t t, uint32_t symbol, assay_side side, bool reduces,
                     double quantity, double score, uint32_t record);

/* What a bar fixes for all its signals. */
typedef struct assay_decision_bar {
    size_t t;
    const double *close;    /* raw closes */
    double full;            /* money of a full position */
    const uint8_t *outside; /* symbols that are not in the universe; NULL: none */
    bool no_openings;       /* ruined */
} assay_decision_bar;

/* Decides about a signal, records it with the decision, makes its order. */
ASSAY_NODISCARD assay_status assay_decide_signal(assay_stepper *st, const assay_decision_bar *bar,
                                                 const assay_signal *signal, assay_error *err);
/* Records a signal that takes no part in a decision of its own. */
ASSAY_NODISCARD assay_status assay_record_signal(assay_stepper *st, const assay_signal *signal,
                                                 assay_signal_status status, assay_error *err);
/* The side that a signal trades on. A TARGET's is that of its change. */
assay_side assay_signal_side(assay_stepper *st, const assay_decision_bar *bar, const assay_signal *signal,
                             double target);
/* Asks one strategy; its signals go to `accept`, in symbol order. */
typedef assay_status assay_signal_accept(void *context, const assay_signal *signal, assay_error *err);
ASSAY_NODISCARD assay_status assay_ask(assay_stepper *st, const assay_decision_bar *bar, assay_asked *asked,
                                       assay_signal_accept *accept, void *context, assay_error *err);

/* --- leave.c --- */

/* Before anything fills: pending orders that would open, raise or turn around what is outside the universe at bar t end. */
ASSAY_NODISCARD assay_status assay_universe_drop_openings(assay_stepper *st, size_t t, assay_error *err);
/* What is held outside the universe gets an order that closes it. *out_some: an order was made. */
ASSAY_NODISCARD assay_status assay_universe_leave(assay_stepper *st, size_t t, bool *out_some,
                                                  assay_error *err);

/* --- combine.c --- */

/* Asks several strategies of one book, and decides about what their signals come to together. */
ASSAY_NODISCARD assay_status assay_combine_signals(assay_stepper *st, const assay_decision_bar *bar,
                                                   assay_error *err);

/* --- snapshot.c --- */

/* The ledger's identities at bar t. ASSAY_E_INTERNAL names the bar. */
ASSAY_NODISCARD assay_status assay_ledger_check(assay_stepper *st, size_t t, assay_error *err);

/* --- small helpers of all --- */

static inline const assay_settings *assay_stepper_settings(const assay_stepper *st) {
    return &st->config->settings;
}

/* Whether a symbol has a bar of its own that is no filled gap. */
static inline bool assay_has_traded(const assay_panel *panel, size_t bar, size_t symbol) {
    size_t cell = bar * panel->stride + symbol;
    double close = panel->column[ASSAY_COLUMN_CLOSE][cell];
    return close == close && (panel->filled == NULL || panel->filled[cell] == 0);
}

static inline double assay_cell(const assay_panel *panel, int column, size_t bar, size_t symbol) {
    return panel->column[column][bar * panel->stride + symbol];
}

#endif
