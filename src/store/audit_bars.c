/* The bars of a run that were made of others, as tables of the audit. Making them is the one thing that an audit shares with the
 * run; that bars are right is tested against pandas.
 */
#include "audit_bars.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "market/panel.h"
#include "row_source.h"

static const char what[] = "cannot audit the run";

typedef struct bar_rows {
    const assay_panel *panel;
    duckdb_string_t *symbol;
} bar_rows;

static void put_number(duckdb_vector vector, size_t row, double value) {
    double *number = duckdb_vector_get_data(vector);
    number[row] = value;
    if (isnan(value)) {
        duckdb_vector_ensure_validity_writable(vector);
        duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
    }
}

static bool fill_prices(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const bar_rows *rows = context;
    const assay_panel *p = rows->panel;
    void *data = duckdb_vector_get_data(vector);
    duckdb_string_t *text = data;
    int64_t *time = data;
    for (size_t i = 0; i < n; i++) {
        size_t symbol = (first + i) / p->n_bars, bar = (first + i) % p->n_bars;
        if (column == 0) {
            text[i] = rows->symbol[symbol];
        } else if (column == 1) {
            time[i] = p->timestamp_us[bar];
        } else {
            put_number(vector, i, p->column[ASSAY_COLUMN_CLOSE][bar * p->stride + symbol]);
        }
    }
    return true;
}

static bool fill_events(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const bar_rows *rows = context;
    const assay_panel_event *event = rows->panel->event + first;
    void *data = duckdb_vector_get_data(vector);
    duckdb_string_t *text = data;
    int64_t *time = data;
    for (size_t i = 0; i < n; i++) {
        if (column == 0) {
            text[i] = rows->symbol[event[i].symbol];
        } else if (column == 1) {
            time[i] = event[i].ex_date_us;
        } else if (column == 4) {
            put_number(vector, i, event[i].pay_day == INT32_MIN ? (double)NAN : event[i].pay_day);
        } else if (column == 5) {
            put_number(vector, i, event[i].child == ASSAY_NO_CHILD ? 0 : 1);
        } else {
            put_number(vector, i, column == 2 ? event[i].split_ratio : event[i].dividend);
        }
    }
    return true;
}

static assay_status make_tables(assay_store *store, const bar_rows *rows, assay_error *err) {
    static const assay_row_column price[] = {
        {"symbol", DUCKDB_TYPE_VARCHAR}, {"t", DUCKDB_TYPE_TIMESTAMP}, {"close", DUCKDB_TYPE_DOUBLE}};
    static const assay_row_column event[] = {
        {"symbol", DUCKDB_TYPE_VARCHAR}, {"ex_date", DUCKDB_TYPE_TIMESTAMP},
        {"split", DUCKDB_TYPE_DOUBLE},   {"dividend", DUCKDB_TYPE_DOUBLE},
        {"pay_day", DUCKDB_TYPE_DOUBLE}, {"spin_off", DUCKDB_TYPE_DOUBLE}};
    const assay_row_job prices = {.column = price,
                                  .n_columns = 3,
                                  .n_rows = rows->panel->n_bars * rows->panel->n_symbols,
                                  .fill = fill_prices,
                                  .context = rows};
    const assay_row_job events = {.column = event,
                                  .n_columns = 6,
                                  .n_rows = rows->panel->n_events,
                                  .fill = fill_events,
                                  .context = rows};
    assay_status status = assay_row_source_run(
        store, &prices, "CREATE OR REPLACE TEMP TABLE audit_raw AS SELECT * FROM assay_rows()", NULL, 0, what,
        err);
    if (status == ASSAY_OK) {
        status = assay_row_source_run(
            store, &events,
            "CREATE OR REPLACE TEMP TABLE audit_events AS SELECT symbol, ex_date, split, "
            "dividend, CAST(DATE '1970-01-01' + CAST(pay_day AS INTEGER) AS TIMESTAMP) AS "
            "pay, spin_off = 1 AS spins_off FROM assay_rows()",
            NULL, 0, what, err);
    }
    if (status == ASSAY_OK) {
        status =
            assay_query_do(store->connection,
                           "CREATE OR REPLACE TEMP TABLE audit_calendar AS SELECT DISTINCT t FROM audit_raw, "
                           "audit_run WHERE close IS NOT NULL AND t BETWEEN start_date AND end_date",
                           NULL, 0, what, err);
    }
    if (status == ASSAY_OK) {
        status = assay_query_do(
            store->connection,
            "CREATE OR REPLACE TEMP TABLE audit_prices AS SELECT * FROM audit_raw WHERE symbol IN "
            "(SELECT symbol FROM audit_fills) AND close IS NOT NULL",
            NULL, 0, what, err);
    }
    return status;
}

