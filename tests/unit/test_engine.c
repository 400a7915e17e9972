/* From signals to fills, worked by hand from docs/semantics.md, sections 3 to 5. Unless a test says otherwise the capital
 * is 100,000, a full position 10 % of equity, and trading costs nothing. What happens to what was bought is in
 * test_engine_ledger.c. */
#include "support.h"

#include <string.h>

#define BAR(symbol, day, open, high, low, close, volume)                                                     \
    { symbol, day, open, high, low, close, volume, 0, 0 }

static void expect_fill(const assay_result *r, size_t index, uint32_t bar, assay_side side, double quantity,
                        double price) {
    assay_fill fill = fill_at(r, index);
    assert_int_equal(fill.bar, bar);
    assert_int_equal(fill.side, side);
    assert_money(fill.quantity, quantity);
    assert_money(fill.price, price);
}

static void expect_signal(const assay_result *r, size_t index, assay_signal_status status,
                          assay_outcome outcome) {
    assay_signal signal = signal_at(r, index);
    assert_string_equal(assay_signal_status_name(signal.status), assay_signal_status_name((int)status));
    assert_string_equal(assay_outcome_name(signal.outcome), assay_outcome_name((int)outcome));
}

static double cash_at(const assay_result *r, size_t bar) {
    return snapshot_at(r, bar).cash;
}

/* --- where orders fill --- */

static const price_row rising[] = {BAR("A", 0, 99, 101, 98, 100, 1e6), BAR("A", 1, 102, 105, 101, 104, 1e6),
                                   BAR("A", 2, 106, 111, 105, 110, 1e6)};
static const script_line buy_at_first[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 3, 0}};

/* 10,000 / 100 = 100 shares, fixed at the close of day 0; filled at the next open, 102: cash 100,000 − 10,200. Day 1
 * closes at 104: 89,800 + 10,400 = 100,200. */
static void test_next_open(void **state) {
    (void)state;
    assay_panel *panel = PANEL(rising);
    SCRIPT(buy_at_first);
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_fills(r), 1);
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 100, 102);
    assert_int_equal(fill_at(r, 0).kind, ASSAY_FILL_MARKET_OPEN);
    assert_int_equal(fill_at(r, 0).order_id, 1);
    assert_number(fill_at(r, 0).reference_price, 102);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_FILLED);
    assert_money(snapshot_at(r, 0).total_value, 100000);
    assert_int_equal(snapshot_at(r, 0).num_positions, 0);
    assert_money(cash_at(r, 1), 89800);
    assert_money(snapshot_at(r, 1).total_value, 100200);
    assert_money(snapshot_at(r, 1).gross_value, 10400);
    assert_money(snapshot_at(r, 1).turnover, 10200.0 / 100200);
    assert_money(snapshot_at(r, 2).total_value, 100800);
    assert_int_equal(assay_result_warnings(r) & ASSAY_WARNING_SAME_BAR_FILL, 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* At the next close, 104: cash 100,000 − 10,400, equity unchanged that day. */
static void test_next_close(void **state) {
    (void)state;
    assay_panel *panel = PANEL(rising);
    SCRIPT(buy_at_first);
    assay_result *r = RUN(panel, "fill", "next_close");
    assert_int_equal(n_fills(r), 1);
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 100, 104);
    assert_int_equal(fill_at(r, 0).kind, ASSAY_FILL_MARKET_CLOSE);
    assert_money(cash_at(r, 1), 89600);
    assert_money(snapshot_at(r, 1).total_value, 100000);
    assert_money(snapshot_at(r, 2).total_value, 100600);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* At the very close, 100: the position is in the snapshot of day 0, and the result warns. */
static void test_fill_at_the_deciding_close_warns(void **state) {
    (void)state;
    assay_panel *panel = PANEL(rising);
    SCRIPT(buy_at_first);
    assay_result *r = RUN(panel, "fill", "close");
    assert_int_equal(n_fills(r), 1);
    expect_fill(r, 0, 0, ASSAY_SIDE_BUY, 100, 100);
    assert_money(cash_at(r, 0), 90000);
    assert_money(snapshot_at(r, 0).turnover, 0.1);
    assert_int_equal(snapshot_at(r, 0).num_positions, 1);
    assert_int_not_equal(assay_result_warnings(r) & ASSAY_WARNING_SAME_BAR_FILL, 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* The next bar of the symbol is day 3 (days 1 and 2 belong to B alone) and has no open: its close. */
static void test_next_open_is_the_symbols_own_next_bar(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100),
                              FLAT("B", 0, 10),
                              FLAT("B", 1, 10),
                              FLAT("B", 2, 10),
                              BAR("A", 3, NO_VALUE, 108, 99, 107, 1e6),
                              FLAT("B", 3, 10)};
    assay_panel *panel = PANEL(rows);
    SCRIPT(buy_at_first);
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_fills(r), 1);
    expect_fill(r, 0, 3, ASSAY_SIDE_BUY, 100, 107);
    assert_int_equal(fill_at(r, 0).kind, ASSAY_FILL_MARKET_CLOSE);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* What a signal at the last bar orders is never filled. */
static void test_orders_of_the_last_bar_stay_open(void **state) {
    (void)state;
    assay_panel *panel = PANEL(rising);
    static const script_line late[] = {{2, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0}};
    SCRIPT(late);
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_fills(r), 0);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_OPEN_AT_END);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- costs --- */

