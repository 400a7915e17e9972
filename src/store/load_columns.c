/* Further columns of a panel by their names: out of technical_analysis, fundamental_analysis, then the prices table.
 *
 * Invariant: each value is seen from the bar on at which it was known, and a row after the panel's end is not read.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/block.h"
#include "base/dates.h"
#include "base/number.h"
#include "base/text.h"
#include "frequency.h"
#include "keyed_table.h"
#include "point_in_time.h"
#include "prices_table.h"
#include "symbol_changes.h"

/* A table that columns are looked for in, in this order. */
typedef struct source_kind {
    const char *table;
    bool has_frequencies; /* rows of another frequency than the run's are other rows */
    bool lags;            /* lag_days holds: what a row speaks of is older than the row */
    bool at_its_bar;      /* a value holds at its own bar alone */
} source_kind;

static const source_kind source_kinds[] = {
    {"technical_analysis", true, false, false},
    {"fundamental_analysis", false, true, false},
    {"prices", true, false, true},
};
enum { N_SOURCES = sizeof source_kinds / sizeof *source_kinds };

/* What is looked for, and what came of it. */
typedef struct column_search {
    assay_store *store;
    assay_panel *panel;
    const assay_column_spec *spec;
    const char *const *names;
    size_t n;
    bool *found;
    const char **empty_in;        /* by name: the table that has it, but without a value for this run */
    char frequency[32];           /* canonical */
    assay_wanted_symbols symbols; /* by all their names */
    int64_t end_us;               /* of the last bar */
    assay_keyed_table table[N_SOURCES];
} column_search;

/* The columns that one table has of those that are looked for. */
typedef struct column_batch {
    const source_kind *kind;
    const assay_keyed_table *table;
    assay_typed_column *column; /* the keys, then n_values */
    size_t *name;               /* which of the names */
    size_t n_values;
    double **spread; /* n_values x (n_bars x n_symbols) */
    bool *has_value;
    assay_dated_rows rows;
} column_batch;

static assay_status no_memory(assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading columns");
}

/* --- which --- */

static const assay_further_column *find_in(const column_search *s, size_t source, const char *name) {
    bool is_known = source_kinds[source].at_its_bar && assay_prices_knows(name);
    return is_known ? NULL : assay_keyed_table_find(&s->table[source], name);
}

static void batch_reset(column_batch *b) {
    for (size_t i = 0; b->spread != NULL && i < b->n_values; i++) {
        assay_block_free(b->spread[i]);
    }
    free(b->spread);
    free(b->column);
    free(b->name);
    free(b->has_value);
    assay_dated_rows_reset(&b->rows);
}

static assay_status batch_init(const column_search *s, size_t source, column_batch *b, assay_error *err) {
    *b = (column_batch){.kind = &source_kinds[source], .table = &s->table[source]};
    b->column = calloc(ASSAY_N_KEYS + s->n, sizeof *b->column);
    b->name = calloc(s->n + 1, sizeof *b->name);
    b->spread = calloc(s->n + 1, sizeof *b->spread);
    b->has_value = calloc(s->n + 1, sizeof *b->has_value);
    if (b->column == NULL || b->name == NULL || b->spread == NULL || b->has_value == NULL) {
        return no_memory(err);
    }
    memcpy(b->column, b->table->key, sizeof b->table->key);
    for (size_t i = 0; i < s->n; i++) {
        const assay_further_column *further = s->found[i] ? NULL : find_in(s, source, s->names[i]);
        if (further == NULL) {
            continue;
        }
        if (!assay_typed_column_init(&b->column[ASSAY_N_KEYS + b->n_values], ASSAY_WANTED_NUMBER,
                                     further->name, further->type)) {
            return assay_error_set(err, ASSAY_E_DATA, "the table %s of %s: column %s does not hold numbers",
                                   b->table->name, s->store->folder, further->name);
        }
        b->name[b->n_values++] = i;
    }
    b->rows.n_values = b->n_values;
    return ASSAY_OK;
}

/* --- reading --- */

/* "symbol, time, when it is known (NULL: the lag says it), version, values …". */
static void select_values(const column_batch *b, assay_sql *sql) {
    const assay_typed_column *available = &b->column[ASSAY_KEY_AVAILABLE],
                             *filing = &b->column[ASSAY_KEY_FILING];
    bool has_own = !b->kind->at_its_bar;
    assay_sql_add(sql, "SELECT %s, %s, coalesce(%s, %s, NULL::TIMESTAMP), ", b->column[ASSAY_KEY_SYMBOL].read,
                  b->column[ASSAY_KEY_TIMESTAMP].read,
                  has_own && available->present ? available->read : "NULL",
                  has_own && filing->present ? filing->read : "NULL");
    assay_keyed_table_version(b->table, sql);
    for (size_t i = 0; i < b->n_values; i++) {
        assay_sql_add(sql, ", %s", b->column[ASSAY_N_KEYS + i].read);
    }
    assay_keyed_table_from(b->table, sql);
}

