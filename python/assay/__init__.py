"""Assay: a portfolio backtesting engine.

`BacktestEngine` runs strategies over data frames and databases, in C; `BaseStrategy` is the base of strategies in Python.
"""

from . import interchange
from ._analyzer import BacktestAnalyzer
from ._database import ParquetDB
from ._engine import BacktestEngine, run
from ._errors import (
    ArgumentError,
    ArgumentTypeError,
    AssayError,
    AssayWarning,
    CancelledError,
    ConfigError,
    DataError,
    InternalError,
    NotFoundError,
    OutOfMemoryError,
    StorageError,
    StrategyError,
)
from ._loader import BacktestDataLoader
from ._native import version as __version__
from ._panel import Panel
from ._process import program
from ._research import Sweep, WalkForward, optimize, walk_forward
from ._result import BacktestResult
from ._strategies import (
    BaseStrategy,
    MeanReversionStrategy,
    MomentumStrategy,
    NativeStrategy,
    PortfolioBetaStrategy,
    SectorRotationStrategy,
    SignalsStrategy,
    strategy,
)
from ._types import OrderType, PortfolioSnapshot, Signal, SignalAction, Trade
from ._verify import VerifyReport, verify
from ._view import BarView

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "AssayError",
    "AssayWarning",
    "BacktestAnalyzer",
    "BacktestDataLoader",
    "BacktestEngine",
    "BacktestResult",
    "BarView",
    "BaseStrategy",
    "CancelledError",
    "ConfigError",
    "DataError",
    "InternalError",
    "MeanReversionStrategy",
    "MomentumStrategy",
    "NativeStrategy",
    "NotFoundError",
    "OrderType",
    "OutOfMemoryError",
    "Panel",
    "ParquetDB",
    "PortfolioBetaStrategy",
    "PortfolioSnapshot",
    "SectorRotationStrategy",
    "Signal",
    "SignalAction",
    "SignalsStrategy",
    "StorageError",
    "StrategyError",
    "Sweep",
    "Trade",
    "VerifyReport",
    "WalkForward",
    "__version__",
    "interchange",
    "optimize",
    "program",
    "run",
    "strategy",
    "verify",
    "walk_forward",
]
