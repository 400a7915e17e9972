"""Sweeps and walk-forward validation over a database: the program does them, what they found comes as frames."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Protocol, Union

import pandas as pd

from ._engine import date_text, setting_text, some
from ._errors import ArgumentError, AssayError, ConfigError
from ._inputs import chosen_symbols, sectors_of, symbols_of
from ._process import call
from ._strategies import NativeStrategy, text_of

PATH = Union[str, Path]
_NAMES = {"beta": "portfolio_beta"}


class Call(Protocol):
    """What runs a subcommand and returns its standard output."""

    def __call__(self, arguments: list[str], /) -> str: ...


# --- what they return ---


@dataclass(frozen=True)
class Sweep:
    """A stored sweep.

    Attributes
    ----------
    sweep_id : str
        The name under which it is stored.
    db : str
        The database folder.
    points : pandas.DataFrame
        A row a point: ``point``, the strategy's parameters, the axes, and metrics.
    summary : dict
        What ``assay optimize --format json`` says: best, sensitivity, plateau, overfitting and more.
    """

    sweep_id: str
    db: str
    points: pd.DataFrame = field(repr=False)
    summary: dict[str, Any] = field(repr=False)

    @property
    def best(self) -> dict[str, Any]:
        """The best point's values of the axes."""
        return dict(self._first()["parameters"])

    @property
    def best_metrics(self) -> dict[str, Any]:
        """The best point's metrics."""
        return dict(self._first()["metrics"])

    @property
    def overfitting(self) -> dict[str, Any]:
        """How much of the best is luck: deflated_sharpe, expected_max_sharpe, psr and what they are made of."""
        return dict(self.summary["overfitting"])

    def _first(self) -> Any:
        if not self.summary["best"]:
            raise ConfigError(f"no point of the sweep {self.sweep_id} meets the conditions")
        return self.summary["best"][0]

    def tearsheet(self, path: PATH) -> Path:
        """Writes the sweep's page: heatmaps, sensitivity, what is luck. Returns the file."""
        return _tearsheet(self.sweep_id, self.db, path)

    def _repr_html_(self) -> str:
        shown = [objective.split(":")[-1] for objective in self.summary["objectives"]]
        names = list(dict.fromkeys([*shown, "total_return_pct", "max_drawdown_pct", "total_trades"]))
        rows = [
            {**row["parameters"], **{n: row["metrics"][n] for n in names}} for row in self.summary["best"]
        ]
        luck = self.summary["overfitting"]["deflated_sharpe"]
        said = f"{self.summary['n_tried']:,} points; deflated Sharpe ratio {'–' if luck is None else f'{luck:.4f}'}"
        return _shown(self.summary["strategy"], self.sweep_id, said, pd.DataFrame(rows))


@dataclass(frozen=True)
class WalkForward:
    """A stored walk-forward validation.

    Attributes
    ----------
    run_id : str
        The name of the joined run; its folds are ``run_id-fold-1`` and so on.
    db : str
        The database folder.
    folds : pandas.DataFrame
        A row a window: its dates, the chosen parameters, ``in_sample_*`` and ``out_of_sample_*`` metrics.
    summary : dict
        What ``assay walkforward --format json`` says: metrics of the joined run, efficiency, drift of the parameters and more.
    """

    run_id: str
    db: str
    folds: pd.DataFrame = field(repr=False)
    summary: dict[str, Any] = field(repr=False)

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics of the joined run: out of sample alone."""
        return dict(self.summary["metrics"])

    @property
    def efficiency(self) -> dict[str, Any]:
        """What was left out of sample of what was chosen in sample, as ratios."""
        return dict(self.summary["efficiency"])

    def tearsheet(self, path: PATH) -> Path:
        """Writes the page of the joined run: what a run has, and its windows. Returns the file."""
        return _tearsheet(self.run_id, self.db, path)

    def _repr_html_(self) -> str:
        metric = self.summary["objective"].split(":")[-1]
        names = list(
            dict.fromkeys(name for fold in self.summary["folds"] for name in fold["parameters"] or {})
        )
        names = ["test_start", "test_end", *names, f"in_sample_{metric}", f"out_of_sample_{metric}"]
        said = f"{len(self.folds)} windows; {metric} of the joined run {self.metrics[metric]}"
        return _shown(
            self.summary["strategy"], self.run_id, said, self.folds[[n for n in names if n in self.folds]]
        )


def _shown(strategy: str, name: str, said: str, rows: pd.DataFrame) -> str:
    """A result as a notebook shows it."""
    table = rows.to_html(index=False, na_rep="–", float_format="{:,.4g}".format, border=0)
    title, name, said = (html.escape(text) for text in (strategy, name, said))
    return f"<div><b>{title}</b> <code>{name}</code><p>{said}</p>{table}</div>"


def _tearsheet(run: str, db: str, path: PATH) -> Path:
    call(["report", run, "--db", db, "--out", str(path), "--quiet"])
    return Path(path)


# --- options of the program ---


def database(db: PATH | None) -> str:
    """The database folder: `db`, else ``$ASSAY_DB``, else ``db``."""
    return str(Path(db or os.environ.get("ASSAY_DB") or "db").absolute())


def strategy_name(name: str) -> str:
    """A strategy's own name; ``beta`` is portfolio_beta."""
    return _NAMES.get(name, name)


