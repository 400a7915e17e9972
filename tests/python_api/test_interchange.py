"""Frames of other tools in and out: what they say becomes fills, and what they take is what they get."""

import assay
import empyrical
import numpy as np
import pandas as pd
import pytest
from assay import BacktestEngine, SignalsStrategy, interchange

DAYS = pd.date_range("2023-01-02", periods=12, freq="B")
SETTINGS = {"commission_pct": 0.0, "slippage_bps": 0.0, "max_position_pct": 0.5}


@pytest.fixture(scope="module")
def market():
    """Two symbols at 100 and 50, without a move: fills are easily worked by hand."""
    parts = [
        pd.DataFrame(
            {
                "timestamp": DAYS,
                "symbol": s,
                "open_price": p,
                "high_price": p,
                "low_price": p,
                "close_price": p,
                "volume": 10**7,
            }
        )
        for s, p in (("A", 100.0), ("B", 50.0))
    ]
    return pd.concat(parts)


def fills_of(signals, market):
    result = BacktestEngine(initial_capital=100_000.0, **SETTINGS).run([SignalsStrategy(signals)], market)
    rows = result.fills
    return [
        (t.date().isoformat(), str(s), side, q)
        for t, s, side, q in zip(rows["timestamp"], rows["symbol"], rows["side"], rows["quantity"])
    ]


def test_vectorbt(market):
    entries = pd.DataFrame(False, index=DAYS, columns=["A", "B"])
    exits = entries.copy()
    entries.loc[DAYS[1], "A"] = entries.loc[DAYS[2], "B"] = True
    exits.loc[DAYS[5], "A"] = True
    entries.loc[DAYS[7], "B"] = exits.loc[DAYS[7], "B"] = True  # the exit counts
    size = pd.DataFrame(1.0, index=DAYS, columns=["A", "B"])
    size.loc[DAYS[2], "B"] = 0.5
    signals = interchange.signals_from_vectorbt(entries, exits, size)
    assert list(signals["action"]) == ["BUY", "BUY", "SELL", "SELL"]
    # Decided at a close, filled at the next open: half the capital at 100, a quarter at 50.
    assert fills_of(signals, market) == [
        (str(DAYS[2].date()), "A", "BUY", 500.0),
        (str(DAYS[3].date()), "B", "BUY", 500.0),
        (str(DAYS[6].date()), "A", "SELL", 500.0),
        (str(DAYS[8].date()), "B", "SELL", 500.0),
    ]
    one = interchange.signals_from_vectorbt(entries["A"], exits["A"])
    assert list(one["symbol"]) == ["A", "A"]


def test_vectorbt_mistakes():
    frame = pd.DataFrame(False, index=DAYS, columns=["A"])
    with pytest.raises(assay.ArgumentError, match="same columns"):
        interchange.signals_from_vectorbt(frame, frame.rename(columns={"A": "B"}))
    with pytest.raises(assay.ArgumentError, match="boolean"):
        interchange.signals_from_vectorbt(frame.astype(int), frame)
    with pytest.raises(assay.ArgumentError, match="without a name"):
        interchange.signals_from_vectorbt(pd.Series(False, index=DAYS), frame)
    with pytest.raises(assay.ArgumentError, match="from 0 to 1"):
        interchange.signals_from_vectorbt(~frame, frame, frame + 2.0)


def test_backtrader_orders(market):
    orders = [(DAYS[1], "A", 300), (DAYS[4], "A", -150), (DAYS[6], "A", -150), (DAYS[6], "B", 10)]
    signals = interchange.signals_from_orders(orders)
    assert list(zip(signals["action"], signals["target_position"])) == [
        ("BUY", 1.0),
        ("TARGET", 0.5),
        ("SELL", 0.0),
        ("BUY", 1.0),
    ]
    assert fills_of(signals, market) == [
        (str(DAYS[2].date()), "A", "BUY", 500.0),
        (str(DAYS[5].date()), "A", "SELL", 250.0),
        (str(DAYS[7].date()), "A", "SELL", 250.0),
        (str(DAYS[7].date()), "B", "BUY", 1000.0),
    ]
    filled = pd.DataFrame(orders, columns=["date", "symbol", "size"])
    shifted = interchange.signals_from_orders(filled, calendar=DAYS)
    assert list(shifted["timestamp"]) == [DAYS[0], DAYS[3], DAYS[5], DAYS[5]]


def test_order_mistakes():
    with pytest.raises(assay.ArgumentError, match="need a column size"):
        interchange.signals_from_orders(pd.DataFrame({"date": DAYS, "symbol": "A"}))
    with pytest.raises(assay.ArgumentError, match="order 2 is no number"):
        interchange.signals_from_orders([(DAYS[0], "A", 1), (DAYS[1], "A", "x")])
    with pytest.raises(assay.ArgumentError, match="before the second bar"):
        interchange.signals_from_orders([(DAYS[0], "A", 1)], calendar=DAYS)
    assert interchange.signals_from_orders([]).empty


def test_zipline_performance(market):
    class Asset:
        symbol = "A"

    days = DAYS.tz_localize("UTC")
    transactions = [[] for _ in days]
    transactions[2] = [
        {"dt": days[2] + pd.Timedelta(hours=21), "sid": Asset(), "amount": 100, "price": 100.0}
    ]
    transactions[5] = [
        {"dt": days[5] + pd.Timedelta(hours=21), "sid": Asset(), "amount": -100, "price": 100.0}
    ]
    signals = interchange.signals_from_zipline(pd.DataFrame({"transactions": transactions}, index=days))
    assert [(f[0], f[2]) for f in fills_of(signals, market)] == [
        (str(DAYS[2].date()), "BUY"),
        (str(DAYS[5].date()), "SELL"),
    ]
    with pytest.raises(assay.ArgumentError, match="transactions"):
        interchange.signals_from_zipline(pd.DataFrame({"x": [1]}))


def test_results_go_out(sample):
    quantstats = pytest.importorskip("quantstats.stats", reason="quantstats is not installed")
    result = assay.run("momentum", db=sample)
    returns = interchange.returns_for_quantstats(result)
    assert empyrical.sharpe_ratio(returns) == pytest.approx(result["metrics"]["sharpe_arithmetic"], rel=1e-10)
    assert quantstats.sharpe(returns) == pytest.approx(result["metrics"]["sharpe_arithmetic"], rel=1e-10)
    returns, positions, transactions = interchange.for_pyfolio(result)
    assert str(returns.index.tz) == "UTC" and positions.columns[-1] == "cash"
    assert positions.sum(axis=1).to_numpy() == pytest.approx(result.equity.to_numpy(), rel=1e-12)
    assert positions["cash"].to_numpy() == pytest.approx(
        np.asarray(result.snapshots["cash"]), rel=1e-6, abs=1e-3
    )
    assert list(transactions.columns) == ["amount", "price", "symbol"]
    assert len(transactions) == len(result.fills)


def test_the_page_runs(sample, sample_prices, root):
    """Every block of Python in docs/coming-from.md, one after the other."""
    import re

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
    blocks = re.findall(
        r"```python\n(.*?)```", (root / "docs/coming-from.md").read_text(encoding="utf-8"), re.S
    )
    assert len(blocks) == 3
    results = []
    for block in blocks:
        exec(block, names)
        results.append(names.get("result"))
    assert len(results[0].fills) > 10 and len(results[1].fills) == 2
