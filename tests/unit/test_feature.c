/* Window returns and z-scores against two passes in extended precision, on random markets and on hostile series; their
 * purity (bit for bit a function of the window alone); and their bits whatever the width of the vector instructions. */
#include "support.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/rng.h"
#include "market/feature.h"
#include "market/rolling.h"

#define free(block) assay_block_free(block) /* a matrix may lie in a file; what malloc gave is taken, too */

static double *compute(const assay_panel *panel, assay_feature_kind kind, uint32_t window) {
    double *out = assay_aligned_alloc(panel->n_bars * panel->stride, sizeof *out);
    assert_non_null(out);
    const assay_feature feature = {.kind = kind, .window = window};
    assay_error err = {0};
    if (assay_feature_compute(panel, &feature, out, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return out;
}

/* --- the slow, obvious way --- */

/* Closes of the own bars up to `bar`, as seen from it (adjusted by the panel, which test_panel.c checks); how many. */
static size_t window_as_of(const assay_panel *panel, size_t s, size_t bar, size_t window, long double *out) {
    size_t n = 0;
    for (; n < window; n++) {
        double price = assay_panel_adjusted_close(panel, s, bar, n);
        if (isnan(price))
            break;
        out[n] = (long double)price; /* newest first */
    }
    return n;
}

/* Two passes over the differences from the newest price, which are exact where the level is large. */
static double slow_zscore(const long double *x, size_t n) {
    long double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += (x[i] - x[0]) / (long double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - x[0] - mean) * (x[i] - x[0] - mean);
    return (double)(-mean / (sqrtl(squares / (long double)(n - 1)) + 1e-6L));
}

/* 1e-10 relative (docs/semantics.md, section 10). Near 0, where a price lies on the mean of its window or on the price it
 * is compared with, only the rounding of the prices themselves is allowed for: `absolute`. */
static void check_feature(double got, double expected, double absolute, const char *what, size_t s,
                          size_t t) {
    if (isnan(got) && isnan(expected))
        return;
    if (isnan(got) || isnan(expected) || fabs(got - expected) > 1e-10 * fabs(expected) + absolute)
        fail_msg("%s of symbol %zu at bar %zu is %.17g and not %.17g", what, s, t, got, expected);
}

static void compare_with_slow(const assay_panel *panel, uint32_t window) {
    long double *x = malloc(window * sizeof *x);
    double *returns = compute(panel, ASSAY_FEATURE_WINDOW_RETURN, window);
    double *zscores = compute(panel, ASSAY_FEATURE_ZSCORE, window);
    assert_non_null(x);
    for (size_t t = 0; t < panel->n_bars; t++) {
        for (size_t s = 0; s < panel->n_symbols; s++) {
            size_t n = window_as_of(panel, s, t, window, x);
            double wanted_return = n < window ? NO_VALUE : (double)(x[0] / x[window - 1] - 1);
            double wanted_zscore = n < window ? NO_VALUE : slow_zscore(x, n);
            check_feature(returns[t * panel->stride + s], wanted_return, 4 * DBL_EPSILON, "return", s, t);
            check_feature(zscores[t * panel->stride + s], wanted_zscore, 1e-12, "z-score", s, t);
        }
    }
    free(x);
    free(returns);
    free(zscores);
}

/* Every window from 2 to 70: powers of two, their neighbours, and every pattern of binary digits between. */
static void test_every_window(void **state) {
    (void)state;
    const random_spec spec = {11, 110, 5, 0.12, 0.03, true};
    matrix_market m = random_market(&spec);
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    for (uint32_t window = 2; window <= 70; window++)
        compare_with_slow(panel, window);
    assay_panel_destroy(panel);
    free_market(&m);
}

/* More symbols than one tile of the rolling sums holds (128), and odd numbers of them. */
static void test_many_symbols(void **state) {
    (void)state;
    static const size_t counts[] = {1, 7, 8, 9, 127, 128, 129, 300};
    static const uint32_t windows[] = {2, 5, 20, 33};
    for (size_t i = 0; i < LENGTH(counts); i++) {
        const random_spec spec = {200 + i, 50, counts[i], 0.1, 0.03, true};
        matrix_market m = random_market(&spec);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        for (size_t w = 0; w < LENGTH(windows); w++)
            compare_with_slow(panel, windows[w]);
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

/* Total-return prices: the adjusted closes that a strategy reads are the ones the features are made of. */
static void test_total_return_prices(void **state) {
    (void)state;
    const random_spec spec = {12, 80, 6, 0.1, 0.06, true};
    matrix_market m = random_market(&spec);
    const assay_panel_options options = {.signal_prices = ASSAY_SIGNAL_PRICES_TOTAL_RETURN};
    assay_panel *panel = panel_of_market(&m, &options, m.n_bars);
    for (uint32_t window = 2; window < 30; window += 9)
        compare_with_slow(panel, window);
    assay_panel_destroy(panel);
    free_market(&m);
}

static void test_windows_that_never_fill(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 110), FLAT("A", 2, 121), FLAT("B", 2, 5)};
    assay_panel *panel = PANEL(rows);
    static const uint32_t windows[] = {3, 4, 5, 1000, 100000};
    for (size_t w = 0; w < LENGTH(windows); w++) {
        for (int kind = 0; kind < 2; kind++) {
            double *out = compute(panel, (assay_feature_kind)kind, windows[w]);
            for (size_t t = 0; t < 3; t++)
                assert_true(isnan(out[t * panel->stride]) || (t == 2 && windows[w] == 3));
            assert_true(isnan(out[2 * panel->stride + 1]));
            free(out);
        }
    }
    const assay_feature too_short = {.kind = ASSAY_FEATURE_ZSCORE, .window = 1};
    double *out = assay_aligned_alloc(3 * panel->stride, sizeof *out);
    assay_error err = {0};
    assert_refused(assay_feature_compute(panel, &too_short, out, &err), ASSAY_E_ARGUMENT, &err, "1 bars");
    free(out);
    assay_panel_destroy(panel);
}

/* By hand: 100, 110, 121: window 3 returns 0.21; the z-score of 121 among (100, 110, 121): mean 331/3, ddof 1. */
static void test_by_hand(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 110), FLAT("A", 2, 121)};
    assay_panel *panel = PANEL(rows);
    double *returns = compute(panel, ASSAY_FEATURE_WINDOW_RETURN, 3);
    double *zscores = compute(panel, ASSAY_FEATURE_ZSCORE, 3);
    double mean = 331.0 / 3, d0 = 100 - mean, d1 = 110 - mean, d2 = 121 - mean;
    assert_near(returns[2 * panel->stride], 0.21, 1e-15);
    assert_near(zscores[2 * panel->stride], d2 / (sqrt((d0 * d0 + d1 * d1 + d2 * d2) / 2) + 1e-6), 1e-14);
    free(returns);
    free(zscores);
    assay_panel_destroy(panel);
}

