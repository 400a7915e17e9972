/* What the Parquet files of the prices table hold, and the SQL that reads it.
 *
 * Invariant: every column comes out as TIMESTAMP, VARCHAR or DOUBLE whatever the files have; only columns that a run needs
 * appear in the SQL, and DuckDB casts (in parallel) where it has to.
 */
#include "prices_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/dates.h"
#include "symbol_changes.h"

static const char *const wanted_names[ASSAY_N_PRICES] = {
    "timestamp",   "symbol",     "open_price",      "high_price",        "low_price",
    "close_price", "volume",     "dividend_amount", "split_coefficient", "frequency",
    "currency",    "updated_at", "created_at",
};

#define SOURCE "read_parquet($1, union_by_name=true, hive_partitioning=false"

/* --- columns --- */

bool assay_prices_knows(const char *name) {
    for (size_t i = 0; i < ASSAY_N_PRICES; i++) {
        if (strcasecmp(name, wanted_names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static assay_wanted_type wanted_type(size_t index) {
    switch (index) {
    case ASSAY_PRICES_TIMESTAMP:
    case ASSAY_PRICES_UPDATED:
    case ASSAY_PRICES_CREATED:
        return ASSAY_WANTED_TIME;
    case ASSAY_PRICES_SYMBOL:
    case ASSAY_PRICES_FREQUENCY:
    case ASSAY_PRICES_CURRENCY:
        return ASSAY_WANTED_LABEL;
    default:
        return ASSAY_WANTED_NUMBER;
    }
}

static assay_status read_columns(duckdb_result *result, assay_prices_table *table, assay_error *err) {
    char found[400] = "";
    for (idx_t c = 0; c < duckdb_column_count(result); c++) {
        const char *name = duckdb_column_name(result, c);
        size_t used = strlen(found);
        (void)snprintf(found + used, sizeof found - used, "%s%s", c == 0 ? "" : ", ", name);
        for (size_t i = 0; i < ASSAY_N_PRICES; i++) {
            if (strcasecmp(name, wanted_names[i]) != 0) {
                continue;
            }
            if (!assay_typed_column_init(&table->column[i], wanted_type(i), name,
                                         duckdb_column_type(result, c))) {
                return assay_error_set(
                    err, ASSAY_E_DATA,
                    "the prices table of %s: column %s does not hold %s; write it as such, or rename it",
                    table->database, name, assay_wanted_name(wanted_type(i)));
            }
        }
    }
    static const size_t needed[] = {ASSAY_PRICES_TIMESTAMP, ASSAY_PRICES_SYMBOL, ASSAY_PRICES_CLOSE};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!table->column[needed[i]].present) {
            return assay_error_set(err, ASSAY_E_DATA, "the prices table of %s has no column %s; it has: %s",
                                   table->database, wanted_names[needed[i]], found);
        }
    }
    return ASSAY_OK;
}

assay_status assay_prices_table_open(assay_store *store, assay_prices_table *out_table, assay_error *err) {
    *out_table = (assay_prices_table){.store = store, .database = store->folder};
    assay_status status = assay_files_list(store->folder, "prices", &out_table->files, err);
    if (status != ASSAY_OK) {
        return status;
    }
    if (out_table->files.count == 0) {
        return assay_error_set(
            err, ASSAY_E_NOT_FOUND,
            "the database %s has no prices (no %s/prices/**/*.parquet); add some with `assay import` or "
            "`assay sample`",
            store->folder, store->folder);
    }
    assay_arg files = assay_arg_list((const char *const *)out_table->files.path, out_table->files.count);
    duckdb_result result;
    assay_error first;
    status = assay_query_run(store->connection, "SELECT * FROM " SOURCE ") LIMIT 0", &files, 1,
                             "cannot read the prices table", &result, &first);
    if (status != ASSAY_OK) {
        return assay_prices_diagnose(store, out_table, &first, err);
    }
    status = read_columns(&result, out_table, err);
    duckdb_destroy_result(&result);
    return status;
}

void assay_prices_table_reset(assay_prices_table *table) {
    assay_files_reset(&table->files);
    for (size_t i = 0; i < table->n_spellings; i++) {
        free(table->spelling[i]);
    }
    free(table->spelling);
    assay_sql_reset(&table->frequency_sql);
    *table = (assay_prices_table){0};
}

/* --- the SELECT --- */

static bool has_end(const assay_load_spec *spec) {
    return spec->end_us != INT64_MAX;
}

/* Plain comparisons with the column, so that DuckDB passes over row groups by their statistics. */
static void add_window(const assay_prices_table *table, bool is_first, assay_sql *sql) {
    const char *time = table->column[ASSAY_PRICES_TIMESTAMP].read, *word = is_first ? " WHERE " : " AND ";
    if (table->from_us == INT64_MIN && table->until_us != INT64_MAX)
        assay_sql_add(sql, "%s(%s IS NULL OR %s < make_timestamp(%lld))", word, time, time,
                      (long long)table->until_us);
    if (table->from_us != INT64_MIN)
        assay_sql_add(sql, "%s%s >= make_timestamp(%lld)", word, time, (long long)table->from_us);
    if (table->from_us != INT64_MIN && table->until_us != INT64_MAX)
        assay_sql_add(sql, " AND %s < make_timestamp(%lld)", time, (long long)table->until_us);
}

static void add_filter(const assay_prices_table *table, const assay_load_spec *spec, assay_sql *sql) {
    const char *word = " WHERE ";
    if (spec->symbols != NULL) {
        assay_sql_add(sql, "%s%s IN (SELECT unnest($2))", word, table->column[ASSAY_PRICES_SYMBOL].read);
        word = " AND ";
    }
    if (has_end(spec)) {
        assay_sql_add(sql, "%s%s < $%d", word, table->column[ASSAY_PRICES_TIMESTAMP].read,
                      2 + (spec->symbols != NULL));
        word = " AND ";
    }
    if (table->n_spellings > 0) {
        const char *frequency = table->column[ASSAY_PRICES_FREQUENCY].read;
        assay_sql_add(sql, "%s(%s IN (SELECT unnest($%d))", word, frequency,
                      2 + (spec->symbols != NULL) + has_end(spec));
        assay_sql_add(sql, table->null_is_chosen ? " OR %s IS NULL)" : ")", frequency);
        word = " AND ";
    }
    if (table->has_window) {
        add_window(table, word[1] == 'W', sql);
    }
}

size_t assay_prices_args(const assay_prices_table *table, const assay_load_spec *spec,
                         assay_arg out_args[4]) {
    size_t n = 0;
    out_args[n++] = assay_arg_list((const char *const *)table->files.path, table->files.count);
    if (spec->symbols != NULL) {
        out_args[n++] = assay_arg_list(spec->symbols, spec->n_symbols);
    }
    if (has_end(spec)) {
        /* A daily row counts for its date whatever its time, so the whole last day belongs to it. */
        int64_t after =
            table->daily ? ((int64_t)assay_day_of_us(spec->end_us) + 1) * ASSAY_US_PER_DAY : spec->end_us + 1;
        out_args[n++] = assay_arg_timestamp(after);
    }
    if (table->n_spellings > 0) {
        out_args[n++] = assay_arg_list((const char *const *)table->spelling, table->n_spellings);
    }
    return n;
}

void assay_prices_sql(const assay_prices_table *table, const assay_load_spec *spec, bool with_version,
                      assay_sql *sql) {
    const char *word = "SELECT ";
    if (table->store != NULL) {
        assay_symbol_changes_before(table->store, sql);
    }
    for (size_t i = 0; i < ASSAY_N_READ; i++) {
        if (table->column[i].present) {
            assay_sql_add(sql, "%s%s AS p_%s", word, table->column[i].read, wanted_names[i]);
            word = ", ";
        }
    }
    if (with_version) {
        const assay_typed_column *updated = &table->column[ASSAY_PRICES_UPDATED];
        const assay_typed_column *created = &table->column[ASSAY_PRICES_CREATED];
        assay_sql_add(sql, ", coalesce(%s, %s, NULL::TIMESTAMP) AS p_version, assay_file",
                      updated->present ? updated->read : "NULL", created->present ? created->read : "NULL");
    }
    assay_sql_add(sql, " FROM " SOURCE "%s)", with_version ? ", filename='assay_file'" : "");
    add_filter(table, spec, sql);
    if (table->store != NULL) {
        assay_symbol_changes_behind(table->store, sql);
    }
}

/* --- frequency and currency --- */

enum { MAX_KINDS = 16 };

/* The distinct frequencies and currencies of the chosen symbols. */
typedef struct kinds {
    char frequency[MAX_KINDS][32];
    char currency[MAX_KINDS][32];
    size_t n_frequencies, n_currencies;
    bool some_without_frequency;
} kinds;

static void add_kind(char list[MAX_KINDS][32], size_t *count, const char *text) {
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(list[i], text) == 0) {
            return;
        }
    }
    if (*count < MAX_KINDS) {
        (void)snprintf(list[(*count)++], 32, "%s", text);
    }
}

