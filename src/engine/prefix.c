/* The pruned way; see prefix.h for why it is exact. */
#include "engine/prefix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

/* Bounds are compared with this much room, so that a rounding cannot prune what the exact test would let through. */
static const double room = 1 + 1e-12;

bool assay_prefix_possible(const assay_config *config) {
    const assay_settings *s = &config->settings;
    const assay_threshold_form *form = config->strategy->threshold_form;
    if (form == NULL || s->signal_frequency[0] != '\0') /* its rows are of other bars than its prices */
        return false;
    const assay_signal_kind *above = &config->strategy->kinds[form->kind_above];
    const assay_signal_kind *below = &config->strategy->kinds[form->kind_below];
    bool buys_and_sells = (above->action == ASSAY_ACTION_BUY && below->action == ASSAY_ACTION_SELL) ||
                          (above->action == ASSAY_ACTION_SELL && below->action == ASSAY_ACTION_BUY);
    return buys_and_sells && s->allow_short == 0 && s->target_scaled_by_strength == 0 && s->lot_size == 0 &&
           s->fill != ASSAY_THIS_CLOSE && s->serve_order == ASSAY_CLOSINGS_FIRST &&
           s->slippage_model != ASSAY_SLIPPAGE_IMPACT;
}

bool assay_prefix_suits(const assay_panel *panel) {
    for (size_t i = 0; i < panel->n_events; i++) {
        if (panel->event[i].child != ASSAY_NO_CHILD)
            return false;
    }
    return panel->outside == NULL && panel->filled == NULL;
}

bool assay_prefix_compatible(const assay_config *a, const assay_config *b) {
    const assay_settings *x = &a->settings, *y = &b->settings;
    return x->fill == y->fill && x->slippage_model == y->slippage_model &&
           x->slippage_bps == y->slippage_bps && x->max_participation == y->max_participation;
}

/* --- an order that is sorted on demand --- */

static bool lazy_order_init(assay_lazy_order *o, size_t n) {
    o->key = malloc(n * sizeof *o->key);
    o->member = malloc(n * sizeof *o->member);
    o->sorted = malloc(n * sizeof *o->sorted);
    return o->key != NULL && o->member != NULL && o->sorted != NULL;
}

static void lazy_order_reset(assay_lazy_order *o) {
    free(o->key);
    free(o->member);
    free(o->sorted);
}

static void lazy_order_clear(assay_lazy_order *o) {
    o->n = o->n_heap = o->n_sorted = 0;
}

static bool comes_before(const assay_lazy_order *o, uint32_t a, uint32_t b) {
    return o->key[a] != o->key[b] ? o->key[a] < o->key[b] : a < b;
}

/* Moves heap[at] down to its place among the first n. */
static void sift_down(const assay_lazy_order *o, size_t n, size_t at) {
    uint32_t *heap = o->member, moving = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && comes_before(o, heap[child + 1], heap[child]))
            child++;
        if (!comes_before(o, heap[child], moving))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

/* Member `at` in order; at < n. Most bars' orders are asked for a few members, or none. */
static uint32_t lazy_order_at(assay_lazy_order *o, size_t at) {
    if (o->n_sorted == 0) {
        o->n_heap = o->n;
        for (size_t i = o->n / 2; i-- > 0;)
            sift_down(o, o->n, i);
    }
    while (o->n_sorted <= at) {
        o->sorted[o->n_sorted++] = o->member[0];
        o->member[0] = o->member[--o->n_heap];
        if (o->n_heap > 1)
            sift_down(o, o->n_heap, 0);
    }
    return o->sorted[at];
}

assay_status assay_prefix_init(assay_prefix *x, const assay_market *market, const assay_config *config,
                               double lowest_threshold, const double *feature, assay_error *err) {
    const assay_threshold_form *form = config->strategy->threshold_form;
    const assay_signal_kind *kinds = config->strategy->kinds;
    bool above_buys = kinds[form->kind_above].action == ASSAY_ACTION_BUY;
    size_t n = market->panel->n_symbols;
    *x = (assay_prefix){.market = market,
                        .settings = &config->settings,
                        .point = config->settings.fill == ASSAY_NEXT_OPEN ? ASSAY_AT_OPEN : ASSAY_AT_CLOSE,
                        .sign = above_buys ? 1 : -1,
                        .lowest_threshold = lowest_threshold,
                        .threshold_param = form->threshold_param,
                        .buy_target = kinds[above_buys ? form->kind_above : form->kind_below].target_position,
                        .feature = feature};
    x->fills.waiting = malloc(n * sizeof *x->fills.waiting);
    x->has_split = calloc(n, sizeof *x->has_split);
    x->walk = malloc(n * sizeof *x->walk);
    bool whole = x->fills.waiting != NULL && x->has_split != NULL && x->walk != NULL;
    whole = lazy_order_init(&x->decided.candidates, n) && whole;
    whole = lazy_order_init(&x->served.candidates, n) && whole;
    whole = lazy_order_init(&x->fills.capped, n) && whole;
    return whole ? ASSAY_OK : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", n);
}

