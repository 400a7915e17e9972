/* The metrics against NumPy and empyrical (tests/vectors/make_metrics.py), and where they are undefined. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "../vectors/metrics.h"
#include "metrics/metrics.h"

static double value_of(const double *values, const char *name) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, name) == 0)
            return values[i];
    }
    fail_msg("no metric %s", name);
    return NO_VALUE;
}

/* All metrics of a curve that starts at 100,000, and of trades with these pnl; the caller frees them. */
static double *metrics_of(const double *equity, size_t n, double periods, double rf,
                          const assay_trade *trades, size_t n_trades) {
    double *values = malloc(assay_metric_count() * sizeof *values),
           *returns = malloc((n + 1) * sizeof *returns);
    assert_true(values != NULL && returns != NULL);
    assay_returns_of(100000, equity, n, returns);
    const assay_metric_input in = {.initial_capital = 100000,
                                   .equity = equity,
                                   .returns = returns,
                                   .n = n,
                                   .periods_per_year = periods,
                                   .risk_free_rate = rf,
                                   .trade = trades,
                                   .n_trades = n_trades};
    assay_metrics_compute(&in, values);
    free(returns);
    return values;
}

static assay_trade *make_trades(const double *pnl, const double *bars_held, size_t n) {
    assay_trade *trades = calloc(n + 1, sizeof *trades);
    assert_non_null(trades);
    for (size_t i = 0; i < n; i++) {
        trades[i].pnl = pnl[i];
        trades[i].bars_held = (uint32_t)(bars_held == NULL ? 1 : bars_held[i]);
    }
    return trades;
}

/* 1e-11: sums of hundreds of terms, and differences of annual returns. */
static void test_against_numpy_and_empyrical(void **state) {
    (void)state;
    for (size_t v = 0; v < LENGTH(metric_vectors); v++) {
        const metric_vector *m = &metric_vectors[v];
        assay_trade *trades = make_trades(m->pnl, m->bars_held, m->n_trades);
        double *values =
            metrics_of(m->equity, m->n, m->periods_per_year, m->risk_free_rate, trades, m->n_trades);
        for (size_t i = 0; i < N_VECTOR_METRICS; i++) {
            assert_near(value_of(values, vector_metric[i]), m->value[i], 1e-11);
        }
        free(values);
        free(trades);
    }
}

/* Open trades are in no count, whatever their pnl. */
static void test_open_trades_do_not_count(void **state) {
    (void)state;
    const metric_vector *m = &metric_vectors[0];
    assay_trade *trades = calloc(m->n_trades * 2, sizeof *trades);
    assert_non_null(trades);
    for (size_t i = 0; i < m->n_trades; i++) {
        trades[i] = (assay_trade){.pnl = m->pnl[i], .bars_held = (uint32_t)m->bars_held[i]};
        trades[m->n_trades + i] =
            (assay_trade){.pnl = i % 2 == 0 ? 1e6 : -1e6, .bars_held = 1000, .is_open = 1};
    }
    double *with =
        metrics_of(m->equity, m->n, m->periods_per_year, m->risk_free_rate, trades, 2 * m->n_trades);
    double *without =
        metrics_of(m->equity, m->n, m->periods_per_year, m->risk_free_rate, trades, m->n_trades);
    assert_memory_equal(with, without, assay_metric_count() * sizeof *with);
    free(with);
    free(without);
    free(trades);
}

static void test_no_trade(void **state) {
    (void)state;
    const double equity[] = {101000, 99000, 102000};
    double *values = metrics_of(equity, 3, 252, 0, NULL, 0);
    static const char *const undefined[] = {"win_rate_pct", "profit_factor", "avg_win_pnl", "avg_loss_pnl",
                                            "avg_bars_held"};
    for (size_t i = 0; i < LENGTH(undefined); i++)
        assert_number(value_of(values, undefined[i]), NO_VALUE);
    static const char *const zero[] = {"total_trades", "winning_trades", "losing_trades"};
    for (size_t i = 0; i < LENGTH(zero); i++)
        assert_number(value_of(values, zero[i]), 0);
    assert_money(value_of(values, "total_return_pct"), 2);
    free(values);
}

