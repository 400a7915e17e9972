"""Checks of the reference itself; no binary needed. The numbers are worked by hand in the comments."""

import math
import pathlib
import sys
from datetime import date

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import markets  # noqa: E402
import reference  # noqa: E402
from hand import day, near, row, rows  # noqa: E402


def go(market, **settings):
    """momentum of one step: close up by more than 5 % is a BUY, down by more than 5 % a SELL; no costs unless set."""
    base = {
        "strategy": "momentum",
        "lookback": 2,
        "threshold": 0.05,
        "slippage_bps": 0.0,
        "commission_pct": 0.0,
        "max_participation": 0.0,
    }
    return reference.run(market, {**base, **settings})


def statuses(result):
    return [(s["timestamp"], s["symbol"], s["action"], s["status"], s["outcome"]) for s in result["signals"]]


def test_single_buy_and_sell_with_slippage_and_commission():
    # close 100 → 110 (+10 %): BUY at day 1. Full position 0.10 × 100,000 = 10,000; quantity 10,000 / 110 = 90.909090…
    # day 2 opens at 112: price 112 × 1.0005 = 112.056; value 10,186.909090…; commission 0.1 % = 10.186909090…
    # cash 100,000 − 10,186.90909 − 10.18690909 = 89,802.904. Close 112 → day 3 close 100 (−10.7 %): SELL.
    # day 4 opens at 99: price 99 × 0.9995 = 98.9505; value 8,995.5; commission 8.9955.
    market = {
        "A": [
            row(0, 100.0),
            row(1, 110.0),
            row(2, 112.0, high=115.0, low=108.0),
            row(3, 100.0, low=96.0),
            row(4, 99.0, low=90.0),
        ]
    }
    r = go(market, slippage_bps=5.0, commission_pct=0.001)
    q = 10_000 / 110
    buy, sell = r["fills"]
    assert (buy["timestamp"], buy["side"], buy["reference_price"]) == (day(2), "buy", 112.0)
    assert buy["quantity"] == near(q) and buy["price"] == near(112.056)
    assert buy["commission"] == near(10.186909090909091) and buy["slippage"] == near(q * 0.056)
    assert (sell["timestamp"], sell["side"]) == (day(4), "sell") and sell["price"] == near(98.9505)
    (trade,) = r["trades"]
    assert trade["pnl"] == near(8995.5 - 8.9955 - 10186.909090909091 - 10.186909090909091)
    assert trade["pnl_pct"] == near(trade["pnl"] / 10186.909090909091)
    assert trade["commission"] == near(8.9955 + 10.186909090909091)
    assert trade["slippage"] == near(q * (0.056 + 0.0495))
    assert (trade["entry_date"], trade["exit_date"], trade["bars_held"]) == (day(2), day(4), 2)
    # filled at the open of day 2: its low and high count; closed at the open of day 4: only the exit price of that bar
    assert trade["mae_pct"] == near((96 / 112.056 - 1) * 100) and trade["mfe_pct"] == near(
        (115 / 112.056 - 1) * 100
    )
    assert r["snapshots"][2]["cash"] == near(89802.904)
    assert r["snapshots"][2]["total_value"] == near(89802.904 + q * 112)
    assert r["snapshots"][4]["total_value"] == near(100_000 + trade["pnl"])
    # the fall of day 4 is 1 % only, so two signals and no more
    assert statuses(r) == [
        (day(1), "A", "BUY", "ordered", "filled"),
        (day(3), "A", "SELL", "ordered", "filled"),
    ]


def test_a_lasting_signal_buys_once_and_an_open_trade_is_in_no_count():
    r = go({"A": rows(100.0, 110.0, 121.0, 133.1)})
    assert [s[3] for s in statuses(r)] == ["ordered", "already_held", "already_held"]
    assert len(r["fills"]) == 1
    (trade,) = r["trades"]
    assert trade["status"] == "open" and trade["exit_date"] is None and trade["exit_price"] == 133.1
    assert r["metrics"]["total_trades"] == 0 and math.isnan(r["metrics"]["win_rate_pct"])