/* Rows that do not say their frequency are daily; those of prices have been taken for the run's. */
static assay_status add_frequency(const column_search *s, const column_batch *b, const assay_arg *files,
                                  assay_sql *sql, assay_error *err) {
    const assay_typed_column *frequency = &b->column[ASSAY_KEY_FREQUENCY];
    if (!b->kind->has_frequencies || (b->kind->at_its_bar && !frequency->present)) {
        return ASSAY_OK;
    }
    assay_sql_add(sql, " AND ");
    assay_status status = assay_frequency_case(
        s->store->connection, "read_parquet($1, union_by_name=true, hive_partitioning=false)", files, 1,
        frequency->present ? frequency->name : NULL, b->kind->at_its_bar ? s->frequency : "1d", sql, err);
    assay_sql_add(sql, " = ");
    assay_sql_literal(sql, s->frequency);
    return status;
}

static int64_t day_begin(int64_t us) {
    return assay_day_of_us(us) * ASSAY_US_PER_DAY;
}

/* When a row of a bar is known. Where bars know their ends, the row's is the first at or after its time, and it is known just
 * before that ends: a session may end after the next date has begun. */
static int64_t end_of_its_bar(const assay_panel *panel, int64_t time) {
    size_t low = 0, high = panel->n_bars;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (panel->timestamp_us[middle] < time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return panel->bar_end_us == NULL || low == panel->n_bars ? time : panel->bar_end_us[low] - 1;
}

static assay_status take_row(const column_search *s, column_batch *b, const assay_cursor *cursor,
                             assay_error *err) {
    char name[256];
    size_t symbol;
    double *value = NULL;
    assay_cursor_copy(cursor, 0, name, sizeof name);
    if (assay_cursor_is_null(cursor, 1)) {
        return ASSAY_OK;
    }
    const char *instrument = assay_symbol_at(s->store, name, assay_cursor_int(cursor, 1));
    if (instrument == NULL || !assay_panel_find_symbol(s->panel, instrument, &symbol)) {
        return ASSAY_OK;
    }
    int64_t time = assay_cursor_int(cursor, 1);
    if (b->kind->has_frequencies && strcmp(s->frequency, "1d") == 0) {
        time = day_begin(time); /* a daily row counts for its date, whatever its time */
    }
    int64_t lag = b->kind->lags ? s->spec->lag_days * ASSAY_US_PER_DAY : 0;
    assay_dated_row row = {
        .available_us = assay_cursor_is_null(cursor, 2) ? time + lag : assay_cursor_int(cursor, 2),
        .timestamp_us = time,
        .version_us = assay_cursor_is_null(cursor, 3) ? INT64_MIN : assay_cursor_int(cursor, 3),
        .symbol = (uint32_t)symbol};
    if (b->kind->has_frequencies && assay_cursor_is_null(cursor, 2)) {
        row.available_us = end_of_its_bar(s->panel, time);
    }
    assay_status status = assay_dated_rows_add(&b->rows, row, &value, err);
    for (size_t i = 0; status == ASSAY_OK && i < b->n_values; i++) {
        double number = assay_cursor_double(cursor, 4 + i);
        value[i] = isfinite(number) ? number : ASSAY_NAN;
        b->has_value[i] = b->has_value[i] || isfinite(number);
    }
    return status;
}

static assay_status read_rows(const column_search *s, column_batch *b, assay_error *err) {
    const assay_arg args[3] = {
        assay_arg_list((const char *const *)b->table->files.path, b->table->files.count),
        assay_arg_list(s->symbols.name, s->symbols.n_names), assay_arg_timestamp(s->end_us)};
    char what[80];
    assay_sql sql = {0};
    assay_cursor cursor = {0};
    assay_error first = {.status = ASSAY_OK};
    (void)snprintf(what, sizeof what, "cannot read the table %s", b->table->name);
    select_values(b, &sql);
    assay_status status = add_frequency(s, b, args, &sql, &first);
    if (status == ASSAY_OK) {
        status = assay_cursor_stream(&cursor, s->store->connection, sql.failed ? NULL : sql.text, args, 3,
                                     what, &first);
    }
    assay_sql_reset(&sql);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        status = take_row(s, b, &cursor, &first);
    }
    if (status == ASSAY_OK) {
        status = assay_cursor_check(&cursor, what, &first);
    }
    assay_cursor_close(&cursor);
    return status == ASSAY_OK ? ASSAY_OK
                              : assay_files_diagnose(s->store, &b->table->files, b->column,
                                                     ASSAY_N_KEYS + b->n_values, &first, err);
}

/* --- into the panel --- */

static assay_status add_columns(column_search *s, column_batch *b, assay_error *err) {
    size_t n_cells = s->panel->n_bars * s->panel->n_symbols;
    int64_t max_age = b->kind->at_its_bar ? 0 : s->spec->max_age_days * ASSAY_US_PER_DAY;
    for (size_t i = 0; i < b->n_values; i++) {
        b->spread[i] = assay_block_alloc(n_cells + 1, sizeof *b->spread[i]);
        if (b->spread[i] == NULL) {
            return no_memory(err);
        }
    }
    assay_dated_rows_spread(&b->rows, s->panel, max_age, b->spread);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < b->n_values; i++) {
        if (!b->has_value[i]) { /* a table further on, or the caller, may know better */
            s->empty_in[b->name[i]] = b->kind->table;
            continue;
        }
        s->found[b->name[i]] = true;
        status = assay_panel_add_column(s->panel, s->names[b->name[i]], b->spread[i], err);
    }
    return status;
}