static void expect_trades(const double *pnl, size_t n, double factor, double rate, double win, double loss) {
    const double equity[] = {101000, 99000, 102000};
    assay_trade *trades = make_trades(pnl, NULL, n);
    double *values = metrics_of(equity, 3, 252, 0, trades, n);
    assert_number(value_of(values, "profit_factor"), factor);
    assert_number(value_of(values, "win_rate_pct"), rate);
    assert_number(value_of(values, "avg_win_pnl"), win);
    assert_number(value_of(values, "avg_loss_pnl"), loss);
    free(values);
    free(trades);
}

/* Without a losing trade the profit factor is infinite; without a winning one it is 0. A trade of exactly 0 is neither. */
static void test_one_sided_trades(void **state) {
    (void)state;
    expect_trades((double[]){5, 15}, 2, (double)INFINITY, 100, 10, NO_VALUE);
    expect_trades((double[]){-5, -15}, 2, 0, 0, NO_VALUE, 10);
    expect_trades((double[]){0}, 1, (double)INFINITY, 0, NO_VALUE, NO_VALUE);
    expect_trades((double[]){0, 30, -10, 0}, 4, 3, 25, 30, 10);
}

/* Equity that does not move: no volatility, so no ratio; never a made-up 0. */
static void test_no_volatility(void **state) {
    (void)state;
    double equity[50];
    for (size_t i = 0; i < LENGTH(equity); i++)
        equity[i] = 100000 * (1 + 1e-14 * (double)(i % 2)); /* noise below 1e-12 counts as none */
    double *values = metrics_of(equity, LENGTH(equity), 252, 0.02, NULL, 0);
    assert_number(value_of(values, "annual_volatility_pct"), 0);
    static const char *const undefined[] = {"sharpe_ratio", "sortino_ratio", "calmar_ratio",
                                            "sharpe_arithmetic"};
    assert_number(value_of(values, "sharpe_ratio"), NO_VALUE);
    assert_number(value_of(values, "sortino_ratio"), NO_VALUE);
    assert_number(value_of(values, "sharpe_arithmetic"), NO_VALUE);
    assert_number(value_of(values, "max_drawdown_pct"), 0);
    assert_number(value_of(values, "calmar_ratio"), NO_VALUE);
    free(values);
    for (size_t i = 0; i < LENGTH(equity); i++)
        equity[i] = 100000;
    values = metrics_of(equity, LENGTH(equity), 252, 0, NULL, 0);
    for (size_t i = 0; i < LENGTH(undefined); i++)
        assert_number(value_of(values, undefined[i]), NO_VALUE);
    assert_number(value_of(values, "max_drawdown_pct"), 0);
    assert_number(value_of(values, "annual_return_pct"), 0);
    free(values);
}

/* Rising every bar: no loss, so no Sortino and no Calmar ratio. One loss has no deviation either. */
static void test_no_loss(void **state) {
    (void)state;
    const double rising[] = {101000, 102500, 104000}, one_loss[] = {101000, 100000, 104000};
    double *values = metrics_of(rising, 3, 252, 0, NULL, 0);
    assert_number(value_of(values, "sortino_ratio"), NO_VALUE);
    assert_number(value_of(values, "calmar_ratio"), NO_VALUE);
    assert_true(value_of(values, "sharpe_ratio") > 0);
    free(values);
    values = metrics_of(one_loss, 3, 252, 0, NULL, 0);
    assert_number(value_of(values, "sortino_ratio"), NO_VALUE);
    assert_money(value_of(values, "max_drawdown_pct"), (100000.0 / 101000 - 1) * 100);
    free(values);
}

/* Below 0: −150 % in all, nothing annual can be said. Exactly 0: −100 % a year. */
static void test_ruined(void **state) {
    (void)state;
    const double below[] = {120000, -50000, -50000}, nothing[] = {50000, 0, 0};
    double *values = metrics_of(below, 3, 252, 0, NULL, 0);
    assert_number(value_of(values, "total_return_pct"), -150);
    static const char *const undefined[] = {"annual_return_pct", "sharpe_ratio", "sortino_ratio",
                                            "calmar_ratio"};
    for (size_t i = 0; i < LENGTH(undefined); i++)
        assert_number(value_of(values, undefined[i]), NO_VALUE);
    assert_money(value_of(values, "max_drawdown_pct"), (-50000.0 / 120000 - 1) * 100);
    free(values);
    values = metrics_of(nothing, 3, 252, 0, NULL, 0);
    assert_number(value_of(values, "annual_return_pct"), -100);
    assert_number(value_of(values, "max_drawdown_pct"), -100);
    assert_number(value_of(values, "total_return_pct"), -100);
    free(values);
}

