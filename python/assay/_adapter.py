"""Strategies in Python as the C loop asks them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any, Callable

import numpy as np
import pandas as pd

from . import _native
from ._errors import DataError
from ._inputs import TIME_NAMES, Columns, symbols_of
from ._strategies import METHODS, BaseStrategy, method_of, reference_of
from ._view import BarView

PRICE_COLUMNS = ["open_price", "high_price", "low_price", "close_price", "volume"]
BY_NAME = ("fundamental_df", "positions", "portfolio_value", "cash", "view")
DAY_NS = 86_400_000_000_000


class Beside:
    """What a run has beside prices, for strategies in Python."""

    def __init__(
        self,
        technical: Any = None,
        fundamental: Any = None,
        holdings: Any = None,
        fundamental_lag_days: int = 90,
    ) -> None:
        self.technical = KnownRows(technical, "technical_df", 0)
        self.fundamental = KnownRows(fundamental, "fundamental_df", fundamental_lag_days)
        self.holdings = holdings


class KnownRows:
    """Rows of a table in the order in which they become known, of which any beginning can be seen.

    A row is known from its available_at, else from its filing_date, else `lag_days` after its timestamp.
    """

    def __init__(self, data: Any, what: str, lag_days: int) -> None:
        self.known_ns = np.empty(0, dtype=np.int64)
        self.nothing = pd.DataFrame()
        self.floats: list[str] = []
        self.others: list[tuple[str, Any, Any]] = []
        if data is None or len(data) == 0:
            return
        columns = Columns(data, what)
        time = columns.need(TIME_NAMES)
        times = columns.times_us(time)
        known = times + lag_days * 86_400_000_000
        for name in ("filing_date", "available_at"):
            found = columns.find((name,))
            if found is not None:
                told = pd.DatetimeIndex(
                    pd.to_datetime(pd.Index(columns.series(found)), utc=True)
                ).tz_localize(None)
                told_us = told.to_numpy().astype("M8[us]").view(np.int64)
                known = np.where(told.isna(), known, told_us)
        order = np.lexsort((times, known))
        self.known_ns = (known * 1000)[order]
        self.index = times[order] * 1000
        self.names: list[str] = [n for n in columns.names if n != time]
        self._take(columns, order)

    def _take(self, columns: Columns, order: Any) -> None:
        floats, matrix = [], []
        for name in self.names:
            series = (
                pd.Series(columns.series(name)) if not hasattr(columns.series(name), "to_pandas") else None
            )
            series = columns.series(name).to_pandas() if series is None else series
            if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
                floats.append(name)
                matrix.append(series.to_numpy(dtype=np.float64, na_value=np.nan)[order])
            elif pd.api.types.is_datetime64_any_dtype(series.dtype):
                times = pd.DatetimeIndex(series).tz_localize(None).to_numpy().astype("M8[ns]").view(np.int64)
                self.others.append((name, np.ascontiguousarray(times[order]), None))
            else:
                category = pd.Categorical(series)
                codes = np.ascontiguousarray(category.codes[order])
                self.others.append((name, codes, category.dtype))
        self.floats = floats
        self.matrix = np.ascontiguousarray(np.vstack(matrix)) if matrix else np.empty((0, len(order)))

    def float_name(self, name: str) -> str:
        """A numeric column's own spelling of a name; "" where there is none."""
        return next((own for own in self.floats if own.lower() == name.lower()), "")

    def frame_has(self, name: str) -> bool:
        """Whether there is a numeric column of that name."""
        return len(self.known_ns) > 0 and self.float_name(name) != ""

    def symbols(self, candidates: Iterable[str]) -> tuple[list[str], Any]:
        """The symbols and the number of each row's."""
        for name, values, dtype in self.others:
            if name.lower() in candidates and dtype is not None:
                return [str(text) for text in dtype.categories], values
        raise DataError("there is no column symbol")

    def as_of(self, until_ns: int) -> pd.DataFrame:
        """The rows that are known before a time."""
        if len(self.known_ns) == 0:
            return self.nothing
        n = int(np.searchsorted(self.known_ns, until_ns, side="left"))
        index = times_index(np.frombuffer(_native.window(self.index, n), dtype=np.int64))
        columns: dict[str, Any] = dict(zip(self.floats, np.asarray(_native.window(self.matrix, n))))
        for name, values, dtype in self.others:
            part = np.frombuffer(_native.window(values, n), dtype=values.dtype)
            columns[name] = part.view("M8[ns]") if dtype is None else categorical(part, dtype)
        return pd.DataFrame({name: columns[name] for name in self.names}, index=index, copy=False)


def times_index(ns: Any) -> pd.DatetimeIndex:
    """Times as an index, without a copy."""
    return pd.DatetimeIndex(ns.view("M8[ns]"), name="timestamp", copy=False)