static const script_line buy_then_sell[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                            {1, 0, ASSAY_ACTION_SELL, NO_VALUE, 1, 0}};

/* 20 bps: bought at 102 x 1.002 = 102.204, sold at 106 x 0.998 = 105.788. Commission 0.1 % + 0.02 a share:
 * 10.2204 + 2 and 10.5788 + 2. Cash: 100,000 − 10,220.4 − 12.2204 + 10,578.8 − 12.5788. */
static void test_slippage_and_commission(void **state) {
    (void)state;
    assay_panel *panel = PANEL(rising);
    SCRIPT(buy_then_sell);
    assay_result *r = RUN(panel, "slippage_model", "bps", "slippage_bps", "20", "commission_pct", "0.001",
                          "commission_per_share", "0.02");
    assert_int_equal(n_fills(r), 2);
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 100, 102.204);
    expect_fill(r, 1, 2, ASSAY_SIDE_SELL, 100, 105.788);
    assert_money(fill_at(r, 0).commission, 12.2204);
    assert_money(fill_at(r, 1).commission, 12.5788);
    assert_near(fill_at(r, 0).slippage, 20.4, 1e-10); /* 0.204 x 100, of a difference of prices near 100 */
    assert_near(fill_at(r, 1).slippage, 21.2, 1e-10);
    assert_money(cash_at(r, 2), 100000 - 10220.4 - 12.2204 + 10578.8 - 12.5788);
    assay_trade trade = trade_at(r, 0);
    assert_near(trade.pnl, 10578.8 - 10220.4 - 12.2204 - 12.5788, 1e-10);
    assert_money(trade.commission, 12.2204 + 12.5788);
    assert_near(trade.slippage, 41.6, 1e-10);
    assert_near(trade.pnl_pct, 333.6008 / 10220.4, 1e-10);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

