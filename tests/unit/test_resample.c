/* Coarser bars: splits and dividends inside a bar by hand, wealth that does not depend on the bars, days on intraday bars, and
 * coarser bars that strategies see. Against pandas and zoneinfo: tests/python/test_resample.py.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "assay/assay_config.h"
#include "base/dates.h"
#include "engine/market.h"
#include "market/resample.h"

#define MINUTE INT64_C(60000000)

static assay_panel *resampled(const assay_panel *panel, const assay_bars_spec *spec) {
    assay_panel *out = NULL;
    assay_error err = {0};
    if (assay_panel_resample(panel, spec, &out, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return out;
}

static assay_panel *bars_of(const assay_panel *panel, const char *bars) {
    const assay_bars_spec spec = {.bars = bars};
    return resampled(panel, &spec);
}

static double cell(const assay_panel *p, int column, size_t t) {
    return assay_panel_row(p, column, t)[0];
}

/* A week with a dividend of 1 on Tuesday, a split 2:1 on Wednesday and a dividend of 0.4 on Thursday. */
static void a_week_is_on_the_scale_of_its_end(void **state) {
    static const price_row rows[] = {
        {"A", 0, 100, 110, 90, 105, 10, 0, 0}, {"A", 1, 105, 120, 100, 110, 20, 1, 0},
        {"A", 2, 56, 60, 50, 55, 30, 0, 2},    {"A", 3, 55, 58, 54, 57, 40, 0.4, 0},
        {"A", 4, 57, 59, 56, 58, 50, 0, 0},    {"A", 7, 59, 60, 58, 60, 60, 0, 0},
    };
    assay_panel *days = PANEL(rows), *weeks = bars_of(days, "1w");
    (void)state;
    assert_int_equal(assay_panel_n_bars(weeks), 2);
    assert_int_equal(assay_panel_timestamps(weeks)[0], day_us(6)); /* the Sunday */
    assert_int_equal(assay_panel_bar_end_us(weeks, 0), day_us(7));
    const double expected[ASSAY_N_PRICE_COLUMNS] = {50, 60, 45, 58, 2 * (10 + 20) + 30 + 40 + 50};
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        assert_number(cell(weeks, c, 0), expected[c]);
    assert_int_equal(weeks->n_events, 1);
    assert_int_equal(weeks->event[0].bar, 0);
    assert_number(weeks->event[0].split_ratio, 2);
    assert_number(weeks->event[0].dividend, 1.0 / 2 + 0.4);
    assert_int_equal(weeks->day[0], 18267 + 4); /* Friday is the last day that it has a row of */
    assay_panel_destroy(weeks);
    assay_panel_destroy(days);
}

/* The last equity at or before a time. */
static double equity_at(const assay_result *r, int64_t us) {
    const int64_t *time = assay_panel_timestamps(assay_result_panel(r));
    double equity = NO_VALUE;
    for (size_t i = 0; i < n_snapshots(r); i++) {
        assay_snapshot s = snapshot_at(r, i);
        if (time[s.bar] <= us)
            equity = s.total_value;
    }
    return equity;
}

static void assert_same_wealth(const assay_panel *days, const assay_panel *weeks,
                               const char *dividend_payment) {
    const char *const settings[] = {
        "fill", "close", "delist_after_days", "36500", "dividend_payment", dividend_payment, NULL};
    assay_result *daily = run_scripted(days, settings), *weekly = run_scripted(weeks, settings);
    const int64_t *end = assay_panel_timestamps(weeks);
    for (size_t t = 0; t < assay_panel_n_bars(weeks); t++)
        assert_near(equity_at(weekly, end[t]), equity_at(daily, end[t]), 1e-12);
    assert_true(n_fills(daily) > 0 && n_fills(daily) == n_fills(weekly));
    assay_result_destroy(daily);
    assay_result_destroy(weekly);
}

/* What is bought at a week's close is worth the same at every later one, whatever splits and dividends lie between. */
static void wealth_does_not_depend_on_the_bars(void **state) {
    (void)state;
    size_t n_compared = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        const random_spec spec = {.seed = seed, .n_bars = 120, .n_symbols = 6, .gap = 0.1, .event = 0.08};
        matrix_market market = random_market(&spec);
        assay_panel *days = panel_of_market(&market, NULL, market.n_bars), *weeks = bars_of(days, "w-fri");
        script_line script[6];
        size_t n = 0;
        for (size_t s = 0; s < 6; s++) { /* those that have a row on the first Friday */
            if (market.timestamp_us[4] == day_us(4) &&
                !isnan(*market_cell(&market, ASSAY_COLUMN_CLOSE, 4, s)))
                script[n++] = (script_line){4, s, ASSAY_ACTION_BUY, NO_VALUE, 1, 1};
        }
        if (n > 0 && days->n_events > 10) {
            set_script(script, n);
            assert_same_wealth(days, weeks, "ex_date");
            n_compared++;
        }
        assay_panel_destroy(weeks);
        assay_panel_destroy(days);
        free_market(&market);
    }
    assert_true(n_compared >= 20);
}

