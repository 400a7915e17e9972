#include "engine/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "strategy/ensemble.h"

void assay_result_destroy(assay_result *result) {
    if (result == NULL)
        return;
    assay_config_destroy(result->config);
    assay_recorder_reset(&result->recorder);
    free(result->strategy);
    free(result->metrics);
    free(result);
}

/* Every symbol trades to the end of the data: a market of survivors. */
static bool nobody_ends(const assay_panel *p, int64_t days) {
    for (size_t s = 0; s < p->n_symbols; s++) {
        if (p->first_bar[s] < p->n_bars && p->day[p->n_bars - 1] - p->day[p->last_bar[s]] > days)
            return false;
    }
    return p->n_symbols >= 20 && p->day[p->n_bars - 1] - p->day[0] > 3 * 365;
}

static uint32_t find_warnings(const assay_result *r, bool ruined) {
    const assay_settings *s = &r->config->settings;
    const assay_strategy *strategy = r->config->strategy;
    uint32_t warnings = 0;
    const char *warning = NULL;
    if (s->fill == ASSAY_THIS_CLOSE)
        warnings |= ASSAY_WARNING_SAME_BAR_FILL;
    if (r->panel->n_events == 0 && (s->commission_per_share > 0 || s->lot_size > 0))
        warnings |= ASSAY_WARNING_PRICE_LEVELS;
    if (strategy->check != NULL &&
        strategy->check(strategy->context, r->config->params, &warning, NULL) == ASSAY_OK && warning != NULL)
        warnings |= ASSAY_WARNING_THRESHOLD_UNREACHABLE;
    if (ruined)
        warnings |= ASSAY_WARNING_RUINED;
    if (r->recorder.keep == ASSAY_KEEP_ALL && r->recorder.n_signals == 0)
        warnings |= ASSAY_WARNING_NO_SIGNALS;
    if (nobody_ends(r->panel, s->delist_after_days) && r->panel->n_delistings == 0)
        warnings |= ASSAY_WARNING_NO_DELISTING;
    return warnings;
}

/* --- by strategy --- */

const char *assay_result_strategy_name(const assay_result *r, size_t index) {
    const assay_strategy *strategy = r->config->strategy;
    return index < assay_member_count(strategy) ? assay_member_at(strategy, (uint32_t)index).name : "vote";
}

