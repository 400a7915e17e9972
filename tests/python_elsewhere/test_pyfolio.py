"""pyfolio takes a run, and finds in it what the run has."""

import warnings

import assay
import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest
from assay import MomentumStrategy
from assay.interchange import for_pyfolio

matplotlib.use("Agg")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pyfolio

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs, of pandas, seaborn and matplotlib


@pytest.fixture(scope="module")
def result(prices):
    # Whole shares: pyfolio's round trips cut fractions off.
    engine = assay.BacktestEngine(initial_capital=1_000_000.0, max_position_pct=0.3, lot_size=1)
    return engine.run([MomentumStrategy(lookback=10, threshold=0.03)], prices)


def test_full_tear_sheet(result, monkeypatch):
    returns, positions, transactions = for_pyfolio(result)
    shown = []
    monkeypatch.setattr(pyfolio.utils, "display", lambda thing: shown.append(thing.data))
    sectors = {"AAA": "Energy", "BBB": "Energy", "CCC": "Tech"}
    matplotlib.pyplot.close("all")
    pyfolio.create_full_tear_sheet(
        returns, positions=positions, transactions=transactions, sector_mappings=sectors, round_trips=True
    )
    text = "\n".join(shown)
    for words in ("Sharpe ratio", "Worst drawdown periods", "Top 10 positions of all time", "PnL stats"):
        assert words in text
    assert len(matplotlib.pyplot.get_fignums()) >= 4


def test_their_numbers_are_ours(result):
    returns, positions, transactions = for_pyfolio(result)
    stats = pyfolio.timeseries.perf_stats(returns, positions=positions, transactions=transactions)
    metrics = result["metrics"]
    assert stats["Sharpe ratio"] == pytest.approx(metrics["sharpe_arithmetic"], rel=1e-10)
    assert stats["Cumulative returns"] * 100 == pytest.approx(metrics["total_return_pct"], rel=1e-10)
    assert stats["Max drawdown"] * 100 == pytest.approx(metrics["max_drawdown_pct"], rel=1e-10)
    leverage = pyfolio.timeseries.gross_lev(positions)
    np.testing.assert_allclose(leverage, result.snapshots["leverage"], rtol=1e-10, atol=1e-12)


def test_their_round_trips_are_our_trades(result):
    """Their profit of a round trip, less our commission, is the profit of our trade."""
    _, _, transactions = for_pyfolio(result)
    trips = pyfolio.round_trips.extract_round_trips(transactions[["amount", "price", "symbol"]])
    closed = result.trades[result.trades["status"] == "closed"]
    ours = (closed["pnl"] + closed["commission"]).groupby(closed["symbol"]).sum()
    theirs = trips.groupby("symbol")["pnl"].sum()
    assert len(closed) > 10 and len(trips) == len(closed)
    np.testing.assert_allclose(theirs[ours.index], ours, rtol=1e-8)