@pytest.mark.parametrize("method,expected", [("fifo", 100.0), ("lifo", 104.0), ("average", 102.0)])
def test_lots_over_a_partial_close(method, expected):
    # BUY decided at day 1 (close 100): 10,000 / 100 = 100 shares; 10 % of the volumes 500 and 1,000,000: 50 at 100 on
    # day 2, 50 at 104 on day 3. SELL decided on day 4 (104 → 90, less than −5 %); day 5 volume 250: 25 shares at 90.
    # fifo takes 25 of the lot at 100, lifo 25 of the lot at 104, average 12.5 of each.
    market = {
        "A": [
            row(0, 90.0),
            row(1, 100.0),
            row(2, 100.0, volume=500),
            row(3, 104.0),
            row(4, 90.0),
            row(5, 90.0, volume=250),
        ]
    }
    r = go(market, max_participation=0.1, lot_method=method)
    assert [(f["quantity"], f["price"]) for f in r["fills"]] == [(50.0, 100.0), (50.0, 104.0), (25.0, 90.0)]
    closed, left = r["trades"]
    assert closed["status"] == "closed" and closed["quantity"] == near(25.0)
    assert closed["entry_price"] == near(expected)
    assert closed["pnl"] == near(25 * (90 - expected))
    assert left["status"] == "open" and left["quantity"] == near(75.0)
    assert left["entry_price"] == near((50 * 100 + 50 * 104 - 25 * expected) / 75)
    assert closed["entry_date"] == (day(3) if method == "lifo" else day(2))
    assert statuses(r)[-1] == (day(4), "A", "SELL", "ordered", "partial")
    assert r["metrics"]["total_trades"] == 1


def test_fifo_over_two_lots_in_one_closing():
    # as above, but the bar of the closing takes 70 shares: the 50 bought at 100 and 20 of those at 104, all at 90
    market = {
        "A": [
            row(0, 90.0),
            row(1, 100.0),
            row(2, 100.0, volume=500),
            row(3, 104.0),
            row(4, 90.0),
            row(5, 90.0, volume=700),
        ]
    }
    r = go(market, max_participation=0.1, commission_min=7.0)
    trade = r["trades"][0]
    assert trade["quantity"] == near(70.0) and trade["entry_value"] == near(50 * 100 + 20 * 104)
    assert trade["entry_price"] == near(7080 / 70)
    # commission: the first lot's 7, two fifths of the second's 7, and 7 for the exit
    assert trade["commission"] == near(7 + 7 * 0.4 + 7)
    assert trade["pnl"] == near(70 * 90 - 7080 - 16.8)
    assert trade["bars_held"] == 3 and trade["entry_date"] == day(2)


def test_split_while_held_and_between_decision_and_fill():
    # BUY at day 1 (110): 10,000 / 110 shares. Day 2 is a 2:1 split: the pending order doubles; opens at 55 (raw).
    # Day 3: 55 → 60 (+9 %, held). Day 4: 1:10 (split 0.1), raw 600. Day 5: 600 → 500: SELL, filled day 6 at 500.
    market = {
        "A": [
            row(0, 100.0),
            row(1, 110.0),
            row(2, 55.0, split=2.0),
            row(3, 60.0),
            row(4, 600.0, split=0.1),
            row(5, 500.0),
            row(6, 500.0),
        ]
    }
    r = go(market)
    q2 = 2 * 10_000 / 110
    assert r["fills"][0]["quantity"] == near(q2) and r["fills"][0]["price"] == 55.0
    (trade,) = r["trades"]
    assert trade["quantity"] == near(q2 / 10) and trade["entry_price"] == near(
        550.0
    )  # units of the exit date
    assert trade["entry_value"] == near(q2 * 55) and trade["pnl"] == near(q2 / 10 * (500 - 550))
    assert trade["mfe_pct"] == near((600 / 550 - 1) * 100) and trade["mae_pct"] == near((500 / 550 - 1) * 100)
    # no signal from the split itself: day 2's as-of return is 55 / (110 / 2) − 1 = 0, day 4's 600 / (60 / 0.1) − 1 = 0
    assert [s["timestamp"] for s in r["signals"]] == [day(1), day(3), day(5)]
    assert r["snapshots"][4]["total_value"] == near(r["snapshots"][3]["total_value"])


