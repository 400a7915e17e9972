/* Walk-forward validation: windows by hand, folds against single runs, no look at the future, money that is conserved. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_walkforward.h"
#include "base/dates.h"
#include "base/rng.h"
#include "research/walkforward_windows.h"

static const char *const AXES[] = {"lookback=3:15:4", "threshold=0.01:0.07:0.02"};

static const assay_walkforward_spec PLAIN = {
    .axes = AXES, .n_axes = 2, .train = "80", .test = "30", .purge = "5", .embargo = "3"};

static assay_config *momentum_config(const char *const *settings) {
    assay_error err = {.message = ""};
    return config_of(assay_strategy_find("momentum", &err), settings);
}

static assay_walkforward *walk(const assay_panel *panel, const assay_config *config,
                               const assay_walkforward_spec *spec, unsigned n_threads) {
    assay_error err = {.message = ""};
    assay_walkforward *wf = NULL;
    if (assay_walkforward_run(panel, config, spec, n_threads, NULL, NULL, &wf, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return wf;
}

/* --- windows --- */

static assay_fold_window *windows_of(const assay_walkforward_spec *spec, size_t n_bars, size_t *out_n) {
    assay_error err = {.message = ""};
    assay_fold_plan plan;
    assay_fold_window *windows = NULL;
    int64_t *times = malloc(n_bars * sizeof *times);
    for (size_t i = 0; i < n_bars; i++)
        times[i] = day_us((int)i);
    if (assay_fold_plan_init(&plan, spec, &err) != ASSAY_OK ||
        assay_fold_windows(&plan, times, 0, n_bars, assay_day_of_us(times[0]), &windows, out_n, &err) !=
            ASSAY_OK)
        fail_msg("%s", err.message);
    free(times);
    return windows;
}

static void assert_window(const assay_fold_window *w, size_t train_first, size_t train_after,
                          size_t test_first, size_t test_after, bool is_partial) {
    assert_int_equal(w->train_first, train_first);
    assert_int_equal(w->train_after, train_after);
    assert_int_equal(w->test_first, test_first);
    assert_int_equal(w->test_after, test_after);
    assert_int_equal(w->is_partial, is_partial);
}

static void rolling_windows_in_bars(void **state) {
    (void)state;
    size_t n = 0;
    const assay_walkforward_spec spec = {.train = "10", .test = "4", .purge = "2"};
    assay_fold_window *w = windows_of(&spec, 21, &n);
    assert_int_equal(n, 3);
    assert_window(&w[0], 0, 8, 10, 14, false);
    assert_window(&w[1], 4, 12, 14, 18, false);
    assert_window(&w[2], 8, 16, 18, 21, true);
    free(w);
}

static void anchored_windows_in_bars(void **state) {
    (void)state;
    size_t n = 0;
    const assay_walkforward_spec spec = {.train = "10", .test = "4", .step = "6", .anchored = true};
    assay_fold_window *w = windows_of(&spec, 22, &n);
    assert_int_equal(n, 2);
    assert_window(&w[0], 0, 10, 10, 14, false);
    assert_window(&w[1], 0, 16, 16, 20, false);
    free(w);
}

/* Bars behind a test are left out where a later training begins among them, and where one ends among them. */
static void embargo_is_taken_off_either_end(void **state) {
    (void)state;
    size_t n = 0;
    const assay_walkforward_spec begins = {.train = "8", .test = "4", .embargo = "3"};
    assay_fold_window *w = windows_of(&begins, 24, &n);
    assert_int_equal(n, 4);
    assert_window(&w[2], 8, 16, 16, 20, false);
    assert_window(&w[3], 15, 20, 20, 24, false); /* would begin at 12, where the first test ends */
    free(w);
    const assay_walkforward_spec ends = {
        .train = "8", .test = "4", .step = "6", .embargo = "3", .anchored = true};
    w = windows_of(&ends, 18, &n);
    assert_int_equal(n, 2);
    assert_window(&w[1], 0, 12, 14, 18, false); /* would end at 14, 2 bars behind the first test */
    free(w);
}