/* --- hostile series --- */

/* One symbol's closes, day after day. */
static assay_panel *panel_of_closes(const double *close, size_t n) {
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    uint32_t *id = calloc(n, sizeof *id), a;
    int64_t *at = malloc(n * sizeof *at);
    assay_error err = {0};
    assert_non_null(id);
    assert_non_null(at);
    assert_int_equal(assay_panel_builder_create(&builder, &err), ASSAY_OK);
    assert_int_equal(assay_panel_builder_symbol(builder, "A", 1, &a, &err), ASSAY_OK);
    for (size_t i = 0; i < n; i++)
        at[i] = day_us((int)i);
    const assay_panel_rows rows = {
        .n_rows = n, .symbol = id, .timestamp_us = at, .column[ASSAY_COLUMN_CLOSE] = close};
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    assert_int_equal(assay_panel_builder_add_rows(builder, &rows, &err), ASSAY_OK);
    assert_int_equal(assay_panel_builder_finish(builder, &options, &panel, NULL, &err), ASSAY_OK);
    assay_panel_builder_destroy(builder);
    free(id);
    free(at);
    return panel;
}

/* Compares z-scores with two passes over the prices themselves; `absolute` is what rounding of the difference between a
 * price and the mean may cost, in standard deviations. */
static void compare_closes(const double *close, size_t n, uint32_t window, double absolute) {
    assay_panel *panel = panel_of_closes(close, n);
    double *out = compute(panel, ASSAY_FEATURE_ZSCORE, window);
    long double *x = malloc(window * sizeof *x);
    assert_non_null(x);
    for (size_t t = 0; t < n; t++) {
        if (t + 1 < window) {
            assert_true(isnan(out[t * panel->stride]));
            continue;
        }
        for (size_t i = 0; i < window; i++)
            x[i] = (long double)close[t - i];
        check_feature(out[t * panel->stride], slow_zscore(x, window), absolute, "z-score", 0, t);
    }
    free(x);
    free(out);
    assay_panel_destroy(panel);
}

