"""Prefect flows over Assay: single and several strategies, parameter optimisation, walk-forward validation.

Needs the extra ``prefect``: ``pip install "assay[prefect]"``. Data stay in the database: tasks hand over names and numbers, and
whoever runs one (a thread, a process, a Dask worker) reads the database itself. See docs/flows.md.
"""

from __future__ import annotations

try:
    import prefect as _prefect  # noqa: F401
except ImportError as error:  # pragma: no cover - seen in an environment without it
    raise ImportError('assay.flows needs Prefect: pip install "assay[prefect]"') from error

from ._flows import (
    backtest_multiple_strategies_flow,
    backtest_quick_wins_flow,
    backtest_single_strategy_flow,
    parameter_optimization_flow,
    walk_forward_validation_flow,
)
from ._tasks import (
    cache_key,
    data_state,
    load_backtest_data_task,
    report_task,
    run_backtest_task,
    run_shard_task,
    save_backtest_results_task,
    sectors_of,
)

__all__ = [
    "backtest_multiple_strategies_flow",
    "backtest_quick_wins_flow",
    "backtest_single_strategy_flow",
    "cache_key",
    "data_state",
    "load_backtest_data_task",
    "parameter_optimization_flow",
    "report_task",
    "run_backtest_task",
    "run_shard_task",
    "save_backtest_results_task",
    "sectors_of",
    "walk_forward_validation_flow",
]