static void test_least_commission(void **state) {
    (void)state;
    assay_panel *panel = PANEL(rising);
    SCRIPT(buy_at_first);
    assay_result *r = RUN(panel, "commission_pct", "0.001", "commission_min", "25");
    assert_money(fill_at(r, 0).commission, 25); /* 10.2 would be less */
    assay_result_destroy(r);
    r = RUN(panel, "commission_pct", "0.001", "commission_min", "10");
    assert_money(fill_at(r, 0).commission, 10.2);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Closes 100, 101, 100, 101 …: the 20 returns that end with the fill's bar are ten of +0.01 and ten of 100/101 − 1, with
 * std (ddof 1) = half their distance x √(20/19). Bought on day 23 (close 101), decided at 100 on day 22: 100 shares of a
 * volume of 10,000: slippage = 2 bps + 1 x std x √(100/10,000). */
static void test_impact(void **state) {
    (void)state;
    price_row rows[24];
    for (int i = 0; i < 24; i++)
        rows[i] = (price_row)BAR("A", i, 100, 102, 99, i % 2 == 0 ? 100 : 101, 10000);
    assay_panel *panel = PANEL(rows);
    static const script_line late[] = {{22, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0}};
    SCRIPT(late);
    assay_result *r = RUN(panel, "slippage_model", "impact");
    double std = (0.01 - (100.0 / 101 - 1)) / 2 * sqrt(20.0 / 19);
    expect_fill(r, 0, 23, ASSAY_SIDE_BUY, 100, 100 * (1 + 0.0002 + std * 0.1));
    assay_result_destroy(r);
    SCRIPT(buy_at_first); /* day 1: fewer than 20 returns, so the half spread alone */
    r = RUN(panel, "slippage_model", "impact");
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 100, 100.02);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- cash --- */

static const price_row two_flat[] = {FLAT("A", 0, 100), FLAT("B", 0, 100), FLAT("A", 1, 100),
                                     FLAT("B", 1, 100), FLAT("A", 2, 100), FLAT("B", 2, 100),
                                     FLAT("A", 3, 100), FLAT("B", 3, 100)};

/* All of the cash: 1,000 shares cost 100,100 with 0.1 % commission. The most that can be paid is
 * 100,000 / (100 x 1.001), and then nothing is left; the rest of the order is dropped. */
static void test_a_buy_is_scaled_to_the_cash(void **state) {
    (void)state;
    assay_panel *panel = PANEL(two_flat);
    SCRIPT(buy_at_first);
    assay_result *r = RUN(panel, "max_position_pct", "1", "commission_pct", "0.001");
    assert_int_equal(n_fills(r), 1);
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 100000 / 100.1, 100);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_SCALED);
    assert_true(cash_at(r, 1) >= 0 && cash_at(r, 1) < 1e-9);
    assay_result_destroy(r);
    r = RUN(panel, "max_position_pct", "1", "commission_pct", "0.001", "insufficient_cash", "skip");
    assert_int_equal(n_fills(r), 0);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_INSUFFICIENT_CASH);
    assay_result_destroy(r);
    /* The least commission takes its part first: (100,000 − 500) / 100. */
    r = RUN(panel, "max_position_pct", "1", "commission_min", "500");
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 995, 100);
    assert_number(cash_at(r, 1), 0);
    assay_result_destroy(r);
    /* Exactly payable is not scaled. */
    r = RUN(panel, "max_position_pct", "1");
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_FILLED);
    assert_number(cash_at(r, 1), 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Each wants 60,000 of 100,000: the higher score is served whole, the other finds 40,000, two thirds of what it wants. */
static void test_the_higher_score_is_served_first(void **state) {
    (void)state;
    assay_panel *panel = PANEL(two_flat);
    static const script_line both[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                       {0, 1, ASSAY_ACTION_BUY, NO_VALUE, 2, 0}};
    SCRIPT(both);
    assay_result *r = RUN(panel, "max_position_pct", "0.6");
    assert_int_equal(n_fills(r), 2);
    assert_int_equal(fill_at(r, 0).symbol, 1);
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 600, 100);
    expect_fill(r, 1, 1, ASSAY_SIDE_BUY, 400, 100);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_SCALED);
    expect_signal(r, 1, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_FILLED);
    assay_result_destroy(r);
    r = RUN(panel, "max_position_pct", "0.6", "min_scale_frac", "0.7"); /* 0.667 is dust then */
    assert_int_equal(n_fills(r), 1);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_INSUFFICIENT_CASH);
    assay_result_destroy(r);
    /* With 1 % commission B finds 49,500, which pays 490.099 of its 500: 98.02 %, though 49,500 / 50,000 is 99 %. */
    r = RUN(panel, "max_position_pct", "0.5", "commission_pct", "0.01", "min_scale_frac", "0.98");
    expect_fill(r, 1, 1, ASSAY_SIDE_BUY, 49500 / 101.0, 100);
    assay_result_destroy(r);
    r = RUN(panel, "max_position_pct", "0.5", "commission_pct", "0.01", "min_scale_frac", "0.985");
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_INSUFFICIENT_CASH);
    assay_result_destroy(r);
    r = RUN(panel, "max_position_pct", "0.6", "serve_order", "symbol"); /* scores do not count then */
    assert_int_equal(fill_at(r, 0).symbol, 0);
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 600, 100);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* B is sold and A bought on one bar: the sale pays for the purchase, unless orders are served by symbol. */
static void test_closings_are_served_first(void **state) {
    (void)state;
    assay_panel *panel = PANEL(two_flat);
    static const script_line swap[] = {{0, 1, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                       {1, 0, ASSAY_ACTION_BUY, NO_VALUE, 9, 0},
                                       {1, 1, ASSAY_ACTION_SELL, NO_VALUE, 1, 0}};
    SCRIPT(swap);
    assay_result *r = RUN(panel, "max_position_pct", "1");
    assert_int_equal(n_fills(r), 3);
    expect_fill(r, 1, 2, ASSAY_SIDE_SELL, 1000, 100);
    expect_fill(r, 2, 2, ASSAY_SIDE_BUY, 1000, 100);
    assay_result_destroy(r);
    r = RUN(panel, "max_position_pct", "1", "serve_order", "symbol");
    assert_int_equal(n_fills(r), 2);
    expect_signal(r, 1, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_INSUFFICIENT_CASH);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- volume --- */

static const price_row thin[] = {BAR("A", 0, 100, 100, 100, 100, 300), BAR("A", 1, 101, 101, 101, 101, 300),
                                 BAR("A", 2, 102, 102, 102, 102, 300), BAR("A", 3, 103, 103, 103, 103, 300),
                                 BAR("A", 4, 104, 104, 104, 104, 300), BAR("A", 5, 105, 105, 105, 105, 300)};

/* 100 shares at 30 a bar: 30, 30, 30, 10, each at its own bar's open; signals meanwhile are already_ordered, then
 * already_held. */
static void test_large_orders_take_several_bars(void **state) {
    (void)state;
    assay_panel *panel = PANEL(thin);
    static const script_line daily[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                        {1, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                        {3, 0, ASSAY_ACTION_INCREASE, NO_VALUE, 1, 0},
                                        {4, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0}};
    SCRIPT(daily);
    assay_result *r = RUN(panel, "max_participation", "0.1");
    assert_int_equal(n_fills(r), 4);
    for (uint32_t i = 0; i < 4; i++) {
        expect_fill(r, i, i + 1, ASSAY_SIDE_BUY, i < 3 ? 30 : 10, 101 + i);
        assert_int_equal(fill_at(r, i).order_id, 1);
    }
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_FILLED);
    expect_signal(r, 1, ASSAY_SIGNAL_ALREADY_ORDERED, ASSAY_OUTCOME_NONE);
    expect_signal(r, 2, ASSAY_SIGNAL_ALREADY_ORDERED, ASSAY_OUTCOME_NONE);
    expect_signal(r, 3, ASSAY_SIGNAL_ALREADY_HELD, ASSAY_OUTCOME_NONE);
    assay_result_destroy(r);
    /* Orders that met a close at the decision meet later closes, each bar's volume once. */
    SCRIPT(buy_at_first);
    r = RUN(panel, "max_participation", "0.1", "fill", "close");
    assert_int_equal(n_fills(r), 4);
    for (uint32_t i = 0; i < 4; i++)
        expect_fill(r, i, i, ASSAY_SIDE_BUY, i < 3 ? 30 : 10, 100 + i);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* A rest that is turned around at the same close shares that bar's volume: 30 in all, not 30 of each. */
static void test_a_bars_volume_is_shared(void **state) {
    (void)state;
    assay_panel *panel = PANEL(thin);
    static const script_line turn[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                       {1, 0, ASSAY_ACTION_SELL, NO_VALUE, 1, 0}};
    SCRIPT(turn);
    assay_result *r = RUN(panel, "max_participation", "0.1", "fill", "close");
    double traded[6] = {0};
    for (size_t i = 0; i < n_fills(r); i++)
        traded[fill_at(r, i).bar] += fill_at(r, i).quantity;
    for (size_t t = 0; t < 6; t++)
        assert_true(traded[t] <= 30 * (1 + 1e-12));
    assert_int_equal(snapshot_at(r, 5).num_positions, 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Days 1 to 3 fill 30 each; at day 3, three days after the decision, the rest expires (after that bar's fill). */
static void test_orders_expire(void **state) {
    (void)state;
    assay_panel *panel = PANEL(thin);
    SCRIPT(buy_at_first);
    assay_result *r = RUN(panel, "max_participation", "0.1", "max_pending_days", "3");
    assert_int_equal(n_fills(r), 3);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_PARTIAL);
    assay_result_destroy(r);
    r = RUN(panel, "max_participation", "0.1", "max_pending_days", "4"); /* bar 4 still fills the last 10 */
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_FILLED);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
    price_row still[LENGTH(thin)];
    memcpy(still, thin, sizeof thin);
    for (size_t i = 0; i < LENGTH(still); i++)
        still[i].volume = 0; /* no volume at all: nothing fills */
    panel = PANEL(still);
    r = RUN(panel, "max_participation", "0.1", "max_pending_days", "3");
    assert_int_equal(n_fills(r), 0);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_EXPIRED);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Day 1: 30 of 100 bought. The SELL decided then drops the other 70 and sells the 30. */
static void test_the_other_side_replaces_a_pending_order(void **state) {
    (void)state;
    assay_panel *panel = PANEL(thin);
    SCRIPT(buy_then_sell);
    assay_result *r = RUN(panel, "max_participation", "0.1");
    assert_int_equal(n_fills(r), 2);
    expect_fill(r, 1, 2, ASSAY_SIDE_SELL, 30, 102);
    assert_int_equal(fill_at(r, 1).order_id, 2);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_PARTIAL);
    expect_signal(r, 1, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_FILLED);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
    price_row still[LENGTH(thin)];
    memcpy(still, thin, sizeof thin);
    still[1].volume = 0;
    panel = PANEL(still); /* nothing was bought: the SELL makes no order, but the buy is gone all the same */
    r = RUN(panel, "max_participation", "0.1");
    assert_int_equal(n_fills(r), 0);
    expect_signal(r, 0, ASSAY_SIGNAL_ORDERED, ASSAY_OUTCOME_REPLACED);
    expect_signal(r, 1, ASSAY_SIGNAL_NO_POSITION, ASSAY_OUTCOME_NONE);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* A closing in progress (A: 100 to sell, 30 a bar) beside orders that are replaced (B and C turn from buying to selling)
 * on the same bar: every symbol has a pending order, and two of them get a second one. A's trade must be what A sold. */
static void test_replacements_leave_other_orders_alone(void **state) {
    (void)state;
    price_row rows[24];
    static const char *const names[] = {"A", "B", "C"};
    for (int i = 0; i < 24; i++)
        rows[i] = (price_row)BAR(names[i % 3], i / 3, 100, 100, 100, 100, 300);
    for (int i = 0; i < 3; i++)
        rows[3 + i].volume = 10000; /* day 1: A is bought whole */
    assay_panel *panel = PANEL(rows);
    static const script_line lines[] = {
        {0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},  {1, 0, ASSAY_ACTION_SELL, NO_VALUE, 1, 0},
        {1, 1, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},  {1, 2, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
        {2, 1, ASSAY_ACTION_SELL, NO_VALUE, 1, 0}, {2, 2, ASSAY_ACTION_SELL, NO_VALUE, 1, 0}};
    SCRIPT(lines);
    assay_result *r = RUN(panel, "max_participation", "0.1");
    assert_int_equal(n_trades(r), 3);
    assay_trade b = trade_at(r, 0), c = trade_at(r, 1), a = trade_at(r, 2);
    assert_int_equal(a.symbol, 0);
    assert_money(a.quantity, 100);
    assert_money(a.entry_value, 10000);
    assert_money(a.exit_value, 10000);
    assert_near(a.pnl, 0, 1e-9);
    assert_int_equal(a.entry_bar, 1);
    assert_int_equal(a.exit_bar, 5);
    assert_int_equal(b.symbol, 1);
    assert_money(b.quantity, 30);
    assert_int_equal(c.symbol, 2);
    assert_money(c.quantity, 30);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- lots of shares --- */

/* 100 shares are 14 lots of 7: 98; 30 a bar are 4 lots: 28. A closing is whole whatever the lot. */
static void test_lot_size(void **state) {
    (void)state;
    assay_panel *panel = PANEL(thin);
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                        {4, 0, ASSAY_ACTION_SELL, NO_VALUE, 1, 0}};
    SCRIPT(lines);
    assay_result *r = RUN(panel, "lot_size", "7");
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 98, 101);
    assert_int_not_equal(assay_result_warnings(r) & ASSAY_WARNING_PRICE_LEVELS, 0); /* data without splits */
    assay_result_destroy(r);
    r = RUN(panel, "lot_size", "7", "max_participation", "0.1");
    static const double parts[] = {28, 28, 28, 14};
    for (uint32_t i = 0; i < 4; i++)
        expect_fill(r, i, i + 1, ASSAY_SIDE_BUY, parts[i], 101 + i);
    assay_result_destroy(r);
    r = RUN(panel, "lot_size", "1000"); /* more than a full position: no order */
    expect_signal(r, 0, ASSAY_SIGNAL_BELOW_MINIMUM, ASSAY_OUTCOME_NONE);
    expect_signal(r, 1, ASSAY_SIGNAL_NO_POSITION, ASSAY_OUTCOME_NONE);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
    price_row split[LENGTH(thin)];
    memcpy(split, thin, sizeof thin);
    split[2].split =
        1.1; /* 98 become 107.8: 107 is no number of lots, but they are whole shares, and 0.8 is paid in cash */
    panel = PANEL(split);
    r = RUN(panel, "lot_size", "7");
    expect_fill(r, 1, 2, ASSAY_SIDE_SELL, 0.8, thin[1].close / 1.1);
    assert_int_equal(fill_at(r, 1).kind, ASSAY_FILL_CASH_IN_LIEU);
    expect_fill(r, 2, 5, ASSAY_SIDE_SELL, 107, 105);
    assert_int_equal(snapshot_at(r, 5).num_positions, 0);
    assert_int_equal(assay_result_warnings(r) & ASSAY_WARNING_PRICE_LEVELS, 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- what signals mean --- */

/* Day 1 buys 100 at 100; then the price is `then`. */
static assay_panel *bought_then(double then) {
    price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100), FLAT("A", 2, then), FLAT("A", 3, then),
                        FLAT("A", 4, then)};
    return PANEL(rows);
}

/* One signal on day 2, after a BUY on day 0: status, and the change of the quantity on day 3. */
static void expect_change(double then, assay_action action, double target, assay_signal_status status,
                          double change) {
    script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0}, {2, 0, action, target, 1, 0}};
    assay_panel *panel = bought_then(then);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    assert_string_equal(assay_signal_status_name(signal_at(r, 1).status),
                        assay_signal_status_name((int)status));
    assert_int_equal(n_fills(r), change == 0 ? 1 : 2);
    if (change != 0)
        expect_fill(r, 1, 3, change > 0 ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL, fabs(change), then);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* At 50 the position is worth 5,000 of an equity of 95,000: a full position is 9,500, 4,500 / 50 = 90 more. At 200 it is
 * worth 20,000 of 110,000, more than the 11,000 of a full position. At 99: 90 short of 9,990, less than 5 % of it. */
static void test_increase_never_lowers(void **state) {
    (void)state;
    expect_change(50, ASSAY_ACTION_INCREASE, 1, ASSAY_SIGNAL_ORDERED, 90);
    expect_change(200, ASSAY_ACTION_INCREASE, 1, ASSAY_SIGNAL_AT_TARGET, 0);
    expect_change(99, ASSAY_ACTION_INCREASE, 1, ASSAY_SIGNAL_BELOW_MINIMUM, 0);
    expect_change(50, ASSAY_ACTION_INCREASE, 0.25, ASSAY_SIGNAL_AT_TARGET, 0);
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_INCREASE, 0.5, 1, 0}};
    assay_panel *panel = bought_then(100);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel); /* flat: it opens */
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 50, 100);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* At 200, half a full position is 5,500: 14,500 / 200 = 72.5 fewer. At 50, 5,000 is more than half of 9,500 by 250, less
 * than 5 % of it, and less than all of it. Target 0 closes. */
