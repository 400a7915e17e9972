"""What flows are made of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import get_run_logger, task

from .. import __version__
from .._database import ParquetDB
from .._engine import run
from .._errors import (
    ArgumentError,
    CancelledError,
    ConfigError,
    DataError,
    InternalError,
    NotFoundError,
    StrategyError,
)
from .._inputs import sectors_of as sectors_of_table
from .._loader import BacktestDataLoader
from .._process import program
from .._research import Sweep, WalkForward, database, read_folds, read_sweep, strategy_name, strategy_state
from .._strategies import strategy as make_strategy
from ._command import call

# What a run reads. Results are not among them: storing a run changes no data.
_INPUTS = (
    "prices",
    "corporate_actions",
    "technical_analysis",
    "fundamental_analysis",
    "delistings",
    "universe",
    "symbol_changes",
)
_NO_POINTS = "so this shard has none"  # more shards than points: nothing to do, and no mistake
#: Trying again helps where a disk or a network failed, not where a setting is wrong.
_LASTING = (
    ArgumentError,
    CancelledError,
    ConfigError,
    DataError,
    InternalError,
    NotFoundError,
    StrategyError,
)


def data_state(db: str | Path) -> str:
    """What says that the data of a database have changed.

    Parameters
    ----------
    db : str or Path
        The database folder.

    Returns
    -------
    str
        A digest of the names, sizes and times of change of all files that a run can read. A file that was written anew counts
        as changed, whatever is in it.
    """
    digest = hashlib.sha256()
    root = Path(db)
    files = [root / "holdings.csv"] + [f for table in _INPUTS for f in sorted((root / table).rglob("*"))]
    for file in files:
        if file.is_file():
            at = file.stat()
            digest.update(f"{file.relative_to(root)} {at.st_size} {at.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def is_stored(db: str, run_id: str) -> bool:
    """Whether a database still has a run."""
    try:
        program("show", run_id, "--db", db, "--format", "json")
    except NotFoundError:
        return False
    return True


def cache_key(context: Any, arguments: dict[str, Any]) -> str:
    """Prefect's cache key of a task: version, data, the strategy's file and configuration.

    Parameters
    ----------
    context : prefect.context.TaskRunContext
        Of the task; its name is a part of the key.
    arguments : dict
        The task's arguments, of which ``db`` names the database.

    Returns
    -------
    str
        Equal where a run would give the same bytes.
    """
    what = {k: v for k, v in arguments.items() if k != "db"}
    frames = {k: v.to_json(orient="split") for k, v in what.items() if isinstance(v, pd.DataFrame)}
    text = json.dumps({**what, **frames}, sort_keys=True, default=str)
    state = (data_state(arguments["db"]), strategy_state(str(arguments.get("strategy", ""))))
    parts = (context.task.name, __version__, *state, str(arguments["db"]), text)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def can_try_again(task: Any, task_run: Any, state: Any) -> bool:
    """Whether Prefect may retry: not after a mistake in the configuration or the data."""
    try:
        state.result()
    except _LASTING:
        return False
    except Exception:
        return True
    return False


def sectors_of(
    db: str | Path, symbols: list[str] | None, holdings_df: pd.DataFrame | None = None
) -> dict[str, str]:
    """Real sectors by symbol.

    Parameters
    ----------
    db : str or Path
        The database folder.
    symbols : list of str or None
        Those that are wanted; None: all that are known.
    holdings_df : DataFrame, optional
        ``sym`` and ``sector``; goes before everything else.

    Returns
    -------
    dict
        Sector by symbol: of `holdings_df`, else of the database's ``holdings.csv``, else of its table fundamental_analysis (the
        newest row of each symbol). Empty where nobody knows one.
    """
    if holdings_df is not None and sectors_of_table(holdings_df):
        found = sectors_of_table(holdings_df)
        return {s: found[s] for s in symbols if s in found} if symbols is not None else found
    if (Path(db) / "holdings.csv").is_file():
        frame = pd.read_csv(Path(db) / "holdings.csv")[["sym", "sector"]]
    elif any((Path(db) / "fundamental_analysis").rglob("*.parquet")):
        rows = ParquetDB(db).read_table("fundamental_analysis")
        if "sector" not in rows:
            return {}
        rows = rows.reset_index() if "timestamp" not in rows else rows
        frame = rows.sort_values("timestamp").groupby("symbol", as_index=False).last()[["symbol", "sector"]]
        frame = frame.rename(columns={"symbol": "sym"})
    else:
        return {}
    frame = frame.dropna()
    found = dict(zip(frame["sym"].astype(str), frame["sector"].astype(str)))
    return {s: found[s] for s in symbols if s in found} if symbols is not None else found


def require_sectors(
    db: str, strategies: list[str], symbols: list[str] | None, holdings_df: pd.DataFrame | None
) -> None:
    """Raises ConfigError, before anything runs, where sector_rotation is asked for and sectors are not known."""
    if "sector_rotation" not in [strategy_name(s) for s in strategies]:
        return
    sectors = sectors_of(db, symbols, holdings_df)
    missing = [s for s in symbols or [] if s not in sectors]
    if not sectors or missing:
        raise ConfigError(
            "sector_rotation needs the sectors of its symbols; "
            + (f"there is none for {', '.join(missing[:10])}" if missing else "the database has none")
            + ". Give holdings_df with the columns sym and sector, put a holdings.csv with them into the database, or fill "
            "fundamental_analysis.sector"
        )


_RETRIES: dict[str, Any] = {"retries": 2, "retry_delay_seconds": [1, 10], "retry_condition_fn": can_try_again}


@task(name="load_backtest_data", **_RETRIES)
def load_backtest_data_task(
    symbols: list[str], start_date: str, end_date: str, db: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Loads prices, technicals and fundamentals as frames, for flows of one's own that want them.

    Parameters
    ----------
    symbols : list of str
        Which symbols.
    start_date, end_date : str
        First and last day, ``YYYY-MM-DD``.
    db : str, optional
        The database folder.

    Returns
    -------
    tuple of DataFrame
        prices, technical, fundamental.
    """
    loader = BacktestDataLoader(database(db))
    return loader.load_backtest_data(symbols=symbols, start_date=start_date, end_date=end_date)


