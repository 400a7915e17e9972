/* One momentum run over a panel in memory: features, decisions, orders, fills, ledger and every record inside the timing.
 *
 * The threshold is one at which at least 15 % of the symbol-bars have a signal.
 *
 * One JSON object a size, with the median of several runs; sizes from 10 x 252 to 500 x 5,040 show how the cost of a
 * symbol-bar grows. `read_doubles_per_second` is what one core reads from memory in the same minute, for comparison.
 */
#include <stdio.h>
#include <stdlib.h>

#include "assay/assay.h"
#include "bench.h"

enum { N_RUNS = 9 };

static void bench(const char *strategy, const char *threshold_key, const char *threshold, size_t n_symbols,
                  size_t n_bars) {
    assay_error err;
    assay_panel *panel = bench_sample_panel(n_symbols, n_bars);
    assay_config *config = NULL;
    bench_check(assay_config_create(assay_strategy_find(strategy, &err), &config, &err), &err);
    bench_check(assay_config_set(config, threshold_key, threshold, &err), &err);
    double seconds[N_RUNS];
    size_t n_signals = 0, n_fills = 0, n_own = 0;
    for (int i = -1; i < N_RUNS; i++) { /* the first one warms up */
        assay_result *result = NULL;
        double start = bench_now();
        bench_check(assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err), &err);
        if (i >= 0)
            seconds[i] = bench_now() - start;
        (void)assay_result_signals(result, &n_signals);
        (void)assay_result_fills(result, &n_fills);
        assay_result_destroy(result);
    }
    for (size_t t = 0; t < n_bars; t++)
        for (size_t s = 0; s < n_symbols; s++) {
            double close = assay_panel_row(panel, ASSAY_COLUMN_CLOSE, t)[s];
            n_own += close == close;
        }
    double middle = bench_median(seconds, N_RUNS);
    double cells = (double)n_symbols * (double)n_bars;
    printf("{\"bench\": \"run_%s\", \"symbols\": %zu, \"bars\": %zu, \"threads\": 1, "
           "\"symbol_bars_per_second\": %.0f, "
           "\"seconds\": %.6f, \"signals_per_symbol_bar\": %.3f, \"fills\": %zu, \"own_bars\": %zu, "
           "\"peak_rss_mb\": %.1f, \"read_doubles_per_second\": %.0f}\n",
           strategy, n_symbols, n_bars, cells / middle, middle, (double)n_signals / (double)n_own, n_fills,
           n_own, bench_peak_rss_mb(), bench_read_rate());
    fflush(stdout);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

int main(void) {
    static const size_t sizes[][2] = {{10, 252}, {50, 1260}, {500, 2520}, {500, 5040}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        bench("momentum", "threshold", "0.12", sizes[i][0], sizes[i][1]);
    bench("mean_reversion", "z_threshold", "2.0", 500, 2520);
    return 0;
}
