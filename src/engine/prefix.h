/* Openings that need not be written down: the pruned way of a threshold strategy's book through a sweep.
 *
 * A book of a threshold strategy wants to open every flat symbol whose feature lies beyond its threshold: a prefix of the
 * row sorted by feature, the same row for every book. At the next bar cash refuses nearly all of them. So these orders are
 * not made: the decision keeps the row, and at the next bar each book walks the sorted row only as far as its cash can pay
 * for the cheapest possible order. What is not walked is provably what assay_affordable would refuse:
 *
 *   an order buys full / close[d] shares at price p[s], or what volume lets fill; its cost is at least
 *   min(full x p[s] / close[d][s], volume cap x p[s]), and cash < min_scale_frac x that is a refusal.
 *
 * With the least p / close of the row known once for all books, a book without cash costs one comparison. Symbols with so
 * little volume that their cap is cheaper than a full order are kept in a list of their own, by cap.
 *
 * An order becomes a real one of the book (pending, with all its rules) as soon as it could outlive its first bar: its
 * symbol has no price at that point of the next bar, or no volume, or only part of it fills.
 *
 * Everything else of a bar is the ordinary way (stepper.c). A test holds the two against each other, byte for byte.
 */
#ifndef ASSAY_ENGINE_PREFIX_H
#define ASSAY_ENGINE_PREFIX_H

#include "engine/stepper.h"

/* Symbols that come in ascending order of a key (then of the symbol), sorted only as far as somebody asks. */
typedef struct assay_lazy_order {
    double *key;      /* by symbol */
    uint32_t *member; /* n of them; the heap of the rest once sorting has begun */
    size_t n, n_heap;
    uint32_t *sorted;
    size_t n_sorted;
} assay_lazy_order;

/* A decision bar's row: who is beyond the lowest threshold of all books, and in which order they would be served. */
typedef struct assay_prefix_row {
    size_t bar;
    bool active;
    const double *value;         /* the feature */
    const double *close;         /* raw closes of the bar */
    assay_lazy_order candidates; /* beyond the lowest threshold, by score, the highest first (key = -score) */
} assay_prefix_row;

/* What the next bar makes of that row. */
typedef struct assay_prefix_fills {
    double least_ratio; /* least fill price / decision price */
    uint32_t *waiting;  /* candidates without a price or volume at this bar */
    size_t n_waiting;
    double least_cap;        /* least cash that the volume of one of the others costs */
    assay_lazy_order capped; /* those others by that cash */
    const double *reference; /* open or close of the bar */
} assay_prefix_fills;

struct assay_prefix {
    const assay_market *market;
    const assay_settings *settings; /* of any of the books: those that shape prices are the same for all */
    assay_price_point point;
    double sign;             /* +1: buys lie above the threshold; -1: below its negative */
    double lowest_threshold; /* of all books */
    uint32_t threshold_param;
    double buy_target;     /* target_position of the buy kind */
    const double *feature; /* n_bars x stride */
    assay_prefix_row decided, served;
    assay_prefix_fills fills;
    uint8_t *has_split; /* n_symbols: a split takes effect at the bar at hand */
    size_t next_event;
    uint32_t *walk; /* scratch of n_symbols */
};

/* Whether the books of this configuration can go the pruned way. */
bool assay_prefix_possible(const assay_config *config);

/* Whether books over this panel can: in a universe that changes, and where shares come without an order, they go the ordinary
 * way. */
bool assay_prefix_suits(const assay_panel *panel);

/* Which settings books must share to go through one prefix: true where they do. */
bool assay_prefix_compatible(const assay_config *a, const assay_config *b);

/* A prefix for books like `config`. ASSAY_E_NOMEM. Reset it in every case. */
ASSAY_NODISCARD assay_status assay_prefix_init(assay_prefix *prefix, const assay_market *market,
                                               const assay_config *config, double lowest_threshold,
                                               const double *feature, assay_error *err);
void assay_prefix_reset(assay_prefix *prefix);

/* Once a bar, before its books are stepped. */
void assay_prefix_begin_bar(assay_prefix *prefix, size_t t);

/* What a book does in the place of the ordinary steps; see stepper.c. */
void assay_prefix_materialise(assay_stepper *st, size_t t);
ASSAY_NODISCARD assay_status assay_prefix_serve(assay_stepper *st, size_t t, assay_price_point point,
                                                assay_error *err);
ASSAY_NODISCARD assay_status assay_prefix_decide(assay_stepper *st, size_t t, assay_error *err);

#endif
