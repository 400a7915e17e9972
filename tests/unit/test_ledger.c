/* What becomes of what was bought: lots, trades, corporate actions, delistings, ruin, financing, snapshots. Worked by hand
 * from docs/semantics.md, sections 2, 3 and 6. Capital 100,000, a full position 10 % of equity, no costs unless said. */
#include "support.h"

#include <string.h>

#define BAR(symbol, day, open, high, low, close)                                                             \
    { symbol, day, open, high, low, close, 1e9, 0, 0 }

static const script_line buy_at_first[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0}};

static double quantity_at(const assay_result *r, size_t index) {
    return fill_at(r, index).quantity;
}

/* --- lots --- */

/* TARGET 1 buys 100 at 100 on day 1 and, the price at 50, another 100 on day 2. TARGET 0.5 sells 100 at 60 on day 3,
 * SELL the rest at 80 on day 4. */
static const price_row lot_rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100), BAR("A", 2, 50, 50, 50, 50),
                                     BAR("A", 3, 60, 60, 60, 60), BAR("A", 4, 80, 80, 80, 80)};
static const price_row lot_rows_low_close[] = {FLAT("A", 0, 100), BAR("A", 1, 100, 100, 50, 50),
                                               BAR("A", 2, 50, 50, 50, 50), BAR("A", 3, 60, 60, 60, 60),
                                               BAR("A", 4, 80, 80, 80, 80)};
static const script_line lot_lines[] = {{0, 0, ASSAY_ACTION_TARGET, 1, 1, 0},
                                        {1, 0, ASSAY_ACTION_TARGET, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_TARGET, 0.5, 1, 0},
                                        {3, 0, ASSAY_ACTION_SELL, NO_VALUE, 1, 0}};

