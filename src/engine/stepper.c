/* One bar of one book (docs/semantics.md, section 3), and the life of a stepper. */
#include <math.h>
#include <stdlib.h>

#include "engine/prefix.h"
#include "engine/stepper.h"

/* Step 5, first half: symbols that fell silent. Their orders are dropped, positions closed at the last close. */
static assay_status delist_silent(assay_stepper *st, size_t t, assay_error *err) {
    const assay_market *m = st->market;
    double paid = 1 + assay_stepper_settings(st)->delisting_return;
    for (; st->next_silence < m->n_silences && m->silence[st->next_silence].bar <= t; st->next_silence++) {
        uint32_t symbol = m->silence[st->next_silence].symbol;
        uint8_t flag = assay_book_flags(st->book)[symbol];
        if (m->silence[st->next_silence].bar < t || flag == 0)
            continue;
        assay_order *order = assay_book_orders(st->book);
        for (uint32_t i = 0; (flag & ASSAY_PENDING) != 0 && i < st->book->n_orders; i++) {
            assay_status status = order[i].symbol != symbol || order[i].done != 0
                                      ? ASSAY_OK
                                      : assay_ledger_end_order(st, &order[i], ASSAY_OUTCOME_DELISTED, err);
            if (status != ASSAY_OK)
                return status;
        }
        const assay_position *position = assay_book_find_position(st->book, symbol);
        if (position == NULL)
            continue;
        double mark = position->mark;
        assay_status status =
            assay_ledger_close_position(st, t, symbol, mark * paid, mark, 0, ASSAY_FILL_DELISTING, err);
        if (status != ASSAY_OK)
            return status;
        st->book->n_delisted++;
    }
    assay_book_sweep_orders(st->book);
    return ASSAY_OK;
}

/* Step 5, second half. Orders are in order of decision: the first that is young enough ends the search. */
static assay_status expire_orders(assay_stepper *st, size_t t, assay_error *err) {
    const int32_t *day = st->market->panel->day;
    int64_t longest = assay_stepper_settings(st)->max_pending_days;
    assay_order *order = assay_book_orders(st->book);
    for (uint32_t i = 0; i < st->book->n_orders && day[t] - day[order[i].decision_bar] >= longest; i++) {
        assay_status status = assay_ledger_end_order(st, &order[i], ASSAY_OUTCOME_EXPIRED, err);
        if (status != ASSAY_OK)
            return status;
    }
    assay_book_sweep_orders(st->book);
    return ASSAY_OK;
}

/* Equity is gone: orders end, every position is closed at its mark, and nothing opens any more. */
static assay_status ruin(assay_stepper *st, size_t t, assay_error *err) {
    assay_book *b = st->book;
    assay_order *order = assay_book_orders(b);
    b->ruined = 1;
    for (uint32_t i = 0; i < b->n_orders; i++) {
        assay_status status = assay_ledger_end_order(st, &order[i], ASSAY_OUTCOME_EXPIRED, err);
        if (status != ASSAY_OK)
            return status;
    }
    assay_book_sweep_orders(b);
    while (b->n_positions != 0) {
        const assay_position *position = assay_book_positions(b);
        assay_side side = position->is_short != 0 ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL;
        double price = assay_market_price(st, t, position->symbol, side, position->mark, position->quantity);
        assay_status status = assay_ledger_close_position(
            st, t, position->symbol, price, position->mark,
            assay_commission(assay_stepper_settings(st), position->quantity, price), ASSAY_FILL_RUIN, err);
        if (status != ASSAY_OK)
            return status;
    }
    assay_ledger_mark(st, t);
    return ASSAY_OK;
}

/* Steps 2 and 4. */
static assay_status meet_price_point(assay_stepper *st, size_t t, assay_price_point point, assay_error *err) {
    assay_status status = ASSAY_OK;
    if (st->book->n_orders != 0)
        status = assay_serve_orders(st, t, point, err);
    if (status == ASSAY_OK && st->prefix != NULL)
        status = assay_prefix_serve(st, t, point, err);
    return status;
}

/* Steps 7 and 8. */
static assay_status ask(assay_stepper *st, size_t t, assay_error *err) {
    if (st->prefix != NULL)
        return assay_prefix_decide(st, t, err);
    for (uint32_t i = 0; i < st->n_features; i++)
        st->feature[i] = assay_feature_stream_row(&st->stream[i], t);
    if (st->shared_feature != NULL)
        st->feature[0] = st->shared_feature + t * st->market->panel->stride;
    return assay_decide(st, t, err);
}

assay_status assay_stepper_step(assay_stepper *st, size_t t, assay_error *err) {
    assay_status status = ASSAY_OK;
    st->book->bar_turnover = 0;
    if (st->prefix != NULL)
        assay_prefix_materialise(st, t);
    assay_ledger_apply_events(st, t);
    status = meet_price_point(st, t, ASSAY_AT_OPEN, err);
    if (!st->recorder.lean)
        assay_ledger_track_extremes(st, t);
    if (status == ASSAY_OK)
        status = meet_price_point(st, t, ASSAY_AT_CLOSE, err);
    if (status == ASSAY_OK)
        status = delist_silent(st, t, err);
    if (status == ASSAY_OK)
        status = expire_orders(st, t, err);
    if (status != ASSAY_OK)
        return status;
    assay_ledger_finance(st, t);
    assay_ledger_mark(st, t);
    if (st->market->rebalance[t] != 0)
        status = ask(st, t, err);
    if (status == ASSAY_OK && assay_stepper_settings(st)->fill == ASSAY_THIS_CLOSE &&
        st->market->rebalance[t] != 0) {
        status = assay_serve_orders(st, t, ASSAY_AT_DECISION_CLOSE, err);
        assay_ledger_mark(st, t);
    }
    if (status == ASSAY_OK && st->book->equity <= 0 && st->book->ruined == 0)
        status = ruin(st, t, err);
    if (status == ASSAY_OK && (!st->recorder.lean || t == st->market->last_bar))
        status = assay_ledger_check(st, t, err);
    return status == ASSAY_OK ? assay_snapshot_take(st, t, err) : status;
}