void assay_prefix_reset(assay_prefix *x) {
    lazy_order_reset(&x->decided.candidates);
    lazy_order_reset(&x->served.candidates);
    lazy_order_reset(&x->fills.capped);
    free(x->fills.waiting);
    free(x->has_split);
    free(x->walk);
    *x = (assay_prefix){0};
}

/* --- the row of a decision --- */

static void make_row(assay_prefix *x, assay_prefix_row *row, size_t t) {
    const assay_panel *p = x->market->panel;
    row->bar = t;
    row->active = true;
    row->value = x->feature + t * p->stride;
    row->close = p->column[ASSAY_COLUMN_CLOSE] + t * p->stride;
    assay_lazy_order *o = &row->candidates;
    lazy_order_clear(o);
    for (size_t s = 0; s < p->n_symbols; s++) {
        double score = x->sign * row->value[s];
        o->key[s] = -score;
        o->member[o->n] = (uint32_t)s;
        o->n += score > x->lowest_threshold;
    }
}

/* --- what the next bar makes of it --- */

static double buy_price(const assay_settings *s, double reference) {
    return s->slippage_model == ASSAY_SLIPPAGE_BPS ? reference * (1 + s->slippage_bps / 1e4) : reference;
}

static void mark_splits(assay_prefix *x, size_t t, uint8_t mark) {
    const assay_panel *p = x->market->panel;
    for (size_t i = x->next_event; i < p->n_events && p->event[i].bar == t; i++)
        x->has_split[p->event[i].symbol] = p->event[i].split_ratio != 1 && mark != 0;
}

/* Product of the split ratios of a symbol at bar t, as an order's quantity is changed by them. */
static double after_splits(const assay_prefix *x, size_t t, uint32_t symbol, double quantity) {
    const assay_panel *p = x->market->panel;
    for (size_t i = x->next_event; i < p->n_events && p->event[i].bar == t; i++) {
        if (p->event[i].symbol == symbol && p->event[i].split_ratio != 1)
            quantity *= p->event[i].split_ratio;
    }
    return quantity;
}

static void make_fills(assay_prefix *x, size_t t) {
    const assay_panel *p = x->market->panel;
    const assay_settings *s = x->settings;
    const assay_prefix_row *row = &x->served;
    assay_prefix_fills *f = &x->fills;
    const double *close = p->column[ASSAY_COLUMN_CLOSE] + t * p->stride;
    const double *open =
        p->column[ASSAY_COLUMN_OPEN] == NULL ? NULL : p->column[ASSAY_COLUMN_OPEN] + t * p->stride;
    const double *volume =
        p->column[ASSAY_COLUMN_VOLUME] == NULL ? NULL : p->column[ASSAY_COLUMN_VOLUME] + t * p->stride;
    f->reference = x->point == ASSAY_AT_OPEN ? open : close;
    f->least_ratio = ASSAY_INFINITY;
    f->least_cap = ASSAY_INFINITY;
    f->n_waiting = 0;
    lazy_order_clear(&f->capped);
    for (size_t i = 0; i < row->candidates.n; i++) {
        uint32_t symbol = row->candidates.member[i]; /* nobody has asked for an order yet */
        double reference = isnan(close[symbol]) || f->reference == NULL ? ASSAY_NAN : f->reference[symbol];
        bool limited = s->max_participation != 0 && volume != NULL && !isnan(volume[symbol]);
        double most = limited ? s->max_participation * volume[symbol] : ASSAY_INFINITY;
        if (isnan(reference) || !(most > 0)) {
            f->waiting[f->n_waiting++] = symbol;
            continue;
        }
        double price = buy_price(s, reference), decided = row->close[symbol];
        if (x->has_split[symbol] != 0)
            decided = decided / after_splits(x, t, symbol, 1);
        f->least_ratio = assay_min(f->least_ratio, price / decided);
        if (limited) {
            f->capped.member[f->capped.n++] = symbol;
            f->capped.key[symbol] = most * price;
            f->least_cap = assay_min(f->least_cap, most * price);
        }
    }
}

void assay_prefix_begin_bar(assay_prefix *x, size_t t) {
    const assay_panel *p = x->market->panel;
    assay_prefix_row row = x->served;
    x->served = x->decided;
    x->decided = row;
    x->decided.active = false;
    if (x->next_event < p->n_events && t > 0 && p->event[x->next_event].bar < t)
        mark_splits(x, p->event[x->next_event].bar, 0);
    while (x->next_event < p->n_events && p->event[x->next_event].bar < t)
        x->next_event++;
    mark_splits(x, t, 1);
    if (x->served.active)
        make_fills(x, t);
    if (x->market->rebalance[t] != 0)
        make_row(x, &x->decided, t);
}