static void test_reduce_never_raises(void **state) {
    (void)state;
    expect_change(200, ASSAY_ACTION_REDUCE, 0.5, ASSAY_SIGNAL_ORDERED, -72.5);
    expect_change(50, ASSAY_ACTION_REDUCE, 0.5, ASSAY_SIGNAL_BELOW_MINIMUM, 0);
    expect_change(50, ASSAY_ACTION_REDUCE, 1, ASSAY_SIGNAL_AT_TARGET, 0);
    expect_change(100, ASSAY_ACTION_REDUCE, 1, ASSAY_SIGNAL_AT_TARGET, 0);
    expect_change(50, ASSAY_ACTION_REDUCE, 0, ASSAY_SIGNAL_ORDERED, -100);
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_REDUCE, 0.5, 1, 0}};
    assay_panel *panel = bought_then(100);
    SCRIPT(lines);
    assay_result *r = RUN_DEFAULT(panel);
    expect_signal(r, 0, ASSAY_SIGNAL_NO_POSITION, ASSAY_OUTCOME_NONE);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

static void test_buy_and_sell_of_a_held_position(void **state) {
    (void)state;
    expect_change(50, ASSAY_ACTION_BUY, 1, ASSAY_SIGNAL_ALREADY_HELD, 0);
    expect_change(50, ASSAY_ACTION_SELL, 0.5, ASSAY_SIGNAL_ORDERED, -100); /* whatever its target says */
    expect_change(50, ASSAY_ACTION_HOLD, 0.5, ASSAY_SIGNAL_HOLD, 0);
}

