/* Betas against two passes in extended precision over pairs that are gathered one by one; the equal-weight market. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/rng.h"
#include "indicator/market_beta.h"

/* The last `n` pairs of symbol s up to `bar`, newest first; how many there are. */
static size_t gather_pairs(const assay_panel *p, const double *market, size_t s, size_t bar, size_t n,
                           long double *x, long double *y) {
    size_t found = 0;
    for (size_t t = bar + 1; t-- > p->first_bar[s] + 1 && found < n;) {
        if (isnan(p->column[ASSAY_COLUMN_CLOSE][t * p->stride + s]) || isnan(market[t]))
            continue;
        size_t row = t - assay_panel_gaps_until(p, s, t);
        x[found] =
            (long double)(p->own_price[row * p->stride + s] / p->own_price[(row - 1) * p->stride + s] - 1);
        y[found++] = (long double)market[t];
    }
    return found;
}

static double slow_beta(const long double *x, const long double *y, size_t n) {
    long double mean_x = 0, mean_y = 0, products = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        mean_x += x[i] / (long double)n;
        mean_y += y[i] / (long double)n;
    }
    for (size_t i = 0; i < n; i++) {
        products += (x[i] - mean_x) * (y[i] - mean_y);
        squares += (y[i] - mean_y) * (y[i] - mean_y);
    }
    return (double)(products / squares);
}

static void check_betas(const assay_panel *p, const double *market, size_t lookback) {
    double *out = assay_aligned_alloc(p->n_bars * p->stride, sizeof *out);
    long double *x = malloc(2 * lookback * sizeof *x);
    assert_non_null(out);
    assert_non_null(x);
    assert_int_equal(assay_market_beta(p, market, lookback, out, NULL), ASSAY_OK);
    for (size_t s = 0; s < p->n_symbols; s++) {
        for (size_t t = p->first_bar[s]; t <= p->last_bar[s]; t++) {
            if (isnan(p->column[ASSAY_COLUMN_CLOSE][t * p->stride + s]))
                continue;
            size_t row = t - assay_panel_gaps_until(p, s, t);
            size_t n = gather_pairs(p, market, s, t, lookback, x, x + lookback);
            double wanted = n < lookback ? NO_VALUE : slow_beta(x, x + lookback, n);
            double got = out[row * p->stride + s];
            if (isnan(got) != isnan(wanted) || fabs(got - wanted) > 1e-10 * fabs(wanted) + 1e-12)
                fail_msg("beta(%zu) of symbol %zu at bar %zu is %.17g and not %.17g", lookback, s, t, got,
                         wanted);
        }
    }
    free(out);
    free(x);
}

/* On markets with gaps and splits; the market has no return on about a tenth of the bars. */
static void test_betas(void **state) {
    (void)state;
    static const size_t lookbacks[] = {2, 3, 8, 21, 60};
    const random_spec spec = {61, 140, 133, 0.1, 0.02, true};
    matrix_market m = random_market(&spec);
    assay_panel *p = panel_of_market(&m, NULL, m.n_bars);
    double *market = malloc(p->n_bars * sizeof *market);
    assert_non_null(market);
    for (int with_holes = 0; with_holes < 2; with_holes++) {
        assay_rng rng;
        assay_rng_init(&rng, 62);
        for (size_t t = 0; t < p->n_bars; t++) {
            double drawn = 0.04 * (assay_rng_uniform(&rng) - 0.5);
            market[t] = with_holes != 0 && assay_rng_uniform(&rng) < 0.1 ? NO_VALUE : drawn;
        }
        for (size_t i = 0; i < LENGTH(lookbacks); i++)
            check_betas(p, market, lookbacks[i]);
    }
    assay_rng rng;
    assay_rng_init(&rng, 63);
    for (size_t t = 0; t < p->n_bars; t++) /* a large level, a tiny deviation */
        market[t] = 1e6 + 1e-3 * assay_rng_uniform(&rng);
    check_betas(p, market, 21);
    free(market);
    assay_panel_destroy(p);
    free_market(&m);
}

/* A symbol that moves twice as much as the market has beta 2; a market that stands still gives none. */
static void test_by_hand(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 102), FLAT("A", 3, 105.06),
                              FLAT("B", 2, 7)}; /* returns 2%, 3% */
    assay_panel *p = PANEL(rows);
    double moving[] = {NO_VALUE, 0.01, 0.5, 0.015}, still[] = {0, 0, 0, 0}, out[4 * 8];
    assert_int_equal(p->stride, 8);
    assert_int_equal(assay_market_beta(p, moving, 2, out, NULL), ASSAY_OK);
    assert_number(out[0], NO_VALUE);
    assert_number(out[8], NO_VALUE);
    assert_near(out[2 * 8], 2, 1e-12);
    assert_number(out[3 * 8], NO_VALUE);
    assert_int_equal(assay_market_beta(p, still, 2, out, NULL), ASSAY_OK);
    assert_number(out[2 * 8], NO_VALUE);
    assert_int_equal(assay_market_beta(p, moving, 1000, out, NULL), ASSAY_OK);
    assert_number(out[2 * 8], NO_VALUE);
    assay_panel_destroy(p);
}

/* Where the market has no return the beta of the pairs before stands. */
static void test_a_hole_in_the_market(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 102), FLAT("A", 2, 105.06), FLAT("A", 3, 90)};
    assay_panel *p = PANEL(rows);
    const double market[] = {NO_VALUE, 0.01, 0.015, NO_VALUE};
    double out[4 * 8];
    assert_int_equal(assay_market_beta(p, market, 2, out, NULL), ASSAY_OK);
    assert_near(out[2 * 8], 2, 1e-12);
    assert_number(out[3 * 8], out[2 * 8]);
    assay_panel_destroy(p);
}

static void test_equal_weight_market(void **state) {
    (void)state;
    const random_spec spec = {64, 100, 40, 0.1, 0.03, true};
    matrix_market m = random_market(&spec);
    assay_panel *p = panel_of_market(&m, NULL, m.n_bars);
    double *out = malloc(p->n_bars * sizeof *out);
    assert_non_null(out);
    assert_int_equal(assay_equal_weight_market(p, out, NULL), ASSAY_OK);
    for (size_t t = 0; t < p->n_bars; t++) {
        long double sum = 0;
        size_t n = 0;
        for (size_t s = 0; s < p->n_symbols; s++) {
            double now = assay_panel_adjusted_close(p, s, t, 0),
                   then = assay_panel_adjusted_close(p, s, t, 1);
            if (isnan(now) || isnan(then))
                continue;
            sum += (long double)now / (long double)then - 1;
            n++;
        }
        assert_near(out[t], n == 0 ? NO_VALUE : (double)(sum / (long double)n), 1e-12);
    }
    free(out);
    assay_panel_destroy(p);
    free_market(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_betas),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_a_hole_in_the_market),
        cmocka_unit_test(test_equal_weight_market),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
