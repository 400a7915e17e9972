/* One momentum run from Parquet on disk to tables on disk, against DuckDB reading the same columns alone, in turn.
 *
 * ASSAY_BENCH_DB=DIR takes the prices of an existing database (its result tables get a run named bench); without it a
 * sample market of 500 symbols x 2,520 bars is written to a temporary folder. One JSON object with the median of the
 * pairwise ratios.
 */
#define _XOPEN_SOURCE 700
#include <duckdb.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assay/assay_store.h"
#include "bench.h"

enum { N_PAIRS = 9 };

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st;
    (void)kind;
    (void)place;
    return remove(path);
}

static void make_database(const char *folder) {
    assay_error err;
    assay_store *store = NULL;
    assay_panel *panel = bench_sample_panel(500, 2520);
    bench_check(assay_store_open(folder, true, 0, &store, &err), &err);
    bench_check(assay_store_write_panel(store, panel, ASSAY_PARTITION_KEEP, &err), &err);
    assay_store_close(store);
    assay_panel_destroy(panel);
}

/* Parquet → panel → run → six tables, as the command line does it. */
static double time_run(const char *folder, size_t *out_rows) {
    assay_error err;
    double start = bench_now();
    assay_store *store = NULL;
    assay_panel *panel = NULL;
    assay_config *config = NULL;
    assay_result *result = NULL;
    assay_load_report report;
    const assay_load_spec spec = {.end_us = INT64_MAX};
    bench_check(assay_store_open(folder, false, 0, &store, &err), &err);
    bench_check(assay_store_load_panel(store, &spec, &panel, &report, &err), &err);
    bench_check(assay_config_create(assay_strategy_find("momentum", &err), &config, &err), &err);
    bench_check(assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err), &err);
    const assay_run_info info = {.run_id = "bench",
                                 .parameters_json = "{\"lookback\":20,\"threshold\":0.1}",
                                 .config_json = "{}",
                                 .fold = -1};
    bench_check(assay_store_write_run(store, &info, result, &err), &err);
    assay_result_destroy(result);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
    assay_store_close(store);
    *out_rows = report.panel.n_rows;
    return bench_now() - start;
}

static void check_duckdb(duckdb_state state, const char *message) {
    if (state != DuckDBSuccess) {
        fprintf(stderr, "bench: DuckDB: %s\n", message == NULL ? "failed" : message);
        exit(1);
    }
}

/* DuckDB alone: timestamp, symbol, open, high, low, close, volume into memory, every value looked at once. */
static double time_duckdb(const char *folder, double *out_sum) {
    double start = bench_now();
    duckdb_database database;
    duckdb_connection connection;
    duckdb_result result;
    char sql[4400];
    (void)snprintf(
        sql, sizeof sql,
        "SELECT timestamp, symbol, open_price, high_price, low_price, close_price, CAST(volume AS DOUBLE) "
        "FROM read_parquet('%s/prices/**/*.parquet', union_by_name=true, hive_partitioning=false)",
        folder);
    check_duckdb(duckdb_open(NULL, &database), NULL);
    check_duckdb(duckdb_connect(database, &connection), NULL);
    duckdb_state state = duckdb_query(connection, sql, &result);
    check_duckdb(state, state == DuckDBSuccess ? NULL : duckdb_result_error(&result));
    double sum = 0;
    duckdb_data_chunk chunk;
    while ((chunk = duckdb_fetch_chunk(result)) != NULL) {
        size_t n = duckdb_data_chunk_get_size(chunk);
        for (idx_t c = 2; c < 7; c++) {
            const double *value = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, c));
            for (size_t i = 0; i < n; i++)
                sum += value[i];
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    *out_sum = sum;
    return bench_now() - start;
}

int main(void) {
    char made[] = "/tmp/assay-bench-XXXXXX";
    const char *given = getenv("ASSAY_BENCH_DB");
    const char *folder = given;
    if (folder == NULL) {
        folder = mkdtemp(made);
        if (folder == NULL)
            return 1;
        make_database(folder);
    }
    double ratio[N_PAIRS], run[N_PAIRS], duck[N_PAIRS], sum = 0;
    size_t n_rows = 0;
    for (int i = -1; i < N_PAIRS; i++) { /* the first pair warms up */
        double a = time_run(folder, &n_rows), b = time_duckdb(folder, &sum);
        if (i >= 0) {
            run[i] = a;
            duck[i] = b;
            ratio[i] = a / b;
        }
    }
    printf("{\"bench\": \"disk_run_momentum\", \"rows\": %zu, \"run_seconds\": %.4f, "
           "\"duckdb_read_seconds\": %.4f, "
           "\"ratio\": %.2f, \"peak_rss_mb\": %.1f}\n",
           n_rows, bench_median(run, N_PAIRS), bench_median(duck, N_PAIRS), bench_median(ratio, N_PAIRS),
           bench_peak_rss_mb());
    if (given == NULL)
        (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