enum { LONG = 100000 };

/* A level of 1e8 with a deviation of 1e-3: sums of squares, 1e16 each, could not even see it. 100,000 bars. */
static void test_large_level_tiny_variance(void **state) {
    (void)state;
    double *close = malloc(LONG * sizeof *close);
    assert_non_null(close);
    assay_rng rng;
    assay_rng_init(&rng, 1);
    for (size_t i = 0; i < LONG; i++)
        close[i] = 1e8 + 1e-3 * (assay_rng_uniform(&rng) - 0.5) * 3.46;
    static const uint32_t windows[] = {2, 20, 63, 64, 252};
    for (size_t w = 0; w < LENGTH(windows); w++)
        compare_closes(close, LONG, windows[w], 1e-13);
    free(close);
}

/* A drift over 100,000 bars from 1 to 1e9 and back. */
static void test_long_drift(void **state) {
    (void)state;
    double *close = malloc(LONG * sizeof *close);
    assert_non_null(close);
    assay_rng rng;
    assay_rng_init(&rng, 2);
    for (size_t i = 0; i < LONG; i++) {
        double way = (double)(i < LONG / 2 ? i : LONG - i) / (LONG / 2.0);
        close[i] = pow(1e9, way) * (1 + 0.01 * assay_rng_uniform(&rng));
    }
    compare_closes(close, LONG, 20, 1e-13);
    compare_closes(close, LONG, 200, 1e-13);
    free(close);
}

/* One value a million million times the others: while it is in the window it rules, one bar later nothing of it is left
 * (a running sum would never recover). */
static void test_nothing_is_left_of_a_huge_value(void **state) {
    (void)state;
    double close[400];
    assay_rng rng;
    assay_rng_init(&rng, 3);
    for (size_t i = 0; i < LENGTH(close); i++)
        close[i] = 10 + assay_rng_uniform(&rng);
    close[150] = 1e13;
    for (uint32_t window = 2; window <= 40; window++) {
        assay_panel *panel = panel_of_closes(close, LENGTH(close));
        double *out = compute(panel, ASSAY_FEATURE_ZSCORE, window);
        double usual = close[150];
        close[150] = 10.5;
        assay_panel *plain_panel = panel_of_closes(close, LENGTH(close));
        double *plain = compute(plain_panel, ASSAY_FEATURE_ZSCORE, window);
        close[150] = usual;
        for (size_t t = 0; t < LENGTH(close); t++) {
            double a = out[t * panel->stride], b = plain[t * panel->stride];
            if (t < 150 || t >= 150 + window)
                assert_memory_equal(&a, &b, sizeof a);
            else if (t + 1 >= window)
                assert_memory_not_equal(&a, &b, sizeof a);
        }
        free(out);
        free(plain);
        assay_panel_destroy(panel);
        assay_panel_destroy(plain_panel);
        compare_closes(close, LENGTH(close), window, 1e-13);
    }
}

/* Constant prices: 0 / (0 + 1e-6) = 0 exactly, at any level, also ones whose mean is not exact. */
static void test_constant_prices(void **state) {
    (void)state;
    static const double levels[] = {100, 0.1, 1e8 / 3, 1e-5};
    double close[300];
    for (size_t l = 0; l < LENGTH(levels); l++) {
        for (size_t i = 0; i < LENGTH(close); i++)
            close[i] = levels[l];
        assay_panel *panel = panel_of_closes(close, LENGTH(close));
        for (uint32_t window = 2; window <= 70; window++) {
            double *out = compute(panel, ASSAY_FEATURE_ZSCORE, window);
            for (size_t t = window - 1; t < LENGTH(close); t++)
                assert_true(out[t * panel->stride] == 0);
            free(out);
        }
        assay_panel_destroy(panel);
    }
}

/* --- purity --- */

