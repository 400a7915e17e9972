/* One momentum run from Parquet to tables with all data in files and a small limit, against the same run in memory, in turn.
 *
 * ASSAY_BENCH_DB=DIR takes the prices of an existing database (its result tables get a run named bench), such as one of
 * bench/make_minutes.py; without it a sample market of 100 symbols x 40,000 bars is written to a temporary folder.
 * ASSAY_BENCH_LIMIT_MB: the limit (256). One JSON object with the median of the pairwise ratios, and both peaks of resident memory.
 */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "assay/assay_memory.h"
#include "assay/assay_store.h"
#include "bench.h"

enum { N_PAIRS = 7 };

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st;
    (void)kind;
    (void)place;
    return remove(path);
}

static void make_database(const char *folder) {
    assay_error err;
    assay_store *store = NULL;
    assay_panel *panel = bench_sample_panel(100, 40000);
    bench_check(assay_store_open(folder, true, 0, &store, &err), &err);
    bench_check(assay_store_write_panel(store, panel, ASSAY_PARTITION_KEEP, &err), &err);
    assay_store_close(store);
    assay_panel_destroy(panel);
}

typedef struct timed {
    double seconds, peak_mb;
    size_t n_rows;
} timed;

static timed time_run(const char *folder, size_t limit) {
    assay_error err;
    assay_store *store = NULL;
    assay_panel *panel = NULL;
    assay_config *config = NULL;
    assay_result *result = NULL;
    assay_load_report report;
    const assay_load_spec spec = {.end_us = INT64_MAX};
    bench_check(assay_memory_limit(limit, NULL, &err), &err);
    bench_reset_peak();
    double start = bench_now();
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
    return (timed){bench_now() - start, bench_memory_mb("VmHWM:"), report.panel.n_rows};
}

int main(void) {
    char made[] = "/tmp/assay-bench-XXXXXX";
    const char *given = getenv("ASSAY_BENCH_DB"), *limit_mb = getenv("ASSAY_BENCH_LIMIT_MB");
    const char *folder = given == NULL ? mkdtemp(made) : given;
    size_t limit = (limit_mb == NULL ? 256 : strtoull(limit_mb, NULL, 10)) << 20;
    if (folder == NULL)
        return 1;
    if (given == NULL)
        make_database(folder);
    double ratio[N_PAIRS], in_files[N_PAIRS], in_memory[N_PAIRS], peak_files = 0, peak_memory = 0;
    size_t n_rows = 0;
    for (int i = -1; i < N_PAIRS; i++) { /* the first pair warms up */
        timed files = time_run(folder, limit), memory = time_run(folder, (size_t)1 << 40);
        n_rows = memory.n_rows;
        peak_files = files.peak_mb > peak_files ? files.peak_mb : peak_files;
        peak_memory = memory.peak_mb > peak_memory ? memory.peak_mb : peak_memory;
        if (i >= 0) {
            in_files[i] = files.seconds;
            in_memory[i] = memory.seconds;
            ratio[i] = files.seconds / memory.seconds;
        }
    }
    double files = bench_median(in_files, N_PAIRS), memory = bench_median(in_memory, N_PAIRS);
    printf(
        "{\"bench\": \"blocks_run_momentum\", \"rows\": %zu, \"limit_mb\": %zu, \"files_seconds\": %.4f, "
        "\"memory_seconds\": %.4f, \"files_ns_per_bar\": %.1f, \"memory_ns_per_bar\": %.1f, \"ratio\": %.2f, "
        "\"files_peak_rss_mb\": %.0f, \"memory_peak_rss_mb\": %.0f}\n",
        n_rows, limit >> 20, files, memory, files / (double)n_rows * 1e9, memory / (double)n_rows * 1e9,
        bench_median(ratio, N_PAIRS), peak_files, peak_memory);
    if (given == NULL)
        (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
