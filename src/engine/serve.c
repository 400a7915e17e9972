/* Pending orders meet a price point: who is served first, at what price, how much volume and cash allow.
 *
 * Order of service: closings and reductions, then openings; within each the older decision, then the higher score, then the
 * symbol. Openings are not sorted as a whole: cash only shrinks while buys are served, so an opening that today's cash
 * refuses now would be refused at its turn as well. Those are refused at once, and only the rest is sorted. (A symbol has
 * one pending order, so no other order shares its volume; short openings bring cash in, and then everything is sorted.)
 */
#include <math.h>
#include <stdlib.h>

#include "base/number.h"
#include "engine/stepper.h"

double assay_commission(const assay_settings *s, double quantity, double price) {
    return assay_max(quantity * price * s->commission_pct + quantity * s->commission_per_share,
                     s->commission_min);
}

double assay_market_price(const assay_stepper *st, size_t t, uint32_t symbol, assay_side side,
                          double reference, double quantity) {
    const assay_settings *s = assay_stepper_settings(st);
    const assay_panel *p = st->market->panel;
    double slip = 0;
    if (s->slippage_model == ASSAY_SLIPPAGE_BPS) {
        slip = s->slippage_bps / 1e4;
    } else if (s->slippage_model == ASSAY_SLIPPAGE_IMPACT) {
        double std = st->market->own_return_std[t * p->stride + symbol];
        double volume =
            p->column[ASSAY_COLUMN_VOLUME] == NULL ? 0 : assay_cell(p, ASSAY_COLUMN_VOLUME, t, symbol);
        slip = s->half_spread_bps / 1e4;
        if (!isnan(std) && volume > 0)
            slip += s->impact_coefficient * std * sqrt(quantity / volume);
    }
    return side == ASSAY_SIDE_BUY ? reference * (1 + slip) : reference * assay_max(1 - slip, 0);
}

/* The price before slippage that an order meets at this point, or NaN where it does not meet it. */
static double reference_price(const assay_stepper *st, size_t t, assay_price_point point,
                              const assay_order *order) {
    const assay_panel *p = st->market->panel;
    int64_t fill = assay_stepper_settings(st)->fill;
    double close = assay_cell(p, ASSAY_COLUMN_CLOSE, t, order->symbol);
    double open =
        p->column[ASSAY_COLUMN_OPEN] == NULL ? ASSAY_NAN : assay_cell(p, ASSAY_COLUMN_OPEN, t, order->symbol);
    if (p->filled != NULL && p->filled[t * p->stride + order->symbol] != 0)
        return ASSAY_NAN; /* nobody traded */
    if (isnan(close) || (order->decision_bar == t) != (point == ASSAY_AT_DECISION_CLOSE))
        return ASSAY_NAN;
    bool meets_open = fill == ASSAY_NEXT_OPEN && !isnan(open);
    if (point == ASSAY_AT_OPEN)
        return meets_open ? open : ASSAY_NAN;
    return meets_open ? ASSAY_NAN : close;
}

/* With fill: close, the rest of an old order and a new one can meet the same bar; they share its volume. */
static double volume_used(const assay_stepper *st, size_t t, uint32_t symbol) {
    return st->volume_used != NULL && st->volume_bar[symbol] == t ? st->volume_used[symbol] : 0;
}

static void use_volume(assay_stepper *st, size_t t, uint32_t symbol, double quantity) {
    if (st->volume_used == NULL)
        return;
    st->volume_used[symbol] = volume_used(st, t, symbol) + quantity;
    st->volume_bar[symbol] = (uint32_t)t;
}

static double round_to_lots(const assay_settings *s, double quantity) {
    return s->lot_size > 0 ? floor(quantity / s->lot_size) * s->lot_size : quantity;
}

/* Shares of a position of the other side, which the order closes before it opens. */
static double closable(const assay_stepper *st, const assay_order *order) {
    const assay_position *position = assay_book_find_position(st->book, order->symbol);
    bool other_side = position != NULL && (position->is_short != 0) == (order->side == ASSAY_SIDE_BUY);
    return other_side ? position->quantity : 0;
}