static void months_do_not_drift(void **state) {
    (void)state;
    assert_int_equal(assay_day_add(assay_day_from_civil(2020, 1, 31), 1, 0),
                     assay_day_from_civil(2020, 2, 29));
    assert_int_equal(assay_day_add(assay_day_from_civil(2020, 1, 31), 13, 0),
                     assay_day_from_civil(2021, 2, 28));
    assert_int_equal(assay_day_add(assay_day_from_civil(2020, 3, 31), -1, 0),
                     assay_day_from_civil(2020, 2, 29));
    assert_int_equal(assay_day_add(assay_day_from_civil(2020, 1, 31), 2, 0),
                     assay_day_from_civil(2020, 3, 31));
    assert_int_equal(assay_day_add(assay_day_from_civil(2020, 1, 5), -1, -5),
                     assay_day_from_civil(2019, 11, 30));
}

static void refusals_say_what_to_do(void **state) {
    (void)state;
    static const struct {
        assay_walkforward_spec spec;
        const char *part;
    } CASES[] = {
        {{.test = "30"}, "--train"},
        {{.train = "30"}, "--test"},
        {{.train = "0", .test = "30"}, "1 or more"},
        {{.train = "30", .test = "3x"}, "--test '3x'"},
        {{.train = "30", .test = "30", .purge = "30"}, "leaves nothing of --train 30"},
        {{.train = "30", .test = "30", .step = "20"}, "tests would overlap"},
        {{.train = "30", .test = "300"}, "longer than the data"},
        {{.train = "300", .test = "30"}, "longer than the data"},
        {{.train = "6d", .test = "1d", .purge = "6"}, "purge and embargo leave nothing"},
    };
    assay_panel *panel = panel_of_sample(5, 200, 1);
    assay_config *config = momentum_config((const char *const[]){NULL});
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        assay_walkforward_spec spec = CASES[i].spec;
        assay_error err = {.message = ""};
        assay_walkforward *wf = NULL;
        spec.axes = AXES;
        spec.n_axes = 2;
        assert_refused(assay_walkforward_run(panel, config, &spec, 1, NULL, NULL, &wf, &err), ASSAY_E_CONFIG,
                       &err, CASES[i].part);
        assert_null(wf);
    }
    assay_error err = {.message = ""};
    assay_walkforward *wf = NULL;
    assay_walkforward_spec spec = PLAIN;
    spec.axes = (const char *const[]){"start_date=2015-01-01,2016-01-01"};
    spec.n_axes = 1;
    assert_refused(assay_walkforward_run(panel, config, &spec, 1, NULL, NULL, &wf, &err), ASSAY_E_CONFIG,
                   &err, "start_date");
    spec = PLAIN;
    spec.step = "40";
    spec.positions = ASSAY_FOLD_CARRY;
    assert_refused(assay_walkforward_run(panel, config, &spec, 1, NULL, NULL, &wf, &err), ASSAY_E_CONFIG,
                   &err, "cannot be carried");
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

/* --- folds --- */

/* The winner of a training window, found the slow way: every point as a single run. */
static uint64_t slow_winner(const assay_panel *panel, const assay_config *base, const assay_fold *fold) {
    static const char *const LOOKBACKS[] = {"3", "7", "11", "15"}, *const THRESHOLDS[] = {"0.01", "0.03",
                                                                                          "0.05", "0.07"};
    const int64_t *times = assay_panel_timestamps(panel);
    double best = NO_VALUE;
    uint64_t winner = UINT64_MAX;
    for (uint64_t point = 0; point < 16; point++) {
        assay_error err = {.message = ""};
        assay_config *config = NULL;
        assay_result *result = NULL;
        char from[32], to[32];
        assay_time_format(times[fold->train_first], from, sizeof from);
        assay_time_format(times[fold->train_last], to, sizeof to);
        bool done = assay_config_copy(base, &config, &err) == ASSAY_OK &&
                    assay_config_set(config, "lookback", LOOKBACKS[point / 4], &err) == ASSAY_OK &&
                    assay_config_set(config, "threshold", THRESHOLDS[point % 4], &err) == ASSAY_OK &&
                    assay_config_set(config, "start_date", from, &err) == ASSAY_OK &&
                    assay_config_set(config, "end_date", to, &err) == ASSAY_OK &&
                    assay_run(panel, config, ASSAY_KEEP_METRICS, &result, &err) == ASSAY_OK;
        if (!done)
            fail_msg("%s", err.message);
        double sharpe = metric_of(result, "sharpe_ratio");
        if (!isnan(sharpe) && (isnan(best) || sharpe > best)) {
            best = sharpe;
            winner = point;
        }
        assay_result_destroy(result);
        assay_config_destroy(config);
    }
    return winner;
}

