/* Rows made in C as a table of DuckDB's: the table function assay_rows().
 *
 * Invariant: rows come in order from one thread, so that what is written from them does not depend on the number of
 * threads. A column that the statement does not use is not made. The job is the store's, and there is one at a time.
 */
#include "row_source.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 2048 };

typedef struct scan {
    size_t next; /* row */
    idx_t n_columns;
    idx_t *column; /* of each output vector */
} scan;

static void free_scan(void *memory) {
    scan *state = memory;
    free(state->column);
    free(state);
}

static const char *const *names_of(const assay_row_job *job, size_t column, size_t *out_n) {
    return job->names == NULL ? NULL : job->names(job->context, column, out_n);
}

static duckdb_logical_type type_of(const assay_row_job *job, size_t column) {
    size_t n = 0;
    const char *const *names = names_of(job, column, &n);
    return names == NULL ? duckdb_create_logical_type(job->column[column].type)
                         : duckdb_create_enum_type((const char **)(uintptr_t)names, n);
}

static void bind(duckdb_bind_info info) {
    const assay_store *store = duckdb_bind_get_extra_info(info);
    const assay_row_job *job = store->row_job;
    if (job == NULL) {
        duckdb_bind_set_error(info, "assay_rows() has rows only while Assay writes");
        return;
    }
    for (size_t i = 0; i < job->n_columns; i++) {
        duckdb_logical_type type = type_of(job, i);
        duckdb_bind_add_result_column(info, job->column[i].name, type);
        duckdb_destroy_logical_type(&type);
    }
    duckdb_bind_set_cardinality(info, job->n_rows, true);
}

static void init(duckdb_init_info info) {
    scan *state = calloc(1, sizeof *state);
    idx_t n = duckdb_init_get_column_count(info);
    idx_t *column = malloc((n + 1) * sizeof *column);
    if (state == NULL || column == NULL) {
        free(state);
        free(column);
        duckdb_init_set_error(info, "out of memory");
        return;
    }
    for (idx_t i = 0; i < n; i++) {
        column[i] = duckdb_init_get_column_index(info, i);
    }
    *state = (scan){.n_columns = n, .column = column};
    duckdb_init_set_init_data(info, state, free_scan);
    duckdb_init_set_max_threads(info, 1);
}

/* DuckDB keeps the codes of an enumeration in as few bytes as its number of names needs. */
static void put_codes(const assay_row_job *job, size_t column, size_t n_names, size_t first, size_t n,
                      duckdb_vector vector) {
    uint32_t code[CHUNK];
    void *data = duckdb_vector_get_data(vector);
    job->codes(job->context, column, first, n, code);
    for (size_t i = 0; i < n; i++) {
        if (n_names <= UINT8_MAX) {
            ((uint8_t *)data)[i] = (uint8_t)code[i];
        } else if (n_names <= UINT16_MAX) {
            ((uint16_t *)data)[i] = (uint16_t)code[i];
        } else {
            ((uint32_t *)data)[i] = code[i];
        }
    }
}

static bool fill_column(const assay_row_job *job, size_t column, size_t first, size_t n,
                        duckdb_vector vector) {
    size_t n_names = 0;
    if (names_of(job, column, &n_names) == NULL) {
        return job->fill(job->context, column, first, n, vector);
    }
    put_codes(job, column, n_names, first, n, vector);
    return true;
}

static void next_chunk(duckdb_function_info info, duckdb_data_chunk output) {
    const assay_store *store = duckdb_function_get_extra_info(info);
    const assay_row_job *job = store->row_job;
    scan *state = duckdb_function_get_init_data(info);
    size_t n = job->n_rows - state->next < CHUNK ? job->n_rows - state->next : CHUNK;
    for (idx_t i = 0; n > 0 && i < state->n_columns; i++) {
        if (state->column[i] >= job->n_columns) {
            continue; /* a row number that nobody reads, as in count(*) */
        }
        if (!fill_column(job, state->column[i], state->next, n, duckdb_data_chunk_get_vector(output, i))) {
            duckdb_function_set_error(info, "out of memory");
            return;
        }
    }
    state->next += n;
    duckdb_data_chunk_set_size(output, n);
}

assay_status assay_row_source_register(assay_store *store, assay_error *err) {
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, "assay_rows");
    duckdb_table_function_set_extra_info(function, store, NULL);
    duckdb_table_function_set_bind(function, bind);
    duckdb_table_function_set_init(function, init);
    duckdb_table_function_set_function(function, next_chunk);
    duckdb_table_function_supports_projection_pushdown(function, true);
    bool done = duckdb_register_table_function(store->connection, function) == DuckDBSuccess;
    duckdb_destroy_table_function(&function);
    return done ? ASSAY_OK
                : assay_error_set(err, ASSAY_E_INTERNAL,
                                  "DuckDB refuses a table function: its version does not fit");
}

assay_status assay_row_source_run(assay_store *store, const assay_row_job *job, const char *sql,
                                  const assay_arg *args, size_t n_args, const char *what, assay_error *err) {
    store->row_job = job;
    assay_status status = assay_query_do(store->connection, sql, args, n_args, what, err);
    store->row_job = NULL;
    return status;
}

duckdb_string_t assay_row_text(const char *text) {
    duckdb_string_t result;
    size_t size = strlen(text);
    memset(&result, 0, sizeof result);
    if (size <= 12) {
        result.value.inlined.length = (uint32_t)size;
        memcpy(result.value.inlined.inlined, text, size);
    } else {
        result.value.pointer.length = (uint32_t)size;
        memcpy(result.value.pointer.prefix, text, 4);
        result.value.pointer.ptr = (char *)(uintptr_t)text;
    }
    return result;
}
