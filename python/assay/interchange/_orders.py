"""Orders and transactions, in shares, as ready signals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from .._errors import ArgumentError, DataError
from .._inputs import SYMBOL_NAMES, TIME_NAMES, Columns, to_list, to_us
from ._bars import DAY_US, ROUNDING, Bars, check_worth, date_of, signal_frame

ORDER_SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "max_position_pct": 1.0,
        "sizing_basis": "initial",
        "min_trade_frac": 0.0,
        "max_participation": 0.0,
        "allow_short": True,
    }
)
"""Settings with which signals made of orders fill in the orders' own quantities: ``BacktestEngine(**ORDER_SETTINGS)``."""

DATED = ("filled", "decided")
ORDER_TIMES = (*TIME_NAMES, "dt", "created")
ORDER_SYMBOLS = (*SYMBOL_NAMES, "asset", "sid", "column", "data")
ORDER_SIZES = ("size", "amount", "quantity", "qty", "shares")
SIDES = {"buy": 1.0, "long": 1.0, "sell": -1.0, "short": -1.0}
TRANSACTION_COLUMNS = ("amount", "price", "sid", "symbol", "value")  # of backtrader's analyzer Transactions
# zipline.finance.order.ORDER_STATUS: all of the amount counts while an order is open, filled or held.
WHOLE_STATUSES = ("open", "filled", "held", "0", "1", "4")


def signals_from_orders(
    orders: Any,
    prices: Any,
    *,
    initial_capital: float = 100_000.0,
    dated: str = "filled",
    equity: pd.Series | None = None,
    what: str = "orders",
) -> pd.DataFrame:
    """Orders or transactions in shares as ready signals, which ask for the position after each.

    Parameters
    ----------
    orders : table, or iterable of mappings or of tuples (date, symbol, size[, price])
        Columns date (or timestamp, time, dt, created), symbol (or asset, sid, column, data) and size (or amount, quantity):
        shares, below 0 for a sale. Where there is a column side (Buy, Sell), no size is below 0. Further columns do not
        count: the engine fills at its own prices.
    prices : table
        Prices of the run in long format, as the engine takes them (of a database ``ParquetDB(db).read_prices()``): from them
        is seen what was decided when, and what it was worth.
    initial_capital : float
        That of the run, which needs `ORDER_SETTINGS`.
    dated : {"filled", "decided"}
        What the dates are. An order that filled at a bar was decided at the close of the symbol's bar before.
    equity : pandas.Series, optional
        The portfolio's value by time in the other tool. Sizes then become fractions of it, for runs with
        ``{**ORDER_SETTINGS, "sizing_basis": "equity"}``: the way for portfolios that grew beyond their initial capital.
    what : str
        What messages call the orders.

    Returns
    -------
    pandas.DataFrame
        Columns timestamp, symbol, action (TARGET), target_position, signal_type (order, close).

    Raises
    ------
    DataError
        A column is missing, a size is no number, there is no bar to decide at, a position is worth more than the initial
        capital (or, with `equity`, than the equity).

    Notes
    -----
    Several orders of a symbol that are decided at one bar become one, their sum. Sizes are in shares of their date; splits in
    the prices (``split_coefficient``) are followed.
    """
    if dated not in DATED:
        raise ArgumentError(f"dated '{dated}': it must be one of {', '.join(DATED)}")
    if not initial_capital > 0:
        raise ArgumentError(f"initial_capital {initial_capital}: it must be above 0")
    times, names, sizes = order_columns(orders, what)
    bars = Bars(prices)
    different = sorted(set(names.tolist()))
    parts = []
    for name in different:
        rows = np.flatnonzero(names == name)
        parts.append(positions_wanted(bars, name, times[rows], sizes[rows], dated, what))
    if not parts:
        return signal_frame([], [], [], [], [])
    stamps, shares, closes = (np.concatenate([part[i] for part in parts]) for i in range(3))
    symbols = np.repeat(np.array(different, dtype=object), [len(part[0]) for part in parts])
    basis = initial_capital if equity is None else equity_at(equity, stamps, bars.is_daily)
    target = shares * closes / basis
    check_worth(symbols, stamps, shares, closes, target, initial_capital if equity is None else None)
    kind = np.where(target == 0, "close", "order")
    return signal_frame(stamps, symbols, ["TARGET"] * len(stamps), np.clip(target, -1.0, 1.0), kind)


