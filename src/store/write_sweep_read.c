/* The metrics of a stored sweep, read back: only its own files, only the metrics that are asked for, row by row. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "table_files.h"
#include "write_sweep.h"

static const char what[] = "cannot read the sweep";

/* Leaves the files of the sweep in the list. */
static assay_status files_of_sweep(const assay_store *store, const char *sweep_id, assay_files *files,
                                   assay_error *err) {
    assay_status status = assay_files_list(store->folder, "backtest_results", files, err);
    size_t kept = 0;
    for (size_t i = 0; status == ASSAY_OK && i < files->count; i++) {
        uint64_t index, count;
        char *path = files->path[i];
        if (assay_sweep_owns_file(strrchr(path, '/') + 1, sweep_id, &index, &count)) {
            files->path[i] = files->path[kept];
            files->path[kept++] = path;
        }
    }
    for (size_t i = kept; i < files->count; i++) {
        free(files->path[i]);
    }
    files->count = kept;
    if (status == ASSAY_OK && kept == 0) {
        status = assay_error_set(err, ASSAY_E_NOT_FOUND, "there is no sweep '%s'; `assay runs` lists them",
                                 sweep_id);
    }
    return status;
}

static size_t index_of(const char *const *names, size_t n, const char *text, size_t size) {
    for (size_t i = 0; i < n; i++) {
        if (strlen(names[i]) == size && memcmp(names[i], text, size) == 0) {
            return i;
        }
    }
    return n;
}

/* SWEEP_ID-number; false: another run's. */
static bool number_of(const char *run_id, size_t size, size_t prefix, uint64_t *out_number) {
    uint64_t value = 0;
    for (size_t i = prefix + 1; i < size; i++) {
        value = value * 10 + (uint64_t)(run_id[i] - '0');
    }
    *out_number = value;
    return size > prefix + 1;
}

assay_status assay_store_sweep_read(assay_store *store, const char *sweep_id, const char *const *metrics,
                                    size_t n_metrics, uint64_t n_points, double *const *out_values,
                                    bool *out_has, assay_error *err) {
    assay_files files;
    assay_cursor cursor = {0};
    assay_status status = files_of_sweep(store, sweep_id, &files, err);
    assay_arg args[2] = {assay_arg_list((const char *const *)files.path, files.count),
                         assay_arg_list(metrics, n_metrics)};
    if (status == ASSAY_OK) {
        status = assay_cursor_open(&cursor, store->connection,
                                   "SELECT run_id, metric, value FROM read_parquet($1, union_by_name=true, "
                                   "hive_partitioning=false) WHERE list_contains($2, metric)",
                                   args, 2, what, err);
    }
    size_t prefix = strlen(sweep_id);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        size_t size = 0, metric_size = 0;
        uint64_t number = 0;
        const char *run_id = assay_cursor_text(&cursor, 0, &size);
        bool is_point = number_of(run_id, size, prefix, &number) && number < n_points;
        const char *metric = assay_cursor_text(&cursor, 1, &metric_size);
        size_t m = index_of(metrics, n_metrics, metric, metric_size);
        if (is_point && m < n_metrics) {
            out_values[m][number] = assay_cursor_double(&cursor, 2);
            out_has[number] = true;
        }
    }
    if (status == ASSAY_OK && duckdb_result_error(&cursor.result) != NULL) {
        status = assay_query_error(&cursor.result, what, err);
    }
    assay_cursor_close(&cursor);
    assay_files_reset(&files);
    return status;
}
