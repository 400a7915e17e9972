/* Ready signals out of a table of the database, a file or a query (include/assay/assay_signals.h is what they become).
 *
 * Invariant: the fingerprint is that of the rows as a set; their order, which a query need not fix, does not change it.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "assay/assay_signals.h"
#include "base/array.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/text.h"
#include "locked_database.h"
#include "market/symbol_table.h"
#include "typed_column.h"

enum { N_NUMBERS = 3, N_TEXTS = 4, N_COLUMNS = 8, N_ALIASES = 3, NO_TEXT = 0xffffffff };
enum { TIMESTAMP = 0, STRENGTH = 1, SCORE = 2, TARGET = 3, SYMBOL = 4, ACTION = 5, TYPE = 6, REASON = 7 };
enum { FINGERPRINT_DIGITS = 12 };

static const char prefix[] = "signals:";

/* What columns are called; the first that is there counts. */
static const struct {
    const char *alias[N_ALIASES];
    assay_wanted_type wanted;
} columns[N_COLUMNS] = {
    [TIMESTAMP] = {{"timestamp", "date", "datetime"}, ASSAY_WANTED_TIME},
    [STRENGTH] = {{"strength"}, ASSAY_WANTED_NUMBER},
    [SCORE] = {{"score"}, ASSAY_WANTED_NUMBER},
    [TARGET] = {{"target_position", "target_position_pct", "weight"}, ASSAY_WANTED_NUMBER},
    [SYMBOL] = {{"symbol", "sym", "ticker"}, ASSAY_WANTED_LABEL},
    [ACTION] = {{"action", "side"}, ASSAY_WANTED_LABEL},
    [TYPE] = {{"signal_type"}, ASSAY_WANTED_LABEL},
    [REASON] = {{"reason"}, ASSAY_WANTED_LABEL},
};

typedef struct signal_row {
    int64_t time;
    double number[N_NUMBERS]; /* STRENGTH … TARGET */
    uint32_t text[N_TEXTS];   /* SYMBOL … REASON */
} signal_row;

/* Where the rows are read, and what was read. */
typedef struct signal_reading {
    const char *source; /* for messages */
    duckdb_connection connection;
    assay_sql relation; /* what stands behind FROM */
    assay_arg arg[1];   /* of the relation */
    size_t n_args;
    assay_typed_column column[N_COLUMNS];
    assay_symbol_table texts;
    signal_row *row;
    size_t n_rows, capacity;
    char what[300];
} signal_reading;

/* --- what the source is --- */

static bool ends_with(const char *text, const char *ending) {
    size_t size = strlen(text), n = strlen(ending);
    return size > n && strcasecmp(text + size - n, ending) == 0;
}

static bool is_query(const char *source) {
    const char *text = source + strspn(source, " \t\r\n(");
    static const char *const words[] = {"select", "with"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (strncasecmp(text, words[i], n) == 0 && text[n] != '\0' && isalnum((unsigned char)text[n]) == 0 &&
            text[n] != '_') {
            return true;
        }
    }
    return false;
}

static assay_status use_file(assay_store *store, signal_reading *r, assay_error *err) {
    bool is_csv = ends_with(r->source, ".csv");
    if (access(r->source, R_OK) != 0) {
        return assay_error_set(err, ASSAY_E_NOT_FOUND, "there is no file of signals %s", r->source);
    }
    r->connection = store->connection;
    r->arg[0] = is_csv ? assay_arg_text(r->source) : assay_arg_list(&r->source, 1);
    r->n_args = 1;
    assay_sql_add(&r->relation, "%s",
                  is_csv ? "read_csv($1, all_varchar=true, header=true)"
                         : "read_parquet($1, hive_partitioning=false)");
    return ASSAY_OK;
}