/* --- the run's settings --- */

typedef struct bar_settings {
    char resample[64], session[64], choices[96], early[4096], bad_data[16], end[40];
    int64_t *early_us;
    size_t n_early;
} bar_settings;

static assay_status read_settings(assay_store *store, bar_settings *out, assay_error *err) {
    assay_cursor cursor;
    *out = (bar_settings){0};
    assay_status status = assay_cursor_open(
        &cursor, store->connection,
        "SELECT coalesce(config->>'$.engine.resample', ''), coalesce(config->>'$.engine.session', ''), "
        "concat_ws(' ', config->>'$.engine.outside_session', config->>'$.engine.bar_label', "
        "config->>'$.engine.partial_bar'), coalesce(config->>'$.engine.early_closes', ''), "
        "coalesce(config->>'$.engine.on_bad_data', ''), coalesce(config->>'$.period.end', '') FROM audit_run",
        NULL, 0, what, err);
    if (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        assay_cursor_copy(&cursor, 0, out->resample, sizeof out->resample);
        assay_cursor_copy(&cursor, 1, out->session, sizeof out->session);
        assay_cursor_copy(&cursor, 2, out->choices, sizeof out->choices);
        assay_cursor_copy(&cursor, 3, out->early, sizeof out->early);
        assay_cursor_copy(&cursor, 4, out->bad_data, sizeof out->bad_data);
        assay_cursor_copy(&cursor, 5, out->end, sizeof out->end);
    }
    assay_cursor_close(&cursor);
    return status;
}

/* Dates of a list as JSON or with commas between them. */
static assay_status read_early(bar_settings *s, assay_error *err) {
    s->early_us = calloc(strlen(s->early) + 1, sizeof *s->early_us); /* more than it has dates */
    if (s->early_us == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
    }
    for (char *at = s->early; *at != '\0';) {
        at += strspn(at, "[]\", ");
        size_t n = strcspn(at, "[]\",");
        char text[40];
        if (n > 0 && n < sizeof text) {
            memcpy(text, at, n);
            text[n] = '\0';
            s->n_early += assay_time_parse(text, &s->early_us[s->n_early]) ? 1 : 0;
        }
        at += n;
    }
    return ASSAY_OK;
}

/* The last row that the run read: a trading day may end after midnight of UTC. */
static int64_t last_row(const bar_settings *s) {
    int64_t end = 0;
    if (!assay_time_parse(s->end, &end)) {
        return INT64_MAX;
    }
    return end % ASSAY_US_PER_DAY != 0 ? end : end + (s->session[0] != '\0' ? 2 : 1) * ASSAY_US_PER_DAY - 1;
}

assay_status assay_audit_make_bars(assay_store *store, const assay_load_spec *spec, bool *out_made,
                                   assay_error *err) {
    bar_settings s;
    assay_status status = read_settings(store, &s, err);
    bool end_labelled = strstr(s.choices, " end") != NULL;
    *out_made = status == ASSAY_OK && (s.resample[0] != '\0' || s.session[0] != '\0' || end_labelled);
    if (status != ASSAY_OK || !*out_made) {
        return status;
    }
    status = read_early(&s, err);
    const assay_bars_spec bars = {.bars = s.resample,
                                  .session = s.session,
                                  .early_close_us = s.early_us,
                                  .n_early_closes = s.n_early,
                                  .keep_outside = strncmp(s.choices, "keep", 4) == 0,
                                  .end_labelled = end_labelled,
                                  .drop_partial = strstr(s.choices, " drop") != NULL};
    assay_load_spec load = *spec;
    load.bars = &bars;
    load.end_us = last_row(&s); /* a bar's label says nothing of its rows */
    load.panel.on_bad_data = strcmp(s.bad_data, "drop") == 0 ? ASSAY_BAD_DATA_DROP : ASSAY_BAD_DATA_KEEP;
    assay_panel *panel = NULL;
    if (status == ASSAY_OK) {
        status = assay_store_load_panel(store, &load, &panel, NULL, err);
        assay_store_all_threads(store);
    }
    if (status == ASSAY_OK) {
        bar_rows rows = {panel, malloc((panel->n_symbols + 1) * sizeof *rows.symbol)};
        for (size_t i = 0; rows.symbol != NULL && i < panel->n_symbols; i++) {
            rows.symbol[i] = assay_row_text(panel->name[i]);
        }
        status = rows.symbol == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what)
                                     : make_tables(store, &rows, err);
        free(rows.symbol);
    }
    assay_panel_destroy(panel);
    free(s.early_us);
    return status;
}
