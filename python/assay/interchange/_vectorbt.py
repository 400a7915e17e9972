"""Signals of vectorbt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .._errors import ArgumentError, ArgumentTypeError, DataError
from .._inputs import SYMBOL_NAMES, to_us
from ._bars import Bars, check_worth, signal_frame

CONFLICTS = ("ignore", "entry", "exit", "error")
SIZE_TYPES = ("fraction", "amount")


class Events(NamedTuple):
    """Signals as positions in the frames: row, column, what is wanted (1, 0, -1), action and kind."""

    row: Any
    column: Any
    direction: Any
    action: Any
    kind: Any


def signals_from_vectorbt(
    entries: Any,
    exits: Any = None,
    size: Any = 1.0,
    short_entries: Any = None,
    short_exits: Any = None,
    *,
    size_type: str = "fraction",
    prices: Any = None,
    initial_capital: float = 100_000.0,
    shifted: int = 0,
    conflict: str = "ignore",
) -> pd.DataFrame:
    """Boolean entries and exits, a column a symbol, as ready signals.

    Parameters
    ----------
    entries, exits : pandas.DataFrame or pandas.Series
        True where a long position is to be opened or closed, as ``vbt.Portfolio.from_signals`` takes them. The index has the
        times; a series has its symbol as name. Missing values are false.
    size : float, pandas.Series or pandas.DataFrame
        Of an entry: one for all, by symbol, or by time and symbol.
    short_entries, short_exits : pandas.DataFrame or pandas.Series, optional
        The same for short positions. With them the signals are those of a machine with the states long, flat and short,
        which takes orders for filled; the run needs ``allow_short=True``.
    size_type : {"fraction", "amount"}
        `size` is a fraction of a full position (`max_position_pct` of equity), or a number of shares.
    prices : table, optional
        Prices of the run, in long format: needed for amounts.
    initial_capital : float
        That of the run: needed for amounts, with which the run needs `ORDER_SETTINGS`.
    shifted : int
        By how many bars the frames were shifted already so as not to look ahead; it is taken back, because the engine fills
        at the next open by itself.
    conflict : {"ignore", "entry", "exit", "error"}
        What counts where entry and exit of one side are both true. Where a long and a short entry are, neither counts.
        vectorbt's default, too, is to ignore both.

    Returns
    -------
    pandas.DataFrame
        Columns timestamp, symbol, action, target_position, signal_type.

    Raises
    ------
    ArgumentError
        An option that does not exist, amounts without prices.
    DataError
        Frames that do not fit together, values that are neither true nor false, sizes that cannot be.

    Notes
    -----
    vectorbt fills at the close that decided unless told otherwise; here a signal of a day fills at the next open, unless the
    setting `fill` says otherwise.
    """
    if conflict not in CONFLICTS:
        raise ArgumentError(f"conflict '{conflict}': it must be one of {', '.join(CONFLICTS)}")
    if size_type not in SIZE_TYPES:
        raise ArgumentError(f"size_type '{size_type}': it must be one of {', '.join(SIZE_TYPES)}")
    if size_type == "amount" and prices is None:
        raise ArgumentError("size_type 'amount' needs prices, to know what the shares are worth")
    wide = aligned(
        {"entries": entries, "exits": exits}, {"short_entries": short_entries, "short_exits": short_exits}
    )
    first = next(iter(wide.values()))
    times, symbols = first.index, list(first.columns)
    masks = {name: unshifted(frame.to_numpy(dtype=bool), shifted, name) for name, frame in wide.items()}
    resolve(masks, "entries", "exits", times, symbols, conflict)
    if short_entries is None and short_exits is None:
        found = long_events(masks["entries"], masks["exits"])
    else:
        resolve(masks, "short_entries", "short_exits", times, symbols, conflict)
        both = "error" if conflict == "error" else "ignore"
        resolve(masks, "entries", "short_entries", times, symbols, both)
        found = state_events(masks)
    sizes = sizes_of(size, times, symbols, shifted)[found.row, found.column]
    names = np.array(symbols, dtype=object)[found.column]
    opens = found.direction != 0
    check_sizes(sizes, opens, times[found.row], names, size_type)
    stamps = to_us(times, "entries: index")[found.row]
    if size_type == "amount":
        sizes = worth(Bars(prices), sizes, stamps, names, opens, initial_capital)
    target = np.where(opens, sizes * found.direction, 0.0)
    return signal_frame(stamps, names, found.action, target, found.kind)


def aligned(long: Mapping[str, Any], short: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The frames that there are, checked, with the index and columns of all of them; what is missing is false."""
    given = {name: wide_mask(frame, name) for name, frame in {**long, **short}.items() if frame is not None}
    if "entries" not in given and "short_entries" not in given:
        raise ArgumentError("there are no entries")
    first_name, first = next(iter(given.items()))
    for name, frame in given.items():
        if not frame.columns.equals(first.columns) or not frame.index.equals(first.index):
            raise DataError(
                f"{name} and {first_name} have different rows or columns ({frame.shape} and {first.shape}): "
                f"bring them to one shape, such as {name}.reindex_like({first_name}).fillna(False)"
            )
    empty = pd.DataFrame(False, index=first.index, columns=first.columns)
    wanted = [*long, *short] if any(name in given for name in short) else [*long]
    return {name: given.get(name, empty) for name in wanted}


