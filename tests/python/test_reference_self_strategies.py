"""Checks of the reference's strategies, target decisions and ensembles; no binary needed. Worked by hand in the comments."""

import math
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import reference  # noqa: E402
from hand import day, near, row, rows  # noqa: E402

FREE = {"slippage_bps": 0.0, "commission_pct": 0.0, "max_participation": 0.0}


def play(market, **settings):
    return reference.run(market, {**FREE, **settings})


def follow(market, written, **settings):
    """Signals as written: {k: [(symbol, action, target), …]} by day, strength 1 unless a fourth value says it."""
    return play(market, strategy="script", signals=by_day(written), sizing_basis="initial", **settings)


def by_day(written):
    return {day(k): [(*s, 1.0)[:4] for s in signals] for k, signals in written.items()}


def member(written, **more):
    return {"strategy": "script", "signals": by_day(written), **more}


def told(result, *columns):
    return [tuple(s[c] for c in columns) for s in result["signals"]]


def statuses(result):
    return [s["status"] for s in result["signals"]]


# ------------------------------------------------------------------------------------------------- sector_rotation


def rotate(market, sectors, **settings):
    return play(
        market, strategy="sector_rotation", sectors=sectors, **{"lookback": 2, "rotation_freq": 1, **settings}
    )


def test_rotation_by_hand():
    # Over a day A +10 %, B +6 %: Tech's mean is 8 %. C −10 % is Energy, E +2 % is Health, D has no sector.
    market = {
        "A": rows(100.0, 110.0, 110.0),
        "B": rows(100.0, 106.0, 106.0),
        "C": rows(100.0, 90.0, 90.0),
        "D": rows(100.0, 200.0, 200.0),
        "E": rows(100.0, 102.0, 102.0),
    }
    sectors = {"A": "Tech", "B": "Tech", "C": "Energy", "D": None, "E": "Health"}
    r = rotate(market, sectors, rotation_freq=2, start=day(1))
    assert told(r, "symbol", "action", "signal_type", "target_position", "status") == [
        ("A", "INCREASE", "sector_rotation_enter", 1.0, "ordered"),
        ("B", "INCREASE", "sector_rotation_enter", 1.0, "ordered"),
        ("C", "REDUCE", "sector_rotation_exit", 0.25, "no_position"),
    ]
    assert [s["score"] for s in r["signals"]] == [near(0.1), near(0.06), near(-0.1)]
    assert {s["strength"] for s in r["signals"]} == {0.7}
    assert [(f["symbol"], f["quantity"]) for f in r["fills"]] == [
        ("A", near(10_000 / 110)),
        ("B", near(10_000 / 106)),
    ]
    assert not r["ties"]


def test_rotation_ties_go_to_the_first_in_byte_order():
    # a and B rise by 10 %, D and c stay: of the best B is first in byte order, of the worst D ("D" < "c").
    market = {
        "1": rows(100.0, 110.0),
        "2": rows(100.0, 110.0),
        "3": rows(100.0, 100.0),
        "4": rows(100.0, 100.0),
    }
    r = rotate(market, {"1": "a", "2": "B", "3": "c", "4": "D"})
    assert told(r, "symbol", "action") == [("2", "INCREASE"), ("4", "REDUCE")]
    assert r["ties"]  # which another engine's rounding could turn
    # all alike: best and worst are one sector, and there is nothing to rotate
    assert rotate(market, {"1": "a", "2": "b", "3": None, "4": None})["signals"] == []
    # one sector, or one whose only other has no full window
    assert rotate(market, dict.fromkeys(market, "a"))["signals"] == []
    assert rotate({**market, "4": rows(None, 100.0)}, {"1": "a", "4": "D"})["signals"] == []


def test_rotation_without_a_full_window_or_a_bar():
    # Lookback 3 at day 2: Tech is A alone (+20 %), but F and G, listed on day 1, are Tech, too; G has no bar at day 2.
    # Energy is C (−10 %) and H, whose only bar is that of day 2.
    market = {
        "A": rows(100.0, 110.0, 120.0, 120.0),
        "F": rows(None, 50.0, 50.0, 50.0),
        "G": rows(None, 50.0, None, 50.0),
        "C": rows(100.0, 95.0, 90.0, 90.0),
        "H": rows(None, None, 5.0, 5.0),
    }
    sectors = {"A": "Tech", "F": "Tech", "G": "Tech", "C": "Energy", "H": "Energy"}
    r = rotate(market, sectors, lookback=3, end=day(2))
    assert told(r, "symbol", "action", "score") == [
        ("A", "INCREASE", near(0.2)),
        ("C", "REDUCE", near(-0.1)),
        ("F", "INCREASE", -math.inf),
        ("H", "REDUCE", -math.inf),
    ]
    # −∞ is served last: A takes 60,000 of the 100,000, F gets what is left, two thirds of its 60,000
    r = rotate(market, sectors, lookback=3, max_position_pct=0.6, rotation_freq=3, start=day(2))
    assert [(f["symbol"], f["quantity"]) for f in r["fills"]] == [("A", near(500.0)), ("F", near(800.0))]


