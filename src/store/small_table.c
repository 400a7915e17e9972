#include "small_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SOURCE "read_parquet($1, union_by_name=true, hive_partitioning=false"

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

static assay_status find_columns(assay_store *store, assay_small_table *table, char spelled[][64],
                                 assay_error *err) {
    assay_arg files = assay_arg_list((const char *const *)table->files.path, table->files.count);
    char what[80];
    duckdb_result result;
    (void)snprintf(what, sizeof what, "cannot read the table %s", table->name);
    assay_status status = assay_query_run(store->connection, "SELECT * FROM " SOURCE ") LIMIT 0", &files, 1,
                                          what, &result, err);
    if (status != ASSAY_OK) {
        return status;
    }
    for (idx_t c = 0; c < duckdb_column_count(&result); c++) {
        const char *name = duckdb_column_name(&result, c);
        for (size_t i = 0; i < table->n_columns; i++) {
            if (!table->has[i] && strlen(name) < 64 && is_named(&table->column[i], name)) {
                table->has[i] = true;
                (void)snprintf(spelled[i], 64, "%s", name);
            }
        }
    }
    duckdb_destroy_result(&result);
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->column[i].is_required && !table->has[i]) {
            return assay_error_set(err, ASSAY_E_DATA, "the table %s of %s has no column %s", table->name,
                                   store->folder, table->column[i].name);
        }
    }
    return ASSAY_OK;
}

/* Columns as they are wanted; then, for each, its text where it has one that cannot be read so. */
static void select_rows(const assay_small_table *table, char spelled[][64], assay_sql *sql) {
    assay_sql_add(sql, "SELECT ");
    for (size_t i = 0; i < table->n_columns; i++) {
        const char *type = type_of(table->column[i].kind);
        if (!table->has[i]) {
            assay_sql_add(sql, "NULL::%s, ", type);
            continue;
        }
        bool is_text = strcmp(type, "VARCHAR") == 0;
        assay_sql_add(sql, is_text ? "trim(CAST(" : "TRY_CAST(nullif(trim(CAST(");
        assay_sql_identifier(sql, spelled[i]);
        assay_sql_add(sql, is_text ? " AS VARCHAR)), " : " AS VARCHAR)), '') AS %s), ", type);
    }
    assay_sql_add(sql, "file_row_number + 1, filename, ");
    const char *between = "coalesce(";
    for (size_t i = 0; i < table->n_columns; i++) {
        const char *type = type_of(table->column[i].kind);
        if (!table->has[i] || strcmp(type, "VARCHAR") == 0) {
            continue;
        }
        assay_sql_add(sql, "%sCASE WHEN TRY_CAST(nullif(trim(CAST(", between);
        assay_sql_identifier(sql, spelled[i]);
        assay_sql_add(sql, " AS VARCHAR)), '') AS %s) IS NULL THEN '%s ''' || nullif(trim(CAST(", type,
                      table->column[i].name);
        assay_sql_identifier(sql, spelled[i]);
        assay_sql_add(sql, " AS VARCHAR)), '') || '''' END");
        between = ", ";
    }
    assay_sql_add(sql, "%sNULL::VARCHAR) FROM " SOURCE ", filename=true, file_row_number=true)",
                  strcmp(between, ", ") == 0 ? ", " : "coalesce(NULL::VARCHAR, ");
}

assay_status assay_small_table_open(assay_store *store, const char *name, const assay_small_column *columns,
                                    size_t n_columns, assay_small_table *table, assay_error *err) {
    char spelled[ASSAY_SMALL_MOST][64], what[80];
    *table = (assay_small_table){.name = name, .column = columns, .n_columns = n_columns};
    assay_status status = assay_files_list(store->folder, name, &table->files, err);
    if (status != ASSAY_OK || table->files.count == 0) {
        return status;
    }
    status = find_columns(store, table, spelled, err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_sql sql = {0};
    assay_arg files = assay_arg_list((const char *const *)table->files.path, table->files.count);
    (void)snprintf(what, sizeof what, "cannot read the table %s", name);
    select_rows(table, spelled, &sql);
    status = assay_cursor_open(&table->cursor, store->connection, sql.failed ? NULL : sql.text, &files, 1,
                               what, err);
    assay_sql_reset(&sql);
    while (status == ASSAY_OK && assay_small_table_next(table)) {
        char text[200];
        if (!assay_cursor_is_null(&table->cursor, n_columns + 2)) {
            assay_cursor_copy(&table->cursor, n_columns + 2, text, sizeof text);
            return assay_small_table_refuse(table, err, "cannot read %s", text);
        }
    }
    if (status != ASSAY_OK) {
        return status;
    }
    assay_cursor_close(&table->cursor);
    select_rows(table, spelled, &sql);
    status = assay_cursor_open(&table->cursor, store->connection, sql.failed ? NULL : sql.text, &files, 1,
                               what, err);
    assay_sql_reset(&sql);
    return status;
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
    assay_cursor_copy(&table->cursor, table->n_columns + 1, file, sizeof file);
    return assay_error_set(err, ASSAY_E_DATA, "%s, row %lld: %s", file,
                           (long long)assay_cursor_int(&table->cursor, table->n_columns), text);
}