def strategy_state(strategy: str) -> str:
    """What says that the file of a strategy has changed.

    Parameters
    ----------
    strategy : str
        A reference, such as ``"momentum"`` or ``"rule:FILE.yaml"``.

    Returns
    -------
    str
        A digest of what is in the file that it names; empty where it names none.
    """
    kind, _, source = strategy.partition(":")
    file = Path(source if kind in ("rule", "plugin", "signals") else strategy)
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    except OSError:  # a text too long for a path, such as a query
        return ""


def axes(param_grid: Mapping[str, Any]) -> list[str]:
    """``{"lookback": [10, 20]}`` or ``{"lookback": "10:60:10"}`` as options of the program."""
    if not param_grid:
        raise ConfigError('param_grid is empty: {"lookback": [10, 20, 40]}, for example')
    found = []
    for name, values in param_grid.items():
        if not isinstance(values, (str, Iterable)):
            values = [values]
        if isinstance(values, (set, frozenset)):
            raise ConfigError(f"{name}: a set has no order: give a list")
        values = values if isinstance(values, str) else list(values)
        found += [
            "--axis",
            f"{name}={values if isinstance(values, str) else ','.join(map(text_of, some(values, name)))}",
        ]
    return found


def holdings_file(holdings_df: pd.DataFrame | None, db: str) -> str | None:
    """Where shards on other machines can read it: beside the database's tables, named by its content."""
    if holdings_df is None:
        return None
    sectors, names = sectors_of(holdings_df), symbols_of(holdings_df)
    columns = {"sym": names, "sector": [sectors.get(name, "") for name in names]}
    text = pd.DataFrame(columns if sectors else {"sym": names}).to_csv(index=False)
    path = Path(db) / "_holdings" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.csv"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False) as part:
            part.write(text)
        Path(part.name).rename(path)
    return str(path)


def market_arguments(
    strategy: str | NativeStrategy,
    db: str,
    symbols: Sequence[str] | None,
    start: Any,
    end: Any,
    holdings_df: pd.DataFrame | None,
    settings: Mapping[str, Any] | None,
) -> list[str]:
    """The strategy, the database, the period and the settings as options of the program."""
    fixed = dict(settings or {})
    if isinstance(strategy, NativeStrategy):
        fixed.update(strategy.parameters)
        strategy = strategy.reference
    if not isinstance(strategy, str):
        raise ArgumentError(
            f"{type(strategy).__name__} is a strategy in Python, which the program cannot run: run BacktestEngine over a "
            "Panel for each point (docs/python.md), or write it as a rule or a plugin"
        )
    arguments = [strategy_name(strategy), "--db", db]
    holdings = holdings_file(holdings_df, db)
    for option, value in (("--start", start), ("--end", end)):
        arguments += [option, date_text(value, option[2:])] if value is not None else []
    arguments += ["--holdings", holdings] if holdings else []
    if symbols is not None:
        arguments += ["--symbols", ",".join(chosen_symbols(symbols))]
    for key, value in fixed.items():
        arguments += ["--set", f"{key}={setting_text(key, value)}"] if value is not None else []
    return arguments


def sweep_arguments(
    market: list[str],
    param_grid: Mapping[str, Any],
    objective: str,
    where: str | Sequence[str] | None,
    sample: str | None,
    keep: str,
    sweep_id: str | None,
) -> tuple[list[str], str]:
    """The options of ``assay optimize``, and the sweep's id."""
    arguments = ["optimize", *market, *axes(param_grid), "--objective", objective, "--keep", keep]
    for condition in [where] if isinstance(where, str) else where or []:
        arguments += ["--where", condition]
    arguments += ["--sample", sample] if sample else []
    told = [*arguments, *filter(None, [strategy_state(market[0])])]
    strategy = re.sub(r"[^A-Za-z0-9_]+", "_", Path(market[0].partition(":")[2] or market[0]).name)[:60].strip(
        "_"
    )
    name = (
        sweep_id or f"{strategy or 'rule'}-sweep-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]}"
    )
    return [*arguments, "--sweep-id", name], name


