"""The loader that fetches what a backtest needs, of a database or of what users have in its place."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._database import ParquetDB, bound_us, newest, to_pandas
from ._errors import ArgumentError, ArgumentTypeError, AssayWarning, NotFoundError
from ._inputs import SYMBOL_NAMES, TIME_NAMES, as_times, chosen_symbols

AGGREGATES = {
    "first": ("open_price",),
    "max": ("high_price",),
    "min": ("low_price",),
    "last": ("close_price",),
    "sum": ("volume",),
}
FREQUENCIES = {
    "D": "1d",
    "W": "1w",
    "M": "1mo",
    "ME": "1mo",
    "Q": "1q",
    "QE": "1q",
    "Y": "1y",
    "YE": "1y",
    "A": "1y",
}


class BacktestDataLoader:
    """Loads what a backtest needs.

    Parameters
    ----------
    parquet_db : str, path, ParquetDB or object, optional
        A database folder, a `ParquetDB`, or any object with `read_prices`, `read_technical_analysis` and
        `read_fundamental_analysis`, or with `read_table(name, ...)` alone. Without it $ASSAY_DB, else "db".
    """

    def __init__(self, parquet_db: Any = None) -> None:
        is_folder = parquet_db is None or isinstance(parquet_db, (str, Path))
        self.db: Any = ParquetDB(parquet_db) if is_folder else parquet_db
        if not hasattr(self.db, "read_prices") and not hasattr(self.db, "read_table"):
            raise ArgumentTypeError(f"{type(self.db).__name__} has neither read_prices nor read_table")

    def load_backtest_data(
        self, symbols: Sequence[str], start_date: Any = None, end_date: Any = None, resample_freq: str = "D"
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Loads prices, technical and fundamental data.

        Parameters
        ----------
        symbols : sequence of str
            Ticker symbols.
        start_date, end_date : date-like, optional
            Both included.
        resample_freq : {"D", "W", "M", "Q", "Y"}
            Coarser bars to make: open first, high max, low min, close last, volume sum.

        Returns
        -------
        tuple of pandas.DataFrame
            (prices_df, technical_df, fundamental_df), each indexed by timestamp.
        """
        wanted = chosen_symbols(symbols)
        prices = self._read("read_prices", "prices", wanted, start_date, end_date)
        if prices is None or len(prices) == 0:
            raise NotFoundError(
                f"there are no prices of {', '.join(wanted[:10])} from {start_date} to {end_date}"
            )
        found = set(prices["symbol"].astype(str)) if "symbol" in prices.columns else set(wanted)
        absent = [name for name in wanted if name not in found]
        if absent:
            warnings.warn(f"there are no prices of {', '.join(absent[:10])}", AssayWarning, stacklevel=2)
        technical = self._read("read_technical_analysis", "technical_analysis", wanted, start_date, end_date)
        fundamental = self._read(
            "read_fundamental_analysis", "fundamental_analysis", wanted, start_date, end_date
        )
        if resample_freq != "D":
            prices, technical = resample_bars(prices, resample_freq), resample_last(technical, resample_freq)
        return prices, technical, fundamental

    def _read(self, method: str, table: str, symbols: list[str], start: Any, end: Any) -> pd.DataFrame:
        reader = getattr(self.db, method, None)
        if reader is not None:
            frame = reader(symbols=symbols, start_date=start, end_date=end)
        else:
            frame = call_read_table(self.db.read_table, table, symbols, start, end, table != "prices")
        return (
            frame
            if isinstance(frame, pd.DataFrame)
            else pd.DataFrame()
            if frame is None
            else to_pandas(frame)
        )


def call_read_table(
    read_table: Any, table: str, symbols: list[str], start: Any, end: Any, missing_ok: bool
) -> Any:
    """Reads through a user's read_table, which may take no more than the table's name."""
    try:
        try:
            frame = read_table(table, symbols=symbols, start_date=start, end_date=end)
        except TypeError:
            frame = read_table(table)
    except (FileNotFoundError, KeyError, NotFoundError):
        if missing_ok:
            return pd.DataFrame()
        raise
    if frame is None or len(frame) == 0:
        return pd.DataFrame()
    return choose_rows(frame if isinstance(frame, pd.DataFrame) else to_pandas(frame), symbols, start, end)


