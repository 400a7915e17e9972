"""Results in the shapes of quantstats and pyfolio."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .._result import BacktestResult


def returns_for_quantstats(result: BacktestResult) -> pd.Series:
    """Returns by day, as quantstats, empyrical and pyfolio take them.

    Parameters
    ----------
    result : BacktestResult
        Of a run.

    Returns
    -------
    pandas.Series of float
        Indexed by date (in UTC, without a zone), a return a day on which there was a bar, the first against the initial capital;
        intraday bars are compounded. Its name is that of the strategy.

    Notes
    -----
    These tools annualise with 252 days a year: of daily bars their Sharpe ratio is our `sharpe_arithmetic`.
    """
    returns = result.returns
    days = pd.DatetimeIndex(returns.index).normalize()
    if days.has_duplicates:
        returns = (1.0 + returns).groupby(days).prod() - 1.0
    else:
        returns = returns.set_axis(days)
    return returns.rename_axis("date").rename(result.strategy)


def for_pyfolio(result: BacktestResult) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """What ``pyfolio.create_full_tear_sheet`` takes.

    Parameters
    ----------
    result : BacktestResult
        Of a run.

    Returns
    -------
    returns : pandas.Series
        As of `returns_for_quantstats`, with days in UTC.
    positions : pandas.DataFrame
        A row a day: the value in money of each symbol at its last close, and ``cash`` (with dividends that are due); rows sum to
        the equity.
    transactions : pandas.DataFrame
        A row a fill, by its time in UTC: amount (shares, below 0 of sales), price (money a share), symbol, commission and
        txn_dollars (money; below 0 of purchases).
    """
    returns = returns_for_quantstats(result).tz_localize("UTC")
    fills = result.fills
    amount = np.where(fills["side"] == "BUY", fills["quantity"], -fills["quantity"])
    transactions = pd.DataFrame(
        {
            "amount": amount,
            "price": fills["price"].to_numpy(),
            "symbol": fills["symbol"].astype(str).to_numpy(),
            "commission": fills["commission"].to_numpy(),
            "txn_dollars": -amount * fills["price"].to_numpy(),
        },
        index=pd.DatetimeIndex(fills["timestamp"], name="date").tz_localize("UTC"),
    )
    snapshots = result.snapshots
    positions = result.position_values.assign(cash=snapshots["cash"] + snapshots["receivable"])
    days = pd.DatetimeIndex(positions.index).normalize()
    positions = positions.set_axis(days)[~days.duplicated(keep="last")].tz_localize("UTC")
    return returns, positions.rename_axis("date"), transactions
