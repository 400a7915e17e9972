"""The engine: settings, and runs over data frames and databases."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from . import _native
from ._adapter import PRICE_COLUMNS, Beside, PythonDefinition, StoredBeside, chosen_method
from ._beside import add_columns
from ._database import PATH, database_folder
from ._errors import ArgumentTypeError, AssayWarning, ConfigError, NotFoundError
from ._further import FurtherColumns
from ._inputs import (
    SYMBOL_NAMES,
    TIME_NAMES,
    Columns,
    chosen_symbols,
    sectors_of,
    symbols_of,
    timestamp_of,
)
from ._panel import Panel
from ._result import BacktestResult
from ._strategies import NativeStrategy, as_strategy, method_of, params_as_texts, strategy_of_frame, text_of

SETTINGS: dict[str, dict[str, Any]] = {row["name"]: row for row in _native.settings()}


def setting_text(name: str, value: Any) -> str:
    """A value of a setting as a configuration has it."""
    kind = SETTINGS[name]["type"] if name in SETTINGS else "text"
    if kind in ("date", "date_list"):
        is_one = isinstance(value, str) or not isinstance(value, Iterable)
        values = [value] if is_one else sorted(value) if isinstance(value, (set, frozenset)) else list(value)
        return ",".join(date_text(v, name) for v in some(values, name))
    if is_sequence(value):
        return ",".join(text_of(v) for v in some(value, name))
    return text_of(value)


def is_sequence(value: Any) -> bool:
    """Whether a value is several in an order."""
    return isinstance(value, (list, tuple, pd.Index, pd.Series, np.ndarray))


def some(values: Any, name: str) -> Any:
    """Values of which there is one at least."""
    if len(values) == 0:
        raise ConfigError(f"{name} is an empty list; leave it out where nothing is meant")
    return values


def date_text(value: Any, name: str) -> str:
    """A date or time as a configuration has it."""
    if isinstance(value, str):
        return value
    time = timestamp_of(value, name)
    return time.strftime("%Y-%m-%d") if time == time.normalize() else time.strftime("%Y-%m-%dT%H:%M:%S")


def check_names(settings: Mapping[str, Any]) -> None:
    """Refuses settings that there are not, with the nearest name."""
    import difflib

    for name in settings:
        if name not in SETTINGS:
            near = difflib.get_close_matches(name, SETTINGS, 1)
            of = [s["name"] for s in _native.strategies() if name in [p["name"] for p in s["params"]]]
            hint = f": did you mean '{near[0]}'?" if near else "; docs/settings.md lists them"
            if of:
                hint = f": a parameter of {' and '.join(of)}: assay.strategy('{of[0]}', {name}=...) takes it"
            raise ConfigError(f"unknown setting '{name}'{hint}")


class BacktestEngine:
    """Runs strategies with the settings that it was made with.

    Parameters
    ----------
    initial_capital : float
        Cash at the start.
    start_date, end_date : date-like, optional
        The portfolio starts at the first bar at or after the one and ends at the last at or before the other; earlier bars
        warm windows up.
    commission_pct : float
        Commission as a fraction of a fill's value.
    slippage_bps : float
        Slippage in basis points.
    max_position_pct : float
        A full position as a fraction of the equity.
    rebalance_frequency : {"daily", "weekly", "monthly", "quarterly"}
        When strategies are asked.
    use_limit_orders : bool
        False: strategies' orders are market orders. True is refused, since limits for them do not exist yet.
    **settings
        Every other setting of the engine and its risk controls, by its name in docs/settings.md, such as
        `fill="next_close"` or `combine="vote"`.

    Notes
    -----
    An engine has no state of a run: each `run` starts afresh, and several threads may use it at once.
    """

    def __init__(
        self,
        initial_capital: float = 100_000.0,
        start_date: Any = None,
        end_date: Any = None,
        commission_pct: float = 0.001,
        slippage_bps: float = 5.0,
        max_position_pct: float = 0.10,
        rebalance_frequency: str = "daily",
        use_limit_orders: bool = False,
        **settings: Any,
    ) -> None:
        self.settings: dict[str, Any] = {
            "initial_capital": initial_capital,
            "start_date": start_date,
            "end_date": end_date,
            "commission_pct": commission_pct,
            "slippage_bps": slippage_bps,
            "max_position_pct": max_position_pct,
            "rebalance_frequency": rebalance_frequency,
            "use_limit_orders": use_limit_orders,
            **settings,
        }
        check_names(self.settings)

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets a setting; a subclass may have attributes of its own, the engine itself has none."""
        if name in SETTINGS:
            self.settings[name] = value
            return
        if type(self) is BacktestEngine and name != "settings":
            check_names({name: value})
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        settings = self.__dict__.get("settings", {})
        if name in settings:
            return settings[name]
        raise AttributeError(f"BacktestEngine has no attribute '{name}'")

    def _texts(self, **more: Any) -> dict[str, str]:
        merged = {**self.settings, **{name: value for name, value in more.items() if value is not None}}
        return {name: setting_text(name, value) for name, value in merged.items() if value is not None}

    def run(
        self,
        strategies: Any,
        prices_df: Any,
        technical_df: Any = None,
        fundamental_df: Any = None,
        holdings_df: Any = None,
        rebalance_dates: Sequence[Any] | None = None,
        start_date: Any = None,
        end_date: Any = None,
        benchmark: Any = None,
    ) -> BacktestResult:
        """Runs strategies over prices that are in memory.

        Parameters
        ----------
        strategies : strategy, name, or list of them
            Several are one run; the setting `combine` says how they share it.
        prices_df : pandas.DataFrame, polars.DataFrame, pyarrow.Table, mapping of arrays or Panel
            Long format with timestamp (or a DatetimeIndex), symbol, close_price (or close) and what else there is.
        technical_df, fundamental_df : table, optional
            Further columns by symbol and time, for strategies that read them.
        holdings_df : table, optional
            Symbols (`sym`) that the run is over, and their sectors.
        rebalance_dates : sequence of dates, optional
            Ask at the first bar at or after each instead of `rebalance_frequency`.
        start_date, end_date : date-like, optional
            In place of the engine's own.
        benchmark : str or table, optional
            The market to compare with: a symbol of the prices, or a table of prices of one symbol.

        Returns
        -------
        BacktestResult
            A dictionary with equity_curve, trades, portfolio_history, metrics and parameters.

        Notes
        -----
        Holdings may also be the fourth argument and rebalance dates the fifth: a table of symbols without times is never
        taken for fundamentals.
        """
        if fundamental_df is not None and is_holdings(
            fundamental_df
        ):  # (..., holdings_df, rebalance_dates), by position
            if rebalance_dates is None:
                rebalance_dates = holdings_df
            fundamental_df, holdings_df = None, fundamental_df
        given = [as_strategy(s) for s in as_list(strategies)]
        symbol = benchmark if isinstance(benchmark, str) else None
        texts = self._texts(
            rebalance_dates=rebalance_dates, start_date=start_date, end_date=end_date, benchmark=symbol
        )
        panel = self._panel(prices_df, holdings_df, texts).resampled(texts)
        beside = Beside(technical_df, fundamental_df, holdings_df, lag_days(texts))
        beside.panel = panel
        members = make_members(given, beside, panel)
        sectors: dict[str, str] = {} if holdings_df is None else sectors_of(holdings_df)
        if any(member[0].needs_sectors for member in members) and sectors:
            set_sectors(panel, sectors)
        set_benchmark(panel, benchmark, texts)
        add_columns(panel, members, beside, texts)
        run = _native.run(
            panel.native,
            members,
            texts,
            sorted(panel.symbols),
            [f"{name}={sectors[name]}" for name in sorted(sectors)],
            panel.frequency,
        )
        return BacktestResult(run, self._parameters(given, texts))

    def _panel(self, prices: Any, holdings: Any, texts: dict[str, str]) -> Panel:
        wanted = None if holdings is None else symbols_of(holdings)
        if isinstance(prices, Panel):
            take_options(prices, texts)
            outside = [] if wanted is None else sorted(set(prices.symbols) - set(wanted))
            if outside:
                raise ConfigError(
                    f"the Panel has {len(outside)} symbols that are not among the holdings ({', '.join(outside[:5])}): "
                    "build it with symbols=[...] of the holdings"
                )
            return prices
        gap_bars = int(texts.get("max_gap_bars", "5")) if texts.get("gap_policy") == "forward_fill" else 0
        columns = Columns(prices, "prices")
        return Panel(
            columns,
            None if wanted is None else those_there(wanted, columns),
            on_bad_data=texts.get("on_bad_data", "error"),
            signal_prices=texts.get("signal_prices", "split_adjusted"),
            fill_gap_bars=gap_bars,
        )

    def run_database(
        self,
        strategies: Any,
        db: PATH | None = None,
        symbols: Iterable[str] | None = None,
        start: Any = None,
        end: Any = None,
        holdings_df: Any = None,
        frequency: str | None = None,
        benchmark: str | None = None,
        threads: int = 0,
    ) -> BacktestResult:
        """Runs strategies over a database, which C reads: the same run as that of the program `assay run`.

        Parameters
        ----------
        strategies : strategy, name, or list of them
            As for `run`.
        db : str or path, optional
            The database folder; without it $ASSAY_DB, else "db".
        symbols : iterable of str, optional
            These alone; without it those of `holdings_df`, else every symbol.
        start, end : date-like, optional
            In place of the engine's own start_date and end_date.
        holdings_df : table, optional
            Symbols and sectors.
        frequency : str, optional
            Which frequency, where the prices have several.
        benchmark : str, optional
            The symbol of the market to compare with.
        threads : int
            For reading; 0: every core.

        Returns
        -------
        BacktestResult
            As of `run`.
        """
        given = [as_strategy(s) for s in as_list(strategies)]
        folder = database_folder(db)
        if benchmark is not None and not isinstance(benchmark, str):
            raise ArgumentTypeError(
                f"benchmark: over a database it is the name of one of its symbols, not a {type(benchmark).__name__}"
            )
        if threads < 0:
            raise ConfigError(f"threads {threads}: 0 (every core) or more")
        texts = self._texts(start_date=start, end_date=end, benchmark=benchmark)
        wanted = None if symbols is None else chosen_symbols(symbols)
        sectors: dict[str, str] = {}
        if holdings_df is not None:
            sectors = sectors_of(holdings_df)
            wanted = symbols_of(holdings_df) if wanted is None else wanted
        beside = StoredBeside(folder, wanted, holdings_df, lag_days(texts))
        members = make_members(given, beside, None, folder)
        run = _native.run_database(
            folder,
            members,
            texts,
            wanted or [],
            [f"{name}={sectors[name]}" for name in sorted(sectors)],
            frequency,
            threads,
        )
        return BacktestResult(run, self._parameters(given, texts))

    def _parameters(self, given: list[Any], texts: Mapping[str, str]) -> dict[str, Any]:
        parameters = {
            "initial_capital": float(self.settings["initial_capital"]),
            "commission_pct": float(self.settings["commission_pct"]),
            "slippage_bps": float(self.settings["slippage_bps"]),
        }
        return {
            **parameters,
            "strategies": [{"name": s_name(s), **dict(getattr(s, "parameters", {}))} for s in given],
            "settings": dict(texts),
        }

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.settings.items() if value is not None)
        return f"BacktestEngine({inside})"


