"""Frames of other tools in and out: what they say becomes fills, and what they take is what they get."""

import re

import assay
import empyrical
import numpy as np
import pandas as pd
import pytest
from assay import BacktestEngine, SignalsStrategy, interchange
from assay.interchange import ORDER_SETTINGS

DAYS = pd.date_range("2023-01-02", periods=12, freq="B")
FREE = {"commission_pct": 0.0, "slippage_bps": 0.0}


def market_of(closes, split=None):
    """Long prices of wide closes; opens are the closes."""
    parts = [
        pd.DataFrame(
            {
                "timestamp": closes.index,
                "symbol": s,
                "open_price": closes[s],
                "high_price": closes[s],
                "low_price": closes[s],
                "close_price": closes[s],
                "volume": 10**7,
                "split_coefficient": 1.0 if split is None else split[s],
            }
        )
        for s in closes
    ]
    return pd.concat(parts).dropna(subset="close_price")


@pytest.fixture(scope="module")
def market():
    """Two symbols at 100 and 50, without a move: fills are easily worked by hand."""
    return market_of(pd.DataFrame({"A": 100.0, "B": 50.0}, index=DAYS))


def run(signals, market, **settings):
    engine = BacktestEngine(**{"initial_capital": 100_000.0, **FREE, **settings})
    return engine.run([SignalsStrategy(signals)], market)


def fills_of(signals, market, **settings):
    rows = run(signals, market, **settings).fills
    return [
        (list(DAYS).index(t), str(s), side, pytest.approx(q, rel=1e-12))
        for t, s, side, q in zip(rows["timestamp"], rows["symbol"], rows["side"], rows["quantity"])
    ]


def table(signals, *columns):
    return list(zip(*(signals[c] for c in columns)))


# --- vectorbt ---


def masks(*cells):
    frame = pd.DataFrame(False, index=DAYS, columns=["A", "B"])
    for day, symbol in cells:
        frame.loc[DAYS[day], symbol] = True
    return frame


def test_vectorbt(market):
    entries, exits = masks((1, "A"), (2, "B"), (7, "B")), masks((5, "A"), (7, "B"), (8, "B"))
    size = pd.DataFrame(1.0, index=DAYS, columns=["A", "B"])
    size.loc[DAYS[2], "B"] = 0.5
    signals = interchange.signals_from_vectorbt(entries, exits, size)
    # On day 7 both are true: neither counts.
    assert table(signals, "action", "target_position") == [
        ("BUY", 1.0),
        ("BUY", 0.5),
        ("TARGET", 0.0),
        ("TARGET", 0.0),
    ]
    # Decided at a close, filled at the next open: half the capital at 100, a quarter at 50.
    assert fills_of(signals, market, max_position_pct=0.5) == [
        (2, "A", "BUY", 500.0),
        (3, "B", "BUY", 500.0),
        (6, "A", "SELL", 500.0),
        (9, "B", "SELL", 500.0),
    ]
    one = interchange.signals_from_vectorbt(entries["A"], exits["A"])
    assert list(one["symbol"]) == ["A", "A"]


def test_an_exit_opens_no_short(market):
    signals = interchange.signals_from_vectorbt(masks((5, "A")), masks((1, "A"), (8, "A"), (9, "A")))
    assert [fill[:3] for fill in fills_of(signals, market, allow_short=True)] == [
        (6, "A", "BUY"),
        (9, "A", "SELL"),
    ]


@pytest.mark.parametrize(
    "conflict, expected",
    [
        ("ignore", ["entry", "exit"]),
        ("entry", ["entry", "entry", "exit"]),
        ("exit", ["entry", "exit", "exit"]),
    ],
)
def test_vectorbt_conflicts(conflict, expected):
    entries, exits = masks((1, "A"), (3, "A")), masks((3, "A"), (5, "A"))
    signals = interchange.signals_from_vectorbt(entries, exits, conflict=conflict)
    assert list(signals["signal_type"]) == expected


def test_vectorbt_long_and_short(market):
    signals = interchange.signals_from_vectorbt(
        masks((1, "A"), (8, "A")), masks((2, "B"), (6, "A")), 0.5, masks((4, "A")), masks((9, "A"), (5, "A"))
    )
    # Long, turned around, covered; then long again: its short exit on day 9 has nothing to close.
    assert table(signals, "target_position", "signal_type") == [
        (0.5, "entry"),
        (-0.5, "short_entry"),
        (0.0, "short_exit"),
        (0.5, "entry"),
    ]
    assert fills_of(signals, market, allow_short=True, max_position_pct=0.2) == [
        (2, "A", "BUY", 100.0),
        (5, "A", "SELL", 200.0),
        (6, "A", "BUY", 100.0),
        (9, "A", "BUY", 100.0),
    ]


