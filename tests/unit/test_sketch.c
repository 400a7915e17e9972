/* The silent errors of the Python sketch that the engine grew from (docs/semantics.md, section 12): for each, what the
 * sketch does with a small market, and what has to happen instead. */
#include "support.h"

#include <string.h>

/* The sketch works out a slippage, writes it into the trade's prices, and moves cash by price alone. A round trip at a
 * constant 100 leaves it with 100,000. With 50 bps the shares cost 100.50 and bring 99.50: 100 x 1 less. */
static void test_slippage_is_paid(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100), FLAT("A", 2, 100)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {1, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "slippage_model", "bps", "slippage_bps", "50");
    assert_money(snapshot_at(r, 1).cash, 100000 - 10050);
    assert_money(snapshot_at(r, 2).cash, 99900);
    assert_near(trade_at(r, 0).pnl, -100, 1e-10);
    assert_money(metric_of(r, "total_return_pct"), -0.1);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* The sketch buys another 10,000 on each of five days of the same signal and overwrites the position with the last
 * purchase: 40,000 of shares are gone. One purchase is due; the money is all there; the four other signals are on record. */
static void test_a_lasting_signal_buys_once(void **state) {
    (void)state;
    price_row rows[7];
    script_line lines[5];
    for (int day = 0; day < 7; day++)
        rows[day] = (price_row)FLAT("A", day, 100);
    for (int day = 0; day < 5; day++)
        lines[day] = (script_line){day, 0, ASSAY_ACTION_BUY, 1, 1, 0};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_fills(r), 1);
    assert_int_equal(n_signals(r), 5);
    for (size_t i = 1; i < 5; i++)
        assert_int_equal(signal_at(r, i).status, ASSAY_SIGNAL_ALREADY_HELD);
    for (size_t t = 0; t < 7; t++)
        assert_money(snapshot_at(r, t).total_value, 100000);
    assert_money(snapshot_at(r, 6).gross_value, 10000);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* The sketch writes an exit into the last trade of its list, whatever symbol that is. Here A is bought, then B, and A is
 * sold: the closed trade is A's, from A's entry; B's stays open. */