def take_options(panel: Panel, texts: dict[str, str]) -> None:
    """What a panel was built with goes into the run's settings; what they say otherwise is a mistake."""
    on_bad_data, signal_prices, gap_bars = panel.options
    own = {"on_bad_data": on_bad_data, "signal_prices": signal_prices}
    if gap_bars > 0:
        own.update(gap_policy="forward_fill", max_gap_bars=str(gap_bars))
    elif texts.get("gap_policy", "none") == "forward_fill":
        raise ConfigError("gap_policy: the Panel fills no gaps: build it with fill_gap_bars")
    for name, text in own.items():
        if texts.setdefault(name, text) != text:
            raise ConfigError(f"{name} is '{texts[name]}', but the Panel was built with '{text}'")


def those_there(wanted: list[str], columns: Columns) -> list[str]:
    """The symbols of holdings that prices have; says which they do not have."""
    there = set(columns.codes(columns.need(SYMBOL_NAMES))[0])
    present, absent = [s for s in wanted if s in there], [s for s in wanted if s not in there]
    if not wanted:
        raise ConfigError("the holdings have no symbol; leave them out for every symbol of the prices")
    if not present:
        raise NotFoundError(
            f"none of the holdings ({', '.join(wanted[:5])}) is among the symbols of the prices"
        )
    if absent:
        warnings.warn(
            f"the prices have no rows of {len(absent)} of the holdings ({', '.join(absent[:5])})",
            AssayWarning,
            stacklevel=4,
        )
    return present


