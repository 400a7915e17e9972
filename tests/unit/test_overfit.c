/* Normal distribution, probabilistic and deflated Sharpe ratios, backtest overfitting. Expected values are those of the
 * papers, or of mpmath, numpy and scipy where it says so. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "metrics/normal.h"
#include "metrics/overfit.h"

#include "../vectors/normal.h"

/* --- the normal distribution --- */

static void test_normal_against_mpmath(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH(normal_cdf_vectors); i++) {
        normal_vector v = normal_cdf_vectors[i];
        /* Below the smallest normal numbers relative errors mean nothing. */
        if (v.wanted > 1e-300)
            assert_near(assay_normal_cdf(v.given), v.wanted, 1e-15);
        else
            assert_true(assay_normal_cdf(v.given) < 1e-299);
    }
    for (size_t i = 0; i < LENGTH(normal_quantile_vectors); i++)
        assert_near(assay_normal_quantile(normal_quantile_vectors[i].given),
                    normal_quantile_vectors[i].wanted, 1e-14);
}

static void test_normal_at_its_ends(void **state) {
    (void)state;
    const double infinity = (double)INFINITY;
    assert_number(assay_normal_cdf(-infinity), 0);
    assert_number(assay_normal_cdf(infinity), 1);
    assert_number(assay_normal_cdf(NO_VALUE), NO_VALUE);
    assert_number(assay_normal_quantile(0), -infinity);
    assert_number(assay_normal_quantile(1), infinity);
    assert_number(assay_normal_quantile(-1e-300), NO_VALUE);
    assert_number(assay_normal_quantile(1.0000000000000002), NO_VALUE);
    assert_number(assay_normal_quantile(NO_VALUE), NO_VALUE);
    for (int i = 1; i < 1000; i++) { /* there and back */
        double p = i / 1000.0;
        assert_near(assay_normal_cdf(assay_normal_quantile(p)), p, 4e-15);
    }
}

/* --- one track record --- */

/* Bailey and Lopez de Prado 2012: monthly Sharpe 0.458 over 24 months, skewness -2.448, kurtosis 10.164: 0.913. */
static void test_psr_of_the_paper(void **state) {
    (void)state;
    assert_near(assay_probabilistic_sharpe(0.458, 0, 24, -2.448, 10.164), 0.913, 0.0005 / 0.913);
    /* Of normal returns, and worked by hand: (0.1 - 0.05) sqrt(100) / sqrt(1 + 0.01 / 2) = 0.4987546680538165. */
    assert_near(assay_probabilistic_sharpe(0.1, 0.05, 101, 0, 3), assay_normal_cdf(0.4987546680538165),
                1e-14);
    assert_number(assay_probabilistic_sharpe(0.2, 0.2, 50, -1, 5), 0.5);
    assert_number(assay_probabilistic_sharpe(0.2, 0, 1, 0, 3), NO_VALUE);
    assert_number(assay_probabilistic_sharpe(NO_VALUE, 0, 10, 0, 3), NO_VALUE);
    assert_number(assay_probabilistic_sharpe(2, 0, 10, 3, 3), NO_VALUE); /* 1 - 6 + 2 < 0 */
}

/* The same paper: 2.73, 2.83 and 3.24 years of daily, weekly and monthly normal returns until an annual Sharpe ratio of 2 is
 * above 1 with 95 %; 4.99 years of monthly ones with skewness -0.72 and kurtosis 5.78. */