def test_split_and_dividend_on_one_day():
    # 100 shares (10,000 / 100) bought on day 2 at 100. Day 3: 2:1 and 1.5 a (new) share: 200 × 1.5 = 300 in cash.
    market = {
        "A": [
            row(0, 90.0),
            row(1, 100.0),
            row(2, 100.0),
            row(3, 50.0, split=2.0, dividend=1.5),
            row(4, 40.0),
            row(5, 40.0),
        ]
    }
    r = go(market)
    assert r["snapshots"][3]["cash"] == near(90_000 + 300)
    (trade,) = r["trades"]
    assert trade["dividends"] == near(300.0) and trade["pnl"] == near(200 * 40 - 10_000 + 300)
    # total_return: the closes before day 3 are also × (1 − 1.5 × 2 / 100): 50 / (50 × 0.97) − 1 = 3.1 %
    data = reference.Data(market, reference.complete({"signal_prices": "total_return"}))
    assert data.closes("A", day(3), 2, True) == [near(50 * 0.97), 50.0]


def test_a_short_pays_the_dividend_and_the_borrow_fee():
    # SELL at day 1: target 0.5: 5,000 / 80 = 62.5 shares short at 80 on day 2. Day 3 dividend 2: −125.
    # Fee 7.3 % / 365 a day on the value of the previous close: 5,000 × 0.0002 = 1 on day 3, on day 4 too (close 80).
    market = {"A": [row(0, 100.0), row(1, 80.0), row(2, 80.0), row(3, 80.0, dividend=2.0), row(4, 80.0)]}
    r = go(market, allow_short=True, borrow_fee_pct=0.073)
    assert [s["cash"] for s in r["snapshots"]] == [
        near(v) for v in (1e5, 1e5, 105_000, 105_000 - 126, 105_000 - 127)
    ]
    (trade,) = r["trades"]
    assert (
        trade["direction"] == "short" and trade["dividends"] == near(-125.0) and trade["pnl"] == near(-125.0)
    )


def test_delisting():
    # 100 shares at 100 on day 2, last close 96 on day 3. B trades on. delist_after_days 10: day 13 is exactly 10 days
    # after (not yet), day 14 is the first bar more than 10 days after: closed at 96 × 0.7 = 67.2 without commission.
    market = {"A": [row(0, 90.0), row(1, 100.0), row(2, 100.0), row(3, 96.0)], "B": rows(*[50.0] * 16)}
    r = go(market, delisting_return=-0.3, commission_min=1.0)
    assert [s["stale_positions"] for s in r["snapshots"]] == [0] * 4 + [1] * 10 + [0] * 2
    fill = r["fills"][-1]
    assert fill["timestamp"] == day(14) and fill["kind"] == "delisting" and fill["price"] == near(96 * 0.7)
    assert fill["commission"] == 0 and fill["slippage"] == 0
    (trade,) = r["trades"]
    assert (
        trade["exit_date"] == day(14)
        and trade["pnl"] == near(100 * (96 * 0.7 - 100) - 1)
        and trade["bars_held"] == 1
    )
    assert r["snapshots"][14]["turnover"] == 0 and r["delisted_positions"] == 1
    assert r["snapshots"][14]["cash"] == near(100_000 - 10_000 - 1 + 100 * 96 * 0.7)


