/* Two stored runs, cell by cell.
 *
 * Rows are compared in the order in which they are stored, which is part of what a run must reproduce. NaN equals NaN. What
 * must differ (run_id; of backtest_runs also timestamp and duration_ms) is left out, and so is what a point of a sweep has and
 * a single run has not: sweep_id, fold, and in `parameters` the swept settings, which `config` has as well.
 */
#include <stdio.h>
#include <string.h>

#include "run_tables.h"
#include "table_files.h"

static const char what[] = "cannot compare the runs";

#define NOT_OF_THE_RUN "run_id, \"timestamp\", duration_ms, sweep_id, fold, parameters"
#define NUMBERED(files, run, left_out)                                                                       \
    "SELECT row_number() OVER () AS n, r FROM (SELECT * EXCLUDE (" left_out ") FROM read_parquet($" files    \
    ", union_by_name=true, hive_partitioning=false) WHERE run_id = $" run ") r"
#define PAIRS(left_out)                                                                                      \
    "(" NUMBERED("1", "2", left_out) ") a FULL JOIN (" NUMBERED("3", "4", left_out) ") b USING (n)"
#define COUNT(left_out)                                                                                      \
    "SELECT count(*) FILTER (a.r IS DISTINCT FROM b.r), coalesce(min(n) FILTER (a.r IS DISTINCT FROM b.r), " \
    "0), "                                                                                                   \
    "count(a.n), count(b.n) FROM " PAIRS(left_out)

/* The files of both runs as arguments $1 … $4. */
typedef struct pair {
    assay_files a, b;
    assay_arg arg[4];
} pair;

static assay_status pair_open(assay_store *store, const char *table, const char *run_a, const char *run_b,
                              pair *out_pair, assay_error *err) {
    *out_pair = (pair){.arg = {{.kind = ASSAY_ARG_TEXT}}};
    assay_status status = assay_files_of_run(store->folder, table, run_a, &out_pair->a, err);
    if (status == ASSAY_OK) {
        status = assay_files_of_run(store->folder, table, run_b, &out_pair->b, err);
    }
    if (status == ASSAY_OK && (out_pair->a.count == 0 || out_pair->b.count == 0)) {
        status =
            assay_error_set(err, ASSAY_E_NOT_FOUND, "the database %s has no table %s", store->folder, table);
    }
    out_pair->arg[0] = assay_arg_list((const char *const *)out_pair->a.path, out_pair->a.count);
    out_pair->arg[1] = assay_arg_text(run_a);
    out_pair->arg[2] = assay_arg_list((const char *const *)out_pair->b.path, out_pair->b.count);
    out_pair->arg[3] = assay_arg_text(run_b);
    return status;
}

static void pair_reset(pair *files) {
    assay_files_reset(&files->a);
    assay_files_reset(&files->b);
}

static bool is_runs(const char *table) {
    return strcmp(table, "backtest_runs") == 0;
}