def test_rotation_counts_how_often_it_is_asked():
    # every third time, the first included, though the first gives nothing (no window): days 0, 3, 6
    market = {
        "A": rows(*[100.0 * 1.01**k for k in range(8)]),
        "B": rows(*[100.0 * 0.99**k for k in range(8)]),
    }
    sectors = {"A": "up", "B": "down"}
    assert [s["timestamp"] for s in rotate(market, sectors, rotation_freq=3)["signals"][::2]] == [
        day(3),
        day(6),
    ]
    # asked on Mondays only: days 0 and 7; the second time of two is none
    weekly = rotate(market, sectors, rotation_freq=2, start=day(0), rebalance_frequency="weekly")
    assert weekly["signals"] == []
    assert (
        len(rotate(market, sectors, rotation_freq=2, start=day(1), rebalance_frequency="weekly")["signals"])
        == 2
    )
    # a total return: B's dividend of 5 on day 7 makes up for its fall, but A's rise is still the larger
    market["B"][7]["dividend"] = 5.0
    r = rotate(market, sectors, rotation_freq=7, signal_prices="total_return")
    close, before = market["B"][7]["close"], market["B"][6]["close"]
    assert r["signals"][1]["score"] == near(close / (before * (1 - 5 / before)) - 1)


# ------------------------------------------------------------------------------------ INCREASE, REDUCE and TARGET


def test_increase_and_reduce_of_a_long():
    # Price 100 throughout, a full position is 10,000 or 100 shares; orders fill at the next day's open.
    r = follow(
        {"A": rows(*[100.0] * 14)},
        {
            0: [("A", "INCREASE", 0.5)],  # opens 50
            1: [("A", "INCREASE", 0.5)],  # 5,000 are there
            2: [("A", "INCREASE", 0.549)],  # 490 more: less than 5 % of a full position
            3: [("A", "INCREASE", 1.0)],  # 50 more
            4: [("A", "REDUCE", 1.0)],  # never raises, nothing to lower
            5: [("A", "REDUCE", 0.951)],  # 490 less
            6: [("A", "REDUCE", 0.25)],  # 75 less
            7: [("A", "REDUCE", 0.25), ("A", "INCREASE", 0.1), ("A", "REDUCE", 0.5), ("A", "BUY", 1.0)],
            8: [("A", "REDUCE", 0.0)],  # closes the 25
            9: [("A", "REDUCE", 0.25), ("A", "INCREASE", 0.0), ("A", "HOLD", 0.0)],
            10: [("A", "INCREASE", 0.3)],
            11: [("A", "REDUCE", -0.5)],  # closes too
        },
    )
    assert statuses(r) == [
        "ordered",
        "at_target",
        "below_minimum",
        "ordered",
        "at_target",
        "below_minimum",
        "ordered",
        "at_target",
        "at_target",
        "at_target",
        "already_held",
        "ordered",
        "no_position",
        "at_target",
        "hold",
        "ordered",
        "ordered",
    ]
    assert [(f["timestamp"], f["side"], f["quantity"]) for f in r["fills"]] == [
        (day(1), "buy", 50.0),
        (day(4), "buy", 50.0),
        (day(7), "sell", 75.0),
        (day(9), "sell", 25.0),
        (day(11), "buy", 30.0),
        (day(12), "sell", 30.0),
    ]
    # each selling order is a trade; the 75 are all of the first lot and half of the second
    assert [(t["entry_date"], t["exit_date"], t["quantity"], t["status"]) for t in r["trades"]] == [
        (day(1), day(7), 75.0, "closed"),
        (day(4), day(9), 25.0, "closed"),
        (day(11), day(12), 30.0, "closed"),
    ]


