/* SQL with bound parameters, DuckDB's errors as ours, and a cursor over results. Internal to the store.
 *
 * Invariant: values and file names reach DuckDB as parameters; the only outside text in a statement is an identifier
 * that went through assay_sql_identifier.
 */
#ifndef ASSAY_STORE_QUERY_H
#define ASSAY_STORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <duckdb.h>

#include "assay/assay_error.h"

/* A growing text. Out of memory is sticky: `failed` is set, text stays valid, and assay_query_* refuse it. */
typedef struct assay_sql {
    char *text; /* NUL-terminated, or NULL while empty */
    size_t size, capacity;
    bool failed;
} assay_sql;

void assay_sql_reset(assay_sql *sql); /* frees */
void assay_sql_add(assay_sql *sql, const char *format, ...) ASSAY_PRINTF(2, 3);
/* Appends a quoted identifier or a quoted string literal (for the few places where SQL takes no parameter). */
void assay_sql_identifier(assay_sql *sql, const char *name);
void assay_sql_literal(assay_sql *sql, const char *value);

typedef enum assay_arg_kind {
    ASSAY_ARG_TEXT = 0,
    ASSAY_ARG_INT = 1,
    ASSAY_ARG_DOUBLE = 2,
    ASSAY_ARG_TIMESTAMP = 3,
    ASSAY_ARG_TEXT_LIST = 4
} assay_arg_kind;

/* A value for $1 … $n. */
typedef struct assay_arg {
    assay_arg_kind kind;
    const char *text; /* NULL: SQL NULL */
    int64_t integer;  /* INT, TIMESTAMP (us) */
    double number;
    const char *const *list;
    size_t n_list;
} assay_arg;

assay_arg assay_arg_text(const char *text);
assay_arg assay_arg_int(int64_t value);
assay_arg assay_arg_timestamp(int64_t us);
assay_arg assay_arg_list(const char *const *list, size_t n_list);

/* Runs one statement; on success the caller destroys *out_result, on failure nothing is left. `what` begins the message
 * ("cannot read the prices table"). The status follows DuckDB's kind of error: IO, out of memory, else data. */
ASSAY_NODISCARD assay_status assay_query_run(duckdb_connection connection, const char *sql,
                                             const assay_arg *args, size_t n_args, const char *what,
                                             duckdb_result *out_result, assay_error *err);

/* The same, but the result is made while it is fetched, in little memory. It can fail then: after the last chunk ask
 * duckdb_result_error. */
ASSAY_NODISCARD assay_status assay_query_stream(duckdb_connection connection, const char *sql,
                                                const assay_arg *args, size_t n_args, const char *what,
                                                duckdb_result *out_result, assay_error *err);

/* The same without a result. */
ASSAY_NODISCARD assay_status assay_query_do(duckdb_connection connection, const char *sql,
                                            const assay_arg *args, size_t n_args, const char *what,
                                            assay_error *err);

/* Turns a failed result into our error. Returns its status. */
assay_status assay_query_error(duckdb_result *result, const char *what, assay_error *err);
/* DuckDB's message without its hints for SQL users: one line, cut at `size`. */
void assay_query_clean_message(const char *message, char *out_text, size_t size);

/* Steps through a result row by row. For results that are small or made of a few columns; bulk readers take chunks. */
typedef struct assay_cursor {
    duckdb_result result;
    duckdb_data_chunk chunk;
    idx_t row, n_rows;
    bool open;
} assay_cursor;

ASSAY_NODISCARD assay_status assay_cursor_open(assay_cursor *cursor, duckdb_connection connection,
                                               const char *sql, const assay_arg *args, size_t n_args,
                                               const char *what, assay_error *err);
/* The same over assay_query_stream: ask assay_cursor_check after the last row. */
ASSAY_NODISCARD assay_status assay_cursor_stream(assay_cursor *cursor, duckdb_connection connection,
                                                 const char *sql, const assay_arg *args, size_t n_args,
                                                 const char *what, assay_error *err);
/* Whether the stream broke on the way. */
ASSAY_NODISCARD assay_status assay_cursor_check(assay_cursor *cursor, const char *what, assay_error *err);
bool assay_cursor_next(assay_cursor *cursor);
void assay_cursor_close(assay_cursor *cursor);
bool assay_cursor_is_null(const assay_cursor *cursor, idx_t column);
int64_t assay_cursor_int(const assay_cursor *cursor, idx_t column);   /* BIGINT or TIMESTAMP; NULL: 0 */
double assay_cursor_double(const assay_cursor *cursor, idx_t column); /* DOUBLE; NULL: NaN */
/* VARCHAR, not NUL-terminated, valid until the next step; NULL: "". */
const char *assay_cursor_text(const assay_cursor *cursor, idx_t column, size_t *out_size);
/* The same, copied and NUL-terminated, cut at `size`. */
void assay_cursor_copy(const assay_cursor *cursor, idx_t column, char *out_text, size_t size);

/* One row, one BIGINT. */
ASSAY_NODISCARD assay_status assay_query_int(duckdb_connection connection, const char *sql,
                                             const assay_arg *args, size_t n_args, const char *what,
                                             int64_t *out_value, assay_error *err);

/* Bit i of a validity mask; NULL means that all are valid. */
static inline bool assay_valid(const uint64_t *mask, idx_t row) {
    return mask == NULL || ((mask[row >> 6] >> (row & 63U)) & 1U) != 0;
}

#endif
