"""The flows.

A server that runs a deployment loads this file by its path, as a script: imports are absolute, and annotations are objects,
which Prefect checks parameters by.
"""

import datetime
from pathlib import Path
from typing import Any, Optional, Union

import pandas as pd
from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from assay._engine import date_text
from assay._errors import ConfigError, StorageError
from assay._inputs import chosen_symbols
from assay._research import database, market_arguments, strategy_name, sweep_arguments, walk_arguments
from assay.flows._command import programs_of_flow, result_of
from assay.flows._tasks import (
    is_stored,
    read_sweep_task,
    report_task,
    require_sectors,
    run_backtest_task,
    run_shard_task,
    walk_forward_task,
)

Date = Optional[Union[str, datetime.date, datetime.datetime]]
_HEADLINES = ["total_return_pct", "sharpe_ratio", "max_drawdown_pct", "total_trades", "win_rate_pct"]


def _period(start_date: Date, end_date: Date) -> tuple[str, str]:
    """A year up to today, where nothing is said."""
    today = pd.Timestamp.today()
    start = (
        str((today - pd.Timedelta(days=365)).date())
        if start_date is None
        else date_text(start_date, "start_date")
    )
    return start, str(today.date()) if end_date is None else date_text(end_date, "end_date")


def _summarise(key: str, results: dict[str, dict[str, Any]], tearsheets: dict[str, str]) -> None:
    """Artifacts of the flow's run: a summary, a table of metrics, a link to each tearsheet."""
    lines = [
        "| strategy | return % | Sharpe | drawdown % | trades | won % | run |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for name, result in results.items():
        m = [result["metrics"].get(k) for k in _HEADLINES]
        cells = [
            "–" if v is None or v != v else f"{v:,.2f}" if i != 3 else f"{v:,.0f}" for i, v in enumerate(m)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | `{result['run_id']}` |")
    create_markdown_artifact(
        "\n".join(lines), key=f"{key}-summary", description="What the strategies brought"
    )
    names = sorted({m for r in results.values() for m in r["metrics"]})
    table = [
        {"metric": m, **{s: _json_number(r["metrics"].get(m)) for s, r in results.items()}} for m in names
    ]
    create_table_artifact(table, key=f"{key}-metrics", description="All metrics")
    for name, path in tearsheets.items():
        create_link_artifact(
            Path(path).as_uri(), link_text=f"Tearsheet of {name}", key=f"{key}-tearsheet-{_key(name)}"
        )


def _make_folder(path: str) -> None:
    """Before anything runs: tearsheets that cannot be written are better known early."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"reports: the folder {path} cannot be made: {error.strerror}") from error


def _report(name: str, db: str, folder: str, text: str, key: str) -> None:
    """Writes the tearsheet of a sweep or walk-forward, and an artifact that leads there."""
    with programs_of_flow():
        path = result_of(report_task.submit([name], db=db, out=str(Path(folder) / f"{name}.html")))
    create_link_artifact(Path(path).as_uri(), link_text=text, key=key)


def _json_number(value: Any) -> Any:
    return (
        None
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf")))
        else value
    )


def _key(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") or "run"


def _run_all(
    key: str,
    wanted: dict[str, tuple[str, dict[str, Any]]],
    symbols: Optional[list[str]],
    start_date: Date,
    end_date: Date,
    db: Optional[str],
    holdings_df: Optional[pd.DataFrame],
    settings: Optional[dict[str, Any]],
    reports: Optional[str],
) -> dict[str, dict[str, Any]]:
    """Runs strategies in parallel: name in the result → (strategy, parameters)."""
    folder = database(db)
    logger = get_run_logger()
    if symbols is not None:
        symbols = chosen_symbols(symbols)
    if not wanted:
        raise ConfigError("there is no strategy: give the names of some")
    if reports is not None:
        _make_folder(reports)
    require_sectors(folder, [strategy for strategy, _ in wanted.values()], symbols, holdings_df)
    data: dict[str, Any] = {
        "db": folder,
        "symbols": symbols,
        "start_date": None if start_date is None else date_text(start_date, "start_date"),
        "end_date": None if end_date is None else date_text(end_date, "end_date"),
        "holdings_df": holdings_df,
        "settings": settings,
    }
    running = {name: run_backtest_task.submit(*what, **data) for name, what in wanted.items()}
    results = {name: result_of(future) for name, future in running.items()}
    for name, future in running.items():
        # What comes from the cache may have been deleted since from the database.
        if future.state.name == "Cached" and not is_stored(folder, results[name]["run_id"]):
            anew = run_backtest_task.with_options(refresh_cache=True)
            results[name] = result_of(anew.submit(*wanted[name], **data))
    tearsheets: dict[str, str] = {}
    if reports is not None:
        with programs_of_flow():
            written = {
                name: report_task.submit(
                    [r["run_id"]], db=folder, out=str(Path(reports) / f"{r['run_id']}.html")
                )
                for name, r in results.items()
            }
            tearsheets = {name: result_of(future) for name, future in written.items()}
        for name, path in tearsheets.items():
            logger.info("tearsheet of %s: %s", name, path)
    _summarise(key, results, tearsheets)
    return results


@flow(name="backtest_quick_wins_strategies", persist_result=False)
def backtest_quick_wins_flow(
    symbols: list[str],
    start_date: Date = None,
    end_date: Date = None,
    strategies: Optional[list[str]] = None,
    *,
    db: Optional[str] = None,
    holdings_df: Optional[pd.DataFrame] = None,
    settings: Optional[dict[str, Any]] = None,
    reports: Optional[str] = None,
) -> dict[str, dict[str, Any]]:
    """Backtests the four built-in strategies, each with its defaults and a portfolio of its own.

    Parameters
    ----------
    symbols : list of str
        What to trade.
    start_date, end_date : str or date, optional
        ``YYYY-MM-DD``; without them a year up to today.
    strategies : list of str, optional
        Of momentum, mean_reversion, sector_rotation, beta (or portfolio_beta); without it all four.
    db : str, optional
        The database folder; without it ``$ASSAY_DB``, else ``db``.
    holdings_df : DataFrame, optional
        ``sym`` and ``sector``; without it sectors are those of the database.
    settings : dict, optional
        Settings of the engine, such as ``{"commission_pct": 0.0005}``.
    reports : str, optional
        A folder for tearsheets.

    Returns
    -------
    dict
        The results of each strategy under its name: equity_curve, trades, portfolio_history, metrics, parameters, run_id,
        data_fingerprint.

    Raises
    ------
    ConfigError
        Before anything runs: an unknown strategy; sector_rotation without sectors.
    """
    known = ["momentum", "mean_reversion", "sector_rotation", "beta", "portfolio_beta"]
    names = ["momentum", "mean_reversion", "sector_rotation", "beta"] if strategies is None else strategies
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown strategy '{name}': this flow knows {', '.join(known)}")
    start, end = _period(start_date, end_date)
    wanted: dict[str, tuple[str, dict[str, Any]]] = {name: (strategy_name(name), {}) for name in names}
    return _run_all("quick-wins", wanted, symbols, start, end, db, holdings_df, settings, reports)


@flow(name="backtest_single_strategy", persist_result=False)
def backtest_single_strategy_flow(
    strategy: str,
    symbols: Optional[list[str]] = None,
    start_date: Date = None,
    end_date: Date = None,
    parameters: Optional[dict[str, Any]] = None,
    *,
    db: Optional[str] = None,
    holdings_df: Optional[pd.DataFrame] = None,
    settings: Optional[dict[str, Any]] = None,
    reports: Optional[str] = None,
) -> dict[str, Any]:
    """Backtests one strategy.

    Parameters
    ----------
    strategy : str
        Its name.
    symbols : list of str, optional
        Without it every symbol of the database.
    start_date, end_date : str or date, optional
        Without them all that there is.
    parameters : dict, optional
        Of the strategy.
    db, holdings_df, settings, reports
        As in `backtest_quick_wins_flow`.

    Returns
    -------
    dict
        Its results.
    """
    wanted = {strategy: (strategy_name(strategy), parameters or {})}
    return _run_all("single", wanted, symbols, start_date, end_date, db, holdings_df, settings, reports)[
        strategy
    ]


@flow(name="backtest_multiple_strategies", persist_result=False)
def backtest_multiple_strategies_flow(
    strategies: Union[list[str], dict[str, dict[str, Any]]],
    symbols: Optional[list[str]] = None,
    start_date: Date = None,
    end_date: Date = None,
    *,
    db: Optional[str] = None,
    holdings_df: Optional[pd.DataFrame] = None,
    settings: Optional[dict[str, Any]] = None,
    reports: Optional[str] = None,
) -> dict[str, dict[str, Any]]:
    """Backtests several strategies in parallel, a portfolio each.

    Parameters
    ----------
    strategies : list of str, or dict
        Names; or a name of one's own → ``{"strategy": name, "parameters": {...}}``, so that one strategy can run with several
        parameters. In a dictionary ``strategy`` may be left out where the key is the name.
    symbols, start_date, end_date, db, holdings_df, settings, reports
        As in `backtest_single_strategy_flow`.

    Returns
    -------
    dict
        The results under the names.
    """
    if isinstance(strategies, dict):
        for name, what in strategies.items():
            unknown = set(what) - {"strategy", "parameters"}
            if unknown:
                raise ConfigError(
                    f"strategies: '{name}' has the key '{min(unknown)}'; it can have strategy and parameters "
                    '({"strategy": "momentum", "parameters": {"lookback": 20}})'
                )
        wanted = {
            name: (strategy_name(what.get("strategy", name)), what.get("parameters") or {})
            for name, what in strategies.items()
        }
    else:
        twice = [name for name in strategies if strategies.count(name) > 1]
        if twice:
            raise ConfigError(
                f'strategies: \'{twice[0]}\' stands there twice; {{"name": {{"strategy": ...}}}} tells them apart'
            )
        wanted = {name: (strategy_name(name), {}) for name in strategies}
    return _run_all("several", wanted, symbols, start_date, end_date, db, holdings_df, settings, reports)


# --- sweeps and walk-forward ---


@flow(name="parameter_optimization", persist_result=False)
def parameter_optimization_flow(
    strategy: str,
    param_grid: dict[str, Any],
    symbols: Optional[list[str]] = None,
    start_date: Date = None,
    end_date: Date = None,
    *,
    objective: str = "sharpe_ratio",
    where: Optional[list[str]] = None,
    sample: Optional[str] = None,
    shards: int = 1,
    keep: str = "best:10",
    db: Optional[str] = None,
    holdings_df: Optional[pd.DataFrame] = None,
    settings: Optional[dict[str, Any]] = None,
    sweep_id: Optional[str] = None,
    threads: int = 0,
    reports: Optional[str] = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Searches parameters: a sweep, cut into shards that run wherever the flow's task runner has workers.

    Parameters
    ----------
    strategy : str
        Its name.
    param_grid : dict
        Parameter or setting → values: a list, or a text such as ``"10:60:10"``, ``"log:0.01:0.3:8"`` or, with `sample`,
        ``"5..250"``.
    symbols, start_date, end_date, db, holdings_df, settings
        As in `backtest_single_strategy_flow`.
    objective : str
        A metric; ``"min:METRIC"`` seeks the smallest.
    where : list of str, optional
        Conditions such as ``"total_trades>=50"``.
    sample : str, optional
        ``"random:2000:1"`` or ``"sobol:2000"``; without it the whole grid.
    shards : int
        Into how many tasks the points are split. The result does not depend on it.
    keep : str
        Points that are stored with trades and days.
    sweep_id : str, optional
        The name to store it under; the same call goes on where an earlier one was stopped.
    threads : int
        Of each shard; 0: every core of its worker.
    reports : str, optional
        A folder for the sweep's tearsheet.

    Returns
    -------
    best : dict
        The best point's values of the axes.
    frame : DataFrame
        A row a point: ``point``, the strategy's parameters, and metrics.
    """
    folder = database(db)
    require_sectors(folder, [strategy], symbols, holdings_df)
    market = market_arguments(strategy, folder, symbols, start_date, end_date, holdings_df, settings)
    if reports is not None:
        _make_folder(reports)
    arguments, name = sweep_arguments(market, param_grid, objective, where, sample, keep, sweep_id)
    with programs_of_flow():
        running = [
            run_shard_task.submit(arguments, shard=k + 1, n_shards=shards, threads=threads)
            for k in range(max(1, shards))
        ]
        for future in running:
            result_of(future)
    sweep = result_of(read_sweep_task.submit(folder, name))
    best = ", ".join(f"{k} {v}" for k, v in sweep.best.items())
    create_markdown_artifact(
        f"Best of {sweep.summary['n_tried']:,} points of `{name}`: {best}; {objective} "
        f"{sweep.best_metrics[objective.split(':')[-1]]:.4f}.\n\nDeflated Sharpe ratio: "
        f"{sweep.overfitting['deflated_sharpe']}.",
        key="sweep-summary",
        description="The best point, and how much of it is luck",
    )
    if reports is not None:
        _report(name, folder, reports, "Heatmaps and sensitivity", "sweep-tearsheet")
    return sweep.best, sweep.points


@flow(name="walk_forward_validation", persist_result=False)
def walk_forward_validation_flow(
    strategy: str,
    param_grid: dict[str, Any],
    symbols: Optional[list[str]] = None,
    start_date: Date = None,
    end_date: Date = None,
    *,
    train: Union[str, int] = 504,
    test: Union[str, int] = 126,
    step: Optional[Union[str, int]] = None,
    anchored: bool = False,
    purge: Union[str, int] = 0,
    embargo: Union[str, int] = 0,
    positions: str = "flatten",
    objective: str = "sharpe_ratio",
    where: Optional[list[str]] = None,
    sample: Optional[str] = None,
    db: Optional[str] = None,
    holdings_df: Optional[pd.DataFrame] = None,
    settings: Optional[dict[str, Any]] = None,
    run_id: Optional[str] = None,
    threads: int = 0,
    reports: Optional[str] = None,
) -> pd.DataFrame:
    """Chooses parameters on training windows and trades them on the windows behind.

    Parameters
    ----------
    strategy, param_grid, symbols, start_date, end_date, objective, where, sample, db, holdings_df, settings
        As in `parameter_optimization_flow`.
    train, test, step : int or str
        Bars, or ``"2y"``, ``"6m"``, ``"8w"``, ``"90d"``; step without a value is test.
    anchored : bool
        Every training window begins where the first one does.
    purge, embargo : int or str
        Left out at the end of the training, and behind a test.
    positions : {"flatten", "carry"}
        Each test is a run of its own; or one portfolio goes through all tests.
    run_id : str, optional
        The name of the joined run; its folds are ``run_id-fold-1`` and so on.
    threads : int
        0: every core.
    reports : str, optional
        A folder for the tearsheet of the joined run.

    Returns
    -------
    DataFrame
        A row a window: its dates, the chosen parameters, ``in_sample_*`` and ``out_of_sample_*`` metrics.
    """
    folder = database(db)
    require_sectors(folder, [strategy], symbols, holdings_df)
    if reports is not None:
        _make_folder(reports)
    market = market_arguments(strategy, folder, symbols, start_date, end_date, holdings_df, settings)
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
    arguments += ["--threads", str(threads)]
    with programs_of_flow():
        walk = result_of(walk_forward_task.submit(arguments, db=folder))
    frame = walk.folds
    metric = objective.split(":")[-1]
    inside, outside = f"in_sample_{metric}", f"out_of_sample_{metric}"
    create_markdown_artifact(
        f"{len(frame)} windows; {metric} in sample {frame[inside].mean():.4f}, out of sample {frame[outside].mean():.4f} on average.",
        key="walk-forward-summary",
        description="What the choice kept of its promise",
    )
    if reports is not None:
        _report(walk.run_id, folder, reports, "Windows and out-of-sample equity", "walk-forward-tearsheet")
    return frame
