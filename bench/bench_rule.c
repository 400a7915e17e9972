/* Rules against the built-in strategies that they write again, and how fast expressions are.
 *
 * rule_run: the two in turn, so that both see the same minute; `ratio` is the median of the ratios pair by pair. rule_evaluate:
 * an expression for every symbol-bar of a panel in memory, the result matrix written; `nodes` counts operators, functions,
 * columns and constants as they are written.
 */
#include "assay/assay_rule.h"
#include "bench.h"

#include "../tests/unit/built_in_rules.h"

enum { N_PAIRS = 11 };

static double run_seconds(const assay_panel *panel, const assay_config *config, size_t *out_signals) {
    assay_error err;
    assay_result *result = NULL;
    double start = bench_now();
    bench_check(assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err), &err);
    double seconds = bench_now() - start;
    (void)assay_result_signals(result, out_signals);
    assay_result_destroy(result);
    return seconds;
}

static void set_sectors(assay_panel *panel) {
    static const char *const names[] = {"Banks", "Energy", "Health", "Tech"};
    const char *sectors[500];
    assay_error err;
    for (size_t s = 0; s < assay_panel_n_symbols(panel); s++)
        sectors[s] = names[s % 4];
    bench_check(assay_panel_set_sectors(panel, sectors, &err), &err);
}

static void bench_pair(const assay_panel *panel, size_t i) {
    assay_error err;
    assay_strategy *rule = NULL;
    assay_config *as_rule = NULL, *built_in = NULL;
    double ratio[N_PAIRS], seconds[N_PAIRS];
    size_t n_signals = 0;
    bench_check(assay_rule_create(NULL, built_in_rules[i].line, built_in_rules[i].n_lines, &rule, NULL, &err),
                &err);
    bench_check(assay_config_create(rule, &as_rule, &err), &err);
    bench_check(assay_config_create(assay_strategy_find(built_in_rules[i].name, &err), &built_in, &err),
                &err);
    for (int k = -1; k < N_PAIRS; k++) { /* the first pair warms up */
        double b = run_seconds(panel, built_in, &n_signals), r = run_seconds(panel, as_rule, &n_signals);
        if (k >= 0) {
            ratio[k] = r / b;
            seconds[k] = r;
        }
    }
    double cells = (double)assay_panel_n_symbols(panel) * (double)assay_panel_n_bars(panel);
    double middle = bench_median(seconds, N_PAIRS);
    printf("{\"bench\": \"rule_run\", \"strategy\": \"%s\", \"symbols\": %zu, \"bars\": %zu, \"threads\": 1, "
           "\"symbol_bars_per_second\": %.0f, \"signals\": %zu, \"ratio\": %.3f}\n",
           built_in_rules[i].name, assay_panel_n_symbols(panel), assay_panel_n_bars(panel), cells / middle,
           n_signals, bench_median(ratio, N_PAIRS));
    fflush(stdout);
    assay_config_destroy(as_rule);
    assay_config_destroy(built_in);
    assay_strategy_destroy(rule);
}

static void bench_expression(const assay_panel *panel, const char *expression, int nodes) {
    assay_error err;
    double seconds[N_PAIRS];
    size_t n = assay_panel_n_bars(panel) * assay_panel_n_symbols(panel);
    double *values = malloc(n * sizeof *values);
    for (int k = -1; values != NULL && k < N_PAIRS; k++) {
        double start = bench_now();
        bench_check(assay_expression_compute(panel, expression, values, &err), &err);
        if (k >= 0)
            seconds[k] = bench_now() - start;
    }
    free(values);
    printf("{\"bench\": \"rule_evaluate\", \"expression\": \"%s\", \"nodes\": %d, \"threads\": 1, "
           "\"symbol_bars_per_second\": %.0f, \"read_doubles_per_second\": %.0f}\n",
           expression, nodes, (double)n / bench_median(seconds, N_PAIRS), bench_read_rate());
    fflush(stdout);
}

int main(void) {
    assay_panel *panel = bench_sample_panel(500, 2520);
    set_sectors(panel);
    for (size_t i = 0; i < N_BUILT_IN_RULES; i++)
        bench_pair(panel, i);
    bench_expression(panel, "abs(close - open) > 0.5 * (high - low)", 10);
    bench_expression(panel, "close / lag(close, 20) - 1 > 0.1 and volume > 0", 11);
    bench_expression(panel, "sma(close, 20) / sma(close, 50) > 1 and rsi(close, 14) < 70", 15);
    assay_panel_destroy(panel);
    return 0;
}
