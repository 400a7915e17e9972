/* The tables with a row a metric and a row a run: backtest_results, backtest_runs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run_tables.h"

/* --- backtest_results: one row a metric, then those of each strategy of several --- */

static const assay_row_column result_columns[] = {{"run_id", TEXT}, {"metric", TEXT}, {"value", NUMBER}};

/* "pnl:momentum". */
static void put_strategy_metric(const assay_run_rows *rows, size_t number, duckdb_vector vector, size_t row) {
    char text[320];
    int size =
        snprintf(text, sizeof text, "%s:%.300s", assay_strategy_field_name(number % rows->n_strategy_fields),
                 rows->by_strategy[number / rows->n_strategy_fields].name);
    duckdb_vector_assign_string_element_len(vector, row, text, (idx_t)size);
}

/* Cell `row` of the vector: result number `number`, counted from the first metric. */
static void put_result(const assay_run_rows *rows, size_t column, size_t number, duckdb_vector vector,
                       size_t row) {
    void *data = duckdb_vector_get_data(vector);
    size_t n_metrics = assay_result_n_metrics(rows->result), n_fields = rows->n_strategy_fields;
    if (column == 0) {
        ((duckdb_string_t *)data)[row] = rows->run_id;
    } else if (column == 1 && number < n_metrics) {
        ((duckdb_string_t *)data)[row] = assay_row_text(assay_run_metric_at(number)->name);
    } else if (column == 1) {
        put_strategy_metric(rows, number - n_metrics, vector, row);
    } else if (number < n_metrics) {
        ((double *)data)[row] = assay_result_metrics(rows->result)[number];
    } else {
        number -= n_metrics;
        ((double *)data)[row] =
            assay_strategy_field(&rows->by_strategy[number / n_fields], number % n_fields);
    }
}

static bool fill_results(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    EACH_ROW put_result(context, column, first + i, vector, i);
    return true;
}

static bool fill_strategies(const void *context, size_t column, size_t first, size_t n,
                            duckdb_vector vector) {
    const assay_run_rows *rows = context;
    return fill_results(context, column, first + assay_result_n_metrics(rows->result), n, vector);
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

assay_row_job assay_result_rows_job(const assay_run_rows *rows) {
    return JOB(result_columns,
               assay_result_n_metrics(rows->result) + rows->n_by_strategy * rows->n_strategy_fields,
               fill_results);
}

assay_row_job assay_strategy_rows_job(const assay_run_rows *rows) {
    return JOB(result_columns, rows->n_by_strategy * rows->n_strategy_fields, fill_strategies);
}

assay_row_job assay_run_row_job(const assay_run_rows *rows) {
    return JOB(run_columns, 1, fill_run);
}
