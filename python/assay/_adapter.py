"""Strategies in Python as the C loop asks them."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable

import numpy as np
import pandas as pd

from . import _native
from ._database import ParquetDB
from ._errors import ArgumentTypeError, DataError
from ._further import KNOWN, FurtherColumns, SeenColumns
from ._inputs import DAY_US, SYMBOL_NAMES, TIME_NAMES, Columns, as_times
from ._panel import Panel
from ._strategies import METHODS, BaseStrategy, method_of, reference_of
from ._view import BarView

PRICE_COLUMNS = ["open_price", "high_price", "low_price", "close_price", "volume"]
BY_NAME = ("fundamental_df", "positions", "portfolio_value", "cash", "view")
NUMBER_KINDS = ("integer", "floating", "mixed-integer-float", "decimal")


class Beside:
    """What a run has beside prices, for strategies in Python."""

    def __init__(
        self,
        technical: Any = None,
        fundamental: Any = None,
        holdings: Any = None,
        fundamental_lag_days: int = 90,
    ) -> None:
        self._technical = technical
        self._fundamental = fundamental
        self._lag_days = fundamental_lag_days
        self.holdings = holdings
        self.panel: Panel | None = None

    @property
    def further(self) -> FurtherColumns | None:
        """Further columns of the prices."""
        return None if self.panel is None else self.panel.further

    @cached_property
    def technical(self) -> KnownRows:
        """Rows of technical_df."""
        return KnownRows(self._technical, "technical_df", 0)

    @cached_property
    def fundamental(self) -> KnownRows:
        """Rows of fundamental_df."""
        return KnownRows(self._fundamental, "fundamental_df", self._lag_days)


class StoredBeside(Beside):
    """The same of a database, read when a strategy asks for it."""

    def __init__(self, db: str, symbols: list[str] | None, holdings: Any, fundamental_lag_days: int) -> None:
        super().__init__(None, None, holdings, fundamental_lag_days)
        self._db = db
        self._symbols = symbols

    @cached_property
    def further(self) -> FurtherColumns | None:
        """Further columns of the table prices."""
        db = ParquetDB(self._db)
        names = [n for n in db.columns("prices") if n.lower() not in KNOWN]
        if not names:
            return None
        columns = Columns(db.read_prices(self._symbols, columns=names), "table prices")
        times, (symbols, codes) = columns.times_us("timestamp"), columns.codes(columns.need(SYMBOL_NAMES))
        made = FurtherColumns(columns, times, symbols, codes)
        return made if made.names else None

    @cached_property
    def technical(self) -> KnownRows:
        """Rows of the table technical_analysis."""
        return KnownRows(
            ParquetDB(self._db).read_technical_analysis(self._symbols), "table technical_analysis", 0
        )

    @cached_property
    def fundamental(self) -> KnownRows:
        """Rows of the table fundamental_analysis."""
        rows = ParquetDB(self._db).read_fundamental_analysis(self._symbols)
        return KnownRows(rows, "table fundamental_analysis", self._lag_days)


@dataclass
class Part:
    """A column of rows in the order in which they become known.

    `kind` is the type of its values where they are codes of categories, or times as int64; else None.
    """

    values: Any
    kind: Any = None

    def of(self, n: int) -> Any:
        """The first n values; nothing after them can be reached."""
        part = np.frombuffer(_native.window(self.values, n), dtype=self.values.dtype)
        if isinstance(self.kind, pd.CategoricalDtype):
            return categorical(part, self.kind)
        return part if self.kind is None else part.view(self.kind)


class KnownRows:
    """Rows of a table in the order in which they become known, of which any beginning can be seen.

    A row is known from its available_at, else from its filing_date, else `lag_days` after its timestamp. Numbers stay what they
    are, dates and times are datetime64[ns] in UTC, texts are categories.
    """

    def __init__(self, data: Any, what: str, lag_days: int) -> None:
        self.what = what
        self.known_ns = np.empty(0, dtype=np.int64)
        self.nothing = pd.DataFrame()
        self.floats: list[str] = []
        self.others: dict[str, Part] = {}
        if data is None:
            return
        columns = Columns(data, what)
        time = columns.find(TIME_NAMES)
        if len(data) == 0 or (time is not None and len(columns.series(time)) == 0):
            names = [n for n in columns.names if n != time]
            index = pd.DatetimeIndex([], dtype="M8[ns]", name="timestamp")
            self.nothing = pd.DataFrame(columns=pd.Index(names), index=index)
            return
        time = columns.need(TIME_NAMES)
        times = columns.times_us(time)
        known = times + lag_days * DAY_US
        for name in ("filing_date", "available_at"):
            found = columns.find((name,))
            if found is not None:
                told = as_times(in_pandas(columns.series(found)), f"{what}: {found}")
                told_us = told.to_numpy().astype("M8[us]").view(np.int64)
                known = np.where(told.isna(), known, told_us)
        order = np.lexsort((times, known))
        self.known_ns = (known * 1000)[order]
        self.index = times[order] * 1000
        self.names: list[str] = [n for n in columns.names if n != time]
        self._take(columns, order)

    def _take(self, columns: Columns, order: Any) -> None:
        matrix = []
        for name in self.names:
            series = in_pandas(columns.series(name))
            if name.lower() in SYMBOL_NAMES:
                texts, codes = columns.codes(name)
                kind = pd.CategoricalDtype(texts)
                self.others[name] = Part(codes.astype(code_dtype(len(texts)))[order], kind)
            elif pd.api.types.is_float_dtype(series.dtype):
                self.floats.append(name)
                matrix.append(series.to_numpy(dtype=np.float64, na_value=np.nan)[order])
            elif isinstance(series.dtype, np.dtype) and series.dtype.kind in "iub":
                self.others[name] = Part(np.ascontiguousarray(series.to_numpy()[order]))
            elif pd.api.types.is_numeric_dtype(series.dtype) or is_numbers(series):
                self.floats.append(name)  # of pandas' own types and of objects: missing ones are NaN
                matrix.append(columns.floats(name)[order])
            elif pd.api.types.is_datetime64_any_dtype(series.dtype) or is_dates(series):
                times = as_times(series, f"{columns.what}: {name}").to_numpy().astype("M8[ns]").view(np.int64)
                self.others[name] = Part(np.ascontiguousarray(times[order]), np.dtype("M8[ns]"))
            else:
                category = categories(series, f"{columns.what}: {name}")
                self.others[name] = Part(np.ascontiguousarray(category.codes[order]), category.dtype)
        self.matrix = np.ascontiguousarray(np.vstack(matrix)) if matrix else np.empty((0, len(order)))

    def numbers(self, name: str) -> Any:
        """A numeric column as float64, whatever the case of its name; None where there is none."""
        if len(self.known_ns) == 0:
            return None
        own = next((n for n in self.names if n.lower() == name.lower()), None)
        if own in self.floats:
            return self.matrix[self.floats.index(own)]
        part = None if own is None else self.others[own]
        if part is None or part.kind is not None:
            return None
        return part.values.astype(np.float64)

    def symbols(self) -> tuple[list[str], Any]:
        """The symbols and the number of each row's."""
        for name, part in self.others.items():
            if name.lower() in SYMBOL_NAMES:
                return [str(text) for text in part.kind.categories], part.values
        raise DataError(
            f"{self.what}: there is no column symbol; there are {', '.join(self.names) or 'none'}"
        )

    def as_of(self, until_ns: int) -> pd.DataFrame:
        """The rows that are known before a time."""
        if len(self.known_ns) == 0:
            return self.nothing
        n = int(np.searchsorted(self.known_ns, until_ns, side="left"))
        index = times_index(np.frombuffer(_native.window(self.index, n), dtype=np.int64))
        columns: dict[str, Any] = dict(zip(self.floats, np.asarray(_native.window(self.matrix, n))))
        for name, part in self.others.items():
            columns[name] = part.of(n)
        return pd.DataFrame({name: columns[name] for name in self.names}, index=index, copy=False)