static assay_status refuse_table(const assay_files *tables, const assay_store *store, const char *name,
                                 assay_error *err) {
    const char *nearest = NULL;
    for (size_t i = 0; i < tables->count; i++) {
        nearest = assay_nearer_name(name, nearest, tables->path[i]);
    }
    return assay_error_set(
        err, ASSAY_E_NOT_FOUND,
        "the database %s has no table of signals '%s'%s%s%s; signals are read from a table, a "
        ".parquet or .csv file, or a query that begins with SELECT or WITH",
        store->folder, name, nearest == NULL ? "" : " (did you mean '", nearest == NULL ? "" : nearest,
        nearest == NULL ? "" : "'?)");
}

static assay_status use_table(assay_store *store, signal_reading *r, assay_error *err) {
    assay_files files = {0}, tables = {0};
    bool is_there = false;
    assay_status status = assay_files_tables(store->folder, &tables, err);
    for (size_t i = 0; i < tables.count; i++) {
        is_there = is_there || strcmp(tables.path[i], r->source) == 0;
    }
    if (status == ASSAY_OK && is_there) {
        status = assay_files_list(store->folder, r->source, &files, err);
    }
    if (status == ASSAY_OK && files.count == 0) {
        status = refuse_table(&tables, store, r->source, err);
    }
    assay_sql_identifier(&r->relation, r->source);
    assay_files_reset(&files);
    assay_files_reset(&tables);
    return status;
}

/* Text behind FROM, and the DuckDB that understands it: the store's own for files, a locked one for tables and queries. */
static assay_status open_source(assay_store *store, signal_reading *r, duckdb_database *out_database,
                                assay_error *err) {
    if (ends_with(r->source, ".parquet") || ends_with(r->source, ".csv")) {
        return use_file(store, r, err);
    }
    assay_status status = ASSAY_OK;
    if (is_query(r->source)) {
        char *query = assay_sql_trimmed(r->source);
        assay_sql_add(&r->relation, "(%s\n)", query == NULL ? "" : query);
        r->relation.failed = r->relation.failed || query == NULL;
        free(query);
    } else {
        status = use_table(store, r, err);
    }
    if (status == ASSAY_OK) {
        status = assay_locked_open(store, r->source, out_database, &r->connection, err);
    }
    return status == ASSAY_OK && is_query(r->source)
               ? assay_locked_check(r->connection, r->source, r->what, err)
               : status;
}

/* --- its columns --- */

static assay_status take_column(signal_reading *r, size_t column, const char *name, duckdb_type type,
                                assay_error *err) {
    if (assay_typed_column_init(&r->column[column], columns[column].wanted, name, type)) {
        return ASSAY_OK;
    }
    return assay_error_set(err, ASSAY_E_DATA, "%s: column %s does not hold %s", r->what, name,
                           assay_wanted_name(columns[column].wanted));
}

static assay_status find_columns(signal_reading *r, duckdb_result *result, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < N_COLUMNS; i++) {
        for (size_t a = 0; a < N_ALIASES && columns[i].alias[a] != NULL && !r->column[i].present; a++) {
            for (idx_t c = 0; status == ASSAY_OK && c < duckdb_column_count(result); c++) {
                const char *name = duckdb_column_name(result, c);
                if (strcasecmp(name, columns[i].alias[a]) == 0) {
                    status = take_column(r, i, name, duckdb_column_type(result, c), err);
                }
            }
        }
    }
    return status;
}

static assay_status check_columns(const signal_reading *r, duckdb_result *result, assay_error *err) {
    const char *missing = NULL;
    char found[400] = "";
    if (!r->column[TIMESTAMP].present) {
        missing = "timestamp (or date, datetime)";
    } else if (!r->column[SYMBOL].present) {
        missing = "symbol (or sym, ticker)";
    } else if (!r->column[ACTION].present && !r->column[TARGET].present) {
        missing = "action (or side), nor one of target_position or weight";
    }
    for (idx_t c = 0; c < duckdb_column_count(result); c++) {
        size_t used = strlen(found);
        (void)snprintf(found + used, sizeof found - used, "%s%s", c == 0 ? "" : ", ",
                       duckdb_column_name(result, c));
    }
    return missing == NULL ? ASSAY_OK
                           : assay_error_set(err, ASSAY_E_DATA, "%s: there is no column %s; there are: %s",
                                             r->what, missing, found);
}

