/* A run as a document: everything that its tearsheet shows, computed once, as JSON. */
#include "report/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "indicator/market_beta.h"
#include "metrics/metrics.h"
#include "metrics/run_metrics.h"
#include "report/walkforward_formats.h"

/* --- names --- */

uint32_t assay_name_list_add(assay_name_list *list, const char *name) {
    for (size_t i = list->n; i-- > 0;) { /* the newest are the likeliest */
        if (strcmp(list->name[i], name) == 0)
            return (uint32_t)i;
    }
    if (list->n == list->capacity) {
        size_t capacity = 2 * list->capacity + 16;
        char **grown = realloc(list->name, capacity * sizeof *grown);
        if (grown == NULL) {
            list->is_short = true;
            return 0;
        }
        list->name = grown;
        list->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        list->is_short = true;
        return 0;
    }
    list->name[list->n] = copy;
    return (uint32_t)list->n++;
}

void assay_name_list_reset(assay_name_list *list) {
    for (size_t i = 0; i < list->n; i++)
        free(list->name[i]);
    free(list->name);
    *list = (assay_name_list){0};
}

/* --- gathering --- */

static void document_reset(assay_document *d) {
    free(d->time_us);
    free(d->equity);
    free(d->returns);
    free(d->benchmark);
}

static double setting_of(const assay_result *result, const char *key) {
    char text[64] = "";
    if (assay_config_get(assay_result_config(result), key, text, sizeof text, NULL) != ASSAY_OK)
        return 0;
    return strtod(text, NULL);
}