static void test_target_is_exact(void **state) {
    (void)state;
    expect_change(200, ASSAY_ACTION_TARGET, 0.5, ASSAY_SIGNAL_ORDERED, -72.5);
    expect_change(50, ASSAY_ACTION_TARGET, 1, ASSAY_SIGNAL_ORDERED, 90);
    expect_change(99, ASSAY_ACTION_TARGET, 1, ASSAY_SIGNAL_BELOW_MINIMUM, 0);
    expect_change(100, ASSAY_ACTION_TARGET, 1, ASSAY_SIGNAL_AT_TARGET, 0);
    expect_change(100, ASSAY_ACTION_TARGET, 0, ASSAY_SIGNAL_ORDERED, -100);
}

/* Long 100 at 100; −0.5 of a full position is 50 short: one order of 150, which closes (a trade of 100) and opens. 0.3 %
 * commission: 45, of which 30 belong to the closing. */
static void test_target_through_zero(void **state) {
    (void)state;
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0},
                                        {2, 0, ASSAY_ACTION_TARGET, -0.5, 1, 0}};
    assay_panel *panel = bought_then(100);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "allow_short", "true", "sizing_basis", "initial", "commission_pct", "0.003");
    assert_int_equal(n_fills(r), 2);
    expect_fill(r, 1, 3, ASSAY_SIDE_SELL, 150, 100);
    assert_money(fill_at(r, 1).commission, 45);
    assert_int_equal(n_trades(r), 2);
    assay_trade closed = trade_at(r, 0), open = trade_at(r, 1);
    assert_int_equal(closed.is_open, 0);
    assert_money(closed.quantity, 100);
    assert_money(closed.commission, 60);
    assert_int_equal(open.is_open, 1);
    assert_int_equal(open.direction, -1);
    assert_money(open.quantity, 50);
    assert_money(open.commission, 15);
    assert_money(snapshot_at(r, 4).net_exposure, -5000);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Without allow_short nothing that a signal says may end short. */