def test_raising_a_position_that_moved():
    # 100 shares at 100; at 80 they are worth 8,000. INCREASE 1.0: 2,000 / 80 = 25 more; in lots of 10 it is 20. At 125
    # the 120 (or 125) are worth more than a full position and INCREASE does nothing; REDUCE 0.5 sells what is above 5,000.
    market = {"A": rows(100.0, 100.0, 80.0, 80.0, 125.0, 125.0)}
    plan = {
        0: [("A", "BUY", 1.0)],
        2: [("A", "INCREASE", 1.0)],
        4: [("A", "INCREASE", 1.0), ("A", "REDUCE", 0.5)],
    }
    r = follow(market, plan)
    assert [f["quantity"] for f in r["fills"]] == [100.0, 25.0, near((125 * 125 - 5000) / 125)]
    assert statuses(r) == ["ordered", "ordered", "at_target", "ordered"]
    r = follow(market, plan, lot_size=10.0)  # (120 × 125 − 5,000) / 125 = 80
    assert [f["quantity"] for f in r["fills"]] == [100.0, 20.0, 80.0]
    # in lots of 50 the raise of 25 is none
    assert statuses(follow(market, plan, lot_size=50.0)) == [
        "ordered",
        "below_minimum",
        "at_target",
        "ordered",
    ]
    # min_trade_frac 0.25: 2,000 is too small, but an opening or a close of any size is not
    assert statuses(follow(market, plan, min_trade_frac=0.25))[1] == "below_minimum"
    assert statuses(
        follow(market, {0: [("A", "INCREASE", 0.1)], 2: [("A", "REDUCE", 0.0)]}, min_trade_frac=0.25)
    ) == ["ordered", "ordered"]


def test_strength_scales_what_opens_or_raises_and_not_reduce():
    # strength 0.5: INCREASE 1.0 wants 50 shares and is there then; REDUCE 0.4 sells down to 40, not to 20
    market = {"A": rows(*[100.0] * 6)}
    plan = {
        0: [("A", "INCREASE", 1.0, 0.5)],
        1: [("A", "INCREASE", 1.0, 0.5)],
        2: [("A", "REDUCE", 0.4, 0.5)],
    }
    r = follow(market, plan, target_scaled_by_strength=True)
    assert [f["quantity"] for f in r["fills"]] == [50.0, 10.0] and statuses(r)[1] == "at_target"
    assert r["signals"][0]["target_position"] == 1.0  # recorded as the strategy said it


def test_increase_and_reduce_of_a_short():
    market = {"A": rows(*[100.0] * 6)}
    r = follow(
        market,
        {0: [("A", "SELL", 0.5)], 2: [("A", "REDUCE", 0.25)], 3: [("A", "INCREASE", 1.0)]},
        allow_short=True,
    )
    assert statuses(r) == ["ordered", "at_target", "ordered"]
    assert [(f["side"], f["quantity"]) for f in r["fills"]] == [
        ("sell", 50.0),
        ("buy", 50.0),
    ]  # closes, does not turn


def test_increase_and_reduce_meet_pending_orders():
    # no volume, so that orders wait: INCREASE repeats BUY's side; REDUCE cancels it, though it is itself no_position
    market = {"A": rows(*[100.0] * 5, volume=0)}
    r = follow(
        market,
        {
            0: [("A", "BUY", 1.0)],
            1: [("A", "INCREASE", 1.0)],
            2: [("A", "REDUCE", 0.25)],
            3: [("A", "INCREASE", 1.0)],
        },
        max_participation=0.1,
    )
    assert told(r, "status", "outcome") == [
        ("ordered", "replaced"),
        ("already_ordered", "none"),
        ("no_position", "none"),
        ("ordered", "open_at_end"),
    ]


def test_a_reduction_is_served_before_an_opening_and_a_raise_with_the_openings():
    # day 2: Z is held with everything; it is halved, and B opened with the half: closings first, though Z's name is later
    market = {"Z": rows(*[100.0] * 5), "B": rows(*[100.0] * 5)}
    plan = {0: [("Z", "BUY", 1.0)], 2: [("B", "INCREASE", 0.5), ("Z", "REDUCE", 0.5)]}
    r = follow(market, plan, max_position_pct=1.0)
    assert [(f["symbol"], f["quantity"]) for f in r["fills"]] == [("Z", 1000.0), ("Z", 500.0), ("B", 500.0)]
    r = follow(market, plan, max_position_pct=1.0, serve_order="symbol")
    assert told(r, "symbol", "outcome")[1:] == [("B", "insufficient_cash"), ("Z", "filled")]
    # A raise is limited by cash and cut to lots as an opening is: with 10,000, B 50 and Z 20 are held, 3,000 are left for
    # the 50 more. In lots of 20: B's 50 are 40, Z's 20 are 20; 4,000 pay for all of the 50, which are 40.
    plan = {0: [("Z", "BUY", 0.2), ("B", "BUY", 0.5)], 2: [("Z", "INCREASE", 0.7)]}
    r = follow(market, plan, initial_capital=10_000.0, max_position_pct=1.0, lot_size=1.0)
    assert r["fills"][-1]["quantity"] == 30.0 and r["signals"][-1]["outcome"] == "scaled"
    r = follow(
        market, plan, initial_capital=10_000.0, max_position_pct=1.0, lot_size=20.0, min_scale_frac=0.3
    )
    assert [f["quantity"] for f in r["fills"]] == [40.0, 20.0, 40.0]


