/* From the prices table to a panel.
 *
 * Two passes at most. The first reads prices alone, and asks the builder to accept clean data only. Data that is not clean
 * (rows with one key, bad prices) is read again with each row's version and file, under the caller's own policy: clean
 * tables do not pay for columns that only settle quarrels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/text.h"
#include "prices_table.h"
#include "read_prices.h"

enum { MAX_NAMED = 5 }; /* unknown symbols that an error names */

/* --- unknown symbols --- */

static const char *nearest(assay_store *store, const assay_prices_table *table, const char *wanted,
                           bool *out_same, char out_text[64]) {
    assay_sql sql = {0};
    assay_cursor cursor;
    assay_arg files = assay_arg_list((const char *const *)table->files.path, table->files.count);
    assay_sql_add(
        &sql,
        "SELECT DISTINCT %s FROM read_parquet($1, union_by_name=true, hive_partitioning=false) ORDER BY 1",
        table->column[ASSAY_PRICES_SYMBOL].read);
    char best[64] = "";
    *out_same = false;
    if (assay_cursor_open(&cursor, store->connection, sql.text, &files, 1, "", NULL) == ASSAY_OK) {
        while (assay_cursor_next(&cursor)) {
            char name[64];
            assay_cursor_copy(&cursor, 0, name, sizeof name);
            *out_same = *out_same || strcmp(name, wanted) == 0;
            const char *nearer = assay_nearer_name(wanted, best[0] == '\0' ? NULL : best, name);
            if (nearer == name) {
                (void)snprintf(best, sizeof best, "%s", name);
            }
        }
    }
    assay_cursor_close(&cursor);
    assay_sql_reset(&sql);
    (void)snprintf(out_text, 64, "%s", best);
    return best[0] == '\0' ? NULL : out_text;
}

static assay_status check_symbols(assay_store *store, const assay_prices_table *table,
                                  const assay_price_reading *reading, assay_error *err) {
    char text[700] = "";
    size_t n_unknown = 0;
    const assay_wanted_symbols *wanted = reading->wanted;
    for (size_t i = 0; i < wanted->n_instruments; i++) {
        uint32_t id;
        if (assay_symbol_lookup_has(&reading->symbols, wanted->instrument[i], strlen(wanted->instrument[i]),
                                    &id)) {
            continue;
        }
        if (n_unknown++ < MAX_NAMED) {
            char near[64];
            bool same;
            const char *name = nearest(store, table, wanted->instrument[i], &same, near);
            size_t used = strlen(text);
            (void)snprintf(text + used, sizeof text - used, "%s%s", used == 0 ? "" : ", ",
                           wanted->instrument[i]);
            used = strlen(text);
            if (same) {
                (void)snprintf(text + used, sizeof text - used,
                               " (has rows, but none in the period and frequency)");
            } else if (name != NULL) {
                (void)snprintf(text + used, sizeof text - used, " (did you mean %s?)", name);
            }
        }
    }
    if (n_unknown == 0) {
        return ASSAY_OK;
    }
    return assay_error_set(err, ASSAY_E_NOT_FOUND, "the prices table of %s does not have %s%s%s",
                           table->database, n_unknown == 1 ? "the symbol " : "the symbols ", text,
                           n_unknown > MAX_NAMED ? " and others" : "");
}

/* --- a period before the data --- */

static assay_status refuse_empty(assay_store *store, const assay_prices_table *table,
                                 const assay_load_spec *spec, assay_error *err) {
    assay_sql sql = {0};
    assay_cursor cursor;
    assay_load_spec any_time = *spec;
    any_time.end_us = INT64_MAX;
    assay_sql_add(&sql, "SELECT min(p_timestamp) FROM (");
    assay_prices_sql(table, &any_time, false, &sql);
    assay_sql_add(&sql, ")");
    assay_arg args[4];
    size_t n_args = assay_prices_args(table, &any_time, args);
    char first[32] = "";
    if (assay_cursor_open(&cursor, store->connection, sql.text, args, n_args, "", NULL) == ASSAY_OK &&
        assay_cursor_next(&cursor) && !assay_cursor_is_null(&cursor, 0)) {
        assay_time_format(assay_cursor_int(&cursor, 0), first, sizeof first);
    }
    assay_cursor_close(&cursor);
    assay_sql_reset(&sql);
    char end[32] = "";
    if (spec->end_us != INT64_MAX) {
        assay_time_format(assay_day_of_us(spec->end_us) * ASSAY_US_PER_DAY, end, sizeof end);
    }
    if (first[0] == '\0' || end[0] == '\0') {
        return assay_error_set(err, ASSAY_E_DATA, "the prices table of %s has no rows", table->database);
    }
    return assay_error_set(err, ASSAY_E_DATA,
                           "the prices table of %s has nothing up to %s: it begins at %s; choose a later end",
                           table->database, end, first);
}

