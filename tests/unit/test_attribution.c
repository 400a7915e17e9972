/* Attribution, drawdowns, groups of trades, periods and the bootstrap: published and hand-worked examples, and identities. */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/rng.h"
#include "metrics/attribution.h"
#include "metrics/bootstrap.h"
#include "metrics/drawdowns.h"
#include "metrics/groups.h"
#include "metrics/rolling.h"
#include "metrics/statistics.h"

/* C. Bacon, "Practical Portfolio Performance Measurement and Attribution", 2nd ed., tables 5.1 to 5.4: UK, Japanese and US equities.
 * Portfolio 8.3 %, benchmark 6.4 %; the effects of each segment are worked by hand below. */
static void test_bacon(void **state) {
    (void)state;
    const double wp[] = {0.4, 0.3, 0.3}, rp[] = {0.20, -0.05, 0.06};
    const double wb[] = {0.4, 0.2, 0.4}, rb[] = {0.10, -0.04, 0.08}, total[] = {0.083};
    const assay_attribution_input in = {1, 3, wp, rp, wb, rb, total};
    assay_attribution a;
    assay_attribution_effect e[3];
    assay_error err = {0};
    assert_int_equal(assay_attribute(&in, &a, e, &err), ASSAY_OK);
    assert_near(a.portfolio_return, 0.083, 1e-12);
    assert_near(a.benchmark_return, 0.064, 1e-12);
    /* UK 0; Japan (0.3 - 0.2) (-4 - 6.4) = -1.04 %; US (0.3 - 0.4) (8 - 6.4) = -0.16 %. */
    assert_near(e[0].allocation, 0.0, 1e-12);
    assert_near(e[1].allocation, -0.0104, 1e-12);
    assert_near(e[2].allocation, -0.0016, 1e-12);
    /* 0.4 (20 - 10) = 4.0 %; 0.2 (-5 + 4) = -0.2 %; 0.4 (6 - 8) = -0.8 %. */
    assert_near(e[0].selection, 0.04, 1e-12);
    assert_near(e[1].selection, -0.002, 1e-12);
    assert_near(e[2].selection, -0.008, 1e-12);
    /* 0; (0.3 - 0.2) (-5 + 4) = -0.1 %; (0.3 - 0.4) (6 - 8) = 0.2 %. */
    assert_near(e[0].interaction, 0.0, 1e-12);
    assert_near(e[1].interaction, -0.001, 1e-12);
    assert_near(e[2].interaction, 0.002, 1e-12);
    assert_near(a.allocation, -0.012, 1e-12);
    assert_near(a.selection, 0.03, 1e-12);
    assert_near(a.interaction, 0.001, 1e-12);
    assert_near(a.other, 0.0, 1e-12);
}

/* Two periods, one segment and cash, linked by hand. k = (ln 1.21 - ln 1.1) / 0.11; k1 = (ln 1.1 - ln 1.05) / 0.05 ... */
static void test_linking_by_hand(void **state) {
    (void)state;
    const double wp[] = {1, 1}, rp[] = {0.10, 0.10}, rb[] = {0.05, 0.0476190476190476},
                 total[] = {0.10, 0.10};
    const assay_attribution_input in = {2, 1, wp, rp, wp, rb, total};
    assay_attribution a;
    assay_attribution_effect e[1];
    assay_error err = {0};
    assert_int_equal(assay_attribute(&in, &a, e, &err), ASSAY_OK);
    double k = (log(1.21) - log(1.1)) / (1.21 - 1.1);
    double k1 = (log(1.1) - log(1.05)) / 0.05,
           k2 = (log(1.1) - log(1.0476190476190476)) / (0.1 - 0.0476190476190476);
    assert_near(a.selection, (0.05 * k1 + (0.1 - 0.0476190476190476) * k2) / k, 1e-12);
    assert_near(a.selection, 0.11, 1e-12);
}

static double uniform(assay_rng *rng, double low, double high) {
    return low + (high - low) * assay_rng_uniform(rng);
}