static assay_status read_columns(signal_reading *r, assay_error *err) {
    assay_sql sql = {0};
    duckdb_result result;
    sql.failed = r->relation.failed;
    assay_sql_add(&sql, "SELECT * FROM %s LIMIT 0", r->relation.failed ? "" : r->relation.text);
    assay_status status = assay_query_run(r->connection, sql.failed ? NULL : sql.text, r->arg, r->n_args,
                                          r->what, &result, err);
    assay_sql_reset(&sql);
    if (status == ASSAY_OK) {
        status = find_columns(r, &result, err);
        if (status == ASSAY_OK) {
            status = check_columns(r, &result, err);
        }
        duckdb_destroy_result(&result);
    }
    return status;
}

/* --- its rows --- */

/* A cast failed: which row, and its value. */
static assay_status diagnose(signal_reading *r, const assay_error *first, assay_error *err) {
    for (size_t i = 0; i < N_COLUMNS; i++) {
        const assay_typed_column *column = &r->column[i];
        if (!column->present || column->failed[0] == '\0') {
            continue;
        }
        assay_sql sql = {0};
        assay_cursor cursor;
        assay_sql_add(&sql,
                      "SELECT n, CAST(\"%s\" AS VARCHAR) FROM (SELECT row_number() OVER () AS n, * FROM %s) "
                      "WHERE %s LIMIT 1",
                      column->name, r->relation.text, column->failed);
        bool found = assay_cursor_open(&cursor, r->connection, sql.failed ? NULL : sql.text, r->arg,
                                       r->n_args, "", NULL) == ASSAY_OK &&
                     assay_cursor_next(&cursor);
        if (found) {
            char value[80];
            assay_cursor_copy(&cursor, 1, value, sizeof value);
            (void)assay_error_set(err, ASSAY_E_DATA, "%s, row %lld: %s '%s' is not %s", r->source,
                                  (long long)assay_cursor_int(&cursor, 0), column->name, value,
                                  column->wanted == ASSAY_WANTED_TIME ? "a date or time" : "a number");
        }
        assay_cursor_close(&cursor);
        assay_sql_reset(&sql);
        if (found) {
            return ASSAY_E_DATA;
        }
    }
    return assay_error_set(err, first->status, "%s", first->message);
}

static assay_status take_texts(signal_reading *r, const assay_cursor *cursor, signal_row *row,
                               assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < N_TEXTS; i++) {
        size_t size;
        const char *text = assay_cursor_text(cursor, SYMBOL + i, &size);
        bool may_be_cut = SYMBOL + i == TYPE || SYMBOL + i == REASON;
        size = may_be_cut && size > ASSAY_LONGEST_SYMBOL ? ASSAY_LONGEST_SYMBOL : size;
        row->text[i] = NO_TEXT;
        if (size > 0) {
            status = assay_symbol_table_id(&r->texts, text, size, &row->text[i], err);
        }
    }
    return status;
}

static assay_status take_row(signal_reading *r, const assay_cursor *cursor, assay_error *err) {
    assay_status status = ASSAY_RESERVE(r->row, r->capacity, r->n_rows + 1, err);
    if (status != ASSAY_OK) {
        return status;
    }
    signal_row *row = &r->row[r->n_rows++];
    row->time = assay_cursor_int(cursor, TIMESTAMP);
    for (size_t i = 0; i < N_NUMBERS; i++) {
        row->number[i] = assay_cursor_double(cursor, STRENGTH + i);
    }
    if (assay_cursor_is_null(cursor, STRENGTH)) {
        row->number[0] = 1;
    }
    return assay_cursor_is_null(cursor, TIMESTAMP)
               ? assay_error_set(err, ASSAY_E_DATA, "%s, row %zu: the timestamp is missing", r->source,
                                 r->n_rows)
               : take_texts(r, cursor, row, err);
}