/* The last `n_left` bars of a market as a market of their own. */
static matrix_market tail_of(const matrix_market *m, size_t n_left) {
    matrix_market tail = empty_market(n_left, m->n_symbols);
    size_t from = m->n_bars - n_left, cells = n_left * m->n_symbols;
    memcpy(tail.timestamp_us, m->timestamp_us + from, n_left * sizeof *tail.timestamp_us);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        memcpy(tail.column[c], m->column[c] + from * m->n_symbols, cells * sizeof(double));
    memcpy(tail.split, m->split + from * m->n_symbols, cells * sizeof(double));
    memcpy(tail.dividend, m->dividend + from * m->n_symbols, cells * sizeof(double));
    return tail;
}

/* Whatever leading bars were loaded: where the chopped panel has a value at all, it has the same bits; and it has one
 * as soon as the window is full again. No splits, for those scale the units in which prices are kept. */
static void test_history_before_the_window_does_not_matter(void **state) {
    (void)state;
    const random_spec spec = {21, 90, 6, 0.1, 0, true};
    matrix_market m = random_market(&spec);
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    assert_int_equal(assay_panel_n_bars(panel), m.n_bars);
    size_t compared = 0;
    for (uint32_t window = 2; window <= 40; window += 3) {
        for (int kind = 0; kind < 2; kind++) {
            double *full = compute(panel, (assay_feature_kind)kind, window);
            for (size_t chop = 1; chop < m.n_bars; chop++) {
                matrix_market tail = tail_of(&m, m.n_bars - chop);
                assay_panel *part = panel_of_market(&tail, NULL, tail.n_bars);
                if (part->n_symbols == panel->n_symbols) {
                    double *out = compute(part, (assay_feature_kind)kind, window);
                    for (size_t t = 0; t < part->n_bars; t++) {
                        for (size_t s = 0; s < part->n_symbols; s++) {
                            double a = full[(t + chop) * panel->stride + s], b = out[t * part->stride + s];
                            bool has_window = assay_panel_own_count(part, s, t) >= window;
                            if (isnan(b))
                                assert_true(isnan(a) || !has_window);
                            else
                                assert_memory_equal(&a, &b, sizeof a);
                            compared += isnan(b) ? 0 : 1;
                        }
                    }
                    free(out);
                }
                assay_panel_destroy(part);
                free_market(&tail);
            }
            free(full);
        }
    }
    assert_true(compared > 10000);
    assay_panel_destroy(panel);
    free_market(&m);
}

/* Later rows may be anything, splits included: the same bits up to here. */
static void test_the_future_does_not_matter(void **state) {
    (void)state;
    const random_spec spec = {22, 90, 6, 0.1, 0.04, true};
    matrix_market m = random_market(&spec);
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    assert_int_equal(assay_panel_n_bars(panel), m.n_bars);
    assay_rng rng;
    assay_rng_init(&rng, 23);
    for (size_t last = 5; last < m.n_bars - 1; last += 7) {
        matrix_market other = copy_market(&m);
        for (size_t i = (last + 1) * m.n_symbols; i < m.n_bars * m.n_symbols; i++) {
            other.column[ASSAY_COLUMN_CLOSE][i] = 1 + 1e6 * assay_rng_uniform(&rng);
            other.split[i] = assay_rng_uniform(&rng) < 0.3 ? 7 : NO_VALUE;
        }
        assay_panel *changed = panel_of_market(&other, NULL, m.n_bars);
        for (uint32_t window = 2; window <= 33; window += 6) {
            for (int kind = 0; kind < 2; kind++) {
                double *a = compute(panel, (assay_feature_kind)kind, window);
                double *b = compute(changed, (assay_feature_kind)kind, window);
                for (size_t t = 0; t <= last; t++)
                    assert_memory_equal(a + t * panel->stride, b + t * panel->stride,
                                        panel->n_symbols * sizeof *a);
                free(a);
                free(b);
            }
        }
        assay_panel_destroy(changed);
        free_market(&other);
    }
    assay_panel_destroy(panel);
    free_market(&m);
}

/* --- the deviation of returns, for the impact model --- */

