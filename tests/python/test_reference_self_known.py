"""Checks of the reference itself: the market as it was known then. No binary needed; numbers are worked by hand."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import reference  # noqa: E402
from hand import day, near, row, rows  # noqa: E402
from reference_tables import Names  # noqa: E402


def go(market, signals, tables=None, **settings):
    """Ready signals {day: [(symbol, action)]}, all of target and strength 1, at no costs. Full position 10,000."""
    ready = {
        day(k): [(s, action, *(target or [1.0]), 1.0) for s, action, *target in wanted]
        for k, wanted in signals.items()
    }
    base = {
        "strategy": "script",
        "signals": ready,
        "slippage_bps": 0.0,
        "commission_pct": 0.0,
        "max_participation": 0.0,
        "sizing_basis": "initial",
        "tables": tables or {},
    }
    return reference.run(market, {**base, **settings})


def fills(result):
    return [
        (f["timestamp"], f["symbol"], f["side"], f["kind"], near(f["quantity"]), near(f["price"]))
        for f in result["fills"]
    ]


def ends(result):
    return [(s["timestamp"], s["symbol"], s["status"], s["outcome"]) for s in result["signals"]]


def spell(symbol, first, last, sector=None):
    return {
        "symbol": symbol,
        "start_date": day(first),
        "end_date": None if last is None else day(last),
        "sector": sector,
    }


def event(symbol, k, split=None, dividend=None, pay=None, kind=None, child=None, ratio=None):
    return {
        "symbol": symbol,
        "ex_date": day(k),
        "split_ratio": split,
        "cash_dividend": dividend,
        "pay_date": None if pay is None else day(pay),
        "type": kind,
        "new_symbol": child,
        "new_ratio": ratio,
    }


# --------------------------------------------------------------------------------------------------------- universe


def test_only_who_is_inside_is_traded_and_both_ends_count():
    # A inside on days 1 and 2, B never named, so never inside
    market = {"A": rows(100.0, 100.0, 100.0, 100.0), "B": rows(100.0, 100.0, 100.0, 100.0)}
    signals = {k: [("A", "REDUCE"), ("B", "HOLD")] for k in range(4)}
    r = go(market, {**signals, 0: [("A", "BUY"), ("B", "BUY")]}, {"universe": [spell("A", 1, 2)]})
    assert [s[2] for s in ends(r)] == [
        "not_in_universe",
        "not_in_universe",
        "no_position",
        "hold",
        "no_position",
        "hold",
        "not_in_universe",
        "hold",
    ]
    assert not r["fills"]
    off = go(market, {0: [("B", "BUY")]}, {"universe": [spell("A", 1, 2)]}, point_in_time_universe=False)
    assert ends(off) == [(day(0), "B", "ordered", "filled")]


def test_nobody_inside_is_an_error():
    with pytest.raises(ValueError, match="inside"):
        go({"A": rows(100.0, 100.0)}, {}, {"universe": [spell("A", 5, None)]})


def test_what_leaves_is_closed_at_any_bar_and_openings_end():
    # inside up to day 1; A bought at day 0, filled day 1. Outside from day 2: its close makes the order, filled day 3.
    # B is bought at day 1, would fill at day 2: expired before that.
    market = {"A": rows(100.0, 100.0, 110.0, 120.0), "B": rows(50.0, 50.0, 50.0, 50.0)}
    r = go(market, {0: [("A", "BUY")], 1: [("B", "BUY")]}, {"universe": [spell("A", 0, 1), spell("B", 0, 1)]})
    assert fills(r) == [(day(1), "A", "buy", "market", 100, 100), (day(3), "A", "sell", "market", 100, 120)]
    (trade,) = r["trades"]
    assert (trade["exit_reason"], trade["pnl"]) == ("universe", near(2000))
    assert ends(r) == [(day(0), "A", "ordered", "filled"), (day(1), "B", "ordered", "expired")]


def test_it_leaves_also_when_no_strategy_is_asked_and_at_the_close():
    market = {"A": rows(100.0, 100.0, 110.0, 120.0)}
    r = go(
        market, {0: [("A", "BUY")]}, {"universe": [spell("A", 0, 1)]}, fill="close", rebalance_dates=[day(0)]
    )
    assert fills(r) == [(day(0), "A", "buy", "market", 100, 100), (day(2), "A", "sell", "market", 100, 110)]


def test_a_pending_reduction_is_replaced_and_a_pending_close_stays():
    # 100 are bought. At day 1, the last day inside, they are reduced to half or sold; at day 2 A has no bar and is outside
    for action, outcome in (("REDUCE", "replaced"), ("SELL", "filled")):
        market = {"A": rows(100.0, 100.0, None, 120.0), "B": rows(1.0, 1.0, 1.0, 1.0)}
        tables = {"universe": [spell("A", 0, 1), spell("B", 0, None)]}
        r = go(market, {0: [("A", "BUY")], 1: [("A", action, 0.5)]}, tables)
        assert ends(r)[1] == (day(1), "A", "ordered", outcome)
        assert fills(r)[1] == (day(3), "A", "sell", "market", 100, 120)
        assert r["trades"][0]["exit_reason"] == ("universe" if action == "REDUCE" else "as written")


def test_sectors_are_of_the_day():
    # A: its spell says Tech from day 2; before, the holdings' Energy; after day 3 it is outside and has none
    # B: no spell names a sector and holdings none: that of the fundamentals from the day it was known, whatever its age
    tables = {
        "universe": [spell("A", 0, 1), spell("A", 2, 3, "Tech"), spell("B", 0, None, "")],
        "fundamental_analysis": [
            {"symbol": "B", "timestamp": day(-800), "sector": "Old"},
            {"symbol": "B", "timestamp": day(-5), "available_at": day(2), "sector": "New"},
        ],
    }
    market = {"A": rows(*[100.0] * 5), "B": rows(*[100.0] * 5)}
    settings = reference.complete({"tables": tables, "sectors": {"A": "Energy", "B": None}})
    data = reference.Data(market, settings)
    assert [data.sector("A", day(k)) for k in range(5)] == ["Energy", "Energy", "Tech", "Tech", None]
    assert [data.sector("B", day(k)) for k in range(5)] == ["Old", "Old", "New", "New", "New"]


def test_the_market_is_the_mean_of_who_is_inside():
    # returns at day 1: A +10 %, B +30 %; at day 2 B is outside: A's -10 % alone; at day 3 nobody is inside
    market = {"A": rows(100.0, 110.0, 99.0, 99.0), "B": rows(100.0, 130.0, 100.0, 100.0)}
    tables = {"universe": [spell("A", 0, 2), spell("B", 0, 1)]}
    data = reference.Data(market, reference.complete({"tables": tables}))
    assert data.market_return(day(1)) == near(0.2) and data.market_return(day(2)) == near(-0.1)
    assert data.market_return(day(3)) is None


# ------------------------------------------------------------------------------------------------------- delistings


def test_a_told_delisting_closes_at_todays_close_with_its_return():
    # A held from day 1; told for day 2: mark is day 2's close 80, × 0.7 = 56; it trades on and can be bought again at day 2
    market = {"A": rows(100.0, 100.0, 80.0, 90.0)}
    tables = {"delistings": [{"symbol": "A", "date": day(2), "return": -0.3}]}
    r = go(market, {0: [("A", "BUY")], 2: [("A", "BUY")]}, tables)
    assert fills(r) == [
        (day(1), "A", "buy", "market", 100, 100),
        (day(2), "A", "sell", "delisting", 100, 56),
        (day(3), "A", "buy", "market", 125, 90),
    ]
    assert r["delisted_positions"] == 1 and r["trades"][0]["exit_reason"] == "delisting"


def test_a_told_delisting_without_a_bar_and_with_unknown_return():
    # told for day 3, on which nobody trades: it counts at day 4. Return unknown: the setting's -0.5. The last close is 120.
    market = {"A": rows(100.0, 100.0, 120.0), "B": rows(1.0, 1.0, 1.0, None, 1.0)}
    for unknown in (None, float("nan")):
        tables = {"delistings": [{"symbol": "A", "date": day(3), "return": unknown}]}
        r = go(market, {0: [("A", "BUY")]}, tables, delisting_return=-0.5)
        assert fills(r)[1] == (day(4), "A", "sell", "delisting", 100, 60)


def test_rows_that_do_nothing_and_the_latest_of_several():
    market = {"A": [row(k, 100.0) for k in (1, 2, 5)], "B": rows(*[1.0] * 6)}
    before = go(
        market,
        {1: [("A", "BUY")]},
        {
            "delistings": [
                {"symbol": "A", "date": day(0), "return": -1.0},
                {"symbol": "A", "date": day(9), "return": -1.0},
            ]
        },
    )
    assert [f[3] for f in fills(before)] == ["market"]
    only_a = {"A": market["A"]}  # no bar on days 3 and 4: both rows count at day 5, the later one's return
    both = go(
        only_a,
        {1: [("A", "BUY")]},
        {
            "delistings": [
                {"symbol": "A", "date": day(4), "return": 0.1},
                {"symbol": "A", "date": day(3), "return": -0.9},
            ]
        },
    )
    assert fills(both)[1] == (day(5), "A", "sell", "delisting", 100, near(110.0))


def test_a_told_delisting_drops_the_pending_order():
    market = {"A": [row(0, 100.0), row(5, 100.0)], "B": rows(*[1.0] * 6)}
    r = go(market, {0: [("A", "BUY")]}, {"delistings": [{"symbol": "A", "date": day(2), "return": 0.0}]})
    assert ends(r) == [(day(0), "A", "ordered", "delisted")]


# --------------------------------------------------------------------------------------------------- symbol changes


def change(old, new, k):
    return {"old_symbol": old, "new_symbol": new, "date": day(k)}


def test_an_instrument_has_one_history_under_its_last_name():
    # A -> B at day 2 -> C at day 4; A's rows from day 2 are another A; B's before day 2 have no name left
    changes = [change("A", "B", 2), change("B", "C", 4)]
    names = Names(changes)
    assert [names.last_name("A", day(k)) for k in (0, 1, 2)] == ["C", "C", "A"]
    assert [names.last_name("B", day(k)) for k in (1, 2, 3, 4)] == [None, "C", "C", "B"]
    assert [names.last_name("C", day(k)) for k in (3, 4)] == [None, "C"]
    assert [names.instrument(n) for n in "ABCD"] == ["C", "C", "C", "D"]
    market = {
        "A": [row(0, 100.0), row(1, 100.0), row(3, 7.0)],
        "B": [row(1, 9.0), row(2, 100.0), row(3, 110.0)],
        "C": [row(4, 120.0)],
    }
    r = go(market, {0: [("C", "BUY")], 3: [("C", "SELL")]}, {"symbol_changes": changes})
    assert fills(r) == [(day(1), "C", "buy", "market", 100, 100), (day(4), "C", "sell", "market", 100, 120)]
    assert r["trades"][0]["bars_held"] == 3
    chosen = reference.Data(
        market,
        reference.complete(
            {"tables": {"symbol_changes": changes}, "symbols": ["B"], "sectors": {"A": "Tech"}}
        ),
    )
    assert chosen.symbols == ["C"] and chosen.sector("C", day(0)) == "Tech"


def test_changes_that_cannot_be():
    with pytest.raises(ValueError, match="two changes"):
        Names([change("A", "B", 2), change("A", "C", 2)])
    with pytest.raises(ValueError, match="circle"):
        Names([change("A", "B", 2), change("B", "C", 4), change("C", "A", 6)])


# ------------------------------------------------------------------------------------------------ corporate actions


def test_cash_in_lieu_after_three_for_two():
    # 10,000 / 97 = 103.09 -> 103 shares in lots of 1. Split 3:2 at day 2: 154.5 -> 154; half a share at 97 / 1.5
    market = {"A": rows(97.0, 97.0, 70.0)}
    r = go(market, {0: [("A", "BUY")]}, {"corporate_actions": [event("A", 2, split=1.5)]}, lot_size=1.0)
    assert fills(r)[1] == (day(2), "A", "sell", "cash_in_lieu", 0.5, 97 / 1.5)
    assert [f["order_id"] for f in r["fills"]] == [1, 2] and r["fills"][1]["commission"] == 0
    closed, left = r["trades"]
    assert (closed["exit_reason"], closed["quantity"], closed["pnl"]) == (
        "cash_in_lieu",
        near(0.5),
        near(0.0),
    )
    assert left["quantity"] == near(154) and r["snapshots"][2]["turnover"] == 0.0
    assert r["snapshots"][2]["cash"] == near(100_000 - 103 * 97 + 0.5 * 97 / 1.5)
    whole = go(market, {0: [("A", "BUY")]}, {"corporate_actions": [event("A", 2, split=1.5)]})
    assert len(whole["fills"]) == 1  # fractions are shares where there are no lots


def test_cash_in_lieu_of_a_short_and_in_half_shares():
    # a short of 103: 1:10 makes 10.3; units of min(0.5, 1): 10.0; 0.3 is bought back at 970
    market = {"A": rows(97.0, 97.0, 960.0)}
    r = go(
        market,
        {0: [("A", "SELL")]},
        {"corporate_actions": [event("A", 2, split=0.1)]},
        lot_size=0.5,
        allow_short=True,
    )
    assert fills(r)[1] == (day(2), "A", "buy", "cash_in_lieu", near(0.3), 970)


def test_lots_of_ten_leave_single_shares():
    # 110 in lots of 10; 3:2 makes 165, which are whole shares
    market = {"A": rows(90.0, 90.0, 60.0)}
    r = go(market, {0: [("A", "BUY")]}, {"corporate_actions": [event("A", 2, split=1.5)]}, lot_size=10.0)
    assert len(r["fills"]) == 1 and r["trades"][0]["quantity"] == near(165)


def test_a_reverse_split_can_take_the_whole_position():
    market = {"A": rows(2000.0, 2000.0, 20_000.0)}  # 5 shares, 1:10: half a share
    r = go(market, {0: [("A", "BUY")]}, {"corporate_actions": [event("A", 2, split=0.1)]}, lot_size=1.0)
    assert fills(r)[1] == (day(2), "A", "sell", "cash_in_lieu", 0.5, 20_000)
    assert r["snapshots"][2]["num_positions"] == 0


def test_pending_orders_at_a_split_in_lots():
    # bought at day 0, 10,000 / 90 = 111.1 -> 110 in lots of 10; split 3:2 before it fills: 165 -> 160
    market = {"A": rows(90.0, None, 60.0, 60.0), "B": rows(1.0, 1.0, 1.0, 1.0)}
    tables = {"corporate_actions": [event("A", 1, split=1.5)]}
    r = go(market, {0: [("A", "BUY")]}, tables, lot_size=10.0)
    assert fills(r) == [(day(2), "A", "buy", "market", 160, 60)]
    # 1:100 leaves 1.1 shares and no lot: expired
    r = go(market, {0: [("A", "BUY")]}, {"corporate_actions": [event("A", 1, split=0.01)]}, lot_size=10.0)
    assert ends(r) == [(day(0), "A", "ordered", "expired")] and not r["fills"]
    # an order that closes the whole of 103 shares closes the whole of 154 after the cash for half a share
    market = {"A": rows(97.0, 97.0, None, 70.0), "B": rows(1.0, 1.0, 1.0, 1.0)}
    r = go(
        market,
        {0: [("A", "BUY")], 1: [("A", "SELL")]},
        {"corporate_actions": [event("A", 2, split=1.5)]},
        lot_size=1.0,
    )
    assert [f[3:5] for f in fills(r)] == [("market", 103), ("cash_in_lieu", 0.5), ("market", 154)]


def test_dividends_are_receivables_until_they_are_paid():
    # 100 shares, 2 each on day 2 (which has no bar: day 3), paid on day 5; 1 special beside it, without a pay date
    market = {"A": rows(100.0, 100.0, None, 100.0, 100.0, 100.0)}
    actions = [
        event("A", 2, dividend=2.0, pay=5, kind="regular"),
        event("A", 2, dividend=1.0, kind="special"),
    ]
    tables = {"corporate_actions": [*actions, dict(actions[0])]}  # an equal row counts once
    r = go(market, {0: [("A", "BUY")]}, tables, dividend_payment="pay_date", cash_interest_pct=0.0)
    assert [(s["cash"], s["receivable"], s["total_value"]) for s in r["snapshots"][1:]] == [
        (near(90_000), 0.0, near(100_000)),
        (near(90_100), near(200), near(100_300)),
        (near(90_100), near(200), near(100_300)),
        (near(90_300), 0.0, near(100_300)),
    ]
    assert r["trades"][0]["dividends"] == near(300)
    at_once = go(market, {0: [("A", "BUY")]}, tables)
    assert at_once["snapshots"][2]["cash"] == near(90_300) and at_once["snapshots"][2]["receivable"] == 0.0


def test_types_tell_equal_dividends_apart_and_splits_of_the_day_go_first():
    # 100 shares; 1 regular, 1 special and 2:1 on one day: 200 × 2. The regular one stands twice: the later pay date counts
    actions = [
        event("A", 2, dividend=1.0, kind="regular", pay=2),
        event("A", 2, dividend=1.0, kind="special"),
        event("A", 2, dividend=1.0, kind="regular", pay=3),
        event("A", 2, split=2.0),
    ]
    r = go(
        {"A": rows(100.0, 100.0, 50.0, 50.0)},
        {0: [("A", "BUY")]},
        {"corporate_actions": actions},
        dividend_payment="pay_date",
    )
    assert [(s["cash"], s["receivable"]) for s in r["snapshots"][2:]] == [
        (near(90_200), near(200)),
        (near(90_400), 0.0),
    ]


def test_a_short_owes_its_dividend_as_a_receivable_below_zero():
    market = {"A": rows(100.0, 100.0, 100.0)}
    r = go(
        market,
        {0: [("A", "SELL")]},
        {"corporate_actions": [event("A", 2, dividend=2.0, pay=9)]},
        dividend_payment="pay_date",
        allow_short=True,
    )
    last = r["snapshots"][-1]
    assert (last["cash"], last["receivable"], last["total_value"]) == (
        near(110_000),
        near(-200),
        near(99_800),
    )


def test_a_spin_off_with_the_split_of_its_row():
    # 100 shares of P; day 2 splits them 2:1 and brings 0.3 of C for each: 60 at C's open of 20
    market = {"P": rows(100.0, 100.0, 44.0), "C": [row(2, 21.0, open=20.0, low=19.0, high=25.0)]}
    r = go(
        market, {0: [("P", "BUY")]}, {"corporate_actions": [event("P", 2, split=2.0, child="C", ratio=0.3)]}
    )
    assert fills(r)[1] == (day(2), "C", "buy", "spin_off", 60, 20)
    child, parent = r["trades"]
    assert (child["signal_type"], child["entry_reason"], child["quantity"]) == (
        "spin_off",
        "spin_off",
        near(60),
    )
    assert child["mae_pct"] == near(-5) and child["mfe_pct"] == near(25)
    assert parent["dividends"] == near(1200)
    last = r["snapshots"][-1]
    assert (last["cash"], last["turnover"]) == (near(90_000), 0.0) and last["total_value"] == near(
        90_000 + 200 * 44 + 60 * 21
    )


def test_a_spin_off_waits_for_the_child_and_is_nothing_without_it():
    market = {"P": rows(100.0, 100.0, 95.0, 95.0), "C": [row(3, 21.0, open=None)]}
    tables = {"corporate_actions": [event("P", 2, child="C", ratio=0.3)]}
    r = go(market, {0: [("P", "BUY")]}, tables)
    assert fills(r)[1] == (day(3), "C", "buy", "spin_off", 30, 21)  # no open: its close
    market["C"] = rows(20.0, 20.0)  # no bar from the day on
    assert len(go(market, {0: [("P", "BUY")]}, tables)["fills"]) == 1
    del market["C"]
    with pytest.raises(ValueError, match="P spins off C"):
        go(market, {0: [("P", "BUY")]}, tables)


def test_a_spin_off_in_lots_and_of_a_short():
    # 100 short, 0.123 each: 12.3, of which 12 are sold short at 10; the rest of what is owed, 0.3 × 10, is cash
    market = {"P": rows(100.0, 100.0, 95.0), "C": [row(2, 10.0)]}
    r = go(
        market,
        {0: [("P", "SELL")]},
        {"corporate_actions": [event("P", 2, child="C", ratio=0.123)]},
        allow_short=True,
        lot_size=10.0,
    )
    assert fills(r)[1] == (day(2), "C", "sell", "spin_off", 12, 10)
    assert r["snapshots"][-1]["cash"] == near(110_000 - 123 + 120)
    nothing = go(
        market,
        {0: [("P", "SELL")]},
        {"corporate_actions": [event("P", 2, child="C", ratio=0.009)]},
        allow_short=True,
        lot_size=10.0,
    )
    assert len(nothing["fills"]) == 1 and nothing["snapshots"][-1]["cash"] == near(110_000 - 9)


def test_a_spin_off_closes_the_opposite_first():
    # C is short 500 at 20; 100 P bring 6 each = 600: 500 close the short, 100 are long
    market = {"P": rows(100.0, 100.0, 50.0), "C": rows(20.0, 20.0, 8.0)}
    r = go(
        market,
        {0: [("P", "BUY"), ("C", "SELL")]},
        {"corporate_actions": [event("P", 2, child="C", ratio=6.0)]},
        allow_short=True,
    )
    assert fills(r)[2] == (day(2), "C", "buy", "spin_off", 600, 8)
    closed = r["trades"][0]
    assert (closed["symbol"], closed["direction"], closed["exit_reason"], closed["pnl"]) == (
        "C",
        "short",
        "spin_off",
        near(6000),
    )
    assert [t["quantity"] for t in r["trades"]] == [near(500), near(100), near(100)]


def test_splits_go_before_spin_offs_whatever_the_order_of_symbols():
    # the child Z splits 2:1 on the day on which P brings it: its open of 20 is after that, and what comes is not split
    market = {"P": rows(100.0, 100.0, 50.0), "Z": rows(40.0, 40.0, 20.0)}
    tables = {
        "corporate_actions": [event("P", 2, child="Z", ratio=0.3), event("Z", 2, split=2.0, dividend=5.0)]
    }
    r = go(market, {0: [("P", "BUY")]}, tables)
    assert fills(r)[1] == (day(2), "Z", "buy", "spin_off", 30, 20) and r["trades"][1]["quantity"] == near(30)
    assert r["snapshots"][-1]["cash"] == near(90_000)


def test_total_return_knows_sums_of_a_day_and_spin_offs():
    # close 100 before day 2: dividends 2 + 3 and a spin-off of 0.5 × 10: factor 1 - 10 / 100; with a split 2:1, 1 - 20 / 100
    market = {"P": rows(50.0, 100.0, 90.0), "C": [row(2, 11.0, open=10.0)]}
    actions = [
        event("P", 2, dividend=2.0),
        event("P", 2, dividend=3.0, kind="special"),
        event("P", 2, child="C", ratio=0.5),
    ]
    data = reference.Data(
        market,
        reference.complete({"tables": {"corporate_actions": actions}, "signal_prices": "total_return"}),
    )
    assert data.window("P", day(2), 3) == [near(45), near(90), 90.0]
    actions.append(event("P", 2, split=2.0, kind="split"))
    data = reference.Data(
        market,
        reference.complete({"tables": {"corporate_actions": actions}, "signal_prices": "total_return"}),
    )
    assert data.window("P", day(2), 3) == [near(50 / 2 * 0.8), near(100 / 2 * 0.8), 90.0]


def test_the_row_of_prices_goes_before_the_table():
    market = {"A": [row(0, 100.0), row(1, 100.0), row(2, 50.0, split=2.0)]}
    r = go(market, {0: [("A", "BUY")]}, {"corporate_actions": [event("A", 2, split=3.0, dividend=1.0)]})
    assert r["trades"][0]["quantity"] == near(200) and r["trades"][0]["dividends"] == 0.0


# ---------------------------------------------------------------------------------------------------------- columns


def test_columns_have_what_was_known_and_not_too_old():
    # available_at goes before filing_date, which goes before timestamp + 90 days; 100 days after it was known it is dropped.
    # A value that is missing leaves the last one; a late restatement of an older period does not hide the newer one.
    table = [
        {"symbol": "A", "timestamp": day(0), "pe_ratio": 10.0},  # known on day 90
        {"symbol": "A", "timestamp": day(10), "filing_date": day(95), "pe_ratio": 11.0},
        {
            "symbol": "A",
            "timestamp": day(20),
            "available_at": day(97),
            "filing_date": day(21),
            "pe_ratio": 12.0,
        },
        {"symbol": "A", "timestamp": day(30), "available_at": day(98), "pe_ratio": None},
        {"symbol": "A", "timestamp": day(0), "available_at": day(99), "pe_ratio": 99.0},
    ]
    settings = reference.complete({"tables": {"fundamental_analysis": table}, "max_age_days": 100})
    tables = reference.Data({"A": rows(1.0)}, settings).tables
    seen = [tables.field("A", "pe_ratio", day(k)) for k in (89, 90, 94, 95, 96, 97, 98, 99, 197, 198)]
    assert seen == [None, 10.0, 10.0, 11.0, 11.0, 12.0, 12.0, 12.0, 12.0, None]


def test_a_rule_over_columns():
    table = [
        {"symbol": "A", "timestamp": day(0), "pe_ratio": 10.0},
        {"symbol": "B", "timestamp": day(0), "pe_ratio": 12.0},
        {"symbol": "A", "timestamp": day(2), "pe_ratio": 30.0},
        {"symbol": "B", "timestamp": day(1), "pe_ratio": 20.0},
    ]
    market = {"A": rows(100.0, 100.0, 100.0, 100.0), "B": rows(*[100.0] * 4), "C": rows(*[100.0] * 4)}
    r = reference.run(
        market,
        {"strategy": "rule", "rule": "cheap", "lag_days": 0, "tables": {"fundamental_analysis": table}},
    )
    assert [(s["timestamp"], s["symbol"], s["action"], s["score"]) for s in r["signals"]] == [
        (day(0), "A", "BUY", -10.0),
        (day(0), "B", "BUY", -12.0),
        (day(1), "A", "BUY", -10.0),
        (day(2), "A", "SELL", -30.0),
        (day(3), "A", "SELL", -30.0),
    ]


def test_ranks_are_among_those_inside():
    # highest pe_ratio of all is C's, which is outside: among A, B and D the ranks are 3, 2 and 1
    values = {"A": 10.0, "B": 20.0, "C": 90.0, "D": 30.0}
    table = [{"symbol": s, "timestamp": day(0), "pe_ratio": v} for s, v in values.items()]
    tables = {"fundamental_analysis": table, "universe": [spell(s, 0, None) for s in "ABD"]}
    r = reference.run(
        {s: rows(100.0, 100.0) for s in values},
        {"strategy": "rule", "rule": "ranked", "lag_days": 0, "tables": tables, "rebalance_dates": [day(0)]},
    )
    assert [(s["symbol"], s["action"], s["status"]) for s in r["signals"]] == [
        ("A", "REDUCE", "no_position"),
        ("B", "INCREASE", "ordered"),
        ("D", "INCREASE", "ordered"),
    ]