static void test_no_short_unless_allowed(void **state) {
    (void)state;
    static const assay_action actions[] = {ASSAY_ACTION_TARGET, ASSAY_ACTION_REDUCE, ASSAY_ACTION_SELL,
                                           ASSAY_ACTION_BUY, ASSAY_ACTION_INCREASE};
    assay_panel *panel = bought_then(100);
    for (size_t i = 0; i < LENGTH(actions); i++) {
        for (size_t held = 0; held < 2; held++) {
            script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, NO_VALUE, 1, 0}, {2, 0, actions[i], -0.5, 1, 0}};
            set_script(lines + 1 - held, 1 + held);
            assay_result *r = RUN_DEFAULT(panel);
            for (size_t t = 0; t < n_snapshots(r); t++)
                assert_true(snapshot_at(r, t).net_exposure >= 0);
            assay_result_destroy(r);
        }
    }
    assay_panel_destroy(panel);
}

/* Short 100 at 100, bought back at 90: 1,000 won. The proceeds lie in cash meanwhile. */
static void test_short(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100), FLAT("A", 2, 90), FLAT("A", 3, 90)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_SELL, 1, 1, 0},
                                        {1, 0, ASSAY_ACTION_SELL, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_BUY, 0.1, 1, 0}};
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "allow_short", "true");
    expect_fill(r, 0, 1, ASSAY_SIDE_SELL, 100, 100);
    expect_fill(r, 1, 3, ASSAY_SIDE_BUY, 100, 90);
    expect_signal(r, 1, ASSAY_SIGNAL_ALREADY_HELD, ASSAY_OUTCOME_NONE);
    assert_money(cash_at(r, 1), 110000);
    assert_money(snapshot_at(r, 1).total_value, 100000);
    assert_money(snapshot_at(r, 1).net_exposure, -10000);
    assert_money(snapshot_at(r, 1).gross_value, 10000);
    assert_money(snapshot_at(r, 2).total_value, 101000);
    assert_int_equal(trade_at(r, 0).direction, -1);
    assert_money(trade_at(r, 0).pnl, 1000);
    assert_money(trade_at(r, 0).pnl_pct, 0.1);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* Strength 0.4 of an opening target of 0.5 of 10,000: 20 shares. The record keeps what the strategy said. */
static void test_targets_scaled_by_strength(void **state) {
    (void)state;
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 0.5, 1, 0.4}};
    assay_panel *panel = bought_then(100);
    SCRIPT(lines);
    assay_result *r = RUN(panel, "target_scaled_by_strength", "true");
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 20, 100);
    assert_number(signal_at(r, 0).target_position, 0.5);
    assert_number(signal_at(r, 0).strength, 0.4);
    assay_result_destroy(r);
    r = RUN_DEFAULT(panel);
    expect_fill(r, 0, 1, ASSAY_SIDE_BUY, 50, 100);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* --- when strategies are asked --- */

static void expect_asked(const assay_panel *panel, const char *key, const char *value, const int *days,
                         size_t n_days) {
    assay_result *r = RUN(panel, key, value);
    assert_int_equal(n_signals(r), n_days);
    for (size_t i = 0; i < n_days; i++)
        assert_true(assay_panel_timestamps(panel)[signal_at(r, i).bar] == day_us(days[i]));
    assay_result_destroy(r);
}