static void must(assay_status status, const assay_error *err) {
    if (status != ASSAY_OK)
        fail_msg("%s", err->message);
}

/* A spins B off on Wednesday (one B for two A), splits 2:1 on Thursday; B splits 4:1 on Friday; a dividend of A on Tuesday is
 * paid two weeks later. By hand: 1 A of Monday is 2 A and 0.5 x 4 = 2 B on Friday, and 1.5 of cash. */
static void check_spin_off(const char *parent, const char *new_name) {
    assay_error err = {0};
    assay_panel_builder *builder = NULL;
    uint32_t a, b;
    must(assay_panel_builder_create(&builder, &err), &err);
    must(assay_panel_builder_symbol(builder, parent, 1, &a, &err), &err);
    must(assay_panel_builder_symbol(builder, new_name, 1, &b, &err), &err);
    for (int day = 0; day < 26; day++) {
        double price = day < 9 ? 100 : day < 10 ? 90 : 45, child = day < 11 ? 20 : 5;
        double prices[2] = {price + day * 0.1, child + day * 0.01};
        if (day % 7 > 4)
            continue;
        for (uint32_t s = 0; s < (day < 9 ? 1 : 2); s++) {
            int64_t at = day_us(day);
            double volume = 1e9;
            uint32_t id = s == 0 ? a : b;
            const assay_panel_rows rows = {
                .n_rows = 1,
                .symbol = &id,
                .timestamp_us = &at,
                .column = {&prices[s], &prices[s], &prices[s], &prices[s], &volume}};
            must(assay_panel_builder_add_rows(builder, &rows, &err), &err);
        }
    }
    const assay_corporate_action actions[] = {
        {a, day_us(8), 1, 1.5, day_us(22), 0, 0},
        {a, day_us(9), 1, 0, INT64_MIN, b, 0.5},
        {a, day_us(10), 2, 0, INT64_MIN, 0, 0},
        {b, day_us(11), 4, 0, INT64_MIN, 0, 0},
    };
    for (size_t i = 0; i < LENGTH(actions); i++)
        must(assay_panel_builder_add_action(builder, &actions[i], &err), &err);
    assay_panel *days = NULL;
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    must(assay_panel_builder_finish(builder, &options, &days, NULL, &err), &err);
    assay_panel_builder_destroy(builder);
    assay_panel *weeks = bars_of(days, "w-fri");
    bool first = strcmp(parent, new_name) < 0;
    const script_line script[] = {{4, first ? 0 : 1, ASSAY_ACTION_BUY, NO_VALUE, 1, 1}};
    SCRIPT(script);
    assert_same_wealth(days, weeks, "ex_date");
    assert_same_wealth(days, weeks, "pay_date");
    bool has_child = false;
    for (size_t i = 0; i < weeks->n_events; i++) {
        if (weeks->event[i].child == ASSAY_NO_CHILD)
            continue;
        has_child = true;
        assert_number(weeks->event[i].child_ratio, 0.5 / 2 * 4);
    }
    assert_true(has_child);
    assay_panel_destroy(weeks);
    assay_panel_destroy(days);
}

static void spin_offs_and_pay_dates_inside_a_bar(void **state) {
    (void)state;
    check_spin_off("A", "B");
    check_spin_off("B", "A");
}

/* --- days on intraday bars --- */

/* Symbols 0 … n - 1 with a row at these times; a price of 10. `until`: symbol 0 has none from then on. */
static assay_panel *panel_at(const int64_t *times, size_t n_times, size_t n_symbols, int64_t until) {
    matrix_market m = empty_market(n_times, n_symbols);
    for (size_t t = 0; t < n_times; t++) {
        m.timestamp_us[t] = times[t];
        for (size_t s = 0; s < n_symbols; s++) {
            for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
                *market_cell(&m, c, t, s) = s == 0 && times[t] >= until ? NO_VALUE : 10;
        }
    }
    assay_panel *panel = panel_of_market(&m, NULL, n_times);
    free_market(&m);
    return panel;
}