def walk_arguments(
    market: list[str],
    param_grid: Mapping[str, Any],
    objective: str,
    train: str | int,
    test: str | int,
    step: str | int | None,
    anchored: bool,
    purge: str | int,
    embargo: str | int,
    run_id: str | None,
    where: str | Sequence[str] | None = None,
    sample: str | None = None,
    positions: str = "flatten",
) -> list[str]:
    """The options of ``assay walkforward``."""
    arguments = [
        "walkforward",
        *market,
        *axes(param_grid),
        "--objective",
        objective,
        "--positions",
        positions,
    ]
    for condition in [where] if isinstance(where, str) else where or []:
        arguments += ["--where", condition]
    arguments += ["--sample", sample] if sample else []
    arguments += [
        "--train",
        str(train),
        "--test",
        str(test),
        "--purge",
        str(purge),
        "--embargo",
        str(embargo),
    ]
    arguments += ["--step", str(step)] if step is not None else []
    arguments += ["--anchored"] if anchored else []
    arguments += ["--run-id", run_id] if run_id else []
    return arguments


# --- reading what is stored ---


def read_sweep(db: str, sweep_id: str, run: Call) -> Sweep:
    """A stored sweep, of all its shards."""
    summary = json.loads(run(["optimize", "--report", sweep_id, "--db", db, "--format", "json"]))
    names = [axis["parameter"] for axis in summary["sensitivity"]]
    return Sweep(sweep_id, db, _read_points(db, sweep_id, names, run), summary)


def _read_points(db: str, sweep_id: str, names: list[str], run: Call) -> pd.DataFrame:
    """Parameters, other values of the axes, and metrics of every point of a sweep; ``point`` is its number."""
    if not sweep_id.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise ArgumentError(f"'{sweep_id}' cannot be the id of a sweep")
    query = (
        "SELECT r.run_id, any_value(r.parameters) AS parameters, any_value(r.config) AS config, "
        "map(list(m.metric), list(m.value))::JSON::VARCHAR AS metrics FROM backtest_runs r JOIN backtest_results m "
        f"ON m.run_id = r.run_id WHERE r.sweep_id = '{sweep_id}' AND r.fold IS NULL GROUP BY r.run_id"
    )
    points = []
    for row in json.loads(run(["sql", query, "--db", db, "--format", "json"])):
        config = json.loads(row["config"])
        settings = {
            k: v for part in config.values() if isinstance(part, dict) for k, v in part.items() if k in names
        }
        values = {**settings, **json.loads(row["parameters"]), **json.loads(row["metrics"])}
        points.append({"point": int(row["run_id"][len(sweep_id) + 1 :]), **values})
    if not points:
        raise AssayError(f"the sweep {sweep_id} has no points")
    return pd.DataFrame(points).sort_values("point", ignore_index=True)


def read_folds(db: str, arguments: list[str], run: Call) -> WalkForward:
    """Runs a walk-forward validation that is not stored yet, and reads its windows."""
    summary = json.loads(run([*arguments, "--format", "json"]))
    return WalkForward(summary["run_id"], db, _folds_frame(summary), summary)


def _folds_frame(summary: dict[str, Any]) -> pd.DataFrame:
    """A row a window: what the program's CSV has."""
    rows = []
    for fold in summary["folds"]:
        row = {k: v for k, v in fold.items() if not isinstance(v, dict)}
        row.update(fold["parameters"] or {})
        for part in ("in_sample", "out_of_sample"):
            row.update({f"{part}_{k}": v for k, v in (fold[part] or {}).items()})
        row.update({f"efficiency_{k}": v for k, v in (fold["efficiency"] or {}).items()})
        rows.append(row)
    frame = pd.DataFrame(rows)
    parts = ("in_sample_", "out_of_sample_", "efficiency_")
    return frame.astype({name: float for name in frame.columns if str(name).startswith(parts)})


# --- the two calls ---