static assay_status document_init(assay_document *d, const assay_result *result,
                                  const assay_document_spec *spec, FILE *out, assay_error *err) {
    *d = (assay_document){.result = result, .spec = spec, .panel = assay_result_panel(result)};
    d->json = (assay_json_stream){out, true};
    d->snapshot = assay_result_snapshots(result, &d->n);
    d->trade = assay_result_trades(result, &d->n_trades);
    d->initial_capital = setting_of(result, "initial_capital");
    d->risk_free_rate = setting_of(result, "risk_free_rate");
    d->periods = assay_result_periods_per_year(result);
    size_t n_all = assay_panel_n_bars(d->panel);
    d->time_us = malloc((d->n + 1) * sizeof *d->time_us);
    d->equity = malloc((d->n + 1) * sizeof *d->equity);
    d->returns = malloc((d->n + 1) * sizeof *d->returns);
    d->benchmark = malloc((d->n + 1) * sizeof *d->benchmark);
    double *market = malloc((n_all + 1) * sizeof *market);
    assay_status status = ASSAY_OK;
    const double *all = assay_panel_benchmark_returns(d->panel);
    if (d->time_us == NULL || d->equity == NULL || d->returns == NULL || d->benchmark == NULL ||
        market == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the report of %zu bars", d->n);
    if (status == ASSAY_OK && all == NULL) {
        status = assay_equal_weight_market(d->panel, market, err);
        all = market;
    }
    const int64_t *time = assay_panel_timestamps(d->panel);
    for (size_t i = 0; i < d->n && status == ASSAY_OK; i++) {
        d->time_us[i] = time[d->snapshot[i].bar];
        d->equity[i] = d->snapshot[i].total_value;
        d->benchmark[i] = all[d->snapshot[i].bar];
    }
    if (status == ASSAY_OK)
        assay_returns_of(d->initial_capital, d->equity, d->n, d->returns);
    free(market);
    return status;
}

/* --- head --- */

static assay_status put_metrics(assay_document *d, assay_error *err) {
    double *values = malloc(assay_run_metric_count() * sizeof *values);
    if (values == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for metrics");
    const assay_run_metric_input in = {.run = {.initial_capital = d->initial_capital,
                                               .equity = d->equity,
                                               .returns = d->returns,
                                               .n = d->n,
                                               .periods_per_year = d->periods,
                                               .risk_free_rate = d->risk_free_rate,
                                               .trade = d->trade,
                                               .n_trades = d->n_trades},
                                       .time_us = d->time_us,
                                       .benchmark = d->benchmark,
                                       .snapshot = d->snapshot,
                                       .n_trials = d->spec->n_trials > 1 ? d->spec->n_trials : 1,
                                       .trial_variance = d->spec->trial_variance};
    assay_status status = assay_run_metrics_compute(&in, values, err);
    if (status == ASSAY_OK) {
        assay_stream_open(&d->json, "metrics", '[');
        for (size_t i = 0; i < assay_run_metric_count(); i++) {
            const assay_metric *m = assay_run_metric_at(i);
            assay_stream_open(&d->json, NULL, '{');
            assay_stream_text(&d->json, "name", m->name);
            assay_stream_text(&d->json, "group", m->group);
            assay_stream_text(&d->json, "unit", m->unit);
            assay_stream_number(&d->json, "value", values[i]);
            assay_stream_text(&d->json, "formula", m->formula);
            assay_stream_text(&d->json, "source", m->source);
            assay_stream_close(&d->json, '{');
        }
        assay_stream_close(&d->json, '[');
    }
    free(values);
    return status;
}

/* Of a joined run: the plan, the folds, what they say together. */
static assay_status put_walkforward(assay_document *d, assay_error *err) {
    char *text = NULL;
    if (d->spec->walkforward == NULL)
        return ASSAY_OK;
    assay_status status = assay_walkforward_folds_text(d->spec->walkforward, &text, err);
    if (status == ASSAY_OK)
        assay_stream_json(&d->json, "walkforward", text);
    free(text);
    return status;
}

static void put_head(assay_document *d) {
    assay_json_stream *s = &d->json;
    char text[64];
    assay_stream_open(s, "assay", '{');
    assay_stream_whole(s, "document", 1);
    assay_stream_text(s, "version", ASSAY_VERSION);
    assay_stream_close(s, '{');
    assay_stream_text(s, "kind", "run");
    assay_stream_text(s, "run_id", d->spec->run_id);
    assay_stream_text(s, "strategy", assay_config_strategy(assay_result_config(d->result))->name);
    assay_stream_json(s, "parameters", d->spec->parameters_json);
    assay_stream_json(s, "config", d->spec->config_json);
    for (int end = 0; end < 2; end++) {
        text[0] = '\0';
        if (d->n > 0)
            assay_time_format(d->time_us[end == 0 ? 0 : d->n - 1], text, sizeof text);
        assay_stream_text(s, end == 0 ? "start_date" : "end_date", text);
    }
    assay_stream_whole(s, "n_bars", (int64_t)d->n);
    assay_stream_whole(s, "n_symbols", (int64_t)assay_panel_n_symbols(d->panel));
    assay_stream_number(s, "initial_capital", d->initial_capital);
    assay_stream_number(s, "periods_per_year", d->periods);
    assay_panel_fingerprint(d->panel, text);
    assay_stream_text(s, "data_fingerprint",
                      d->spec->data_fingerprint == NULL ? text : d->spec->data_fingerprint);
    assay_stream_open(s, "benchmark", '{');
    if (assay_config_get(assay_result_config(d->result), "benchmark", text, sizeof text, NULL) != ASSAY_OK ||
        text[0] == '\0')
        snprintf(text, sizeof text, "equal-weight market");
    assay_stream_text(s, "name", text);
    assay_stream_close(s, '{');
}

assay_status assay_report_document(const assay_result *result, const assay_document_spec *spec, FILE *out,
                                   assay_error *err) {
    assay_document d;
    assay_status status = document_init(&d, result, spec, out, err);
    assay_stream_open(&d.json, NULL, '{');
    if (status == ASSAY_OK) {
        put_head(&d);
        assay_document_warnings(&d);
        status = put_walkforward(&d, err);
    }
    if (status == ASSAY_OK)
        status = put_metrics(&d, err);
    if (status == ASSAY_OK)
        status = assay_document_series(&d, err);
    if (status == ASSAY_OK)
        status = assay_document_trades(&d, err);
    if (status == ASSAY_OK)
        status = assay_document_attribution(&d, err);
    assay_stream_close(&d.json, '{');
    document_reset(&d);
    return status;
}
