/* A point of a sweep equals its single run, byte for byte, whatever it is swept with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assay/assay_sample.h"
#include "assay/assay_sweep.h"
#include "base/rng.h"

enum { N_POINTS = 60 };

static assay_panel *sample_panel(uint64_t seed, size_t n_symbols, size_t n_bars) {
    assay_error err;
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR,
                                   .signal_prices = ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
    assay_sample_spec spec;
    assay_sample_spec_init(&spec);
    spec.seed = seed;
    spec.n_symbols = n_symbols;
    spec.n_bars = n_bars;
    assert_int_equal(assay_panel_builder_create(&builder, &err), ASSAY_OK);
    assert_int_equal(assay_sample_build(&spec, builder, &err), ASSAY_OK);
    assert_int_equal(assay_panel_builder_finish(builder, &options, &panel, NULL, &err), ASSAY_OK);
    assay_panel_builder_destroy(builder);
    return panel;
}

static void set(assay_config *config, const char *key, const char *value) {
    assay_error err = {.message = ""};
    if (assay_config_set(config, key, value, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
}

static const char *pick(assay_rng *rng, const char *const *choices, size_t n) {
    return choices[assay_rng_below(rng, n)];
}

#define PICK(rng, ...)                                                                                       \
    pick((rng), (const char *const[]){__VA_ARGS__},                                                          \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Settings that bite, in mixtures that go the pruned way and mixtures that cannot. */
static assay_config *random_config(assay_rng *rng, bool momentum) {
    assay_error err;
    assay_config *c = NULL;
    assert_int_equal(
        assay_config_create(assay_strategy_find(momentum ? "momentum" : "mean_reversion", &err), &c, &err),
        ASSAY_OK);
    set(c, "lookback", PICK(rng, "2", "5", "10", "20"));
    if (momentum)
        set(c, "threshold", PICK(rng, "0", "0.01", "0.03", "0.05", "0.1", "0.2", "0.4"));
    else
        set(c, "z_threshold", PICK(rng, "0", "0.5", "1", "1.5", "2", "2.5"));
    set(c, "initial_capital", PICK(rng, "1000", "100000", "10000000", "1000000000"));
    set(c, "commission_pct", PICK(rng, "0", "0.001", "0.01"));
    set(c, "commission_per_share", PICK(rng, "0", "0", "0.01"));
    set(c, "commission_min", PICK(rng, "0", "0", "1", "50"));
    set(c, "slippage_model", PICK(rng, "bps", "bps", "bps", "none", "impact"));
    set(c, "slippage_bps", PICK(rng, "5", "5", "50"));
    set(c, "max_position_pct", PICK(rng, "0.1", "0.1", "0.02", "0.5", "1"));
    set(c, "sizing_basis", PICK(rng, "equity", "equity", "initial"));
    set(c, "rebalance_frequency", PICK(rng, "daily", "daily", "daily", "weekly", "monthly"));
    set(c, "fill", PICK(rng, "next_open", "next_open", "next_open", "next_close", "close"));
    set(c, "max_participation", PICK(rng, "0.1", "0.1", "0", "0.001", "1"));
    set(c, "insufficient_cash", PICK(rng, "scale", "scale", "skip"));
    set(c, "min_scale_frac", PICK(rng, "0.5", "0.5", "0", "0.1", "1"));
    set(c, "max_pending_days", PICK(rng, "7", "7", "1", "30"));
    set(c, "lot_size", PICK(rng, "0", "0", "0", "1"));
    set(c, "lot_method", PICK(rng, "fifo", "fifo", "lifo", "average"));
    set(c, "allow_short", PICK(rng, "false", "false", "false", "true"));
    set(c, "target_scaled_by_strength", PICK(rng, "false", "false", "true"));
    set(c, "serve_order", PICK(rng, "closings_first", "closings_first", "closings_first", "symbol"));
    set(c, "delist_after_days", PICK(rng, "10", "10", "4"));
    set(c, "delisting_return", PICK(rng, "0", "-0.3"));
    set(c, "cash_interest_pct", PICK(rng, "0", "0.03"));
    set(c, "start_date", PICK(rng, "", "", "2015-06-01"));
    return c;
}

