/* The tests of a flat walk-forward as one run.
 *
 * Records are copied fold after fold; ids of orders and indices of signals go on counting. Positions open at the end of a
 * test (but the last one) are closed there at their marks without cost, for that is the capital that the next test begins
 * with; bars between tests hold cash. Invariant: equity is continuous, and fills and prices alone explain every bar of it,
 * as an audit recomputes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "engine/result.h"
#include "research/backtest.h"
#include "research/walkforward.h"

typedef struct joiner {
    const assay_walkforward *wf;
    assay_recorder *to;
    uint64_t last_order; /* the largest id so far */
    uint64_t order_offset;
    uint32_t signal_offset;
    double equity, peak;
} joiner;

static uint64_t shifted_order(joiner *j, uint64_t id) {
    uint64_t to = id + j->order_offset;
    j->last_order = to > j->last_order ? to : j->last_order;
    return to;
}

static uint32_t shifted_signal(const joiner *j, uint32_t signal) {
    return signal == ASSAY_NO_SIGNAL ? signal : signal + j->signal_offset;
}

static assay_status copy_signals(joiner *j, const assay_recorder *from, assay_error *err) {
    if (from->n_signals == 0)
        return ASSAY_OK;
    assay_status status = assay_recorder_reserve_signals(j->to, from->n_signals, err);
    if (status != ASSAY_OK)
        return status;
    memcpy(j->to->signal + j->to->n_signals, from->signal, from->n_signals * sizeof *from->signal);
    j->to->n_signals += from->n_signals;
    return ASSAY_OK;
}

static assay_status copy_fills(joiner *j, const assay_recorder *from, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < from->n_fills; i++) {
        assay_fill fill = from->fill[i];
        fill.order_id = shifted_order(j, fill.order_id);
        status = assay_recorder_add_fill(j->to, &fill, err);
    }
    return status;
}

/* The fill that closes what is left of a test: at the mark, without cost. */
static assay_status add_closing_fill(joiner *j, const assay_trade *trade, assay_error *err) {
    const assay_fill fill = {.order_id = trade->order_id,
                             .bar = trade->exit_bar,
                             .symbol = trade->symbol,
                             .quantity = trade->quantity,
                             .price = trade->exit_price,
                             .reference_price = trade->exit_price,
                             .strategy = trade->strategy,
                             .side = trade->direction > 0 ? ASSAY_SIDE_SELL : ASSAY_SIDE_BUY,
                             .kind = ASSAY_FILL_FOLD_END};
    return assay_recorder_add_fill(j->to, &fill, err);
}

/* Trades, with the closings of those that are open unless the test is the last one. */
static assay_status copy_trades(joiner *j, const assay_recorder *from, bool is_last, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < from->n_trades; i++) {
        if (from->trade[i].is_open == 0)
            (void)shifted_order(j, from->trade[i].order_id);
    }
    for (size_t i = 0; status == ASSAY_OK && i < from->n_trades; i++) {
        assay_trade trade = from->trade[i];
        trade.entry_signal = shifted_signal(j, trade.entry_signal);
        trade.exit_signal = shifted_signal(j, trade.exit_signal);
        if (trade.is_open == 0) {
            trade.order_id += j->order_offset;
        } else if (!is_last) {
            trade.order_id = ++j->last_order;
            trade.is_open = 0;
            trade.exit_signal = ASSAY_NO_SIGNAL;
            trade.exit_kind = ASSAY_FILL_FOLD_END;
            status = add_closing_fill(j, &trade, err);
        }
        if (status == ASSAY_OK)
            status = assay_recorder_add_trade(j->to, &trade, err);
    }
    return status;
}

/* A row with what follows from the joined equity. */
static assay_status add_row(joiner *j, assay_snapshot row, assay_error *err) {
    double initial = j->wf->base->settings.initial_capital;
    row.daily_return = j->equity <= 0 ? 0 : row.total_value / j->equity - 1;
    if (fabs(row.daily_return) < 1e-12)
        row.daily_return = 0;
    j->equity = row.total_value;
    j->peak = assay_max(j->peak, row.total_value);
    row.cumulative_return = row.total_value / initial - 1;
    row.drawdown = row.total_value / j->peak - 1;
    assay_status status = assay_recorder_add_snapshot(j->to, &row, err);
    return status == ASSAY_OK ? assay_recorder_add_equity(j->to, row.total_value, err) : status;
}

/* The last row of a test whose positions are closed at its close. */
static assay_snapshot closed_row(const assay_snapshot *row) {
    assay_snapshot closed = {.bar = row->bar,
                             .cash = row->total_value,
                             .total_value = row->total_value,
                             .turnover = row->turnover};
    return closed;
}