class PythonDefinition:
    """What the C side needs to know of a strategy in Python."""

    view_type = BarView

    def __init__(self, strategy: Any, beside: Beside, method: str | None = None) -> None:
        self.strategy = strategy
        self.beside = beside
        self.method = method or chosen_method(strategy)
        self.name = safe_name(getattr(strategy, "name", type(strategy).__name__))
        self.reference = reference_of(strategy)
        self.features = list(getattr(strategy, "features", ()))
        self.needs_sectors = bool(getattr(strategy, "needs_sectors", False))
        parameters = getattr(strategy, "parameters", None) or {}
        self.params = [
            (name, float(value))
            for name, value in parameters.items()
            if isinstance(value, (int, float, np.integer, np.floating)) and np.isfinite(value)
        ]

    def start(self) -> Callable[[BarView], None]:
        """Begins a run; returns what is called at each bar."""
        start = getattr(self.strategy, "start", None)
        if callable(start):
            start()
        if self.method == "on_bar":
            return self._on_bar
        return FrameDriver(self.strategy, self.beside)

    def _on_bar(self, view: BarView) -> None:
        signals = self.strategy.on_bar(view)
        if signals is not None:
            view.give(signals)


def chosen_method(strategy: Any) -> str:
    """Which of its methods a strategy is asked by."""
    if isinstance(strategy, BaseStrategy):
        found = method_of(strategy)
    else:
        found = next((name for name in METHODS if callable(getattr(strategy, name, None))), None)
    if found is None:
        raise TypeError(f"{type(strategy).__name__} has none of the methods {', '.join(METHODS)}")
    return found


def safe_name(name: str) -> str:
    """A strategy's name with nothing in it that has a meaning elsewhere (a dot parts members from parameters)."""
    return re.sub(r"[^A-Za-z0-9_]", "_", str(name))[:60] or "strategy"


class FrameDriver:
    """Asks a strategy of data frames; the frames are views over what has been seen so far."""

    def __init__(self, strategy: Any, beside: Beside) -> None:
        self.ask = strategy.generate_signals
        self.beside = beside
        self.history = _native.History()
        self.dtype: Any = None
        self.holdings: pd.DataFrame | None = None
        parameters = inspect.signature(self.ask).parameters
        self.by_name = [name for name in BY_NAME if name in parameters]
        has_brief_names = {"prices_df", "technical_df", "holdings_df", "date"} <= set(parameters)
        self.all_by_name = has_brief_names

    def __call__(self, view: BarView) -> None:
        history = self.history
        history.update(view)
        if self.dtype is None:
            self.dtype = pd.CategoricalDtype(list(view.symbols))
        prices = self._prices()
        ns = view.timestamp_us * 1000
        until = view.known_until_us * 1000
        date = pd.Timestamp(ns)
        arguments = {
            "prices_df": prices,
            "technical_df": self.beside.technical.as_of(until),
            "holdings_df": self._holdings(view),
            "date": date,
        }
        more = {name: self._more(name, view, until) for name in self.by_name}
        if self.all_by_name:
            signals = self.ask(**arguments, **more)
        else:
            signals = self.ask(*arguments.values(), **more)
        if signals is not None:
            view.give(signals)

    def _prices(self) -> pd.DataFrame:
        history = self.history
        index = times_index(np.frombuffer(history.times(), dtype=np.int64))
        codes = np.frombuffer(history.codes(), dtype=code_dtype(len(self.dtype.categories)))
        columns: dict[str, Any] = {"symbol": categorical(codes, self.dtype)}
        columns.update(zip(PRICE_COLUMNS, np.asarray(history.prices())))
        return pd.DataFrame(columns, index=index, copy=False)

    def _holdings(self, view: BarView) -> pd.DataFrame:
        if self.holdings is None:
            given = self.beside.holdings
            if given is None:
                self.holdings = pd.DataFrame({"sym": list(view.symbols), "sector": view.sectors})
            elif isinstance(given, pd.DataFrame):
                self.holdings = given.copy()
            else:
                self.holdings = pd.DataFrame({"sym": symbols_of(given)})
        return self.holdings

    def _more(self, name: str, view: BarView, until: int) -> Any:
        if name == "view":
            return view
        if name == "positions":
            held = view.positions
            return {view.symbols[i]: float(held[i]) for i in np.flatnonzero(held)}
        if name == "fundamental_df":
            return self.beside.fundamental.as_of(until)
        return view.equity if name == "portfolio_value" else view.cash


def code_dtype(n_categories: int) -> type[np.signedinteger[Any]]:
    """The type that pandas gives the codes of so many categories."""
    return np.int8 if n_categories <= 127 else np.int16 if n_categories <= 32767 else np.int32


def categorical(codes: Any, dtype: Any) -> pd.Categorical:
    """Codes as a categorical; they are known to be good, which older pandas looks at each time."""
    try:
        return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)
    except TypeError:
        return pd.Categorical.from_codes(codes, dtype=dtype)
