/* SQL with bound parameters, DuckDB's errors as ours, and a cursor over results.
 *
 * Invariant: a result is destroyed also when its query failed (DuckDB keeps the message in it), and nothing of DuckDB's
 * outlives the call that made it but what the caller was handed.
 */
#include "query.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- text --- */

void assay_sql_reset(assay_sql *sql) {
    free(sql->text);
    *sql = (assay_sql){0};
}

static bool sql_reserve(assay_sql *sql, size_t more) {
    if (sql->failed) {
        return false;
    }
    if (sql->size + more + 1 > sql->capacity) {
        size_t capacity = (sql->size + more + 1) * 2;
        char *text = realloc(sql->text, capacity);
        if (text == NULL) {
            sql->failed = true;
            return false;
        }
        sql->text = text;
        sql->capacity = capacity;
    }
    return true;
}

void assay_sql_add(assay_sql *sql, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0 || !sql_reserve(sql, (size_t)size)) {
        sql->failed = true;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(sql->text + sql->size, (size_t)size + 1, format, args);
    va_end(args);
    sql->size += (size_t)size;
}

static void sql_add_quoted(assay_sql *sql, const char *value, char quote) {
    if (!sql_reserve(sql, 2 * strlen(value) + 2)) {
        return;
    }
    sql->text[sql->size++] = quote;
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == quote) {
            sql->text[sql->size++] = quote;
        }
        sql->text[sql->size++] = *c;
    }
    sql->text[sql->size++] = quote;
    sql->text[sql->size] = '\0';
}

void assay_sql_identifier(assay_sql *sql, const char *name) {
    sql_add_quoted(sql, name, '"');
}

void assay_sql_literal(assay_sql *sql, const char *value) {
    sql_add_quoted(sql, value, '\'');
}

/* --- parameters --- */

assay_arg assay_arg_text(const char *text) {
    return (assay_arg){.kind = ASSAY_ARG_TEXT, .text = text};
}

assay_arg assay_arg_int(int64_t value) {
    return (assay_arg){.kind = ASSAY_ARG_INT, .integer = value};
}

assay_arg assay_arg_timestamp(int64_t us) {
    return (assay_arg){.kind = ASSAY_ARG_TIMESTAMP, .integer = us};
}

assay_arg assay_arg_list(const char *const *list, size_t n_list) {
    return (assay_arg){.kind = ASSAY_ARG_TEXT_LIST, .list = list, .n_list = n_list};
}

static bool bind_list(duckdb_prepared_statement statement, idx_t index, const assay_arg *arg) {
    bool bound = false;
    duckdb_value *values = calloc(arg->n_list + 1, sizeof *values);
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    if (values != NULL) {
        for (size_t i = 0; i < arg->n_list; i++) {
            values[i] = duckdb_create_varchar(arg->list[i]);
        }
        duckdb_value list = duckdb_create_list_value(type, values, arg->n_list);
        if (list != NULL) {
            bound = duckdb_bind_value(statement, index, list) == DuckDBSuccess;
            duckdb_destroy_value(&list);
        }
        for (size_t i = 0; i < arg->n_list; i++) {
            duckdb_destroy_value(&values[i]);
        }
    }
    duckdb_destroy_logical_type(&type);
    free(values);
    return bound;
}

static bool bind_arg(duckdb_prepared_statement statement, idx_t index, const assay_arg *arg) {
    switch (arg->kind) {
    case ASSAY_ARG_TEXT:
        if (arg->text == NULL) {
            return duckdb_bind_null(statement, index) == DuckDBSuccess;
        }
        return duckdb_bind_varchar(statement, index, arg->text) == DuckDBSuccess;
    case ASSAY_ARG_INT:
        return duckdb_bind_int64(statement, index, arg->integer) == DuckDBSuccess;
    case ASSAY_ARG_DOUBLE:
        return duckdb_bind_double(statement, index, arg->number) == DuckDBSuccess;
    case ASSAY_ARG_TIMESTAMP:
        return duckdb_bind_timestamp(statement, index, (duckdb_timestamp){.micros = arg->integer}) ==
               DuckDBSuccess;
    case ASSAY_ARG_TEXT_LIST:
        return bind_list(statement, index, arg);
    }
    return false;
}

