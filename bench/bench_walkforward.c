/* A walk-forward of 20 folds over 10 years: 50 look-backs x 20 thresholds on each training window, the winner's test, the
 * joined run. One JSON object. ASSAY_BENCH_SMALL=1 takes a tenth of the look-backs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_walkforward.h"
#include "bench.h"

int main(void) {
    assay_error err;
    const char *small = getenv("ASSAY_BENCH_SMALL");
    bool is_small = small != NULL && strcmp(small, "1") == 0;
    const char *axes[] = {is_small ? "lookback=4:20:4" : "lookback=4:200:4", "threshold=0.01:0.2:0.01"};
    const assay_walkforward_spec spec = {
        .axes = axes, .n_axes = 2, .train = "520", .test = "100", .purge = "5", .embargo = "5"};
    assay_panel *panel = bench_sample_panel(500, 2520);
    assay_config *config = NULL;
    assay_walkforward *wf = NULL;
    bench_check(assay_config_create(assay_strategy_find("momentum", &err), &config, &err), &err);
    double start = bench_now();
    bench_check(assay_walkforward_run(panel, config, &spec, 2, NULL, NULL, &wf, &err), &err);
    double seconds = bench_now() - start;
    printf("{\"bench\": \"walkforward\", \"folds\": %zu, \"points\": %llu, \"symbols\": %zu, \"bars\": %zu, "
           "\"threads\": 2, \"seconds\": %.3f, \"peak_rss_mb\": %.1f}\n",
           assay_walkforward_n_folds(wf), (unsigned long long)assay_walkforward_n_points(wf),
           assay_panel_n_symbols(panel), assay_panel_n_bars(panel), seconds, bench_peak_rss_mb());
    assay_walkforward_destroy(wf);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
    return 0;
}
