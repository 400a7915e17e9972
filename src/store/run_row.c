/* The tables with a row a metric and a row a run: backtest_results, backtest_runs. */
#include <math.h>
#include <string.h>

#include "run_tables.h"

/* --- backtest_results: one row a metric --- */

static const assay_row_column metric_columns[] = {{"run_id", TEXT}, {"metric", TEXT}, {"value", NUMBER}};

static bool fill_metrics(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const assay_run_rows *rows = context;
    const double *value = assay_result_metrics(rows->result) + first;
    void *data = duckdb_vector_get_data(vector);
    duckdb_string_t *text = data;
    double *number = data;
    switch (column) {
    case 0:
        EACH_ROW text[i] = rows->run_id;
        break;
    case 1:
        EACH_ROW text[i] = assay_row_text(assay_metric_at(first + i)->name);
        break;
    default:
        EACH_ROW number[i] = value[i];
        break;
    }
    return true;
}

/* --- backtest_runs: one row --- */

static const assay_row_column run_columns[] = {
    {"run_id", TEXT},
    {"strategy", TEXT},
    {"timestamp", TIME},
    {"initial_capital", NUMBER},
    {"total_return_pct", NUMBER},
    {"sharpe_ratio", NUMBER},
    {"sortino_ratio", NUMBER},
    {"max_drawdown_pct", NUMBER},
    {"total_trades", WHOLE},
    {"win_rate_pct", NUMBER},
    {"profit_factor", NUMBER},
    {"parameters", TEXT},
    {"config", TEXT},
    {"start_date", TIME},
    {"end_date", TIME},
    {"n_symbols", WHOLE},
    {"n_bars", WHOLE},
    {"data_fingerprint", TEXT},
    {"assay_version", TEXT},
    {"sweep_id", TEXT},
    {"fold", WHOLE},
    {"duration_ms", WHOLE},
    {"warnings", TEXT},
    {"delisted_positions", WHOLE},
};

static double metric_value(const assay_run_rows *rows, const char *name) {
    const double *value = assay_result_metrics(rows->result);
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, name) == 0) {
            return value[i];
        }
    }
    return (double)NAN;
}

static int64_t run_whole(const assay_run_rows *rows, const char *name) {
    if (strcmp(name, "timestamp") == 0) {
        return rows->info->timestamp_us;
    }
    if (strcmp(name, "start_date") == 0) {
        return rows->n_snapshots == 0 ? 0 : rows->time[rows->snapshot[0].bar];
    }
    if (strcmp(name, "end_date") == 0) {
        return rows->n_snapshots == 0 ? 0 : rows->time[rows->snapshot[rows->n_snapshots - 1].bar];
    }
    if (strcmp(name, "n_symbols") == 0) {
        return (int64_t)assay_panel_n_symbols(rows->panel);
    }
    if (strcmp(name, "n_bars") == 0) {
        return (int64_t)rows->n_snapshots;
    }
    if (strcmp(name, "fold") == 0) {
        return rows->info->fold;
    }
    if (strcmp(name, "duration_ms") == 0) {
        return rows->info->duration_ms;
    }
    if (strcmp(name, "delisted_positions") == 0) {
        return (int64_t)assay_result_delisted_positions(rows->result);
    }
    double trades = metric_value(rows, name); /* total_trades */
    return isfinite(trades) ? (int64_t)trades : 0;
}

static duckdb_string_t run_text(const assay_run_rows *rows, const char *name) {
    const struct {
        const char *name, *text;
    } texts[] = {{"run_id", rows->info->run_id},
                 {"strategy", rows->strategy->name},
                 {"parameters", rows->info->parameters_json},
                 {"config", rows->info->config_json},
                 {"data_fingerprint", rows->fingerprint},
                 {"assay_version", ASSAY_VERSION},
                 {"sweep_id", rows->info->sweep_id},
                 {"warnings", rows->warnings}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(name, texts[i].name) == 0) {
            return assay_row_text(texts[i].text == NULL ? "" : texts[i].text);
        }
    }
    return assay_row_text("");
}

static bool fill_run(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const assay_run_rows *rows = context;
    const char *name = run_columns[column].name;
    void *data = duckdb_vector_get_data(vector);
    (void)first;
    (void)n;
    if (run_columns[column].type == TEXT) {
        *(duckdb_string_t *)data = run_text(rows, name);
    } else if (run_columns[column].type == NUMBER) {
        *(double *)data =
            strcmp(name, "initial_capital") == 0 ? rows->initial_capital : metric_value(rows, name);
    } else {
        *(int64_t *)data = run_whole(rows, name);
    }
    bool no_time = strcmp(name, "start_date") == 0 || strcmp(name, "end_date") == 0;
    if ((strcmp(name, "sweep_id") == 0 && rows->info->sweep_id == NULL) ||
        (strcmp(name, "fold") == 0 && rows->info->fold < 0) || (no_time && rows->n_snapshots == 0)) {
        assay_row_set_null(vector, 0);
    }
    return true;
}

#define JOB(columns, count, function)                                                                        \
    (assay_row_job) {                                                                                        \
        .column = (columns), .n_columns = sizeof(columns) / sizeof *(columns), .n_rows = (count),            \
        .fill = (function), .context = rows                                                                  \
    }

assay_row_job assay_metric_rows_job(const assay_run_rows *rows) {
    return JOB(metric_columns, assay_metric_count(), fill_metrics);
}

assay_row_job assay_run_row_job(const assay_run_rows *rows) {
    return JOB(run_columns, 1, fill_run);
}
