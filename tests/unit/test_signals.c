/* The strategy of ready signals (assay_signals.h) on small panels: which bar decides, what is left out, what is refused. */
#include <string.h>

#include "assay/assay_signals.h"
#include "support.h"

/* One row, and rows as the arrays that the interface takes. */
typedef struct ready {
    int day;
    const char *symbol, *action;
    double target;
} ready;

enum { MOST = 32 };

static assay_status make(const ready *rows, size_t n, assay_strategy **out, assay_error *err) {
    int64_t time[MOST];
    const char *symbol[MOST], *action[MOST];
    double target[MOST];
    for (size_t i = 0; i < n; i++) {
        time[i] = day_us(rows[i].day);
        symbol[i] = rows[i].symbol;
        action[i] = rows[i].action;
        target[i] = rows[i].target;
    }
    const assay_signal_rows all = {
        .n_rows = n, .timestamp_us = time, .symbol = symbol, .action = action, .target_position = target};
    return assay_signals_create("mine", &all, "signals:mine", out, err);
}

static assay_strategy *strategy_of(const ready *rows, size_t n) {
    assay_strategy *strategy = NULL;
    assert_int_equal(make(rows, n, &strategy, NULL), ASSAY_OK);
    return strategy;
}
#define READY(rows) strategy_of((rows), LENGTH(rows))

static const price_row prices[] = {
    FLAT("A", 0, 10), FLAT("B", 0, 20), FLAT("A", 1, 10), FLAT("B", 1, 20), FLAT("A", 2, 10),
    FLAT("A", 7, 10), FLAT("B", 7, 20), FLAT("A", 8, 10), FLAT("B", 8, 20),
};

static void test_bars_and_symbols(void **state) {
    (void)state;
    static const ready rows[] = {
        {8, "A", "target", -1},       {5, "B", "buy", NO_VALUE}, /* a Saturday: day 7 decides */
        {7, "A", "Reduce", NO_VALUE}, {0, "A", "INCREASE", 0.5}, {2, "B", "BUY", 1}, /* no bar of its own */
        {2, "C", "BUY", 1},                                                          /* unknown */
        {9, "A", "BUY", 1},                                                          /* after the end */
    };
    assay_panel *panel = PANEL(prices);
    assay_strategy *strategy = READY(rows);
    assay_result *result = run_with(panel, strategy, (const char *const[]){NULL});
    static const struct {
        uint32_t bar, symbol;
        assay_action action;
        double target;
    } wanted[] = {{0, 0, ASSAY_ACTION_INCREASE, 0.5},
                  {3, 0, ASSAY_ACTION_REDUCE, 0},
                  {3, 1, ASSAY_ACTION_BUY, 1},
                  {4, 0, ASSAY_ACTION_TARGET, -1}};
    assert_int_equal(n_signals(result), LENGTH(wanted));
    for (size_t i = 0; i < LENGTH(wanted); i++) {
        assay_signal signal = signal_at(result, i);
        char reason[32];
        assert_int_equal(signal.bar, wanted[i].bar);
        assert_int_equal(signal.symbol, wanted[i].symbol);
        assert_int_equal(signal.action, wanted[i].action);
        assert_number(signal.target_position, wanted[i].target);
        assay_signal_reason(strategy, &signal, reason, sizeof reason);
        assert_string_equal(reason, "signal");
    }
    assay_signals_report report;
    assert_true(assay_signals_check(strategy, panel, &report));
    assert_int_equal(report.n_rows, LENGTH(rows));
    assert_int_equal(report.n_unknown_symbol, 1);
    assert_int_equal(report.n_without_bar, 1);
    assert_int_equal(report.n_after_end, 1);
    assert_false(assay_signals_check(&scripted_strategy, panel, &report));
    assay_result_destroy(result);
    assay_strategy_destroy(strategy);
    assay_panel_destroy(panel);
}

static void test_weekly_takes_the_rows_of_the_asked_bars(void **state) {
    (void)state;
    static const ready rows[] = {{1, "A", "BUY", 1}, {6, "B", "BUY", 1}, {8, "A", "BUY", 1}};
    assay_panel *panel = PANEL(prices);
    assay_strategy *strategy = READY(rows);
    assay_result *result =
        run_with(panel, strategy, (const char *const[]){"rebalance_frequency", "weekly", NULL});
    assert_int_equal(n_signals(result), 1);
    assert_int_equal(signal_at(result, 0).symbol, 1);
    assert_int_equal(signal_at(result, 0).bar, 3);
    assay_result_destroy(result);
    assay_strategy_destroy(strategy);
    assay_panel_destroy(panel);
}

static void test_the_last_row_before_the_data(void **state) {
    (void)state;
    static const ready rows[] = {{-30, "A", "BUY", 1}, {-3, "A", "SELL", 1}, {-30, "B", "BUY", 1}};
    assay_panel *panel = PANEL(prices);
    assay_strategy *strategy = READY(rows);
    assay_result *result = run_with(panel, strategy, (const char *const[]){NULL});
    assert_int_equal(n_signals(result), 2);
    assert_int_equal(signal_at(result, 0).action, ASSAY_ACTION_SELL);
    assert_int_equal(signal_at(result, 1).symbol, 1);
    assay_result_destroy(result);
    assay_strategy_destroy(strategy);
    assay_panel_destroy(panel);
}

