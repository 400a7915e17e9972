"""What the store's tests share: the C library through ctypes, and small price tables written by pyarrow.

Expected values come from pandas, never from the store's own output.
"""

import contextlib
import ctypes
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["open_price", "high_price", "low_price", "close_price", "volume"]
END = 2**63 - 1


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 1024)]


class LoadSpec(ctypes.Structure):
    _fields_ = [
        ("symbols", ctypes.POINTER(ctypes.c_char_p)),
        ("n_symbols", ctypes.c_size_t),
        ("end_us", ctypes.c_int64),
        ("frequency", ctypes.c_char_p),
        ("on_bad_data", ctypes.c_int),
        ("signal_prices", ctypes.c_int),
        ("fill_gap_bars", ctypes.c_size_t),
        ("bars", ctypes.c_void_p),
    ]


class ColumnSpec(ctypes.Structure):
    _fields_ = [
        ("frequency", ctypes.c_char_p),
        ("max_age_days", ctypes.c_int64),
        ("lag_days", ctypes.c_int64),
    ]


class LoadReport(ctypes.Structure):
    _fields_ = [
        ("n_rows", ctypes.c_size_t),
        ("n_replaced", ctypes.c_size_t),
        ("n_dropped", ctypes.c_size_t),
        ("n_without_close", ctypes.c_size_t),
        ("n_events", ctypes.c_size_t),
        ("n_files", ctypes.c_size_t),
        ("frequency", ctypes.c_char_p),
    ]


class StoreError(Exception):
    def __init__(self, error):
        self.status = error.status
        super().__init__(error.message.decode())


