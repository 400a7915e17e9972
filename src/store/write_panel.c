/* A panel into the tables prices and corporate_actions, the way an import goes.
 *
 * Rows are made symbol by symbol from the panel's matrices; a bar where a symbol has no value at all is no row.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/dates.h"
#include "import_merge.h"
#include "import_stage.h"
#include "market/panel.h"
#include "prices_table.h"
#include "row_source.h"

typedef struct panel_rows {
    const assay_panel *panel;
    const assay_panel *source; /* of the events: another panel of the same symbols, or the same */
    duckdb_string_t *symbol;
} panel_rows;

static const assay_row_column price_columns[] = {
    {"symbol", DUCKDB_TYPE_VARCHAR}, {"timestamp", DUCKDB_TYPE_TIMESTAMP}, {"open", DUCKDB_TYPE_DOUBLE},
    {"high", DUCKDB_TYPE_DOUBLE},    {"low", DUCKDB_TYPE_DOUBLE},          {"close", DUCKDB_TYPE_DOUBLE},
    {"volume", DUCKDB_TYPE_DOUBLE},
};

static const assay_row_column event_columns[] = {
    {"symbol", DUCKDB_TYPE_VARCHAR},
    {"ex_date", DUCKDB_TYPE_TIMESTAMP},
    {"split_ratio", DUCKDB_TYPE_DOUBLE},
    {"cash_dividend", DUCKDB_TYPE_DOUBLE},
};

static void put_number(duckdb_vector vector, size_t row, double value) {
    double *number = duckdb_vector_get_data(vector);
    number[row] = value;
    if (isnan(value)) {
        duckdb_vector_ensure_validity_writable(vector);
        duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
    }
}

static bool fill_prices(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const panel_rows *rows = context;
    const assay_panel *panel = rows->panel;
    void *data = duckdb_vector_get_data(vector);
    duckdb_string_t *text = data;
    int64_t *time = data;
    for (size_t i = 0; i < n; i++) {
        size_t symbol = (first + i) / panel->n_bars, bar = (first + i) % panel->n_bars;
        if (column == 0) {
            text[i] = rows->symbol[symbol];
        } else if (column == 1) {
            time[i] = panel->timestamp_us[bar];
        } else {
            const double *values = panel->column[column - 2];
            put_number(vector, i, values == NULL ? (double)NAN : values[bar * panel->stride + symbol]);
        }
    }
    return true;
}

static bool fill_events(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const panel_rows *rows = context;
    const assay_panel_event *event = rows->source->event + first;
    void *data = duckdb_vector_get_data(vector);
    duckdb_string_t *text = data;
    int64_t *time = data;
    for (size_t i = 0; i < n; i++) {
        if (column == 0) {
            text[i] = rows->symbol[event[i].symbol];
        } else if (column == 1) {
            time[i] = event[i].ex_date_us;
        } else {
            put_number(vector, i, column == 2 ? event[i].split_ratio : event[i].dividend);
        }
    }
    return true;
}

/* "1d" where every bar is at midnight, else the smallest distance of two bars. */
static void frequency_of(const assay_panel *panel, char out_text[32]) {
    int64_t least = INT64_MAX;
    bool daily = true;
    for (size_t i = 0; i < panel->n_bars; i++) {
        daily = daily && panel->timestamp_us[i] % ASSAY_US_PER_DAY == 0;
        int64_t gap = i == 0 ? INT64_MAX : panel->timestamp_us[i] - panel->timestamp_us[i - 1];
        least = gap < least ? gap : least;
    }
    long long minutes = (long long)(least / 60000000);
    if (daily) {
        (void)snprintf(out_text, 32, "1d");
    } else if (minutes % 60 == 0 && minutes > 0) {
        (void)snprintf(out_text, 32, "%lldh", minutes / 60);
    } else {
        (void)snprintf(out_text, 32, "%lldm", minutes);
    }
}

static assay_status stage_panel(assay_store *store, const panel_rows *rows, assay_error *err) {
    static const char what[] = "cannot write the panel";
    char frequency[32];
    frequency_of(rows->panel, frequency);
    assay_row_job prices = {.column = price_columns,
                            .n_columns = sizeof price_columns / sizeof *price_columns,
                            .n_rows = rows->panel->n_bars * rows->panel->n_symbols,
                            .fill = fill_prices,
                            .context = rows};
    assay_row_job events = {.column = event_columns,
                            .n_columns = sizeof event_columns / sizeof *event_columns,
                            .n_rows = rows->panel->n_events,
                            .fill = fill_events,
                            .context = rows};
    assay_arg arg = assay_arg_text(frequency);
    assay_import_stage_drop(store);
    assay_status status = assay_row_source_run(store, &prices,
                                               "CREATE TEMP TABLE assay_stage AS SELECT *, NULL::DOUBLE AS "
                                               "dividend, NULL::DOUBLE AS split, $1::VARCHAR AS "
                                               "frequency, 'USD' AS currency FROM assay_rows() WHERE "
                                               "coalesce(open, high, low, close, volume) IS NOT NULL",
                                               &arg, 1, what, err);
    if (status == ASSAY_OK) {
        status = assay_row_source_run(
            store, &events, "CREATE TEMP TABLE assay_events_new AS SELECT * FROM assay_rows() ORDER BY ALL",
            NULL, 0, what, err);
    }
    return status;
}