def wide_mask(data: Any, name: str) -> pd.DataFrame:
    """A frame of truth values with a column a symbol; missing is false."""
    if isinstance(data, pd.Series):
        if data.name is None:
            raise DataError(f"{name}: the series has no name; its name is the symbol: {name}.rename('AAPL')")
        data = data.to_frame()
    if not isinstance(data, pd.DataFrame):
        raise ArgumentTypeError(f"{name}: expected a pandas DataFrame or Series, not {type(data).__name__}")
    if not isinstance(data.index, pd.DatetimeIndex):
        raise DataError(f"{name}: the index must be times (a DatetimeIndex), not {type(data.index).__name__}")
    if data.index.has_duplicates:
        raise DataError(f"{name}: {data.index[data.index.duplicated()][0]} is there twice")
    data = data.set_axis([str(c) for c in one_level(data.columns, name)], axis=1)
    if data.columns.has_duplicates:
        raise DataError(f"{name}: column '{data.columns[data.columns.duplicated()][0]}' is there twice")
    return pd.DataFrame(truth(data, name), index=data.index, columns=data.columns).sort_index()


def truth(data: pd.DataFrame, name: str) -> Any:
    """Truth values of booleans, of 0 and 1, and of objects that are these; missing is false."""
    if all(isinstance(dtype, np.dtype) and dtype.kind == "b" for dtype in data.dtypes):
        return data.to_numpy()
    objects: Any = data.astype(object).to_numpy()
    values: Any = np.where(pd.isna(objects), 0, objects)
    wrong = np.argwhere((values != 0) & (values != 1))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"{name}: {data.index[row]}, {data.columns[column]}: {values[row, column]!r} is neither true nor false"
        )
    return values.astype(bool)


def one_level(columns: pd.Index, name: str) -> pd.Index:
    """Symbols of columns; of several levels that which is called symbol."""
    if not isinstance(columns, pd.MultiIndex):
        return columns
    level = next((i for i, n in enumerate(columns.names) if str(n).lower() in SYMBOL_NAMES), None)
    if level is None or columns.get_level_values(level).has_duplicates:
        raise DataError(
            f"{name}: the columns have the levels {list(columns.names)}: take one set of parameters "
            f"({name}.xs(20, axis=1, level='window')), and call the level of symbols 'symbol'"
        )
    return columns.get_level_values(level)


def unshifted(mask: Any, shifted: int, name: str) -> Any:
    """The rows as they were before they were shifted down."""
    if shifted < 0:
        raise ArgumentError(f"shifted {shifted}: it must not be below 0")
    if mask[:shifted].any():
        raise DataError(f"{name} was not shifted by {shifted} bars: one of its first {shifted} rows is true")
    moved = np.zeros_like(mask)
    moved[: max(len(mask) - shifted, 0)] = mask[shifted:]
    return moved


