/* Statistics of a window against two passes in extended precision over the window itself, on series that running sums do not
 * survive: a level of 1e9 with a deviation of 1e-3, a drift over nine orders of magnitude, 100,000 rows. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/rng.h"
#include "indicator/function.h"

enum { N_ROWS = 100000, STRIDE = 8, LARGE_LEVEL = 0, DRIFT, TINY, N_SERIES };

static void fill_series(double *x, double *y) {
    assay_rng rng;
    assay_rng_init(&rng, 71);
    for (size_t i = 0; i < (size_t)N_ROWS * STRIDE; i++)
        x[i] = y[i] = NO_VALUE;
    for (size_t row = 0; row < N_ROWS; row++) {
        double way = (double)(row < N_ROWS / 2 ? row : N_ROWS - row) / (N_ROWS / 2.0);
        x[row * STRIDE + LARGE_LEVEL] = 1e9 + 1e-3 * (assay_rng_uniform(&rng) - 0.5) * 3.46;
        x[row * STRIDE + DRIFT] = pow(1e9, way) * (1 + 0.01 * assay_rng_uniform(&rng));
        x[row * STRIDE + TINY] = 1e-5 + 1e-9 * assay_rng_uniform(&rng);
        for (size_t s = 0; s < N_SERIES; s++)
            y[row * STRIDE + s] = 1e6 + assay_rng_uniform(&rng);
    }
}

/* What two passes over one window give. */
typedef struct slow {
    long double sum, offset, mean, var, cov, var_y, slope, wma, median, rank;
    double lowest, highest;
} slow;

