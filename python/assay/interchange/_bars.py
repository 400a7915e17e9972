"""Bars of a price table by symbol, and frames of signals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .._errors import DataError
from .._inputs import PRICE_NAMES, SYMBOL_NAMES, TIME_NAMES, Columns

DAY_US = 86_400_000_000
#: Sums of sizes that cancel leave less than this of them.
ROUNDING = 1e-9


class Bars:
    """Closes of each symbol at its own bars, and what splits have made of one share since the first of them.

    Parameters
    ----------
    prices : table
        Long format, as the engine takes it.
    """

    def __init__(self, prices: Any) -> None:
        columns = Columns(prices, "prices")
        times = columns.times_us(columns.need(TIME_NAMES))
        names, codes = columns.codes(columns.need(SYMBOL_NAMES))
        close = columns.floats(columns.need(PRICE_NAMES["close"]))
        split = columns.find(PRICE_NAMES["split_ratio"])
        ratio = np.ones(len(times)) if split is None else columns.floats(split)
        ratio = np.where(np.isnan(ratio) | (ratio == 0), 1.0, ratio)
        order = np.lexsort((times, codes))
        first = np.searchsorted(codes[order], np.arange(len(names) + 1))
        self.is_daily = bool((times % DAY_US == 0).all())
        self.times: dict[str, Any] = {}
        self.close: dict[str, Any] = {}
        self.growth: dict[str, Any] = {}
        for number, name in enumerate(names):
            rows = order[first[number] : first[number + 1]]
            growth, keep = np.cumprod(ratio[rows]), ~np.isnan(close[rows])
            self.times[name], self.close[name] = times[rows][keep], close[rows][keep]
            self.growth[name] = growth[keep]
            twice = np.flatnonzero(np.diff(self.times[name]) == 0)
            if len(twice):
                raise DataError(
                    f"prices: {date_of(self.times[name][twice[0]])}, {name}: the bar is there twice; keep its newest row"
                )

    def own_times(self, name: str, what: str) -> Any:
        """The times of a symbol's bars."""
        if name not in self.times:
            there = ", ".join(sorted(self.times)[:5])
            raise DataError(f"{what}: the prices have no {name}; they have {there or 'no symbol'}")
        return self.times[name]

    def decided(self, name: str, when: Any, what: str) -> Any:
        """The bar of each time, as the engine takes ready signals: of a time without a bar on its day the next one."""
        times = self.own_times(name, what)
        at = np.searchsorted(times, when, side="right") - 1
        at = at + ((at < 0) | (when - times[np.maximum(at, 0)] >= DAY_US))
        beyond = at >= len(times)
        if beyond.any():
            raise DataError(f"{what}: {date_of(when[beyond][0])}, {name}: its prices end before")
        return at

    def filled(self, name: str, when: Any, what: str) -> Any:
        """The bar in which each time lies; it has one before it, at whose close the order was decided."""
        times = self.own_times(name, what)
        at = np.searchsorted(times, when, side="right") - 1
        missing = (at < 0) | (when - times[np.maximum(at, 0)] >= DAY_US)
        if missing.any():
            raise DataError(
                f"{what}: {date_of(when[missing][0])}, {name}: filled on a day for which the prices have no bar of it"
            )
        if (at == 0).any():
            raise DataError(
                f"{what}: {date_of(when[at == 0][0])}, {name}: filled at its first bar, so no close can have decided it: give "
                "prices from earlier on, or dated='decided' if these are the times of decisions"
            )
        return at


def date_of(us: Any) -> str:
    """A time in microseconds, for people."""
    time = pd.Timestamp(int(us), unit="us")
    return f"{time:%Y-%m-%d}" if time == time.normalize() else str(time)


def signal_frame(stamps_us: Any, symbols: Any, action: Any, target: Any, kind: Any) -> pd.DataFrame:
    """Ready signals in order of time and symbol."""
    frame = pd.DataFrame(
        {
            "timestamp": pd.DatetimeIndex((np.asarray(stamps_us, dtype=np.int64) * 1000).view("M8[ns]")),
            "symbol": np.asarray(symbols, dtype=object),
            "action": np.asarray(action, dtype=object),
            "target_position": np.asarray(target, dtype=np.float64),
            "signal_type": np.asarray(kind, dtype=object),
        }
    )
    return frame.sort_values(["timestamp", "symbol"], kind="stable", ignore_index=True)


def check_worth(
    symbols: Any, stamps_us: Any, shares: Any, closes: Any, target: Any, basis: float | None
) -> None:
    """Refuses positions beyond what a ready signal can ask for.

    Parameters
    ----------
    symbols, stamps_us, shares, closes, target : arrays
        Of the positions; `target` is their value as a fraction.
    basis : float or None
        The initial capital of which it is one; None: of equity.
    """
    wrong = ~(np.abs(target) <= 1 + ROUNDING)
    if not wrong.any():
        return
    i = int(np.flatnonzero(wrong)[0])
    said = (
        f"{date_of(stamps_us[i])}, {symbols[i]}: {shares[i]:,.6g} shares at {closes[i]:,.2f} are "
        f"{abs(shares[i] * closes[i]):,.2f}"
    )
    if basis is None:
        raise DataError(
            f"{said}, more than the equity of then: a position is at most the portfolio, without leverage"
        )
    raise DataError(
        f"{said}, more than the initial capital of {basis:,.2f}, which is the most that a signal can ask for; of a portfolio "
        "that grew, give its value over time in the other tool as equity="
    )