/* Weekdays from Monday 2020-01-06 without Monday 2020-01-20 (day 14), to early April: February begins on a Saturday, so
 * its first bar is Monday the 3rd (day 28); March on a Sunday (Monday the 2nd, day 56); April the 1st is day 86. */
static void test_rebalance_frequencies(void **state) {
    (void)state;
    price_row rows[70];
    script_line lines[70];
    size_t n = 0;
    for (int day = 0; day < 90; day++) {
        if (day % 7 > 4 || day == 14)
            continue;
        rows[n] = (price_row)FLAT("A", day, 100);
        lines[n++] = (script_line){day, 0, ASSAY_ACTION_HOLD, 0, 1, 0};
    }
    assay_panel *panel = panel_of_rows(rows, n);
    set_script(lines, n);
    static const int weekly[] = {0, 7, 15, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84};
    static const int monthly[] = {0, 28, 56, 86}, quarterly[] = {0, 86}, dates[] = {2, 7, 15};
    expect_asked(panel, "rebalance_frequency", "weekly", weekly, LENGTH(weekly));
    expect_asked(panel, "rebalance_frequency", "monthly", monthly, LENGTH(monthly));
    expect_asked(panel, "rebalance_frequency", "quarterly", quarterly, LENGTH(quarterly));
    /* Wednesday; Saturday and Sunday, both Monday's bar; the missing Monday; and one that never comes. */
    expect_asked(panel, "rebalance_dates", "2020-01-20,2020-01-08,2020-01-11,2020-01-12,2031-01-01", dates,
                 LENGTH(dates));
    assay_result *r = RUN_DEFAULT(panel);
    assert_int_equal(n_signals(r), n);
    assay_result_destroy(r);
    r = RUN(panel, "rebalance_frequency", "weekly", "start_date", "2020-01-15", "end_date", "2020-01-22");
    assert_int_equal(n_signals(r),
                     2); /* the first bar of the run (day 9), and the next week's first (day 15) */
    assert_int_equal(n_snapshots(r), 5); /* days 9, 10, 11, 15, 16 */
    assay_result_destroy(r);
    assay_panel_destroy(panel);
}

/* 2021-01-01 (day 361) lies in the ISO week that began on 2020-12-28 (day 357); the next begins on day 364. */
static void test_weeks_at_a_years_end(void **state) {
    (void)state;
    static const int days[] = {353, 357, 360, 361, 364}, asked[] = {353, 357, 364};
    price_row rows[LENGTH(days)];
    script_line lines[LENGTH(days)];
    for (size_t i = 0; i < LENGTH(days); i++) {
        rows[i] = (price_row)FLAT("A", days[i], 100);
        lines[i] = (script_line){days[i], 0, ASSAY_ACTION_HOLD, 0, 1, 0};
    }
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    expect_asked(panel, "rebalance_frequency", "weekly", asked, LENGTH(asked));
    assay_panel_destroy(panel);
}

static void test_no_bar_in_the_period(void **state) {
    (void)state;
    assay_panel *panel = bought_then(100);
    assay_config *config =
        config_of(&scripted_strategy, (const char *const[]){"start_date", "2030-01-01", NULL});
    assay_result *r = NULL;
    assay_error err = {0};
    assert_refused(assay_run(panel, config, ASSAY_KEEP_ALL, &r, &err), ASSAY_E_DATA, &err, "2020-01-10");
    assert_null(r);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

/* Seven bars a day, hour after hour from midnight: an end date means all of its day, a start date all of it too; a time
 * means that moment. */
static void test_periods_within_days(void **state) {
    (void)state;
    matrix_market m = empty_market(21, 1);
    for (size_t t = 0; t < m.n_bars; t++) {
        m.timestamp_us[t] = day_us((int)(t / 7)) + (int64_t)(t % 7) * INT64_C(3600000000);
        *market_cell(&m, ASSAY_COLUMN_CLOSE, t, 0) = 100;
    }
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    set_script(NULL, 0);
    static const struct {
        const char *start, *end;
        size_t first, n;
    } periods[] = {{"2020-01-07", "2020-01-07", 7, 7},
                   {"2020-01-06", "2020-01-07", 0, 14},
                   {"2020-01-07T02:00:00", "2020-01-07", 9, 5},
                   {"2020-01-07T01:00:00", "2020-01-07T03:00:00", 8, 3},
                   {"", "2020-01-06T00:30:00", 0, 1}};
    for (size_t i = 0; i < LENGTH(periods); i++) {
        assay_result *r = RUN(panel, "start_date", periods[i].start, "end_date", periods[i].end);
        assert_int_equal(snapshot_at(r, 0).bar, periods[i].first);
        assert_int_equal(n_snapshots(r), periods[i].n);
        assay_result_destroy(r);
    }
    assay_panel_destroy(panel);
    free_market(&m);
}

/* --- nonsense from strategies --- */

static void expect_nonsense(const script_line *lines, size_t n, const char *part) {
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("B", 0, 100), FLAT("A", 1, 100)};
    assay_panel *panel = PANEL(rows);
    set_script(lines, n);
    assay_config *config = config_of(&scripted_strategy, (const char *const[]){NULL});
    assay_result *r = NULL;
    assay_error err = {0};
    assert_refused(assay_run(panel, config, ASSAY_KEEP_ALL, &r, &err), ASSAY_E_STRATEGY, &err, part);
    assert_refused(ASSAY_E_STRATEGY, ASSAY_E_STRATEGY, &err, "strategy scripted");
    assert_null(r);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

static void test_nonsense_is_refused(void **state) {
    (void)state;
    const double inf = (double)INFINITY;
    const script_line wrong[] = {
        {0, 0, ASSAY_ACTION_BUY, 1, 1, NO_VALUE}, {0, 0, ASSAY_ACTION_BUY, 1, 1, 1.01},
        {0, 0, ASSAY_ACTION_BUY, 1, 1, -0.01},    {0, 0, ASSAY_ACTION_BUY, 1, NO_VALUE, 1},
        {0, 0, ASSAY_ACTION_BUY, 1.5, 1, 1},      {0, 0, ASSAY_ACTION_TARGET, -1.5, 1, 1},
        {0, 0, ASSAY_ACTION_BUY, inf, 1, 1},      {0, 2, ASSAY_ACTION_BUY, 1, 1, 1},
        {0, SIZE_MAX, ASSAY_ACTION_BUY, 1, 1, 1}, {0, 0, (assay_action)6, 1, 1, 1},
        {1, 1, ASSAY_ACTION_BUY, 1, 1, 1}};
    static const char *const parts[] = {"strength",
                                        "strength",
                                        "strength",
                                        "score",
                                        "target_position 1.5",
                                        "target_position -1.5",
                                        "target_position inf",
                                        "symbol 2",
                                        "symbol",
                                        "kind 6",
                                        "no price"};
    for (size_t i = 0; i < LENGTH(wrong); i++)
        expect_nonsense(&wrong[i], 1, parts[i]);
    static const script_line unordered[] = {{0, 1, ASSAY_ACTION_BUY, 1, 1, 1},
                                            {0, 0, ASSAY_ACTION_BUY, 1, 1, 1}};
    static const script_line twice[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 1},
                                        {0, 0, ASSAY_ACTION_SELL, 1, 1, 1}};
    expect_nonsense(unordered, 2, "ascending");
    expect_nonsense(twice, 2, "ascending");
}