static int compare_doubles(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* x and y are strided columns; the window is rows 0 … n − 1, the newest last. */
static slow slow_statistics(const double *x, const double *y, size_t n, double *sorted) {
    slow w = {.lowest = x[0], .highest = x[0]};
    long double count = (long double)n, mean_y = 0, base = (long double)x[(n - 1) * STRIDE];
    double newest = x[(n - 1) * STRIDE];
    for (size_t i = 0; i < n; i++) {
        w.sum += (long double)x[i * STRIDE];
        w.offset += ((long double)x[i * STRIDE] - base) / count; /* exact where the level is large */
        mean_y += (long double)y[i * STRIDE] / count;
        w.wma += ((long double)x[i * STRIDE] - base) * (long double)(i + 1) / (count * (count + 1) / 2);
        w.lowest = fmin(w.lowest, x[i * STRIDE]);
        w.highest = fmax(w.highest, x[i * STRIDE]);
        w.rank += x[i * STRIDE] < newest ? 1 : 0;
        w.rank += x[i * STRIDE] == newest ? 0.5L : 0;
        sorted[i] = x[i * STRIDE];
    }
    for (size_t i = 0; i < n; i++) {
        long double dx = (long double)x[i * STRIDE] - base - w.offset,
                    dy = (long double)y[i * STRIDE] - mean_y;
        w.var += dx * dx / (count - 1);
        w.cov += dx * dy / (count - 1);
        w.var_y += dy * dy / (count - 1);
        w.slope += dx * ((long double)i - (count - 1) / 2) / (count * (count * count - 1) / 12);
    }
    w.mean = base + w.offset;
    w.wma += base;
    w.rank = (w.rank + 0.5L) / count;
    qsort(sorted, n, sizeof *sorted, compare_doubles);
    w.median = ((long double)sorted[(n - 1) / 2] + (long double)sorted[n / 2]) / 2;
    return w;
}

static double *compute(const char *name, const double *x, const double *y, double window) {
    static const assay_panel panel = {.n_bars = N_ROWS, .n_symbols = STRIDE, .stride = STRIDE};
    const double number[ASSAY_MAX_NUMBERS] = {window};
    const assay_kernel_input in = {
        .panel = &panel, .n_rows = N_ROWS, .stride = STRIDE, .series = {x, y}, .number = number};
    double *out = assay_aligned_alloc((size_t)N_ROWS * STRIDE, sizeof *out);
    assert_non_null(out);
    assert_int_equal(assay_function_find(name)->compute(&in, out, NULL), ASSAY_OK);
    return out;
}

enum { SUM, MEAN, VAR, STD, ZSCORE, COV, CORR, BETA, SLOPE, WMA, MIN, MAX, MEDIAN, RANK, N_FUNCTIONS };

static const char *const names[] = {"sum",  "mean",  "var", "std",         "zscore",      "cov",    "corr",
                                    "beta", "slope", "wma", "rolling_min", "rolling_max", "median", "rank"};

/* The expected values; *scale is what a value near 0 is small against (its terms cancel). */
static void expect(const slow *w, long double *wanted, long double *scale) {
    long double deviation = sqrtl(w->var), deviation_y = sqrtl(w->var_y);
    const long double values[] = {w->sum,
                                  w->mean,
                                  w->var,
                                  deviation,
                                  -w->offset / deviation,
                                  w->cov,
                                  w->cov / (deviation * deviation_y),
                                  w->cov / w->var_y,
                                  w->slope,
                                  w->wma,
                                  (long double)w->lowest,
                                  (long double)w->highest,
                                  w->median,
                                  w->rank};
    memcpy(wanted, values, sizeof values);
    for (int f = 0; f < N_FUNCTIONS; f++)
        scale[f] = fabsl(values[f]);
    scale[ZSCORE] = scale[CORR] = 1;
    scale[COV] = deviation * deviation_y;
    scale[BETA] = deviation / deviation_y;
    scale[SLOPE] = deviation;
}

static void check_window(const double *x, const double *y, size_t window) {
    double *out[N_FUNCTIONS], *sorted = malloc(window * sizeof *sorted);
    assert_non_null(sorted);
    assert_int_equal(LENGTH(names), N_FUNCTIONS);
    for (int f = 0; f < N_FUNCTIONS; f++)
        out[f] = compute(names[f], x, y, (double)window);
    for (size_t row = window - 1; row < N_ROWS; row += 7) {
        for (size_t s = 0; s < N_SERIES; s++) {
            size_t begin = (row + 1 - window) * STRIDE + s;
            long double wanted[N_FUNCTIONS], scale[N_FUNCTIONS];
            slow w = slow_statistics(x + begin, y + begin, window, sorted);
            expect(&w, wanted, scale);
            for (int f = 0; f < N_FUNCTIONS; f++) {
                long double got = (long double)out[f][row * STRIDE + s];
                bool both_undefined = isnan(got) && isnan(wanted[f]); /* two equal values: 0 / 0 */
                if (!both_undefined && !(fabsl(got - wanted[f]) <= 1e-10L * scale[f]))
                    fail_msg("%s(%zu) of series %zu, row %zu: %.17Lg and not %.17Lg", names[f], window, s,
                             row, got, wanted[f]);
            }
        }
    }
    for (int f = 0; f < N_FUNCTIONS; f++)
        free(out[f]);
    free(sorted);
}

static void test_hostile_series(void **state) {
    (void)state;
    static const size_t windows[] = {2, 7, 20, 64, 252};
    double *x = assay_aligned_alloc((size_t)N_ROWS * STRIDE, sizeof *x);
    double *y = assay_aligned_alloc((size_t)N_ROWS * STRIDE, sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    fill_series(x, y);
    for (size_t i = 0; i < LENGTH(windows); i++)
        check_window(x, y, windows[i]);
    free(x);
    free(y);
}

/* A constant has exactly its own mean, no variance and no slope, whatever the window; a line has exactly its slope. */
static void test_constants(void **state) {
    (void)state;
    double *x = assay_aligned_alloc((size_t)N_ROWS * STRIDE, sizeof *x);
    assert_non_null(x);
    static const double levels[STRIDE] = {0.1, 1e8 / 3, 1e-5, 12.3, 7, 1e15 / 7, 0.7, 99.99};
    for (size_t i = 0; i < (size_t)N_ROWS * STRIDE; i++)
        x[i] = levels[i % STRIDE];
    static const double windows[] = {2, 3, 20, 51, 63};
    for (size_t i = 0; i < LENGTH(windows); i++) {
        double *mean = compute("mean", x, x, windows[i]), *var = compute("var", x, x, windows[i]);
        double *slope = compute("slope", x, x, windows[i]), *ema = compute("ema", x, x, windows[i]);
        for (size_t cell = 62 * STRIDE; cell < 200 * STRIDE; cell++) {
            assert_number(mean[cell], levels[cell % STRIDE]);
            assert_number(ema[cell], levels[cell % STRIDE]);
            assert_true(var[cell] == 0 && slope[cell] == 0);
        }
        free(mean);
        free(var);
        free(slope);
        free(ema);
    }
    free(x);
}

/* Counts are exact, as whole numbers must be. */
static void test_sums_of_whole_numbers(void **state) {
    (void)state;
    double *x = assay_aligned_alloc((size_t)N_ROWS * STRIDE, sizeof *x);
    assert_non_null(x);
    assay_rng rng;
    assay_rng_init(&rng, 72);
    for (size_t i = 0; i < (size_t)N_ROWS * STRIDE; i++)
        x[i] = (double)assay_rng_below(&rng, i % 2 == 0 ? 2 : 1000000);
    double *sum = compute("sum", x, x, 37);
    for (size_t row = 36; row < 2000; row++) {
        for (size_t s = 0; s < STRIDE; s++) {
            double wanted = 0;
            for (size_t i = row - 36; i <= row; i++)
                wanted += x[i * STRIDE + s];
            assert_number(sum[row * STRIDE + s], wanted);
        }
    }
    free(sum);
    free(x);
}

/* What rounding takes from a sum is kept: large values that cancel leave the small ones behind. */
static void test_sums_that_cancel(void **state) {
    (void)state;
    static const double turn[] = {1e17, 1, -1e17, 3};
    double *x = assay_aligned_alloc((size_t)N_ROWS * STRIDE, sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < (size_t)N_ROWS * STRIDE; i++)
        x[i] = turn[(i / STRIDE + i) % LENGTH(turn)];
    double *sum = compute("sum", x, x, 8);
    for (size_t i = 7 * STRIDE; i < 1000 * STRIDE; i++)
        assert_number(sum[i], 8);
    free(sum);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_series),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_sums_of_whole_numbers),
        cmocka_unit_test(test_sums_that_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