static void test_std_of_own_returns(void **state) {
    (void)state;
    const random_spec spec = {31, 80, 6, 0.1, 0.05, true};
    matrix_market m = random_market(&spec);
    for (int total = 0; total < 2; total++) { /* on split-adjusted closes whatever the signal prices are */
        const assay_panel_options options = {.signal_prices = total != 0
                                                                  ? ASSAY_SIGNAL_PRICES_TOTAL_RETURN
                                                                  : ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
        assay_panel *panel = panel_of_market(&m, &options, m.n_bars),
                    *plain = panel_of_market(&m, NULL, m.n_bars);
        double *out = NULL;
        assert_int_equal(assay_own_return_std(panel, 20, &out, NULL), ASSAY_OK);
        for (size_t t = 0; t < plain->n_bars; t++) {
            for (size_t s = 0; s < plain->n_symbols; s++) {
                long double x[21], mean = 0, squares = 0;
                size_t n = window_as_of(plain, s, t, 21, x);
                for (size_t i = 0; n == 21 && i < 20; i++) {
                    x[i] = x[i] / x[i + 1] - 1;
                    mean += x[i] / 20;
                }
                for (size_t i = 0; n == 21 && i < 20; i++)
                    squares += (x[i] - mean) * (x[i] - mean);
                check_feature(out[t * panel->stride + s], n < 21 ? NO_VALUE : (double)sqrtl(squares / 19), 0,
                              "std of returns", s, t);
            }
        }
        free(out);
        assay_panel_destroy(panel);
        assay_panel_destroy(plain);
    }
    free_market(&m);
}

/* --- vector widths --- */

/* GCC picks a clone of each loop by the processor (by cpuid, which no environment variable masks), so that the widths are
 * compared here: the same sources compiled three times, for SSE2, AVX2 and AVX-512 alone (see meson.build). */
#ifdef TEST_SIMD_WIDTHS
typedef assay_status compute_feature(const assay_panel *panel, const assay_feature *feature, double *out,
                                     assay_error *err);
compute_feature feature_compute_v1, feature_compute_v3, feature_compute_v4;

static void test_vector_widths_do_not_matter(void **state) {
    (void)state;
    const random_spec spec = {41, 120, 141, 0.1, 0.03, true};
    matrix_market m = random_market(&spec);
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    size_t n_cells = panel->n_bars * panel->stride, n_widths = 0;
    double *out = assay_aligned_alloc(n_cells, sizeof *out);
    assert_non_null(out);
    for (uint32_t window = 2; window <= 70; window += 4) {
        for (int kind = 0; kind < 2; kind++) {
            const assay_feature feature = {.kind = (assay_feature_kind)kind, .window = window};
            double *usual = compute(panel, feature.kind, window);
            compute_feature *widths[3] = {feature_compute_v1, NULL, NULL};
            n_widths = 1;
            if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("bmi2"))
                widths[n_widths++] = feature_compute_v3;
            if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512cd"))
                widths[n_widths++] = feature_compute_v4;
            for (size_t w = 0; w < n_widths; w++) {
                memset(out, 0, n_cells * sizeof *out);
                assert_int_equal(widths[w](panel, &feature, out, NULL), ASSAY_OK);
                for (size_t t = 0; t < panel->n_bars; t++) {
                    for (size_t s = 0; s < panel->n_symbols; s++) { /* any NaN is a NaN */
                        double a = usual[t * panel->stride + s], b = out[t * panel->stride + s];
                        if (!(isnan(a) && isnan(b)))
                            assert_memory_equal(&a, &b, sizeof a);
                    }
                }
            }
            free(usual);
        }
    }
    print_message("# widths compared: %zu\n", n_widths);
    free(out);
    assay_panel_destroy(panel);
    free_market(&m);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_window),
        cmocka_unit_test(test_many_symbols),
        cmocka_unit_test(test_total_return_prices),
        cmocka_unit_test(test_windows_that_never_fill),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_large_level_tiny_variance),
        cmocka_unit_test(test_long_drift),
        cmocka_unit_test(test_nothing_is_left_of_a_huge_value),
        cmocka_unit_test(test_constant_prices),
        cmocka_unit_test(test_history_before_the_window_does_not_matter),
        cmocka_unit_test(test_the_future_does_not_matter),
        cmocka_unit_test(test_std_of_own_returns),
#ifdef TEST_SIMD_WIDTHS
        cmocka_unit_test(test_vector_widths_do_not_matter),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