def signals_from_backtrader(
    orders: Any,
    prices: Any,
    *,
    initial_capital: float = 100_000.0,
    dated: str = "filled",
    equity: pd.Series | None = None,
) -> pd.DataFrame:
    """Orders or transactions of backtrader as ready signals.

    Parameters
    ----------
    orders : mapping, table, or iterable of tuples (date, symbol, size, price)
        What the analyzer Transactions returns (lists of [amount, price, sid, symbol, value] by date), the transactions of
        the analyzer PyFolio, or rows noted in ``notify_order``.
    prices, initial_capital, equity
        As of `signals_from_orders`.
    dated : {"filled", "decided"}
        Transactions have the times of the bars at which they filled. Rows noted from ``order.created.dt`` are "decided".

    Returns
    -------
    pandas.DataFrame
        As of `signals_from_orders`.
    """
    if isinstance(orders, Mapping) and not any(str(name).lower() in ORDER_SIZES for name in orders):
        orders = pd.DataFrame(transactions_by_date(orders), columns=["date", "symbol", "size"])
    return signals_from_orders(
        orders,
        prices,
        initial_capital=initial_capital,
        dated=dated,
        equity=equity,
        what="backtrader orders",
    )


def signals_from_zipline(
    source: Any,
    prices: Any,
    *,
    initial_capital: float = 100_000.0,
    records: str = "transactions",
    equity: pd.Series | None = None,
) -> pd.DataFrame:
    """Transactions or orders of zipline as ready signals.

    Parameters
    ----------
    source : pandas.DataFrame or iterable of mappings
        What ``run_algorithm`` returns, with lists of mappings in the column that `records` names; or a frame or list of such
        records.
    prices, initial_capital, equity
        As of `signals_from_orders`. The equity is the column ``portfolio_value``.
    records : {"transactions", "orders"}
        Transactions have the times of the bars at which they filled. Orders have those at which they were made: an order that
        was cancelled or rejected counts with what of it filled.

    Returns
    -------
    pandas.DataFrame
        As of `signals_from_orders`.

    Notes
    -----
    Daily runs of zipline fill at the close of the next bar: the setting that is nearest is ``fill="next_close"``.
    """
    if records not in ("transactions", "orders"):
        raise ArgumentError(f"records '{records}': it must be 'transactions' or 'orders'")
    what = f"zipline {records}"
    rows = zipline_records(source, records, what)
    time = "dt" if records == "transactions" else "created"
    for i, record in enumerate(rows):
        missing = [name for name in ("amount", time) if name not in record]
        if missing or ("sid" not in record and "symbol" not in record):
            raise DataError(f"{what}, row {i + 1}: there is no {', '.join(missing) or 'sid'} in {record!r}")
    if records == "orders":
        table = [(r[time], asset_name(r), order_amount(r)) for r in last_of_each_order(rows)]
    else:
        table = [(r[time], asset_name(r), float(r["amount"])) for r in rows]
    frame = pd.DataFrame(table, columns=["date", "symbol", "size"])
    return signals_from_orders(
        frame[frame["size"] != 0],
        prices,
        initial_capital=initial_capital,
        dated="filled" if records == "transactions" else "decided",
        equity=equity,
        what=what,
    )


# --- reading what the tools have ---


def transactions_by_date(analysis: Mapping[Any, Any]) -> list[tuple[Any, str, float]]:
    """The rows of backtrader's analyzer Transactions; with headers=True it names its columns under 'date'."""
    header = next((rows[0] for date, rows in analysis.items() if str(date).lower() == "date"), None)
    names = [str(name).lower() for name in (header or TRANSACTION_COLUMNS)]
    if "amount" not in names or "symbol" not in names:
        raise DataError(f"backtrader orders: the header has no amount and symbol: {', '.join(names)}")
    size, symbol = names.index("amount"), names.index("symbol")
    found = []
    for date, rows in analysis.items():
        if str(date).lower() == "date":
            continue
        for row in rows:
            if len(row) != len(names):
                raise DataError(
                    f"backtrader orders: {date}: {row!r} does not have the columns {', '.join(names)}"
                )
            found.append((date, row[symbol], row[size]))
    return found


def zipline_records(source: Any, records: str, what: str) -> list[Any]:
    """The records of a performance frame, of a frame of records, or of a list."""
    if not isinstance(source, pd.DataFrame):
        return list(source)
    if records in source.columns:
        return [record for nested in source[records] for record in nested_list(nested, what)]
    if "amount" not in source.columns:
        raise DataError(
            f"{what}: there is neither a column '{records}' nor 'amount'; there are {', '.join(map(str, source.columns))}"
        )
    if "dt" not in source.columns and "created" not in source.columns:
        source = source.rename_axis("dt").reset_index()
    return list(source.to_dict("records"))


def nested_list(value: Any, what: str) -> list[Any]:
    """The records of one day; a day without any can have a missing value."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return list(value)
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return []
    raise DataError(
        f"{what}: expected a list of records a day, not {type(value).__name__}; a performance frame that was written as text "
        "has to be read from its pickle instead"
    )


def asset_name(record: Mapping[str, Any]) -> str:
    """The symbol of a record: its own, its asset's, or that in the text Equity(8 [AAPL])."""
    symbol = record.get("symbol")
    if not pd.isna(symbol):
        return plain_symbol(symbol)
    return plain_symbol(record["sid"])