/* --- errors --- */

void assay_query_clean_message(const char *message, char *out_text, size_t size) {
    if (message == NULL) {
        message = "no message";
    }
    /* DuckDB appends hints on SQL ("LINE 1:", "Candidate bindings", "Possible solutions") that help nobody here. */
    static const char *const tails[] = {"\nLINE ",    "\n\nLINE ",     "\nCandidate",
                                        "\nPossible", "\n\nCandidate", "\n* "};
    size_t length = strlen(message);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        const char *tail = strstr(message, tails[i]);
        if (tail != NULL && (size_t)(tail - message) < length) {
            length = (size_t)(tail - message);
        }
    }
    size_t used = 0;
    for (size_t i = 0; i < length && used + 1 < size; i++) {
        bool space = message[i] == '\n' || message[i] == '\r' || message[i] == '\t';
        out_text[used++] = space ? ' ' : message[i];
    }
    if (size > 0) {
        out_text[used] = '\0';
    }
}

static assay_status status_of(duckdb_error_type type) {
    switch (type) {
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_PERMISSION:
        return ASSAY_E_IO;
    case DUCKDB_ERROR_OUT_OF_MEMORY:
        return ASSAY_E_NOMEM;
    case DUCKDB_ERROR_INTERNAL:
    case DUCKDB_ERROR_FATAL:
        return ASSAY_E_INTERNAL;
    default:
        return ASSAY_E_DATA;
    }
}

assay_status assay_query_error(duckdb_result *result, const char *what, assay_error *err) {
    char text[800];
    assay_query_clean_message(duckdb_result_error(result), text, sizeof text);
    return assay_error_set(err, status_of(duckdb_result_error_type(result)), "%s: %s", what, text);
}

/* --- statements --- */

static assay_status run(duckdb_connection connection, const char *sql, const assay_arg *args, size_t n_args,
                        const char *what, bool stream, duckdb_result *out_result, assay_error *err) {
    duckdb_prepared_statement statement = NULL;
    assay_status status = ASSAY_OK;
    if (sql == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
    }
    if (duckdb_prepare(connection, sql, &statement) != DuckDBSuccess) {
        char text[800];
        assay_query_clean_message(duckdb_prepare_error(statement), text, sizeof text);
        status = assay_error_set(err, ASSAY_E_DATA, "%s: %s", what, text);
    }
    for (size_t i = 0; status == ASSAY_OK && i < n_args; i++) {
        if (!bind_arg(statement, (idx_t)i + 1, &args[i])) {
            status = assay_error_set(err, ASSAY_E_INTERNAL, "%s: parameter %zu cannot be bound", what, i + 1);
        }
    }
    if (status == ASSAY_OK && (stream ? duckdb_execute_prepared_streaming(statement, out_result)
                                      : duckdb_execute_prepared(statement, out_result)) != DuckDBSuccess) {
        status = assay_query_error(out_result, what, err);
        duckdb_destroy_result(out_result);
    }
    duckdb_destroy_prepare(&statement);
    return status;
}

assay_status assay_query_run(duckdb_connection connection, const char *sql, const assay_arg *args,
                             size_t n_args, const char *what, duckdb_result *out_result, assay_error *err) {
    return run(connection, sql, args, n_args, what, false, out_result, err);
}

assay_status assay_query_stream(duckdb_connection connection, const char *sql, const assay_arg *args,
                                size_t n_args, const char *what, duckdb_result *out_result,
                                assay_error *err) {
    return run(connection, sql, args, n_args, what, true, out_result, err);
}

assay_status assay_query_do(duckdb_connection connection, const char *sql, const assay_arg *args,
                            size_t n_args, const char *what, assay_error *err) {
    duckdb_result result;
    assay_status status = assay_query_run(connection, sql, args, n_args, what, &result, err);
    if (status == ASSAY_OK) {
        duckdb_destroy_result(&result);
    }
    return status;
}