/* --- a stepper --- */

static assay_status open_features(assay_stepper *st, assay_error *err) {
    const assay_strategy *strategy = st->config->strategy;
    assay_feature feature[ASSAY_MAX_FEATURES];
    uint32_t n = strategy->features == NULL ? 0 : strategy->features(st->config->params, feature);
    if (n > ASSAY_MAX_FEATURES)
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s declares %u features; at most %d",
                               strategy->name, n, ASSAY_MAX_FEATURES);
    for (; st->n_features < n; st->n_features++) {
        uint32_t i = st->n_features;
        assay_status status = assay_feature_stream_init(&st->stream[i], st->market->panel, &feature[i], err);
        if (status != ASSAY_OK) {
            assay_feature_stream_reset(&st->stream[i]);
            return status;
        }
    }
    return ASSAY_OK;
}

/* Memory of a stepper; what a lean one does without stays NULL. */
static assay_status allocate(assay_stepper *st, assay_error *err) {
    const assay_settings *s = assay_stepper_settings(st);
    const assay_panel *p = st->market->panel;
    size_t n = p->n_symbols, n_bars = st->market->last_bar - st->market->first_bar + 1;
    st->book = assay_book_create(n, s->initial_capital);
    st->closings = malloc(n * sizeof *st->closings);
    st->openings = malloc(n * sizeof *st->openings);
    st->rank = malloc(n * sizeof *st->rank);
    st->candidate = malloc(n * sizeof *st->candidate);
    st->blocked = malloc(n * sizeof *st->blocked);
    st->beyond = calloc(p->stride, 1);
    bool whole = st->book != NULL && st->closings != NULL && st->openings != NULL && st->rank != NULL &&
                 st->candidate != NULL && st->blocked != NULL && st->beyond != NULL;
    if (s->fill == ASSAY_THIS_CLOSE) {
        st->volume_used = calloc(n, sizeof *st->volume_used);
        st->volume_bar = calloc(n, sizeof *st->volume_bar);
        whole = whole && st->volume_used != NULL && st->volume_bar != NULL;
    }
    if (!whole)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a portfolio of %zu symbols", n);
    return assay_recorder_reserve_equity(&st->recorder, n_bars, err);
}

assay_status assay_stepper_init(assay_stepper *st, const assay_market *market, const assay_config *config,
                                assay_keep keep, assay_error *err) {
    const size_t most = (size_t)1 << 22;
    size_t guess = market->panel->n_symbols * (market->last_bar - market->first_bar + 1) / 4;
    *st = (assay_stepper){.market = market,
                          .config = config,
                          .recorder = {.keep = keep, .first_signals = guess < most ? guess : most}};
    assay_status status = allocate(st, err);
    const assay_strategy *strategy = config->strategy;
    if (status == ASSAY_OK && strategy->create != NULL) {
        assay_error inner = {.status = ASSAY_OK};
        status = strategy->create(config->params, market->panel->n_symbols, &st->strategy_state, &inner);
        if (status != ASSAY_OK)
            return assay_error_set(err, status, "strategy %s: %s", strategy->name, inner.message);
    }
    return status == ASSAY_OK ? open_features(st, err) : status;
}

assay_status assay_stepper_init_lean(assay_stepper *st, const assay_market *market,
                                     const assay_config *config, assay_prefix *prefix, const double *feature,
                                     assay_error *err) {
    *st = (assay_stepper){.market = market,
                          .config = config,
                          .prefix = prefix,
                          .shared_feature = feature,
                          .recorder = {.keep = ASSAY_KEEP_METRICS, .lean = true}};
    return allocate(st, err);
}

void assay_stepper_reset(assay_stepper *st) {
    if (st->config->strategy->destroy != NULL)
        st->config->strategy->destroy(st->strategy_state);
    for (uint32_t i = 0; i < st->n_features; i++)
        assay_feature_stream_reset(&st->stream[i]);
    free(st->book);
    free(st->closings);
    free(st->openings);
    free(st->rank);
    free(st->candidate);
    free(st->blocked);
    free(st->beyond);
    free(st->volume_used);
    free(st->volume_bar);
    assay_recorder_reset(&st->recorder);
}

/* Orders still pending at the end keep the outcome open_at_end, or partial. */
assay_status assay_stepper_end(assay_stepper *st, assay_error *err) {
    assay_order *order = assay_book_orders(st->book);
    for (uint32_t i = 0; i < st->book->n_orders; i++) {
        assay_status status = assay_ledger_end_order(st, &order[i], ASSAY_OUTCOME_OPEN_AT_END, err);
        if (status != ASSAY_OK)
            return status;
    }
    assay_book_sweep_orders(st->book);
    return assay_ledger_add_open_trades(st, err);
}