def test_scale_and_skip():
    # A and B rise together; both want 0.6 × 10,000 = 6,000. A has the larger score (+20 % against +10 %) and goes
    # first: 4,000 is left for B, two thirds of what would have filled.
    market = {"A": rows(100.0, 120.0, 120.0), "B": rows(100.0, 110.0, 110.0)}
    r = go(market, initial_capital=10_000.0, max_position_pct=0.6)
    assert [(f["symbol"], f["quantity"]) for f in r["fills"]] == [("A", 50.0), ("B", near(4000 / 110))]
    assert [s[4] for s in statuses(r)] == ["filled", "scaled"] and r["snapshots"][-1]["cash"] == near(0.0)
    assert r["snapshots"][-1]["cash"] >= 0
    for settings in ({"insufficient_cash": "skip"}, {"min_scale_frac": 0.7}):
        r = go(market, initial_capital=10_000.0, max_position_pct=0.6, **settings)
        assert [s[4] for s in statuses(r)] == ["filled", "insufficient_cash"] and len(r["fills"]) == 1
    # with a commission of at least 100, (4,000 − 100 − 100) / 110 shares can be paid
    r = go(market, initial_capital=10_000.0, max_position_pct=0.6, commission_min=100.0)
    assert r["fills"][1]["quantity"] == near(3800 / 110)
    # lots of 10: A wants 50, B 54.5 → 50; 36.4 can be paid → 30
    r = go(market, initial_capital=10_000.0, max_position_pct=0.6, lot_size=10.0)
    assert [f["quantity"] for f in r["fills"]] == [50.0, 30.0]


def test_serve_order():
    # Day 1: Z rises, bought on day 2 with everything. Day 3: Z falls and B rises: the closing is served first and pays for
    # B; in symbol order B comes first and finds no cash.
    market = {"Z": rows(100.0, 120.0, 120.0, 108.0, 108.0), "B": rows(100.0, 100.0, 100.0, 110.0, 110.0)}
    closings = go(market, max_position_pct=1.0)
    assert [(f["symbol"], f["side"]) for f in closings["fills"]] == [
        ("Z", "buy"),
        ("Z", "sell"),
        ("B", "buy"),
    ]
    symbol = go(market, max_position_pct=1.0, serve_order="symbol")
    assert [(f["symbol"], f["side"]) for f in symbol["fills"]] == [("Z", "buy"), ("Z", "sell")]
    assert statuses(symbol)[1][4] == "insufficient_cash"


def test_participation_over_bars_and_expiry():
    # wanted 100 shares at 100; 10 % of 300, 0, 200, 300, … = 30, none, 20, 30, then the order is 7 days old and expires
    # before the rest (day 8 is 7 days after day 1: its fill of 10 comes first, in step 2, then step 5 ends it).
    volumes = [1, 1, 300, 0, 200, 300, 0, 0, 100, 10_000]
    market = {"A": [row(k, 100.0 if k else 90.0, volume=v) for k, v in enumerate(volumes)]}
    r = go(market, max_participation=0.1)
    assert [(f["timestamp"], f["quantity"]) for f in r["fills"]] == [
        (day(2), near(30.0)),
        (day(4), near(20.0)),
        (day(5), near(30.0)),
        (day(8), near(10.0)),
    ]
    assert statuses(r) == [(day(1), "A", "BUY", "ordered", "partial")]
    # without any volume it expires unfilled; with max_pending_days 1 the bar of day 2 is the only chance
    dry = {"A": [{**x, "volume": 0} for x in market["A"]]}
    assert statuses(go(dry, max_participation=0.1))[0][4] == "expired"
    assert len(go(market, max_participation=0.1, max_pending_days=1)["fills"]) == 1
    # in lots of 20: 30 → 20, 0, 20, 30 → 20, and 10 → nothing
    assert [f["quantity"] for f in go(market, max_participation=0.1, lot_size=20.0)["fills"]] == [
        20.0,
        20.0,
        20.0,
    ]