assay_status assay_store_write_panel(assay_store *store, const assay_panel *panel, assay_partition partition,
                                     assay_error *err) {
    assay_import_report report = {0};
    if (store == NULL || panel == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "assay_store_write_panel needs a store and a panel");
    }
    assay_store_all_threads(store);
    panel_rows rows = {
        .panel = panel, .source = panel, .symbol = malloc((panel->n_symbols + 1) * sizeof *rows.symbol)};
    if (rows.symbol == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing the panel");
    }
    for (size_t i = 0; i < panel->n_symbols; i++) {
        rows.symbol[i] = assay_row_text(panel->name[i]);
    }
    assay_status status = stage_panel(store, &rows, err);
    if (status == ASSAY_OK) {
        status = assay_import_publish(store, "assay", partition, false, &report, err);
    }
    assay_import_stage_drop(store);
    free(rows.symbol);
    return status;
}

/* --- coarser bars --- */

/* The bars' rows under a frequency of their own, in the currency of their symbol. */
static assay_status stage_bars(assay_store *store, const panel_rows *rows, const char *frequency,
                               const assay_prices_table *table, assay_error *err) {
    assay_row_job job = {.column = price_columns,
                         .n_columns = sizeof price_columns / sizeof *price_columns,
                         .n_rows = rows->panel->n_bars * rows->panel->n_symbols,
                         .fill = fill_prices,
                         .context = rows};
    const assay_typed_column *currency = &table->column[ASSAY_PRICES_CURRENCY];
    const assay_arg args[2] = {assay_arg_text(frequency),
                               assay_arg_list((const char *const *)table->files.path, table->files.count)};
    assay_sql sql = {0};
    assay_sql_add(
        &sql,
        "CREATE TEMP TABLE assay_stage AS SELECT r.*, NULL::DOUBLE AS dividend, NULL::DOUBLE AS split, "
        "$1::VARCHAR AS frequency, coalesce(c.currency, (SELECT any_value(CAST(%s AS "
        "VARCHAR)) FROM read_parquet($2, union_by_name=true, hive_partitioning=false)), 'USD') AS currency "
        "FROM assay_rows() r LEFT JOIN "
        "(SELECT %s AS of_symbol, any_value(CAST(%s AS VARCHAR)) AS currency FROM read_parquet($2, "
        "union_by_name=true, hive_partitioning=false) GROUP BY 1) c ON c.of_symbol = r.symbol WHERE "
        "coalesce(open, high, low, close, volume) IS NOT NULL",
        currency->present ? currency->read : "'USD'", table->column[ASSAY_PRICES_SYMBOL].read,
        currency->present ? currency->read : "'USD'");
    assay_import_stage_drop(store);
    assay_status status = assay_row_source_run(store, &job, sql.failed ? NULL : sql.text, args, 2,
                                               "cannot write the bars", err);
    assay_sql_reset(&sql);
    return status;
}

/* Splits and dividends that price rows carry are of these rows alone: other bars find them in corporate_actions. */
static assay_status stage_row_events(assay_store *store, const panel_rows *rows, assay_error *err) {
    assay_row_job job = {.column = event_columns,
                         .n_columns = sizeof event_columns / sizeof *event_columns,
                         .n_rows = rows->source->n_events,
                         .fill = fill_events,
                         .context = rows};
    assay_files files;
    assay_sql sql = {0};
    assay_status status = assay_files_list(store->folder, "corporate_actions", &files, err);
    if (status != ASSAY_OK) {
        return status;
    }
    const assay_arg list = assay_arg_list((const char *const *)files.path, files.count);
    assay_sql_add(&sql, "CREATE TEMP TABLE assay_events_new AS SELECT * FROM assay_rows() n");
    if (files.count > 0) {
        assay_sql_add(&sql, " WHERE NOT EXISTS (SELECT 1 FROM read_parquet($1, union_by_name=true, "
                            "hive_partitioning=false) e WHERE e.symbol = n.symbol AND "
                            "CAST(e.ex_date AS DATE) = CAST(n.ex_date AS DATE))");
    }
    assay_sql_add(&sql, " ORDER BY ALL");
    status = assay_row_source_run(store, &job, sql.failed ? NULL : sql.text, &list, files.count > 0 ? 1 : 0,
                                  "cannot write the corporate actions", err);
    assay_sql_reset(&sql);
    assay_files_reset(&files);
    return status;
}

assay_status assay_store_write_bars(assay_store *store, const assay_panel *bars, const assay_panel *source,
                                    assay_import_report *out_report, assay_error *err) {
    if (store == NULL || bars == NULL || source == NULL || bars->bars_name[0] == '\0') {
        return assay_error_set(
            err, ASSAY_E_ARGUMENT,
            "assay_store_write_bars needs a store, resampled bars and what they were made of");
    }
    assay_store_all_threads(store);
    *out_report = (assay_import_report){0};
    panel_rows rows = {
        .panel = bars, .source = source, .symbol = malloc((bars->n_symbols + 1) * sizeof *rows.symbol)};
    if (rows.symbol == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing the bars");
    }
    for (size_t i = 0; i < bars->n_symbols; i++) {
        rows.symbol[i] = assay_row_text(bars->name[i]);
    }
    assay_prices_table table;
    assay_status status = assay_prices_table_open(store, &table, err);
    if (status == ASSAY_OK) {
        status = stage_bars(store, &rows, bars->bars_name, &table, err);
    }
    if (status == ASSAY_OK) {
        status = stage_row_events(store, &rows, err);
    }
    assay_prices_table_reset(&table);
    if (status == ASSAY_OK) {
        status = assay_import_publish(store, "resample", ASSAY_PARTITION_KEEP, false, out_report, err);
    }
    assay_import_stage_drop(store);
    free(rows.symbol);
    return status;
}