def lag_days(texts: Mapping[str, str]) -> int:
    """Days after which fundamentals are known that do not say when."""
    return int(float(texts.get("lag_days", 90)))


def is_holdings(table: Any) -> bool:
    """Whether a table has symbols and no times: holdings where fundamentals are expected."""
    columns = Columns(table, "fundamental_df")
    return columns.find(("sym", "symbol")) is not None and columns.find(TIME_NAMES) is None


def s_name(strategy: Any) -> str:
    """The name of a strategy."""
    return str(getattr(strategy, "name", type(strategy).__name__))


def as_list(strategies: Any) -> list[Any]:
    """One strategy or several as a list."""
    if isinstance(strategies, str) or not isinstance(strategies, Iterable):
        return [strategies]
    return list(strategies)


def make_members(
    given: list[Any], beside: Beside, panel: Panel | None, db: str | None = None
) -> list[tuple[Any, dict[str, str]]]:
    """Strategies as the C side takes them, with the texts of their parameters."""
    members: list[tuple[Any, dict[str, str]]] = []
    for strategy in given:
        if is_native(strategy):
            members.append((strategy.native(db), params_as_texts(strategy.parameters)))
        elif chosen_method(strategy) == "signals":
            if panel is None:
                raise ConfigError(
                    f"{s_name(strategy)} makes its signals from a whole frame: load the prices (ParquetDB.read_prices) "
                    "and use BacktestEngine.run"
                )
            members.append(
                (strategy_of_frame(strategy.signals(frame_of(panel, beside.further)), s_name(strategy)), {})
            )
        else:
            members.append((PythonDefinition(strategy, beside), {}))
    return members


