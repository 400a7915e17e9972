"""Further columns of prices, which the C library does not read, beside the bars of frames that strategies see."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _native
from ._inputs import PRICE_NAMES, SYMBOL_NAMES, TIME_NAMES, Columns

# What says how to read a row, and is no value of its bar.
BESIDE = ("frequency", "currency", "created_at", "updated_at", "timezone", "exchange")
KNOWN = {*TIME_NAMES, *SYMBOL_NAMES, *BESIDE, *(name for names in PRICE_NAMES.values() for name in names)}


class FurtherColumns:
    """Numeric columns of prices by symbol and time, a copy.

    Parameters
    ----------
    columns : Columns
        The prices.
    times_us : array of int64
        The time of each row.
    names, codes : list of str, array
        The symbols, and the number of each row's.
    """

    def __init__(self, columns: Columns, times_us: Any, names: list[str], codes: Any) -> None:
        self.names = [n for n in columns.names if n.lower() not in KNOWN and columns.is_numeric(n)]
        if not self.names:
            return
        number = np.empty(len(names), dtype=np.int64)  # as a panel has them: in byte order
        number[sorted(range(len(names)), key=lambda i: names[i].encode())] = np.arange(len(names))
        self._symbols = sorted(names, key=str.encode)
        self._times, at = np.unique(times_us, return_inverse=True)
        order = np.lexsort((number[codes], at))  # stable: of rows with one time and symbol the last counts
        self._codes = number[codes][order]
        self._begin = np.searchsorted(at[order], np.arange(len(self._times) + 1))
        self._values = np.vstack([columns.floats(name)[order] for name in self.names])

    def numbers_of(self, symbols: tuple[str, ...]) -> Any:
        """What these symbols are called here; -1 where there is none of the name."""
        numbers = {name: i for i, name in enumerate(self._symbols)}
        return np.array([numbers.get(name, -1) for name in symbols], dtype=np.int64)

    def at(self, time_us: int, numbers: Any) -> Any:
        """Values of some symbols at one time, a row of the result each column; NaN where there is no such row."""
        k = int(np.searchsorted(self._times, time_us))
        if k == len(self._times) or self._times[k] != time_us:
            return np.full((len(self.names), len(numbers)), np.nan)
        begin, end = self._begin[k], self._begin[k + 1]
        there, values = self._codes[begin:end], self._values[:, begin:end]
        if len(there) == len(numbers) and (there == numbers).all():
            return values
        found = np.searchsorted(there, numbers, side="right") - 1
        return np.where((found >= 0) & (there[found] == numbers), values[:, found], np.nan)

    def of(self, times_us: Any, symbols: tuple[str, ...], codes: Any) -> Any:
        """The same of rows in the order of time; `codes` are numbers into `symbols`."""
        numbers = self.numbers_of(symbols)[codes]
        begins = np.flatnonzero(np.concatenate(([True], times_us[1:] != times_us[:-1])))
        parts = [
            self.at(int(times_us[begin]), numbers[begin:end])
            for begin, end in zip(begins, [*begins[1:], len(times_us)])
            if begin < end
        ]
        return np.hstack(parts) if parts else np.empty((len(self.names), 0))


class SeenColumns:
    """The same as a strategy sees them: they grow with the bars, so that what is to come is in no memory that it reaches."""

    def __init__(self, source: FurtherColumns, symbols: tuple[str, ...]) -> None:
        self._source = source
        self._symbols = symbols
        self._numbers = source.numbers_of(symbols)
        self._n = 0
        self._seen = np.empty((len(source.names), 1024))

    def upto(self, times_ns: Any, codes: Any) -> dict[str, Any]:
        """Columns of all rows so far, of which those before have been given already."""
        n = len(times_ns)
        if n > self._seen.shape[1]:
            larger = np.empty((len(self._seen), max(n, 2 * self._seen.shape[1])))
            larger[:, : self._n] = self._seen[:, : self._n]
            self._seen = larger
        if n > self._n:
            times, new = times_ns[self._n : n] // 1000, codes[self._n : n]
            if times[0] == times[-1]:  # a bar more, as nearly always
                values = self._source.at(int(times[0]), self._numbers[new])
            else:
                values = self._source.of(times, self._symbols, new)
            self._seen[:, self._n : n] = values
        self._n = n
        return dict(zip(self._source.names, np.asarray(_native.window(self._seen, n))))