/* 6 bars of an hour from 14:00 UTC on weekdays. */
static size_t hours(int64_t *times, int n_days) {
    size_t n = 0;
    for (int day = 0; day < n_days; day++) {
        for (int h = 14; h < 20 && day % 7 < 5; h++)
            times[n++] = day_us(day) + h * 60 * MINUTE;
    }
    return n;
}

static void days_are_counted_and_not_bars(void **state) {
    (void)state;
    int64_t times[240];
    size_t n = hours(times, 40);
    assay_panel *panel = panel_at(times, n, 2, day_us(8));
    assay_error err = {0};
    assay_config *config =
        config_of(&scripted_strategy, (const char *const[]){"rebalance_frequency", "weekly", NULL});
    assay_market market;
    must(assay_market_init(&market, panel, &config->settings, &err), &err);
    assert_number(market.periods_per_year, 252 * 6);
    /* silent since Monday of the second week: delisted at the first bar that is more than 10 days later */
    assert_int_equal(market.n_silences, 1);
    assert_int_equal(panel->timestamp_us[market.silence[0].bar], day_us(18) + 14 * 60 * MINUTE);
    for (size_t t = 0; t < n; t++) { /* the first bar of each Monday */
        bool first = panel->timestamp_us[t] % ASSAY_US_PER_DAY == 14 * 60 * MINUTE;
        assert_int_equal(market.rebalance[t], first && (panel->day[t] - 18267) % 7 == 0);
    }
    assay_market_reset(&market);
    assay_config_destroy(config);

    /* interest is for days; an order that finds no bar expires after 7 days, at that day's first bar */
    static const script_line script[] = {{7, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 1}};
    SCRIPT(script);
    assay_result *r = RUN(panel, "cash_interest_pct", "0.365", "initial_capital", "1000");
    double equity = 1000;
    for (size_t t = 0; t < n; t++) {
        if (t > 0)
            equity *= 1 + 0.001 * (panel->day[t] - panel->day[t - 1]);
        assert_near(snapshot_at(r, t).total_value, equity, 1e-12);
    }
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* A session from 18:00 to 17:00 of New York: Sunday evening is Monday, and begins its week. */
static void a_session_over_midnight_belongs_to_the_day_on_which_it_closes(void **state) {
    (void)state;
    int64_t times[400];
    size_t n = 0;
    for (int h = -2; h < 13 * 24; h++) { /* from Sunday 22:00 UTC, 17:00 in New York, on */
        int weekday = (h + 24 * 7) / 24 % 7, hour = (h + 48) % 24;
        bool closed =
            hour == 22 || (weekday == 4 && hour > 22) || weekday == 5 || (weekday == 6 && hour < 23);
        if (!closed)
            times[n++] = day_us(0) + h * 60 * MINUTE;
    }
    assay_panel *panel = panel_at(times, n, 1, INT64_MAX);
    const assay_bars_spec spec = {.session = "18:00-17:00 America/New_York"},
                          days = {.bars = "1d", .session = "18:00-17:00 America/New_York"};
    assay_panel *inside = resampled(panel, &spec), *daily = resampled(panel, &days);
    assert_int_equal(assay_panel_n_bars(inside), n);
    assert_int_equal(inside->day[0], 18267); /* Sunday, 18:00 */
    assert_int_equal(inside->timestamp_us[0], day_us(0) - 60 * MINUTE);
    assert_int_equal(assay_panel_n_bars(daily), 10);
    for (size_t t = 0; t < 10; t++) {
        assert_int_equal(daily->timestamp_us[t], day_us((int)(t < 5 ? t : t + 2)));
        assert_int_equal(assay_panel_bar_end_us(daily, t), daily->timestamp_us[t] + 22 * 60 * MINUTE);
        assert_number(cell(daily, ASSAY_COLUMN_VOLUME, t), 230);
    }
    assay_error err = {0};
    assay_config *config =
        config_of(&scripted_strategy,
                  (const char *const[]){"rebalance_frequency", "weekly", "session",
                                        "18:00-17:00 America/New_York", "start_date", "2020-01-07", NULL});
    assay_market market;
    must(assay_market_init(&market, inside, &config->settings, &err), &err);
    size_t n_asked = 0;
    for (size_t t = 0; t < n; t++)
        n_asked += market.rebalance[t];
    assert_int_equal(inside->day[market.first_bar], 18268); /* Tuesday begins on Monday at 18:00 */
    assert_int_equal(inside->timestamp_us[market.first_bar], day_us(0) + 23 * 60 * MINUTE);
    assert_int_equal(n_asked, 2);
    assay_market_reset(&market);
    must(assay_config_set(config, "resample", "1d", &err), &err);
    assert_refused(assay_market_init(&market, inside, &config->settings, &err), ASSAY_E_CONFIG, &err,
                   "the panel has not been resampled to it");
    assay_market_reset(&market);
    assay_config_destroy(config);
    assay_panel_destroy(inside);
    assay_panel_destroy(daily);
    assay_panel_destroy(panel);
}

/* --- coarser bars that strategies see --- */

static void a_bar_is_seen_once_it_has_ended(void **state) {
    (void)state;
    int64_t times[240];
    size_t n = hours(times, 12);
    assay_panel *panel = panel_at(times, n, 2, INT64_MAX);
    assay_error err = {0};
    static const struct {
        const char *session;
        int hour; /* of the bar at which a day is seen */
        bool next;
    } cases[] = {{"", 14, true}, {"14:00-20:00 UTC", 19, false}, {"14:00-20:30 UTC", 14, true}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const assay_bars_spec spec = {.session = cases[i].session};
        assay_panel *made = resampled(panel, &spec);
        assay_config *config =
            config_of(&scripted_strategy,
                      (const char *const[]){"signal_frequency", "1d", "session", cases[i].session, NULL});
        assay_market market;
        must(assay_market_init(&market, made, &config->settings, &err), &err);
        size_t n_asked = 0;
        for (size_t t = 0; t < n; t++) {
            int64_t hour = made->timestamp_us[t] % ASSAY_US_PER_DAY / (60 * MINUTE);
            bool due = hour == cases[i].hour && (!cases[i].next || t > 0);
            assert_int_equal(market.rebalance[t], due);
            n_asked += due;
            if (!due)
                continue;
            const assay_panel *seen = assay_market_seen(&market);
            size_t k = assay_market_seen_bar(&market, t);
            assert_true(assay_panel_bar_end_us(seen, k) <= assay_panel_bar_end_us(made, t));
            assert_true(seen->day[k] == made->day[cases[i].next ? t - 1 : t]);
        }
        assert_int_equal(n_asked, cases[i].next ? 9 : 10);
        assay_market_reset(&market);
        assay_config_destroy(config);
        assay_panel_destroy(made);
    }
    assay_panel_destroy(panel);
}

/* Without a row at the deciding bar a symbol is sized at its last close, in shares of that bar. */
static void a_symbol_without_a_row_at_the_deciding_bar_is_sized_at_its_last_close(void **state) {
    (void)state;
    matrix_market m =
        empty_market(6, 2); /* two bars a day; symbol 0 splits 2:1 on day 1 and trades only later in it */
    for (size_t t = 0; t < 6; t++) {
        m.timestamp_us[t] = day_us((int)t / 2) + (14 + (int64_t)(t % 2)) * 60 * MINUTE;
        for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
            *market_cell(&m, c, t, 0) = t == 2 ? NO_VALUE : c == ASSAY_COLUMN_VOLUME ? 1e9 : t < 2 ? 100 : 50;
            *market_cell(&m, c, t, 1) = c == ASSAY_COLUMN_VOLUME ? 1e9 : 10;
        }
    }
    m.split[2 * 2] = 2;
    assay_panel *panel = panel_of_market(&m, NULL, 6);
    static const script_line script[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 1}};
    SCRIPT(script);
    assay_result *r = RUN(panel, "signal_frequency", "1d");
    assert_int_equal(n_signals(r), 1);
    assert_int_equal(signal_at(r, 0).bar, 2);
    assert_int_equal(n_fills(r), 1);
    assert_int_equal(fill_at(r, 0).bar, 3);
    assert_number(fill_at(r, 0).quantity, 10000.0 / 50); /* a tenth of 100,000 */
    assay_result_destroy(r);
    assay_panel_destroy(panel);
    free_market(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_week_is_on_the_scale_of_its_end),
        cmocka_unit_test(wealth_does_not_depend_on_the_bars),
        cmocka_unit_test(spin_offs_and_pay_dates_inside_a_bar),
        cmocka_unit_test(days_are_counted_and_not_bars),
        cmocka_unit_test(a_session_over_midnight_belongs_to_the_day_on_which_it_closes),
        cmocka_unit_test(a_bar_is_seen_once_it_has_ended),
        cmocka_unit_test(a_symbol_without_a_row_at_the_deciding_bar_is_sized_at_its_last_close),
    };
    return cmocka_run_group_tests_name("resample", tests, NULL, NULL);
}