static bool same_bits(double a, double b) {
    uint64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

static void assert_equals_single_runs(const assay_panel *panel, assay_config *const *configs, size_t n,
                                      const double *metrics) {
    size_t n_metrics = assay_metric_count();
    for (size_t i = 0; i < n; i++) {
        assay_error err = {.message = ""};
        assay_result *result = NULL;
        if (assay_run(panel, configs[i], ASSAY_KEEP_ALL, &result, &err) != ASSAY_OK)
            fail_msg("%s", err.message);
        const double *single = assay_result_metrics(result);
        for (size_t m = 0; m < n_metrics; m++) {
            if (same_bits(single[m], metrics[i * n_metrics + m]))
                continue;
            for (size_t k = 0; k < assay_setting_count(); k++) {
                char text[64];
                if (assay_config_get(configs[i], assay_setting_at(k)->name, text, sizeof text, &err) ==
                        ASSAY_OK &&
                    !assay_setting_at(k)->planned)
                    print_message("%s=%s ", assay_setting_at(k)->name, text);
            }
            fail_msg("point %zu: %s is %.17g in the sweep and %.17g alone (parameters %g %g)", i,
                     assay_metric_at(m)->name, metrics[i * n_metrics + m], single[m],
                     assay_config_params(configs[i])[0], assay_config_params(configs[i])[1]);
        }
        assay_result_destroy(result);
    }
}

static void sweep_and_compare(uint64_t seed, unsigned n_threads) {
    assay_rng rng;
    assay_rng_init(&rng, seed);
    assay_error err = {.message = ""};
    assay_panel *panel = sample_panel(seed, 20 + assay_rng_below(&rng, 60), 260);
    assay_config *configs[N_POINTS];
    for (size_t i = 0; i < N_POINTS; i++)
        configs[i] = random_config(&rng, (seed + i) % 2 == 0); /* both strategies side by side */
    double *metrics = calloc(N_POINTS * assay_metric_count(), sizeof *metrics);
    if (assay_sweep_run(panel, (const assay_config *const *)configs, N_POINTS, n_threads, NULL, NULL, metrics,
                        &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    assert_equals_single_runs(panel, configs, N_POINTS, metrics);
    for (size_t i = 0; i < N_POINTS; i++)
        assay_config_destroy(configs[i]);
    free(metrics);
    assay_panel_destroy(panel);
}

static void random_points_equal_their_single_runs(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        sweep_and_compare(seed, 1 + (unsigned)(seed % 2));
}

/* The default settings over a grid: the way that most sweeps go. */
static void grid_points_equal_their_single_runs(void **state) {
    (void)state;
    assay_error err = {.message = ""};
    assay_panel *panel = sample_panel(77, 120, 700);
    assay_config *configs[5 * 30];
    for (size_t i = 0; i < 5 * 30; i++) {
        char text[32];
        assert_int_equal(assay_config_create(assay_strategy_find("momentum", &err), &configs[i], &err),
                         ASSAY_OK);
        snprintf(text, sizeof text, "%zu", 5 + i / 30 * 15);
        set(configs[i], "lookback", text);
        snprintf(text, sizeof text, "%g", 0.005 * (double)(i % 30));
        set(configs[i], "threshold", text);
    }
    double *metrics = calloc(5 * 30 * assay_metric_count(), sizeof *metrics);
    assert_int_equal(
        assay_sweep_run(panel, (const assay_config *const *)configs, 5 * 30, 2, NULL, NULL, metrics, &err),
        ASSAY_OK);
    assert_equals_single_runs(panel, configs, 5 * 30, metrics);
    for (size_t i = 0; i < 5 * 30; i++)
        assay_config_destroy(configs[i]);
    free(metrics);
    assay_panel_destroy(panel);
}

/* Every symbol twice, with the same prices: ties all the time, and halts and thin days that turn rows into orders. */
static assay_panel *twin_panel(uint64_t seed) {
    enum { N_PAIRS = 10, N_DAYS = 200 };
    assay_rng rng;
    assay_rng_init(&rng, seed);
    assay_error err;
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR,
                                   .signal_prices = ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
    assert_int_equal(assay_panel_builder_create(&builder, &err), ASSAY_OK);
    for (int pair = 0; pair < N_PAIRS; pair++) {
        double price = 20 + 60 * assay_rng_uniform(&rng);
        uint32_t id[2];
        for (int twin = 0; twin < 2; twin++) {
            char name[16];
            snprintf(name, sizeof name, "%c%d", 'A' + pair, twin);
            assert_int_equal(assay_panel_builder_symbol(builder, name, 2, &id[twin], &err), ASSAY_OK);
        }
        for (int64_t day = 0; day < N_DAYS; day++) {
            price *= 0.8 + 0.42 * assay_rng_uniform(&rng); /* wild: sizes of old and new orders differ */
            bool halted = assay_rng_below(&rng, 12) == 0;
            double volume = assay_rng_below(&rng, 6) == 0 ? 0 : 50 + 5000 * assay_rng_uniform(&rng);
            double open = price * (0.99 + 0.02 * assay_rng_uniform(&rng));
            for (int twin = 0; !halted && twin < 2; twin++) {
                int64_t time = (16000 + day) * INT64_C(86400000000);
                const assay_panel_rows row = {.n_rows = 1,
                                              .symbol = &id[twin],
                                              .timestamp_us = &time,
                                              .column = {&open, NULL, NULL, &price, &volume}};
                assert_int_equal(assay_panel_builder_add_rows(builder, &row, &err), ASSAY_OK);
            }
        }
    }
    assert_int_equal(assay_panel_builder_finish(builder, &options, &panel, NULL, &err), ASSAY_OK);
    assay_panel_builder_destroy(builder);
    return panel;
}

static void ties_go_to_the_lower_symbol(void **state) {
    (void)state;
    assay_error err = {.message = ""};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        assay_rng rng;
        assay_rng_init(&rng, seed);
        assay_panel *panel = twin_panel(seed);
        assay_config *configs[N_POINTS];
        for (size_t i = 0; i < N_POINTS; i++) {
            configs[i] = random_config(&rng, i % 2 == 0);
            set(configs[i], "start_date", "");
            set(configs[i], "initial_capital", PICK(&rng, "1000", "20000", "100000"));
        }
        double *metrics = calloc(N_POINTS * assay_metric_count(), sizeof *metrics);
        assert_int_equal(assay_sweep_run(panel, (const assay_config *const *)configs, N_POINTS, 1, NULL, NULL,
                                         metrics, &err),
                         ASSAY_OK);
        assert_equals_single_runs(panel, configs, N_POINTS, metrics);
        for (size_t i = 0; i < N_POINTS; i++)
            assay_config_destroy(configs[i]);
        free(metrics);
        assay_panel_destroy(panel);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_points_equal_their_single_runs),
        cmocka_unit_test(grid_points_equal_their_single_runs),
        cmocka_unit_test(ties_go_to_the_lower_symbol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