def test_vectorbt_amounts_and_shifts(market):
    entries, exits = masks((1, "A"), (2, "B")), masks((5, "A"))
    signals = interchange.signals_from_vectorbt(
        entries.shift(1),
        exits.shift(1),
        pd.Series({"A": 123.0, "B": 7.0}),
        size_type="amount",
        prices=market,
        shifted=1,
    )
    assert fills_of(signals, market, **ORDER_SETTINGS) == [
        (2, "A", "BUY", 123.0),
        (3, "B", "BUY", 7.0),
        (6, "A", "SELL", 123.0),
    ]


@pytest.mark.parametrize(
    "error, words, arguments",
    [
        (assay.DataError, "different rows or columns", lambda f: (f, f.rename(columns={"A": "C"}))),
        (assay.DataError, r"2023-01-02.*A: 3 is neither true nor false", lambda f: (f.astype(int) + 3, f)),
        (assay.DataError, "'x' is neither", lambda f: (f.astype(object).replace(False, "x"), f)),
        (assay.DataError, "the series has no name", lambda f: (pd.Series(False, index=DAYS), f)),
        (assay.DataError, "at most 1, a fraction", lambda f: (~f, f, f + 2.0)),
        (assay.DataError, "must be times", lambda f: (f.reset_index(drop=True), f)),
        (assay.DataError, "is there twice", lambda f: (pd.concat([f, f]), f)),
        (assay.ArgumentError, "there are no entries", lambda f: (None, f)),
        (TypeError, "DataFrame or Series, not list", lambda f: ([True], f)),
    ],
)
def test_vectorbt_mistakes(error, words, arguments):
    with pytest.raises(error, match=words):
        interchange.signals_from_vectorbt(*arguments(masks()))


def test_vectorbt_options_that_cannot_be():
    with pytest.raises(assay.ArgumentError, match="conflict 'both'"):
        interchange.signals_from_vectorbt(masks(), masks(), conflict="both")
    with pytest.raises(assay.ArgumentError, match="needs prices"):
        interchange.signals_from_vectorbt(masks(), masks(), size_type="amount")
    with pytest.raises(assay.DataError, match="both true"):
        interchange.signals_from_vectorbt(masks((1, "A")), masks((1, "A")), conflict="error")
    with pytest.raises(assay.DataError, match="was not shifted by 2"):
        interchange.signals_from_vectorbt(masks((1, "A")), masks(), shifted=2)
    levels = masks()
    levels.columns = pd.MultiIndex.from_product([[10, 20], ["A"]], names=["window", "symbol"])
    with pytest.raises(assay.DataError, match="take one set of parameters"):
        interchange.signals_from_vectorbt(levels, levels)


# --- orders ---


def test_orders_keep_their_shares(market):
    orders = [(DAYS[2], "A", 300), (DAYS[5], "A", -150), (DAYS[7], "A", -150), (DAYS[7], "B", 10, 50.0)]
    signals = interchange.signals_from_orders([row[:3] for row in orders], market)
    assert table(signals, "timestamp", "target_position") == [
        (DAYS[1], pytest.approx(0.3)),
        (DAYS[4], pytest.approx(0.15)),
        (DAYS[6], 0.0),
        (DAYS[6], pytest.approx(0.005)),
    ]
    assert fills_of(signals, market, **ORDER_SETTINGS) == [
        (2, "A", "BUY", 300.0),
        (5, "A", "SELL", 150.0),
        (7, "A", "SELL", 150.0),
        (7, "B", "BUY", 10.0),
    ]
    decided = interchange.signals_from_orders(orders, market, dated="decided")
    assert list(decided["timestamp"]) == [DAYS[2], DAYS[5], DAYS[7], DAYS[7]]