static assay_status ignores_refusals(void *state, const double *params, const assay_view *view,
                                     assay_signal_sink *sink, assay_error *err) {
    (void)state;
    (void)params;
    (void)view;
    assay_status ignored = assay_signal_emit(sink, 0, 1, 0, 0, 7, 1, err);
    (void)ignored;
    return ASSAY_OK;
}

static assay_status fails(void *state, const double *params, const assay_view *view, assay_signal_sink *sink,
                          assay_error *err) {
    (void)state;
    (void)params;
    (void)view;
    (void)sink;
    return assay_error_set(err, ASSAY_E_STRATEGY, "the model file is missing");
}

static void test_a_strategy_that_fails_stops_the_run(void **state) {
    (void)state;
    assay_panel *panel = bought_then(100);
    assay_strategy broken = scripted_strategy;
    broken.name = "broken";
    for (int i = 0; i < 2; i++) {
        broken.on_bar = i == 0 ? ignores_refusals : fails;
        assay_config *config = config_of(&broken, (const char *const[]){NULL});
        assay_result *r = NULL;
        assay_error err = {0};
        assert_refused(assay_run(panel, config, ASSAY_KEEP_ALL, &r, &err), ASSAY_E_STRATEGY, &err,
                       i == 0 ? "strategy broken: the signal for A has strength 7"
                              : "strategy broken: the model file is missing");
        assay_config_destroy(config);
    }
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_open),
        cmocka_unit_test(test_next_close),
        cmocka_unit_test(test_fill_at_the_deciding_close_warns),
        cmocka_unit_test(test_next_open_is_the_symbols_own_next_bar),
        cmocka_unit_test(test_orders_of_the_last_bar_stay_open),
        cmocka_unit_test(test_slippage_and_commission),
        cmocka_unit_test(test_least_commission),
        cmocka_unit_test(test_impact),
        cmocka_unit_test(test_a_buy_is_scaled_to_the_cash),
        cmocka_unit_test(test_the_higher_score_is_served_first),
        cmocka_unit_test(test_closings_are_served_first),
        cmocka_unit_test(test_large_orders_take_several_bars),
        cmocka_unit_test(test_a_bars_volume_is_shared),
        cmocka_unit_test(test_orders_expire),
        cmocka_unit_test(test_the_other_side_replaces_a_pending_order),
        cmocka_unit_test(test_replacements_leave_other_orders_alone),
        cmocka_unit_test(test_lot_size),
        cmocka_unit_test(test_increase_never_lowers),
        cmocka_unit_test(test_reduce_never_raises),
        cmocka_unit_test(test_buy_and_sell_of_a_held_position),
        cmocka_unit_test(test_target_is_exact),
        cmocka_unit_test(test_target_through_zero),
        cmocka_unit_test(test_no_short_unless_allowed),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_targets_scaled_by_strength),
        cmocka_unit_test(test_rebalance_frequencies),
        cmocka_unit_test(test_weeks_at_a_years_end),
        cmocka_unit_test(test_no_bar_in_the_period),
        cmocka_unit_test(test_periods_within_days),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_a_strategy_that_fails_stops_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
