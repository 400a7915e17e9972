/* One bar of one book (docs/semantics.md, section 3), and the life of a stepper. */
#include <math.h>
#include <stdlib.h>

#include "engine/prefix.h"
#include "engine/stepper.h"

/* Step 5, first half: symbols that fell silent, or are told to be delisted. Their orders are dropped, positions closed at the last close. */
static assay_status delist_silent(assay_stepper *st, size_t t, assay_error *err) {
    const assay_market *m = st->market;
    double unknown = assay_stepper_settings(st)->delisting_return;
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
        double close = assay_cell(m->panel, ASSAY_COLUMN_CLOSE, t, symbol);
        double mark = isnan(close) ? position->mark : close;
        double told = m->silence[st->next_silence].delisting_return;
        assay_status status = assay_ledger_close_position(
            st, t, symbol, mark * (1 + (isnan(told) ? unknown : told)), mark, 0, ASSAY_FILL_DELISTING, err);
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

assay_status assay_stepper_step(assay_stepper *st, size_t t, assay_error *err) {
    assay_status status = ASSAY_OK;
    st->book->bar_turnover = 0;
    if (st->prefix != NULL)
        assay_prefix_materialise(st, t);
    status = assay_ledger_apply_events(st, t, err);
    if (status == ASSAY_OK)
        status = assay_universe_drop_openings(st, t, err);
    if (status == ASSAY_OK)
        status = meet_price_point(st, t, ASSAY_AT_OPEN, err);
    if (!st->recorder->lean)
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
    bool leaves = false;
    status = assay_universe_leave(st, t, &leaves, err);
    if (status == ASSAY_OK && st->market->rebalance[t] != 0)
        status = st->prefix != NULL ? assay_prefix_decide(st, t, err) : assay_decide(st, t, err);
    if (status == ASSAY_OK && assay_stepper_settings(st)->fill == ASSAY_THIS_CLOSE &&
        (st->market->rebalance[t] != 0 || leaves)) {
        status = assay_serve_orders(st, t, ASSAY_AT_DECISION_CLOSE, err);
        assay_ledger_mark(st, t);
    }
    if (status == ASSAY_OK && st->book->equity <= 0 && st->book->ruined == 0)
        status = ruin(st, t, err);
    if (status == ASSAY_OK && (!st->recorder->lean || t == st->market->last_bar))
        status = assay_ledger_check(st, t, err);
    return status;
}

/* --- a stepper --- */

assay_status assay_stepper_init(assay_stepper *st, const assay_market *market, const assay_config *config,
                                double capital, assay_error *err) {
    const assay_panel *p = market->panel;
    size_t n = p->n_symbols;
    *st = (assay_stepper){.market = market, .config = config};
    st->book = assay_book_create(n, capital);
    st->closings = malloc(n * sizeof *st->closings);
    st->openings = malloc(n * sizeof *st->openings);
    st->rank = malloc(n * sizeof *st->rank);
    st->candidate = malloc(n * sizeof *st->candidate);
    st->blocked = malloc(n * sizeof *st->blocked);
    st->beyond = calloc(p->stride, 1);
    bool whole = st->book != NULL && st->closings != NULL && st->openings != NULL && st->rank != NULL &&
                 st->candidate != NULL && st->blocked != NULL && st->beyond != NULL;
    if (whole && market->signal.panel != NULL) {
        st->decision_close = malloc(n * sizeof *st->decision_close);
        whole = st->decision_close != NULL;
    }
    if (whole && config->settings.combine == ASSAY_VOTE) {
        st->vote = malloc(n * sizeof *st->vote);
        whole = st->vote != NULL;
    }
    return whole ? ASSAY_OK
                 : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a portfolio of %zu symbols", n);
}

void assay_stepper_reset(assay_stepper *st) {
    free(st->book);
    free(st->closings);
    free(st->openings);
    free(st->rank);
    free(st->candidate);
    free(st->blocked);
    free(st->beyond);
    free(st->vote);
    free(st->decision_close);
    free(st->emitted.signal);
    free(st->dues.due);
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
