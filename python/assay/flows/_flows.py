"""The flows."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from .._errors import ConfigError
from ._command import programs_of_flow
from ._tasks import (
    database,
    is_stored,
    read_sweep_task,
    report_task,
    require_sectors,
    run_backtest_task,
    run_shard_task,
    strategy_name,
    walk_forward_task,
)

_HEADLINES = ["total_return_pct", "sharpe_ratio", "max_drawdown_pct", "total_trades", "win_rate_pct"]


def _period(start_date: str | None, end_date: str | None) -> tuple[str, str]:
    """A year up to today, where nothing is said."""
    today = pd.Timestamp.today()
    return start_date or str((today - pd.Timedelta(days=365)).date()), end_date or str(today.date())


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
    symbols: list[str] | None,
    start_date: str | None,
    end_date: str | None,
    db: str | None,
    holdings_df: pd.DataFrame | None,
    settings: dict[str, Any] | None,
    reports: str | None,
) -> dict[str, dict[str, Any]]:
    """Runs strategies in parallel: name in the result → (strategy, parameters)."""
    folder = database(db)
    logger = get_run_logger()
    require_sectors(folder, [strategy for strategy, _ in wanted.values()], symbols, holdings_df)
    data: dict[str, Any] = {
        "db": folder,
        "symbols": symbols,
        "start_date": start_date,
        "end_date": end_date,
        "holdings_df": holdings_df,
        "settings": settings,
    }
    running = {name: run_backtest_task.submit(*what, **data) for name, what in wanted.items()}
    results = {name: future.result() for name, future in running.items()}
    for name, future in running.items():
        # What comes from the cache may have been deleted since from the database.
        if future.state.name == "Cached" and not is_stored(folder, results[name]["run_id"]):
            anew = run_backtest_task.with_options(refresh_cache=True)
            results[name] = anew.submit(*wanted[name], **data).result()
    tearsheets: dict[str, str] = {}
    if reports is not None:
        Path(reports).mkdir(parents=True, exist_ok=True)
        written = {
            name: report_task.submit([r["run_id"]], db=folder, out=str(Path(reports) / f"{r['run_id']}.html"))
            for name, r in results.items()
        }
        with programs_of_flow():
            tearsheets = {name: future.result() for name, future in written.items()}
        for name, path in tearsheets.items():
            logger.info("tearsheet of %s: %s", name, path)
    _summarise(key, results, tearsheets)
    return results


@flow(name="backtest_quick_wins_strategies", persist_result=False)
def backtest_quick_wins_flow(
    symbols: list[str],
    start_date: str | None = None,
    end_date: str | None = None,
    strategies: list[str] | None = None,
    *,
    db: str | None = None,
    holdings_df: pd.DataFrame | None = None,
    settings: dict[str, Any] | None = None,
    reports: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Backtests the four built-in strategies, each with its defaults and a portfolio of its own.

    Parameters
    ----------
    symbols : list of str
        What to trade.
    start_date, end_date : str, optional
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
    symbols: list[str] | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    parameters: dict[str, Any] | None = None,
    *,
    db: str | None = None,
    holdings_df: pd.DataFrame | None = None,
    settings: dict[str, Any] | None = None,
    reports: str | None = None,
) -> dict[str, Any]:
    """Backtests one strategy.

    Parameters
    ----------
    strategy : str
        Its name.
    symbols : list of str, optional
        Without it every symbol of the database.
    start_date, end_date : str, optional
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
    strategies: list[str] | dict[str, dict[str, Any]],
    symbols: list[str] | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    *,
    db: str | None = None,
    holdings_df: pd.DataFrame | None = None,
    settings: dict[str, Any] | None = None,
    reports: str | None = None,
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
        wanted = {
            name: (strategy_name(what.get("strategy", name)), what.get("parameters", {}))
            for name, what in strategies.items()
        }
    else:
        wanted = {name: (strategy_name(name), {}) for name in strategies}
    return _run_all("several", wanted, symbols, start_date, end_date, db, holdings_df, settings, reports)


# --- sweeps and walk-forward ---


def _axes(param_grid: dict[str, Any]) -> list[str]:
    """``{"lookback": [10, 20]}`` or ``{"lookback": "10:60:10"}`` as options of the program."""
    if not param_grid:
        raise ConfigError('param_grid is empty: {"lookback": [10, 20, 40]}, for example')
    axes = []
    for name, values in param_grid.items():
        text = (
            values
            if isinstance(values, str)
            else ",".join(str(v).lower() if isinstance(v, bool) else str(v) for v in values)
        )
        axes += ["--axis", f"{name}={text}"]
    return axes


def _common(
    strategy: str,
    symbols: list[str] | None,
    start_date: str | None,
    end_date: str | None,
    db: str,
    holdings: str | None,
    settings: dict[str, Any] | None,
) -> list[str]:
    arguments = [strategy_name(strategy), "--db", db]
    for option, value in (("--start", start_date), ("--end", end_date), ("--holdings", holdings)):
        arguments += [option, value] if value else []
    if symbols:
        arguments += ["--symbols", ",".join(symbols)]
    for key, value in (settings or {}).items():
        arguments += ["--set", f"{key}={str(value).lower() if isinstance(value, bool) else value}"]
    return arguments


