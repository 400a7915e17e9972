"""Databases: folders of Parquet tables."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
import pandas as pd

from . import _native
from ._errors import ArgumentTypeError, AssayWarning, DataError, NotFoundError
from ._inputs import SYMBOL_NAMES, TIME_NAMES, as_times, chosen_symbols, timestamp_of

PATH = Union[str, Path]
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def database_folder(db: PATH | None) -> str:
    """The database folder: as given, else $ASSAY_DB, else "db"."""
    return str(db) if db is not None else os.environ.get("ASSAY_DB") or "db"


class ParquetDB:
    """A database folder, as the program `assay` reads and writes it.

    Parameters
    ----------
    folder : str or path, optional
        The folder; without it $ASSAY_DB, else "db".
    """

    def __init__(self, folder: PATH | None = None) -> None:
        self.folder = Path(database_folder(folder))

    # --- reading ---

    def read_prices(
        self,
        symbols: Sequence[str] | None = None,
        start_date: Any = None,
        end_date: Any = None,
        frequency: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Bars, each once: of several rows of a symbol and time the newest `updated_at` counts.

        Parameters
        ----------
        symbols : sequence of str, optional
            These alone.
        start_date, end_date : date-like, optional
            Both included.
        frequency : str, optional
            Which, where the table has several.
        columns : sequence of str, optional
            These alone, and what tells bars apart.

        Returns
        -------
        pandas.DataFrame
            Indexed by timestamp, with symbol, open_price, high_price, low_price, close_price, volume and further columns;
            with split_coefficient and dividend_amount where the database has the table corporate_actions.

        Notes
        -----
        Pay dates, spin-offs, and the tables universe, delistings and symbol_changes cannot stand in such a frame (a warning
        says where there are any): `BacktestEngine.run_database` reads them.
        """
        keys = ("frequency", "updated_at", "created_at")
        wanted = None if columns is None else [*columns, *(k for k in keys if k not in columns)]
        frame = self.read_table("prices", symbols, start_date, end_date, wanted)
        if "frequency" in frame.columns and len(frame):
            spelled = frame["frequency"].dropna().unique()
            names = (
                frame["frequency"].astype(object).map({s: _native.frequency_name(str(s)) for s in spelled})
            )
            if frequency is not None:
                is_wanted = names == _native.frequency_name(frequency)
                frame, names = frame[is_wanted], names[is_wanted]
            if (names == "1d").all():  # a daily row counts for its date, whatever its time
                frame.index = pd.DatetimeIndex(frame.index).normalize()
        others = [name for name in ("universe", "delistings", "symbol_changes") if self.files(name)]
        if others:
            warnings.warn(
                f"{self.folder}: the frame does not have what the tables {', '.join(others)} say; "
                "BacktestEngine.run_database reads them",
                AssayWarning,
                stacklevel=2,
            )
        return with_actions(
            newest(frame, ("frequency",)), self.read_table("corporate_actions", symbols, missing_ok=True)
        )

    def read_technical_analysis(
        self, symbols: Sequence[str] | None = None, start_date: Any = None, end_date: Any = None
    ) -> pd.DataFrame:
        """Rows of the table technical_analysis; empty where there is none.

        Parameters
        ----------
        symbols : sequence of str, optional
            These alone.
        start_date, end_date : date-like, optional
            Both included.

        Returns
        -------
        pandas.DataFrame
            Indexed by timestamp.
        """
        return newest(
            self.read_table("technical_analysis", symbols, start_date, end_date, missing_ok=True),
            ("frequency",),
        )

    def read_fundamental_analysis(
        self, symbols: Sequence[str] | None = None, start_date: Any = None, end_date: Any = None
    ) -> pd.DataFrame:
        """Rows of the table fundamental_analysis; empty where there is none.

        Parameters
        ----------
        symbols : sequence of str, optional
            These alone.
        start_date, end_date : date-like, optional
            Both included, of the timestamp.

        Returns
        -------
        pandas.DataFrame
            Indexed by timestamp.
        """
        return newest(
            self.read_table("fundamental_analysis", symbols, start_date, end_date, missing_ok=True),
            ("frequency", "available_at", "filing_date"),
        )

    def read_table(
        self,
        table: str,
        symbols: Sequence[str] | None = None,
        start_date: Any = None,
        end_date: Any = None,
        columns: Sequence[str] | None = None,
        missing_ok: bool = False,
    ) -> pd.DataFrame:
        """Rows of any table.

        Parameters
        ----------
        table : str
            Its name: a folder of Parquet files at any depth.
        symbols : sequence of str, optional
            These alone, where the table has a symbol.
        start_date, end_date : date-like, optional
            Both included, where the table has a timestamp.
        columns : sequence of str, optional
            These alone.
        missing_ok : bool
            An empty frame where there is no such table.

        Returns
        -------
        pandas.DataFrame
            Indexed by timestamp where there is one, in its order.
        """
        symbols = None if symbols is None else chosen_symbols(symbols)
        files = self.files(table)
        if not files:
            if missing_ok:
                return pd.DataFrame()
            raise NotFoundError(f"{self.folder}: there is no table '{table}'")
        import pyarrow as pa

        parts = [read_file(path, symbols, start_date, end_date, columns) for path in files]
        parts = [part for part in parts if part.num_rows > 0] or parts[:1]
        try:
            frame: pd.DataFrame = pa.concat_tables(parts, promote_options="permissive").to_pandas()
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(f"{self.folder}: files of {table} do not go together: {error}") from error
        time = next((name for name in frame.columns if name.lower() in TIME_NAMES), None)
        if time is None:
            return frame
        times = as_times(frame.pop(time), f"{self.folder}: {table}: {time}")
        frame.index = times.astype("datetime64[ns]").rename("timestamp")
        symbol = next((name for name in frame.columns if name.lower() in SYMBOL_NAMES), None)
        keys = (frame.index,) if symbol is None else (frame[symbol].astype(str).to_numpy(), frame.index)
        ordered: pd.DataFrame = frame.iloc[np.lexsort(keys)]
        return ordered

    def columns(self, table: str) -> list[str]:
        """Names of a table's columns, of all of its files.

        Parameters
        ----------
        table : str
            Its name.

        Returns
        -------
        list of str
            Empty where there is no such table.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        names: dict[str, None] = {}
        for path in self.files(table):
            try:
                names.update(dict.fromkeys(pq.read_schema(path).names))
            except (pa.ArrowInvalid, OSError) as error:
                raise DataError(f"{path}: {error}") from error
        return list(names)

    def files(self, table: str) -> list[Path]:
        """The files of a table in their order: numbers in names count as numbers.

        Parameters
        ----------
        table : str
            Its name.

        Returns
        -------
        list of Path
            Empty where there is no such table.
        """
        root = self.folder / table
        found = [
            path
            for path in root.rglob("*.parquet")
            if not any(part.startswith((".", "_")) for part in path.relative_to(root).parts)
        ]
        return sorted(found, key=lambda path: natural(path.relative_to(root).as_posix()))

    @property
    def tables(self) -> list[str]:
        """Names of the tables that there are."""
        if not self.folder.is_dir():
            return []
        return sorted(
            p.name for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith((".", "_"))
        )

    # --- writing ---

    def upsert_backtest_runs(self, frame: pd.DataFrame) -> None:
        """Writes rows of backtest_runs; those of a run_id that is there already replace it.

        Parameters
        ----------
        frame : pandas.DataFrame
            With the column run_id.
        """
        self._upsert("backtest_runs", frame)

    def upsert_backtest_trades(self, frame: pd.DataFrame) -> None:
        """Writes rows of backtest_trades; those of a run_id that is there already replace it.

        Parameters
        ----------
        frame : pandas.DataFrame
            With the column run_id.
        """
        self._upsert("backtest_trades", frame)

    def upsert_backtest_metrics(self, frame: pd.DataFrame) -> None:
        """Writes rows of backtest_metrics; those of a run_id that is there already replace it.

        Parameters
        ----------
        frame : pandas.DataFrame
            With the column run_id.
        """
        self._upsert("backtest_metrics", frame)

    def _upsert(self, table: str, frame: pd.DataFrame) -> None:
        if not isinstance(frame, pd.DataFrame):
            if not hasattr(frame, "to_pandas"):
                raise ArgumentTypeError(f"{table}: expected a data frame, not {type(frame).__name__}")
            frame = to_pandas(frame)
        if len(frame) == 0:
            return
        if "run_id" not in frame.columns:
            raise DataError(
                f"{table}: the rows need the column 'run_id'; there are {', '.join(map(str, frame.columns))}"
            )
        if frame["run_id"].isna().any():
            raise DataError(f"{table}: {int(frame['run_id'].isna().sum())} rows have no run_id")
        for run_id, rows in frame.groupby("run_id", sort=False):
            self._write_run(table, str(run_id), rows)

    def _write_run(self, table: str, run_id: str, rows: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if RUN_ID.fullmatch(run_id) is None:
            raise DataError(
                f"{table}: run_id '{run_id}': 1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or digit"
            )
        root = self.folder / table
        root.mkdir(parents=True, exist_ok=True)
        earlier = [path for path in root.rglob(f"{run_id}.parquet") if path.parent != root]
        data = pa.Table.from_pandas(
            rows.reset_index(drop=True), preserve_index=False
        ).replace_schema_metadata(None)
        handle, temporary = tempfile.mkstemp(prefix=f".{run_id}-", suffix=".tmp", dir=root)
        os.close(handle)
        try:
            pq.write_table(with_microseconds(data), temporary)
            os.chmod(temporary, 0o644)
            os.replace(temporary, root / f"{run_id}.parquet")
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        for path in earlier:
            path.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"ParquetDB({str(self.folder)!r})"


def natural(text: str) -> list[Any]:
    """A key that orders numbers in names as numbers."""
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", text) if part
    ]


def with_microseconds(table: Any) -> Any:
    """Times of a table in microseconds without a zone, as the database has them."""
    import pyarrow as pa

    for i, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and (field.type.unit != "us" or field.type.tz is not None):
            column = (
                table.column(i).cast(pa.timestamp("us", field.type.tz), safe=False).cast(pa.timestamp("us"))
            )
            table = table.set_column(i, field.name, column)
    return table


def read_file(path: Path, symbols: Any, start: Any, end: Any, columns: Any) -> Any:
    """The rows of one file that are wanted, as an arrow table."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            time = next((name for name in names if name.lower() in TIME_NAMES), None)
            symbol = next((name for name in names if name.lower() in SYMBOL_NAMES), None)
            wanted = None if columns is None else [n for n in names if n in set(columns) | {time, symbol}]
            table = file.read(columns=wanted)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: {error}") from error
    for i, field in enumerate(table.schema):  # files of one table may have texts in either form
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(field.type.value_type))
    table = with_microseconds(table)
    if time is not None and not pa.types.is_timestamp(table.schema.field(time).type):
        table = with_times(table, time, path)
    keep = None
    if symbols is not None and symbol is not None:
        texts = table.column(symbol).cast(pa.string())
        keep = pc.is_in(texts, pa.array([str(s) for s in symbols]))
    if time is not None and (start is not None or end is not None):
        times = table.column(time).cast(pa.int64())
        for bound, inside in ((start, pc.greater_equal), (end, pc.less_equal)):
            if bound is not None:
                part = inside(times, pa.scalar(bound_us(bound, bound is end)))
                keep = part if keep is None else pc.and_(keep, part)
    return table if keep is None else table.filter(keep)