def is_native(strategy: Any) -> bool:
    """Whether a strategy decides in C: a subclass of a built-in one may decide in Python."""
    return isinstance(strategy, NativeStrategy) and method_of(strategy) is None


def frame_of(panel: Panel, further: FurtherColumns | None) -> pd.DataFrame:
    """The bars of a panel as a long frame, indexed by timestamp.

    Prices are raw: split_coefficient and dividend_amount say what happened, also on rows without a bar.
    """
    n_bars, n = panel.native.n_bars, len(panel.symbols)
    prices = [np.frombuffer(panel.native.row_block(number), dtype=np.float64) for number in range(5)]
    events = {"split_coefficient": np.ones(n_bars * n), "dividend_amount": np.zeros(n_bars * n)}
    for bar, symbol, ratio, dividend in panel.native.events:
        at = bar * n + symbol
        events["dividend_amount"][at] = events["dividend_amount"][at] / ratio + dividend
        events["split_coefficient"][at] *= ratio
    keep = ~np.isnan(prices[3]) | (events["split_coefficient"] != 1) | (events["dividend_amount"] != 0)
    codes = np.tile(np.arange(n, dtype=np.int32), n_bars)[keep]
    times = np.repeat(panel.timestamps, n)[keep]
    columns: dict[str, Any] = {name: values[keep] for name, values in zip(PRICE_COLUMNS, prices)}
    columns.update({name: values[keep] for name, values in events.items()})
    if further is not None:
        columns.update(zip(further.names, further.of(times.view(np.int64), panel.symbols, codes)))
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(times.astype("M8[ns]"), name="timestamp"))
    symbols: Any = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(panel.symbols)))
    frame.insert(0, "symbol", symbols)
    return frame


def set_benchmark(panel: Panel, benchmark: Any, texts: dict[str, str]) -> None:
    """Gives the panel its market, where one is told."""
    name = texts.get("benchmark") or None
    if benchmark is None or isinstance(benchmark, str):
        panel.put("benchmark", name, lambda: panel.native.set_benchmark(panel.native, name or ""))
        return
    market = benchmark
    if not isinstance(benchmark, Panel):
        market = Panel(Columns(with_symbol(benchmark), "benchmark"), signal_prices=panel.options[1])
    market = market.resampled(texts)
    if len(market.symbols) != 1:
        raise ConfigError(f"benchmark: expected prices of one symbol, not of {len(market.symbols)}")
    told = (market.symbols[0], market.fingerprint)
    panel.put("benchmark", told, lambda: panel.native.set_benchmark(market.native, market.symbols[0]))
    texts["benchmark"] = market.symbols[0]


def set_sectors(panel: Panel, sectors: dict[str, str]) -> None:
    """Gives the panel the sectors of its symbols."""
    own = [sectors.get(name) for name in panel.symbols]
    panel.put("sectors", own, lambda: panel.native.set_sectors(own))


def with_symbol(benchmark: Any) -> Any:
    """A series of closes, or prices without a symbol, as prices of one symbol."""
    if isinstance(benchmark, pd.Series):
        benchmark = pd.DataFrame({"close": benchmark})
    if isinstance(benchmark, pd.DataFrame) and not {"symbol", "sym", "ticker"} & {
        str(c).lower() for c in benchmark.columns
    }:
        return benchmark.assign(symbol="benchmark")
    return benchmark


def run(strategies: Any, db: PATH | None = None, **settings: Any) -> BacktestResult:
    """Runs strategies over a database; what `assay run` does.

    Parameters
    ----------
    strategies : strategy, name, or list of them
        Such as "momentum".
    db : str or path, optional
        The database folder; without it $ASSAY_DB, else "db".
    **settings
        The arguments of `BacktestEngine.run_database` (symbols, start, end, holdings_df, frequency, benchmark, threads) and of
        `BacktestEngine`.

    Returns
    -------
    BacktestResult
        The run; it is stored with its method `save`.
    """
    names = ("symbols", "start", "end", "holdings_df", "frequency", "benchmark", "threads")
    own = {name: settings.pop(name) for name in names if name in settings}
    return BacktestEngine(**settings).run_database(strategies, db, **own)