def optimize(
    strategy: str | NativeStrategy,
    param_grid: Mapping[str, Any],
    db: PATH | None = None,
    symbols: Sequence[str] | None = None,
    start: Any = None,
    end: Any = None,
    *,
    objective: str = "sharpe_ratio",
    where: str | Sequence[str] | None = None,
    sample: str | None = None,
    keep: str = "best:10",
    sweep_id: str | None = None,
    holdings_df: pd.DataFrame | None = None,
    threads: int = 0,
    log: Callable[[str], object] | None = None,
    **settings: Any,
) -> Sweep:
    """Tries parameters over a database, on every core; what `assay optimize` does.

    Parameters
    ----------
    strategy : str or NativeStrategy
        Its name, such as ``"momentum"`` or ``"rule:FILE.yaml"``; or an object, whose parameters are then fixed.
    param_grid : dict
        Parameter or setting → values: a list, or a text such as ``"10:60:10"``, ``"log:0.01:0.3:8"`` or, with `sample`,
        ``"5..250"``.
    db : str or path, optional
        The database folder; without it $ASSAY_DB, else "db". The sweep is stored there.
    symbols : sequence of str, optional
        Without it every symbol.
    start, end : date-like, optional
        First and last day.
    objective : str
        A metric of docs/metrics.md; ``"min:METRIC"`` seeks the smallest.
    where : str or sequence of str, optional
        Conditions such as ``"total_trades>=50"``.
    sample : str, optional
        ``"random:2000:1"`` or ``"sobol:2000"``; without it the whole grid.
    keep : str
        Points that are stored with trades and days: ``"best:N"`` or ``"none"``.
    sweep_id : str, optional
        The name to store it under. The same call goes on where an earlier one was stopped (Ctrl-C).
    holdings_df : pandas.DataFrame, optional
        ``sym`` and ``sector``.
    threads : int
        0: every core. The result does not depend on it.
    log : callable, optional
        Gets progress every ten seconds, and messages, such as ``print``.
    **settings
        Settings of docs/settings.md by name, and further parameters of the strategy.

    Returns
    -------
    Sweep
        Its points as a frame, the best, and how much of it is luck.

    Raises
    ------
    ConfigError, NotFoundError, DataError
        As of `run`.
    """
    folder = database(db)
    market = market_arguments(strategy, folder, symbols, start, end, holdings_df, settings)
    arguments, name = sweep_arguments(market, param_grid, objective, where, sample, keep, sweep_id)
    call([*arguments, "--threads", str(threads), "--format", "json"], log)
    return read_sweep(folder, name, call)


def walk_forward(
    strategy: str | NativeStrategy,
    param_grid: Mapping[str, Any],
    db: PATH | None = None,
    symbols: Sequence[str] | None = None,
    start: Any = None,
    end: Any = None,
    *,
    train: str | int = 504,
    test: str | int = 126,
    step: str | int | None = None,
    anchored: bool = False,
    purge: str | int = 0,
    embargo: str | int = 0,
    positions: str = "flatten",
    objective: str = "sharpe_ratio",
    where: str | Sequence[str] | None = None,
    sample: str | None = None,
    run_id: str | None = None,
    holdings_df: pd.DataFrame | None = None,
    threads: int = 0,
    log: Callable[[str], object] | None = None,
    **settings: Any,
) -> WalkForward:
    """Chooses parameters on training windows and trades them on the windows behind; what `assay walkforward` does.

    Parameters
    ----------
    strategy, param_grid, db, symbols, start, end, objective, where, sample, holdings_df, threads, log, **settings
        As of `optimize`.
    train, test, step : int or str
        Bars, or ``"2y"``, ``"6m"``, ``"8w"``, ``"90d"``; step without a value is test.
    anchored : bool
        Every training window begins where the first one does.
    purge, embargo : int or str
        Left out at the end of the training, and behind a test.
    positions : {"flatten", "carry"}
        Each test is a run of its own; or one portfolio goes through all tests.
    run_id : str, optional
        The name of the joined run, which is stored; its folds are ``run_id-fold-1`` and so on.

    Returns
    -------
    WalkForward
        Its windows as a frame, and the metrics of the joined run.
    """
    folder = database(db)
    market = market_arguments(strategy, folder, symbols, start, end, holdings_df, settings)
    arguments = walk_arguments(
        market,
        param_grid,
        objective,
        train,
        test,
        step,
        anchored,
        purge,
        embargo,
        run_id,
        where,
        sample,
        positions,
    )
    return read_folds(folder, [*arguments, "--threads", str(threads)], lambda a: call(a, log))