def in_pandas(values: Any) -> pd.Series:
    """A column as a series of pandas."""
    return values.to_pandas() if hasattr(values, "to_pandas") else pd.Series(values)


def categories(series: pd.Series, what: str) -> pd.Categorical:
    """Texts and other objects as categories."""
    try:
        return pd.Categorical(series)
    except TypeError as error:
        raise DataError(f"{what}: {error}; give numbers, times or texts") from error


def is_numbers(series: pd.Series) -> bool:
    """Whether objects are numbers, such as Decimal, or missing."""
    return series.dtype == object and pd.api.types.infer_dtype(series, skipna=True) in NUMBER_KINDS


def is_dates(series: pd.Series) -> bool:
    """Whether objects are dates or times, or missing."""
    return series.dtype == object and pd.api.types.infer_dtype(series, skipna=True) in ("date", "datetime")


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
        raise ArgumentTypeError(f"{type(strategy).__name__} has none of the methods {', '.join(METHODS)}")
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
        self.further: SeenColumns | None = None
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
            source = self.beside.further
            self.further = None if source is None else SeenColumns(source, view.symbols)
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
        if self.further is not None:
            columns.update(self.further.upto(np.frombuffer(history.times(), dtype=np.int64), codes))
        return pd.DataFrame(columns, index=index, copy=False)

    def _holdings(self, view: BarView) -> pd.DataFrame:
        if self.holdings is None:
            given = self.beside.holdings
            if given is None:
                self.holdings = pd.DataFrame({"sym": list(view.symbols), "sector": view.sectors})
            elif isinstance(given, pd.DataFrame):
                self.holdings = given.copy()
            else:
                columns = Columns(given, "holdings")
                self.holdings = pd.DataFrame(
                    {n: in_pandas(columns.series(n)).to_numpy() for n in columns.names}
                )
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