@task(
    name="run_backtest",
    task_run_name="run {strategy}",
    cache_key_fn=cache_key,
    persist_result=True,
    **_RETRIES,
)
def run_backtest_task(
    strategy: str,
    parameters: dict[str, Any] | None = None,
    *,
    db: str,
    symbols: list[str] | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    holdings_df: pd.DataFrame | None = None,
    settings: dict[str, Any] | None = None,
    run_id: str | None = None,
) -> dict[str, Any]:
    """One backtest over a database, which it reads by itself, and stores there.

    Parameters
    ----------
    strategy : str
        Its name, such as ``"momentum"``.
    parameters : dict, optional
        Of the strategy.
    db : str
        The database folder.
    symbols, start_date, end_date, holdings_df, settings
        As `assay.run` has them; settings by their names in docs/settings.md.
    run_id : str, optional
        The name to store it under; without it the strategy and a digest of data and configuration.

    Returns
    -------
    dict
        equity_curve, trades, portfolio_history, metrics, parameters, and run_id and data_fingerprint.
    """
    logger = get_run_logger()
    result = run(
        make_strategy(strategy_name(strategy), **(parameters or {})),
        db=db,
        symbols=symbols,
        start=start_date,
        end=end_date,
        holdings_df=holdings_df,
        **(settings or {}),
    )
    stored = result.save(db, run_id) if run_id else result.save(db)
    metrics = result["metrics"]
    logger.info(
        "%s: return %.2f %%, Sharpe %.2f, drawdown %.2f %%, %d trades; stored as %s",
        strategy,
        metrics["total_return_pct"],
        metrics["sharpe_ratio"],
        metrics["max_drawdown_pct"],
        metrics["total_trades"],
        stored,
    )
    return {**dict(result), "run_id": stored, "data_fingerprint": result.data_fingerprint}


