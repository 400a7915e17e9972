"""Columns of a run's records, as pandas, Arrow and polars have them.

The C library keeps records by row, with numbers for symbols and kinds. Columns are made of them once, on demand; texts stay
numbers into a list of names (`Coded`) until a kind of frame that cannot have that asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union, cast

import numpy as np
import pandas as pd

from . import _native
from ._errors import ArgumentError

DTYPES = {
    name: np.dtype(cast(Any, _native.record_fields(name)))
    for name in ("signals", "fills", "trades", "snapshots")
}
ACTIONS = np.array(_native.enum_names("action"), dtype=object)
SIDES = np.array(_native.enum_names("side"), dtype=object)
STATUSES = np.array(_native.enum_names("status"), dtype=object)
OUTCOMES = np.array(_native.enum_names("outcome"), dtype=object)
FILL_KINDS = np.array(_native.enum_names("fill_kind"), dtype=object)
METRIC_UNITS = {row["name"]: row["unit"] for row in _native.metrics()}
NO_SIGNAL = 0xFFFFFFFF
FILL_MARKET_CLOSE = 1


@dataclass(frozen=True)
class Coded:
    """Texts as numbers into a list of names."""

    codes: Any
    names: Any

    def objects(self) -> Any:
        """Texts, an object each."""
        return self.names[self.codes] if len(self.codes) else np.empty(0, dtype=object)


Column = Union[Any, Coded]  # an array, or texts


class Frames:
    """The tables of a run.

    Parameters
    ----------
    run : _native.Run
        The run of the C library, which keeps the records.
    """

    def __init__(self, run: _native.Run) -> None:
        self._run = run
        self._records: dict[str, Any] = {}
        self._tables: dict[str, dict[str, Column]] = {}
        self._makers: dict[str, Callable[[], dict[str, Column]]] = {
            "trades": self._trades,
            "equity": self._equity,
            "returns": self._returns,
            "signals": self._signals,
            "fills": self._fills,
            "snapshots": self._snapshots,
            "positions": lambda: self._held("positions"),
            "position_values": lambda: self._held("position_values"),
            "metrics": self._metrics,
            "strategies": self._strategies,
        }

    # --- what frames are made of ---

    def records(self, name: str) -> Any:
        """The C library's records as a read-only structured array."""
        if name not in self._records:
            self._records[name] = np.frombuffer(self._run.records(name), dtype=DTYPES[name])
        return self._records[name]

    def table(self, name: str) -> dict[str, Column]:
        """Columns by name: arrays, `Coded` texts, times as datetime64[us]."""
        if name not in self._makers:
            raise ArgumentError(f"there is no frame '{name}'; there are {', '.join(self._makers)}")
        if name not in self._tables:
            self._tables[name] = self._makers[name]()
        return self._tables[name]

    def times(self, bars: Any) -> Any:
        """Times of bars, datetime64[us]."""
        return np.frombuffer(self._run.timestamps, dtype="M8[us]")[bars.astype(np.intp)]

    def _symbols(self, numbers: Any) -> Coded:
        return Coded(numbers, np.array(self._run.symbols, dtype=object))

    def _strategy_names(self, numbers: Any) -> Coded:
        highest = int(numbers.max()) + 1 if len(numbers) else 0
        return Coded(numbers, np.array([self._run.strategy_name(i) for i in range(highest)], dtype=object))

    def _reasons(self, signals: Any) -> Any:
        return np.array(self._run.reasons(np.ascontiguousarray(signals, dtype=np.int64)), dtype=object)

    def _signal_types(self, signals: Any, without: str) -> Coded:
        """Of signals by number; those without a signal have the text `without`."""
        kinds = np.array([*self._run.kinds, without], dtype=object)
        rows = self.records("signals")
        numbers = np.full(len(signals), len(kinds) - 1)
        known = signals < len(rows)
        numbers[known] = rows["kind"][signals[known]]
        return Coded(numbers, kinds)

    # --- tables ---

    def _trades(self) -> dict[str, Column]:
        rows = self.records("trades")
        is_open = rows["is_open"] != 0
        entry, last = rows["entry_signal"].astype(np.int64), rows["exit_signal"].astype(np.int64)
        exit_reason = self._reasons(last)
        no_signal = last == NO_SIGNAL
        kinds = np.where(rows["exit_kind"] <= FILL_MARKET_CLOSE, "universe", FILL_KINDS[rows["exit_kind"]])
        exit_reason[no_signal] = kinds[no_signal]
        exit_reason[is_open] = ""
        entry_reason = self._reasons(entry)
        entry_reason[entry == NO_SIGNAL] = "spin_off"
        exit_date = self.times(rows["exit_bar"])
        exit_date[is_open] = np.datetime64("NaT", "us")
        columns: dict[str, Column] = {
            "trade_id": np.array([f"{i:08d}" for i in range(1, len(rows) + 1)], dtype=object),
            "symbol": self._symbols(rows["symbol"]),
            "entry_date": self.times(rows["entry_bar"]),
            "exit_date": exit_date,
        }
        for name in ("entry_price", "exit_price", "quantity", "pnl", "pnl_pct"):
            columns[name] = rows[name]
        columns["signal_type"] = self._signal_types(entry, "spin_off")
        columns["direction"] = Coded(
            (rows["direction"] < 0).astype(np.int8), np.array(["long", "short"], dtype=object)
        )
        for name in ("entry_value", "exit_value", "commission", "slippage", "dividends", "bars_held"):
            columns[name] = rows[name]
        columns["mae_pct"], columns["mfe_pct"] = rows["mae_pct"], rows["mfe_pct"]
        columns["entry_reason"], columns["exit_reason"] = entry_reason, exit_reason
        columns["status"] = Coded(is_open.astype(np.int8), np.array(["closed", "open"], dtype=object))
        columns["strategy"] = self._strategy_names(rows["strategy"])
        return columns

    def _equity(self) -> dict[str, Column]:
        rows = self.records("snapshots")
        return {"date": self.times(rows["bar"]), "equity": rows["total_value"]}

    def _returns(self) -> dict[str, Column]:
        rows = self.records("snapshots")
        return {"date": self.times(rows["bar"]), "return": rows["daily_return"]}

    def _signals(self) -> dict[str, Column]:
        rows = self.records("signals")
        every = np.arange(len(rows))
        return {
            "timestamp": self.times(rows["bar"]),
            "symbol": self._symbols(rows["symbol"]),
            "strategy": self._strategy_names(rows["strategy"]),
            "action": Coded(rows["action"], ACTIONS),
            "signal_type": self._signal_types(every, ""),
            "score": rows["score"],
            "strength": rows["strength"],
            "target_position": rows["target_position"],
            "order_quantity": rows["order_quantity"],
            "status": Coded(rows["status"], STATUSES),
            "outcome": Coded(rows["outcome"], OUTCOMES),
            "reason": self._reasons(every),
        }

    def _fills(self) -> dict[str, Column]:
        rows = self.records("fills")
        columns: dict[str, Column] = {
            "timestamp": self.times(rows["bar"]),
            "symbol": self._symbols(rows["symbol"]),
            "side": Coded(rows["side"], SIDES),
        }
        for name in ("quantity", "price", "reference_price", "commission", "slippage"):
            columns[name] = rows[name]
        columns["kind"] = Coded(rows["kind"], FILL_KINDS)
        columns["order_id"] = rows["order_id"].astype(np.int64)
        columns["strategy"] = self._strategy_names(rows["strategy"])
        return columns

    def _snapshots(self) -> dict[str, Column]:
        rows = self.records("snapshots")
        names = [name for name in DTYPES["snapshots"].names or () if name != "bar"]
        return {"date": self.times(rows["bar"]), **{name: rows[name] for name in names}}

    def _held(self, what: str) -> dict[str, Column]:
        """Shares or values of each symbol that was ever held: both are made at once."""
        bars = self.records("snapshots")["bar"]
        used = np.unique(self.records("fills")["symbol"])
        both = {name: np.empty((len(bars), len(used))) for name in ("positions", "position_values")}
        self._run.positions(used, both["positions"], both["position_values"])
        names = self._symbols(used).objects()
        for name, matrix in both.items():
            self._tables[name] = {"date": self.times(bars), **dict(zip(names, matrix.T))}
        return self._tables[what]

    def _metrics(self) -> dict[str, Column]:
        values = self._run.metrics
        return {
            "metric": np.array(list(values), dtype=object),
            "value": np.array(list(values.values()), dtype=np.float64),
            "unit": np.array([METRIC_UNITS.get(name, "") for name in values], dtype=object),
        }

    def _strategies(self) -> dict[str, Column]:
        frame = pd.DataFrame(self._run.strategies)
        return {str(name): frame[name].to_numpy() for name in frame}

    # --- kinds of frames ---

    def pandas(self, name: str) -> pd.DataFrame:
        """A pandas frame, times as datetime64[ns]."""
        return pd.DataFrame({key: in_pandas(column) for key, column in self.table(name).items()})

    def arrow(self, name: str) -> Any:
        """A pyarrow table, texts of few kinds as dictionaries, times as timestamp[us]."""
        import pyarrow as pa

        return pa.table({key: in_arrow(column) for key, column in self.table(name).items()})


def in_pandas(column: Column) -> Any:
    """A column as pandas has had it for long."""
    if isinstance(column, Coded):
        return column.objects()
    return column.astype("M8[ns]") if column.dtype.kind == "M" else column


def in_arrow(column: Column) -> Any:
    """A column as an arrow array; NaT is null, NaN stays a number."""
    import pyarrow as pa

    if isinstance(column, Coded):
        codes = pa.array(np.ascontiguousarray(column.codes).astype(np.int32))
        return pa.DictionaryArray.from_arrays(codes, pa.array(list(column.names), pa.string()))
    if column.dtype == object:
        return pa.array(list(column), pa.string())
    return pa.array(np.ascontiguousarray(column), from_pandas=column.dtype.kind == "M")