static void folds_equal_single_runs(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(30, 300, 7);
    assay_config *config = momentum_config((const char *const[]){NULL});
    assay_walkforward *wf = walk(panel, config, &PLAIN, 2);
    double capital = 100000;
    assert_int_equal(assay_walkforward_n_folds(wf), 8);
    for (size_t k = 0; k < 8; k++) {
        const assay_fold *fold = assay_walkforward_fold(wf, k);
        assay_error err = {.message = ""};
        assay_result *single = NULL;
        assert_true(fold->has_winner);
        assert_int_equal(fold->point, slow_winner(panel, config, fold));
        assert_number(fold->start_equity, capital);
        if (assay_run(panel, fold->config, ASSAY_KEEP_ALL, &single, &err) != ASSAY_OK)
            fail_msg("%s", err.message);
        assert_same_records(fold->result, single);
        assert_memory_equal(fold->out_of_sample, assay_result_metrics(single),
                            assay_metric_count() * sizeof(double));
        capital = snapshot_at(single, n_snapshots(single) - 1).total_value;
        assert_number(fold->end_equity, capital);
        assay_result_destroy(single);
    }
    assay_walkforward_destroy(wf);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

/* Equity of the joined run goes on where the fold before ended; fills alone explain its cash; all but the last test end flat. */
static void joined_run_conserves_money(void **state) {
    (void)state;
    const random_spec random = {.seed = 8, .n_bars = 300, .n_symbols = 30, .gap = 0.02}; /* no dividends */
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR,
                                         .signal_prices = ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
    matrix_market market = random_market(&random);
    assay_panel *panel = panel_of_market(&market, &options, market.n_bars);
    free_market(&market);
    assay_config *config = momentum_config((const char *const[]){NULL});
    assay_walkforward_spec spec = PLAIN;
    spec.step = "35";
    assay_walkforward *wf = walk(panel, config, &spec, 1);
    const assay_result *joined = assay_walkforward_result(wf);
    size_t n = assay_walkforward_n_folds(wf), first = assay_walkforward_fold(wf, 0)->test_first;
    assert_int_equal(n_snapshots(joined), assay_walkforward_fold(wf, n - 1)->test_last - first + 1);
    double cash = 100000;
    size_t at = 0;
    for (size_t i = 0; i < n_snapshots(joined); i++) {
        assay_snapshot row = snapshot_at(joined, i);
        assert_int_equal(row.bar, first + i);
        for (; at < n_fills(joined) && fill_at(joined, at).bar == row.bar; at++) {
            assay_fill fill = fill_at(joined, at);
            cash += (fill.side == ASSAY_SIDE_BUY ? -1 : 1) * fill.quantity * fill.price - fill.commission;
            if (fill.kind == ASSAY_FILL_FOLD_END)
                assert_number(fill.commission, 0);
        }
        assert_true(fabs(row.cash - cash) <= 1e-9 * row.total_value);
    }
    assert_int_equal(at, n_fills(joined));
    for (size_t k = 0; k + 1 < n; k++) {
        const assay_fold *fold = assay_walkforward_fold(wf, k);
        assay_snapshot row = snapshot_at(joined, fold->test_last - first);
        assert_int_equal(row.num_positions, 0);
        assert_number(row.total_value, fold->end_equity);
        assert_number(assay_walkforward_fold(wf, k + 1)->start_equity, fold->end_equity);
    }
    double pnl = 0;
    for (size_t i = 0; i < n_trades(joined); i++) {
        assay_trade trade = trade_at(joined, i);
        pnl += trade.pnl;
        assert_true(trade.is_open != 0 || trade.order_id > 0);
    }
    assert_near(snapshot_at(joined, n_snapshots(joined) - 1).total_value, 100000 + pnl, 1e-9);
    assay_walkforward_destroy(wf);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

/* With one point there is nothing to change: carried through all tests, it is one run. */
static void carried_without_a_choice_equals_one_run(void **state) {
    (void)state;
    static const char *const ONE[] = {"lookback=7", "rebalance_frequency=weekly"};
    assay_error err = {.message = ""};
    assay_panel *panel = panel_of_sample(30, 300, 5);
    assay_config *config = momentum_config((const char *const[]){"threshold", "0.03", NULL});
    assay_walkforward_spec spec = PLAIN;
    spec.axes = ONE;
    spec.positions = ASSAY_FOLD_CARRY;
    assay_walkforward *wf = walk(panel, config, &spec, 1);
    const assay_result *joined = assay_walkforward_result(wf);
    assay_config *whole = NULL;
    assay_result *single = NULL;
    assert_int_equal(assay_config_copy(assay_result_config(joined), &whole, &err), ASSAY_OK);
    assert_int_equal(assay_config_set(whole, "lookback", "7", &err), ASSAY_OK);
    assert_int_equal(assay_config_set(whole, "rebalance_frequency", "weekly", &err), ASSAY_OK);
    assert_int_equal(assay_run(panel, whole, ASSAY_KEEP_ALL, &single, &err), ASSAY_OK);
    assert_true(n_trades(single) > 10);
    assert_same_records(joined, single);
    assert_memory_equal(assay_result_metrics(joined), assay_result_metrics(single),
                        assay_metric_count() * sizeof(double));
    assay_result_destroy(single);
    assay_config_destroy(whole);
    assay_walkforward_destroy(wf);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

static void carried_equity_is_continuous(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(30, 300, 9);
    assay_config *config = momentum_config((const char *const[]){NULL});
    assay_walkforward_spec spec = PLAIN;
    spec.positions = ASSAY_FOLD_CARRY;
    assay_walkforward *wf = walk(panel, config, &spec, 2);
    const assay_result *joined = assay_walkforward_result(wf);
    double capital = 100000, trades = 0;
    size_t n_held = 0;
    for (size_t k = 0; k < assay_walkforward_n_folds(wf); k++) {
        const assay_fold *fold = assay_walkforward_fold(wf, k);
        assert_null(fold->result);
        assert_number(fold->start_equity, capital);
        capital = fold->end_equity;
        n_held +=
            snapshot_at(joined, fold->test_last - assay_walkforward_fold(wf, 0)->test_first).num_positions;
        for (size_t m = 0; m < assay_metric_count(); m++)
            trades += strcmp(assay_metric_at(m)->name, "total_trades") == 0 ? fold->out_of_sample[m] : 0;
    }
    assert_true(n_held > 0);
    assert_number(trades, metric_of(joined, "total_trades"));
    for (size_t i = 0; i < n_fills(joined); i++)
        assert_true(fill_at(joined, i).kind != ASSAY_FILL_FOLD_END);
    assert_number(snapshot_at(joined, n_snapshots(joined) - 1).total_value, capital);
    assay_walkforward_destroy(wf);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

/* --- no look at the future --- */

/* Noise, splits and missing bars after a bar. */
static void disturb(matrix_market *market, size_t after, assay_rng *rng) {
    for (size_t t = after; t < market->n_bars; t++) {
        for (size_t s = 0; s < market->n_symbols; s++) {
            double factor = 0.5 + assay_rng_uniform(rng);
            bool is_missing = s > 0 && assay_rng_below(rng, 20) == 0;
            for (int c = 0; c < ASSAY_COLUMN_VOLUME; c++)
                *market_cell(market, c, t, s) *= is_missing ? NO_VALUE : factor;
            if (assay_rng_below(rng, 50) == 0)
                market->split[t * market->n_symbols + s] = 2;
        }
    }
}

static void the_future_changes_no_choice(void **state) {
    (void)state;
    const random_spec random = {.seed = 3, .n_bars = 260, .n_symbols = 20, .gap = 0.02, .event = 0.01};
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR,
                                         .signal_prices = ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
    matrix_market market = random_market(&random);
    assay_panel *panel = panel_of_market(&market, &options, market.n_bars);
    assay_config *config = momentum_config((const char *const[]){NULL});
    for (int carry = 0; carry < 2; carry++) {
        assay_walkforward_spec spec = PLAIN;
        spec.positions = carry ? ASSAY_FOLD_CARRY : ASSAY_FOLD_FLATTEN;
        assay_walkforward *wf = walk(panel, config, &spec, 1);
        assay_rng rng;
        assay_rng_init(&rng, 99);
        for (size_t k = 0; k < assay_walkforward_n_folds(wf); k++) {
            matrix_market other = copy_market(&market);
            disturb(&other, assay_walkforward_fold(wf, k)->train_last + 1, &rng);
            assay_panel *changed = panel_of_market(&other, &options, other.n_bars);
            assay_walkforward *again = walk(changed, config, &spec, 1);
            for (size_t i = 0; i <= k; i++) {
                const assay_fold *a = assay_walkforward_fold(wf, i), *b = assay_walkforward_fold(again, i);
                assert_int_equal(a->has_winner, b->has_winner);
                assert_int_equal(a->point, b->point);
                assert_memory_equal(a->in_sample, b->in_sample, assay_metric_count() * sizeof(double));
            }
            assay_walkforward_destroy(again);
            assay_panel_destroy(changed);
            free_market(&other);
        }
        assay_walkforward_destroy(wf);
    }
    assay_config_destroy(config);
    assay_panel_destroy(panel);
    free_market(&market);
}

/* --- the rest --- */

static void a_fold_without_a_winner_holds_cash(void **state) {
    (void)state;
    static const char *const WHERE[] = {"total_trades>=100000"};
    assay_panel *panel = panel_of_sample(20, 200, 2);
    assay_config *config = momentum_config((const char *const[]){NULL});
    for (int carry = 0; carry < 2; carry++) {
        assay_walkforward_spec spec = PLAIN;
        spec.where = WHERE;
        spec.n_where = 1;
        spec.positions = carry ? ASSAY_FOLD_CARRY : ASSAY_FOLD_FLATTEN;
        assay_walkforward *wf = walk(panel, config, &spec, 1);
        const assay_result *joined = assay_walkforward_result(wf);
        assert_int_equal(n_signals(joined), 0);
        assert_int_equal(n_snapshots(joined), 120);
        assert_number(snapshot_at(joined, 119).total_value, 100000);
        assert_false(assay_walkforward_fold(wf, 0)->has_winner);
        assert_int_equal(assay_walkforward_drift(wf, 0).n_distinct, 0);
        assert_true(isnan(assay_walkforward_drift(wf, 0).mean_steps));
        assert_true(isnan(assay_walkforward_efficiency_of(wf).sharpe_ratio));
        assay_walkforward_destroy(wf);
    }
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

static void threads_change_nothing(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(30, 300, 4);
    assay_config *config = momentum_config((const char *const[]){"rebalance_frequency", "weekly", NULL});
    assay_walkforward *one = walk(panel, config, &PLAIN, 1), *two = walk(panel, config, &PLAIN, 2);
    for (size_t k = 0; k < assay_walkforward_n_folds(one); k++) {
        const assay_fold *a = assay_walkforward_fold(one, k), *b = assay_walkforward_fold(two, k);
        assert_int_equal(a->point, b->point);
        assert_memory_equal(a->in_sample, b->in_sample, 2 * assay_metric_count() * sizeof(double));
    }
    assert_same_records(assay_walkforward_result(one), assay_walkforward_result(two));
    assay_walkforward_destroy(one);
    assay_walkforward_destroy(two);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rolling_windows_in_bars),
        cmocka_unit_test(anchored_windows_in_bars),
        cmocka_unit_test(embargo_is_taken_off_either_end),
        cmocka_unit_test(months_do_not_drift),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(folds_equal_single_runs),
        cmocka_unit_test(joined_run_conserves_money),
        cmocka_unit_test(carried_without_a_choice_equals_one_run),
        cmocka_unit_test(carried_equity_is_continuous),
        cmocka_unit_test(the_future_changes_no_choice),
        cmocka_unit_test(a_fold_without_a_winner_holds_cash),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