@task(name="save_backtest_results", **_RETRIES)
def save_backtest_results_task(
    backtest_results: dict[str, Any], strategy_name: str, run_id: str, db: str | None = None
) -> str:
    """Writes the brief tables of results that a flow of one's own has, as the users' own writers do.

    Parameters
    ----------
    backtest_results : dict
        With metrics, trades and portfolio_history.
    strategy_name, run_id : str
        What to store it as.
    db : str, optional
        The database folder.

    Returns
    -------
    str
        `run_id`.
    """
    metrics = backtest_results["metrics"]
    names = [
        "total_return_pct",
        "sharpe_ratio",
        "sortino_ratio",
        "max_drawdown_pct",
        "total_trades",
        "win_rate_pct",
        "profit_factor",
    ]
    row = {
        "run_id": run_id,
        "strategy": strategy_name,
        "timestamp": pd.Timestamp.now("UTC").tz_localize(None).floor("us"),
        "initial_capital": float(backtest_results["equity_curve"][0]),
        **{name: metrics.get(name) for name in names},
    }
    store = ParquetDB(database(db))
    store.upsert_backtest_runs(pd.DataFrame([row]))
    for records, upsert in (
        ("trades", store.upsert_backtest_trades),
        ("portfolio_history", store.upsert_backtest_metrics),
    ):
        rows = pd.DataFrame([vars(record) for record in backtest_results[records]])
        if len(rows):
            rows.insert(0, "run_id", run_id)
            upsert(rows)
    return run_id


@task(name="report", **_RETRIES)
def report_task(run_ids: list[str], *, db: str, out: str) -> str:
    """Writes the tearsheet of one run, or a comparison of several.

    Parameters
    ----------
    run_ids : list of str
        Stored runs, or one sweep.
    db : str
        The database folder.
    out : str
        The HTML file.

    Returns
    -------
    str
        Its absolute path.
    """
    call(["report", *run_ids, "--db", db, "--out", out, "--quiet"], get_run_logger())
    return str(Path(out).absolute())


@task(name="run_sweep_shard", task_run_name="shard {shard} of {n_shards}", **_RETRIES)
def run_shard_task(arguments: list[str], *, shard: int, n_shards: int, threads: int = 0) -> str:
    """Runs one part of a sweep: reads the database, writes its own part of the tables.

    Parameters
    ----------
    arguments : list of str
        Of `assay optimize`, with ``--sweep-id``.
    shard, n_shards : int
        From 1. Which points a shard has depends on nothing else; what an earlier try of it finished is kept. Of few points the last
        shards may have none.
    threads : int
        0: every core.

    Returns
    -------
    str
        The sweep's id.
    """
    part = ["--shard", f"{shard}/{n_shards}"] if n_shards > 1 else []
    try:
        call([*arguments, *part, "--threads", str(threads), "--format", "json"], get_run_logger())
    except ConfigError as error:
        if _NO_POINTS not in str(error):
            raise
    return arguments[arguments.index("--sweep-id") + 1]


@task(name="walk_forward", **_RETRIES)
def walk_forward_task(arguments: list[str], *, db: str) -> WalkForward:
    """Runs `assay walkforward`; returns its windows."""
    logger = get_run_logger()
    return read_folds(db, arguments, lambda a: call(a, logger))


@task(name="read_sweep", **_RETRIES)
def read_sweep_task(db: str, sweep_id: str) -> Sweep:
    """A stored sweep, of all its shards."""
    logger = get_run_logger()
    return read_sweep(db, sweep_id, lambda a: call(a, logger))