static void test_min_track_record_of_the_paper(void **state) {
    (void)state;
    static const struct {
        double periods, skewness, kurtosis, years;
    } cases[] = {{252, 0, 3, 2.73}, {52, 0, 3, 2.83}, {12, 0, 3, 3.24}, {12, -0.72, 5.78, 4.99}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        double p = cases[i].periods;
        double length = assay_min_track_record_length(2 / sqrt(p), 1 / sqrt(p), cases[i].skewness,
                                                      cases[i].kurtosis, 0.95);
        assert_near(length / p, cases[i].years, 0.005 / cases[i].years);
        /* After just that long, the probability is what was asked for. */
        assert_near(assay_probabilistic_sharpe(2 / sqrt(p), 1 / sqrt(p), length, cases[i].skewness,
                                               cases[i].kurtosis),
                    0.95, 1e-13);
    }
    assert_number(assay_min_track_record_length(0.1, 0.1, 0, 3, 0.95), (double)INFINITY);
    assert_number(assay_min_track_record_length(-0.1, 0, 0, 3, 0.95), (double)INFINITY);
    assert_number(assay_min_track_record_length(0.1, 0, 0, 3, 1), NO_VALUE);
    assert_number(assay_min_track_record_length(NO_VALUE, 0, 0, 3, 0.95), NO_VALUE);
}

/* numpy 2.4.6 and scipy 1.17.1: mean, std(ddof=1), scipy.stats.skew, scipy.stats.kurtosis(fisher=False). */
static void test_moments_against_scipy(void **state) {
    (void)state;
    double returns[250];
    assay_rng rng;
    assay_rng_init(&rng, 11);
    for (size_t i = 0; i < LENGTH(returns); i++) {
        double u = assay_rng_uniform(&rng);
        returns[i] = (u * u * u - 0.2) * 0.05;
    }
    assay_moments m = assay_moments_of(returns, LENGTH(returns));
    assert_near(m.mean, 0.004077942246295758, 1e-13);
    assert_near(m.std, 0.014569572268017464, 1e-13);
    assert_near(m.sharpe, 0.27989443830465033, 1e-13);
    assert_near(m.skewness, 0.8422413085725147, 1e-12);
    assert_near(m.kurtosis, 2.3956274609531163, 1e-12);
}