def test_after_ruin():
    # short 500 at 80 with 100,000: at 400 the equity is 140,000 − 200,000
    market = {"A": rows(80.0, 80.0, 400.0, 100.0, 100.0)}
    plan = {0: [("A", "SELL", 0.4)], 3: [("A", "INCREASE", 1.0), ("A", "REDUCE", 0.5), ("A", "TARGET", 0.5)]}
    r = follow(market, plan, allow_short=True, max_position_pct=1.0)
    assert r["ruined"] and statuses(r)[1:] == ["risk_limited", "no_position", "risk_limited"]
    r = play(market, strategy="script", signals=by_day(plan), allow_short=True, max_position_pct=1.0)
    assert statuses(r)[1] == "below_minimum"  # of an equity below 0 there is no full position


def test_target_sets_the_signed_weight():
    plan = {
        0: [("A", "TARGET", 0.5)],
        1: [("A", "TARGET", 0.5)],
        2: [("A", "TARGET", 0.51)],
        3: [("A", "TARGET", 0.2)],
        4: [("A", "TARGET", -0.4)],
        5: [("A", "TARGET", -0.1)],
        6: [("A", "TARGET", 0.3)],
        7: [("A", "TARGET", 0.0)],
        8: [("A", "TARGET", 0.0)],
    }
    market = {"A": rows(*[100.0] * 10)}
    r = follow(market, plan, allow_short=True, commission_pct=0.01)
    assert statuses(r) == [
        "ordered",
        "at_target",
        "below_minimum",
        "ordered",
        "ordered",
        "ordered",
        "ordered",
        "ordered",
        "at_target",
    ]
    # across zero it is one order and one fill: of the 60 sold 20 close, 40 open; a third of the commission is the closing's
    assert [(f["side"], near(f["quantity"])) for f in r["fills"]] == [
        ("buy", 50.0),
        ("sell", 30.0),
        ("sell", 60.0),
        ("buy", 30.0),
        ("buy", 40.0),
        ("sell", 30.0),
    ]
    assert [(t["direction"], near(t["quantity"]), near(t["commission"])) for t in r["trades"]] == [
        ("long", 30.0, 60.0),
        ("long", 20.0, 40.0),
        ("short", 30.0, 60.0),
        ("short", 10.0, 20.0),
        ("long", 30.0, 60.0),
    ]
    # without allow_short a negative weight closes, and of a flat symbol there is nothing to close
    r = follow(market, {0: [("A", "TARGET", 0.5)], 1: [("A", "TARGET", -0.4)], 3: [("A", "TARGET", -0.4)]})
    assert statuses(r) == ["ordered", "ordered", "no_position"] and r["fills"][1]["quantity"] == 50.0


# --------------------------------------------------------------------------------------------------- portfolio_beta


def beta(market, **settings):
    return play(market, **{"strategy": "portfolio_beta", "lookback": 2, **settings})


def test_beta_by_hand():
    # The market M goes +10 %, −10 %: mean 0, Σ m² = 0.02. A +20 %, −20 %: Σ rm = 0.04, beta 2. B +5 %, −5 %: beta 0.5.
    # C stays: beta 0. D moves as M does: beta 1, within the band. E has one return only, F no bar at day 2.
    market = {
        "M": rows(100.0, 110.0, 99.0),
        "A": rows(100.0, 120.0, 96.0),
        "B": rows(100.0, 105.0, 99.75),
        "C": rows(7.0, 7.0, 7.0),
        "D": rows(10.0, 11.0, 9.9),
        "E": rows(None, 5.0, 6.0),
        "F": rows(1.0, 2.0, None),
    }
    apart = {"benchmark": "M", "symbols": ["F", "E", "D", "C", "B", "A"]}
    r = beta(market, **apart)
    assert told(r, "symbol", "action", "signal_type", "target_position") == [
        ("A", "REDUCE", "beta_high", 0.5),
        ("B", "INCREASE", "beta_low", 1.0),
        ("C", "INCREASE", "beta_low", 1.0),
    ]
    assert [(s["score"], s["strength"]) for s in r["signals"]] == [
        (near(1.0), near(1.0)),
        (near(0.5), near(0.5)),
        (1.0, 1.0),
    ]
    assert told(beta(market, strategy="beta", **apart), "score") == told(r, "score")
    assert {f["symbol"] for f in r["fills"]} <= {"A", "B", "C"}
    # target 0.4, band 0.2: 2 is high by 1.6 (four targets: strength 1), 0 is low by 0.4; target 0: strength 1
    r = beta(market, target_beta=0.4, **apart)
    assert told(r, "symbol", "score", "strength") == [
        ("A", near(1.6), 1.0),
        ("C", near(0.4), near(1.0)),
        ("D", near(0.6), 1.0),
    ]
    r = beta(market, target_beta=0.0, **apart)
    assert told(r, "symbol", "score", "strength") == [
        ("A", near(2.0), 1.0),
        ("B", near(0.5), 1.0),
        ("D", near(1.0), 1.0),
    ]
    # among the run's symbols the benchmark is traded as any: its beta to itself is 1
    assert told(beta(market, benchmark="M", target_beta=0.0), "symbol") == [("A",), ("B",), ("D",), ("M",)]
    # a benchmark that stands still: its variance is 0, and there is no signal
    assert beta(market, benchmark="C")["signals"] == [] and not beta(market, benchmark="C")["ties"]