static assay_status read_rows(signal_reading *r, assay_error *err) {
    static const char *const types[] = {"TIMESTAMP", "VARCHAR", "DOUBLE"};
    assay_sql sql = {0};
    assay_cursor cursor;
    assay_error first = {.status = ASSAY_OK};
    for (size_t i = 0; i < N_COLUMNS; i++) {
        assay_sql_add(&sql, "%s%s::%s", i == 0 ? "SELECT " : ", ",
                      r->column[i].present ? r->column[i].read : "NULL", types[columns[i].wanted]);
    }
    assay_sql_add(&sql, " FROM %s", r->relation.text);
    assay_status status = assay_cursor_open(&cursor, r->connection, sql.failed ? NULL : sql.text, r->arg,
                                            r->n_args, r->what, &first);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return diagnose(r, &first, err);
    }
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        status = take_row(r, &cursor, err);
    }
    assay_cursor_close(&cursor);
    return status;
}

/* --- the fingerprint --- */

/* The hash of one row, added to those of the others: the order does not matter. */
static uint64_t hash_row(const signal_reading *r, const signal_row *row) {
    struct {
        int64_t time;
        double number[N_NUMBERS];
        uint64_t text[N_TEXTS];
    } key = {.time = row->time};
    for (size_t i = 0; i < N_NUMBERS; i++) {
        key.number[i] = isnan(row->number[i]) ? ASSAY_NAN : row->number[i];
    }
    for (size_t i = 0; i < N_TEXTS; i++) {
        const char *text = row->text[i] == NO_TEXT ? "" : assay_symbol_table_name(&r->texts, row->text[i]);
        key.text[i] = assay_hash_key(text, strlen(text));
    }
    return assay_hash_key(&key, sizeof key);
}

static void fingerprint(const signal_reading *r, char out_hex[33]) {
    uint64_t sum[2] = {r->n_rows, 0};
    assay_hash hash;
    for (size_t i = 0; i < r->n_rows; i++) {
        sum[1] += hash_row(r, &r->row[i]);
    }
    assay_hash_init(&hash);
    assay_hash_add(&hash, sum, sizeof sum);
    assay_hash_hex(&hash, out_hex);
    out_hex[FINGERPRINT_DIGITS] = '\0';
}

/* Cuts "#" and the digits off a source that has them; returns the digits, or NULL. */
static char *cut_fingerprint(char *source) {
    char *mark = strrchr(source, '#');
    if (mark == NULL || strlen(mark + 1) != FINGERPRINT_DIGITS ||
        strspn(mark + 1, "0123456789abcdef") != FINGERPRINT_DIGITS) {
        return NULL;
    }
    *mark = '\0';
    return mark + 1;
}

static assay_status check_fingerprint(const signal_reading *r, const char *expected, const char *found,
                                      assay_error *err) {
    if (expected == NULL || strcmp(expected, found) == 0) {
        return ASSAY_OK;
    }
    return assay_error_set(
        err, ASSAY_E_DATA,
        "the signals of %.300s have changed since the run: their fingerprint is %s, not %s", r->source, found,
        expected);
}

/* --- the strategy --- */

/* The rows as arrays. */
typedef struct signal_arrays {
    int64_t *time;
    double *number[N_NUMBERS];
    const char **text[N_TEXTS];
} signal_arrays;

static void arrays_reset(signal_arrays *arrays) {
    free(arrays->time);
    for (size_t i = 0; i < N_NUMBERS; i++) {
        free(arrays->number[i]);
    }
    for (size_t i = 0; i < N_TEXTS; i++) {
        free(arrays->text[i]);
    }
}