static void join_kinds(char list[MAX_KINDS][32], size_t count, char *out_text, size_t size) {
    size_t used = 0;
    out_text[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        int n = snprintf(out_text + used, size - used, "%s%s", i == 0 ? "" : ", ", list[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

static bool keep_spelling(assay_prices_table *table, const char *text, size_t size) {
    char **grown = realloc(table->spelling, (table->n_spellings + 1) * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    table->spelling = grown;
    grown[table->n_spellings] = assay_text_format("%.*s", (int)size, text);
    return grown[table->n_spellings] != NULL && ++table->n_spellings > 0;
}

/* One pass over the distinct pairs: collects them (found != NULL), or keeps the spellings of the chosen frequency. */
static assay_status scan_kinds(assay_store *store, assay_prices_table *table, const assay_load_spec *spec,
                               kinds *found, assay_error *err) {
    assay_sql sql = {0};
    const assay_typed_column *frequency = &table->column[ASSAY_PRICES_FREQUENCY];
    const assay_typed_column *currency = &table->column[ASSAY_PRICES_CURRENCY];
    assay_sql_add(&sql, "SELECT DISTINCT %s, %s FROM " SOURCE ")",
                  frequency->present ? frequency->read : "NULL::VARCHAR",
                  currency->present ? currency->read : "NULL::VARCHAR");
    assay_load_spec only_symbols = *spec;
    only_symbols.end_us = INT64_MAX;
    assay_prices_table unfiltered = *table;
    unfiltered.n_spellings = 0;
    add_filter(&unfiltered, &only_symbols, &sql);
    assay_sql_add(&sql, " ORDER BY ALL");
    assay_arg args[4];
    size_t n_args = assay_prices_args(&unfiltered, &only_symbols, args);
    assay_cursor cursor;
    assay_error first;
    assay_status status = assay_cursor_open(&cursor, store->connection, sql.text, args, n_args,
                                            "cannot read the prices table", &first);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return assay_prices_diagnose(store, table, &first, err);
    }
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char name[32];
        size_t size;
        const char *text = assay_cursor_text(&cursor, 0, &size);
        assay_frequency_name(text, size, name);
        bool chosen = name[0] != '\0' && strcmp(name, table->frequency) == 0;
        if (found == NULL) {
            if (chosen && !keep_spelling(table, text, size)) {
                status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading the prices table");
            }
            continue;
        }
        if (name[0] == '\0') {
            found->some_without_frequency = true;
        } else {
            add_kind(found->frequency, &found->n_frequencies, name);
        }
        text = assay_cursor_text(&cursor, 1, &size);
        if (size > 0) {
            (void)snprintf(name, sizeof name, "%.*s", (int)(size < 31 ? size : 31), text);
            add_kind(found->currency, &found->n_currencies, name);
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

static assay_status choose_frequency(assay_store *store, assay_prices_table *table,
                                     const assay_load_spec *spec, kinds *found, assay_error *err) {
    char list[512], wanted[32] = "";
    /* Rows that do not say: of the one frequency that others say, else daily, if anybody says anything. */
    if (found->some_without_frequency && found->n_frequencies > 1) {
        add_kind(found->frequency, &found->n_frequencies, "1d");
    }
    join_kinds(found->frequency, found->n_frequencies, list, sizeof list);
    if (spec->frequency != NULL) {
        assay_frequency_name(spec->frequency, strlen(spec->frequency), wanted);
    } else if (found->n_frequencies > 1) {
        return assay_error_set(
            err, ASSAY_E_DATA,
            "the prices table of %s has several frequencies (%s); choose one with --frequency",
            table->database, list);
    } else if (found->n_frequencies == 1) {
        (void)snprintf(wanted, sizeof wanted, "%s", found->frequency[0]);
    }
    (void)snprintf(table->frequency, sizeof table->frequency, "%s", wanted);
    table->daily = strcmp(wanted, "1d") == 0;
    bool known = found->n_frequencies == 0;
    for (size_t i = 0; i < found->n_frequencies; i++) {
        known = known || strcmp(found->frequency[i], wanted) == 0;
    }
    if (!known) {
        return assay_error_set(err, ASSAY_E_NOT_FOUND,
                               "the prices table of %s has no rows of frequency %s; it has: %s",
                               table->database, spec->frequency, list);
    }
    if (found->n_frequencies > 1) {
        table->null_is_chosen = table->daily;
        return scan_kinds(store, table, spec, NULL, err);
    }
    return ASSAY_OK;
}

assay_status assay_prices_table_choose(assay_store *store, assay_prices_table *table,
                                       const assay_load_spec *spec, assay_error *err) {
    kinds found = {.n_frequencies = 0};
    assay_status status = ASSAY_OK;
    if (table->column[ASSAY_PRICES_FREQUENCY].present || table->column[ASSAY_PRICES_CURRENCY].present) {
        status = scan_kinds(store, table, spec, &found, err);
    }
    if (status == ASSAY_OK && found.n_currencies > 1) {
        char list[512];
        join_kinds(found.currency, found.n_currencies, list, sizeof list);
        return assay_error_set(
            err, ASSAY_E_DATA,
            "the chosen prices of %s are in several currencies (%s), and converting them is not built "
            "yet; name symbols of one currency with --symbols",
            table->database, list);
    }
    return status == ASSAY_OK ? choose_frequency(store, table, spec, &found, err) : status;
}

assay_status assay_prices_diagnose(assay_store *store, const assay_prices_table *table,
                                   const assay_error *first, assay_error *err) {
    return assay_files_diagnose(store, &table->files, table->column, ASSAY_N_PRICES, first, err);
}
