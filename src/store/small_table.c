#include "small_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- the tables --- */

static const assay_small_column universe_columns[] = {
    [UNIVERSE_SYMBOL] = {"symbol", "ticker", ASSAY_SMALL_SYMBOL, true},
    [UNIVERSE_START] = {"start_date", "start", ASSAY_SMALL_DATE, true},
    [UNIVERSE_END] = {"end_date", "end", ASSAY_SMALL_DATE, true},
    [UNIVERSE_SECTOR] = {"sector", NULL, ASSAY_SMALL_TEXT, false},
};

static const assay_small_column delisting_columns[] = {
    [DELISTING_SYMBOL] = {"symbol", "ticker", ASSAY_SMALL_SYMBOL, true},
    [DELISTING_DATE] = {"date", "delisting_date", ASSAY_SMALL_DATE, true},
    [DELISTING_RETURN] = {"return", "delisting_return", ASSAY_SMALL_NUMBER, false},
};

static const assay_small_column change_columns[] = {
    [CHANGE_OLD] = {"old_symbol", "old", ASSAY_SMALL_SYMBOL, true},
    [CHANGE_NEW] = {"new_symbol", "new", ASSAY_SMALL_SYMBOL, true},
    [CHANGE_DATE] = {"date", "change_date", ASSAY_SMALL_DATE, true},
};

static const assay_small_column action_columns[] = {
    [ACTION_SYMBOL] = {"symbol", "ticker", ASSAY_SMALL_SYMBOL, true},
    [ACTION_EX_DATE] = {"ex_date", NULL, ASSAY_SMALL_DATE, true},
    [ACTION_TYPE] = {"type", NULL, ASSAY_SMALL_TEXT, false},
    [ACTION_NEW_SYMBOL] = {"new_symbol", NULL, ASSAY_SMALL_SYMBOL, false},
    [ACTION_SPLIT] = {"split_ratio", NULL, ASSAY_SMALL_NUMBER, false},
    [ACTION_DIVIDEND] = {"cash_dividend", "dividend", ASSAY_SMALL_NUMBER, false},
    [ACTION_PAY_DATE] = {"pay_date", NULL, ASSAY_SMALL_DATE, false},
    [ACTION_NEW_RATIO] = {"new_ratio", NULL, ASSAY_SMALL_NUMBER, false},
};

#define COLUMNS(list) list, sizeof(list) / sizeof *(list)

const assay_small_kind_of_table assay_universe_table = {"universe", COLUMNS(universe_columns), 2};
const assay_small_kind_of_table assay_delistings_table = {"delistings", COLUMNS(delisting_columns), 2};
const assay_small_kind_of_table assay_symbol_changes_table = {"symbol_changes", COLUMNS(change_columns), 3};
const assay_small_kind_of_table assay_actions_table = {"corporate_actions", COLUMNS(action_columns), 4};

const assay_small_kind_of_table *assay_small_table_find(const char *name) {
    const assay_small_kind_of_table *const tables[] = {&assay_universe_table, &assay_delistings_table,
                                                       &assay_symbol_changes_table, &assay_actions_table};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strcmp(tables[i]->name, name) == 0) {
            return tables[i];
        }
    }
    return NULL;
}

/* --- reading --- */

static const char *source_of(const assay_small_table *table) {
    return table->is_csv
               ? "(SELECT *, row_number() OVER () AS assay_row, $1[1] AS assay_file FROM read_csv($1, "
                 "header=true, all_varchar=true, sample_size=-1))"
               : "(SELECT * EXCLUDE (filename, file_row_number), file_row_number + 1 AS assay_row, "
                 "filename AS assay_file FROM read_parquet($1, union_by_name=true, "
                 "hive_partitioning=false, filename=true, file_row_number=true))";
}

/* How a column is read: TRY_CAST where it can fail, so that the row can be named. */
static const char *type_of(assay_small_kind kind) {
    switch (kind) {
    case ASSAY_SMALL_DATE:
        return "TIMESTAMP";
    case ASSAY_SMALL_NUMBER:
        return "DOUBLE";
    default:
        return "VARCHAR";
    }
}

static bool is_named(const assay_small_column *column, const char *name) {
    return strcasecmp(name, column->name) == 0 ||
           (column->other_name != NULL && strcasecmp(name, column->other_name) == 0);
}

static assay_status find_columns(assay_store *store, assay_small_table *table, const char *what,
                                 assay_error *err) {
    assay_arg files = assay_arg_list((const char *const *)table->files.path, table->files.count);
    const assay_small_kind_of_table *kind = table->kind;
    duckdb_result result;
    assay_sql sql = {0};
    assay_sql_add(&sql, "SELECT * FROM %s LIMIT 0", source_of(table));
    assay_status status =
        assay_query_run(store->connection, sql.failed ? NULL : sql.text, &files, 1, what, &result, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return status;
    }
    for (idx_t c = 0; c < duckdb_column_count(&result); c++) {
        const char *name = duckdb_column_name(&result, c);
        for (size_t i = 0; i < kind->n_columns; i++) {
            if (table->spelled[i][0] == '\0' && strlen(name) < 64 && is_named(&kind->column[i], name)) {
                (void)snprintf(table->spelled[i], sizeof table->spelled[i], "%s", name);
            }
        }
    }
    duckdb_destroy_result(&result);
    for (size_t i = 0; i < kind->n_columns; i++) {
        if (kind->column[i].is_required && table->spelled[i][0] == '\0') {
            return assay_error_set(err, ASSAY_E_DATA, "%s: there is no column %s", what,
                                   kind->column[i].name);
        }
    }
    return ASSAY_OK;
}