def test_beta_without_a_benchmark():
    # the mean of A and B: +12.5 %, −12.5 %: betas 20 / 12.5 = 1.6 and 5 / 12.5 = 0.4
    market = {"A": rows(100.0, 120.0, 96.0), "B": rows(100.0, 105.0, 99.75)}
    r = beta(market)
    assert told(r, "symbol", "action", "score") == [("A", "REDUCE", near(0.6)), ("B", "INCREASE", near(0.6))]
    # N, listed on day 1, has one return: it gets no signal, but it is in the mean of day 2: (−20 − 5 + 40) / 3 = 5 %.
    # Market 12.5 %, 5 %: mean 8.75, deviations ±3.75; A's are ±20: beta 20 / 3.75; B's are ±5: beta 5 / 3.75.
    r = beta({**market, "N": rows(None, 10.0, 14.0)})
    assert told(r, "symbol", "score") == [("A", near(20 / 3.75 - 1)), ("B", near(5 / 3.75 - 1))]


def test_beta_counts_days_on_which_the_market_has_a_return():
    # M has no bar at day 2: its return of day 3 is 99 / 110 − 1 = −10 %, between its own bars. A's return of day 2 has no
    # partner; its pairs at day 3 are (20 %, 10 %) and (120 / 150 − 1 = −20 %, −10 %): beta 2. At day 2 there is one pair.
    market = {"M": rows(100.0, 110.0, None, 99.0), "A": rows(100.0, 120.0, 150.0, 120.0)}
    r = beta(market, benchmark="M", symbols=["A"])
    assert told(r, "timestamp", "score") == [(day(3), near(1.0))]
    # At day 4 M has no bar, A has: the last two pairs are the same, and so is the signal.
    r = beta({"M": market["M"], "A": rows(100.0, 120.0, 150.0, 120.0, 90.0)}, benchmark="M", symbols=["A"])
    assert told(r, "timestamp", "score") == [(day(3), near(1.0)), (day(4), near(1.0))]


def test_a_benchmark_apart_has_days_of_its_own():
    # M trades on day 2, A does not: the calendar has no day 2, but M's return of day 3 begins there: 99 / 110 = −10 %.
    # A's is 96 / 120 = −20 %. Splits and dividends of M do not move its returns (the dividend only under total_return).
    m = rows(100.0, 110.0, 220.0, 99.0)
    m[2] = row(2, 55.0, split=2.0)
    m[3] = row(3, 49.5, dividend=5.5)
    market = {"M": m, "A": rows(100.0, 120.0, None, 96.0)}
    r = beta(market, benchmark="M", symbols=["A"])
    assert [s["date"] for s in r["snapshots"]] == [day(0), day(1), day(3)]
    assert told(r, "timestamp", "score") == [(day(3), near(1.0))]
    # total return of M at day 3: 49.5 / (55 × (1 − 5.5 / 55)) − 1 = 0: market 10 %, 0 %, deviations ±5 %; A's ±20 %
    r = beta(market, benchmark="M", symbols=["A"], signal_prices="total_return")
    assert told(r, "score") == [(near(3.0),)]


# -------------------------------------------------------------------------------------------------------- ensembles


def ensemble(market, members, combine, **settings):
    return play(market, strategies=members, combine=combine, **{"sizing_basis": "initial", **settings})