/* --- a book --- */

static bool was_blocked(const assay_stepper *st, uint32_t symbol) {
    for (size_t i = 0; i < st->n_blocked; i++) {
        if (st->blocked[i] == symbol)
            return true;
    }
    return false;
}

static double threshold_of(const assay_stepper *st) {
    return st->config->params[st->prefix->threshold_param];
}

/* Whether the book has an order for this candidate: its feature lies beyond its own threshold, and it was flat and
 * without an order when it was asked. (It is so now, and only blocked symbols can have changed.) */
static bool wants(assay_stepper *st, const assay_prefix_row *row, uint32_t symbol) {
    return st->prefix->sign * row->value[symbol] > threshold_of(st) &&
           assay_book_flags(st->book)[symbol] == 0 && !was_blocked(st, symbol);
}

static double decided_quantity(const assay_stepper *st, const assay_prefix_row *row, uint32_t symbol) {
    return assay_opening_quantity(assay_stepper_settings(st), st->prefix->buy_target, st->prefix_full,
                                  row->close[symbol]);
}

void assay_prefix_materialise(assay_stepper *st, size_t t) {
    (void)t;
    const assay_prefix *x = st->prefix;
    const assay_prefix_row *row = &x->served;
    if (!row->active || !(st->prefix_full > 0))
        return;
    for (size_t i = 0; i < x->fills.n_waiting; i++) {
        uint32_t symbol = x->fills.waiting[i];
        double quantity = decided_quantity(st, row, symbol);
        if (wants(st, row, symbol) && quantity > 0)
            assay_add_order(st, row->bar, symbol, ASSAY_SIDE_BUY, false, quantity, fabs(row->value[symbol]),
                            ASSAY_NO_SIGNAL);
    }
}

/* Serves one candidate as serve.c would serve its order. */
static assay_status serve_candidate(assay_stepper *st, size_t t, uint32_t symbol, assay_error *err) {
    const assay_settings *s = assay_stepper_settings(st);
    assay_prefix *x = st->prefix;
    double quantity = decided_quantity(st, &x->served, symbol);
    if (!(quantity > 0))
        return ASSAY_OK;
    if (x->has_split[symbol] != 0)
        quantity = after_splits(x, t, symbol, quantity);
    assay_order order = {.quantity = quantity,
                         .remaining = quantity,
                         .score = fabs(x->served.value[symbol]),
                         .symbol = symbol,
                         .decision_bar = (uint32_t)x->served.bar,
                         .signal = ASSAY_NO_SIGNAL,
                         .closing = ASSAY_NO_INDEX,
                         .side = ASSAY_SIDE_BUY};
    double offered = assay_fillable(st, t, &order);
    double price = buy_price(s, x->fills.reference[symbol]);
    double filled = assay_affordable(s, st->book->cash, offered, price, 0);
    if (filled == 0)
        return ASSAY_OK;
    assay_status status = assay_book_reserve_lot(&st->book, err);
    if (status != ASSAY_OK)
        return status;
    order.id = st->book->next_order_id++;
    status = assay_ledger_fill(
        st, t, &order, filled, price, x->fills.reference[symbol], assay_commission(s, filled, price),
        x->point == ASSAY_AT_OPEN ? ASSAY_FILL_MARKET_OPEN : ASSAY_FILL_MARKET_CLOSE, err);
    order.remaining -= filled;
    if (status == ASSAY_OK && filled == offered && order.remaining >= ASSAY_RESIDUE * order.quantity) {
        assay_book *b = st->book; /* the rest is a pending order like any other */
        assay_book_orders(b)[b->n_orders++] = order;
        assay_book_flags(b)[symbol] |= ASSAY_PENDING_BUY;
    }
    return status;
}

/* The most money that an order may cost without being refused for sure. */
static double reach(const assay_stepper *st) {
    double least = assay_stepper_settings(st)->min_scale_frac;
    return least == 0 ? ASSAY_INFINITY : st->book->cash * (1 + ASSAY_RESIDUE) / least * room;
}

/* Walks the sorted row while a full order is within reach; *out_end is where it stopped. */
static assay_status walk_row(assay_stepper *st, size_t t, size_t *out_end, assay_error *err) {
    assay_prefix *x = st->prefix;
    assay_prefix_row *row = &x->served;
    size_t n = row->candidates.n;
    double cheapest = st->prefix_full * x->buy_target * x->fills.least_ratio, threshold = threshold_of(st);
    size_t at = 0;
    for (; cheapest <= reach(st) && at < n; at++) {
        uint32_t symbol = lazy_order_at(&row->candidates, at);
        if (!(x->sign * row->value[symbol] > threshold)) {
            *out_end = n;
            return ASSAY_OK;
        }
        if (!wants(st, row, symbol)) /* one without a price has been made a pending order */
            continue;
        assay_status status = serve_candidate(st, t, symbol, err);
        if (status != ASSAY_OK)
            return status;
    }
    *out_end = at;
    return ASSAY_OK;
}