def with_times(table: Any, name: str, path: Path) -> Any:
    """A table whose dates, or texts of them, are times."""
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_date(column.type):
        times = column.cast(pa.timestamp("us"))
    else:
        times = pa.array(
            as_times(column.to_pandas(), f"{path}: {name}").to_numpy().astype("M8[us]"), pa.timestamp("us")
        )
    return table.set_column(table.schema.get_field_index(name), name, times)


def bound_us(bound: Any, is_end: bool) -> int:
    """A date as microseconds since 1970; a day that ends a period is meant whole."""
    time = timestamp_of(bound, "end_date" if is_end else "start_date")
    if is_end and time == time.normalize():
        time += pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    return time.value // 1000


def newest(frame: pd.DataFrame, keys: Iterable[str]) -> pd.DataFrame:
    """Of rows with one symbol, time and keys the one with the newest updated_at (else created_at), else the last."""
    symbol = next((name for name in frame.columns if name.lower() in SYMBOL_NAMES), None)
    if len(frame) == 0 or symbol is None:
        return frame
    parts = pd.DataFrame({"time": frame.index, "symbol": frame[symbol].astype(str).to_numpy()})
    for key in keys:
        if key in frame.columns:
            parts[key] = frame[key].to_numpy()
    if not parts.duplicated().any():
        return frame
    version = next((name for name in ("updated_at", "created_at") if name in frame.columns), None)
    order = np.arange(len(frame))
    if version is not None:
        stamps = (
            pd.DatetimeIndex(pd.to_datetime(frame[version], utc=True))
            .tz_localize(None)
            .to_numpy()
            .astype("M8[us]")
        )
        order = np.lexsort((order, stamps.view(np.int64)))
    keep = ~parts.iloc[order].duplicated(keep="last").to_numpy()
    return frame.iloc[np.sort(order[keep])]