def test_replaced_and_already_ordered():
    # no volume: the BUY of day 1 stays pending; day 2 BUY again: already_ordered; day 3 SELL replaces it, and since
    # nothing is held it is no_position itself.
    market = {"A": [row(k, c, volume=0) for k, c in enumerate((100.0, 110.0, 121.0, 100.0, 100.0))]}
    r = go(market, max_participation=0.1)
    assert [(s[2], s[3], s[4]) for s in statuses(r)] == [
        ("BUY", "ordered", "replaced"),
        ("BUY", "already_ordered", "none"),
        ("SELL", "no_position", "none"),
    ]


def test_fill_kinds_and_the_missing_open():
    market = {"A": [row(0, 100.0), row(1, 110.0), row(2, 112.0, open=111.0), row(3, 113.0, open=None)]}
    assert [(f["timestamp"], f["price"]) for f in go(market)["fills"]] == [(day(2), 111.0)]
    assert [(f["timestamp"], f["price"]) for f in go(market, fill="next_close")["fills"]] == [(day(2), 112.0)]
    assert [(f["timestamp"], f["price"]) for f in go(market, fill="close")["fills"]] == [(day(1), 110.0)]
    market["A"][2]["open"] = None
    assert [(f["timestamp"], f["price"]) for f in go(market)["fills"]] == [(day(2), 112.0)]


def test_short_round_trip():
    # SELL on day 1 (−20 %): 0.5 × 10,000 / 80 = 62.5 short at 80; BUY on day 3 (+12.5 %) covers at 90 on day 4.
    market = {"A": rows(100.0, 80.0, 80.0, 90.0, 90.0)}
    r = go(market, allow_short=True)
    (trade,) = r["trades"]
    assert trade["pnl"] == near(-625.0) and trade["direction"] == "short" and trade["quantity"] == near(62.5)
    assert trade["mae_pct"] == near(-12.5) and trade["mfe_pct"] == 0.0
    assert r["snapshots"][2]["net_exposure"] == near(-5000.0) and r["snapshots"][2]["gross_value"] == near(
        5000.0
    )
    assert [f["quantity"] for f in r["fills"]] == [near(62.5)] * 2  # the BUY closes, it does not turn over


def test_ruin():
    # short 0.5 × 100,000 / 80 = 625 at 80; at 400: equity 150,000 − 250,000 < 0: bought back at the mark with slippage
    market = {"A": rows(100.0, 80.0, 80.0, 400.0, 100.0, 150.0)}
    r = go(market, allow_short=True, max_position_pct=1.0, slippage_bps=10.0)
    fill = r["fills"][-1]
    assert fill["kind"] == "ruin" and fill["timestamp"] == day(3) and fill["price"] == near(400.4)
    assert r["ruined"] and all(s["num_positions"] == 0 for s in r["snapshots"][3:])
    assert [s[3] for s in statuses(r)][2:] == [
        "below_minimum",
        "below_minimum",
    ]  # of negative equity: no quantity
    r = go(market, allow_short=True, max_position_pct=1.0, slippage_bps=10.0, sizing_basis="initial")
    assert [s[3] for s in statuses(r)][2:] == ["risk_limited", "risk_limited"]


def test_rebalance_days():
    market = {"A": rows(*[100.0 * 1.06**k for k in range(40)])}  # Monday 1 March 2021 on, every day

    def asked(**s):
        return [x["timestamp"] for x in go(market, lookback=2, **s)["signals"]]

    assert asked(rebalance_frequency="weekly") == [
        day(k) for k in (7, 14, 21, 28, 35)
    ]  # day 0: no window yet
    assert asked(rebalance_frequency="monthly") == [date(2021, 4, 1)]
    assert asked(start=day(5), rebalance_frequency="weekly")[:2] == [day(5), day(7)]
    assert asked(rebalance_dates=[day(3), day(9)]) == [day(3), day(9)]