/* --- passes --- */

static assay_status one_pass(assay_store *store, const assay_prices_table *table, const assay_load_spec *spec,
                             const assay_wanted_symbols *wanted, bool with_version, assay_panel **out_panel,
                             assay_load_report *report, assay_error *err) {
    assay_price_reading reading = {.with_version = with_version, .wanted = wanted};
    assay_status status = assay_panel_builder_create(&reading.builder, err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_symbol_lookup_init(&reading.symbols, reading.builder);
    status = assay_prices_read(store, table, spec, &reading, err);
    if (status == ASSAY_OK) {
        status = check_symbols(store, table, &reading, err);
    }
    if (status == ASSAY_OK && reading.n_rows == 0) {
        status = refuse_empty(store, table, spec, err);
    }
    if (status == ASSAY_OK) {
        status = assay_events_read(store, spec, &reading, err);
    }
    if (status == ASSAY_OK) {
        assay_panel_options options = spec->panel;
        options.on_bad_data = with_version ? options.on_bad_data : ASSAY_BAD_DATA_ERROR;
        status = assay_panel_builder_finish(reading.builder, &options, out_panel, &report->panel, err);
    }
    report->panel.n_rows += reading.n_incomplete;
    report->panel.n_dropped += reading.n_incomplete;
    if (table->frequency[0] == '\0') {
        (void)snprintf(store->frequency, sizeof store->frequency, "%s",
                       reading.all_midnight ? "1d" : "unknown");
    }
    assay_symbol_lookup_reset(&reading.symbols);
    assay_panel_builder_destroy(reading.builder);
    return status;
}

/* Bars of minutes and hours last as long as their frequency says: gaps of the calendar can only say how long at most. */
static void set_bar_length(assay_panel *panel, const char *frequency) {
    char *unit = NULL;
    long long n = strtoll(frequency, &unit, 10);
    bool minutes = strcmp(unit, "m") == 0;
    if (n > 0 && n <= 1440 && (minutes || strcmp(unit, "h") == 0)) {
        assay_panel_set_bar_length(panel, n * (minutes ? 60 : 3600) * INT64_C(1000000));
    }
}

static assay_status make_bars(const assay_bars_spec *spec, assay_panel **panel, assay_error *err) {
    assay_panel *made = NULL;
    assay_status status = assay_panel_resample(*panel, spec, &made, err);
    assay_panel_destroy(*panel);
    *panel = made;
    return status;
}

assay_status assay_store_load_panel(assay_store *store, const assay_load_spec *spec, assay_panel **out_panel,
                                    assay_load_report *out_report, assay_error *err) {
    if (store == NULL || spec == NULL || out_panel == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "assay_store_load_panel needs a store, a specification and a place "
                               "for the panel");
    }
    assay_store_single_thread(store);
    *out_panel = NULL;
    assay_load_report report = {.frequency = store->frequency};
    assay_prices_table table = {0};
    assay_wanted_symbols wanted = {0};
    assay_load_spec by_name = *spec;
    assay_status status = assay_symbol_changes_load(store, err);
    if (status == ASSAY_OK) {
        status = assay_symbol_changes_want(store, spec->symbols, spec->symbols == NULL ? 0 : spec->n_symbols,
                                           &wanted, err);
    }
    if (status == ASSAY_OK) {
        by_name.symbols = spec->symbols == NULL ? NULL : wanted.name;
        by_name.n_symbols = wanted.n_names;
        status = assay_prices_table_open(store, &table, err);
    }
    if (status == ASSAY_OK) {
        status = assay_prices_table_choose(store, &table, &by_name, err);
    }
    if (status == ASSAY_OK) {
        report.n_files = table.files.count;
        (void)snprintf(store->frequency, sizeof store->frequency, "%s", table.frequency);
        assay_error first;
        status = one_pass(store, &table, &by_name, &wanted, false, out_panel, &report, &first);
        if (status == ASSAY_E_DATA) {
            report.panel = (assay_panel_report){0};
            status = one_pass(store, &table, &by_name, &wanted, true, out_panel, &report, err);
        } else if (status != ASSAY_OK) {
            status = assay_error_set(err, status, "%s", first.message);
        }
    }
    if (status == ASSAY_OK) {
        set_bar_length(*out_panel, store->frequency);
    }
    if (status == ASSAY_OK && spec->bars != NULL) {
        status = make_bars(spec->bars, out_panel, err);
    }
    assay_prices_table_reset(&table);
    assay_wanted_symbols_reset(&wanted);
    if (status == ASSAY_OK && out_report != NULL) {
        *out_report = report;
    }
    return status;
}