static void test_two_rows_at_one_bar(void **state) {
    (void)state;
    static const ready rows[] = {{7, "B", "BUY", 1}, {4, "A", "BUY", 1}, {7, "A", "SELL", 1}};
    assay_panel *panel = PANEL(prices);
    assay_strategy *strategy = READY(rows);
    assay_config *config = config_of(strategy, (const char *const[]){NULL});
    assay_result *result = NULL;
    assay_error err = {.message = ""};
    assay_status status = assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err);
    assert_refused(status, ASSAY_E_STRATEGY, &err, "mine: rows 2 and 3 are both for A at the bar 2020-01-13");
    assay_config_destroy(config);
    assay_strategy_destroy(strategy);
    assay_panel_destroy(panel);
}

/* A descriptor is shared by many runs at once, and as a member of an ensemble. */
static void test_runs_share_a_strategy(void **state) {
    (void)state;
    static const ready rows[] = {{0, "A", "BUY", 1}, {1, "B", "BUY", 1}, {7, "A", "SELL", 1}};
    assay_panel *panel = PANEL(prices);
    assay_strategy *strategy = READY(rows), *both = NULL;
    const assay_strategy *members[] = {strategy, strategy};
    assert_int_equal(assay_ensemble_create(members, 2, &both, NULL), ASSAY_OK);
    assay_result *alone = run_with(panel, strategy, (const char *const[]){NULL});
    assay_result *again = run_with(panel, strategy, (const char *const[]){NULL});
    assay_result *twice = run_with(panel, both, (const char *const[]){"combine", "sleeves", NULL});
    assert_same_records(alone, again);
    assert_int_equal(n_signals(twice), 2 * n_signals(alone));
    assay_result_destroy(alone);
    assay_result_destroy(again);
    assay_result_destroy(twice);
    assay_strategy_destroy(both);
    assay_strategy_destroy(strategy);
    assay_panel_destroy(panel);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        ready row;
        const char *message;
    } bad[] = {
        {{0, "A", "LONG", 1}, "mine, row 2: action 'LONG'"},
        {{0, "A", NULL, 1}, "mine, row 2: action ''"},
        {{0, "", "BUY", 1}, "mine, row 2: the symbol is missing"},
        {{0, "A", "BUY", 1.5}, "mine, row 2: target_position 1.5"},
        {{0, "A", "BUY", -0.5}, "mine, row 2: target_position -0.5: only a TARGET"},
        {{0, "A", "TARGET", NO_VALUE}, "mine, row 2: a TARGET needs a target_position"},
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        const ready rows[] = {{0, "B", "BUY", 1}, bad[i].row};
        assay_strategy *strategy = NULL;
        assay_error err = {.message = ""};
        assay_status status = make(rows, 2, &strategy, &err);
        assert_refused(status, ASSAY_E_DATA, &err, bad[i].message);
        assert_null(strategy);
    }
}

static void test_strength_and_kinds(void **state) {
    (void)state;
    enum { N = 200 };
    static int64_t time[N];
    static const char *symbol[N], *type[N];
    static double strength[N];
    static char names[N][16];
    for (size_t i = 0; i < N; i++) {
        time[i] = day_us((int)i);
        symbol[i] = "A";
        type[i] = memcpy(names[i], "type-000", 9);
        names[i][5] = (char)('0' + i / 100);
        names[i][6] = (char)('0' + i / 10 % 10);
        names[i][7] = (char)('0' + i % 10);
        strength[i] = 1;
    }
    assay_signal_rows rows = {.n_rows = 127,
                              .source = "x.csv",
                              .timestamp_us = time,
                              .symbol = symbol,
                              .strength = strength,
                              .target_position = strength,
                              .signal_type = type};
    assay_strategy *strategy = NULL;
    assay_error err = {.message = ""};
    assay_status status = assay_signals_create("mine", &rows, NULL, &strategy, &err);
    assert_refused(status, ASSAY_E_DATA, &err, "x.csv has more than 126 kinds");
    rows.n_rows = 126;
    assert_int_equal(assay_signals_create("mine", &rows, NULL, &strategy, &err), ASSAY_OK);
    assert_int_equal(strategy->n_kinds, 126);
    assert_string_equal(strategy->kinds[125].signal_type, "type-125");
    assert_null(strategy->reference);
    assay_strategy_destroy(strategy);
    strength[3] = NO_VALUE;
    rows.target_position = NULL;
    status = assay_signals_create("mine", &rows, NULL, &strategy, &err);
    assert_refused(status, ASSAY_E_DATA, &err, "x.csv, row 1: a TARGET needs");
    rows.action = symbol;
    status = assay_signals_create("mine", &rows, NULL, &strategy, &err);
    assert_refused(status, ASSAY_E_DATA, &err, "action 'A'");
    static const char *buy[N];
    for (size_t i = 0; i < N; i++)
        buy[i] = "buy";
    rows.action = buy;
    status = assay_signals_create("mine", &rows, NULL, &strategy, &err);
    assert_refused(status, ASSAY_E_DATA, &err, "x.csv, row 4: strength nan");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bars_and_symbols),
        cmocka_unit_test(test_weekly_takes_the_rows_of_the_asked_bars),
        cmocka_unit_test(test_the_last_row_before_the_data),
        cmocka_unit_test(test_two_rows_at_one_bar),
        cmocka_unit_test(test_runs_share_a_strategy),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_strength_and_kinds),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