static void expect_lots(const char *method, const double entry_price[2], const double pnl[2],
                        const uint32_t entry_bar[2]) {
    assay_panel *panel = PANEL(lot_rows_low_close);
    SCRIPT(lot_lines);
    assay_result *r = RUN(panel, "lot_method", method, "sizing_basis", "initial");
    assert_int_equal(n_fills(r), 4);
    assert_int_equal(n_trades(r), 2);
    for (size_t i = 0; i < 2; i++) {
        assay_trade trade = trade_at(r, i);
        assert_money(trade.quantity, 100);
        assert_money(trade.entry_price, entry_price[i]);
        assert_money(trade.exit_price, i == 0 ? 60 : 80);
        assert_money(trade.pnl, pnl[i]);
        assert_int_equal(trade.entry_bar, entry_bar[i]);
        assert_int_equal(trade.exit_bar, 3 + i);
        assert_int_equal(trade.bars_held, 3 + i - entry_bar[i]);
    }
    assert_money(snapshot_at(r, 4).total_value, 99000);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

static void test_lots_first_in_first_out(void **state) {
    (void)state;
    expect_lots("fifo", (double[]){100, 50}, (double[]){-4000, 3000}, (uint32_t[]){1, 2});
}

static void test_lots_last_in_first_out(void **state) {
    (void)state;
    expect_lots("lifo", (double[]){50, 100}, (double[]){1000, -2000}, (uint32_t[]){2, 1});
}

/* Every sale takes its part of every lot: the entry price is the mean, the entry date that of the oldest. */
static void test_lots_at_average_cost(void **state) {
    (void)state;
    expect_lots("average", (double[]){75, 75}, (double[]){-1500, 500}, (uint32_t[]){1, 1});
}

/* One sale over two lots (150 of 100 + 100, first in first out): one trade, its entry price weighted:
 * (100 x 100 + 50 x 50) / 150. What is left is one open trade of 50 at 50. */
static void test_one_order_is_one_trade(void **state) {
    (void)state;
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_TARGET, 1, 1, 0},
                                        {1, 0, ASSAY_ACTION_TARGET, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_TARGET, 0.25, 1, 0}};
    assay_panel *panel = PANEL(lot_rows_low_close);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "sizing_basis", "initial");
    assert_int_equal(n_trades(r), 2);
    assay_trade closed = trade_at(r, 0), open = trade_at(r, 1);
    assert_money(closed.quantity, 150);
    assert_money(closed.entry_value, 12500);
    assert_money(closed.entry_price, 12500.0 / 150);
    assert_money(closed.pnl, 150 * 60 - 12500);
    assert_int_equal(closed.entry_bar, 1);
    assert_int_equal(closed.entry_signal, 0);
    assert_int_equal(closed.exit_signal, 2);
    assert_int_equal(open.is_open, 1);
    assert_int_equal(open.order_id, 0);
    assert_int_equal(open.entry_bar, 2);
    assert_int_equal(open.exit_bar, 4);
    assert_int_equal(open.entry_signal, 1);
    assert_money(open.quantity, 50);
    assert_money(open.exit_price, 80);
    assert_money(open.pnl, 1500);
    assert_number(metric_of(r, "total_trades"), 1);
    assert_number(metric_of(r, "win_rate_pct"), 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* A and B are closed on one bar, B decided first; C before them; what is open comes last, in symbol order. */
static void test_trades_are_numbered_by_exit(void **state) {
    (void)state;
    price_row rows[25];
    static const char *const names[] = {"A", "B", "C", "D", "E"};
    for (int i = 0; i < 25; i++)
        rows[i] = (price_row)FLAT(names[i % 5], i / 5, 100);
    rows[5 * 2 + 1].volume = 0; /* B cannot trade on day 2: its sale of day 1 fills on day 3 */
    static const script_line lines[] = {
        {0, 0, ASSAY_ACTION_BUY, 1, 1, 0},  {0, 1, ASSAY_ACTION_BUY, 1, 1, 0},
        {0, 2, ASSAY_ACTION_BUY, 1, 1, 0},  {0, 3, ASSAY_ACTION_BUY, 1, 9, 0},
        {0, 4, ASSAY_ACTION_BUY, 1, 1, 0},  {1, 1, ASSAY_ACTION_SELL, 1, 1, 0},
        {1, 2, ASSAY_ACTION_SELL, 1, 1, 0}, {2, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "max_participation", "0.1");
    assert_int_equal(n_trades(r), 5);
    static const uint32_t symbols[] = {2, 0, 1, 3, 4}, exits[] = {2, 3, 3, 4, 4};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(trade_at(r, i).symbol, symbols[i]);
        assert_int_equal(trade_at(r, i).exit_bar, exits[i]);
        assert_int_equal(trade_at(r, i).is_open, i >= 3);
    }
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* A closing that is filled by half and then replaced is a closed trade of that half. */
static void test_a_replaced_closing_is_a_trade_of_what_filled(void **state) {
    (void)state;
    price_row rows[6];
    for (int i = 0; i < 6; i++)
        rows[i] = (price_row)BAR("A", i, 100, 100, 100, 100);
    rows[3].volume = 400;
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                        {2, 0, ASSAY_ACTION_SELL, NO_VALUE, 1, 0},
                                        {3, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "max_participation", "0.1");
    assert_int_equal(n_trades(r), 2);
    assert_money(trade_at(r, 0).quantity, 40);
    assert_int_equal(trade_at(r, 0).is_open, 0);
    assert_money(trade_at(r, 1).quantity, 60);
    assert_int_equal(trade_at(r, 1).is_open, 1);
    assert_int_equal(signal_at(r, 1).outcome, ASSAY_OUTCOME_PARTIAL);
    assert_int_equal(signal_at(r, 2).status, ASSAY_SIGNAL_ALREADY_HELD);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- MAE and MFE --- */

static const price_row wild[] = {BAR("A", 0, 100, 100, 100, 100), BAR("A", 1, 100, 110, 95, 105),
                                 BAR("A", 2, 100, 120, 90, 100), BAR("A", 3, 102, 204, 51, 102),
                                 BAR("A", 4, 300, 300, 300, 300)};

static void expect_excursions(const char *fill, assay_action open, assay_action close, double mae,
                              double mfe) {
    script_line lines[] = {{0, 0, open, 1, 1, 0}, {2, 0, close, 1, 1, 0}};
    assay_panel *panel = PANEL(wild);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "fill", fill, "allow_short", "true");
    assert_int_equal(n_trades(r), 1);
    assert_money(trade_at(r, 0).mae_pct, mae);
    assert_money(trade_at(r, 0).mfe_pct, mfe);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Bought at the open of day 1 (100), sold at the open of day 3 (102): days 1 and 2 count, lows 95 and 90, highs 110 and
 * 120; day 3 does not. At closes: bought at 105, days 2 and 3 count (90, 51; 120, 204). A short sees them mirrored. */
static void test_mae_and_mfe(void **state) {
    (void)state;
    expect_excursions("next_open", ASSAY_ACTION_BUY, ASSAY_ACTION_SELL, -10, 20);
    expect_excursions("next_close", ASSAY_ACTION_BUY, ASSAY_ACTION_SELL, (51.0 / 105 - 1) * 100,
                      (204.0 / 105 - 1) * 100);
    expect_excursions("next_open", ASSAY_ACTION_SELL, ASSAY_ACTION_BUY, -20, 10);
    /* At the deciding close: from day 0's close, 100, to day 2's: days 1 and 2. */
    expect_excursions("close", ASSAY_ACTION_BUY, ASSAY_ACTION_SELL, -10, 20);
}

/* The exit price takes part: sold at 300 at the open of day 4, above every high before it (204, day 3). */
static void test_the_exit_price_is_an_excursion(void **state) {
    (void)state;
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {3, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(wild);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assert_money(trade_at(r, 0).mfe_pct, 200);
    assert_money(trade_at(r, 0).mae_pct, -49);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- corporate actions --- */

/* 100 at 100, then two for one: 200 at 50; equity does not move. Sold at 55: 1,000 won. MAE in units of the exit: the low
 * of 90 before the split is 45 after it. */
static void test_split_while_held(void **state) {
    (void)state;
    price_row rows[] = {FLAT("A", 0, 100), BAR("A", 1, 100, 104, 90, 100), BAR("A", 2, 50, 51, 49, 50),
                        BAR("A", 3, 55, 55, 55, 55)};
    rows[2].split = 2;
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assert_money(snapshot_at(r, 2).total_value, 100000);
    assert_number(snapshot_at(r, 2).daily_return, 0);
    assert_money(quantity_at(r, 1), 200);
    assay_trade trade = trade_at(r, 0);
    assert_money(trade.quantity, 200);
    assert_money(trade.entry_price, 50);
    assert_money(trade.entry_value, 10000);
    assert_money(trade.pnl, 1000);
    assert_money(trade.mae_pct, -10);
    assert_money(trade.mfe_pct, 10); /* the exit, 55; the highs were 52 and 51 */
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* 100 ordered at 100; before the fill the symbol splits two for one: 200 are bought at 51. The dividend of that date goes
 * to holders of the day before, of whom there are none. */
static void test_split_of_a_pending_order(void **state) {
    (void)state;
    price_row rows[] = {FLAT("A", 0, 100), BAR("A", 1, 51, 51, 51, 51)};
    rows[1].split = 2;
    rows[1].dividend = 5;
    assay_panel *panel = PANEL(rows);
    SCRIPT(buy_at_first);
    assay_result *r = RUN_DEFAULT(panel);
    assert_money(quantity_at(r, 0), 200);
    assert_money(snapshot_at(r, 1).cash, 100000 - 200 * 51);
    assert_money(trade_at(r, 0).dividends, 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* 100 to sell, 30 a bar: 30 at 100, then a split of `ratio`: the other 70 x ratio in 30 x ratio, 30 x ratio and 10 x ratio
 * at 100 / ratio. One trade in units of its exit. Day 1, the entry, went from 80 to 120: 20 % to either side. */
static void expect_split_closing(double ratio) {
    price_row rows[7];
    for (int i = 0; i < 7; i++)
        rows[i] = (price_row){"A", i, 100, 100, 100, 100, i < 2 ? 1e6 : 300, 0, 0};
    rows[1].low = 80;
    rows[1].high = 120;
    for (int i = 3; i < 7; i++) {
        double price = 100 / ratio;
        rows[i] = (price_row){"A", i, price, price, price, price, 300 * ratio, 0, i == 3 ? ratio : 0};
    }
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {1, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "max_participation", "0.1");
    const double sold[] = {30, 30 * ratio, 30 * ratio, 10 * ratio};
    assert_int_equal(n_fills(r), 5);
    for (size_t i = 0; i < 4; i++)
        assert_money(quantity_at(r, i + 1), sold[i]);
    assert_int_equal(n_trades(r), 1);
    assert_money(trade_at(r, 0).quantity, 100 * ratio);
    assert_money(trade_at(r, 0).entry_price, 100 / ratio);
    assert_money(trade_at(r, 0).exit_price, 100 / ratio);
    assert_near(trade_at(r, 0).pnl, 0, 1e-9);
    assert_money(trade_at(r, 0).mae_pct, -20);
    assert_money(trade_at(r, 0).mfe_pct, 20);
    assert_money(snapshot_at(r, 6).cash, 100000);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

static void test_split_in_the_middle_of_a_closing(void **state) {
    (void)state;
    expect_split_closing(2);
    expect_split_closing(0.5);
}

/* 1.5 a share on 100 shares; with a split on the same date the dividend is per new share, 200 x 1.5. A short pays. */
static void test_dividends(void **state) {
    (void)state;
    for (int split = 0; split < 2; split++) {
        for (int is_short = 0; is_short < 2; is_short++) {
            double price = split != 0 ? 50 : 100, paid = (split != 0 ? 300 : 150) * (is_short != 0 ? -1 : 1);
            price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100), FLAT("A", 2, price),
                                FLAT("A", 3, price)};
            rows[2].dividend = 1.5;
            rows[2].split = split != 0 ? 2 : 0;
            script_line lines[] = {{0, 0, is_short != 0 ? ASSAY_ACTION_SELL : ASSAY_ACTION_BUY, 1, 1, 0},
                                   {2, 0, is_short != 0 ? ASSAY_ACTION_BUY : ASSAY_ACTION_SELL, 1, 1, 0}};
            assay_panel *panel = PANEL(rows);
            SCRIPT(lines);
            assay_result *r = RUN(panel, "allow_short", "true");
            assert_money(snapshot_at(r, 1).total_value, 100000);
            assert_money(snapshot_at(r, 2).total_value, 100000 + paid);
            assert_money(trade_at(r, 0).dividends, paid);
            assert_money(trade_at(r, 0).pnl, paid);
            assay_result_destroy(r);
            assay_panel_destroy(panel);
        }
    }
}

/* --- delisting --- */

/* B has a bar on every day 0 … 20; A on days 0, 1, 2 and, where `resumes` >= 0, from that day on. A's last close is 90. */
static assay_panel *silent_after_day_2(int resumes) {
    price_row rows[64];
    size_t n = 0;
    for (int day = 0; day <= 20; day++) {
        rows[n++] = (price_row)FLAT("B", day, 10);
        if (day <= 2 || (resumes >= 0 && day >= resumes))
            rows[n++] = (price_row)FLAT("A", day, day < 2 ? 100 : 90);
    }
    return panel_of_rows(rows, n);
}

/* Day 13 is the first more than 10 days after day 2: closed at 90 x 0.7 = 63, without commission, and no turnover. */
static void test_delisting_by_silence(void **state) {
    (void)state;
    assay_panel *panel = silent_after_day_2(-1);
    SCRIPT(buy_at_first);
    assay_result *r = RUN(panel, "delisting_return", "-0.3", "commission_pct", "0.001", "slippage_model",
                          "bps", "sizing_basis", "initial");
    assert_int_equal(n_fills(r), 2);
    assay_fill fill = fill_at(r, 1);
    assert_int_equal(fill.bar, 13);
    assert_int_equal(fill.kind, ASSAY_FILL_DELISTING);
    assert_money(fill.price, 63);
    assert_money(fill.reference_price, 90);
    assert_number(fill.commission, 0);
    assert_number(fill.slippage, 0);
    assert_number(snapshot_at(r, 13).turnover, 0);
    assert_int_equal(assay_result_delisted_positions(r), 1);
    for (size_t t = 3; t < 13; t++) {
        assert_int_equal(snapshot_at(r, t).stale_positions, 1);
        assert_money(snapshot_at(r, t).gross_value, 9000); /* at its last close */
    }
    assert_int_equal(snapshot_at(r, 13).num_positions, 0);
    assay_trade trade = trade_at(r, 0);
    assert_int_equal(trade.exit_kind, ASSAY_FILL_DELISTING);
    assert_int_equal(trade.exit_signal, ASSAY_NO_SIGNAL);
    assert_int_equal(trade.is_open, 0);
    assert_int_equal(trade.bars_held, 1); /* own bars after day 1: day 2 */
    /* Bought at 100.05 with 10.005 of commission. */
    assert_near(trade.pnl, 6300 - 10005 - 10.005, 1e-10);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

static void test_delisting_drops_orders(void **state) {
    (void)state;
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = silent_after_day_2(-1);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "max_pending_days", "30");
    assert_int_equal(signal_at(r, 1).outcome, ASSAY_OUTCOME_DELISTED);
    assert_int_equal(fill_at(r, 1).kind, ASSAY_FILL_DELISTING);
    assert_int_equal(n_trades(r), 1);
    assay_result_destroy(r);
    r = RUN_DEFAULT(panel); /* 7 days are over on day 9, before the delisting is known */
    assert_int_equal(signal_at(r, 1).outcome, ASSAY_OUTCOME_EXPIRED);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

static void test_resuming_symbols_trade_again(void **state) {
    (void)state;
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {15, 0, ASSAY_ACTION_BUY, 1, 1, 0}};
    assay_panel *panel = silent_after_day_2(15);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_fills(r), 3);
    assert_int_equal(fill_at(r, 1).kind, ASSAY_FILL_DELISTING);
    assert_int_equal(fill_at(r, 2).bar, 16);
    assert_int_equal(snapshot_at(r, 20).num_positions, 1);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
    panel = silent_after_day_2(13); /* back on the very day on which silence would have been too long */
    SCRIPT(buy_at_first);
    r = RUN_DEFAULT(panel);
    assert_int_equal(n_fills(r), 1);
    assert_int_equal(assay_result_delisted_positions(r), 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- ruin, financing --- */

/* Short 1,000 at 100, all of the capital: at 250 equity is 200,000 − 250,000. Everything closes, nothing opens again. */
static void test_ruin(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("B", 0, 100), FLAT("A", 1, 100), FLAT("B", 1, 100),
                              FLAT("A", 2, 250), FLAT("B", 2, 100), FLAT("A", 3, 250), FLAT("B", 3, 100),
                              FLAT("A", 4, 10),  FLAT("B", 4, 100)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_SELL, 1, 1, 0},
                                        {3, 1, ASSAY_ACTION_BUY, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "allow_short", "true", "max_position_pct", "1");
    assert_int_equal(n_fills(r), 2);
    assert_int_equal(fill_at(r, 1).kind, ASSAY_FILL_RUIN);
    assert_int_equal(fill_at(r, 1).bar, 2);
    assert_money(fill_at(r, 1).price, 250);
    /* a full position of negative equity is no quantity, and that comes first in the precedence of statuses */
    assert_int_equal(signal_at(r, 1).status, ASSAY_SIGNAL_BELOW_MINIMUM);
    assert_int_not_equal(assay_result_warnings(r) & ASSAY_WARNING_RUINED, 0);
    for (size_t t = 2; t < 5; t++) {
        assert_int_equal(snapshot_at(r, t).num_positions, 0);
        assert_money(snapshot_at(r, t).total_value, -50000);
    }
    assert_money(snapshot_at(r, 2).daily_return, -1.5);
    assert_number(snapshot_at(r, 3).daily_return, 0);
    assert_money(snapshot_at(r, 4).drawdown, -1.5);
    assert_money(trade_at(r, 0).pnl, -150000);
    assert_number(metric_of(r, "annual_return_pct"), NO_VALUE);
    assert_money(metric_of(r, "total_return_pct"), -150);
    assay_result_destroy(r);
    /* A debt that grows by interest has no return to speak of. */
    r = RUN(panel, "allow_short", "true", "max_position_pct", "1", "cash_interest_pct", "0.1");
    assert_true(snapshot_at(r, 4).total_value < snapshot_at(r, 2).total_value);
    assert_number(snapshot_at(r, 3).daily_return, 0);
    assert_number(snapshot_at(r, 4).daily_return, 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Interest 3.65 % a year is 0.01 % a day of the cash of the bar before; the borrow fee 36.5 % is 0.1 % a day of the short.
 * Day 1: 100,000 x 0.0001 = 10 (the short is opened that day). Day 4, three days later: 110,010 x 0.0003 = 33.003 of
 * interest, 10,000 x 0.003 = 30 of fee. */
static void test_financing(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100), FLAT("A", 4, 100)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r =
        RUN(panel, "allow_short", "true", "borrow_fee_pct", "0.365", "cash_interest_pct", "0.0365");
    assert_money(snapshot_at(r, 0).total_value, 100000);
    assert_money(snapshot_at(r, 1).total_value, 100010);
    assert_money(snapshot_at(r, 2).total_value, 100013.003);
    assert_money(assay_result_financing(r), 13.003);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- snapshots --- */

/* 30 % of equity in A at 100 and in B at 10 (300 and 3,000 shares): then A rises to 150 and B falls to 8. */
static void test_snapshot(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("B", 0, 10),  FLAT("A", 1, 100),
                              FLAT("B", 1, 10),  FLAT("A", 2, 150), FLAT("B", 2, 8)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {0, 1, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "allow_short", "true", "max_position_pct", "0.3");
    assay_snapshot s = snapshot_at(r, 2);
    const double a = 45000, b = 24000, equity = 100000 + 15000 + 6000;
    assert_money(s.cash, 100000);
    assert_money(s.total_value, equity);
    assert_money(s.gross_value, a + b);
    assert_money(s.net_exposure, a - b);
    assert_int_equal(s.num_positions, 2);
    assert_money(s.max_position_size, a / equity);
    assert_money(s.concentration, (a * a + b * b) / ((a + b) * (a + b)));
    assert_money(s.leverage, (a + b) / equity);
    assert_money(s.daily_return, 0.21);
    assert_money(s.cumulative_return, 0.21);
    assert_number(s.drawdown, 0);
    assert_number(s.turnover, 0);
    assert_money(snapshot_at(r, 1).turnover, 0.6);
    assert_number(snapshot_at(r, 0).concentration, 0); /* flat */
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* The peak includes the initial capital: an equity of 95,000 that never was higher has a drawdown of 5 %. */
static void test_drawdown_from_the_initial_capital(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), BAR("A", 1, 100, 100, 50, 50), FLAT("A", 2, 75)};
    assay_panel *panel = PANEL(rows);
    SCRIPT(buy_at_first);
    assay_result *r = RUN_DEFAULT(panel);
    assert_money(snapshot_at(r, 1).drawdown, -0.05);
    assert_money(snapshot_at(r, 2).drawdown, -0.025);
    assert_money(metric_of(r, "max_drawdown_pct"), -5);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- what a strategy sees --- */

static void look(const assay_view *view) {
    int day = (int)((assay_view_timestamp_us(view) - day_us(0)) / INT64_C(86400000000));
    assert_int_equal(assay_view_n_symbols(view), 2);
    assert_number(assay_view_close(view)[0], day < 3 ? 100 : 50);
    /* Day 3 splits two for one: the closes before it are 50 then, and 100 until then. */
    assert_number(assay_view_adjusted_close(view, 0, (size_t)day), day < 3 ? 100 : 50);
    assert_number(assay_view_adjusted_close(view, 0, (size_t)day + 1), NO_VALUE);
    assert_number(assay_view_adjusted_close(view, 1, 0), day == 1 ? NO_VALUE : 10 + day);
    assert_number(assay_view_adjusted_close(view, 1, 1), day < 2 ? NO_VALUE : day == 2 ? 10 : 9 + day);
    assert_number(assay_view_adjusted_close(view, 2, 0), NO_VALUE);
    assert_money(assay_view_quantity(view, 0), day == 0 ? 0 : day < 3 ? 100 : 200);
    assert_number(assay_view_quantity(view, 1), 0);
    assert_number(assay_view_quantity(view, 99), 0);
    assert_money(assay_view_cash(view), day == 0 ? 100000 : 90000);
    assert_money(assay_view_equity(view), 100000);
    assert_null(assay_view_feature(view, 0));
    assert_null(assay_view_feature(view, 1000));
}

static assay_status looks(void *state, const double *params, const assay_view *view, assay_signal_sink *sink,
                          assay_error *err) {
    look(view);
    return scripted_strategy.on_bar(state, params, view, sink, err);
}

static void test_the_view_is_as_of_the_bar(void **state) {
    (void)state;
    price_row rows[] = {FLAT("A", 0, 100), FLAT("B", 0, 10), FLAT("A", 1, 100), FLAT("A", 2, 100),
                        FLAT("B", 2, 12),  FLAT("A", 3, 50), FLAT("B", 3, 13)};
    rows[5].split = 2;
    assay_panel *panel = PANEL(rows);
    SCRIPT(buy_at_first);
    assay_strategy looking = scripted_strategy;
    looking.on_bar = looks;
    assay_result *r = run_with(panel, &looking,
                               (const char *const[]){"commission_pct", "0", "slippage_model", "none", NULL});
    assert_int_equal(n_fills(r), 1);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

static void test_the_ledger_of_a_plain_price_series(void **state) {
    (void)state;
    assay_panel *panel = PANEL(lot_rows);
    SCRIPT(lot_lines);
    assay_result *r = RUN(panel, "commission_pct", "0.002", "slippage_model", "bps", "slippage_bps", "30");
    double pnl = 0;
    for (size_t i = 0; i < n_trades(r); i++)
        pnl += trade_at(r, i).pnl;
    assert_near(snapshot_at(r, 4).total_value, 100000 + pnl, 1e-12);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* From a hundred thousand to 1e14 and back to where it began: the roundings of the fortune are larger than 1e-9 of what is
 * left of it, and no error of the ledger. */
static void test_a_fortune_won_and_lost(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 1.1),   FLAT("A", 1, 1.1),   FLAT("A", 2, 1.3e9),
                              FLAT("A", 3, 1.3e9), FLAT("A", 4, 1.7e9), FLAT("A", 5, 1.7e9),
                              FLAT("A", 6, 0.9),   FLAT("A", 7, 0.9)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_SELL, 1, 1, 0},
                                        {4, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {6, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "max_position_pct", "1", "commission_pct", "0.0013");
    assert_int_equal(n_trades(r), 2);
    assert_true(snapshot_at(r, 4).total_value > 1e13);
    assert_true(snapshot_at(r, 7).total_value < 1e5);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lots_first_in_first_out),
        cmocka_unit_test(test_lots_last_in_first_out),
        cmocka_unit_test(test_lots_at_average_cost),
        cmocka_unit_test(test_one_order_is_one_trade),
        cmocka_unit_test(test_trades_are_numbered_by_exit),
        cmocka_unit_test(test_a_replaced_closing_is_a_trade_of_what_filled),
        cmocka_unit_test(test_mae_and_mfe),
        cmocka_unit_test(test_the_exit_price_is_an_excursion),
        cmocka_unit_test(test_split_while_held),
        cmocka_unit_test(test_split_of_a_pending_order),
        cmocka_unit_test(test_split_in_the_middle_of_a_closing),
        cmocka_unit_test(test_dividends),
        cmocka_unit_test(test_delisting_by_silence),
        cmocka_unit_test(test_delisting_drops_orders),
        cmocka_unit_test(test_resuming_symbols_trade_again),
        cmocka_unit_test(test_ruin),
        cmocka_unit_test(test_financing),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_drawdown_from_the_initial_capital),
        cmocka_unit_test(test_the_view_is_as_of_the_bar),
        cmocka_unit_test(test_the_ledger_of_a_plain_price_series),
        cmocka_unit_test(test_a_fortune_won_and_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