/* --- cursor --- */

assay_status assay_cursor_open(assay_cursor *cursor, duckdb_connection connection, const char *sql,
                               const assay_arg *args, size_t n_args, const char *what, assay_error *err) {
    *cursor = (assay_cursor){0};
    assay_status status = assay_query_run(connection, sql, args, n_args, what, &cursor->result, err);
    cursor->open = status == ASSAY_OK;
    return status;
}

assay_status assay_cursor_stream(assay_cursor *cursor, duckdb_connection connection, const char *sql,
                                 const assay_arg *args, size_t n_args, const char *what, assay_error *err) {
    *cursor = (assay_cursor){0};
    assay_status status = assay_query_stream(connection, sql, args, n_args, what, &cursor->result, err);
    cursor->open = status == ASSAY_OK;
    return status;
}

assay_status assay_cursor_check(assay_cursor *cursor, const char *what, assay_error *err) {
    return duckdb_result_error(&cursor->result) == NULL ? ASSAY_OK
                                                        : assay_query_error(&cursor->result, what, err);
}

bool assay_cursor_next(assay_cursor *cursor) {
    if (!cursor->open) {
        return false;
    }
    cursor->row++;
    while (cursor->chunk == NULL || cursor->row >= cursor->n_rows) {
        duckdb_destroy_data_chunk(&cursor->chunk);
        cursor->chunk = duckdb_fetch_chunk(cursor->result);
        if (cursor->chunk == NULL) {
            return false;
        }
        cursor->n_rows = duckdb_data_chunk_get_size(cursor->chunk);
        cursor->row = 0;
    }
    return true;
}

void assay_cursor_close(assay_cursor *cursor) {
    if (cursor->open) {
        duckdb_destroy_data_chunk(&cursor->chunk);
        duckdb_destroy_result(&cursor->result);
        cursor->open = false;
    }
}

bool assay_cursor_is_null(const assay_cursor *cursor, idx_t column) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(cursor->chunk, column);
    return !assay_valid(duckdb_vector_get_validity(vector), cursor->row);
}

static const void *cell(const assay_cursor *cursor, idx_t column) {
    if (assay_cursor_is_null(cursor, column)) {
        return NULL;
    }
    return duckdb_vector_get_data(duckdb_data_chunk_get_vector(cursor->chunk, column));
}

int64_t assay_cursor_int(const assay_cursor *cursor, idx_t column) {
    const int64_t *data = cell(cursor, column);
    return data == NULL ? 0 : data[cursor->row];
}

double assay_cursor_double(const assay_cursor *cursor, idx_t column) {
    const double *data = cell(cursor, column);
    return data == NULL ? (double)NAN : data[cursor->row];
}

const char *assay_cursor_text(const assay_cursor *cursor, idx_t column, size_t *out_size) {
    const duckdb_string_t *data = cell(cursor, column);
    if (data == NULL) {
        *out_size = 0;
        return "";
    }
    /* DuckDB's accessor wants a non-const pointer but does not write. */
    duckdb_string_t *value = (duckdb_string_t *)(uintptr_t)&data[cursor->row];
    *out_size = duckdb_string_t_length(*value);
    return duckdb_string_t_data(value);
}

void assay_cursor_copy(const assay_cursor *cursor, idx_t column, char *out_text, size_t size) {
    size_t length = 0;
    const char *text = assay_cursor_text(cursor, column, &length);
    if (size > 0) {
        length = length < size ? length : size - 1;
        memcpy(out_text, text, length);
        out_text[length] = '\0';
    }
}

assay_status assay_query_int(duckdb_connection connection, const char *sql, const assay_arg *args,
                             size_t n_args, const char *what, int64_t *out_value, assay_error *err) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(&cursor, connection, sql, args, n_args, what, err);
    *out_value = 0;
    if (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        *out_value = assay_cursor_int(&cursor, 0);
    }
    assay_cursor_close(&cursor);
    return status;
}