def plain_symbol(asset: Any) -> str:
    """The symbol of an asset, which is an object, its text, or the symbol itself."""
    named = getattr(asset, "symbol", None)
    if named:
        return str(named)
    found = re.fullmatch(r"\w+\(\d+ \[(.+)\]\)", str(asset))
    return found.group(1) if found else str(asset)


def last_of_each_order(rows: list[Any]) -> list[Any]:
    """An order is reported again whenever it changes: the last report of each."""
    last: dict[Any, Any] = {}
    for i, record in enumerate(rows):
        last[record.get("id", i)] = record
    return list(last.values())


def order_amount(record: Mapping[str, Any]) -> float:
    """What of an order counts: all while it is open or filled, else what of it filled."""
    status = record.get("status", "filled")
    if str(getattr(status, "name", status)).lower() in WHOLE_STATUSES:
        return float(record["amount"])
    return float(record.get("filled", 0) or 0)


def order_columns(orders: Any, what: str) -> tuple[Any, Any, Any]:
    """Times in microseconds, symbols and signed sizes of orders of any shape."""
    is_list = isinstance(orders, Iterable) and not isinstance(orders, Mapping)
    if is_list and type(orders).__module__ == "builtins":
        orders = frame_of_rows(list(orders), what)
    columns = Columns(orders, what)
    time, symbol, size = (columns.need(names) for names in (ORDER_TIMES, ORDER_SYMBOLS, ORDER_SIZES))
    sizes = columns.floats(size)
    names = np.array([plain_symbol(s) for s in to_list(columns.series(symbol))], dtype=object)
    missing = ~np.isfinite(sizes)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise DataError(
            f"{what}, row {row + 1}: {names[row]}: {size} is {sizes[row]:g}, not a number of shares"
        )
    side = columns.find(("side",))
    if side is not None:
        sizes = sizes * signs(to_list(columns.series(side)), sizes, what)
    return columns.times_us(time) if len(sizes) else np.empty(0, dtype=np.int64), names, sizes


def frame_of_rows(rows: list[Any], what: str) -> pd.DataFrame:
    """A frame of mappings, or of tuples (date, symbol, size[, price])."""
    if rows and all(isinstance(row, Mapping) for row in rows):
        return pd.DataFrame(rows)
    short = next((i for i, row in enumerate(rows) if len(row) not in (3, 4)), None)
    if short is not None:
        raise DataError(
            f"{what}, row {short + 1}: {rows[short]!r} is not (date, symbol, size) or (date, symbol, size, price)"
        )
    return pd.DataFrame([row[:3] for row in rows], columns=["date", "symbol", "size"])


def signs(sides: list[Any], sizes: Any, what: str) -> Any:
    """1 of buys, -1 of sales."""
    names = [str(getattr(side, "name", side)).lower() for side in sides]
    for i, name in enumerate(names):
        if name not in SIDES:
            raise DataError(f"{what}, row {i + 1}: side '{sides[i]}': it must be Buy or Sell")
        if sizes[i] < 0:
            raise DataError(f"{what}, row {i + 1}: size {sizes[i]:g}: with a column side no size is below 0")
    return np.array([SIDES[name] for name in names])


# --- from orders to positions ---


def positions_wanted(
    bars: Bars, name: str, when: Any, sizes: Any, dated: str, what: str
) -> tuple[Any, Any, Any]:
    """Of each bar at which a symbol's position was decided: time, shares wanted there, close.

    Sizes are brought to shares of the symbol's first bar, summed, and given in shares of the bar of the decision: that is how
    splits between orders count.
    """
    if dated == "filled":
        at = bars.filled(name, when, what)
        decided = at - 1
    else:
        at = decided = bars.decided(name, when, what)
    base = sizes / bars.growth[name][at]
    rows, group = np.unique(decided, return_inverse=True)
    change = np.bincount(group, weights=base, minlength=len(rows))
    scale = np.bincount(group, weights=np.abs(base), minlength=len(rows))
    held = np.cumsum(change)
    held[np.abs(held) <= ROUNDING * np.maximum.accumulate(scale)] = 0.0
    keep = np.abs(change) > ROUNDING * scale
    rows, held = rows[keep], held[keep]
    return bars.times[name][rows], held * bars.growth[name][rows], bars.close[name][rows]


def equity_at(equity: pd.Series, stamps: Any, is_daily: bool) -> Any:
    """The last value at or before each time, else the first; of daily bars that of the day."""
    times = to_us(equity.index, "equity: index")
    values = equity.to_numpy(dtype=np.float64)
    if len(values) == 0:
        raise DataError("equity: the series is empty")
    if is_daily:
        times = times // DAY_US * DAY_US
    order = np.argsort(times, kind="stable")
    at = np.searchsorted(times[order], stamps, side="right") - 1
    found = values[order][np.maximum(at, 0)]
    wrong = ~(found > 0)
    if wrong.any():
        raise DataError(f"equity: {date_of(stamps[wrong][0])}: the value then is {found[wrong][0]:g}")
    return found