def with_actions(prices: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Prices with the splits and dividends of corporate_actions, each at the first bar of any symbol at or after the ex-date.

    Where its symbol has no row then, it gets one without prices. A row that has a split or dividend of its own keeps it.
    """
    if len(actions) == 0 or len(prices) == 0:
        return prices
    if "new_symbol" in actions.columns and actions["new_symbol"].notna().any():
        warnings.warn(
            "spin-offs cannot stand in a frame of prices and were left out", AssayWarning, stacklevel=3
        )
    numbers, symbols = pd.factorize(prices["symbol"].astype(str))
    times = pd.DatetimeIndex(prices.index).to_numpy().astype("M8[ns]")
    split, dividend = own_events(prices, "split_coefficient", 1.0), own_events(prices, "dividend_amount", 0.0)
    has_own = (split != 1.0) | (dividend != 0.0)
    by_symbol = np.argsort(numbers, kind="stable")
    begins = np.searchsorted(numbers[by_symbol], np.arange(len(symbols) + 1))
    rows_of = {name: by_symbol[begins[i] : begins[i + 1]] for i, name in enumerate(symbols)}
    actions = actions.drop_duplicates()
    ex_dates = (
        pd.DatetimeIndex(pd.to_datetime(actions["ex_date"], utc=True))
        .tz_localize(None)
        .to_numpy()
        .astype("M8[ns]")
    )
    ratios, cash = own_events(actions, "split_ratio", 1.0), own_events(actions, "cash_dividend", 0.0)
    order = np.argsort(ex_dates, kind="stable")
    names = actions["symbol"].astype(str).to_numpy()
    calendar = np.unique(times)
    alone: dict[tuple[str, Any], list[float]] = {}  # symbol and time without a row: split, dividend
    for i in order:
        rows = rows_of.get(names[i], np.empty(0, dtype=np.intp))
        if len(rows) == 0 or ex_dates[i] < times[rows[0]] or ex_dates[i] > calendar[-1]:
            continue
        time = calendar[np.searchsorted(calendar, ex_dates[i])]
        at = int(np.searchsorted(times[rows], time))
        if at == len(rows) or times[rows[at]] != time:
            event = alone.setdefault((names[i], time), [1.0, 0.0])
            event[:] = event[0] * ratios[i], event[1] / ratios[i] + cash[i]
        elif not has_own[rows[at]]:
            dividend[rows[at]] = dividend[rows[at]] / ratios[i] + cash[i]
            split[rows[at]] *= ratios[i]
    whole = prices.assign(split_coefficient=split, dividend_amount=dividend)
    return with_rows(whole, alone) if alone else whole


def with_rows(prices: pd.DataFrame, events: dict[tuple[str, Any], list[float]]) -> pd.DataFrame:
    """Prices with a row for each symbol and time that has a split or dividend and no bar."""
    columns = {
        "symbol": [symbol for symbol, _ in events],
        "split_coefficient": [split for split, _ in events.values()],
        "dividend_amount": [dividend for _, dividend in events.values()],
    }
    for name in ("frequency", "currency"):  # one for all, or a run over the frame is refused
        if name in prices.columns and prices[name].nunique(dropna=False) == 1:
            columns[name] = [prices[name].iloc[0]] * len(events)
    index = pd.DatetimeIndex([time for _, time in events], name=prices.index.name)
    rows = pd.DataFrame(columns, index=index.astype(prices.index.dtype))
    whole = pd.concat([prices.astype({"symbol": object}), rows])
    ordered: pd.DataFrame = whole.iloc[np.lexsort((whole["symbol"].astype(str).to_numpy(), whole.index))]
    return ordered


def own_events(frame: pd.DataFrame, column: str, none: float) -> Any:
    """A column of ratios or amounts, with `none` where there is nothing."""
    if column not in frame.columns:
        return np.full(len(frame), none)
    values = pd.to_numeric(frame[column]).to_numpy(dtype=np.float64, copy=True)
    values[np.isnan(values) | (values == 0)] = none
    return values


def to_pandas(frame: Any) -> pd.DataFrame:
    """A frame of another kind as one of pandas."""
    return frame.to_pandas()  # type: ignore[no-any-return]
