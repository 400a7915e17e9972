#!/usr/bin/env python3
"""What the Python package costs beside the C library: 500 symbols by 2,520 days. Prints JSON.

    tools/build-python && PYTHONPATH=build-python/package .venv/bin/python bench/bench_python.py [SYMBOLS DAYS]

run_overhead_ms is the time of BacktestEngine.run beyond building the panel and running it, which C does; the costs of a bar are
those of a strategy in Python beyond its own code, which is next to none.
"""

import json
import statistics
import sys
import time

import assay
import numpy as np
import pandas as pd

REPEATS = 5


def market(n_symbols, n_days):
    """A random walk for each symbol, long format."""
    rng = np.random.default_rng(1)
    days = pd.date_range("2014-01-01", periods=n_days, freq="B")
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (n_days, n_symbols)), axis=0))
    names = np.array([f"S{i:04d}" for i in range(n_symbols)], dtype=object)
    return pd.DataFrame(
        {
            "timestamp": np.repeat(days.to_numpy(), n_symbols),
            "symbol": np.tile(names, n_days),
            "open_price": (close * 0.999).ravel(),
            "high_price": (close * 1.01).ravel(),
            "low_price": (close * 0.98).ravel(),
            "close_price": close.ravel(),
            "volume": 1e6,
        }
    )


class OfArrays(assay.BaseStrategy):
    """Reads what most strategies read."""

    def on_bar(self, view):
        view.close  # noqa: B018
        view.positions  # noqa: B018
        view.equity  # noqa: B018


class OfFrames(assay.BaseStrategy):
    """Gets its frames, and does nothing."""

    def generate_signals(self, prices_df, technical_df, holdings_df, date):
        return []


class WithHistory(assay.BaseStrategy):
    """Reads a window of closes."""

    def on_bar(self, view):
        view.history("close", 20)


def seconds(function):
    """The median time of a call."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main():
    n_symbols, n_days = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (500, 2520)
    frame = market(n_symbols, n_days)
    by_kind = frame.assign(symbol=frame["symbol"].astype("category"))
    engine, panel = assay.BacktestEngine(), assay.Panel(frame)
    whole = seconds(lambda: engine.run("momentum", frame))
    building = seconds(lambda: assay.Panel(frame))
    in_c = statistics.median(engine.run("momentum", panel)._run.duration_ms for _ in range(REPEATS)) / 1000
    codes = np.empty(len(frame), dtype=np.uint32)
    names = frame["symbol"].to_numpy()
    reading = seconds(lambda: assay._native.codes(names, codes))
    empty = seconds(lambda: engine.run("momentum", panel))
    silent = assay.strategy("momentum", threshold=9.0)
    base = seconds(lambda: engine.run(silent, panel))
    result = {
        "symbols": n_symbols,
        "days": n_days,
        "run_ms": whole * 1e3,
        "panel_of_objects_ms": building * 1e3,
        "panel_of_categories_ms": seconds(lambda: assay.Panel(by_kind)) * 1e3,
        "symbols_to_numbers_ms": reading * 1e3,
        "run_of_panel_ms": empty * 1e3,
        "run_in_c_ms": in_c * 1e3,
        "run_overhead_ms": (empty - in_c + reading) * 1e3,
        "bar_of_arrays_us": (seconds(lambda: engine.run(OfArrays(), panel)) - base) / n_days * 1e6,
        "bar_with_history_of_20_us": (seconds(lambda: engine.run(WithHistory(), panel)) - base)
        / n_days
        * 1e6,
        "bar_of_frames_us": (seconds(lambda: engine.run(OfFrames(), panel)) - base) / n_days * 1e6,
    }
    print(json.dumps({key: round(value, 3) for key, value in result.items()}, indent=2))


if __name__ == "__main__":
    main()