def test_metrics_by_hand():
    # 100 → 110 → 99: returns 0.1, −0.1. ddof 0: 0.1; ddof 1: 0.141421…; one negative return has no deviation.
    m = reference.metrics(100.0, [110.0, 99.0], [])
    assert m["total_return_pct"] == near(-1.0) and m["max_drawdown_pct"] == near(-10.0)
    annual = 0.99**126 - 1
    assert m["annual_return_pct"] == near(annual * 100)
    assert m["annual_volatility_pct"] == pytest.approx(10 * math.sqrt(252), rel=1e-12)
    assert m["sharpe_ratio"] == pytest.approx(annual / (0.1 * math.sqrt(252)), rel=1e-12)
    assert math.isnan(m["sortino_ratio"]) and math.isnan(m["profit_factor"]) and m["total_trades"] == 0
    assert m["calmar_ratio"] == near(annual / 0.1) and m["sharpe_arithmetic"] == pytest.approx(0.0, abs=1e-9)
    trades = [{"status": "closed", "pnl": p, "bars_held": b} for p, b in ((10.0, 2), (-4.0, 4), (0.0, 6))]
    m = reference.metrics(100.0, [106.0], trades + [{"status": "open", "pnl": -50.0, "bars_held": 9}])
    assert (m["total_trades"], m["winning_trades"], m["losing_trades"]) == (3, 1, 1)
    assert m["profit_factor"] == 2.5 and m["win_rate_pct"] == near(100 / 3) and m["avg_bars_held"] == 4
    assert m["avg_loss_pnl"] == 4.0
    assert reference.metrics(100.0, [106.0], trades[:1])["profit_factor"] == math.inf


def recompute(market, settings, result):
    """Cash and equity at every bar again, from the fills, the prices and the events alone."""
    cash, held, mark, previous = settings["initial_capital"], {}, {}, None
    fills = list(result["fills"])
    for snap in result["snapshots"]:
        t = snap["date"]
        for s in sorted(market):
            for r in market[s]:
                if r["timestamp"] == t and s in held:
                    ratio = r["split"] or 1.0
                    held[s] *= ratio
                    cash += held[s] * (r["dividend"] or 0.0)
                    mark[s] = mark.get(s, 0.0) / ratio
        if previous is not None:
            before = previous["cash"] * settings["cash_interest_pct"]
            short = (previous["gross_value"] - previous["net_exposure"]) / 2
            cash += (before - short * settings["borrow_fee_pct"]) * (t - previous["date"]).days / 365
        while fills and fills[0]["timestamp"] == t:
            f = fills.pop(0)
            sign = 1 if f["side"] == "buy" else -1
            held[f["symbol"]] = held.get(f["symbol"], 0.0) + sign * f["quantity"]
            cash -= sign * f["quantity"] * f["price"] + f["commission"]
        for s in market:
            for r in market[s]:
                if r["timestamp"] == t:
                    mark[s] = r["close"]
        equity = cash + math.fsum(q * mark[s] for s, q in held.items())
        scale = max(settings["initial_capital"], abs(equity), snap["gross_value"])
        assert abs(cash - snap["cash"]) <= 1e-8 * scale, (t, cash, snap["cash"])
        assert abs(equity - snap["total_value"]) <= 1e-8 * scale, (t, equity, snap["total_value"])
        previous = snap
    assert not fills


def seeds(first, number):
    """Markets of the first kinds, and some of every kind that came later."""
    return [pytest.param(first + k, None, id=str(k)) for k in range(number)] + [
        pytest.param(first + k, kind, id=f"{kind}-{k}")
        for kind in markets.KINDS
        for k in range(30 if kind == "ensemble" else 8)
    ]


def from_prices(first, number):
    """Without those whose events and names stand in other tables."""
    return [p for p in seeds(first, number) if "known" not in p.id]


