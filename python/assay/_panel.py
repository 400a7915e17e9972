"""Prices of any kind of frame as a panel of the C library."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Callable

import numpy as np
import pandas as pd

from . import _native
from ._errors import ArgumentTypeError, AssayWarning, ConfigError, DataError, NotFoundError
from ._further import FurtherColumns
from ._inputs import (
    DAY_US,
    PRICE_NAMES,
    SYMBOL_NAMES,
    TIME_NAMES,
    Columns,
    as_times,
    chosen_symbols,
    has_number,
    to_list,
)

ON_BAD_DATA = {"error": 0, "drop": 1, "keep": 2}
SIGNAL_PRICES = {"split_adjusted": 0, "total_return": 1}


class Panel:
    """A market that runs can share: prices of symbols over time, and what lies beside them.

    Parameters
    ----------
    prices : pandas.DataFrame, polars.DataFrame, pyarrow.Table or mapping of arrays
        Long format with the columns timestamp (or a DatetimeIndex), symbol, close_price (or close), and where they are
        there open, high, low, volume, dividend_amount, split_coefficient and updated_at. Of a mapping the prices may also
        be matrices, times by symbols.
    symbols : iterable of str, optional
        Take these alone; each must be there.
    on_bad_data : {"error", "drop", "keep"}
        What to do about rows with a price that cannot be one, and about duplicates.
    signal_prices : {"split_adjusted", "total_return"}
        The prices that strategies see.
    fill_gap_bars : int
        Fill at most so many bars in a row that a symbol lacks with its last close.

    Notes
    -----
    Rows are copied; the frame may change afterwards. Sectors, a benchmark and columns that a run brings stay with the panel: runs
    with others need a panel of their own.
    """

    def __init__(
        self,
        prices: Any,
        symbols: Iterable[str] | None = None,
        on_bad_data: str = "error",
        signal_prices: str = "split_adjusted",
        fill_gap_bars: int = 0,
    ) -> None:
        columns = prices if isinstance(prices, Columns) else Columns(prices, "prices")
        times = columns.times_us(columns.need(TIME_NAMES))
        names, codes = columns.codes(columns.need(SYMBOL_NAMES))
        columns.need(PRICE_NAMES["close"])
        only_one(columns, "currency")
        self.frequency = frequency_of(columns, times)
        if self.frequency == "1d":  # a daily row counts for its date, whatever its time
            times = times - times % DAY_US
        arrays: dict[str, Any] = {}
        for key, candidates in PRICE_NAMES.items():
            name = columns.find(candidates)
            if name is None:
                arrays[key] = None
            elif key == "version":
                arrays[key] = versions(columns.series(name), f"{columns.what}: {name}")
            else:
                arrays[key] = columns.floats(name)
        self._rows: Any = (columns, times, names, codes)
        self._further: FurtherColumns | None = None
        if not isinstance(prices, Columns):  # else whoever has the columns keeps them as long as the panel
            self._further, self._rows = self.further, None
        if symbols is not None:
            codes, names, times, arrays = choose(chosen_symbols(symbols), names, codes, times, arrays)
        self.options = (on_bad_data, signal_prices, fill_gap_bars)
        self._beside: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.native, self.report = _native.build_panel(
            names,
            codes,
            times,
            arrays["open"],
            arrays["high"],
            arrays["low"],
            arrays["close"],
            arrays["volume"],
            arrays["dividend"],
            arrays["split_ratio"],
            arrays["version"],
            choice(ON_BAD_DATA, "on_bad_data", on_bad_data),
            choice(SIGNAL_PRICES, "signal_prices", signal_prices),
            fill_gap_bars,
        )
        if self.report["n_without_close"]:
            self.report["n_without_close"] -= events_alone(arrays)
        for key, text in (
            ("n_replaced", "were replaced by newer rows of the same symbol and time"),
            ("n_dropped", "were bad and left out (on_bad_data: drop)"),
            ("n_without_close", "have no close and count as no bar"),
        ):
            if self.report[key]:
                warnings.warn(f"{self.report[key]} rows of prices {text}", AssayWarning, stacklevel=3)

    def resampled(self, settings: dict[str, str]) -> Panel:
        """The coarser bars that settings ask for (resample, session and what belongs to them); itself where they ask for none."""
        native = _native.resample_panel(self.native, settings)
        if native is None:
            return self
        panel = Panel.lent(native)
        panel.report, panel.options, panel.frequency = self.report, self.options, self.frequency
        return panel

    @classmethod
    def lent(cls, native: Any) -> Panel:
        """A panel of the C library that is there for the time of a call."""
        panel = cls.__new__(cls)
        panel.native, panel.report, panel.options = native, {}, ("error", "split_adjusted", 0)
        panel.frequency, panel._rows, panel._further = "", None, None
        panel._beside, panel._lock = {}, threading.Lock()
        return panel

    @property
    def further(self) -> FurtherColumns | None:
        """Numeric columns of the prices beside those of a panel; None where there are none."""
        if self._rows is not None:
            made = FurtherColumns(*self._rows)
            self._further, self._rows = made if made.names else None, None
        return self._further

    def put(self, what: str, value: Any, put: Callable[[], None]) -> None:
        """Gives the panel something beside its prices; a second time it must be the same, since runs share it.

        Parameters
        ----------
        what : str
            What it is called, such as "benchmark".
        value : object
            What tells it from another.
        put : callable
            Does it.
        """
        with self._lock:
            if what not in self._beside:
                if value is not None:
                    put()
                    self._beside[what] = value
            elif self._beside[what] != value:
                raise ConfigError(
                    f"this Panel has another {what} already, which its runs share: build a Panel for each"
                )

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols in byte order."""
        return self.native.symbols

    @property
    def timestamps(self) -> Any:
        """Times of the bars, datetime64[us]."""
        return np.frombuffer(self.native.timestamps, dtype="M8[us]")

    @property
    def fingerprint(self) -> str:
        """32 hex digits that any change of the data changes."""
        return self.native.fingerprint

    def __reduce__(self) -> Any:
        raise ArgumentTypeError(
            "a Panel cannot be pickled: its memory is the process's; build one in each process"
        )

    def __repr__(self) -> str:
        return f"Panel({len(self.symbols)} symbols, {self.native.n_bars} bars)"