assay_status assay_result_attribute(assay_result *r, assay_error *err) {
    const assay_recorder *rec = &r->recorder;
    uint32_t n = assay_member_count(r->config->strategy);
    r->n_strategies = n > 1 && r->config->settings.combine == ASSAY_VOTE ? n + 1 : n;
    r->strategy = calloc(n + 1, sizeof *r->strategy);
    if (r->strategy == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a result");
    for (uint32_t i = 0; i <= n; i++)
        r->strategy[i] = (assay_strategy_result){
            .name = assay_result_strategy_name(r, i), .capital = ASSAY_NAN, .equity = ASSAY_NAN};
    for (size_t i = 0; i < rec->n_signals; i++)
        r->strategy[rec->signal[i].strategy].n_signals++;
    for (size_t i = 0; i < rec->n_trades; i++) {
        assay_strategy_result *row = &r->strategy[rec->trade[i].strategy];
        row->n_trades += rec->trade[i].is_open == 0;
        *(rec->trade[i].is_open == 0 ? &row->closed_pnl : &row->open_pnl) += rec->trade[i].pnl;
    }
    return ASSAY_OK;
}

const assay_strategy_result *assay_result_strategies(const assay_result *r, size_t *out_count) {
    *out_count = r->n_strategies;
    return r->strategy;
}

const char *assay_strategy_field_name(size_t field) {
    static const char *const names[ASSAY_N_STRATEGY_FIELDS] = {"pnl",     "open_pnl", "trades",
                                                               "signals", "capital",  "equity"};
    return names[field];
}

double assay_strategy_field(const assay_strategy_result *row, size_t field) {
    const double values[ASSAY_N_STRATEGY_FIELDS] = {row->closed_pnl,       row->open_pnl,
                                                    (double)row->n_trades, (double)row->n_signals,
                                                    row->capital,          row->equity};
    return values[field];
}

void assay_strategy_set_field(assay_strategy_result *row, size_t field, double value) {
    switch (field) {
    case ASSAY_STRATEGY_PNL:
        row->closed_pnl = value;
        break;
    case ASSAY_STRATEGY_OPEN_PNL:
        row->open_pnl = value;
        break;
    case ASSAY_STRATEGY_TRADES:
        row->n_trades = (size_t)value;
        break;
    case ASSAY_STRATEGY_SIGNALS:
        row->n_signals = (size_t)value;
        break;
    case ASSAY_STRATEGY_CAPITAL:
        row->capital = value;
        break;
    default:
        row->equity = value;
        break;
    }
}

/* --- making one --- */

static void add_books(assay_result *r, const assay_portfolio *p, bool *out_ruined) {
    *out_ruined = false;
    for (uint32_t k = 0; k < p->n_books; k++) {
        const assay_book *b = p->book[k].book;
        r->delisted_positions += b->n_delisted;
        r->financing += assay_sum_value(&b->financing);
        r->borrow_fees += assay_sum_value(&b->borrow);
        *out_ruined = *out_ruined || b->ruined != 0;
        if (p->n_books > 1) {
            r->strategy[k].capital = b->initial_capital;
            r->strategy[k].equity = b->equity;
        }
    }
}

assay_status assay_result_create(assay_portfolio *p, assay_result **out_result, assay_error *err) {
    assay_result *r = calloc(1, sizeof *r);
    if (r == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a result");
    r->panel = p->market->panel;
    r->first_bar = p->market->first_bar;
    r->last_bar = p->market->last_bar;
    r->periods_per_year = assay_market_periods_per_year(p->market, &p->config->settings);
    assay_status status = assay_config_copy(p->config, &r->config, err);
    if (status != ASSAY_OK) {
        assay_result_destroy(r);
        return status;
    }
    r->recorder = p->recorder; /* the records move */
    p->recorder = (assay_recorder){.keep = p->recorder.keep};
    assay_recorder_sort_trades(&r->recorder);
    status = assay_result_attribute(r, err);
    if (status != ASSAY_OK) {
        assay_result_destroy(r);
        return status;
    }
    bool ruined;
    add_books(r, p, &ruined);
    r->warnings = find_warnings(r, ruined);
    *out_result = r;
    return ASSAY_OK;
}

const assay_signal *assay_result_signals(const assay_result *r, size_t *out_count) {
    *out_count = r->recorder.n_signals;
    return r->recorder.signal;
}

const assay_fill *assay_result_fills(const assay_result *r, size_t *out_count) {
    *out_count = r->recorder.n_fills;
    return r->recorder.fill;
}

const assay_trade *assay_result_trades(const assay_result *r, size_t *out_count) {
    *out_count = r->recorder.n_trades;
    return r->recorder.trade;
}

const assay_snapshot *assay_result_snapshots(const assay_result *r, size_t *out_count) {
    *out_count = r->recorder.n_snapshots;
    return r->recorder.snapshot;
}

const assay_panel *assay_result_panel(const assay_result *r) {
    return r->panel;
}

const assay_config *assay_result_config(const assay_result *r) {
    return r->config;
}

uint32_t assay_result_warnings(const assay_result *r) {
    return r->warnings;
}

size_t assay_result_delisted_positions(const assay_result *r) {
    return r->delisted_positions;
}

double assay_result_borrow_fees(const assay_result *r) {
    return r->borrow_fees;
}

double assay_result_periods_per_year(const assay_result *r) {
    return r->periods_per_year;
}

double assay_result_financing(const assay_result *r) {
    return r->financing;
}

const double *assay_result_metrics(const assay_result *r) {
    return r->metrics;
}

size_t assay_result_n_metrics(const assay_result *r) {
    return r->n_metrics == 0 ? assay_metric_count() : r->n_metrics;
}
