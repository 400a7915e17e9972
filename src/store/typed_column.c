/* Columns of other people's tables, read as TIMESTAMP, VARCHAR or DOUBLE whatever their files have. */
#include "typed_column.h"

#include <stdio.h>
#include <string.h>

static bool is_number(duckdb_type type) {
    switch (type) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
        return true;
    default:
        return false;
    }
}

static bool is_time(duckdb_type type) {
    return type == DUCKDB_TYPE_TIMESTAMP || type == DUCKDB_TYPE_TIMESTAMP_S ||
           type == DUCKDB_TYPE_TIMESTAMP_MS || type == DUCKDB_TYPE_TIMESTAMP_NS || type == DUCKDB_TYPE_DATE ||
           type == DUCKDB_TYPE_TIMESTAMP_TZ;
}

/* Text that is cast: empty is missing. */
static void read_text(assay_typed_column *column, const char *target) {
    const char *name = column->name;
    (void)snprintf(column->read, sizeof column->read, "CAST(nullif(trim(\"%s\"), '') AS %s)", name, target);
    (void)snprintf(column->failed, sizeof column->failed,
                   "nullif(trim(\"%s\"), '') IS NOT NULL AND TRY_CAST(trim(\"%s\") AS %s) IS NULL", name,
                   name, target);
}

bool assay_typed_column_init(assay_typed_column *column, assay_wanted_type wanted, const char *name,
                             duckdb_type type) {
    static const duckdb_type plain[] = {DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_DOUBLE};
    bool time = wanted == ASSAY_WANTED_TIME;
    char *read = column->read;
    size_t size = sizeof column->read;
    *column = (assay_typed_column){.present = true,
                                   .wanted = wanted,
                                   .is_text = type == DUCKDB_TYPE_VARCHAR,
                                   .is_plain = type == plain[wanted]};
    (void)snprintf(column->name, sizeof column->name, "%s", name);
    if (wanted == ASSAY_WANTED_LABEL) {
        (void)snprintf(read, size, column->is_text ? "\"%s\"" : "CAST(\"%s\" AS VARCHAR)", column->name);
        return column->is_text || is_number(type) || type == DUCKDB_TYPE_ENUM || type == DUCKDB_TYPE_SQLNULL;
    }
    if (column->is_text) {
        read_text(column, time ? "TIMESTAMP" : "DOUBLE");
        return true;
    }
    if (type == DUCKDB_TYPE_TIMESTAMP_TZ) {
        (void)snprintf(read, size, "make_timestamp(epoch_us(\"%s\"))", column->name);
    } else {
        (void)snprintf(read, size, column->is_plain ? "\"%s\"" : "CAST(\"%s\" AS %s)", column->name,
                       time ? "TIMESTAMP" : "DOUBLE");
    }
    return type == DUCKDB_TYPE_SQLNULL || (time ? is_time(type) : is_number(type));
}

const char *assay_wanted_name(assay_wanted_type wanted) {
    static const char *const names[] = {"a timestamp or a date", "text", "numbers"};
    return names[wanted];
}

/* --- why a read failed; runs only then, so it may be slow --- */

/* A text that cannot be cast: the file, the column, the value. True where one was found (and the error set). */
static bool find_bad_text(assay_store *store, const assay_files *files, const assay_typed_column *column,
                          assay_error *err) {
    assay_arg list = assay_arg_list((const char *const *)files->path, files->count);
    assay_sql sql = {0};
    assay_sql_add(&sql, "SELECT assay_file, ");
    assay_sql_identifier(&sql, column->name);
    assay_sql_add(&sql,
                  ", CAST(\"symbol\" AS VARCHAR), CAST(\"timestamp\" AS VARCHAR) FROM read_parquet($1, "
                  "union_by_name=true, hive_partitioning=false, filename='assay_file') WHERE %s LIMIT 1",
                  column->failed);
    assay_cursor cursor;
    bool found = assay_cursor_open(&cursor, store->connection, sql.text, &list, 1, "", NULL) == ASSAY_OK &&
                 assay_cursor_next(&cursor);
    if (found) {
        char file[300], value[80], symbol[40], time[40];
        assay_cursor_copy(&cursor, 0, file, sizeof file);
        assay_cursor_copy(&cursor, 1, value, sizeof value);
        assay_cursor_copy(&cursor, 2, symbol, sizeof symbol);
        assay_cursor_copy(&cursor, 3, time, sizeof time);
        (void)assay_error_set(
            err, ASSAY_E_DATA,
            "%s: column %s has the text \"%s\" (symbol %s, %s), which is not %s; correct it", file,
            column->name, value, symbol, time,
            column->wanted == ASSAY_WANTED_TIME ? "a timestamp" : "a number");
    }
    assay_cursor_close(&cursor);
    assay_sql_reset(&sql);
    return found;
}

static bool names_a_file(const assay_files *files, const char *message) {
    for (size_t i = 0; i < files->count; i++) {
        if (strstr(message, files->path[i]) != NULL) {
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

assay_status assay_files_diagnose(assay_store *store, const assay_files *files,
                                  const assay_typed_column *columns, size_t n, const assay_error *first,
                                  assay_error *err) {
    if (first->status == ASSAY_E_NOMEM) {
        return assay_error_set(err, ASSAY_E_NOMEM, "%s", first->message);
    }
    for (size_t i = 0; i < n; i++) {
        if (columns[i].present && columns[i].failed[0] != '\0' &&
            find_bad_text(store, files, &columns[i], err)) {
            return ASSAY_E_DATA;
        }
    }
    bool cast = strstr(first->message, "failed to cast column") != NULL;
    if (cast && names_a_file(files, first->message)) {
        return assay_error_set(err, ASSAY_E_DATA, "%s; write the column with one type in all files",
                               first->message);
    }
    for (size_t i = 0; i < files->count; i++) {
        assay_error of_file = {.status = ASSAY_OK};
        if (read_whole_file(store, files->path[i], &of_file) != ASSAY_OK) {
            /* Begins with ": ", for there was no "what". */
            return damaged(files->path[i], of_file.message + 2, err);
        }
    }
    return assay_error_set(err, first->status, "%s", first->message);
}