def test_union_the_exit_wins():
    # Day 0: flat, BUY against SELL: the sale wins, and finds nothing. Day 1: both buy: one order. Day 3: held, the second's
    # INCREASE is overruled. Day 5: HOLD takes no part.
    first = member(
        {0: [("A", "BUY", 1.0)], 1: [("A", "BUY", 1.0)], 3: [("A", "REDUCE", 0.5)], 5: [("A", "HOLD", 0.0)]}
    )
    second = member(
        {
            0: [("A", "SELL", 1.0)],
            1: [("A", "INCREASE", 1.0)],
            3: [("A", "INCREASE", 1.0)],
            5: [("A", "INCREASE", 1.0)],
        }
    )
    r = ensemble({"A": rows(*[100.0] * 8)}, [first, second], "union")
    assert told(r, "strategy", "action", "status") == [
        ("script", "BUY", "overruled"),
        ("script#2", "SELL", "no_position"),
        ("script", "BUY", "ordered"),
        ("script#2", "INCREASE", "already_ordered"),
        ("script", "REDUCE", "ordered"),
        ("script#2", "INCREASE", "overruled"),
        ("script", "HOLD", "hold"),
        ("script#2", "INCREASE", "ordered"),
    ]
    assert [(f["strategy"], f["side"], f["quantity"]) for f in r["fills"]] == [
        ("script", "buy", 100.0),
        ("script", "sell", 50.0),
        ("script#2", "buy", 50.0),
    ]
    # the closed trade and the oldest of the open lots are the first's
    assert [(t["strategy"], t["status"], t["quantity"]) for t in r["trades"]] == [
        ("script", "closed", 50.0),
        ("script", "open", 100.0),
    ]


def test_union_of_a_short_and_of_pending_orders():
    # Day 2: a short is held, so the buy side is the exit. No volume on day 3: the covering waits; on day 3 the first's SELL
    # is overruled by the second's BUY and cancels nothing; the BUY finds its side ordered.
    market = {"A": [row(k, 100.0, volume=0 if k == 3 else 1_000_000) for k in range(6)]}
    first = member({0: [("A", "SELL", 1.0)], 2: [("A", "SELL", 1.0)], 3: [("A", "SELL", 1.0)]})
    second = member({2: [("A", "BUY", 1.0)], 3: [("A", "BUY", 1.0)]})
    r = ensemble(market, [first, second], "union", allow_short=True, max_participation=0.1)
    assert told(r, "action", "status", "outcome") == [
        ("SELL", "ordered", "filled"),
        ("SELL", "overruled", "none"),
        ("BUY", "ordered", "filled"),
        ("SELL", "overruled", "none"),
        ("BUY", "already_ordered", "none"),
    ]
    assert [(f["timestamp"], f["strategy"]) for f in r["fills"]] == [(day(1), "script"), (day(4), "script#2")]
    assert [(t["strategy"], t["direction"]) for t in r["trades"]] == [("script", "short")]
    # the members' order decides who is first: all of the first's symbols before the second's
    r = ensemble(
        {"A": rows(100.0, 100.0), "B": rows(100.0, 100.0)},
        [member({0: [("B", "BUY", 1.0)]}), member({0: [("A", "BUY", 1.0), ("B", "BUY", 0.5)]})],
        "union",
    )
    assert told(r, "symbol", "status") == [("B", "ordered"), ("A", "ordered"), ("B", "already_ordered")]
    assert [(f["order_id"], f["symbol"]) for f in r["fills"]] == [
        (2, "A"),
        (1, "B"),
    ]  # equal scores: symbol order
    # TARGET takes the side of its change: down to 0.2 of what is held whole, so the BUY is overruled
    first = member({0: [("A", "BUY", 1.0)], 2: [("A", "TARGET", 0.2)]})
    r = ensemble(market, [first, member({2: [("A", "BUY", 1.0)]})], "union")
    assert statuses(r) == ["ordered", "ordered", "overruled"]


