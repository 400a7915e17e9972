"""Columns beside prices, as they were known at each bar, for strategies that read them in C."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _native
from ._adapter import Beside, KnownRows
from ._panel import Panel

DAY_NS = 86_400_000_000_000


def add_columns(
    panel: Panel, members: list[tuple[Any, dict[str, str]]], beside: Beside, texts: Mapping[str, str]
) -> None:
    """Adds the columns that the strategies read to the panel: of technical_df, else of fundamental_df.

    A value holds from when it is known (available_at, filing_date, or its timestamp; of fundamental_df `lag_days` later) until
    the next, at most `max_age_days`.
    """
    wanted: dict[str, None] = {}
    for strategy, _ in members:
        is_native = isinstance(strategy, _native.Strategy)
        wanted.update(dict.fromkeys(strategy.columns if is_native else _native.columns(strategy)))
    if not wanted:
        return
    max_age_ns = int(texts.get("max_age_days", "400")) * DAY_NS
    ends = np.frombuffer(panel.native.bar_ends, dtype=np.int64) * 1000
    for name in wanted:
        found = ((rows, rows.numbers(name)) for rows in (beside.technical, beside.fundamental))
        rows, values = next(((r, v) for r, v in found if v is not None), (None, None))
        if rows is not None:
            spread = as_known(rows, values, panel, ends, max_age_ns)
            told = hashlib.sha256(spread.tobytes()).hexdigest()
            panel.put(f"column {name}", told, functools.partial(panel.native.add_column, name, spread))


def as_known(rows: KnownRows, values: Any, panel: Panel, ends_ns: Any, max_age_ns: int) -> Any:
    """Values of rows by bar and symbol: the newest value (by timestamp) that is known before each bar's end."""
    symbols, codes = rows.symbols()
    numbers = {text: i for i, text in enumerate(symbols)}
    out = np.full((panel.native.n_bars, len(panel.symbols)), np.nan)
    finite = np.flatnonzero(np.isfinite(values))
    order = finite[np.argsort(codes[finite], kind="stable")]  # of each symbol as they become known
    begins = np.searchsorted(codes[order], np.arange(len(symbols) + 1))
    for s, symbol in enumerate(panel.symbols):
        code = numbers.get(symbol)
        if code is None:
            continue
        own = order[begins[code] : begins[code + 1]]
        if len(own) == 0:
            continue
        known, stamped = rows.known_ns[own], rows.index[own]
        newest = np.maximum.accumulate(stamped)
        best = np.maximum.accumulate(np.where(stamped >= newest, np.arange(len(own)), 0))
        at = np.searchsorted(known, ends_ns, side="left") - 1
        good = at >= 0
        chosen = best[np.maximum(at, 0)]
        good &= ends_ns - known[chosen] <= max_age_ns
        out[good, s] = values[own[chosen[good]]]
    return out
