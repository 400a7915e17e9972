/* The settings from text and back: every key's default, bounds and types, the nearest name of an unknown key, what is
 * planned and refused. Defaults are copied from docs/semantics.md by hand, not from the table under test. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

static assay_config *new_config(void) {
    return config_of(assay_strategy_at(0), (const char *const[]){NULL});
}

static const char *value_of(const assay_config *config, const char *key) {
    static char text[256];
    assay_error err = {0};
    if (assay_config_get(config, key, text, sizeof text, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return text;
}

static void expect_refused(const char *key, const char *value, const char *part) {
    assay_config *config = new_config();
    char before[256];
    assay_error err = {0};
    snprintf(before, sizeof before, "%s", value_of(config, key));
    assert_refused(assay_config_set(config, key, value, &err), ASSAY_E_CONFIG, &err, key);
    assert_refused(ASSAY_E_CONFIG, ASSAY_E_CONFIG, &err, part);
    assert_int_equal(err.status, ASSAY_E_CONFIG);
    assert_string_equal(value_of(config, key), before); /* what is refused changes nothing */
    assay_config_destroy(config);
}

/* Sets and reads back. */
static void expect_text(const char *key, const char *value, const char *canonical) {
    assay_config *config = new_config();
    assay_error err = {0};
    if (assay_config_set(config, key, value, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    assert_string_equal(value_of(config, key), canonical);
    assay_config_destroy(config);
}

static void test_defaults_of_the_contract(void **state) {
    (void)state;
    static const char *const defaults[][2] = {{"initial_capital", "100000"},
                                              {"commission_pct", "0.001"},
                                              {"commission_per_share", "0"},
                                              {"commission_min", "0"},
                                              {"slippage_model", "bps"},
                                              {"slippage_bps", "5"},
                                              {"max_position_pct", "0.1"},
                                              {"sizing_basis", "equity"},
                                              {"rebalance_frequency", "daily"},
                                              {"rebalance_dates", ""},
                                              {"fill", "next_open"},
                                              {"max_participation", "0.1"},
                                              {"insufficient_cash", "scale"},
                                              {"min_scale_frac", "0.5"},
                                              {"min_trade_frac", "0.05"},
                                              {"max_pending_days", "7"},
                                              {"lot_size", "0"},
                                              {"lot_method", "fifo"},
                                              {"target_scaled_by_strength", "false"},
                                              {"allow_short", "false"},
                                              {"serve_order", "closings_first"},
                                              {"borrow_fee_pct", "0"},
                                              {"cash_interest_pct", "0"},
                                              {"delist_after_days", "10"},
                                              {"delisting_return", "0"},
                                              {"signal_prices", "split_adjusted"},
                                              {"on_bad_data", "error"},
                                              {"risk_free_rate", "0"},
                                              {"start_date", ""},
                                              {"end_date", ""},
                                              {"max_leverage", "1"},
                                              {"use_limit_orders", "false"},
                                              {"lookback", "20"},
                                              {"threshold", "0.1"}};
    assay_config *config = new_config();
    for (size_t i = 0; i < LENGTH(defaults); i++)
        assert_string_equal(value_of(config, defaults[i][0]), defaults[i][1]);
    assay_config_destroy(config);
    config = config_of(assay_strategy_find("mean_reversion", NULL), (const char *const[]){NULL});
    assert_string_equal(value_of(config, "lookback"), "20");
    assert_string_equal(value_of(config, "z_threshold"), "2");
    assay_config_destroy(config);
}

/* --- every row of the table --- */

static void check_number_row(const assay_setting *s) {
    bool whole = s->type == ASSAY_SETTING_INTEGER;
    char text[64];
    static const char *const nonsense[] = {"", "abc", "nan", "inf", "1e999", "1,5", "0x1", "true", "1 "};
    for (size_t i = 0; i < LENGTH(nonsense); i++)
        expect_refused(s->name, nonsense[i], whole ? "a whole number" : "a number");
    for (int side = 0; side < 2; side++) {
        double bound = side == 0 ? s->min : s->max;
        double outside = whole ? bound + (side == 0 ? -1 : 1) : nextafter(bound, side == 0 ? -1e300 : 1e300);
        snprintf(text, sizeof text, "%.17g", bound);
        char canonical[32];
        assay_double_format(bound, canonical, sizeof canonical);
        expect_text(s->name, text, canonical);
        snprintf(text, sizeof text, "%.17g", outside);
        expect_refused(s->name, text, "from");
    }
    if (whole)
        expect_refused(s->name, "7.5", "a whole number");
    assay_rng rng;
    assay_rng_init(&rng, 99);
    for (int i = 0; i < 50 && !whole; i++) { /* anything between comes back as the same double */
        double value = s->min + (s->max - s->min) * pow(assay_rng_uniform(&rng), 8), back = 0;
        assay_config *config = new_config();
        snprintf(text, sizeof text, "%.17g", value);
        assert_int_equal(assay_config_set(config, s->name, text, NULL), ASSAY_OK);
        assert_true(assay_double_parse(value_of(config, s->name), &back));
        assert_number(back, value);
        assay_config_destroy(config);
    }
}

static void check_bool_row(const assay_setting *s) {
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        expect_text(s->name, yes[i], "true");
        expect_text(s->name, no[i], "false");
    }
    expect_refused(s->name, "", "true or false");
    expect_refused(s->name, "maybe", "true or false");
    expect_refused(s->name, "2", "true or false");
}

static void check_choice_row(const assay_setting *s) {
    char choices[256];
    snprintf(choices, sizeof choices, "%s", s->choices);
    assert_int_equal(strncmp(choices, s->default_text, strlen(s->default_text)),
                     0); /* the first is the default */
    for (char *choice = choices, *end; choice != NULL; choice = end) {
        end = strchr(choice, '|');
        if (end != NULL)
            *end++ = '\0';
        expect_text(s->name, choice, choice);
        char typo[300];
        snprintf(typo, sizeof typo, "%sx", choice);
        expect_refused(s->name, typo, s->choices);
        expect_refused(s->name, typo, "did you mean");
    }
    expect_refused(s->name, "", s->choices);
    expect_refused(s->name, s->choices, "must be one of"); /* "a|b" is no choice */
}

static void check_date_row(const assay_setting *s) {
    expect_text(s->name, "2020-02-29", "2020-02-29");
    expect_text(s->name, "2020-02-29T00:00:00", "2020-02-29");
    expect_text(s->name, "2020-02-29T09:30:00", "2020-02-29T09:30:00");
    expect_text(s->name, "", "");
    expect_refused(s->name, "2021-02-29", "date");
    expect_refused(s->name, "yesterday", "date");
    expect_refused(s->name, "2020-02-29,2020-03-01", "date");
}

static void check_dates_row(const assay_setting *s) {
    expect_text(s->name, "2020-03-01,2020-01-01,2020-02-01", "2020-01-01,2020-02-01,2020-03-01");
    expect_text(s->name, "2020-03-01, 2020-01-01", "2020-01-01,2020-03-01");
    expect_text(s->name, "", "");
    expect_refused(s->name, "2020-01-01,", "date");
    expect_refused(s->name, "2020-01-01,2020-13-01", "date");
    expect_refused(s->name, ",", "date");
    expect_refused(s->name, "2020-01-01 2020-02-01", "date"); /* the second is not to be lost in silence */
    expect_refused(s->name, "2020-01-01T09:30:00.0000000000000000000000000000x", "date");
}

static void check_planned_row(const assay_setting *s) {
    expect_text(s->name, s->default_text, s->default_text);
    static const char *const others[] = {"7.25", "SPY", "yes please"};
    for (size_t i = 0; i < LENGTH(others); i++)
        expect_refused(s->name, others[i], "does not have it yet");
    char neutral[64];
    double number;
    if (assay_double_parse(s->default_text, &number)) { /* 0 and 0.0 are the same neutral */
        snprintf(neutral, sizeof neutral, "%.3f", number);
        expect_text(s->name, neutral, s->default_text);
    }
}

static void check_text_row(const assay_setting *s) {
    char longest[64], text[80];
    memset(longest, 'x', sizeof longest);
    longest[63] = '\0';
    assay_config *config = new_config();
    assay_error err = {0};
    assert_int_equal(assay_config_set(config, s->name, longest, NULL), ASSAY_OK);
    assert_string_equal(value_of(config, s->name), longest);
    snprintf(text, sizeof text, "%sx", longest);
    assert_refused(assay_config_set(config, s->name, text, &err), ASSAY_E_CONFIG, &err, "at most 63 bytes");
    assert_int_equal(assay_config_set(config, s->name, "", NULL), ASSAY_OK);
    assert_string_equal(value_of(config, s->name), "");
    assay_config_destroy(config);
}

static void test_every_setting(void **state) {
    (void)state;
    assert_true(assay_setting_count() > 40);
    assert_null(assay_setting_at(assay_setting_count()));
    for (size_t i = 0; i < assay_setting_count(); i++) {
        const assay_setting *s = assay_setting_at(i);
        assay_config *config = new_config();
        double wanted, got; /* the default as text and as it is */
        if (assay_double_parse(s->default_text, &wanted) &&
            assay_double_parse(value_of(config, s->name), &got))
            assert_number(got, wanted);
        else
            assert_string_equal(value_of(config, s->name), s->default_text);
        assay_config_destroy(config);
        assert_true(strlen(s->help) > 5 && s->unit != NULL);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(s->name, assay_setting_at(j)->name);
        if (s->planned)
            check_planned_row(s);
        else if (s->type == ASSAY_SETTING_DOUBLE || s->type == ASSAY_SETTING_INTEGER)
            check_number_row(s);
        else if (s->type == ASSAY_SETTING_BOOL)
            check_bool_row(s);
        else if (s->type == ASSAY_SETTING_CHOICE)
            check_choice_row(s);
        else if (s->type == ASSAY_SETTING_DATE)
            check_date_row(s);
        else if (s->type == ASSAY_SETTING_DATE_LIST)
            check_dates_row(s);
        else
            check_text_row(s);
    }
}

/* --- keys --- */

static void expect_unknown(const char *key, const char *part) {
    assay_config *config = new_config();
    char text[16];
    assay_error err = {0};
    assert_refused(assay_config_set(config, key, "1", &err), ASSAY_E_CONFIG, &err, part);
    assert_refused(assay_config_get(config, key, text, sizeof text, &err), ASSAY_E_CONFIG, &err, part);
    assay_config_destroy(config);
}

static void test_unknown_keys_name_the_nearest(void **state) {
    (void)state;
    expect_unknown("comission_pct", "did you mean 'commission_pct'?");
    expect_unknown("slipage_bps", "did you mean 'slippage_bps'?");
    expect_unknown("lookbak", "did you mean 'lookback'?"); /* a parameter of the strategy */
    expect_unknown("max_positon_pct", "did you mean 'max_position_pct'?");
    expect_unknown("Fill", "did you mean 'fill'?");
    expect_unknown("xyzzy_quux", "unknown key 'xyzzy_quux'");
    expect_unknown("", "unknown key ''");
    expect_unknown("z_threshold", "momentum"); /* another strategy's parameter */
    assay_error err = {0};
    assert_null(assay_strategy_find("momentun", &err));
    assert_refused(err.status, ASSAY_E_NOT_FOUND, &err, "did you mean 'momentum'?");
    assert_null(assay_strategy_at(assay_strategy_count()));
}

static void test_parameters(void **state) {
    (void)state;
    for (size_t i = 0; i < assay_strategy_count(); i++) {
        const assay_strategy *strategy = assay_strategy_at(i);
        for (uint32_t p = 0; p < strategy->n_params; p++) {
            const assay_param *param = &strategy->params[p];
            assay_config *config = config_of(strategy, (const char *const[]){NULL});
            char text[64], other[64];
            assay_error err = {0};
            assert_number(assay_config_params(config)[p], param->default_value);
            snprintf(text, sizeof text, "%.17g", param->max);
            assert_int_equal(assay_config_set(config, param->name, text, &err), ASSAY_OK);
            assert_number(assay_config_params(config)[p], param->max);
            snprintf(other, sizeof other, "%.17g",
                     param->type == ASSAY_PARAM_INTEGER ? param->max + 1 : nextafter(param->max, 1e300));
            assert_refused(assay_config_set(config, param->name, other, &err), ASSAY_E_CONFIG, &err,
                           param->name);
            assert_refused(assay_config_set(config, param->name, "many", &err), ASSAY_E_CONFIG, &err,
                           "number");
            if (param->type == ASSAY_PARAM_INTEGER)
                assert_refused(assay_config_set(config, param->name, "20.5", &err), ASSAY_E_CONFIG, &err,
                               "whole");
            assert_number(assay_config_params(config)[p], param->max);
            assert_ptr_equal(assay_config_strategy(config), strategy);
            assay_config_destroy(config);
        }
    }
}

/* A strategy whose parameter is named as a setting: the parameter is meant. */
static void test_a_parameters_name_wins(void **state) {
    (void)state;
    static const assay_param params[] = {
        {"slippage_bps", ASSAY_PARAM_DOUBLE, 77, 50, 99, "", "of a strategy"}};
    assay_strategy strategy = scripted_strategy;
    strategy.params = params;
    strategy.n_params = 1;
    assay_config *config = config_of(&strategy, (const char *const[]){NULL});
    assert_string_equal(value_of(config, "slippage_bps"), "77");
    assert_int_equal(assay_config_set(config, "slippage_bps", "60", NULL), ASSAY_OK);
    assert_int_equal(assay_config_set(config, "slippage_bps", "5", NULL), ASSAY_E_CONFIG);
    assert_number(assay_config_params(config)[0], 60);
    assay_config_destroy(config);
}

static void test_copies_are_independent(void **state) {
    (void)state;
    assay_config *config = config_of(
        assay_strategy_at(0), (const char *const[]){"lookback", "7", "rebalance_dates",
                                                    "2020-01-01,2020-02-01", "lot_method", "lifo", NULL});
    assay_config *copy = NULL;
    assert_int_equal(assay_config_copy(config, &copy, NULL), ASSAY_OK);
    for (size_t i = 0; i < assay_setting_count(); i++) {
        char text[256];
        snprintf(text, sizeof text, "%s", value_of(config, assay_setting_at(i)->name));
        assert_string_equal(value_of(copy, assay_setting_at(i)->name), text);
    }
    assert_int_equal(assay_config_set(copy, "lookback", "9", NULL), ASSAY_OK);
    assert_int_equal(assay_config_set(copy, "rebalance_dates", "", NULL), ASSAY_OK);
    assert_string_equal(value_of(config, "lookback"), "7");
    assert_string_equal(value_of(config, "rebalance_dates"), "2020-01-01,2020-02-01");
    assay_config_destroy(config);
    assert_string_equal(value_of(copy, "lot_method"), "lifo");
    assay_config_destroy(copy);
    assay_config_destroy(NULL);
}

/* --- together --- */

static assay_status check_period(const char *start, const char *end, assay_error *err) {
    assay_config *config =
        config_of(assay_strategy_at(0), (const char *const[]){"start_date", start, "end_date", end, NULL});
    assay_status status = assay_config_check(config, err);
    assay_config_destroy(config);
    return status;
}

static void test_inverted_periods(void **state) {
    (void)state;
    assay_error err = {0};
    assert_refused(check_period("2021-01-01", "2020-01-01", &err), ASSAY_E_CONFIG, &err, "2021-01-01");
    assert_refused(ASSAY_E_CONFIG, ASSAY_E_CONFIG, &err, "2020-01-01");
    assert_int_equal(check_period("2020-01-01", "2020-01-01", &err), ASSAY_OK);
    assert_int_equal(check_period("", "2020-01-01", &err), ASSAY_OK);
    assert_int_equal(check_period("2020-01-01", "", &err), ASSAY_OK);
    assert_int_equal(check_period("2020-01-01T10:00:00", "2020-01-01", &err),
                     ASSAY_OK); /* to the end of that day */
}

static void test_short_texts_are_cut(void **state) {
    (void)state;
    assay_config *config = config_of(assay_strategy_at(0),
                                     (const char *const[]){"rebalance_dates", "2020-01-01,2020-02-01", NULL});
    char text[] = "????????????????";
    assert_int_equal(assay_config_get(config, "rebalance_dates", text, 12, NULL), ASSAY_OK);
    assert_true(strlen(text) < 12);
    assert_int_equal(text[12], '?'); /* not one byte beyond */
    assert_int_equal(assay_config_get(config, "slippage_model", text, 3, NULL), ASSAY_OK);
    assert_string_equal(text, "bp");
    assay_config_destroy(config);
}

/* A z-score of n values cannot exceed (n − 1) / √n: 4.248… for 20. A threshold beyond it draws a warning. */
static void test_thresholds_that_cannot_be_reached(void **state) {
    (void)state;
    const assay_strategy *strategy = assay_strategy_find("mean_reversion", NULL);
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100)};
    static const char *const thresholds[] = {"4.24", "4.25"};
    assay_panel *panel = PANEL(rows);
    for (size_t i = 0; i < 2; i++) {
        assay_result *r =
            run_with(panel, strategy, (const char *const[]){"z_threshold", thresholds[i], NULL});
        assert_int_equal((assay_result_warnings(r) & ASSAY_WARNING_THRESHOLD_UNREACHABLE) != 0, i == 1);
        assert_int_not_equal(assay_result_warnings(r) & ASSAY_WARNING_NO_SIGNALS, 0);
        assay_result_destroy(r);
    }
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_of_the_contract),
        cmocka_unit_test(test_every_setting),
        cmocka_unit_test(test_unknown_keys_name_the_nearest),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_a_parameters_name_wins),
        cmocka_unit_test(test_copies_are_independent),
        cmocka_unit_test(test_inverted_periods),
        cmocka_unit_test(test_short_texts_are_cut),
        cmocka_unit_test(test_thresholds_that_cannot_be_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
