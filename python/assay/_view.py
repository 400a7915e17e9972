"""What a strategy sees at a bar, and how it gives its signals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Union

import numpy as np

from . import _native
from ._errors import ArgumentError, ArgumentTypeError, NotFoundError
from ._types import Signal, SignalAction

ACTIONS = {name: number for number, name in enumerate(_native.enum_names("action"))}
COLUMNS = {"open": 0, "high": 1, "low": 2, "close": 3, "volume": 4}
NUMBER = re.compile(r"-?\d+(?:\.(\d+))?")
NO_NUMBER = -1

Symbol = Union[str, int]


def split_reason(reason: str) -> tuple[str, float, int, str]:
    """A reason as text, number, decimals, text: so that all reasons of one form are one kind of signal.

    Parameters
    ----------
    reason : str
        Such as "Momentum: 12.34%".

    Returns
    -------
    tuple
        What stands before the first number, the number, its decimals (-1: there is none), what stands behind it.
    """
    found = NUMBER.search(reason)
    if found is None or "\0" in reason:
        return reason.replace("\0", " "), 0.0, NO_NUMBER, ""
    value, decimals = float(found.group()), len(found.group(1) or "")
    if f"{value:.{decimals}f}" != found.group() or decimals > 9 or abs(value) > 1e9:
        return reason, 0.0, NO_NUMBER, ""
    return reason[: found.start()], value, decimals, reason[found.end() :]


def action_number(action: str | SignalAction) -> int:
    """The number of an action by its name, in any case."""
    number = ACTIONS.get(action)
    if number is None:
        number = ACTIONS.get(str(getattr(action, "value", action)).upper())
    if number is None:
        raise ArgumentError(f"action {action!r} is none of {', '.join(ACTIONS)}")
    return number


class BarView(_native.View):
    """What is known at the close of one bar; valid while `on_bar` runs.

    Arrays have a value for each symbol, in the order of `symbols`. They are read-only copies of this bar's row: nothing after
    the bar can be reached through them.
    """

    __slots__ = ()

    @property
    def date(self) -> Any:
        """The timestamp of the bar, numpy.datetime64[us]."""
        return np.datetime64(self.timestamp_us, "us")

    @property
    def n_symbols(self) -> int:
        """How many symbols the run has."""
        return len(self.symbols)

    def history(self, column: str = "close", n: int = 20) -> Any:
        """The last own bars of each symbol, as seen at this bar.

        Parameters
        ----------
        column : {"open", "high", "low", "close", "volume"}
            Which column.
        n : int
            How many own bars, this one included.

        Returns
        -------
        numpy.ndarray
            n by n_symbols, oldest first; adjusted for splits up to this bar. NaN where a symbol has fewer bars, or none of
            its own at this bar.
        """
        if column not in COLUMNS:
            raise ArgumentError(f"history: column {column!r} is none of {', '.join(COLUMNS)}")
        return self._history(COLUMNS[column], n).reshape(n, -1)

    def signal(
        self,
        symbol: Symbol,
        action: str | SignalAction,
        strength: float = 1.0,
        target_position: float | None = None,
        score: float | None = None,
        signal_type: str = "signal",
        reason: str = "",
    ) -> None:
        """Gives one signal; see `assay.Signal` for what its parts mean.

        Parameters
        ----------
        symbol : str or int
            The name of a symbol, or its number.
        action : str or SignalAction
            BUY, SELL, HOLD, INCREASE, REDUCE or TARGET.
        strength : float
            In [0, 1].
        target_position : float, optional
            Fraction of a full position: 1 by default, of REDUCE 0. TARGET needs one.
        score : float, optional
            Ranks signals where cash is short; by default the strength.
        signal_type, reason : str
            What it is called and why it was given.
        """
        number = action_number(action)
        before, value, decimals, after = split_reason(reason)
        if target_position is None or target_position != target_position:
            target_position = math.nan
            if number == ACTIONS["TARGET"]:
                raise ArgumentError(f"the TARGET signal for {symbol} needs a target_position")
        if score is None:
            score = strength
        self._emit(
            symbol, (number, signal_type, before, decimals, after), value, score, strength, target_position
        )

    def buy(self, symbol: Symbol, strength: float = 1.0, **more: Any) -> None:
        """Opens a position where there is none; further arguments are those of `signal`."""
        self.signal(symbol, "BUY", strength, **more)

    def sell(self, symbol: Symbol, strength: float = 1.0, **more: Any) -> None:
        """Closes a position; with `allow_short` and none, opens a short."""
        self.signal(symbol, "SELL", strength, **more)

    def increase(self, symbol: Symbol, strength: float = 1.0, **more: Any) -> None:
        """Raises a position to its target, never lowers it."""
        self.signal(symbol, "INCREASE", strength, **more)

    def reduce(self, symbol: Symbol, strength: float = 1.0, **more: Any) -> None:
        """Lowers a position to at most its target, never raises it."""
        self.signal(symbol, "REDUCE", strength, **more)

    def target(self, symbol: Symbol, target_position: float, **more: Any) -> None:
        """Sets the signed fraction of a full position that is held."""
        self.signal(symbol, "TARGET", target_position=target_position, **more)

    def signals(
        self,
        action: str | SignalAction,
        symbols: Any,
        strength: Any = 1.0,
        target_position: Any = None,
        score: Any = None,
        signal_type: str = "signal",
    ) -> None:
        """Gives a signal for each of many symbols.

        Parameters
        ----------
        action : str or SignalAction
            Of all of them.
        symbols : array of bool, int or str
            A mask over all symbols, their numbers, or their names.
        strength, target_position, score : float or array, optional
            One for all; one a chosen symbol, in their order; or, where that is another number, one a symbol of the run.
        signal_type : str
            What they are called.
        """
        number = action_number(action)
        rows = self._rows(symbols)
        if number == ACTIONS["TARGET"] and target_position is None:
            raise ArgumentError("TARGET signals need a target_position")
        strengths = self._each(strength, rows)
        scores = strengths if score is None else self._each(score, rows)
        targets = self._each(math.nan if target_position is None else target_position, rows)
        self._emit_rows(
            np.ascontiguousarray(rows),
            (number, signal_type, "", NO_NUMBER, signal_type),
            scores,
            strengths,
            targets,
        )

    def _rows(self, symbols: Any) -> Any:
        """Numbers of symbols that were chosen by a mask, by numbers or by names."""
        chosen = np.asarray(symbols)
        if chosen.ndim != 1:
            raise ArgumentError(
                f"symbols has {chosen.ndim} dimensions: give a mask, or an array of numbers or names"
            )
        if chosen.dtype == object and len(chosen) and all(isinstance(v, (bool, np.bool_)) for v in chosen):
            chosen = chosen.astype(bool)
        if chosen.dtype == bool:
            if len(chosen) != self.n_symbols:
                raise ArgumentError(f"a mask of {len(chosen)} values for {self.n_symbols} symbols")
            return np.flatnonzero(chosen)
        if chosen.dtype.kind in "iu" or len(chosen) == 0:
            return chosen.astype(np.int64)
        if chosen.dtype.kind not in "UO":
            raise ArgumentError(f"symbols are of the type {chosen.dtype}: give a mask, numbers or names")
        numbers = {name: i for i, name in enumerate(self.symbols)}
        unknown = [str(name) for name in chosen if name not in numbers]
        if unknown:
            raise NotFoundError(f"a signal for {unknown[0]!r}, which is no symbol of this run")
        return np.array([numbers[name] for name in chosen], dtype=np.int64)

    def _each(self, values: Any, rows: Any) -> Any:
        array = np.asarray(values, dtype=np.float64)
        if array.ndim == 1 and len(array) == self.n_symbols and len(rows) != len(array):
            array = array[rows]
        if array.shape not in ((), rows.shape):
            raise ArgumentError(
                f"values of the shape {array.shape} for {len(rows)} chosen of {self.n_symbols} symbols"
            )
        return np.ascontiguousarray(np.broadcast_to(array, rows.shape))

    def give(self, signals: Any) -> None:
        """Gives `assay.Signal` objects, or whatever has their attributes.

        Parameters
        ----------
        signals : iterable of Signal
            At most one a symbol.
        """
        if hasattr(signals, "symbol") and hasattr(signals, "action"):
            signals = [signals]
        if isinstance(signals, str) or not isinstance(signals, Iterable):
            raise ArgumentTypeError(
                f"a strategy must give a list of assay.Signal, not {type(signals).__name__}"
            )
        for s in signals:
            if not hasattr(s, "symbol") or not hasattr(s, "action"):
                raise ArgumentTypeError(f"a strategy must give assay.Signal objects, not {type(s).__name__}")
            give_one(self, s)


def give_one(view: BarView, s: Signal) -> None:
    """Gives one signal that may be of the user's own class."""
    target = getattr(s, "target_position", None)
    if target is None:
        target = getattr(s, "target_position_pct", None)
    view.signal(
        s.symbol if isinstance(s.symbol, str) else str(s.symbol),  # a name, also where it is a number
        s.action,
        getattr(s, "strength", 1.0),
        target,
        getattr(s, "score", None),
        getattr(s, "signal_type", "") or "signal",
        getattr(s, "reason", "") or "",
    )
