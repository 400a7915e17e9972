/* The summary of a result: what the text, JSON and CSV of a run are made from. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "report/text_layout.h"

void assay_run_summary_reset(assay_run_summary *summary) {
    free(summary->run_id);
    free(summary->strategy);
    free(summary->parameters_json);
    free(summary->metrics);
    free(summary->equity);
    for (size_t i = 0; i < summary->n_strategies; i++)
        free((char *)(uintptr_t)summary->strategies[i].name);
    free(summary->strategies);
    *summary = (assay_run_summary){0};
}

double assay_run_summary_metric(const assay_run_summary *summary, const char *name) {
    for (size_t i = 0; i < summary->n_metrics; i++) {
        if (strcmp(summary->metrics[i].name, name) == 0)
            return summary->metrics[i].value;
    }
    return (double)NAN;
}

static bool copy_metrics(const assay_result *result, assay_run_summary *out) {
    out->n_metrics = assay_result_n_metrics(result);
    out->metrics = calloc(out->n_metrics + 1, sizeof *out->metrics);
    if (out->metrics == NULL)
        return false;
    const double *values = assay_result_metrics(result);
    for (size_t i = 0; i < out->n_metrics; i++) {
        snprintf(out->metrics[i].name, sizeof out->metrics[i].name, "%s", assay_run_metric_at(i)->name);
        out->metrics[i].value = values[i];
    }
    return true;
}

/* The equity of every bar, behind the capital that it began with. */
static bool copy_equity(const assay_result *result, assay_run_summary *out) {
    size_t n = 0;
    const assay_snapshot *snapshots = assay_result_snapshots(result, &n);
    out->n_bars = n;
    out->equity = calloc(n + 1, sizeof *out->equity);
    if (out->equity == NULL)
        return false;
    char text[64] = "";
    if (assay_config_get(assay_result_config(result), "initial_capital", text, sizeof text, NULL) == ASSAY_OK)
        out->equity[out->n_equity++] = strtod(text, NULL);
    for (size_t i = 0; i < n; i++)
        out->equity[out->n_equity++] = snapshots[i].total_value;
    const int64_t *times = assay_panel_timestamps(assay_result_panel(result));
    if (n > 0) {
        assay_time_format(times[snapshots[0].bar], out->start_date, sizeof out->start_date);
        assay_time_format(times[snapshots[n - 1].bar], out->end_date, sizeof out->end_date);
    }
    return true;
}

assay_strategy_result *assay_run_summary_add_strategy(assay_run_summary *summary, const char *name,
                                                      size_t name_size) {
    const double none = (double)NAN;
    char *copy = strndup(name, name_size);
    assay_strategy_result *grown =
        realloc(summary->strategies, (summary->n_strategies + 1) * sizeof *summary->strategies);
    if (grown != NULL)
        summary->strategies = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return NULL;
    }
    grown[summary->n_strategies] = (assay_strategy_result){.name = copy, .capital = none, .equity = none};
    return &grown[summary->n_strategies++];
}

static bool copy_strategies(const assay_result *result, assay_run_summary *out) {
    size_t n = 0;
    const assay_strategy_result *rows = assay_result_strategies(result, &n);
    for (size_t i = 0; n > 1 && i < n; i++) {
        assay_strategy_result *row = assay_run_summary_add_strategy(out, rows[i].name, strlen(rows[i].name));
        if (row == NULL)
            return false;
        const char *name = row->name;
        *row = rows[i];
        row->name = name;
    }
    return true;
}

/* Their rows in backtest_results. */
static size_t n_strategy_rows(const assay_run_summary *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_strategies; i++) {
        for (size_t field = 0; field < ASSAY_N_STRATEGY_FIELDS; field++)
            n += isnan(assay_strategy_field(&s->strategies[i], field)) ? 0 : 1;
    }
    return n;
}

static void count_rows(const assay_result *result, assay_run_summary *out) {
    size_t n_signals = 0, n_fills = 0, n_trades = 0;
    assay_result_signals(result, &n_signals);
    assay_result_fills(result, &n_fills);
    const assay_trade *trades = assay_result_trades(result, &n_trades);
    for (size_t i = 0; i < n_trades; i++)
        out->n_open_trades += trades[i].is_open != 0;
    const assay_table_rows tables[ASSAY_N_RESULT_TABLES] = {
        {"backtest_runs", 1},
        {"backtest_trades", n_trades},
        {"backtest_metrics", out->n_bars},
        {"backtest_signals", n_signals},
        {"backtest_fills", n_fills},
        {"backtest_results", out->n_metrics + n_strategy_rows(out)}};
    memcpy(out->tables, tables, sizeof tables);
}

assay_status assay_run_summary_init(const assay_result *result, const char *run_id,
                                    assay_run_summary *out_summary, assay_error *err) {
    const assay_config *config = assay_result_config(result);
    assay_run_summary s = {.has_warnings = true,
                           .warnings = assay_result_warnings(result),
                           .delisted_positions = assay_result_delisted_positions(result),
                           .n_symbols = assay_panel_n_symbols(assay_result_panel(result))};
    *out_summary = (assay_run_summary){0};
    assay_status status = assay_report_parameters_json(config, &s.parameters_json, err);
    if (status != ASSAY_OK)
        return status;
    s.run_id = strdup(run_id);
    s.strategy = strdup(assay_config_strategy(config)->name);
    if (s.run_id == NULL || s.strategy == NULL || !copy_metrics(result, &s) || !copy_equity(result, &s) ||
        !copy_strategies(result, &s)) {
        assay_run_summary_reset(&s);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the summary of a run");
    }
    assay_panel_fingerprint(assay_result_panel(result), s.data_fingerprint);
    count_rows(result, &s);
    *out_summary = s;
    return ASSAY_OK;
}