def _holdings_file(holdings_df: pd.DataFrame | None, db: str) -> str | None:
    """Where shards on other machines can read it: beside the database's tables, named by its content."""
    if holdings_df is None:
        return None
    text = holdings_df[["sym", "sector"] if "sector" in holdings_df else ["sym"]].to_csv(index=False)
    path = Path(db) / "_holdings" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.csv"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False) as part:
            part.write(text)
        Path(part.name).rename(path)
    return str(path)


@flow(name="parameter_optimization", persist_result=False)
def parameter_optimization_flow(
    strategy: str,
    param_grid: dict[str, Any],
    symbols: list[str] | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    *,
    objective: str = "sharpe_ratio",
    where: list[str] | None = None,
    sample: str | None = None,
    shards: int = 1,
    keep: str = "best:10",
    db: str | None = None,
    holdings_df: pd.DataFrame | None = None,
    settings: dict[str, Any] | None = None,
    sweep_id: str | None = None,
    threads: int = 0,
    reports: str | None = None,
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
    arguments = [
        "optimize",
        *_common(
            strategy, symbols, start_date, end_date, folder, _holdings_file(holdings_df, folder), settings
        ),
    ]
    arguments += [*_axes(param_grid), "--objective", objective, "--keep", keep]
    for condition in where or []:
        arguments += ["--where", condition]
    arguments += ["--sample", sample] if sample else []
    name = (
        sweep_id
        or f"{strategy_name(strategy)}-sweep-{hashlib.sha256(json.dumps(arguments).encode()).hexdigest()[:12]}"
    )
    arguments += ["--sweep-id", name]
    running = [
        run_shard_task.submit(arguments, shard=k + 1, n_shards=shards, threads=threads)
        for k in range(max(1, shards))
    ]
    with programs_of_flow():
        for future in running:
            future.result()
    summary, frame = read_sweep_task.submit(folder, name).result()
    if not summary["best"]:
        raise ConfigError(f"no point of the sweep {name} meets the conditions")
    best = summary["best"][0]
    luck = summary["overfitting"]
    create_markdown_artifact(
        f"Best of {summary['n_tried']:,} points of `{name}`: "
        + ", ".join(f"{k} {v}" for k, v in best["parameters"].items())
        + f"; {objective} {best['metrics'][objective.split(':')[-1]]:.4f}.\n\nDeflated Sharpe ratio: {luck['deflated_sharpe']}.",
        key="sweep-summary",
        description="The best point, and how much of it is luck",
    )
    if reports is not None:
        Path(reports).mkdir(parents=True, exist_ok=True)
        path = report_task.submit([name], db=folder, out=str(Path(reports) / f"{name}.html")).result()
        create_link_artifact(Path(path).as_uri(), link_text="Heatmaps and sensitivity", key="sweep-tearsheet")
    return dict(best["parameters"]), frame


@flow(name="walk_forward_validation", persist_result=False)
def walk_forward_validation_flow(
    strategy: str,
    param_grid: dict[str, Any],
    symbols: list[str] | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    *,
    train: str | int = 504,
    test: str | int = 126,
    step: str | int | None = None,
    anchored: bool = False,
    purge: str | int = 0,
    embargo: str | int = 0,
    objective: str = "sharpe_ratio",
    db: str | None = None,
    holdings_df: pd.DataFrame | None = None,
    settings: dict[str, Any] | None = None,
    run_id: str | None = None,
) -> pd.DataFrame:
    """Chooses parameters on training windows and trades them on the windows behind.

    Parameters
    ----------
    strategy, param_grid, symbols, start_date, end_date, objective, db, holdings_df, settings
        As in `parameter_optimization_flow`.
    train, test, step : int or str
        Bars, or ``"2y"``, ``"6m"``, ``"8w"``, ``"90d"``; step without a value is test.
    anchored : bool
        Every training window begins where the first one does.
    purge, embargo : int or str
        Left out at the end of the training, and behind a test.
    run_id : str, optional
        The name of the joined run; its folds are ``run_id-fold-1`` and so on.

    Returns
    -------
    DataFrame
        A row a window: its dates, the chosen parameters, ``in_sample_*`` and ``out_of_sample_*`` metrics.
    """
    folder = database(db)
    require_sectors(folder, [strategy], symbols, holdings_df)
    arguments = [
        "walkforward",
        *_common(
            strategy, symbols, start_date, end_date, folder, _holdings_file(holdings_df, folder), settings
        ),
    ]
    arguments += [*_axes(param_grid), "--objective", objective, "--train", str(train), "--test", str(test)]
    arguments += ["--purge", str(purge), "--embargo", str(embargo)]
    arguments += ["--step", str(step)] if step is not None else []
    arguments += ["--anchored"] if anchored else []
    arguments += ["--run-id", run_id] if run_id else []
    with programs_of_flow():
        folds = walk_forward_task.submit(arguments).result()
    frame = pd.read_csv(io.StringIO(folds))
    metric = objective.split(":")[-1]
    inside, outside = f"in_sample_{metric}", f"out_of_sample_{metric}"
    create_markdown_artifact(
        f"{len(frame)} windows; {metric} in sample {frame[inside].mean():.4f}, out of sample {frame[outside].mean():.4f} on average.",
        key="walk-forward-summary",
        description="What the choice kept of its promise",
    )
    return frame
