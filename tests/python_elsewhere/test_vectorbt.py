"""vectorbt's portfolio of entries and exits, and Assay's of the same frames: the same fills, the same gain of each trade."""

import numpy as np
import pandas as pd
import pytest
import vectorbt
from assay import BacktestEngine, SignalsStrategy
from assay.interchange import ORDER_SETTINGS, signals_from_orders, signals_from_vectorbt
from conftest import SYMBOLS, fills_of, same_fills

CAPITAL = 1_000_000.0
COSTS = {"commission_pct": 0.001, "slippage_bps": 5.0, "initial_capital": CAPITAL}


@pytest.fixture(scope="module")
def masks(wide):
    """Random signals with every conflict there is; none at the last bar, which has no next open."""
    rng = np.random.default_rng(5)
    close = wide["close"]
    names = ("entries", "exits", "short_entries", "short_exits")
    made = {n: pd.DataFrame(rng.random(close.shape) < 0.2, index=close.index, columns=SYMBOLS) for n in names}
    for frame in made.values():
        frame.iloc[-1] = False
    assert (made["entries"] & made["exits"]).any().any()
    assert (made["entries"] & made["short_entries"]).any().any()
    return made


def portfolio(wide, **frames):
    """What is decided at a close fills at the next open, as in Assay."""
    return vectorbt.Portfolio.from_signals(
        wide["close"],
        price=wide["open"].shift(-1),
        size=100.0,
        fees=0.001,
        slippage=0.0005,
        init_cash=CAPITAL,
        cash_sharing=True,
        freq="1D",
        **frames,
    )


def their_fills(pf, wide):
    records = pf.orders.records_readable
    days = wide["close"].index
    signed = np.where(records["Side"] == "Buy", records["Size"], -records["Size"])
    day = days[days.get_indexer(pd.DatetimeIndex(records["Timestamp"])) + 1]
    return pd.DataFrame(
        {"day": day, "symbol": records["Column"].astype(str), "size": signed, "price": records["Price"]}
    )


def same_trades(result, pf):
    closed = result.trades[result.trades["status"] == "closed"].sort_values(
        ["symbol", "entry_date", "exit_date"]
    )
    theirs = pf.trades.records_readable
    theirs = theirs[theirs["Status"] == "Closed"].sort_values(["Column", "Entry Timestamp", "Exit Timestamp"])
    assert len(closed) == len(theirs) > 10
    np.testing.assert_allclose(closed["pnl"], theirs["PnL"], rtol=1e-8, atol=1e-6)


def run(signals, prices, **settings):
    return BacktestEngine(**{**ORDER_SETTINGS, **COSTS, **settings}).run([SignalsStrategy(signals)], prices)


def test_long_only(masks, wide, prices):
    frames = {name: masks[name] for name in ("entries", "exits")}
    pf = portfolio(wide, **frames)
    signals = signals_from_vectorbt(
        **frames, size=100.0, size_type="amount", prices=prices, initial_capital=CAPITAL
    )
    result = run(signals, prices)
    same_fills(fills_of(result), their_fills(pf, wide))
    same_trades(result, pf)


def test_long_and_short(masks, wide, prices):
    pf = portfolio(wide, **masks)
    signals = signals_from_vectorbt(
        **masks, size=100.0, size_type="amount", prices=prices, initial_capital=CAPITAL
    )
    result = run(signals, prices)
    # They record a turn as one order, as we do.
    same_fills(fills_of(result), their_fills(pf, wide))
    same_trades(result, pf)


def test_their_orders(masks, wide, prices):
    """records_readable: sizes with sides, a column Column; dated by the bar that decided."""
    pf = portfolio(wide, **masks)
    signals = signals_from_orders(
        pf.orders.records_readable, prices, initial_capital=CAPITAL, dated="decided"
    )
    result = run(signals, prices)
    same_fills(fills_of(result), their_fills(pf, wide))


def test_fractions_of_equity(masks, wide, prices):
    """A full position of a tenth: their percentages of the value, decided at the close, are our sizes of it."""
    frames = {name: masks[name] for name in ("entries", "exits")}
    signals = signals_from_vectorbt(**frames)
    result = run(
        signals, prices, sizing_basis="initial", max_position_pct=0.1, commission_pct=0.0, slippage_bps=0.0
    )
    pf = vectorbt.Portfolio.from_signals(
        wide["close"],
        price=wide["open"].shift(-1),
        size=0.1 * CAPITAL / wide["close"],
        init_cash=CAPITAL,
        cash_sharing=True,
        freq="1D",
        **frames,
    )
    same_fills(fills_of(result), their_fills(pf, wide))
    ends = pf.value().iloc[-1]
    assert result.equity.iloc[-1] == pytest.approx(ends, rel=1e-10)
