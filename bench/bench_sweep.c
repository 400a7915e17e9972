/* A sweep of 100 look-backs x 100 thresholds, default settings (shared cash, all costs), metrics of every point.
 *
 * Memory is what is resident before, and at the most during the sweep; the panel has five columns and the own prices.
 *
 * One JSON object a strategy and number of threads. `read_doubles_per_second` is what one core reads from memory in the
 * same minute. ASSAY_BENCH_SMALL=1 takes a tenth of the look-backs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_sample.h"
#include "assay/assay_sweep.h"
#include "bench.h"

enum { N_THRESHOLDS = 100 };

static assay_config **make_configs(const char *strategy, size_t n_lookbacks, double first, double step) {
    assay_error err;
    assay_config **configs = malloc(n_lookbacks * N_THRESHOLDS * sizeof *configs);
    for (size_t i = 0; configs != NULL && i < n_lookbacks * N_THRESHOLDS; i++) {
        char text[32];
        const assay_strategy *s = assay_strategy_find(strategy, &err);
        bench_check(assay_config_create(s, &configs[i], &err), &err);
        snprintf(text, sizeof text, "%zu", 2 + 2 * (i / N_THRESHOLDS));
        bench_check(assay_config_set(configs[i], "lookback", text, &err), &err);
        snprintf(text, sizeof text, "%.17g", first + step * (double)(i % N_THRESHOLDS));
        bench_check(assay_config_set(configs[i], s->params[1].name, text, &err), &err);
    }
    return configs;
}

static void bench(const assay_panel *panel, const char *strategy, double first, double step,
                  unsigned n_threads, size_t n_lookbacks) {
    assay_error err;
    size_t n_points = n_lookbacks * N_THRESHOLDS;
    assay_config **configs = make_configs(strategy, n_lookbacks, first, step);
    double *metrics = malloc(n_points * assay_metric_count() * sizeof *metrics);
    bench_reset_peak();
    double before = bench_memory_mb("VmRSS:"), start = bench_now();
    bench_check(assay_sweep_run(panel, (const assay_config *const *)configs, n_points, n_threads, NULL, NULL,
                                metrics, &err),
                &err);
    double seconds = bench_now() - start, peak = bench_memory_mb("VmHWM:");
    double panel_mb = 6 * 8e-6 * (double)assay_panel_n_symbols(panel) * (double)assay_panel_n_bars(panel);
    double cells =
        (double)assay_panel_n_symbols(panel) * (double)assay_panel_n_bars(panel) * (double)n_points;
    printf("{\"bench\": \"sweep_%s\", \"symbols\": %zu, \"bars\": %zu, \"points\": %zu, \"threads\": %u, "
           "\"symbol_bar_points_per_second\": %.0f, \"seconds\": %.3f, \"rss_before_mb\": %.1f, "
           "\"peak_rss_mb\": %.1f, \"panel_mb\": %.1f, "
           "\"read_doubles_per_second\": %.0f}\n",
           strategy, assay_panel_n_symbols(panel), assay_panel_n_bars(panel), n_points, n_threads,
           cells / seconds, seconds, before, peak, panel_mb, bench_read_rate());
    fflush(stdout);
    for (size_t i = 0; i < n_points; i++)
        assay_config_destroy(configs[i]);
    free(configs);
    free(metrics);
}

int main(void) {
    const char *small = getenv("ASSAY_BENCH_SMALL");
    size_t n_lookbacks = small != NULL && strcmp(small, "1") == 0 ? 10 : 100;
    assay_panel *panel = bench_sample_panel(500, 2520);
    for (unsigned n_threads = 1; n_threads <= 2; n_threads++)
        bench(panel, "momentum", 0.002, 0.002, n_threads, n_lookbacks);
    bench(panel, "mean_reversion", 0.03, 0.03, 1, n_lookbacks);
    assay_panel_destroy(panel);
    return 0;
}