/* Parts sum to the whole, whatever there is: segments that one side does not have, equal returns, hard falls. */
static void test_parts_sum_to_the_whole(void **state) {
    (void)state;
    assay_rng rng;
    assay_rng_init(&rng, 20240101);
    enum { MOST = 60, SEGMENTS = 7 };
    static double v[4][MOST * SEGMENTS], total[MOST];
    for (int round = 0; round < 300; round++) {
        size_t n = 1 + (size_t)assay_rng_below(&rng, MOST), k = 1 + (size_t)assay_rng_below(&rng, SEGMENTS);
        for (size_t t = 0; t < n; t++) {
            double wb_sum = 0, rb = 0;
            for (size_t s = 0; s < k; s++) {
                size_t i = t * k + s;
                v[0][i] = assay_rng_uniform(&rng) < 0.2 ? 0 : uniform(&rng, -0.3, 0.6);
                v[1][i] = v[0][i] == 0 ? NO_VALUE : uniform(&rng, -0.3, 0.3);
                v[2][i] = assay_rng_uniform(&rng) < 0.2 ? 0 : uniform(&rng, 0, 1);
                v[3][i] = v[2][i] == 0                    ? NO_VALUE
                          : assay_rng_uniform(&rng) < 0.2 ? v[1][i]
                                                          : uniform(&rng, -0.3, 0.3);
                v[3][i] = v[2][i] != 0 && isnan(v[3][i]) ? 0 : v[3][i];
                wb_sum += v[2][i];
            }
            for (size_t s = 0; s < k; s++) {
                v[2][t * k + s] /= wb_sum > 0 ? wb_sum : 1;
                rb += v[2][t * k + s] == 0 ? 0 : v[2][t * k + s] * v[3][t * k + s];
            }
            total[t] =
                assay_rng_uniform(&rng) < 0.1 ? rb : uniform(&rng, -0.5, 0.5); /* costs are what is left */
        }
        const assay_attribution_input in = {n, k, v[0], v[1], v[2], v[3], total};
        assay_attribution a;
        assay_attribution_effect e[SEGMENTS];
        assay_error err = {0};
        assert_int_equal(assay_attribute(&in, &a, e, &err), ASSAY_OK);
        double active = a.portfolio_return - a.benchmark_return, size = 1 + fabs(active);
        assert_near(a.allocation + a.selection + a.interaction + a.other, active, 1e-9 * size * (double)n);
        double sum = 0;
        for (size_t s = 0; s < k; s++)
            sum += e[s].allocation + e[s].selection + e[s].interaction;
        assert_near(sum, a.allocation + a.selection + a.interaction, 1e-9 * size);
    }
}

static void test_total_loss_is_refused(void **state) {
    (void)state;
    const double w[] = {1}, r[] = {0.1}, total[] = {-1};
    const assay_attribution_input in = {1, 1, w, r, w, r, total};
    assay_attribution a;
    assay_attribution_effect e[1];
    assay_error err = {0};
    assert_int_equal(assay_attribute(&in, &a, e, &err), ASSAY_E_DATA);
    assert_non_null(strstr(err.message, "period 1"));
}

static void test_drawdowns(void **state) {
    (void)state;
    /* From 100: -10 % at once, back at 2; -20 % at 4, back at 6 beyond the peak; -5 % at 8, still down. */
    const double equity[] = {95, 90, 100, 110, 88, 99, 120, 118, 114};
    assay_drawdown d[5];
    assert_int_equal(assay_worst_drawdowns(100, equity, 9, d, 5), 3);
    assert_near(d[0].depth, -0.2, 1e-12);
    assert_int_equal(d[0].peak, 3);
    assert_int_equal(d[0].trough, 4);
    assert_int_equal(d[0].recovery, 6);
    assert_near(d[1].depth, -0.1, 1e-12);
    assert_true(d[1].peak == ASSAY_BEFORE_FIRST);
    assert_int_equal(d[1].trough, 1);
    assert_int_equal(d[1].recovery, 2);
    assert_near(d[2].depth, -0.05, 1e-12);
    assert_true(d[2].recovery == ASSAY_NOT_RECOVERED);
    assert_int_equal(assay_worst_drawdowns(100, equity, 9, d, 2), 2);
    assert_near(d[1].depth, -0.1, 1e-12);
    assert_int_equal(assay_worst_drawdowns(100, equity, 9, d, 0), 0);
    const double up[] = {101, 102};
    assert_int_equal(assay_worst_drawdowns(100, up, 2, d, 5), 0);
}

static void test_groups(void **state) {
    (void)state;
    assay_trade t[4] = {{.pnl = 10, .commission = 1, .bars_held = 4},
                        {.pnl = -5, .commission = 2, .bars_held = 2},
                        {.pnl = 7, .is_open = 1},
                        {.pnl = 3, .bars_held = 1}};
    const uint32_t group[] = {0, 0, 0, 1};
    assay_trade_group g[2];
    assay_error err = {0};
    assert_int_equal(assay_trades_group(t, 4, group, 2, g, &err), ASSAY_OK);
    assert_int_equal(g[0].n_closed, 2);
    assert_int_equal(g[0].n_open, 1);
    assert_near(g[0].pnl, 12, 0);
    assert_near(g[0].commission, 3, 0);
    assert_near(g[0].avg_pnl, 2.5, 0);
    assert_near(g[0].profit_factor, 2, 0);
    assert_near(g[0].win_rate, 0.5, 0);
    assert_near(g[0].avg_bars_held, 3, 0);
    assert_true(isinf(g[1].profit_factor));
}

