/* One momentum run over a panel in memory: features, decisions, orders, fills, ledger and every record inside the timing.
 *
 * One JSON object a size, with the median of several runs; sizes from 10 x 252 to 500 x 5,040 show how the cost of a
 * symbol-bar grows. `read_doubles_per_second` is what one core reads from memory in the same minute, for comparison.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "assay/assay.h"
#include "assay/assay_sample.h"

enum { N_RUNS = 9 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double peak_rss_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void check(assay_status status, const assay_error *err) {
    if (status != ASSAY_OK) {
        fprintf(stderr, "bench: %s\n", err->message);
        exit(1);
    }
}

static double read_rate(void) {
    enum { N = 1 << 25 };
    double *block = malloc(N * sizeof *block), sum[8] = {0};
    if (block == NULL)
        exit(1);
    for (size_t i = 0; i < N; i++)
        block[i] = (double)i;
    double start = now();
    for (size_t i = 0; i < N; i += 8)
        for (size_t k = 0; k < 8; k++)
            sum[k] += block[i + k];
    double seconds = now() - start;
    volatile double sink = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
    (void)sink;
    free(block);
    return N / seconds;
}

static assay_panel *make_panel(size_t n_symbols, size_t n_bars) {
    assay_error err;
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    assay_panel_options options = {ASSAY_BAD_DATA_ERROR, ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
    assay_sample_spec spec;
    assay_sample_spec_init(&spec);
    spec.n_symbols = n_symbols;
    spec.n_bars = n_bars;
    check(assay_panel_builder_create(&builder, &err), &err);
    check(assay_sample_build(&spec, builder, &err), &err);
    check(assay_panel_builder_finish(builder, &options, &panel, NULL, &err), &err);
    assay_panel_builder_destroy(builder);
    return panel;
}

static void bench(const char *strategy, const char *threshold_key, const char *threshold, size_t n_symbols,
                  size_t n_bars) {
    assay_error err;
    assay_panel *panel = make_panel(n_symbols, n_bars);
    assay_config *config = NULL;
    check(assay_config_create(assay_strategy_find(strategy, &err), &config, &err), &err);
    check(assay_config_set(config, threshold_key, threshold, &err), &err);
    double seconds[N_RUNS];
    size_t n_signals = 0, n_fills = 0, n_own = 0;
    for (int i = -1; i < N_RUNS; i++) { /* the first one warms up */
        assay_result *result = NULL;
        double start = now();
        check(assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err), &err);
        if (i >= 0)
            seconds[i] = now() - start;
        (void)assay_result_signals(result, &n_signals);
        (void)assay_result_fills(result, &n_fills);
        assay_result_destroy(result);
    }
    for (size_t t = 0; t < n_bars; t++)
        for (size_t s = 0; s < n_symbols; s++) {
            double close = assay_panel_row(panel, ASSAY_COLUMN_CLOSE, t)[s];
            n_own += close == close;
        }
    qsort(seconds, N_RUNS, sizeof *seconds, compare_doubles);
    double cells = (double)n_symbols * (double)n_bars;
    printf("{\"bench\": \"run_%s\", \"symbols\": %zu, \"bars\": %zu, \"threads\": 1, "
           "\"symbol_bars_per_second\": %.0f, "
           "\"seconds\": %.6f, \"signals_per_symbol_bar\": %.3f, \"fills\": %zu, \"own_bars\": %zu, "
           "\"peak_rss_mb\": %.1f, \"read_doubles_per_second\": %.0f}\n",
           strategy, n_symbols, n_bars, cells / seconds[N_RUNS / 2], seconds[N_RUNS / 2],
           (double)n_signals / (double)n_own, n_fills, n_own, peak_rss_mb(), read_rate());
    fflush(stdout);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

int main(void) {
    static const size_t sizes[][2] = {{10, 252}, {50, 1260}, {500, 2520}, {500, 5040}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        bench("momentum", "threshold", "0.10", sizes[i][0], sizes[i][1]);
    bench("mean_reversion", "z_threshold", "2.0", 500, 2520);
    return 0;
}
