"""Signals, trades and snapshots as Python objects."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pandas as pd

from ._errors import ArgumentError


class SignalAction(str, Enum):
    """What a signal asks for; the same as its text."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"
    INCREASE = "INCREASE"
    REDUCE = "REDUCE"
    TARGET = "TARGET"

    def __str__(self) -> str:
        return self.value


class OrderType(Enum):
    """How an order is executed."""

    MARKET = "market"
    LIMIT = "limit"


@dataclass(init=False)
class Signal:
    """A trading signal for one symbol.

    Parameters
    ----------
    symbol : str
        A symbol of the run.
    timestamp : pandas.Timestamp, optional
        When it was made; the engine decides it at the bar for which the strategy is asked.
    action : str or SignalAction
        BUY, SELL, HOLD, INCREASE, REDUCE or TARGET, in any case.
    signal_type : str
        A name that many signals share, such as "momentum_strong".
    strength : float
        Confidence in [0, 1].
    target_position : float
        Fraction of a full position (`max_position_pct` of the equity), never a number of shares.
    reason : str
        A sentence for people.
    parameters : dict
        Parameters of the strategy.
    target_position_pct : float, optional
        The same as target_position, which it replaces.
    score : float, optional
        Unscaled measure that ranks signals where cash is short; the strength by default.
    """

    symbol: str
    timestamp: Any
    action: str | SignalAction
    signal_type: str
    strength: float
    target_position: float
    reason: str
    parameters: dict[str, Any]
    score: float | None

    def __init__(
        self,
        symbol: str,
        timestamp: Any = None,
        action: str | SignalAction = SignalAction.HOLD,
        signal_type: str = "",
        strength: float = 1.0,
        target_position: float | None = None,
        reason: str = "",
        parameters: dict[str, Any] | None = None,
        target_position_pct: float | None = None,
        score: float | None = None,
    ) -> None:
        if target_position is None:
            target_position = target_position_pct
        elif target_position_pct is not None and target_position_pct != target_position:
            raise ArgumentError(
                f"target_position {target_position} and target_position_pct {target_position_pct} "
                "are the same thing: give one of them"
            )
        self.symbol = symbol
        self.timestamp = timestamp
        self.action = action
        self.signal_type = signal_type
        self.strength = strength
        self.target_position = math.nan if target_position is None else target_position
        self.reason = reason
        self.parameters = {} if parameters is None else parameters
        self.score = score

    @property
    def target_position_pct(self) -> float:
        """The same as target_position."""
        return self.target_position


@dataclass
class Trade:
    """One round trip, or what is open at the end (`exit_date` and what follows from it are then None)."""

    trade_id: str
    symbol: str
    entry_date: pd.Timestamp
    exit_date: pd.Timestamp | None = None
    entry_price: float = 0.0
    exit_price: float | None = None
    quantity: float = 0.0
    entry_value: float = 0.0
    exit_value: float | None = None
    commission: float = 0.0
    slippage: float = 0.0
    pnl: float | None = None
    pnl_pct: float | None = None
    direction: str = "long"
    signal_type: str = ""
    reason: str = ""
    exit_reason: str = ""
    strategy: str = ""
    bars_held: int = 0
    dividends: float = 0.0
    mae_pct: float = math.nan
    mfe_pct: float = math.nan

    @property
    def is_open(self) -> bool:
        """Whether the position was open at the end of the run."""
        return self.exit_date is None


@dataclass
class PortfolioSnapshot:
    """The portfolio at the close of one bar."""

    date: pd.Timestamp
    cash: float
    total_value: float
    gross_value: float
    net_exposure: float
    num_positions: int
    max_position_size: float
    concentration: float
    leverage: float
    daily_return: float = field(default=math.nan)
    cumulative_return: float = field(default=math.nan)
    drawdown: float = field(default=math.nan)
    turnover: float = field(default=math.nan)
    stale_positions: int = 0