static void test_periods(void **state) {
    (void)state;
    const int64_t day = ASSAY_US_PER_DAY, friday = 19722 * day; /* 2023-12-31 was a Sunday: day 19722 */
    const int64_t times[] = {friday, friday + day, friday + 2 * day, friday + 32 * day};
    const double r[] = {0.1, -0.05, 0.02, 0.01}, b[] = {0.01, NO_VALUE, 0.02, 0.03};
    int32_t numbers[4];
    assay_period_row *rows = NULL;
    size_t n = 0;
    assay_error err = {0};
    assay_period_numbers(times, 4, ASSAY_PERIOD_YEAR, numbers);
    assert_int_equal(assay_periods_compute(r, b, numbers, 4, 252, 0, &rows, &n, &err), ASSAY_OK);
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].number, 2023);
    assert_near(rows[0].total_return, 0.1, 1e-12);
    assert_near(rows[1].total_return, 0.95 * 1.02 * 1.01 - 1, 1e-12);
    assert_near(rows[1].benchmark_return, 1.02 * 1.03 - 1, 1e-12);
    assert_near(rows[1].max_drawdown, -0.05, 1e-12);
    assert_near(rows[1].win_rate, 2.0 / 3, 1e-12);
    free(rows);
    assay_period_numbers(times, 4, ASSAY_PERIOD_WEEKDAY, numbers);
    assert_int_equal(numbers[0], 6);
    assert_int_equal(numbers[1], 0);
    assay_period_numbers(times, 4, ASSAY_PERIOD_QUARTER, numbers);
    assert_int_equal(numbers[0], 2023 * 4 + 3);
    assert_int_equal(numbers[1], 2024 * 4);
    assay_period_numbers(times, 4, ASSAY_PERIOD_MONTH, numbers);
    assert_int_equal(numbers[3], 2024 * 12 + 1);
}

/* A window is a function of its own returns, and the first value stands where it is full. */
static void test_rolling(void **state) {
    (void)state;
    const double r[] = {0.01, -0.02, 0.03, 0.005}, b[] = {0.02, -0.01, 0.01, 0};
    double v[4][4];
    assay_rolling out = {v[0], v[1], v[2], v[3]};
    assay_rolling_compute(r, b, 4, 3, 252, 0, &out);
    assert_true(isnan(out.sharpe[1]) && isnan(out.beta[1]) && isnan(out.max_drawdown[1]));
    double mean = 0.02 / 3, std = assay_std(r, 3, 1);
    assert_near(out.sharpe[2], mean / std * sqrt(252), 1e-12);
    assert_near(out.volatility[2], std * sqrt(252), 1e-12);
    assert_near(out.max_drawdown[2], -0.02, 1e-12);
    double again[4][4];
    assay_rolling other = {again[0], again[1], again[2], again[3]};
    assay_rolling_compute(r + 1, b + 1, 3, 3, 252, 0, &other);
    assert_memory_equal(&other.sharpe[2], &out.sharpe[3], sizeof(double));
    assert_memory_equal(&other.beta[2], &out.beta[3], sizeof(double));
}

/* The interval of independent returns is that of the normal approximation, roughly; seeds repeat, and others differ. */
static void test_bootstrap(void **state) {
    (void)state;
    enum { N = 2000 };
    static double r[N];
    assay_rng rng;
    assay_rng_init(&rng, 5);
    for (size_t i = 0; i < N; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++)
            sum += assay_rng_uniform(&rng);
        r[i] = 0.0004 + 0.01 * sum;
    }
    assay_bootstrap a, b, c;
    assay_error err = {0};
    assert_int_equal(assay_bootstrap_returns(r, N, 252, 0, 1000, 1, &a, &err), ASSAY_OK);
    assert_int_equal(assay_bootstrap_returns(r, N, 252, 0, 1000, 1, &b, &err), ASSAY_OK);
    assert_int_equal(assay_bootstrap_returns(r, N, 252, 0, 1000, 2, &c, &err), ASSAY_OK);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(a.sharpe_ratio.low != c.sharpe_ratio.low);
    /* The standard error of a mean is std / sqrt(n): log growth over n bars has std sqrt(n) std. */
    double width = log(1 + a.total_return.high) - log(1 + a.total_return.low);
    double expected = 2 * 1.959963984540054 * assay_std(r, N, 1) * sqrt(N);
    assert_true(fabs(width / expected - 1) < 0.12); /* 1,000 draws know a quantile to some 5 % */
    r[7] = -1;
    assert_int_equal(assay_bootstrap_returns(r, N, 252, 0, 1000, 1, &a, &err), ASSAY_OK);
    assert_true(isnan(a.sharpe_ratio.low) && isnan(a.total_return.high));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bacon),
        cmocka_unit_test(test_linking_by_hand),
        cmocka_unit_test(test_parts_sum_to_the_whole),
        cmocka_unit_test(test_total_loss_is_refused),
        cmocka_unit_test(test_drawdowns),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_periods),
        cmocka_unit_test(test_rolling),
        cmocka_unit_test(test_bootstrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