/* Past the walk only candidates with so little volume that their cap is within reach can fill. */
static assay_status serve_thin(assay_stepper *st, size_t t, size_t walked, assay_error *err) {
    assay_prefix *x = st->prefix;
    assay_prefix_row *row = &x->served;
    double within = reach(st);
    size_t n = 0;
    assay_lazy_order *capped = &x->fills.capped;
    const assay_lazy_order *candidates = &row->candidates;
    for (size_t i = 0; i < capped->n; i++) {
        uint32_t symbol = lazy_order_at(capped, i);
        if (capped->key[symbol] > within)
            break;
        bool was_walked = walked > 0 && !comes_before(candidates, candidates->sorted[walked - 1], symbol);
        if (was_walked || !wants(st, row, symbol))
            continue;
        size_t at = n++; /* by order of service; there are few */
        for (; at > 0 && comes_before(candidates, symbol, x->walk[at - 1]); at--)
            x->walk[at] = x->walk[at - 1];
        x->walk[at] = symbol;
    }
    for (size_t i = 0; i < n; i++) {
        assay_status status = serve_candidate(st, t, x->walk[i], err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

assay_status assay_prefix_serve(assay_stepper *st, size_t t, assay_price_point point, assay_error *err) {
    const assay_prefix *x = st->prefix;
    if (point != x->point || !x->served.active || !(st->prefix_full > 0) ||
        x->fills.least_ratio == ASSAY_INFINITY)
        return ASSAY_OK;
    size_t walked = 0;
    assay_status status = walk_row(st, t, &walked, err);
    if (status == ASSAY_OK && walked < x->served.candidates.n && x->fills.least_cap <= reach(st))
        status = serve_thin(st, t, walked, err);
    return status;
}

/* --- the decision: closings and replacements are made, openings stay the row --- */

static assay_status decide_held(assay_stepper *st, const assay_prefix_row *row, double threshold,
                                assay_error *err) {
    const assay_position *position = assay_book_positions(st->book);
    for (uint32_t i = 0; i < st->book->n_positions; i++) {
        uint32_t symbol = position[i].symbol;
        double score = st->prefix->sign * row->value[symbol];
        bool sell = score < -threshold;
        if (!sell && !(score > threshold))
            continue;
        uint8_t pending = assay_book_flags(st->book)[symbol] & ASSAY_PENDING;
        if (pending == (sell ? ASSAY_PENDING_SELL : ASSAY_PENDING_BUY))
            continue;
        assay_status status = pending == 0 ? ASSAY_OK : assay_cancel_pending(st, symbol, err);
        if (status != ASSAY_OK)
            return status;
        if (sell)
            assay_add_order(st, row->bar, symbol, ASSAY_SIDE_SELL, true, position[i].quantity, -score,
                            ASSAY_NO_SIGNAL);
    }
    return ASSAY_OK;
}

/* Pending buys of flat symbols: a signal to sell replaces them; those that stay block their symbols. */
static assay_status decide_pending(assay_stepper *st, const assay_prefix_row *row, double threshold,
                                   assay_error *err) {
    assay_order *order = assay_book_orders(st->book);
    for (uint32_t i = 0; i < st->book->n_orders; i++) {
        if (order[i].done != 0 || order[i].side != ASSAY_SIDE_BUY)
            continue;
        bool held = (assay_book_flags(st->book)[order[i].symbol] & ASSAY_HELD) != 0;
        if (!held && st->prefix->sign * row->value[order[i].symbol] < -threshold) {
            assay_status status = assay_ledger_end_order(st, &order[i], ASSAY_OUTCOME_REPLACED, err);
            if (status != ASSAY_OK)
                return status;
        } else {
            st->blocked[st->n_blocked++] = order[i].symbol;
        }
    }
    return ASSAY_OK;
}

assay_status assay_prefix_decide(assay_stepper *st, size_t t, assay_error *err) {
    const assay_prefix_row *row = &st->prefix->decided;
    double threshold = threshold_of(st);
    (void)t;
    st->n_blocked = 0;
    st->prefix_full = st->book->ruined != 0 ? 0 : assay_full_position(st);
    assay_status status = decide_held(st, row, threshold, err);
    if (status == ASSAY_OK && st->book->n_orders != 0)
        status = decide_pending(st, row, threshold, err);
    if (st->book->n_orders != 0)
        assay_book_sweep_orders(st->book);
    return status;
}