static void test_the_trade_that_closes_is_the_symbols_own(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("B", 0, 50), FLAT("A", 1, 100), FLAT("B", 1, 50),
                              FLAT("A", 2, 120), FLAT("B", 2, 50), FLAT("A", 3, 120), FLAT("B", 3, 50)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {1, 1, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_trades(r), 2);
    assay_trade closed = trade_at(r, 0), open = trade_at(r, 1);
    assert_int_equal(closed.symbol, 0);
    assert_int_equal(closed.is_open, 0);
    assert_int_equal(closed.entry_bar, 1);
    assert_money(closed.entry_price, 100);
    assert_money(closed.exit_price, 120);
    assert_money(closed.pnl, 2000);
    assert_int_equal(open.symbol, 1);
    assert_int_equal(open.is_open, 1);
    assert_money(open.entry_price, 50);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* The sketch divides the winners by all trades, those still open included, so each open one counts as a loss. One trade
 * won, two are open (both under water): one trade, one winner, no loser, 100 %. */
static void test_open_trades_are_no_losses(void **state) {
    (void)state;
    price_row rows[12];
    static const char *const names[] = {"A", "B", "C"};
    static const double prices[4][3] = {{100, 100, 100}, {100, 100, 100}, {110, 90, 80}, {110, 90, 80}};
    for (int i = 0; i < 12; i++)
        rows[i] = (price_row)FLAT(names[i % 3], i / 3, prices[i / 3][i % 3]);
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {0, 1, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {0, 2, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_trades(r), 3);
    assert_number(metric_of(r, "total_trades"), 1);
    assert_number(metric_of(r, "winning_trades"), 1);
    assert_number(metric_of(r, "losing_trades"), 0);
    assert_number(metric_of(r, "win_rate_pct"), 100);
    assert_number(metric_of(r, "profit_factor"), (double)INFINITY);
    assert_money(metric_of(r, "avg_win_pnl"), 1000);
    assert_number(metric_of(r, "avg_loss_pnl"), NO_VALUE);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Two positions of 10,000 each: 1,000 shares at 10 and 10 at 1,000. In shares, as the sketch measures, the exposure is
 * 1,010, the largest position 1,000 and the concentration 0.98; in money 20,000, a tenth of equity, and one half. */
static void test_exposure_is_money(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 10), FLAT("B", 0, 1000), FLAT("A", 1, 10), FLAT("B", 1, 1000)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0}, {0, 1, ASSAY_ACTION_BUY, 1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assay_snapshot s = snapshot_at(r, 1);
    assert_money(s.net_exposure, 20000);
    assert_money(s.gross_value, 20000);
    assert_money(s.max_position_size, 0.1);
    assert_money(s.concentration, 0.5);
    assert_money(s.leverage, 0.2);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* The sketch knows BUY and SELL only; what its own sector rotation emits does nothing. INCREASE 1.0 opens 100 shares,
 * REDUCE 0.25 leaves 25 of them. */
static void test_reduce_and_increase_act(void **state) {
    (void)state;
    price_row rows[5];
    for (int day = 0; day < 5; day++)
        rows[day] = (price_row)FLAT("A", day, 100);
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_INCREASE, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_REDUCE, 0.25, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_fills(r), 2);
    assert_money(fill_at(r, 0).quantity, 100);
    assert_int_equal(fill_at(r, 1).side, ASSAY_SIDE_SELL);
    assert_money(fill_at(r, 1).quantity, 75);
    assert_money(snapshot_at(r, 4).gross_value, 2500);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* A jumps 20 % on the day that makes the momentum signal, and opens another 10 % higher. The sketch buys at the close of
 * the jump, 120, which is known only when it is over; the first price to be had is the next open, 132. */
static void test_the_deciding_close_is_no_price_to_buy_at(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 120), {"A", 2, 132, 140, 130, 135, 1e9, 0, 0}};
    assay_panel *panel = PANEL(rows);
    assay_result *r = run_with(panel, assay_strategy_find("momentum", NULL),
                               (const char *const[]){"lookback", "2", "slippage_model", "none", NULL});
    assert_int_equal(signal_at(r, 0).bar, 1);
    assert_int_equal(n_fills(r), 1);
    assert_int_equal(fill_at(r, 0).bar, 2);
    assert_number(fill_at(r, 0).price, 132);
    assert_int_equal(snapshot_at(r, 1).num_positions, 0);
    assert_int_equal(assay_result_warnings(r) & ASSAY_WARNING_SAME_BAR_FILL, 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* A rises 5 % a day and ends on day 5; B goes on to day 30. The sketch looks at "the last 3 prices up to today", which
 * for A stay those of days 3 to 5: it buys A again every day, at a price that nobody quotes any more. Here A makes signals
 * on its own bars alone, nothing of it fills after its end, and its position leaves when the silence is noticed. */
static void test_symbols_that_ended_make_no_signals(void **state) {
    (void)state;
    price_row rows[64];
    size_t n = 0;
    double price = 100;
    for (int day = 0; day <= 30; day++) {
        rows[n++] = (price_row)FLAT("B", day, 50);
        if (day <= 5)
            rows[n++] = (price_row)FLAT("A", day, price);
        price *= 1.05;
    }
    assay_panel *panel = panel_of_rows(rows, n);
    assay_result *r = run_with(panel, assay_strategy_find("momentum", NULL),
                               (const char *const[]){"lookback", "3", "threshold", "0.05", NULL});
    assert_int_equal(n_signals(r), 4); /* days 2, 3, 4, 5 */
    for (size_t i = 0; i < n_signals(r); i++)
        assert_int_equal(signal_at(r, i).bar, 2 + i);
    for (size_t i = 0; i < n_fills(r); i++)
        assert_true(fill_at(r, i).bar <= 5 || fill_at(r, i).kind == ASSAY_FILL_DELISTING);
    assert_int_equal(assay_result_delisted_positions(r), 1);
    assert_int_equal(snapshot_at(r, 30).num_positions, 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slippage_is_paid),
        cmocka_unit_test(test_a_lasting_signal_buys_once),
        cmocka_unit_test(test_the_trade_that_closes_is_the_symbols_own),
        cmocka_unit_test(test_open_trades_are_no_losses),
        cmocka_unit_test(test_exposure_is_money),
        cmocka_unit_test(test_reduce_and_increase_act),
        cmocka_unit_test(test_the_deciding_close_is_no_price_to_buy_at),
        cmocka_unit_test(test_symbols_that_ended_make_no_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