@pytest.mark.parametrize("seed,kind", from_prices(1000, 50))
def test_money_is_conserved(seed, kind):
    market, settings, _ = markets.make(seed, kind)
    result = reference.run(market, settings)  # its own identity is asserted inside at every bar
    recompute(market, settings, result)
    closed = math.fsum(t["pnl"] for t in result["trades"])
    if not settings["borrow_fee_pct"] and not settings["cash_interest_pct"]:
        end = result["snapshots"][-1]["total_value"]
        assert abs(settings["initial_capital"] + closed - end) <= 1e-8 * max(
            settings["initial_capital"], abs(end)
        )


@pytest.mark.parametrize("seed,kind", seeds(2000, 40))
def test_the_future_cannot_matter(seed, kind):
    market, settings, _ = markets.make(seed, kind)
    whole = reference.run(market, settings)
    t = whole["snapshots"][len(whole["snapshots"]) * 2 // 3]["date"]
    cut = {s: [r for r in rows_ if r["timestamp"] <= t] for s, rows_ in market.items()}
    part = reference.run(cut, settings)
    assert part["fills"] == [f for f in whole["fills"] if f["timestamp"] <= t]
    assert repr(part["snapshots"]) == repr([s for s in whole["snapshots"] if s["date"] <= t])

    def decided(signals):
        return [{k: v for k, v in s.items() if k != "outcome"} for s in signals if s["timestamp"] <= t]

    assert decided(part["signals"]) == decided(whole["signals"])


@pytest.mark.parametrize("seed,kind", from_prices(3000, 30))
def test_no_fill_breaks_a_limit(seed, kind):
    market, settings, _ = markets.make(seed, kind)
    result = reference.run(market, settings)
    bars = {(s, r["timestamp"]): r for s, rows_ in market.items() for r in rows_}
    used = {}
    for f in result["fills"]:
        if f["kind"] != "market":
            continue
        bar = bars[f["symbol"], f["timestamp"]]
        key = f["symbol"], f["timestamp"]
        used[key] = used.get(key, 0.0) + f["quantity"]
        if settings["max_participation"] and bar["volume"] is not None:
            assert used[key] <= settings["max_participation"] * bar["volume"] * (1 + 1e-8)
        assert f["commission"] >= settings["commission_min"]
    if not settings["allow_short"] and settings["commission_min"] == 0:
        assert all(s["cash"] >= 0 for s in result["snapshots"])


def as_tables(result):
    """The reference's own result in the form in which the comparison reads the program's."""
    return {
        **{n: [dict(r) for r in result[n]] for n in ("signals", "fills", "trades", "snapshots")},
        "metrics": dict(result["metrics"]),
        "json": {k: v if math.isfinite(v) else None for k, v in result["metrics"].items()},
    }


@pytest.mark.parametrize("seed,kind", [(15, None), (40, "ensemble")])
def test_the_comparison_sees_a_change_in_every_column(seed, kind):
    compare = pytest.importorskip("compare")
    market, settings, _ = markets.make(seed, kind)
    result = reference.run(market, settings)
    assert len(result["trades"]) > 3
    compare.compare_results(result, as_tables(result), settings)
    for name, columns in compare.COLUMNS.items():
        for column in [*columns, *(compare.ENSEMBLE_COLUMNS[name] if kind else ())]:
            changed = as_tables(result)
            for line in changed[name]:
                value = line[column]
                if column == "order_id":
                    line[column] = 7
                elif isinstance(value, float) and value and math.isfinite(value):
                    line[column] = value * (1 + 1e-7)
                elif isinstance(value, float):
                    line[column] = 1.0
                else:
                    words = {"kind": "delisting", "entry_reason": "spin_off", "exit_reason": "universe"}
                    line[column] = words.get(column, "other")
            with pytest.raises(compare.Difference):
                compare.compare_results(result, changed, settings)
        shorter = as_tables(result)
        shorter[name].pop()
        with pytest.raises(compare.Difference):
            compare.compare_results(result, shorter, settings)
    for metric in result["metrics"]:
        changed = as_tables(result)
        changed["metrics"][metric] = 12345.678
        with pytest.raises(compare.Difference):
            compare.compare_results(result, changed, settings)
