/* Rows made in C as a table of DuckDB's: the table function assay_rows(). Internal to writing. */
#ifndef ASSAY_STORE_ROW_SOURCE_H
#define ASSAY_STORE_ROW_SOURCE_H

#include "store.h"

/* One column of the rows: INTEGER ids, BIGINT, TIMESTAMP, DOUBLE or VARCHAR. */
typedef struct assay_row_column {
    const char *name;
    duckdb_type type;
} assay_row_column;

/* Where the rows come from. `fill` writes rows [first, first + n) of column `column` into `vector` (n <= 2048). VARCHAR
 * values may point into memory that lives until the query ends (assay_row_text), or be copied by DuckDB. It is called from
 * one thread at a time; false means out of memory. */
struct assay_row_job {
    const assay_row_column *column;
    size_t n_columns;
    size_t n_rows;
    bool (*fill)(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector);
    /* Texts that repeat, as codes into a list of distinct names: DuckDB then writes the list and the codes, and need not
     * hash every text. `names` returns NULL for a column that `fill` makes; NULL itself: no such columns. */
    const char *const *(*names)(const void *context, size_t column, size_t *out_n_names);
    void (*codes)(const void *context, size_t column, size_t first, size_t n, uint32_t *out_code);
    const void *context;
};

ASSAY_NODISCARD assay_status assay_row_source_register(assay_store *store, assay_error *err);

/* Runs a statement that reads assay_rows(), with this job behind it. */
ASSAY_NODISCARD assay_status assay_row_source_run(assay_store *store, const assay_row_job *job,
                                                  const char *sql, const assay_arg *args, size_t n_args,
                                                  const char *what, assay_error *err);

/* A string for DuckDB that points to `text` where it does not fit inside (over 12 bytes). */
duckdb_string_t assay_row_text(const char *text);

#endif
