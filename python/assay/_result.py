"""What a run returns: the dictionary of lists and numbers, with data frames beside it."""

from __future__ import annotations

import html
import io
import json
import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import _native
from ._errors import ArgumentError, StorageError
from ._frames import METRIC_UNITS, Frames
from ._types import PortfolioSnapshot, Trade

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHOLE_UNITS = ("trades",)
SHOWN_METRICS = (
    "total_return_pct",
    "annual_return_pct",
    "annual_volatility_pct",
    "sharpe_ratio",
    "sortino_ratio",
    "max_drawdown_pct",
    "calmar_ratio",
    "win_rate_pct",
    "profit_factor",
    "total_trades",
)


class BacktestResult(dict):  # type: ignore[type-arg]
    """The result of one run.

    A dictionary with the keys equity_curve (the initial capital, then the equity at each bar), trades (list of `Trade`),
    portfolio_history (list of `PortfolioSnapshot`), metrics (dict) and parameters (dict); the same and more as data frames
    in attributes.
    """

    def __init__(self, run: _native.Run, parameters: dict[str, Any]) -> None:
        self._run = run
        self._frames = Frames(run)
        self.saved_in: str | None = None
        self.run_id: str = run.run_id
        super().__init__(
            equity_curve=self._equity_values().tolist(),
            trades=self._trade_objects(),
            portfolio_history=self._snapshot_objects(),
            metrics=whole_counts(run.metrics),
            parameters=parameters,
        )

    # --- records ---

    def records(self, name: str) -> Any:
        """The C library's own records, without a copy.

        Parameters
        ----------
        name : {"signals", "fills", "trades", "snapshots"}
            Which.

        Returns
        -------
        numpy.ndarray
            Structured and read-only; symbols and bars are numbers into `symbols` and `timestamps`.
        """
        return self._frames.records(name)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols of the run."""
        return self._run.symbols

    @property
    def timestamps(self) -> pd.DatetimeIndex:
        """Times of all bars of the data."""
        return pd.DatetimeIndex(np.frombuffer(self._run.timestamps, dtype="M8[us]").astype("M8[ns]"))

    def _equity_values(self) -> Any:
        snapshots = self.records("snapshots")
        initial = float(self._run.setting("initial_capital"))
        return np.concatenate(([initial], snapshots["total_value"]))

    def _by_date(self, name: str) -> pd.DataFrame:
        return self._frames.pandas(name).set_index("date")

    # --- objects of the dictionary ---

    def _trade_objects(self) -> list[Trade]:
        frame = self.trades
        if frame.empty:
            return []
        is_open = (frame["status"] == "open").to_numpy()
        columns: dict[str, list[Any]] = {
            "trade_id": frame["trade_id"].tolist(),
            "symbol": frame["symbol"].tolist(),
            "entry_date": list(pd.DatetimeIndex(frame["entry_date"])),
            "exit_date": list(pd.DatetimeIndex(frame["exit_date"])),
        }
        for name in (
            "entry_price",
            "exit_price",
            "quantity",
            "entry_value",
            "exit_value",
            "commission",
            "slippage",
        ):
            columns[name] = frame[name].tolist()
        for name in ("pnl", "pnl_pct", "direction", "signal_type"):
            columns[name] = frame[name].tolist()
        columns["reason"] = frame["entry_reason"].tolist()
        columns["exit_reason"] = frame["exit_reason"].tolist()
        for name in ("strategy", "bars_held", "dividends", "mae_pct", "mfe_pct"):
            columns[name] = frame[name].tolist()
        for name in ("exit_date", "exit_price", "exit_value", "pnl", "pnl_pct"):
            for i in np.flatnonzero(is_open):
                columns[name][i] = None
        return make_objects(Trade, columns, len(frame))

    def _snapshot_objects(self) -> list[PortfolioSnapshot]:
        rows = self.records("snapshots")
        columns: dict[str, list[Any]] = {
            "date": list(pd.DatetimeIndex(self._frames.times(rows["bar"]).astype("M8[ns]")))
        }
        for name in (
            "cash",
            "total_value",
            "gross_value",
            "net_exposure",
            "num_positions",
            "max_position_size",
        ):
            columns[name] = rows[name].tolist()
        for name in (
            "concentration",
            "leverage",
            "daily_return",
            "cumulative_return",
            "drawdown",
            "turnover",
        ):
            columns[name] = rows[name].tolist()
        columns["stale_positions"] = rows["stale_positions"].tolist()
        return make_objects(PortfolioSnapshot, columns, len(rows))

    # --- data frames ---

    @property
    def trades(self) -> pd.DataFrame:
        """A row a trade, columns as the table backtest_trades has them; of open ones exit_date is NaT."""
        return self._frames.pandas("trades")

    @property
    def equity(self) -> pd.Series:
        """Equity at each bar of the period."""
        return self._by_date("equity")["equity"]

    @property
    def returns(self) -> pd.Series:
        """Return of each bar, the first against the initial capital."""
        return self._by_date("returns")["return"]

    @property
    def signals(self) -> pd.DataFrame:
        """A row a signal, with what was decided about it (status) and what became of it (outcome)."""
        return self._frames.pandas("signals")

    @property
    def fills(self) -> pd.DataFrame:
        """A row a fill, in the order in which they happened."""
        return self._frames.pandas("fills")

    @property
    def snapshots(self) -> pd.DataFrame:
        """A row a bar: cash, equity, exposure, concentration, drawdown, turnover."""
        return self._by_date("snapshots")

    @property
    def metrics(self) -> pd.DataFrame:
        """Metrics by name: value and unit."""
        return self._frames.pandas("metrics").set_index("metric")

    @property
    def positions(self) -> pd.DataFrame:
        """Shares of each symbol that was ever held, at the close of each bar.

        Notes
        -----
        Below zero: short. In shares of the bar: a split changes them on its day.
        """
        return self._by_date("positions")

    @property
    def position_values(self) -> pd.DataFrame:
        """Value of each symbol that was ever held at the close of each bar, as the ledger marks it: money.

        Notes
        -----
        Below zero: short. A symbol without a bar counts by its last close. The rows sum to ``snapshots["net_exposure"]``.
        """
        return self._by_date("position_values")

    def arrow(self, name: str) -> Any:
        """One of the frames as a pyarrow table.

        Parameters
        ----------
        name : str
            trades, equity, returns, signals, fills, snapshots, positions, position_values, metrics, strategies.

        Returns
        -------
        pyarrow.Table
            Made of the records, not of a pandas frame: symbols, kinds and names as dictionaries, times as timestamp[us].
        """
        return self._frames.arrow(name)

    def polars(self, name: str) -> Any:
        """One of the frames as a polars frame, over the memory of `arrow`: pip install 'assay[polars]'."""
        try:
            import polars
        except ImportError as error:
            raise ImportError("polars() needs polars: pip install 'assay[polars]'") from error
        return polars.from_arrow(self.arrow(name))

    @property
    def strategies(self) -> pd.DataFrame:
        """A row a strategy: signals, trades, closed and open pnl, capital and equity of its sleeve."""
        return self._frames.pandas("strategies")

    @property
    def warnings(self) -> dict[str, str]:
        """What a reader of the result should know, by name."""
        return dict(self._run.warnings)

    @property
    def strategy(self) -> str:
        """The name of the strategy; of several "A+B"."""
        return self._run.strategy

    @property
    def config(self) -> dict[str, Any]:
        """Everything needed to run it again, as it is stored."""
        return json.loads(self._run.config_json)  # type: ignore[no-any-return]

    @property
    def data_fingerprint(self) -> str:
        """32 hex digits that any change of the data changes."""
        return self._run.fingerprint

    # --- what can be done with it ---

    def save(self, db: str | Path, run_id: str | None = None) -> str:
        """Stores the run in a database, as `assay run` does.

        Parameters
        ----------
        db : str or path
            The database folder; it is made where there is none.
        run_id : str, optional
            Its name; by default `run_id`, which is made of data and configuration, so that the same run replaces itself.

        Returns
        -------
        str
            The name under which it is stored.
        """
        name = self.run_id if run_id is None else run_id
        self._run.save(str(db), name)
        self.run_id, self.saved_in = name, str(db)
        return name

    def tearsheet(self, path: str | Path) -> Path:
        """Writes the report that the program `assay report` writes: metrics, charts, drawdowns, trades, attribution, warnings.

        Parameters
        ----------
        path : str or path
            The file: a page (.html) that needs no network, or what is in it (.json).

        Returns
        -------
        Path
            The file. It is written as a whole or not at all.
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm", ".json"):
            raise ArgumentError(
                f"{path}: a tearsheet is .html or .json; of a stored run `assay report` also makes .pdf and .png"
            )
        if not path.parent.is_dir():
            raise StorageError(f"{path}: there is no folder {path.parent}")
        text = self._run.document(path.suffix.lower() != ".json")
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(beside, 0o644)
            os.replace(beside, path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        return path

    def plot(self, figsize: tuple[float, float] = (10.0, 6.0)) -> Figure:
        """Draws equity and drawdown.

        Parameters
        ----------
        figsize : tuple of float
            Width and height in inches.

        Returns
        -------
        matplotlib.figure.Figure
            Needs matplotlib: pip install 'assay[plot]'.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("plot() needs matplotlib: pip install 'assay[plot]'") from error

        class RunFigure(Figure):
            """A figure that a notebook shows without pyplot."""

            def _repr_png_(self) -> bytes:
                picture = io.BytesIO()
                self.savefig(picture, format="png")
                return picture.getvalue()

        figure = RunFigure(figsize=figsize, layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        equity, drawdown = self.equity, self.snapshots["drawdown"] * 100
        above.plot(equity.index, equity.to_numpy(), linewidth=1.2)
        above.axhline(self["equity_curve"][0], color="grey", linewidth=0.6)
        above.set_ylabel("equity")
        above.set_title(self.strategy)
        below.fill_between(drawdown.index, drawdown.to_numpy(), 0.0, alpha=0.4, color="firebrick")
        below.set_ylabel("drawdown, %")
        return figure

    def _repr_html_(self) -> str:
        metrics = self["metrics"]
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:right'>{html.escape(shown(metrics[name]))}</td></tr>"
            for name in SHOWN_METRICS
            if name in metrics
        )
        warned = "".join(f"<li>{html.escape(text)}</li>" for text in self.warnings.values())
        notes = f"<ul>{warned}</ul>" if warned else ""
        return f"<div><b>{html.escape(self.strategy)}</b> <code>{self.run_id}</code><table>{rows}</table>{notes}</div>"

    def __repr__(self) -> str:
        metrics = self["metrics"]
        return (
            f"BacktestResult({self.strategy}: {len(self['equity_curve']) - 1} bars, {len(self['trades'])} trades, "
            f"total return {shown(metrics['total_return_pct'])} %, Sharpe {shown(metrics['sharpe_ratio'])})"
        )

    def __reduce__(self) -> Any:
        """A pickle has the plain dictionary: the records belong to the process that made them."""
        return (dict, (dict(self),))


def make_objects(cls: Any, columns: dict[str, list[Any]], n: int) -> list[Any]:
    """Objects of a data class, by columns; much cheaper than one call each."""
    names = list(columns)
    objects = [cls.__new__(cls) for _ in range(n)]
    for made, values in zip(objects, zip(*columns.values())):
        made.__dict__.update(zip(names, values))
    return objects


def whole_counts(metrics: dict[str, float]) -> dict[str, Any]:
    """Metrics with counts as int."""
    return {
        name: int(value) if METRIC_UNITS.get(name) in WHOLE_UNITS and math.isfinite(value) else value
        for name, value in metrics.items()
    }


def shown(value: float) -> str:
    """A number for people."""
    return "–" if value != value else f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
