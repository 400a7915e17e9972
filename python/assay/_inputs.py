"""Tables of any kind that users have: their columns as numbers, times and codes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from . import _native
from ._errors import ArgumentTypeError, AssayWarning, ConfigError, DataError

# What columns are called: the database's name first.
TIME_NAMES = ("timestamp", "date", "datetime", "time")
SYMBOL_NAMES = ("symbol", "sym", "ticker")
PRICE_NAMES = {
    "open": ("open_price", "open"),
    "high": ("high_price", "high"),
    "low": ("low_price", "low"),
    "close": ("close_price", "close"),
    "volume": ("volume",),
    "dividend": ("dividend_amount", "dividend", "dividends", "cash_dividend"),
    "split_ratio": ("split_coefficient", "split_ratio", "split"),
    "version": ("updated_at", "created_at"),
}
NO_VERSION = np.iinfo(np.int64).min
DAY_US = 86_400_000_000
# What nanoseconds in 64 bits can count, which pandas did until lately.
FIRST_YEAR, LAST_YEAR = 1678, 2262
FIRST_US, LAST_US = (int(np.datetime64(f"{y}-01-01", "us").astype(np.int64)) for y in (FIRST_YEAR, LAST_YEAR))
OUTSIDE = f"times lie outside the years {FIRST_YEAR} to {LAST_YEAR - 1}"


class Columns:
    """The columns of a long table, whatever it is made of.

    Parameters
    ----------
    data : pandas.DataFrame, polars.DataFrame, pyarrow.Table or mapping of arrays
        Long format: a row a symbol and time.
    what : str
        What messages call it.
    """

    def __init__(self, data: Any, what: str) -> None:
        self.what = what
        self._frame: pd.DataFrame | None = None
        self._arrow: Any = None
        self._arrays: dict[str, Any] = {}
        self._codes: dict[str, tuple[list[str], Any]] = {}
        if isinstance(data, pd.DataFrame):
            self._frame = data
            self._labels = {str(name): name for name in data.columns}
            names = [str(name) for name in data.columns]
            index_names = [str(n) for n in data.index.names if n is not None and str(n) not in names]
            if (
                not index_names
                and (isinstance(data.index, pd.DatetimeIndex) or has_dates(data.index))
                and not has_any(names, TIME_NAMES)
            ):
                index_names = ["timestamp"]
            self._index_names = index_names if not isinstance(data.index, pd.RangeIndex) else []
            names += self._index_names
        elif is_from(data, "polars") and hasattr(data, "to_arrow"):
            self._arrow = data.to_arrow()
            names = list(self._arrow.column_names)
        elif is_from(data, "pyarrow"):
            self._arrow = data
            names = list(self._arrow.schema.names)
        elif isinstance(data, Mapping):
            self._arrays = {str(name): np.asarray(values) for name, values in data.items()}
            self._spread()
            names = list(self._arrays)
            lengths = {name: len(values) for name, values in self._arrays.items()}
            if len(set(lengths.values())) > 1:
                raise DataError(f"{what}: the arrays have different lengths: {lengths}")
        else:
            hint = ": collect() it first" if hasattr(data, "collect") else ""
            raise ArgumentTypeError(
                f"{what}: expected a pandas, polars or pyarrow table or a dict of arrays, not {type(data).__name__}{hint}"
            )
        self.names = names
        self._by_lower: dict[str, str] = {}
        for name in names:
            self._by_lower.setdefault(name.lower(), name)

    def _spread(self) -> None:
        """Matrices of times by symbols as long arrays."""
        if not any(values.ndim == 2 for values in self._arrays.values()):
            return
        time = next((n for n in self._arrays if n.lower() in TIME_NAMES), None)
        symbol = next((n for n in self._arrays if n.lower() in SYMBOL_NAMES), None)
        if time is None or symbol is None:
            raise DataError(
                f"{self.what}: matrices need the arrays 'timestamp' and 'symbol' for their rows and columns"
            )
        n_times, n_symbols = len(self._arrays[time]), len(self._arrays[symbol])
        long: dict[str, Any] = {
            time: np.repeat(self._arrays[time], n_symbols),
            symbol: np.tile(self._arrays[symbol], n_times),
        }
        keep: Any = None
        for name, values in self._arrays.items():
            if name in long:
                continue
            if values.shape != (n_times, n_symbols):
                raise DataError(
                    f"{self.what}: '{name}' has the shape {values.shape}, expected {(n_times, n_symbols)}"
                )
            long[name] = np.ascontiguousarray(values).reshape(-1)
            if name.lower() in PRICE_NAMES["close"]:
                keep = ~np.isnan(long[name].astype(np.float64))
        self._arrays = long if keep is None else {name: values[keep] for name, values in long.items()}

    def find(self, candidates: Iterable[str]) -> str | None:
        """The first of these names that there is, without regard to case."""
        return next((self._by_lower[name] for name in candidates if name in self._by_lower), None)

    def need(self, candidates: tuple[str, ...]) -> str:
        """The same; it must be there."""
        name = self.find(candidates)
        if name is None:
            there = ", ".join(map(str, self.names[:20])) + (", ..." if len(self.names) > 20 else "") or "none"
            hint = (
                ". A column a symbol? prices.melt(ignore_index=False, var_name='symbol', value_name='close') makes a row each"
                if candidates is SYMBOL_NAMES
                and self._frame is not None
                and self.find(PRICE_NAMES["close"]) is None
                else ""
            )
            raise DataError(
                f"{self.what}: there is no column '{candidates[0]}' (or {', '.join(candidates[1:])}); there are {there}{hint}"
            )
        return name

    def series(self, name: str) -> Any:
        """A column as pandas or pyarrow or NumPy have it."""
        if self._frame is not None:
            if name in self._index_names:
                if isinstance(self._frame.index, pd.MultiIndex):
                    return self._frame.index.get_level_values(name)
                return self._frame.index
            column = self._frame[self._labels.get(name, name)]
            if isinstance(column, pd.DataFrame):
                raise DataError(f"{self.what}: there are {column.shape[1]} columns '{name}'")
            return column
        if self._arrow is not None:
            return self._arrow.column(name)
        return self._arrays[name]

    def floats(self, name: str) -> Any:
        """A column as float64; missing is NaN."""
        values = self.series(name)
        if self._arrow is not None:
            values = arrow_array(values)
            import pyarrow as pa

            if not pa.types.is_floating(values.type):
                try:
                    values = values.cast(pa.float64())
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                    raise DataError(f"{self.what}: column '{name}': {error}") from error
            values = values.to_numpy(zero_copy_only=False)
        elif hasattr(values, "to_numpy"):
            if not (isinstance(values.dtype, np.dtype) and values.dtype.kind in "fiu"):
                values = self._numbers(values, name)
            values = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.ascontiguousarray(values, dtype=np.float64)

    def _numbers(self, values: Any, name: str) -> Any:
        """Texts and other objects as numbers; an empty text is a missing value."""
        if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
            objects = values.astype(object)
            values = objects.where(objects.notna() & (objects.astype(str).str.strip() != ""), np.nan)
        try:
            return values.astype(np.float64)  # pandas.to_numeric reads texts a little less exactly
        except (ValueError, TypeError) as error:
            raise DataError(f"{self.what}: column '{name}': {error}") from error

    def is_numeric(self, name: str) -> bool:
        """Whether a column has numbers, by its type."""
        values = self.series(name)
        if self._arrow is not None:
            import pyarrow as pa

            kind = values.type
            return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
        return bool(pd.api.types.is_numeric_dtype(values.dtype))

    def times_us(self, name: str) -> Any:
        """A column of times as microseconds since 1970, UTC."""
        values = self.series(name)
        if self._arrow is not None:
            import pyarrow as pa

            values = arrow_array(values)
            if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
                values = values.cast(pa.timestamp("us"), safe=False) if not is_zoned(values) else values
                if is_zoned(values):
                    values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
                if values.null_count:
                    raise DataError(f"{self.what}: {values.null_count} rows have no {name}")
                return np.ascontiguousarray(values.cast(pa.int64()).to_numpy(zero_copy_only=False))
            values = values.to_pandas()
        return to_us(values, f"{self.what}: {name}")

    def codes(self, name: str) -> tuple[list[str], Any]:
        """A column of texts as their list and a number into it for each row; no text is without a row."""
        if name not in self._codes:
            self._codes[name] = used_alone(*self._all_codes(name))
        return self._codes[name]

    def _all_codes(self, name: str) -> tuple[list[str], Any]:
        values = self.series(name)
        if self._arrow is not None:
            import pyarrow as pa

            array = arrow_array(values)
            if not pa.types.is_dictionary(array.type):
                array = array.cast(pa.string()).dictionary_encode()
            if array.null_count:
                raise DataError(f"{self.what}: {array.null_count} rows have no {name}")
            indices = array.indices.cast(pa.uint32()).to_numpy(zero_copy_only=False)
            return [str(text) for text in array.dictionary.to_pylist()], np.ascontiguousarray(indices)
        if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype):
            category = values.cat if hasattr(values, "cat") else values
            numbers = np.asarray(category.codes)
            if (numbers < 0).any():
                raise DataError(f"{self.what}: {int((numbers < 0).sum())} rows have no {name}")
            return [str(text) for text in category.categories], np.ascontiguousarray(numbers, dtype=np.uint32)
        objects = np.asarray(values, dtype=object)
        numbers = np.empty(len(objects), dtype=np.uint32)
        try:
            return _native.codes(objects, numbers), numbers
        except TypeError:
            missing = pd.isna(objects)
            if missing.any():
                raise DataError(f"{self.what}: {int(missing.sum())} rows have no {name}") from None
            return _native.codes(np.array([str(value) for value in objects], dtype=object), numbers), numbers


def used_alone(names: list[str], codes: Any) -> tuple[list[str], Any]:
    """Without the names that no row has: a filtered frame keeps all of its categories."""
    is_used = np.bincount(codes, minlength=len(names)) > 0
    if is_used.all():
        return names, codes
    numbers = np.cumsum(is_used, dtype=np.uint32) - np.uint32(1)
    return [name for name, used in zip(names, is_used) if used], np.ascontiguousarray(numbers[codes])


def is_from(data: Any, package: str) -> bool:
    """Whether an object is of a package, which is then imported already."""
    return type(data).__module__.split(".")[0] == package and package in sys.modules


def has_any(names: Iterable[str], candidates: tuple[str, ...]) -> bool:
    """Whether one of the candidates is among the names, without regard to case."""
    return any(name.lower() in candidates for name in names)


def arrow_array(values: Any) -> Any:
    """One array of a chunked one; dictionaries are unified."""
    if hasattr(values, "combine_chunks"):
        values = (
            values.unify_dictionaries().combine_chunks() if values.num_chunks > 1 else values.combine_chunks()
        )
        if hasattr(values, "num_chunks"):  # pyarrow < 12 may leave one chunk
            values = values.chunk(0)
    return values


def is_zoned(values: Any) -> bool:
    """Whether an arrow array of times has a time zone."""
    return getattr(values.type, "tz", None) is not None


def to_us(values: Any, what: str) -> Any:
    """Times of any kind as microseconds since 1970, UTC; times without a zone are UTC."""
    index = as_times(values, what)
    array = index.to_numpy()
    if np.isnat(array).any():
        raise DataError(f"{what}: {int(np.isnat(array).sum())} rows have no time")
    us = np.ascontiguousarray(array.astype("datetime64[us]").view(np.int64))
    if len(us) and (us.min() < FIRST_US or us.max() > LAST_US):
        raise DataError(f"{what}: {OUTSIDE}")
    return us


def as_times(values: Any, what: str) -> Any:
    """Times of any kind as an index of datetime64 without a zone, UTC; missing ones are NaT.

    Whole numbers are dates such as 20240102, which cannot be anything else; other numbers are refused, since they could count
    anything from anywhere.
    """
    array = values.array if isinstance(values, (pd.Series, pd.Index)) else values
    if isinstance(getattr(array, "dtype", None), pd.PeriodDtype):
        raise DataError(
            f"{what}: periods say no time: to_timestamp(how='end').normalize() makes days of them, when they are known"
        )
    if isinstance(getattr(array, "dtype", None), pd.DatetimeTZDtype):
        index = pd.DatetimeIndex(values)
        warn_of_other_days(index, what)
        return index.tz_convert("UTC").tz_localize(None)
    array = np.asarray(array)
    if array.dtype.kind == "M":
        try:
            return pd.DatetimeIndex(array if array.dtype != "M8[D]" else array.astype("M8[s]"))
        except ValueError:  # before pandas 2 it had nanoseconds alone
            raise DataError(f"{what}: {OUTSIDE}") from None
    if array.dtype.kind in "iufb" or (array.dtype == object and has_number(array)):
        array = texts_of_dates(array, what)
    try:
        return pd.DatetimeIndex(pd.to_datetime(pd.Index(array), utc=True)).tz_localize(None)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{what}: {error}") from error


def timestamp_of(value: Any, what: str) -> pd.Timestamp:
    """One time of any kind, without a zone, UTC; a whole number is a date such as 20240102."""
    try:
        if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
            value = str(texts_of_dates(np.array([value]), what)[0])
    except DataError as error:
        raise ConfigError(str(error)) from None
    try:
        time = pd.Timestamp(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{what}: {value!r} is no date: {error}") from error
    if pd.isna(time):
        raise ConfigError(f"{what}: there is no date (NaT)")
    return time.tz_convert("UTC").tz_localize(None) if time.tzinfo is not None else time


def has_dates(index: pd.Index) -> bool:
    """Whether an index has objects that are dates."""
    return (
        index.dtype == object and len(index) > 0 and pd.api.types.infer_dtype(index) in ("date", "datetime")
    )


def has_number(array: Any) -> bool:
    """Whether the first object that is there is a number."""
    first = next((v for v in array.ravel() if not pd.isna(v)), None)
    return isinstance(first, (int, float, np.integer, np.floating)) and not isinstance(first, bool)


def texts_of_dates(array: Any, what: str) -> Any:
    """Numbers such as 20240102 as texts that can be read as dates."""
    try:
        numbers = array.astype(np.int64)
        is_whole = bool((numbers == array).all()) and array.dtype.kind != "b"
    except (ValueError, TypeError, OverflowError):
        is_whole = False
    if not is_whole or (len(numbers) and not (numbers.min() >= 10_000_000 and numbers.max() < 100_000_000)):
        shown = array[:1].tolist()[0] if len(array) else ""
        raise DataError(
            f"{what}: {shown!r} is a number, not a time: give datetimes (pandas.to_datetime(..., unit='s') makes them of "
            "seconds since 1970), texts, or dates such as 20240102"
        )
    return numbers.astype(str)


def warn_of_other_days(index: Any, what: str) -> None:
    """Says where midnights of another zone, which daily bars have, lie on the day before in UTC."""
    wall = index.tz_localize(None)
    us = wall.to_numpy().astype("datetime64[us]").view(np.int64)
    us = us[~np.isnat(wall.to_numpy())]
    if len(us) == 0 or (us % DAY_US).any():
        return
    other = index.tz_convert("UTC").tz_localize(None)
    if (other.normalize() < wall).any():
        warnings.warn(
            f"{what}: midnights of {index.tz} lie on the day before in UTC, which counts here; for daily bars drop the zone "
            "first: tz_localize(None)",
            AssayWarning,
            stacklevel=2,
        )


def sectors_of(holdings: Any) -> dict[str, str]:
    """Sectors by symbol of a holdings table."""
    columns = Columns(holdings, "holdings")
    symbol, sector = columns.find(SYMBOL_NAMES), columns.find(("sector",))
    if symbol is None or sector is None:
        return {}
    pairs = zip(to_list(columns.series(symbol)), to_list(columns.series(sector)))
    return {str(s): str(t) for s, t in pairs if not pd.isna(t) and str(t) != ""}


def symbols_of(holdings: Any) -> list[str]:
    """Symbols of a holdings table, each once."""
    columns = Columns(holdings, "holdings")
    name = columns.need(("sym", "symbol", "ticker"))
    return list(dict.fromkeys(str(s) for s in to_list(columns.series(name))))


def to_list(values: Any) -> list[Any]:
    """A column as a list."""
    return list(values.to_pylist() if hasattr(values, "to_pylist") else values.tolist())


def chosen_symbols(symbols: Iterable[Any]) -> list[str]:
    """Symbols that were asked for; one text is one symbol, none at all is a mistake."""
    wanted = [symbols] if isinstance(symbols, str) else [str(s) for s in symbols]
    if not wanted:
        raise ConfigError("symbols is an empty list; leave it out for every symbol")
    return wanted