/* A quantity that was cut: what opens in whole lots, what closes as it is. */
static double cut_to_lots(const assay_settings *s, double quantity, double closes) {
    return quantity <= closes ? quantity : closes + round_to_lots(s, quantity - closes);
}

/* How much of the order the bar's volume lets fill; 0: it waits. */
double assay_fillable(const assay_stepper *st, size_t t, const assay_order *order) {
    const assay_settings *s = assay_stepper_settings(st);
    const assay_panel *p = st->market->panel;
    double quantity = order->remaining;
    double volume = p->column[ASSAY_COLUMN_VOLUME] == NULL
                        ? ASSAY_NAN
                        : assay_cell(p, ASSAY_COLUMN_VOLUME, t, order->symbol);
    double limit = s->max_participation * volume;
    double most =
        s->max_participation == 0 || isnan(volume) ? quantity : limit - volume_used(st, t, order->symbol);
    if (most < ASSAY_RESIDUE * limit) /* what rounding leaves of a bar is nothing */
        most = assay_min(most, 0);
    if (most < quantity && quantity - most >= ASSAY_RESIDUE * order->quantity)
        quantity = cut_to_lots(s, most, closable(st, order));
    if (order->reduces == 0)
        return quantity;
    const assay_position *position = assay_book_find_position(st->book, order->symbol);
    if (position == NULL)
        return quantity;
    return fabs(position->quantity - quantity) < ASSAY_RESIDUE * position->quantity ? position->quantity
                                                                                    : quantity;
}

/* The largest quantity that the cash can pay for, commission included; what opens in whole lots. */
static double payable(const assay_settings *s, double cash, double price, double closes) {
    double per_share = price * (1 + s->commission_pct) + s->commission_per_share;
    double quantity = cash / per_share;
    double proportional = quantity * price * s->commission_pct + quantity * s->commission_per_share;
    if (proportional < s->commission_min)
        quantity = assay_min(quantity, (cash - s->commission_min) / price);
    return assay_max(cut_to_lots(s, quantity, closes), 0);
}

/* What cash makes of a buy: the whole quantity, a scaled one, or 0 (refused). */
double assay_affordable(const assay_settings *s, double cash, double quantity, double price, double closes) {
    double hopeless = s->min_scale_frac * quantity * price; /* what is payable at most is cash / price */
    if (cash * (1 + ASSAY_RESIDUE) < hopeless)
        return 0;
    double cost = quantity * price + assay_commission(s, quantity, price);
    if (cost <= cash * (1 + ASSAY_RESIDUE))
        return quantity;
    double scaled =
        s->insufficient_cash == ASSAY_CASH_SKIP ? 0 : assay_min(payable(s, cash, price, closes), quantity);
    return scaled < s->min_scale_frac * quantity || scaled <= ASSAY_RESIDUE * quantity ? 0 : scaled;
}

/* Fills one order; cash decides last. */
static assay_status serve_one(assay_stepper *st, size_t t, const assay_served *served, assay_fill_kind kind,
                              assay_error *err) {
    const assay_settings *s = assay_stepper_settings(st);
    double quantity = served->quantity;
    assay_order *order = assay_book_orders(st->book) + served->order;
    if (order->side == ASSAY_SIDE_BUY) {
        quantity = assay_affordable(s, st->book->cash, quantity, served->price, closable(st, order));
        if (quantity == 0)
            return assay_ledger_end_order(st, order, ASSAY_OUTCOME_INSUFFICIENT_CASH, err);
    }
    assay_status status = assay_book_reserve_lot(&st->book, err);
    if (status != ASSAY_OK)
        return status;
    order = assay_book_orders(st->book) + served->order; /* the block may have moved */
    bool scaled = quantity < served->quantity;
    status = assay_ledger_fill(st, t, order, quantity, served->price, served->reference,
                               assay_commission(s, quantity, served->price), kind, err);
    if (status != ASSAY_OK)
        return status;
    order->remaining -= quantity;
    use_volume(st, t, order->symbol, quantity);
    if (scaled)
        return assay_ledger_end_order(st, order, ASSAY_OUTCOME_SCALED, err);
    if (order->remaining < ASSAY_RESIDUE * order->quantity)
        return assay_ledger_end_order(st, order, ASSAY_OUTCOME_FILLED, err);
    return ASSAY_OK;
}