/* One bar: 1 % in one of 252 periods; a standard deviation with ddof 1 of one value does not exist. */
static void test_one_bar(void **state) {
    (void)state;
    const double equity[] = {101000};
    double *values = metrics_of(equity, 1, 252, 0, NULL, 0);
    assert_money(value_of(values, "total_return_pct"), 1);
    assert_near(value_of(values, "annual_return_pct"), (pow(1.01, 252) - 1) * 100, 1e-12);
    assert_number(value_of(values, "annual_volatility_pct"), 0);
    assert_number(value_of(values, "sharpe_ratio"), NO_VALUE);
    assert_number(value_of(values, "sharpe_arithmetic"), NO_VALUE);
    free(values);
    values = metrics_of(equity, 0, 252, 0, NULL, 0); /* no bar at all: nothing is known */
    assert_number(value_of(values, "total_return_pct"), NO_VALUE);
    free(values);
}

static void test_returns(void **state) {
    (void)state;
    const double equity[] = {110000, 110000 * (1 + 1e-13), 55000, 0, 10, -5, 20};
    const double wanted[] = {0.1, 0, -0.5, -1, 0, -1.5, 0}; /* 0 once the equity before is not positive */
    double returns[LENGTH(equity)];
    assay_returns_of(100000, equity, LENGTH(equity), returns);
    for (size_t i = 0; i < LENGTH(equity); i++)
        assert_near(returns[i], wanted[i], 1e-12);
    assert_number(returns[1], 0);
    assert_number(returns[4], 0);
    assert_number(returns[6], 0);
}

/* Every row of the table says what it is. */
static void test_the_table(void **state) {
    (void)state;
    for (size_t i = 0; i < assay_metric_count(); i++) {
        const assay_metric *metric = assay_metric_at(i);
        assert_true(strlen(metric->name) > 0 && strlen(metric->unit) > 0 && strlen(metric->formula) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(metric->name, assay_metric_at(j)->name);
    }
    assert_null(assay_metric_at(assay_metric_count()));
}

/* 252 for daily bars (weekends and holidays aside), 52 weekly, 12 monthly, 252 x 7 for seven bars a day. With one bar of
 * change known, the annual return says which was taken: growth^(P / n). */
static void expect_periods(const int *days, size_t n, size_t bars_a_day, double periods) {
    matrix_market m = empty_market(n * bars_a_day, 1);
    for (size_t t = 0; t < m.n_bars; t++) {
        m.timestamp_us[t] = day_us(days[t / bars_a_day]) + (int64_t)(t % bars_a_day) * INT64_C(3600000000);
        for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
            *market_cell(&m, c, t, 0) = t < m.n_bars - 1 ? 100 : 110;
    }
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0}};
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel); /* a tenth of the capital gains 10 % at the end: 1 % */
    assert_near(metric_of(r, "annual_return_pct"), (pow(1.01, periods / (double)m.n_bars) - 1) * 100, 1e-10);
    assay_result_destroy(r);
    r = RUN(panel, "periods_per_year", "100");
    assert_near(metric_of(r, "annual_return_pct"), (pow(1.01, 100 / (double)m.n_bars) - 1) * 100, 1e-10);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
    free_market(&m);
}

static void test_periods_per_year(void **state) {
    (void)state;
    static const int daily[] = {0, 1, 2, 3, 4, 7, 8, 10, 11, 14, 15}, weekly[] = {0, 7, 14, 20, 28, 35},
                     monthly[] = {0, 31, 60, 91, 121};
    expect_periods(daily, LENGTH(daily), 1, 252);
    expect_periods(weekly, LENGTH(weekly), 1, 52);
    expect_periods(monthly, LENGTH(monthly), 1, 12);
    expect_periods(daily, LENGTH(daily), 7, 252 * 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_numpy_and_empyrical),
        cmocka_unit_test(test_open_trades_do_not_count),
        cmocka_unit_test(test_no_trade),
        cmocka_unit_test(test_one_sided_trades),
        cmocka_unit_test(test_no_volatility),
        cmocka_unit_test(test_no_loss),
        cmocka_unit_test(test_ruined),
        cmocka_unit_test(test_one_bar),
        cmocka_unit_test(test_returns),
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_periods_per_year),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
