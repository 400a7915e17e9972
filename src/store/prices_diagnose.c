/* Why reading the prices table failed: which file, and which value.
 *
 * Invariant: runs only after a failure, so it may be slow; it always ends in an error, the best one that it finds.
 */
#include <stdio.h>
#include <string.h>

#include "prices_table.h"

/* A text that cannot be cast: the file, the column, the value. True where one was found (and the error set). */
static bool find_bad_text(assay_store *store, const assay_prices_table *table, assay_error *err) {
    assay_arg files = assay_arg_list((const char *const *)table->files.path, table->files.count);
    for (size_t i = 0; i < ASSAY_N_PRICES; i++) {
        const assay_prices_column *column = &table->column[i];
        if (!column->present || column->failed[0] == '\0') {
            continue;
        }
        assay_sql sql = {0};
        assay_sql_add(&sql, "SELECT assay_file, ");
        assay_sql_identifier(&sql, column->name);
        assay_sql_add(&sql,
                      ", CAST(\"symbol\" AS VARCHAR), CAST(\"timestamp\" AS VARCHAR) FROM read_parquet($1, "
                      "union_by_name=true, hive_partitioning=false, filename='assay_file') WHERE %s LIMIT 1",
                      column->failed);
        assay_cursor cursor;
        bool found = false;
        if (assay_cursor_open(&cursor, store->connection, sql.text, &files, 1, "", NULL) == ASSAY_OK &&
            assay_cursor_next(&cursor)) {
            char file[300], value[80], symbol[40], time[40];
            assay_cursor_copy(&cursor, 0, file, sizeof file);
            assay_cursor_copy(&cursor, 1, value, sizeof value);
            assay_cursor_copy(&cursor, 2, symbol, sizeof symbol);
            assay_cursor_copy(&cursor, 3, time, sizeof time);
            bool is_time =
                i == ASSAY_PRICES_TIMESTAMP || i == ASSAY_PRICES_UPDATED || i == ASSAY_PRICES_CREATED;
            (void)assay_error_set(
                err, ASSAY_E_DATA,
                "%s: column %s has the text \"%s\" (symbol %s, %s), which is not %s; correct it", file,
                column->name, value, symbol, time, is_time ? "a timestamp" : "a number");
            found = true;
        }
        assay_cursor_close(&cursor);
        assay_sql_reset(&sql);
        if (found) {
            return true;
        }
    }
    return false;
}

static bool names_a_file(const assay_prices_table *table, const char *message) {
    for (size_t i = 0; i < table->files.count; i++) {
        if (strstr(message, table->files.path[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Reads every column of one file. */
static assay_status read_whole_file(assay_store *store, const char *path, assay_error *err) {
    assay_arg file = assay_arg_list(&path, 1);
    duckdb_result result;
    assay_status status = assay_query_run(
        store->connection, "SELECT sum(hash(columns(*))) FROM read_parquet($1, hive_partitioning=false)",
        &file, 1, "", &result, err);
    if (status == ASSAY_OK) {
        duckdb_destroy_result(&result);
    }
    return status;
}

static assay_status damaged(const char *file, const char *message, assay_error *err) {
    return assay_error_set(err, ASSAY_E_IO,
                           "%s cannot be read as Parquet (%s); restore it, or take it out of the database",
                           file, message);
}

assay_status assay_prices_diagnose(assay_store *store, const assay_prices_table *table,
                                   const assay_error *first, assay_error *err) {
    if (first->status == ASSAY_E_NOMEM) {
        return assay_error_set(err, ASSAY_E_NOMEM, "%s", first->message);
    }
    if (find_bad_text(store, table, err)) {
        return ASSAY_E_DATA;
    }
    bool cast = strstr(first->message, "failed to cast column") != NULL;
    if (cast && names_a_file(table, first->message)) {
        return assay_error_set(err, ASSAY_E_DATA, "%s; write the column with one type in all files",
                               first->message);
    }
    for (size_t i = 0; i < table->files.count; i++) {
        assay_error of_file = {.status = ASSAY_OK};
        if (read_whole_file(store, table->files.path[i], &of_file) != ASSAY_OK) {
            /* Begins with ": ", for there was no "what". */
            return damaged(table->files.path[i], of_file.message + 2, err);
        }
    }
    return assay_error_set(err, first->status, "%s", first->message);
}