/* --- who comes first --- */

static int compare_ranked(const void *a, const void *b) {
    const assay_ranked *x = a, *y = b;
    if (x->decision_bar != y->decision_bar)
        return x->decision_bar < y->decision_bar ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

static int compare_ranked_by_symbol(const void *a, const void *b) {
    const assay_ranked *x = a, *y = b;
    return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

/* Serves n orders in their order. */
static assay_status serve_sorted(assay_stepper *st, size_t t, const assay_served *served, size_t n,
                                 assay_fill_kind kind, int (*compare)(const void *, const void *),
                                 assay_error *err) {
    if (n == 1)
        return serve_one(st, t, served, kind, err);
    assay_ranked *rank = st->rank;
    const assay_order *order = assay_book_orders(st->book);
    for (size_t i = 0; i < n; i++) {
        const assay_order *o = &order[served[i].order];
        rank[i] = (assay_ranked){o->decision_bar, o->symbol, o->score, (uint32_t)i};
    }
    qsort(rank, n, sizeof *rank, compare);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++)
        status = serve_one(st, t, &served[rank[i].at], kind, err);
    return status;
}

/* Refuses the buys that the cash at hand refuses; returns how many are left, moved to the front. */
static assay_status refuse_hopeless(assay_stepper *st, assay_served *served, size_t *n_served,
                                    assay_error *err) {
    const assay_settings *s = assay_stepper_settings(st);
    double cash = st->book->cash;
    assay_order *order = assay_book_orders(st->book);
    size_t n = 0;
    for (size_t i = 0; i < *n_served; i++) {
        if (assay_affordable(s, cash, served[i].quantity, served[i].price,
                             closable(st, &order[served[i].order])) > 0) {
            served[n++] = served[i];
        } else {
            assay_status status =
                assay_ledger_end_order(st, &order[served[i].order], ASSAY_OUTCOME_INSUFFICIENT_CASH, err);
            if (status != ASSAY_OK)
                return status;
        }
    }
    *n_served = n;
    return ASSAY_OK;
}

assay_status assay_serve_orders(assay_stepper *st, size_t t, assay_price_point point, assay_error *err) {
    assay_book *b = st->book;
    const assay_order *order = assay_book_orders(b);
    const assay_settings *s = assay_stepper_settings(st);
    size_t n_closings = 0, n_openings = 0;
    bool by_symbol = s->serve_order == ASSAY_BY_SYMBOL, brings_cash = false;
    for (uint32_t i = 0; i < b->n_orders; i++) {
        double reference = reference_price(st, t, point, &order[i]);
        if (isnan(reference))
            continue;
        double quantity = assay_fillable(st, t, &order[i]);
        if (quantity <= 0)
            continue;
        assay_side side = order[i].side == ASSAY_SIDE_BUY ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL;
        assay_served served = {
            i, reference, assay_market_price(st, t, order[i].symbol, side, reference, quantity), quantity};
        if (order[i].reduces != 0 || by_symbol) {
            st->closings[n_closings++] = served;
        } else {
            st->openings[n_openings++] = served;
            brings_cash = brings_cash || side == ASSAY_SIDE_SELL;
        }
    }
    if (n_closings + n_openings == 0)
        return ASSAY_OK;
    assay_fill_kind kind = point == ASSAY_AT_OPEN ? ASSAY_FILL_MARKET_OPEN : ASSAY_FILL_MARKET_CLOSE;
    assay_status status = ASSAY_OK;
    if (n_closings != 0)
        status = serve_sorted(st, t, st->closings, n_closings, kind,
                              by_symbol ? compare_ranked_by_symbol : compare_ranked, err);
    if (status == ASSAY_OK && n_openings != 0 && !brings_cash)
        status = refuse_hopeless(st, st->openings, &n_openings, err);
    if (status == ASSAY_OK && n_openings != 0)
        status = serve_sorted(st, t, st->openings, n_openings, kind, compare_ranked, err);
    assay_book_sweep_orders(st->book);
    return status;
}