def test_vote_by_hand():
    # Weights 2 and 1. A: BUY of 0.5 and SELL of 0.7: v = 1 − 0.7 = 0.3. B: SELL of 0.9 by the second alone: −0.9. C: v = 0.2.
    # D: HOLD is no vote. E: TARGET 0 counts as a sale: −2 × 0.4 + 0.7 × 1 = −0.1.
    first = member(
        {
            0: [
                ("A", "BUY", 1.0, 0.5),
                ("C", "INCREASE", 1.0, 0.1),
                ("D", "HOLD", 0.0),
                ("E", "TARGET", 0.0, 0.4),
            ]
        },
        weight=2.0,
    )
    second = member({0: [("A", "SELL", 0.5, 0.7), ("B", "REDUCE", 0.5, 0.9), ("E", "TARGET", 0.5, 0.7)]})
    market = {s: rows(100.0, 100.0) for s in "ABCDE"}
    r = ensemble(market, [first, second], "vote", vote_threshold=0.25)
    assert told(r, "strategy", "symbol", "action", "signal_type", "status", "outcome") == [
        ("script", "A", "BUY", "script", "voted", "none"),
        ("script", "C", "INCREASE", "script", "voted", "none"),
        ("script", "D", "HOLD", "script", "hold", "none"),
        ("script", "E", "TARGET", "script", "voted", "none"),
        ("script#2", "A", "SELL", "script", "voted", "none"),
        ("script#2", "B", "REDUCE", "script", "voted", "none"),
        ("script#2", "E", "TARGET", "script", "voted", "none"),
        ("vote", "A", "BUY", "vote_buy", "ordered", "filled"),
        ("vote", "B", "SELL", "vote_sell", "no_position", "none"),
    ]
    a, b = r["signals"][-2:]
    assert (a["score"], a["strength"], a["target_position"]) == (near(0.3), near(0.1), 1.0)
    assert (b["score"], b["strength"], b["target_position"]) == (near(0.9), near(0.3), 1.0)
    assert {f["strategy"] for f in r["fills"]} == {t["strategy"] for t in r["trades"]} == {"vote"}
    # strictly beyond: 0.7 of weight 1 against 0.7 is no majority; fixed strengths have no rounding and are no tie
    r = ensemble(market, [member({0: [("A", "BUY", 1.0, 0.7)]}), member({})], "vote", vote_threshold=0.7)
    assert statuses(r) == ["voted"] and not r["ties"]
    # a short takes the target of 1.0 whole
    r = ensemble(market, [first, second], "vote", vote_threshold=0.25, allow_short=True)
    assert [(f["symbol"], f["side"], f["quantity"]) for f in r["fills"]] == [
        ("B", "sell", 100.0),
        ("A", "buy", 100.0),
    ]


def test_sleeves_share_a_bar_and_not_the_cash():
    # Weights 3 and 1: 75,000 and 25,000. Full positions 7,500 and 2,500: 75 and 25 shares at 100. 10 % of the 900 of day 1
    # are 90: the first takes 75, the second the 15 left, and 10 on day 2. The price of day 2 on is 110.
    market = {
        "A": [row(0, 100.0), row(1, 100.0, volume=900), row(2, 110.0), row(3, 110.0), row(4, 110.0)],
        "B": rows(*[50.0] * 5),
    }
    first = member({0: [("A", "BUY", 1.0)], 3: [("A", "SELL", 1.0)]}, weight=3.0)
    second = member({0: [("A", "BUY", 1.0), ("B", "BUY", 1.0)]}, weight=1.0)
    r = ensemble(market, [first, second], "sleeves", max_participation=0.1)
    assert [
        (f["timestamp"], f["order_id"], f["strategy"], f["symbol"], f["quantity"]) for f in r["fills"]
    ] == [
        (day(1), 1, "script", "A", 75.0),
        (day(1), 2, "script#2", "A", 15.0),
        (day(1), 3, "script#2", "B", 50.0),
        (day(2), 2, "script#2", "A", 10.0),
        (day(4), 4, "script", "A", 75.0),
    ]
    snap = r["snapshots"][2]
    assert snap["cash"] == near(75_000 - 7_500 + 25_000 - 1_500 - 2_500 - 1_100)
    assert snap["total_value"] == near(100_000 + 75 * 10 + 15 * 10)
    assert snap["num_positions"] == 3  # A is held twice
    assert snap["max_position_size"] == near(8_250 / 100_900)
    assert snap["gross_value"] == near(8_250 + 2_750 + 2_500)
    assert snap["concentration"] == near((8_250**2 + 2_750**2 + 2_500**2) / 13_500**2)
    assert snap["turnover"] == near(1_100 / 100_900) and snap["daily_return"] == near(0.009)
    assert r["snapshots"][1]["turnover"] == near((7_500 + 1_500 + 2_500) / 100_000)
    assert [(t["strategy"], t["symbol"], t["status"], t["quantity"]) for t in r["trades"]] == [
        ("script", "A", "closed", 75.0),
        ("script#2", "A", "open", 25.0),
        ("script#2", "B", "open", 50.0),
    ]
    assert r["metrics"]["total_trades"] == 1 and r["metrics"]["total_return_pct"] == near(0.9)
    # in the other order the second strategy is served first
    r = ensemble(market, [second, first], "sleeves", max_participation=0.1)
    assert [(f["strategy"], f["symbol"], f["quantity"]) for f in r["fills"][:3]] == [
        ("script", "A", 25.0),
        ("script", "B", 50.0),
        ("script#2", "A", 65.0),
    ]