static assay_status look_into(column_search *s, size_t source, assay_error *err) {
    column_batch batch = {0};
    assay_status status =
        assay_keyed_table_open(s->store, source_kinds[source].table, &s->table[source], err);
    if (status == ASSAY_OK && s->table[source].files.count > 0) {
        status = batch_init(s, source, &batch, err);
    }
    if (status == ASSAY_OK && batch.n_values > 0) {
        status = read_rows(s, &batch, err);
        if (status == ASSAY_OK) {
            status = add_columns(s, &batch, err);
        }
    }
    batch_reset(&batch);
    return status;
}

/* --- what was not found --- */

static const char *nearest_column(const column_search *s, const char *wanted) {
    const char *nearest = NULL;
    for (size_t source = 0; source < N_SOURCES; source++) {
        for (size_t i = 0; i < s->table[source].n_further; i++) {
            const char *name = s->table[source].further[i].name;
            if (find_in(s, source, name) != NULL) {
                nearest = assay_nearer_name(wanted, nearest, name);
            }
        }
    }
    return nearest;
}

static assay_status refuse(const column_search *s, size_t missing, assay_error *err) {
    const char *wanted = s->names[missing];
    char looked[200] = "";
    if (s->empty_in[missing] != NULL) {
        return assay_error_set(
            err, ASSAY_E_NOT_FOUND,
            "column %s of the table %s of %s has no value for the run's symbols, period and "
            "frequency (%s)",
            wanted, s->empty_in[missing], s->store->folder, s->frequency);
    }
    for (size_t source = 0; source < N_SOURCES; source++) {
        size_t used = strlen(looked);
        (void)snprintf(looked + used, sizeof looked - used, "%s%s%s", source == 0 ? "" : ", ",
                       source_kinds[source].table,
                       s->table[source].files.count == 0 ? " (which is not there)" : "");
    }
    const char *nearest = nearest_column(s, wanted);
    return assay_error_set(err, ASSAY_E_NOT_FOUND, "no table of %s has a column %s%s%s%s; looked into: %s",
                           s->store->folder, wanted, nearest == NULL ? "" : " (did you mean ",
                           nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?)", looked);
}

static bool all_found(const column_search *s, size_t *out_first_missing) {
    size_t i = 0;
    while (i < s->n && s->found[i]) {
        i++;
    }
    *out_first_missing = i;
    return i == s->n;
}

static assay_status search(column_search *s, bool *out_found, assay_error *err) {
    size_t missing = 0;
    assay_status status = ASSAY_OK;
    for (size_t source = 0; status == ASSAY_OK && source < N_SOURCES && !all_found(s, &missing); source++) {
        status = look_into(s, source, err);
    }
    if (status == ASSAY_OK && out_found != NULL) {
        memcpy(out_found, s->found, s->n * sizeof *out_found);
    } else if (status == ASSAY_OK && !all_found(s, &missing)) {
        status = refuse(s, missing, err);
    }
    return status;
}

assay_status assay_store_load_columns(assay_store *store, assay_panel *panel, const assay_column_spec *spec,
                                      const char *const *names, size_t n, bool *out_found, assay_error *err) {
    if (store == NULL || panel == NULL || spec == NULL || (n > 0 && names == NULL)) {
        return assay_error_set(
            err, ASSAY_E_ARGUMENT,
            "assay_store_load_columns needs a store, a panel, a specification and names of columns");
    }
    if (n == 0) {
        return ASSAY_OK;
    }
    assay_store_single_thread(store); /* rows keep the order of their files */
    const char *frequency = spec->frequency == NULL ? "1d" : spec->frequency;
    column_search s = {.store = store, .panel = panel, .spec = spec, .names = names, .n = n};
    assay_frequency_name(frequency, strlen(frequency), s.frequency);
    s.end_us = assay_panel_bar_end_us(panel, panel->n_bars - 1);
    s.found = calloc(n, sizeof *s.found);
    s.empty_in = calloc(n, sizeof *s.empty_in);
    bool whole = s.found != NULL && s.empty_in != NULL;
    assay_status status = whole ? ASSAY_OK : no_memory(err);
    if (status == ASSAY_OK) {
        status = assay_symbol_changes_want(store, panel->name, panel->n_symbols, &s.symbols, err);
    }
    if (status == ASSAY_OK) {
        status = search(&s, out_found, err);
    }
    for (size_t i = 0; i < N_SOURCES; i++) {
        assay_keyed_table_reset(&s.table[i]);
    }
    free(s.found);
    free(s.empty_in);
    assay_wanted_symbols_reset(&s.symbols);
    return status;
}