static bool arrays_init(const signal_reading *r, signal_arrays *out) {
    size_t n = r->n_rows + 1;
    *out = (signal_arrays){.time = malloc(n * sizeof *out->time)};
    bool whole = out->time != NULL;
    for (size_t k = 0; k < N_NUMBERS; k++) {
        out->number[k] = malloc(n * sizeof *out->number[k]);
        whole = whole && out->number[k] != NULL;
    }
    for (size_t k = 0; k < N_TEXTS; k++) {
        out->text[k] = malloc(n * sizeof *out->text[k]);
        whole = whole && out->text[k] != NULL;
    }
    for (size_t i = 0; whole && i < r->n_rows; i++) {
        out->time[i] = r->row[i].time;
        for (size_t k = 0; k < N_NUMBERS; k++) {
            out->number[k][i] = r->row[i].number[k];
        }
        for (size_t k = 0; k < N_TEXTS; k++) {
            uint32_t id = r->row[i].text[k];
            out->text[k][i] = id == NO_TEXT ? NULL : assay_symbol_table_name(&r->texts, id);
        }
    }
    return whole;
}

static assay_status make_strategy(const signal_reading *r, const char *digits, assay_strategy **out_strategy,
                                  assay_error *err) {
    signal_arrays arrays;
    char *reference = assay_text_format("%s%s#%s", prefix, r->source, digits);
    assay_status status = ASSAY_OK;
    if (!arrays_init(r, &arrays) || reference == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", r->what);
    } else {
        const assay_signal_rows rows = {.n_rows = r->n_rows,
                                        .source = r->source,
                                        .timestamp_us = arrays.time,
                                        .symbol = arrays.text[0],
                                        .action =
                                            r->column[ACTION].present ? arrays.text[ACTION - SYMBOL] : NULL,
                                        .strength = arrays.number[0],
                                        .score = arrays.number[SCORE - STRENGTH],
                                        .target_position = arrays.number[TARGET - STRENGTH],
                                        .signal_type = arrays.text[TYPE - SYMBOL],
                                        .reason = arrays.text[REASON - SYMBOL]};
        status = assay_signals_create("signals", &rows, reference, out_strategy, err);
    }
    arrays_reset(&arrays);
    free(reference);
    return status;
}

/* A reference is one line: lines of a query are joined, unless a comment would swallow the rest. */
static assay_status join_lines(char *source, assay_error *err) {
    if (strchr(source, '\n') != NULL && strstr(source, "--") != NULL) {
        return assay_error_set(err, ASSAY_E_CONFIG, "a query for signals cannot have comments (--)");
    }
    for (char *c = source; *c != '\0'; c++) {
        *c = (char)(*c == '\n' || *c == '\r' ? ' ' : *c);
    }
    return ASSAY_OK;
}

assay_status assay_store_load_signals(assay_store *store, const char *source, assay_strategy **out_strategy,
                                      assay_error *err) {
    if (store == NULL || source == NULL || source[0] == '\0' || out_strategy == NULL) {
        return assay_error_set(
            err, ASSAY_E_ARGUMENT,
            "assay_store_load_signals needs a store, a source and a place for the strategy");
    }
    *out_strategy = NULL;
    assay_store_single_thread(store);
    duckdb_database database = NULL;
    char hex[33], *text = strdup(source), *expected = text == NULL ? NULL : cut_fingerprint(text);
    signal_reading r = {.source = text};
    assay_status status = text == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for signals")
                                       : join_lines(text, err);
    if (status == ASSAY_OK) {
        (void)snprintf(r.what, sizeof r.what, "cannot read the signals of %.200s", text);
        status = open_source(store, &r, &database, err);
    }
    if (status == ASSAY_OK) {
        status = read_columns(&r, err);
    }
    if (status == ASSAY_OK) {
        status = read_rows(&r, err);
    }
    if (status == ASSAY_OK) {
        fingerprint(&r, hex);
        status = check_fingerprint(&r, expected, hex, err);
    }
    if (status == ASSAY_OK) {
        status = make_strategy(&r, hex, out_strategy, err);
    }
    if (database != NULL) {
        assay_locked_close(&database, &r.connection);
    }
    assay_symbol_table_reset(&r.texts);
    assay_sql_reset(&r.relation);
    free(r.row);
    free(text);
    return status;
}