def choose_rows(frame: pd.DataFrame, symbols: list[str], start: Any, end: Any) -> pd.DataFrame:
    """The rows of some symbols and a period, indexed by timestamp."""
    keys = (*TIME_NAMES, *SYMBOL_NAMES)
    levels = [name for name in frame.index.names if str(name).lower() in keys and name not in frame.columns]
    if isinstance(frame.index, pd.MultiIndex) or (levels and not isinstance(frame.index, pd.DatetimeIndex)):
        frame = frame.reset_index(level=levels)
    time = next((name for name in frame.columns if str(name).lower() in TIME_NAMES), None)
    if time is not None:
        frame = frame.set_index(as_times(frame[time], f"the column {time}")).drop(columns=time)
        frame.index.name = "timestamp"
    symbol = next((name for name in frame.columns if str(name).lower() in SYMBOL_NAMES), None)
    keep = np.ones(len(frame), dtype=bool)
    if symbol is not None:
        keep &= frame[symbol].astype(str).isin(symbols).to_numpy()
    if isinstance(frame.index, pd.DatetimeIndex):
        if start is not None:
            keep &= frame.index >= pd.Timestamp(bound_us(start, False), unit="us")
        if end is not None:
            keep &= frame.index <= pd.Timestamp(bound_us(end, True), unit="us")
    return newest(frame[keep], ("frequency",)).sort_index(kind="stable")


def pandas_frequency(freq: str) -> str:
    """A frequency as a period of pandas."""
    if freq.upper() not in FREQUENCIES:
        raise ArgumentError(f"resample_freq '{freq}' is none of D, W, M, Q, Y")
    return freq.upper()[0] if freq.upper()[0] != "A" else "Y"


def resample_bars(prices: pd.DataFrame, freq: str) -> pd.DataFrame:
    """Bars of a coarser frequency, each at the time of its last day, in shares as of its end.

    A bar's split is the product of those in it, its dividend what a share of its end got.
    """
    period = pd.DatetimeIndex(prices.index).to_period(pandas_frequency(freq))
    names = {
        column: how for how, columns in AGGREGATES.items() for column in columns if column in prices.columns
    }
    keys = [prices["symbol"].astype(str).to_numpy(), period]
    frame = prices.assign(timestamp=prices.index)
    if "split_coefficient" in frame.columns:
        frame = as_of_ends(frame, keys)
        names["split_coefficient"] = "prod"
    if "dividend_amount" in frame.columns:
        names["dividend_amount"] = "sum"
    others = {c: "last" for c in prices.columns if c not in names and c != "symbol"}
    groups = frame.groupby(keys, sort=True)
    bars = groups.agg({**names, **others, "timestamp": "last"})
    bars.insert(0, "symbol", bars.index.get_level_values(0))
    return bars.set_index("timestamp").sort_index(kind="stable")


def as_of_ends(frame: pd.DataFrame, keys: list[Any]) -> pd.DataFrame:
    """Rows in shares as of the end of their groups: of what splits later in the group leave of a share."""
    split = frame["split_coefficient"].astype(np.float64).fillna(1.0)
    split = split.mask(split == 0, 1.0)
    groups = split.groupby(keys)
    later = (groups.transform("prod") / groups.cumprod()).to_numpy()
    columns: dict[str, Any] = {"split_coefficient": split}
    for name in ("open_price", "high_price", "low_price", "close_price", "dividend_amount"):
        if name in frame.columns:
            columns[name] = frame[name].to_numpy(dtype=np.float64) / later
    if "volume" in frame.columns and (later != 1).any():
        columns["volume"] = frame["volume"].to_numpy(dtype=np.float64) * later
    return frame.assign(**columns)


def resample_last(frame: pd.DataFrame, freq: str) -> pd.DataFrame:
    """The last row of each symbol and period: what is known at its end."""
    if len(frame) == 0 or "symbol" not in frame.columns:
        return frame
    period = pd.DatetimeIndex(frame.index).to_period(pandas_frequency(freq))
    kept = (
        frame.assign(timestamp=frame.index).groupby([frame["symbol"].astype(str).to_numpy(), period]).tail(1)
    )
    return kept.set_index("timestamp").sort_index(kind="stable")
