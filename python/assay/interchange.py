"""Frames of other tools in, and frames that other tools take out.

Signals and orders of vectorbt, backtrader and zipline become ready signals (docs/signals.md), which `SignalsStrategy` and
``assay run signals:FILE`` take; results become what quantstats and pyfolio take. See docs/coming-from.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ._errors import ArgumentError
from ._result import BacktestResult

__all__ = [
    "for_pyfolio",
    "returns_for_quantstats",
    "signals_from_orders",
    "signals_from_vectorbt",
    "signals_from_zipline",
]


def signals_from_vectorbt(
    entries: pd.DataFrame | pd.Series,
    exits: pd.DataFrame | pd.Series,
    size: pd.DataFrame | pd.Series | None = None,
) -> pd.DataFrame:
    """Ready signals of boolean entries and exits, as ``vbt.Portfolio.from_signals`` takes them.

    Parameters
    ----------
    entries, exits : DataFrame or Series of bool
        Times by symbols. A Series is one symbol, whose name it must have.
    size : DataFrame or Series of float, optional
        Fraction of the full position (`max_position_pct` of equity) at each entry, 0 to 1.

    Returns
    -------
    DataFrame
        timestamp, symbol, action (BUY, SELL), target_position. Where both are true at one time the exit counts.

    Raises
    ------
    ArgumentError
        Frames of different shapes, values that are not boolean, a size outside 0 to 1.

    Notes
    -----
    vectorbt fills at the close that decided unless told otherwise; here a signal of a day fills at the next open, unless the
    setting `fill` says otherwise.
    """
    wide = [_wide(frame, name) for frame, name in ((entries, "entries"), (exits, "exits"))]
    into, out = wide
    if not into.index.equals(out.index) or list(into.columns) != list(out.columns):
        raise ArgumentError("entries and exits must have the same index and the same columns")
    for frame, name in ((into, "entries"), (out, "exits")):
        if not all(pd.api.types.is_bool_dtype(t) for t in frame.dtypes):
            raise ArgumentError(f"{name} must be boolean; it has {sorted({str(t) for t in frame.dtypes})}")
    weights = None if size is None else _wide(size, "size").reindex(index=into.index, columns=into.columns)
    rows = []
    for symbol in into.columns:
        leave = out[symbol].to_numpy()
        enter = into[symbol].to_numpy() & ~leave
        for at in np.flatnonzero(enter | leave):
            weight = 1.0 if weights is None or leave[at] else float(weights[symbol].iloc[at])
            if not 0 <= weight <= 1:
                raise ArgumentError(
                    f"the size of {symbol} at {into.index[at]} is {weight}: it must be from 0 to 1"
                )
            rows.append(
                (into.index[at], str(symbol), "SELL" if leave[at] else "BUY", 0.0 if leave[at] else weight)
            )
    return _frame(rows)


def signals_from_orders(
    orders: pd.DataFrame | Iterable[Any], calendar: pd.DatetimeIndex | None = None
) -> pd.DataFrame:
    """Ready signals of a list of orders or transactions, as backtrader's analyzers and most brokers have them.

    Parameters
    ----------
    orders : DataFrame, or iterable of (date, symbol, size) or of mappings
        Columns date (or timestamp, dt), symbol (or data, sid, asset), size (or amount, quantity): shares, below 0 for a sale.
    calendar : DatetimeIndex, optional
        The bars. Then dates are those of **fills**, and each signal is put at the bar before, at which it was decided at the
        latest. Without it dates are those of decisions.

    Returns
    -------
    DataFrame
        timestamp, symbol, action, target_position. From nothing: BUY (TARGET below 0 where it is short). To nothing: SELL (a short: TARGET 0). Between:
        TARGET of the shares held over the most that were held of that symbol up to then: shares are not told otherwise without a
        portfolio's value.

    Raises
    ------
    ArgumentError
        A column is missing, a size is no number, a fill lies before the second bar of the calendar.
    """
    frame = orders if isinstance(orders, pd.DataFrame) else pd.DataFrame(list(orders))
    if len(frame) and not isinstance(orders, pd.DataFrame) and isinstance(frame.columns, pd.RangeIndex):
        frame = frame.iloc[:, :3].set_axis(["date", "symbol", "size"], axis=1)
    if frame.empty:
        return _frame([])
    if "date" not in frame and frame.index.name in ("date", "timestamp", "dt"):
        frame = frame.reset_index()
    date = _column(frame, ("date", "timestamp", "dt"))
    symbol = _column(frame, ("symbol", "data", "sid", "asset"))
    size = pd.to_numeric(_column(frame, ("size", "amount", "quantity")), errors="coerce")
    if size.isna().any():
        raise ArgumentError(f"the size of order {int(size.isna().to_numpy().argmax()) + 1} is no number")
    when = pd.DatetimeIndex(pd.to_datetime(date))
    if calendar is not None:
        at = calendar.searchsorted(when) - 1
        if (at < 0).any():
            raise ArgumentError(
                f"the fill at {when[at < 0][0]} lies before the second bar, so nothing can have decided it"
            )
        when = calendar[at]
    table = pd.DataFrame(
        {"when": when, "symbol": symbol.astype(str).to_numpy(), "size": size.to_numpy(dtype=float)}
    )
    summed: pd.DataFrame = table.groupby(["symbol", "when"])["size"].sum().reset_index()
    summed = summed.sort_values(by=["symbol", "when"])
    rows = []
    for name, own in summed.groupby("symbol"):
        held, most = 0.0, 0.0
        for moment, change in zip(own["when"], own["size"]):
            before, held = held, held + change
            held = 0.0 if abs(held) < 1e-9 * max(abs(before), 1.0) else held
            most = max(most, abs(held))
            if held == before:
                continue
            if held == 0:
                rows.append((moment, str(name), "TARGET" if before < 0 else "SELL", 0.0))
            elif before == 0 and held > 0:
                rows.append((moment, str(name), "BUY", 1.0))
            else:
                rows.append((moment, str(name), "TARGET", held / most))
    return _frame(rows)


def signals_from_zipline(perf: pd.DataFrame, calendar: pd.DatetimeIndex | None = None) -> pd.DataFrame:
    """Ready signals of what ``zipline.run_algorithm`` returns.

    Parameters
    ----------
    perf : DataFrame
        With a column ``transactions``: a list of mappings with ``dt``, ``sid`` and ``amount`` for each day. A sid that is an asset
        counts by its symbol.
    calendar : DatetimeIndex, optional
        The bars; without it the days of `perf`.

    Returns
    -------
    DataFrame
        As `signals_from_orders`, at the bars before the transactions.
    """
    if "transactions" not in perf:
        raise ArgumentError("perf has no column transactions")
    rows = [
        (
            pd.Timestamp(t["dt"]).tz_localize(None).normalize(),
            getattr(t["sid"], "symbol", t["sid"]),
            t["amount"],
        )
        for day in perf["transactions"]
        for t in day
    ]
    days = pd.DatetimeIndex(perf.index).tz_localize(None).normalize() if calendar is None else calendar
    return signals_from_orders(rows, calendar=days)


def returns_for_quantstats(result: BacktestResult) -> pd.Series:
    """Returns by day, as quantstats, empyrical and pyfolio take them.

    Parameters
    ----------
    result : BacktestResult
        Of a run.

    Returns
    -------
    Series of float
        Indexed by date, without time zone; the first return is that against the initial capital.
    """
    returns = result.returns.copy()
    days = pd.DatetimeIndex(returns.index).normalize()
    if (days != returns.index).any():
        returns = (1 + returns).groupby(days).prod() - 1
    returns.index.name = "date"
    return returns.rename(result.strategy)


def for_pyfolio(result: BacktestResult) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """What ``pyfolio.create_full_tear_sheet`` takes.

    Parameters
    ----------
    result : BacktestResult
        Of a run.

    Returns
    -------
    returns : Series
        By day, in UTC.
    positions : DataFrame
        Value of each symbol at each close, and ``cash``; rows sum to the equity. Symbols share the total in the proportions of their last fills, so single values are estimates. Rows sum to the
        equity.
    transactions : DataFrame
        Indexed by time: amount (shares, below 0 for a sale), price, symbol.
    """
    returns = returns_for_quantstats(result).tz_localize("UTC")
    fills = result.fills
    signed = np.where(fills["side"] == "BUY", fills["quantity"], -fills["quantity"])
    transactions = pd.DataFrame(
        {
            "amount": signed,
            "price": fills["price"].to_numpy(),
            "symbol": fills["symbol"].astype(str).to_numpy(),
        },
        index=pd.DatetimeIndex(fills["timestamp"]).tz_localize("UTC"),
    )
    snapshots = result.snapshots
    held = result.positions
    prices = (
        fills.assign(symbol=fills["symbol"].astype(str))
        .groupby(["timestamp", "symbol"])["price"]
        .last()
        .unstack()
    )
    values = held * prices.reindex(index=held.index, columns=held.columns).ffill()
    values = values.fillna(0.0)
    equity = result.equity.to_numpy()
    cash = np.asarray(snapshots["cash"], dtype=float)
    gross = values.sum(axis=1).to_numpy()
    scale = np.divide(equity - cash, gross, out=np.ones_like(gross), where=gross != 0)
    positions = values.mul(scale, axis=0)
    positions["cash"] = equity - positions.sum(axis=1).to_numpy()
    positions.index = pd.DatetimeIndex(positions.index).tz_localize("UTC")
    return returns, positions, transactions


def _wide(frame: pd.DataFrame | pd.Series, what: str) -> pd.DataFrame:
    if isinstance(frame, pd.Series):
        if frame.name is None:
            raise ArgumentError(f"{what} is a Series without a name: its name is the symbol")
        frame = frame.to_frame()
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise ArgumentError(f"the index of {what} must be times, not {type(frame.index).__name__}")
    return frame


def _column(frame: pd.DataFrame, names: tuple[str, ...]) -> Any:
    for name in names:
        if name in frame:
            return frame[name]
    raise ArgumentError(
        f"orders need a column {names[0]} (or {', '.join(names[1:])}); there are {', '.join(map(str, frame.columns))}"
    )


def _frame(rows: list[tuple[Any, str, str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["timestamp", "symbol", "action", "target_position"])
    frame["timestamp"] = pd.to_datetime(frame["timestamp"])
    return frame.sort_values(["timestamp", "symbol"], ignore_index=True)