static void test_moments_that_are_undefined(void **state) {
    (void)state;
    assay_moments none = assay_moments_of(NULL, 0);
    assert_number(none.mean, NO_VALUE);
    double constant[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    assay_moments one = assay_moments_of(constant, 1), same = assay_moments_of(constant, 7);
    assert_number(one.mean, 0.1);
    assert_number(one.std, NO_VALUE);
    assert_near(same.mean, 0.1, 1e-15);
    assert_number(same.sharpe, NO_VALUE);
    assert_number(same.skewness, NO_VALUE);
    assert_number(same.kurtosis, NO_VALUE);
}

/* --- the best of many --- */

/* Bailey and Lopez de Prado 2014: annual Sharpe 2.5 over 1250 days (250 a year), 100 trials with variance 1/2, skewness -3,
 * kurtosis 10: the expected maximum is 0.1132 a day, DSR 0.9004; 0.9505 after 46 trials, and after 88 of normal returns. */
static void test_dsr_of_the_paper(void **state) {
    (void)state;
    const double days = 250, sharpe = 2.5 / sqrt(days), variance = 0.5 / days;
    assert_near(assay_expected_max_sharpe(variance, 100), 0.1132, 0.00005 / 0.1132);
    assert_near(assay_deflated_sharpe(sharpe, variance, 100, 1250, -3, 10), 0.9004, 0.00005 / 0.9004);
    assert_near(assay_deflated_sharpe(sharpe, variance, 46, 1250, -3, 10), 0.9505, 0.00005 / 0.9505);
    assert_near(assay_deflated_sharpe(sharpe, variance, 88, 1250, 0, 3), 0.9505, 0.00005 / 0.9505);
    /* One trial is no choice. */
    assert_number(assay_deflated_sharpe(sharpe, variance, 1, 1250, -3, 10),
                  assay_probabilistic_sharpe(sharpe, 0, 1250, -3, 10));
}

static void test_expected_maximum(void **state) {
    (void)state;
    double before = 0, n_trials = 1;
    for (int i = 0; i < 130; i++, n_trials *= 1.3) { /* never falls, up to 10^15 trials */
        double maximum = assay_expected_max_sharpe(1, n_trials);
        assert_true(maximum >= before && maximum < 9);
        before = maximum;
    }
    assert_number(assay_expected_max_sharpe(4, 1000), 2 * assay_expected_max_sharpe(1, 1000));
    assert_number(assay_expected_max_sharpe(0, 1000), 0);
    assert_number(assay_expected_max_sharpe(1, 0), 0);
    assert_number(assay_expected_max_sharpe(-1, 10), NO_VALUE);
    assert_number(assay_expected_max_sharpe(NO_VALUE, 10), NO_VALUE);
    assert_number(assay_expected_max_sharpe(1, NO_VALUE), NO_VALUE);
}

static void test_sharpe_variance_and_effective_trials(void **state) {
    (void)state;
    const double sharpe[] = {1, NO_VALUE, 2, (double)INFINITY, 3, 4};
    size_t count = 0;
    assert_near(assay_sharpe_variance(sharpe, LENGTH(sharpe), &count), 5.0 / 3, 1e-15);
    assert_int_equal(count, 4);
    assert_number(assay_sharpe_variance(sharpe, 2, NULL), NO_VALUE);
    assert_number(assay_effective_trials(100, 0), 100);
    assert_number(assay_effective_trials(100, 1), 1);
    assert_number(assay_effective_trials(100, 0.5), 50.5);
    assert_number(assay_effective_trials(100, -0.2), 100);
    assert_number(assay_effective_trials(100, NO_VALUE), NO_VALUE);
}

/* numpy.corrcoef, mean of what is off the diagonal, without the constant column. */
static void test_average_correlation_against_numpy(void **state) {
    (void)state;
    enum { T = 120, N = 7 };
    double returns[T * N];
    assay_rng rng;
    assay_rng_init(&rng, 5);
    for (size_t t = 0; t < T; t++) {
        double common = assay_rng_uniform(&rng) - 0.5;
        for (size_t j = 0; j < N; j++) {
            double own = assay_rng_uniform(&rng) - 0.5;
            returns[t * N + j] = j == 3 ? 0.01 : 0.4 * common + (0.2 + 0.1 * (double)j) * own;
        }
    }
    double correlation = 0;
    assert_int_equal(assay_average_correlation(returns, T, N, &correlation, NULL), ASSAY_OK);
    assert_near(correlation, 0.42984939824838536, 1e-12);
    assert_int_equal(assay_average_correlation(returns, T, 1, &correlation, NULL), ASSAY_OK);
    assert_number(correlation, NO_VALUE);
}

/* --- the choice itself --- */

typedef struct pbo_case {
    uint64_t seed;
    size_t n_bars, n_series;
    double skill; /* the mean of series j is skill x j */
    unsigned n_blocks;
    double probability, median_logit, loss, slope, intercept;
    uint64_t n_splits;
} pbo_case;

static double *uniform_returns(uint64_t seed, size_t n_bars, size_t n_series, double skill) {
    double *returns = malloc(n_bars * n_series * sizeof *returns);
    assert_non_null(returns);
    assay_rng rng;
    assay_rng_init(&rng, seed);
    for (size_t i = 0; i < n_bars * n_series; i++)
        returns[i] = (assay_rng_uniform(&rng) - 0.5) * 0.02 + skill * (double)(i % n_series);
    return returns;
}

static void check_pbo(const double *returns, const pbo_case *c) {
    assay_overfitting pbo;
    assay_error err = {0};
    if (assay_overfitting_probability(returns, c->n_bars, c->n_series, c->n_blocks, &pbo, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    assert_int_equal(pbo.n_splits, c->n_splits);
    assert_near(pbo.probability, c->probability, 1e-14);
    assert_near(pbo.loss_probability, c->loss, 1e-14);
    assert_near(pbo.median_logit, c->median_logit, 1e-13);
    assert_near(pbo.slope, c->slope, 1e-10);
    assert_near(pbo.intercept, c->intercept, 1e-10);
}

/* A straightforward numpy program (itertools.combinations, numpy.std(ddof=1), scipy.stats.rankdata, numpy.polyfit) on the
 * same numbers. */
static void test_pbo_against_numpy(void **state) {
    (void)state;
    static const pbo_case cases[] = {
        {1, 64, 5, 0, 4, 2.0 / 3, 0, 2.0 / 3, -0.4871502745488549, -0.008572090944148047, 6},
        {2, 203, 11, 0, 10, 0.5436507936507936, 0, 0.5158730158730159, -0.49426973608298136,
         0.05921079739735094, 252},
        {3, 1000, 20, 0.00005, 8, 0.02857142857142857, 2.99573227355399, 0, -0.28420722354764044,
         0.22589129375688263, 70},
        {4, 240, 30, 0.0002, 16, 0, 2.674148649426528, 0, -0.538946885393188, 1.5269931107084604, 12870},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const pbo_case *c = &cases[i];
        double *returns = uniform_returns(c->seed, c->n_bars, c->n_series, c->skill);
        check_pbo(returns, c);
        free(returns);
    }
}

/* Likewise, with series that are flat (0 and 0.001 a bar) and two that are the same. */
static void test_pbo_of_flat_and_equal_series(void **state) {
    (void)state;
    static const pbo_case c = {
        9, 90, 6, 0, 6, 0, 1.7917594692280545, 0, -0.9971676784872301, 0.4171868569013977, 20};
    double *returns = uniform_returns(c.seed, c.n_bars, c.n_series, c.skill);
    for (double *row = returns; row < returns + c.n_bars * c.n_series; row += c.n_series) {
        row[0] = 0.001;
        row[2] = 0;
        row[4] = row[1];
    }
    check_pbo(returns, &c);
    memset(returns, 0, c.n_bars * c.n_series * sizeof *returns);
    assay_overfitting pbo;
    assert_int_equal(assay_overfitting_probability(returns, c.n_bars, c.n_series, 6, &pbo, NULL), ASSAY_OK);
    assert_int_equal(pbo.n_splits, 0);
    assert_number(pbo.probability, NO_VALUE);
    assert_number(pbo.slope, NO_VALUE);
    free(returns);
}

static void test_pbo_refuses(void **state) {
    (void)state;
    double *returns = uniform_returns(1, 40, 3, 0);
    assay_overfitting pbo;
    assay_error err = {0};
    assert_refused(assay_overfitting_probability(returns, 40, 3, 5, &pbo, &err), ASSAY_E_ARGUMENT, &err,
                   "5 blocks: their number must be even, from 2 to 20");
    assert_refused(assay_overfitting_probability(returns, 40, 3, 22, &pbo, &err), ASSAY_E_ARGUMENT, &err,
                   "22 blocks");
    assert_refused(assay_overfitting_probability(returns, 39, 3, 20, &pbo, &err), ASSAY_E_ARGUMENT, &err,
                   "39 bars in 20 blocks");
    assert_refused(assay_overfitting_probability(returns, 40, 1, 4, &pbo, &err), ASSAY_E_ARGUMENT, &err,
                   "1 series");
    returns[3 * 7 + 2] = NO_VALUE;
    assert_refused(assay_overfitting_probability(returns, 40, 3, 4, &pbo, &err), ASSAY_E_DATA, &err,
                   "bar 7, series 2 is not finite");
    free(returns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal_against_mpmath),
        cmocka_unit_test(test_normal_at_its_ends),
        cmocka_unit_test(test_psr_of_the_paper),
        cmocka_unit_test(test_min_track_record_of_the_paper),
        cmocka_unit_test(test_moments_against_scipy),
        cmocka_unit_test(test_moments_that_are_undefined),
        cmocka_unit_test(test_dsr_of_the_paper),
        cmocka_unit_test(test_expected_maximum),
        cmocka_unit_test(test_sharpe_variance_and_effective_trials),
        cmocka_unit_test(test_average_correlation_against_numpy),
        cmocka_unit_test(test_pbo_against_numpy),
        cmocka_unit_test(test_pbo_of_flat_and_equal_series),
        cmocka_unit_test(test_pbo_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
