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
    r->periods_per_year = assay_market_periods_per_year(st->market, &st->config->settings);
    r->financing = assay_sum_value(&st->book->financing);
    assay_status status = assay_config_copy(st->config, &r->config, err);
    if (status != ASSAY_OK) {
        assay_result_destroy(r);
        return status;
    }
    r->recorder = st->recorder; /* the records move */
    st->recorder = (assay_recorder){.keep = st->recorder.keep};
    assay_recorder_sort_trades(&r->recorder);
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