static assay_status copy_rows(joiner *j, const assay_recorder *from, bool is_last, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < from->n_snapshots; i++) {
        bool closes = !is_last && i + 1 == from->n_snapshots;
        status = add_row(j, closes ? closed_row(&from->snapshot[i]) : from->snapshot[i], err);
    }
    return status;
}

/* Cash and its interest, at bars first to last. */
static assay_status add_cash_rows(joiner *j, size_t first, size_t last, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t t = first; status == ASSAY_OK && t <= last; t++) {
        double cash = j->equity;
        if (j->to->n_equity > 0)
            cash += assay_walkforward_interest(j->wf, cash, t);
        const assay_snapshot row = {.bar = (uint32_t)t, .cash = cash, .total_value = cash};
        status = add_row(j, row, err);
    }
    return status;
}

static assay_status add_fold(joiner *j, size_t k, assay_error *err) {
    const assay_fold_state *state = &j->wf->fold[k];
    size_t first = state->shown.test_first, last = state->shown.test_last;
    bool is_last = k + 1 == j->wf->n_folds;
    assay_status status = ASSAY_OK;
    if (k > 0 && first > j->wf->fold[k - 1].shown.test_last + 1)
        status = add_cash_rows(j, j->wf->fold[k - 1].shown.test_last + 1, first - 1, err);
    if (status == ASSAY_OK && state->result == NULL)
        return add_cash_rows(j, first, last, err);
    const assay_recorder *from = state->result == NULL ? NULL : &state->result->recorder;
    j->signal_offset = (uint32_t)j->to->n_signals;
    j->order_offset = j->last_order;
    if (status == ASSAY_OK)
        status = copy_signals(j, from, err);
    if (status == ASSAY_OK)
        status = copy_fills(j, from, err);
    if (status == ASSAY_OK)
        status = copy_trades(j, from, is_last, err);
    return status == ASSAY_OK ? copy_rows(j, from, is_last, err) : status;
}

/* What a result says beside its records. */
static assay_status describe(const assay_walkforward *wf, assay_result *r, assay_error *err) {
    assay_status status = assay_config_copy(wf->base, &r->config, err);
    if (status != ASSAY_OK)
        return status;
    r->panel = wf->panel;
    r->first_bar = assay_walkforward_first_bar(wf);
    r->last_bar = assay_walkforward_last_bar(wf);
    assay_walkforward_set_period(wf->panel, r->config, r->first_bar, r->last_bar);
    for (size_t k = 0; k < wf->n_folds; k++) {
        const assay_result *fold = wf->fold[k].result;
        if (k > 0)
            r->financing += wf->fold[k].shown.start_equity - wf->fold[k - 1].shown.end_equity;
        if (fold == NULL)
            continue;
        r->warnings |= fold->warnings & ~(uint32_t)ASSAY_WARNING_NO_SIGNALS;
        r->delisted_positions += fold->delisted_positions;
        r->financing += fold->financing;
    }
    r->warnings |= r->recorder.n_signals == 0 ? ASSAY_WARNING_NO_SIGNALS : 0;
    assay_walkforward_warn(wf->panel, r->last_bar + 1, r);
    status = assay_result_attribute(r, err);
    if (status != ASSAY_OK)
        return status;
    assay_market market;
    status = assay_market_init(&market, wf->panel, &r->config->settings, err);
    if (status != ASSAY_OK)
        return status;
    r->periods_per_year = assay_market_periods_per_year(&market, &r->config->settings);
    assay_market_reset(&market);
    r->metrics = malloc(assay_metric_count() * sizeof *r->metrics);
    if (r->metrics == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for metrics");
    return assay_recorder_metrics(&r->recorder, &r->config->settings, r->periods_per_year, r->metrics, err);
}

assay_status assay_walkforward_join(assay_walkforward *wf, assay_error *err) {
    wf->joined = calloc(1, sizeof *wf->joined);
    if (wf->joined == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a result");
    wf->joined->recorder.keep = ASSAY_KEEP_ALL;
    double initial = wf->base->settings.initial_capital;
    joiner j = {.wf = wf, .to = &wf->joined->recorder, .equity = initial, .peak = initial};
    for (size_t k = 0; k < wf->n_folds; k++) {
        assay_status status = add_fold(&j, k, err);
        if (status != ASSAY_OK)
            return status;
    }
    assay_recorder_sort_trades(j.to);
    return describe(wf, wf->joined, err);
}