def test_sleeves_are_ruined_and_delisted_each_by_itself():
    # The first shorts 0.4 × 50,000 / 80 = 250 A; at 400 its equity is 70,000 − 100,000: ruined. The second holds 50 shares
    # of B, which ends on day 2 and is delisted on day 13.
    market = {"A": rows(80.0, 80.0, 400.0, *[100.0] * 11), "B": rows(100.0, 100.0, 100.0)}
    first = member({0: [("A", "SELL", 0.4)], 3: [("A", "BUY", 1.0)]})
    second = member({0: [("B", "BUY", 0.1)], 3: [("A", "BUY", 0.1)]})
    r = ensemble(market, [first, second], "sleeves", allow_short=True, max_position_pct=1.0)
    assert told(r, "strategy", "symbol", "status") == [
        ("script", "A", "ordered"),
        ("script#2", "B", "ordered"),
        ("script", "A", "risk_limited"),
        ("script#2", "A", "ordered"),
    ]
    assert r["ruined"] and r["delisted_positions"] == 1
    assert [(f["strategy"], f["kind"], f["symbol"]) for f in r["fills"] if f["kind"] != "market"] == [
        ("script", "ruin", "A"),
        ("script#2", "delisting", "B"),
    ]
    assert r["snapshots"][2]["total_value"] == near(100_000 - 250 * 320)
    # both hold B: it counts twice
    both = member({0: [("B", "BUY", 0.1)]})
    assert ensemble(market, [both, both], "sleeves")["delisted_positions"] == 2


def test_trades_of_sleeves_go_by_date_symbol_and_order():
    # both close B and A on day 3: A before B, and of each the first sleeve's, whose order is older
    market = {"A": rows(*[100.0] * 4), "B": rows(*[100.0] * 4)}
    plan = {0: [("B", "BUY", 1.0), ("A", "BUY", 1.0)], 2: [("B", "SELL", 1.0), ("A", "SELL", 1.0)]}
    r = ensemble(market, [member(plan), member(plan)], "sleeves")
    assert [(t["trade_id"], t["symbol"], t["strategy"]) for t in r["trades"]] == [
        (1, "A", "script"),
        (2, "A", "script#2"),
        (3, "B", "script"),
        (4, "B", "script#2"),
    ]
    # left open: by symbol, then by sleeve
    r = ensemble(market, [member({0: plan[0]}), member({0: plan[0]})], "sleeves")
    assert [(t["symbol"], t["strategy"]) for t in r["trades"]] == [
        ("A", "script"),
        ("A", "script#2"),
        ("B", "script"),
        ("B", "script#2"),
    ]


def test_members_have_parameters_of_their_own():
    # momentum of 2 and of 3 bars: at day 1 only the first has a window, at day 2 both
    market = {"A": rows(100.0, 110.0, 121.0)}
    members = [
        {"strategy": "momentum", "lookback": 2, "threshold": 0.05},
        {"strategy": "momentum", "lookback": 3, "threshold": 0.2, "weight": 2.0},
    ]
    r = ensemble(market, members, "union")
    assert told(r, "timestamp", "strategy", "score") == [
        (day(1), "momentum", near(0.1)),
        (day(2), "momentum", near(0.1)),
        (day(2), "momentum#2", near(0.21)),
    ]
    with pytest.raises(ValueError, match="z_threshold"):
        ensemble(market, [{"strategy": "momentum", "z_threshold": 2.0}], "union")
    with pytest.raises(ValueError, match="threshold"):
        play(market, strategy="sector_rotation", threshold=0.1)
    assert len(reference.run(market, {"strategy": "beta", "lookback": 2, **FREE})["snapshots"]) == 3


# ------------------------------------------------------------------------------------------------- the command line


def test_the_command_lines():
    compare = pytest.importorskip("compare")

    def line(**settings):
        return " ".join(compare.command_lines(pathlib.Path("X"), {"start": None, "end": None, **settings})[1])

    assert "run momentum --db" in line(strategy="momentum", lookback=3) and "--set lookback=3" in line(
        strategy="momentum", lookback=3
    )
    apart = line(strategy="portfolio_beta", benchmark="SPY", symbols=["A", "B"])
    assert "--symbols A,B" in apart and "--set benchmark=SPY" in apart
    assert "--holdings X/holdings.csv" in line(strategy="sector_rotation", sectors={"A": "x"}, symbols=["A"])
    both = line(
        strategies=[
            {"strategy": "momentum", "lookback": 20, "weight": 2.0},
            {"strategy": "momentum", "lookback": 30},
        ],
        combine="vote",
        vote_threshold=0.4,
    )
    for part in (
        "run momentum momentum --db",
        "--set momentum.lookback=20",
        "--set momentum.weight=2.0",
        "--set momentum#2.lookback=30",
        "--set combine=vote",
        "--set vote_threshold=0.4",
    ):
        assert part in both