def test_orders_turn_positions_around_and_cancel(market):
    frame = pd.DataFrame(
        {
            "Timestamp": [DAYS[2], DAYS[3], DAYS[3], DAYS[4], DAYS[6]],
            "Column": "A",
            "Size": [100.0, 10.0, 10.0, 250.0, 150.0],
            "Side": ["Buy", "Buy", "Sell", "Sell", "Buy"],
        }
    )
    signals = interchange.signals_from_orders(frame, market)  # as vectorbt's records_readable
    assert fills_of(signals, market, **ORDER_SETTINGS) == [
        (2, "A", "BUY", 100.0),
        (4, "A", "SELL", 250.0),
        (6, "A", "BUY", 150.0),
    ]


def test_orders_over_a_split():
    """100 shares bought; two for one; half of them sold. Sizes are in shares of their date."""
    closes = pd.DataFrame({"A": [100.0] * 6 + [50.0] * 6}, index=DAYS)
    split = pd.DataFrame({"A": [1.0] * 6 + [2.0] + [1.0] * 5}, index=DAYS)
    market = market_of(closes, split)
    orders = [(DAYS[2], "A", 100), (DAYS[8], "A", -100), (DAYS[10], "A", -100)]
    signals = interchange.signals_from_orders(orders, market)
    assert fills_of(signals, market, **ORDER_SETTINGS) == [
        (2, "A", "BUY", 100.0),
        (8, "A", "SELL", 100.0),
        (10, "A", "SELL", 100.0),
    ]
    # An order that fills on the morning of the split itself, in new shares, was decided in old ones.
    signals = interchange.signals_from_orders([(DAYS[6], "A", 30)], market)
    assert table(signals, "timestamp", "target_position") == [(DAYS[5], pytest.approx(0.015))]
    assert fills_of(signals, market, **ORDER_SETTINGS) == [(6, "A", "BUY", 30.0)]


def test_orders_of_a_portfolio_that_grew(market):
    orders = [(DAYS[2], "A", 1500.0)]
    with pytest.raises(
        assay.DataError, match=r"1,500 shares at 100.00 are 150,000.00, more than the initial"
    ):
        interchange.signals_from_orders(orders, market)
    signals = interchange.signals_from_orders(orders, market, equity=pd.Series(300_000.0, index=DAYS))
    assert list(signals["target_position"]) == [0.5]
    settings = {**ORDER_SETTINGS, "sizing_basis": "equity"}
    assert fills_of(signals, market, **settings) == [(2, "A", "BUY", 500.0)]  # half of our equity
    with pytest.raises(assay.DataError, match="more than the equity"):
        interchange.signals_from_orders(orders, market, equity=pd.Series(100_000.0, index=DAYS))
    with pytest.raises(assay.DataError, match="equity: 2023-01-03: the value then is -1"):
        interchange.signals_from_orders(orders, market, equity=pd.Series(-1.0, index=DAYS))


@pytest.mark.parametrize(
    "words, orders",
    [
        ("no column 'size'", pd.DataFrame({"date": DAYS, "symbol": "A"})),
        ("size is nan, not a number", pd.DataFrame({"date": DAYS[:1], "symbol": "A", "size": [np.nan]})),
        ("row 2: .* is not \\(date, symbol, size\\)", [(DAYS[2], "A", 1), (DAYS[2], "A")]),
        ("filled at its first bar", [(DAYS[0], "A", 1)]),
        ("no bar of it", [(DAYS[0] - pd.Timedelta(days=9), "A", 1)]),
        ("the prices have no C; they have A, B", [(DAYS[1], "C", 1)]),
        (
            "side 'hold': it must be Buy or Sell",
            pd.DataFrame({"date": DAYS[2:3], "symbol": "A", "size": 1, "side": "hold"}),
        ),
        (
            "no size is below 0",
            pd.DataFrame({"date": DAYS[2:3], "symbol": "A", "size": -1, "side": "sell"}),
        ),
    ],
)
def test_order_mistakes(market, words, orders):
    with pytest.raises(assay.DataError, match=words):
        interchange.signals_from_orders(orders, market)


def test_no_orders_and_wrong_options(market):
    assert interchange.signals_from_orders([], market).empty
    with pytest.raises(assay.ArgumentError, match="dated 'sent'"):
        interchange.signals_from_orders([], market, dated="sent")
    with pytest.raises(assay.ArgumentError, match="above 0"):
        interchange.signals_from_orders([], market, initial_capital=0)
    with pytest.raises(assay.DataError, match="bar is there twice"):
        interchange.signals_from_orders([(DAYS[2], "A", 1)], pd.concat([market, market]))


