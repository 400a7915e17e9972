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
        keys = at * len(names) + number[codes]
        order = np.argsort(keys, kind="stable")  # of rows with one key the last counts
        self._keys = keys[order]
        self._values = np.vstack([columns.floats(name)[order] for name in self.names])

    def of(self, times_us: Any, symbols: tuple[str, ...], codes: Any) -> Any:
        """Values of rows, a row of the result each column; NaN where there is no such row."""
        numbers = {name: i for i, name in enumerate(self._symbols)}
        own = np.array([numbers.get(name, -1) for name in symbols], dtype=np.int64)[codes]
        at = np.minimum(np.searchsorted(self._times, times_us), len(self._times) - 1)
        keys = np.where((own >= 0) & (self._times[at] == times_us), at * len(self._symbols) + own, -1)
        found = np.searchsorted(self._keys, keys, side="right") - 1
        is_there = (found >= 0) & (self._keys[found] == keys)
        return np.where(is_there, self._values[:, found], np.nan)


class SeenColumns:
    """The same as a strategy sees them: they grow with the bars, so that what is to come is in no memory that it reaches."""

    def __init__(self, source: FurtherColumns, symbols: tuple[str, ...]) -> None:
        self._source = source
        self._symbols = symbols
        self._n = 0
        self._seen = np.empty((len(source.names), 1024))

    def upto(self, times_ns: Any, codes: Any) -> dict[str, Any]:
        """Columns of all rows so far, of which those before have been given already."""
        n = len(times_ns)
        if n > self._seen.shape[1]:
            larger = np.empty((len(self._seen), max(n, 2 * self._seen.shape[1])))
            larger[:, : self._n] = self._seen[:, : self._n]
            self._seen = larger
        new = slice(self._n, n)
        self._seen[:, new] = self._source.of(times_ns[new] // 1000, self._symbols, codes[new])
        self._n = n
        return dict(zip(self._source.names, np.asarray(_native.window(self._seen, n))))