class Library:
    """libassay-store, as far as the tests need it."""

    def __init__(self, path):
        self.c = ctypes.CDLL(str(path))
        self.c.assay_panel_row.restype = ctypes.POINTER(ctypes.c_double)
        self.c.assay_panel_row.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        self.c.assay_panel_symbol.restype = ctypes.c_char_p
        self.c.assay_panel_symbol.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.c.assay_panel_sector_at.restype = ctypes.c_char_p
        self.c.assay_panel_n_bars.restype = ctypes.c_size_t
        self.c.assay_panel_n_bars.argtypes = [ctypes.c_void_p]
        self.c.assay_panel_sector_at.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
        self.c.assay_panel_set_sectors.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        self.c.assay_panel_benchmark_returns.restype = ctypes.POINTER(ctypes.c_double)
        self.c.assay_panel_benchmark_returns.argtypes = [ctypes.c_void_p]
        self.c.assay_panel_find_column.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self.c.assay_panel_timestamps.restype = ctypes.POINTER(ctypes.c_int64)
        for name in ("assay_panel_n_bars", "assay_panel_n_symbols"):
            getattr(self.c, name).restype = ctypes.c_size_t
        self.c.assay_store_compare_runs.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_size_t),
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.POINTER(Error),
        ]

    def check(self, status, error):
        if status != 0:
            assert error.message, "an error without a message"
            raise StoreError(error)

    def open(self, folder, threads=2):
        store, error = ctypes.c_void_p(), Error()
        status = self.c.assay_store_open(
            str(folder).encode(), False, threads, ctypes.byref(store), ctypes.byref(error)
        )
        self.check(status, error)
        return store

    @contextlib.contextmanager
    def loaded(self, folder, symbols=None, end=None, frequency=None, on_bad_data=0, threads=2):
        """(store, spec, panel, report) of the prices of a database."""
        store, panel = self.open(folder, threads), ctypes.c_void_p()
        try:
            spec = LoadSpec(
                end_us=END if end is None else int(pd.Timestamp(end).value // 1000), on_bad_data=on_bad_data
            )
            if symbols is not None:
                spec.symbols = (ctypes.c_char_p * len(symbols))(*[s.encode() for s in symbols])
                spec.n_symbols = len(symbols)
            spec.frequency = None if frequency is None else frequency.encode()
            report, error = LoadReport(), Error()
            status = self.c.assay_store_load_panel(
                store, ctypes.byref(spec), ctypes.byref(panel), ctypes.byref(report), ctypes.byref(error)
            )
            self.check(status, error)
            yield store, spec, panel, report
        finally:
            self.c.assay_panel_destroy(panel)
            self.c.assay_store_close(store)

    def load(self, folder, **kwargs):
        """(frame with a row per symbol and bar, report) of the prices of a database."""
        with self.loaded(folder, **kwargs) as (_, _, panel, report):
            frame = self.frame(panel)
            frame.attrs["fingerprint"] = self.fingerprint(panel)
            report.frequency = bytes(report.frequency)
            return frame, report

    def fingerprint(self, panel):
        hexdigits = ctypes.create_string_buffer(33)
        self.c.assay_panel_fingerprint(panel, hexdigits)
        return hexdigits.value.decode()

    def columns(self, folder, *names, max_age_days=400, lag_days=90, optional=False, **kwargs):
        """({name: frame of bars x symbols} of the columns that were found, all of them unless `optional`)."""
        with self.loaded(folder, **kwargs) as (store, _, panel, report):
            spec = ColumnSpec(report.frequency, max_age_days, lag_days)
            found, error = (ctypes.c_bool * len(names))(), Error()
            status = self.c.assay_store_load_columns(
                store,
                panel,
                ctypes.byref(spec),
                (ctypes.c_char_p * len(names))(*[name.encode() for name in names]),
                ctypes.c_size_t(len(names)),
                found if optional else None,
                ctypes.byref(error),
            )
            self.check(status, error)
            numbers = {name: self.c.assay_panel_find_column(panel, name.encode()) for name in names}
            if optional:
                assert [numbers[name] >= 0 for name in names] == list(found)
            return {name: self.matrix(panel, number) for name, number in numbers.items() if number >= 0}

    def sectors(self, folder, given=None, lag_days=0, bar=-1, **kwargs):
        """{symbol: sector or None} at a bar (-1: the last); `given` are set before."""
        with self.loaded(folder, **kwargs) as (store, _, panel, _report):
            error, symbols = Error(), self.symbols(panel)
            if given is not None:
                names = [given.get(symbol) for symbol in symbols]
                array = (ctypes.c_char_p * len(names))(*[None if n is None else n.encode() for n in names])
                assert self.c.assay_panel_set_sectors(panel, array, None) == 0
            self.check(
                self.c.assay_store_load_sectors(store, panel, ctypes.c_int64(lag_days), ctypes.byref(error)),
                error,
            )
            at = bar % self.c.assay_panel_n_bars(panel)
            found = [self.c.assay_panel_sector_at(panel, i, at) for i in range(len(symbols))]
            return {s: None if f is None else f.decode() for s, f in zip(symbols, found)}

    def benchmark(self, folder, symbol, **kwargs):
        """Returns of the benchmark at the panel's bars, a series."""
        with self.loaded(folder, **kwargs) as (store, spec, panel, _report):
            error = Error()
            status = self.c.assay_store_load_benchmark(
                store, ctypes.byref(spec), symbol.encode(), panel, ctypes.byref(error)
            )
            self.check(status, error)
            times = self.times(panel)
            return pd.Series(self.c.assay_panel_benchmark_returns(panel)[: len(times)], index=times)

    def times(self, panel):
        n_bars = self.c.assay_panel_n_bars(panel)
        return np.array(self.c.assay_panel_timestamps(panel)[:n_bars], dtype="int64").astype("datetime64[us]")

    def symbols(self, panel):
        return [
            self.c.assay_panel_symbol(panel, i).decode() for i in range(self.c.assay_panel_n_symbols(panel))
        ]

    def matrix(self, panel, column):
        """A frame of bars x symbols."""
        times, symbols = self.times(panel), self.symbols(panel)
        values = np.full((len(times), len(symbols)), np.nan)
        for bar in range(len(times)):
            row = self.c.assay_panel_row(panel, column, bar)
            if row:
                values[bar] = row[: len(symbols)]
        return pd.DataFrame(values, index=times, columns=symbols)

    def frame(self, panel):
        times, symbols = self.times(panel), self.symbols(panel)
        data = {name: self.matrix(panel, c).to_numpy().ravel() for c, name in enumerate(COLUMNS)}
        index = pd.MultiIndex.from_product([times, symbols], names=["timestamp", "symbol"])
        frame = pd.DataFrame(data, index=index)
        return frame[frame.notna().any(axis=1)]

    def compare(self, folder, a, b):
        store = self.open(folder)
        try:
            count, first, error = ctypes.c_size_t(), ctypes.create_string_buffer(400), Error()
            status = self.c.assay_store_compare_runs(
                store, a.encode(), b.encode(), ctypes.byref(count), first, 400, ctypes.byref(error)
            )
            self.check(status, error)
            return count.value, first.value.decode()
        finally:
            self.c.assay_store_close(store)


def library():
    """The library of the build under test; skips where it is not built."""
    path = Path(os.environ.get("ASSAY_BUILD", ROOT / "build")) / "libassay-store.so"
    if not path.is_file():
        pytest.skip(f"{path} is not built")
    if b"__asan_init" in path.read_bytes():
        pytest.skip("a library with AddressSanitizer cannot be loaded into Python")
    return Library(path)


def bars(symbols=("AAA", "BBB", "CCC"), days=8, seed=1, start="2020-01-01"):
    """A clean long frame of daily bars in the database's columns."""
    rng = np.random.default_rng(seed)
    rows = []
    for symbol in symbols:
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, days)))
        for day, price in zip(pd.bdate_range(start, periods=days), close):
            high, low = price * 1.01, price * 0.99
            rows.append(
                (day, symbol, "USD", price * 1.001, high, low, price, int(rng.integers(1e4, 1e6)), "1d")
            )
    columns = ["timestamp", "symbol", "currency", *COLUMNS, "frequency"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["updated_at"] = pd.Timestamp("2021-06-01")
    frame["created_at"] = pd.Timestamp("2021-01-01")
    return frame


def write(frame, path, **types):
    """Writes a frame as Parquet; `types` are Arrow types for some columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name, kind in types.items():
        at = table.schema.get_field_index(name)
        column = table.column(name)
        column = column.dictionary_encode() if kind == "dictionary" else column.cast(kind, safe=False)
        table = table.set_column(at, name, column)
    pq.write_table(table, path)


def expected(frame):
    """What a panel of these rows holds: prices by timestamp and symbol, in byte order of the symbols."""
    wanted = frame.assign(timestamp=frame["timestamp"].astype("datetime64[us]"))
    for name in COLUMNS:
        if name not in wanted:
            wanted[name] = np.nan
    wanted = wanted.set_index(["timestamp", "symbol"])[COLUMNS].astype(float).sort_index()
    return wanted[wanted.notna().any(axis=1)]


def same(loaded, frame):
    """Fails unless a loaded panel holds exactly these rows, bit for bit."""
    pd.testing.assert_frame_equal(loaded, expected(frame), check_exact=True, check_index_type=False)


def pieces(frame, n):
    """The rows of a frame in n parts, in order."""
    return [frame.iloc[rows] for rows in np.array_split(np.arange(len(frame)), n)]