def test_backtrader_transactions(market):
    """What the analyzer Transactions returns, with its header."""
    analysis = {
        "date": [["amount", "price", "sid", "symbol", "value"]],
        DAYS[2].to_pydatetime(): [[300, 100.0, 0, "A", -30000.0], [20, 50.0, 1, "B", -1000.0]],
        DAYS[5].to_pydatetime(): [[-300, 100.0, 0, "A", 30000.0]],
    }
    expected = [(2, "A", "BUY", 300.0), (2, "B", "BUY", 20.0), (5, "A", "SELL", 300.0)]
    signals = interchange.signals_from_backtrader(analysis, market)
    assert fills_of(signals, market, **ORDER_SETTINGS) == expected
    del analysis["date"]
    signals = interchange.signals_from_backtrader(analysis, market)
    assert fills_of(signals, market, **ORDER_SETTINGS) == expected
    analysis[DAYS[7].to_pydatetime()] = [[1, 2]]
    with pytest.raises(assay.DataError, match="does not have the columns amount, price"):
        interchange.signals_from_backtrader(analysis, market)


def test_zipline_performance(market):
    days = DAYS.tz_localize("UTC") + pd.Timedelta(hours=21)

    class Asset:
        symbol = "A"

    transactions = [[] for _ in days]
    transactions[2] = [{"dt": days[2], "sid": Asset(), "amount": 100, "price": 100.0}]
    transactions[5] = [
        {"dt": days[5], "sid": "Equity(0 [A])", "amount": -40, "price": 100.0},
        {"dt": days[5], "sid": "B", "amount": 7, "price": 50.0},
    ]
    perf = pd.DataFrame({"transactions": transactions}, index=days)
    signals = interchange.signals_from_zipline(perf, market)
    assert fills_of(signals, market, **ORDER_SETTINGS) == [
        (2, "A", "BUY", 100.0),
        (5, "A", "SELL", 40.0),
        (5, "B", "BUY", 7.0),
    ]
    perf.loc[days[3], "transactions"] = None
    assert len(interchange.signals_from_zipline(perf, market)) == 3
    with pytest.raises(assay.DataError, match="neither a column 'transactions' nor 'amount'"):
        interchange.signals_from_zipline(pd.DataFrame({"x": [1]}), market)
    with pytest.raises(assay.DataError, match="written as text"):
        interchange.signals_from_zipline(pd.DataFrame({"transactions": ["[{}]"]}), market)
    with pytest.raises(assay.DataError, match="row 1: there is no amount"):
        interchange.signals_from_zipline([{"dt": days[2], "sid": "A"}], market)


def test_zipline_orders(market):
    """An order is reported when it is made and whenever it changes; a cancelled one counts with what filled."""
    days = DAYS.tz_localize("UTC") + pd.Timedelta(hours=21)
    made = {"id": "x", "created": days[1], "sid": "A", "amount": 100, "filled": 0, "status": 0}
    cancelled = {"id": "y", "created": days[4], "sid": "B", "amount": 50, "filled": 20, "status": 2}
    orders = [made, {**made, "filled": 100, "status": 1}, cancelled]
    signals = interchange.signals_from_zipline(orders, market, records="orders")
    assert fills_of(signals, market, **ORDER_SETTINGS) == [(2, "A", "BUY", 100.0), (5, "B", "BUY", 20.0)]


# --- results go out ---


def test_returns_for_quantstats(sample):
    quantstats = pytest.importorskip("quantstats.stats", reason="quantstats is not installed")
    result = assay.run("momentum", db=sample)
    returns = interchange.returns_for_quantstats(result)
    assert empyrical.sharpe_ratio(returns) == pytest.approx(result["metrics"]["sharpe_arithmetic"], rel=1e-10)
    assert quantstats.sharpe(returns) == pytest.approx(result["metrics"]["sharpe_arithmetic"], rel=1e-10)


def test_intraday_returns_are_compounded():
    times = pd.date_range("2023-01-02 10:00", periods=4, freq="h").append(
        pd.date_range("2023-01-03 10:00", periods=4, freq="h")
    )
    closes = pd.DataFrame({"A": np.linspace(100.0, 114.0, 8)}, index=times)
    signals = pd.DataFrame({"timestamp": [times[0]], "symbol": ["A"], "action": ["BUY"]})
    result = run(signals, market_of(closes), max_position_pct=1.0)
    returns = interchange.returns_for_quantstats(result)
    equity = result.equity
    assert len(returns) == 2
    assert returns.iloc[1] == pytest.approx(equity.iloc[-1] / equity.iloc[3] - 1, rel=1e-12)
    _, positions, _ = interchange.for_pyfolio(result)
    assert list(positions.sum(axis=1)) == pytest.approx([equity.iloc[3], equity.iloc[-1]], rel=1e-12)