/* Says in which column row n differs. */
static assay_status describe(assay_store *store, const char *table, const pair *files, int64_t n,
                             char *out_text, size_t size, assay_error *err) {
    assay_sql sql = {0};
    assay_cursor cursor;
    duckdb_result shape;
    assay_status status =
        assay_query_run(store->connection,
                        "SELECT * FROM read_parquet($1, union_by_name=true, hive_partitioning=false) "
                        "LIMIT 0",
                        files->arg, 1, what, &shape, err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_sql_add(&sql, "SELECT '' AS c, '' AS a, '' AS b WHERE false");
    for (idx_t c = 0; c < duckdb_column_count(&shape); c++) {
        const char *name = duckdb_column_name(&shape, c);
        if (strcmp(name, "run_id") == 0 ||
            (is_runs(table) && (strcmp(name, "timestamp") == 0 || strcmp(name, "duration_ms") == 0 ||
                                strcmp(name, "sweep_id") == 0 || strcmp(name, "fold") == 0 ||
                                strcmp(name, "parameters") == 0))) {
            continue;
        }
        assay_sql_add(&sql, " UNION ALL SELECT ");
        assay_sql_literal(&sql, name);
        assay_sql_add(&sql, ", coalesce(CAST(a.r.");
        assay_sql_identifier(&sql, name);
        assay_sql_add(&sql, " AS VARCHAR), 'nothing'), coalesce(CAST(b.r.");
        assay_sql_identifier(&sql, name);
        assay_sql_add(&sql, " AS VARCHAR), 'nothing') FROM row_pair WHERE a.r.");
        assay_sql_identifier(&sql, name);
        assay_sql_add(&sql, " IS DISTINCT FROM b.r.");
        assay_sql_identifier(&sql, name);
    }
    duckdb_destroy_result(&shape);
    assay_sql whole = {0};
    assay_sql_add(
        &whole,
        "WITH row_pair AS MATERIALIZED (SELECT a, b FROM %s WHERE n = %lld) SELECT * FROM (%s) LIMIT 1",
        is_runs(table) ? PAIRS(NOT_OF_THE_RUN) : PAIRS("run_id"), (long long)n, sql.failed ? "" : sql.text);
    status = assay_cursor_open(&cursor, store->connection, whole.failed ? NULL : whole.text, files->arg, 4,
                               what, err);
    if (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char name[80], a[160], b[160];
        assay_cursor_copy(&cursor, 0, name, sizeof name);
        assay_cursor_copy(&cursor, 1, a, sizeof a);
        assay_cursor_copy(&cursor, 2, b, sizeof b);
        (void)snprintf(out_text, size, "%s, row %lld, column %s: %s and %s", table, (long long)n, name, a, b);
    }
    assay_cursor_close(&cursor);
    assay_sql_reset(&whole);
    assay_sql_reset(&sql);
    return status;
}

static assay_status compare_table(assay_store *store, const char *table, const char *run_a, const char *run_b,
                                  size_t *differences, char *out_first, size_t first_size, assay_error *err) {
    pair files;
    assay_cursor cursor = {0};
    assay_status status = pair_open(store, table, run_a, run_b, &files, err);
    if (status == ASSAY_OK) {
        status = assay_cursor_open(&cursor, store->connection,
                                   is_runs(table) ? COUNT(NOT_OF_THE_RUN) : COUNT("run_id"), files.arg, 4,
                                   what, err);
    }
    if (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        int64_t n = assay_cursor_int(&cursor, 0), first = assay_cursor_int(&cursor, 1);
        int64_t n_a = assay_cursor_int(&cursor, 2), n_b = assay_cursor_int(&cursor, 3);
        if (is_runs(table) && (n_a == 0 || n_b == 0)) {
            status = assay_error_set(err, ASSAY_E_NOT_FOUND,
                                     "the database %s has no run %s; `assay runs` lists them", store->folder,
                                     n_a == 0 ? run_a : run_b);
        } else if (n > 0 && *differences == 0 && first > (n_a < n_b ? n_a : n_b)) {
            (void)snprintf(out_first, first_size, "%s: run %s has %lld rows, run %s %lld", table, run_a,
                           (long long)n_a, run_b, (long long)n_b);
        } else if (n > 0 && *differences == 0) {
            status = describe(store, table, &files, first, out_first, first_size, err);
        }
        *differences += (size_t)n;
    }
    assay_cursor_close(&cursor);
    pair_reset(&files);
    return status;
}

assay_status assay_store_compare_runs(assay_store *store, const char *run_id_a, const char *run_id_b,
                                      size_t *out_differences, char *out_first, size_t first_size,
                                      assay_error *err) {
    char ignored[1];
    if (store == NULL || run_id_a == NULL || run_id_b == NULL || out_differences == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "assay_store_compare_runs needs a store and two runs");
    }
    assay_store_all_threads(store);
    if (out_first == NULL || first_size == 0) {
        out_first = ignored;
        first_size = sizeof ignored;
    }
    out_first[0] = '\0';
    *out_differences = 0;
    /* In the order in which a run happens: what differs first is the cause of the rest. */
    static const size_t order[ASSAY_N_RUN_TABLES] = {2, 3, 1, 0, 4, 5};
    assay_status status = ASSAY_OK;
    /* backtest_runs says whether the runs exist at all, so it is asked first, and counted last. */
    size_t unused = 0;
    char none[64];
    status =
        compare_table(store, assay_run_table_name(5), run_id_a, run_id_b, &unused, none, sizeof none, err);
    for (size_t i = 0; status == ASSAY_OK && i < ASSAY_N_RUN_TABLES; i++) {
        status = compare_table(store, assay_run_table_name(order[i]), run_id_a, run_id_b, out_differences,
                               out_first, first_size, err);
    }
    return status;
}
