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
#include "row_source.h"

typedef struct panel_rows {
    const assay_panel *panel;
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
    const assay_panel_event *event = rows->panel->event + first;
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
    panel_rows rows = {.panel = panel, .symbol = malloc((panel->n_symbols + 1) * sizeof *rows.symbol)};
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