def test_positions_for_pyfolio_are_shares_times_closes():
    """Two positions of which one splits, and a short: single values, not their sum alone."""
    closes = pd.DataFrame(
        {"A": [100.0] * 6 + [51.0] * 6, "B": np.linspace(50.0, 61.0, 12), "C": [20.0] * 12}, index=DAYS
    )
    split = pd.DataFrame(1.0, index=DAYS, columns=["A", "B", "C"])
    split.loc[DAYS[6], "A"] = 2.0
    market = market_of(closes, split)
    orders = [(DAYS[2], "A", 100), (DAYS[3], "B", 200), (DAYS[4], "C", -300), (DAYS[9], "A", -50)]
    result = run(interchange.signals_from_orders(orders, market), market, **ORDER_SETTINGS)
    shares = pd.DataFrame(0.0, index=DAYS, columns=["A", "B", "C"])
    shares.loc[DAYS[2] :, "A"] = 100.0
    shares.loc[DAYS[6] :, "A"] = 200.0
    shares.loc[DAYS[9] :, "A"] = 150.0
    shares.loc[DAYS[3] :, "B"] = 200.0
    shares.loc[DAYS[4] :, "C"] = -300.0
    assert result.positions.to_numpy() == pytest.approx(shares.to_numpy(), rel=1e-12)
    assert result.position_values.to_numpy() == pytest.approx((shares * closes).to_numpy(), rel=1e-12)
    returns, positions, transactions = interchange.for_pyfolio(result)
    assert str(returns.index.tz) == str(positions.index.tz) == str(transactions.index.tz) == "UTC"
    assert list(positions.columns) == ["A", "B", "C", "cash"]
    assert positions[["A", "B", "C"]].to_numpy() == pytest.approx((shares * closes).to_numpy(), rel=1e-12)
    assert positions.sum(axis=1).to_numpy() == pytest.approx(result.equity.to_numpy(), rel=1e-12)
    assert list(transactions["amount"]) == pytest.approx([100.0, 200.0, -300.0, -50.0], rel=1e-12)
    assert list(transactions["txn_dollars"]) == pytest.approx([-10000, -200 * 53.0, 6000, 2550], rel=1e-12)


def test_positions_of_a_market_sum_to_the_equity(sample):
    result = assay.run("mean_reversion", db=sample)
    _, positions, transactions = interchange.for_pyfolio(result)
    assert positions.sum(axis=1).to_numpy() == pytest.approx(result.equity.to_numpy(), rel=1e-12)
    assert (result.positions.to_numpy() != 0).sum(axis=1).tolist() == list(result.snapshots["num_positions"])
    assert len(transactions) == len(result.fills) > 50


def test_a_run_without_fills_has_no_positions(market):
    result = run(pd.DataFrame({"timestamp": [DAYS[1]], "symbol": ["A"], "action": ["SELL"]}), market)
    assert result.positions.shape == result.position_values.shape == (12, 0)
    _, positions, transactions = interchange.for_pyfolio(result)
    assert list(positions["cash"]) == [100_000.0] * 12 and transactions.empty


def test_the_page_runs(sample, sample_prices, root):
    """Every block of Python in docs/coming-from.md, one after the other; every name of the module is on it."""
    prices = sample_prices.reset_index() if "timestamp" not in sample_prices else sample_prices
    close = prices.pivot_table(index="timestamp", columns="symbol", values="close_price", observed=True)
    symbol = str(close.count().idxmax())
    days = close[symbol].dropna().index
    names = {
        "assay": assay,
        "prices_df": sample_prices,
        "close": close,
        "db": sample,
        "symbol": symbol,
        "day": days[5],
        "later": days[60],
    }
    page = (root / "docs/coming-from.md").read_text(encoding="utf-8")
    results = []
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(block, names)
        results.append(names.pop("result", None))
    assert len(results) == 3
    assert len(results[0].fills) > 10
    assert list(results[1].fills["quantity"]) == pytest.approx([100.0, 100.0], rel=1e-12)
    missing = [name for name in assay.interchange.__all__ if name not in page]
    assert missing == []
