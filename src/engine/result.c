#include "engine/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void assay_result_destroy(assay_result *result) {
    if (result == NULL)
        return;
    assay_config_destroy(result->config);
    assay_recorder_reset(&result->recorder);
    free(result->metrics);
    free(result);
}

/* Closed trades by exit date, symbol, decision; then the open ones by symbol. */
static int compare_trades(const void *a, const void *b) {
    const assay_trade *x = a, *y = b;
    if (x->is_open != y->is_open)
        return x->is_open < y->is_open ? -1 : 1;
    if (x->exit_bar != y->exit_bar)
        return x->exit_bar < y->exit_bar ? -1 : 1;
    if (x->symbol != y->symbol)
        return x->symbol < y->symbol ? -1 : 1;
    return (x->order_id > y->order_id) - (x->order_id < y->order_id);
}

static int compare_int32(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The middle of the sorted values; 0 of none. Sorts them. */
static int32_t median(int32_t *values, size_t n) {
    if (n == 0)
        return 0;
    qsort(values, n, sizeof *values, compare_int32);
    return values[n / 2];
}

/* 252 for daily bars, 52 weekly, 12 monthly, 252 x median bars a day within the day; by the gaps of the calendar. */
static assay_status find_periods_per_year(assay_result *r, assay_error *err) {
    double set = r->config->settings.periods_per_year;
    r->periods_per_year = set;
    if (set != 0)
        return ASSAY_OK;
    size_t n = r->last_bar - r->first_bar + 1, n_days = 0;
    int32_t *gap = malloc(n * sizeof *gap), *bars = malloc(n * sizeof *bars);
    if (gap == NULL || bars == NULL) {
        free(gap);
        free(bars);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu bars", n);
    }
    const int32_t *day = r->panel->day + r->first_bar;
    for (size_t t = 0; t < n; t++) {
        if (t == 0 || day[t] != day[t - 1]) {
            bars[n_days] = 1;
            gap[n_days] = t == 0 ? 0 : day[t] - day[t - 1];
            n_days++;
        } else {
            bars[n_days - 1]++;
        }
    }
    int32_t days_between = n_days > 1 ? median(gap + 1, n_days - 1) : 1;
    double a_day = (double)median(bars, n_days);
    r->periods_per_year = days_between >= 21 ? 12 : days_between >= 5 ? 52 : 252 * a_day;
    free(gap);
    free(bars);
    return ASSAY_OK;
}

/* Every symbol trades to the end of the data: a market of survivors. */
static bool nobody_ends(const assay_panel *p, int64_t days) {
    for (size_t s = 0; s < p->n_symbols; s++) {
        if (p->first_bar[s] < p->n_bars && p->day[p->n_bars - 1] - p->day[p->last_bar[s]] > days)
            return false;
    }
    return p->n_symbols >= 20 && p->day[p->n_bars - 1] - p->day[0] > 3 * 365;
}

static uint32_t find_warnings(const assay_result *r, const assay_book *b) {
    const assay_settings *s = &r->config->settings;
    const assay_strategy *strategy = r->config->strategy;
    uint32_t warnings = 0;
    const char *warning = NULL;
    if (s->fill == ASSAY_THIS_CLOSE)
        warnings |= ASSAY_WARNING_SAME_BAR_FILL;
    if (r->panel->n_events == 0 && (s->commission_per_share > 0 || s->lot_size > 0))
        warnings |= ASSAY_WARNING_PRICE_LEVELS;
    if (strategy->check != NULL && strategy->check(r->config->params, &warning, NULL) == ASSAY_OK &&
        warning != NULL)
        warnings |= ASSAY_WARNING_THRESHOLD_UNREACHABLE;
    if (b->ruined != 0)
        warnings |= ASSAY_WARNING_RUINED;
    if (r->recorder.keep == ASSAY_KEEP_ALL && r->recorder.n_signals == 0)
        warnings |= ASSAY_WARNING_NO_SIGNALS;
    if (nobody_ends(r->panel, s->delist_after_days))
        warnings |= ASSAY_WARNING_NO_DELISTING;
    return warnings;
}

assay_status assay_result_create(assay_stepper *st, assay_result **out_result, assay_error *err) {
    assay_result *r = calloc(1, sizeof *r);
    if (r == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a result");
    r->panel = st->market->panel;
    r->first_bar = st->market->first_bar;
    r->last_bar = st->market->last_bar;
    r->delisted_positions = st->book->n_delisted;
    r->financing = assay_sum_value(&st->book->financing);
    assay_status status = assay_config_copy(st->config, &r->config, err);
    if (status == ASSAY_OK)
        status = find_periods_per_year(r, err);
    if (status != ASSAY_OK) {
        assay_result_destroy(r);
        return status;
    }
    r->recorder = st->recorder; /* the records move */
    st->recorder = (assay_recorder){.keep = st->recorder.keep};
    if (r->recorder.n_trades != 0)
        qsort(r->recorder.trade, r->recorder.n_trades, sizeof *r->recorder.trade, compare_trades);
    r->warnings = find_warnings(r, st->book);
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

double assay_result_financing(const assay_result *r) {
    return r->financing;
}

const double *assay_result_metrics(const assay_result *r) {
    return r->metrics;
}