def events_alone(arrays: Mapping[str, Any]) -> int:
    """How many rows have no close but a split or a dividend, which take effect."""
    has = np.zeros(len(arrays["close"]), dtype=bool)
    for key, none in (("dividend", 0.0), ("split_ratio", 1.0)):
        if arrays[key] is not None:
            has |= ~np.isnan(arrays[key]) & (arrays[key] != none) & (arrays[key] != 0)
    return int((has & np.isnan(arrays["close"])).sum())


def only_one(columns: Columns, name: str) -> str:
    """The only value of a column that must not have several; empty where it has none."""
    found = columns.find((name,))
    if found is None:
        return ""
    series = columns.series(found)
    values = series.unique()
    distinct = sorted({str(v) for v in to_list(values) if not pd.isna(v)})
    if len(distinct) > 1:
        raise DataError(
            f"{columns.what} have several values of {name} ({', '.join(distinct[:5])}): choose one of them"
        )
    return distinct[0] if distinct else ""


def frequency_of(columns: Columns, times_us: Any) -> str:
    """The frequency of prices as the database says it: told, else daily where no row has a time of day, else unknown."""
    told = only_one(columns, "frequency")
    if told:
        return _native.frequency_name(told)
    return "1d" if len(times_us) == 0 or not (times_us % 86_400_000_000).any() else ""


def choice(choices: Mapping[str, int], name: str, value: str) -> int:
    """The number of a choice."""
    if value not in choices:
        raise ConfigError(f"{name}: '{value}' is none of {', '.join(choices)}")
    return choices[value]


def versions(values: Any, what: str) -> Any:
    """Times of versions, or their numbers, of which the order counts; missing ones are the oldest."""
    if hasattr(values, "to_pandas"):
        values = values.to_pandas()
    if pd.api.types.is_numeric_dtype(values.dtype) or (
        values.dtype == object and has_number(np.asarray(values))
    ):
        numbers = pd.Series(pd.to_numeric(pd.Series(np.asarray(values)))).rank(method="dense").fillna(0.0)
        return np.ascontiguousarray(numbers.to_numpy(dtype=np.int64))
    array = as_times(values, what).to_numpy().astype("datetime64[us]").view(np.int64)
    return np.ascontiguousarray(array)  # NaT is the least int64, which means none


def choose(
    wanted: list[str], names: list[str], codes: Any, times: Any, arrays: dict[str, Any]
) -> tuple[Any, list[str], Any, dict[str, Any]]:
    """The rows of some symbols alone."""
    missing = [name for name in wanted if name not in set(names)]
    if missing:
        raise NotFoundError(f"prices have no rows of {', '.join(missing[:10])}")
    if set(names) <= set(wanted):
        return codes, names, times, arrays
    number = np.full(len(names), -1, dtype=np.int64)
    kept = [name for name in names if name in set(wanted)]
    for new, name in enumerate(kept):
        number[names.index(name)] = new
    new_codes = number[codes]
    keep = new_codes >= 0
    chosen = {key: None if values is None else values[keep] for key, values in arrays.items()}
    return new_codes[keep].astype(np.uint32), kept, times[keep], chosen