static void trimmed(const char *name, assay_sql *sql) {
    assay_sql_add(sql, "nullif(trim(CAST(");
    assay_sql_identifier(sql, name);
    assay_sql_add(sql, " AS VARCHAR)), '')");
}

/* Columns as they are wanted: what cannot be read so is missing. */
static void select_columns(const assay_small_table *table, assay_sql *sql) {
    assay_sql_add(sql, "SELECT ");
    for (size_t i = 0; i < table->kind->n_columns; i++) {
        const char *type = type_of(table->kind->column[i].kind);
        assay_sql_add(sql, i == 0 ? "TRY_CAST(" : ", TRY_CAST(");
        if (table->spelled[i][0] == '\0') {
            assay_sql_add(sql, "NULL");
        } else {
            trimmed(table->spelled[i], sql);
        }
        assay_sql_add(sql, " AS %s) AS \"%s\"", type, table->kind->column[i].name);
    }
}

void assay_small_table_select(const assay_small_table *table, assay_sql *sql) {
    select_columns(table, sql);
    assay_sql_add(sql, " FROM %s", source_of(table));
}

/* Behind the columns: row, file, and the first value that cannot be read. */
static void select_rows(const assay_small_table *table, assay_sql *sql) {
    select_columns(table, sql);
    assay_sql_add(sql, ", assay_row, assay_file, coalesce(NULL::VARCHAR");
    for (size_t i = 0; i < table->kind->n_columns; i++) {
        const char *type = type_of(table->kind->column[i].kind);
        if (table->spelled[i][0] == '\0' || strcmp(type, "VARCHAR") == 0) {
            continue;
        }
        assay_sql_add(sql, ", CASE WHEN TRY_CAST(");
        trimmed(table->spelled[i], sql);
        assay_sql_add(sql, " AS %s) IS NULL THEN '%s ''' || ", type, table->kind->column[i].name);
        trimmed(table->spelled[i], sql);
        assay_sql_add(sql, " || '''' END");
    }
    assay_sql_add(sql, ") FROM %s", source_of(table));
}

static assay_status open_cursor(assay_store *store, assay_small_table *table, const char *what,
                                assay_error *err) {
    assay_sql sql = {0};
    assay_arg files = assay_arg_list((const char *const *)table->files.path, table->files.count);
    select_rows(table, &sql);
    assay_status status = assay_cursor_open(&table->cursor, store->connection, sql.failed ? NULL : sql.text,
                                            &files, 1, what, err);
    assay_sql_reset(&sql);
    return status;
}

static assay_status begin(assay_store *store, assay_small_table *table, const char *what, assay_error *err) {
    size_t problem = table->kind->n_columns + 2;
    assay_status status = find_columns(store, table, what, err);
    if (status == ASSAY_OK) {
        status = open_cursor(store, table, what, err);
    }
    while (status == ASSAY_OK && assay_small_table_next(table)) {
        char text[200];
        if (!assay_cursor_is_null(&table->cursor, problem)) {
            assay_cursor_copy(&table->cursor, problem, text, sizeof text);
            return assay_small_table_refuse(table, err, "cannot read %s", text);
        }
    }
    if (status != ASSAY_OK) {
        return status;
    }
    assay_cursor_close(&table->cursor);
    return open_cursor(store, table, what, err);
}

assay_status assay_small_table_open(assay_store *store, const assay_small_kind_of_table *kind,
                                    assay_small_table *table, assay_error *err) {
    char what[80];
    *table = (assay_small_table){.kind = kind};
    assay_status status = assay_files_list(store->folder, kind->name, &table->files, err);
    if (status != ASSAY_OK || table->files.count == 0) {
        return status;
    }
    (void)snprintf(what, sizeof what, "cannot read the table %s", kind->name);
    return begin(store, table, what, err);
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

assay_status assay_small_table_open_file(assay_store *store, const assay_small_kind_of_table *kind,
                                         const char *path, assay_small_table *table, assay_error *err) {
    char what[1200];
    *table = (assay_small_table){.kind = kind, .is_csv = !ends_with(path, ".parquet")};
    table->files.path = calloc(1, sizeof *table->files.path);
    if (table->files.path == NULL || (table->files.path[0] = strdup(path)) == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", path);
    }
    table->files.count = table->files.capacity = 1;
    (void)snprintf(what, sizeof what, "cannot read %.1000s", path);
    return begin(store, table, what, err);
}

bool assay_small_table_next(assay_small_table *table) {
    return table->files.count > 0 && assay_cursor_next(&table->cursor);
}

void assay_small_table_close(assay_small_table *table) {
    assay_cursor_close(&table->cursor);
    assay_files_reset(&table->files);
}

assay_status assay_small_table_refuse(const assay_small_table *table, assay_error *err, const char *format,
                                      ...) {
    char text[400], file[1024];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    assay_cursor_copy(&table->cursor, table->kind->n_columns + 1, file, sizeof file);
    return assay_error_set(err, ASSAY_E_DATA, "%s, row %lld: %s", file,
                           (long long)assay_cursor_int(&table->cursor, table->kind->n_columns), text);
}