def resolve(
    masks: dict[str, Any], first: str, second: str, times: Any, symbols: list[str], conflict: str
) -> None:
    """Decides what counts where two masks are true at once."""
    both = masks[first] & masks[second]
    if not both.any():
        return
    if conflict == "error":
        row, column = np.argwhere(both)[0]
        raise DataError(
            f"{times[row]}, {symbols[column]}: {first} and {second} are both true; conflict='exit' lets the exit count"
        )
    if conflict != "entry":
        masks[first] &= ~both
    if conflict != "exit":
        masks[second] &= ~both


def long_events(entries: Any, exits: Any) -> Events:
    """Every entry as BUY, every exit as a TARGET of 0: what has no effect the engine records as already_held or at_target.

    A SELL would open a short where nothing is held and `allow_short` is set.
    """
    row, column = np.nonzero(entries | exits)
    is_entry = entries[row, column]
    action = np.where(is_entry, "BUY", "TARGET").astype(object)
    kind = np.where(is_entry, "entry", "exit").astype(object)
    return Events(row, column, is_entry.astype(np.int64), action, kind)


def state_events(masks: Mapping[str, Any]) -> Events:
    """Changes between long, flat and short as TARGETs; an entry of the other side turns the position around."""
    found: list[tuple[int, int, int, str]] = []
    any_event = np.logical_or.reduce(list(masks.values()))
    for column in range(any_event.shape[1]):
        state = 0
        for row in np.flatnonzero(any_event[:, column]).tolist():
            wanted, kind = next_state(masks, row, column, state)
            if wanted != state:
                found.append((row, column, wanted, kind))
            state = wanted
    found.sort()
    row_at, column_at = (np.array([f[i] for f in found], dtype=np.intp) for i in (0, 1))
    direction = np.array([f[2] for f in found], dtype=np.int64)
    action = np.full(len(found), "TARGET", dtype=object)
    return Events(row_at, column_at, direction, action, np.array([f[3] for f in found], dtype=object))


def next_state(masks: Mapping[str, Any], row: int, column: int, state: int) -> tuple[int, str]:
    """The state after a row: long 1, flat 0, short -1; and what brought it."""
    if masks["entries"][row, column]:
        return 1, "entry"
    if masks["short_entries"][row, column]:
        return -1, "short_entry"
    if state > 0 and masks["exits"][row, column]:
        return 0, "exit"
    if state < 0 and masks["short_exits"][row, column]:
        return 0, "short_exit"
    return state, ""


def sizes_of(size: Any, times: Any, symbols: list[str], shifted: int) -> Any:
    """Sizes as a matrix of times by symbols."""
    shape = (len(times), len(symbols))
    if isinstance(size, pd.DataFrame):
        frame = size.set_axis([str(c) for c in one_level(size.columns, "size")], axis=1)
        values = frame.reindex(index=times, columns=symbols).to_numpy(dtype=np.float64)
        return np.vstack([values[shifted:], np.full((min(shifted, shape[0]), shape[1]), np.nan)])
    if isinstance(size, pd.Series):
        by_symbol = size.set_axis([str(c) for c in size.index]).reindex(symbols)
        return np.broadcast_to(by_symbol.to_numpy(dtype=np.float64), shape)
    return np.broadcast_to(float(size), shape)


def check_sizes(sizes: Any, opens: Any, times: Any, names: Any, size_type: str) -> None:
    """Refuses sizes of entries that cannot be one."""
    most = 1.0 if size_type == "fraction" else np.inf
    wrong = opens & ~((sizes > 0) & (sizes <= most) & np.isfinite(sizes))
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        bound = (
            "above 0 and at most 1, a fraction of a full position"
            if size_type == "fraction"
            else "above 0 and finite"
        )
        raise DataError(f"size: {times[i]}, {names[i]}: {sizes[i]:g}: it must be {bound}")


def worth(bars: Bars, sizes: Any, stamps: Any, names: Any, opens: Any, initial_capital: float) -> Any:
    """Numbers of shares as fractions of the initial capital, by the close at which they are decided."""
    closes = np.full(len(sizes), np.nan)
    for name in dict.fromkeys(names[opens].tolist()):
        rows = np.flatnonzero((names == name) & opens)
        closes[rows] = bars.close[name][bars.decided(name, stamps[rows], "entries")]
    fractions = sizes * closes / initial_capital
    check_worth(names[opens], stamps[opens], sizes[opens], closes[opens], fractions[opens], initial_capital)
    return np.minimum(fractions, 1.0)
