"""Looks at a result from all sides: by period, by symbol, by kind of signal, against a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ._errors import ArgumentError, ArgumentTypeError
from ._frames import METRIC_UNITS
from ._result import BacktestResult

TRADE_COLUMNS = [
    "trade_id",
    "symbol",
    "entry_date",
    "exit_date",
    "entry_price",
    "exit_price",
    "quantity",
    "entry_value",
    "exit_value",
    "commission",
    "slippage",
    "pnl",
    "pnl_pct",
    "direction",
    "signal_type",
    "reason",
]


class BacktestAnalyzer:
    """Analyses of one result.

    Parameters
    ----------
    results : BacktestResult or mapping
        What `BacktestEngine.run` returned, or a dictionary of that shape.

    Notes
    -----
    Metrics are those of the run; nothing is computed a second time. Trades that are open at the end are in
    `trades_dataframe` and in no count, sum or rate.
    """

    def __init__(self, results: Mapping[str, Any]) -> None:
        if not hasattr(results, "__getitem__"):
            raise ArgumentTypeError(
                f"expected what BacktestEngine.run returned, not {type(results).__name__}"
            )
        for key in ("equity_curve", "trades", "portfolio_history", "metrics"):
            if key not in results:
                raise ArgumentError(f"results lack '{key}': give what BacktestEngine.run returned")
        self.results = results

    # --- the whole ---

    def summary(self) -> dict[str, Any]:
        """Metrics with the period, the number of bars and the money at the start and at the end.

        Returns
        -------
        dict
            By name.
        """
        equity, history = self.results["equity_curve"], self.results["portfolio_history"]
        return {
            "start_date": history[0].date if history else None,
            "end_date": history[-1].date if history else None,
            "n_bars": len(history),
            "initial_capital": equity[0],
            "final_equity": equity[-1],
            "open_trades": sum(t.exit_date is None for t in self.results["trades"]),
            **self.results["metrics"],
        }

    def trades_dataframe(self) -> pd.DataFrame:
        """All trades, in the order of their ids.

        Returns
        -------
        pandas.DataFrame
            A row a trade; of open ones exit_date is NaT and exit_price, exit_value, pnl and pnl_pct are NaN.
        """
        trades = self.results["trades"]
        columns = {name: [getattr(t, name) for t in trades] for name in TRADE_COLUMNS}
        frame = pd.DataFrame(columns, columns=TRADE_COLUMNS)
        for name in ("entry_date", "exit_date"):
            frame[name] = pd.to_datetime(frame[name])
        for name in ("exit_price", "exit_value", "pnl", "pnl_pct"):
            frame[name] = frame[name].astype(np.float64)
        return frame

    def equity_curve_data(self) -> pd.DataFrame:
        """Equity, return, running peak and drawdown at each bar.

        Returns
        -------
        pandas.DataFrame
            Indexed by date; the peak includes the initial capital, drawdown is a fraction.
        """
        equity = np.asarray(self.results["equity_curve"], dtype=np.float64)
        peak = np.maximum.accumulate(equity)
        frame = pd.DataFrame(
            {
                "equity": equity[1:],
                "return": np.diff(equity) / equity[:-1],
                "peak": peak[1:],
                "drawdown": equity[1:] / peak[1:] - 1,
            },
            index=self._dates(),
        )
        frame["cumulative_return"] = frame["equity"] / equity[0] - 1
        return frame

    def _dates(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex([s.date for s in self.results["portfolio_history"]], name="date")

    # --- by period ---

    def monthly_returns(self) -> pd.DataFrame:
        """Returns of calendar months, as fractions.

        Returns
        -------
        pandas.DataFrame
            A row a year, columns 1 to 12; NaN where there is no bar.
        """
        returns = self._returns_by("M")
        index = pd.MultiIndex.from_arrays([returns.index.year, returns.index.month], names=["year", "month"])
        table = pd.Series(returns.to_numpy(), index=index).unstack("month")
        return table.reindex(columns=pd.RangeIndex(1, 13, name="month"))

    def annual_returns(self) -> pd.Series:
        """Returns of calendar years, as fractions.

        Returns
        -------
        pandas.Series
            By year.
        """
        returns = self._returns_by("Y")
        return pd.Series(returns.to_numpy(), index=pd.Index(returns.index.year, name="year"), name="return")

    def _returns_by(self, freq: str) -> Any:
        curve = self.equity_curve_data()
        last = curve["equity"].groupby(pd.DatetimeIndex(curve.index).to_period(freq)).last()
        before = np.concatenate(([self.results["equity_curve"][0]], last.to_numpy()[:-1]))
        return last / before - 1

    def underwater_plot_data(self) -> pd.Series:
        """Drawdown from the running peak at each bar, as a fraction.

        Returns
        -------
        pandas.Series
            By date, at most 0.
        """
        return self.equity_curve_data()["drawdown"].rename("underwater")

    # --- trades ---

    def _closed(self) -> pd.DataFrame:
        frame = self.trades_dataframe()
        return frame[frame["exit_date"].notna()]

    def best_trades(self, n: int = 10) -> pd.DataFrame:
        """The closed trades with the highest pnl.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        pandas.DataFrame
            As `trades_dataframe`, the best first.
        """
        return self._closed().sort_values("pnl", ascending=False, kind="stable").head(n)

    def worst_trades(self, n: int = 10) -> pd.DataFrame:
        """The closed trades with the lowest pnl.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        pandas.DataFrame
            As `trades_dataframe`, the worst first.
        """
        return self._closed().sort_values("pnl", ascending=True, kind="stable").head(n)

    def by_symbol(self) -> pd.DataFrame:
        """Closed trades of each symbol.

        Returns
        -------
        pandas.DataFrame
            trades, pnl, avg_pnl, avg_pnl_pct, win_rate_pct by symbol.
        """
        return self._by("symbol")

    def by_signal_type(self) -> pd.DataFrame:
        """Closed trades of each kind of entry signal.

        Returns
        -------
        pandas.DataFrame
            trades, pnl, avg_pnl, avg_pnl_pct, win_rate_pct by signal_type.
        """
        return self._by("signal_type")

    def _by(self, column: str) -> pd.DataFrame:
        closed = self._closed()
        groups = closed.assign(win=closed["pnl"] > 0).groupby(column, sort=True)
        return pd.DataFrame(
            {
                "trades": groups.size(),
                "pnl": groups["pnl"].sum(),
                "avg_pnl": groups["pnl"].mean(),
                "avg_pnl_pct": groups["pnl_pct"].mean(),
                "win_rate_pct": groups["win"].mean() * 100,
            }
        )

    def consecutive_wins_losses(self) -> dict[str, int]:
        """The longest runs of winning and of losing closed trades, in the order of their ids.

        Returns
        -------
        dict
            max_consecutive_wins, max_consecutive_losses, and the run at the end: current_streak (below 0: losses).
        """
        longest = {1: 0, -1: 0}
        streak = 0
        for pnl in self._closed()["pnl"]:
            sign = int(pnl > 0) - int(pnl < 0)
            streak = 0 if sign == 0 else streak + sign if streak * sign > 0 else sign
            if sign != 0:
                longest[sign] = max(longest[sign], abs(streak))
        return {
            "max_consecutive_wins": longest[1],
            "max_consecutive_losses": longest[-1],
            "current_streak": streak,
        }

    # --- against others ---

    def comparison_to_benchmark(
        self, benchmark: pd.Series | Sequence[float] | None = None
    ) -> dict[str, float]:
        """The run beside a market.

        Parameters
        ----------
        benchmark : pandas.Series or sequence of float
            Prices by date, of which those of the run's bars are taken (where some are missing, one return spans the gap, of both);
            or returns, one a bar of the run.

        Returns
        -------
        dict
            total_return_pct and benchmark_return_pct over the bars that both have, excess_return_pct, beta, correlation,
            tracking_error_pct and information_ratio (annual, with the run's periods per year); NaN where undefined.
        """
        if benchmark is None:
            raise ArgumentError(
                "comparison_to_benchmark needs the benchmark's prices (a Series by date) or returns"
            )
        curve = self.equity_curve_data()
        r, b, bars_each = self._beside(curve, benchmark)
        excess, periods = r - b, self._periods_per_year() / bars_each
        excess = np.where(np.abs(excess) < 1e-12, 0.0, excess)  # as the run's own returns
        error = np.std(excess, ddof=1) if len(excess) > 1 else np.nan
        variance = np.var(b, ddof=1) if len(b) > 1 else 0.0
        nothing = np.nan if len(r) == 0 else 1.0
        run_return, market_return = (np.prod(1 + r) * nothing - 1) * 100, (np.prod(1 + b) * nothing - 1) * 100
        return {
            "total_return_pct": float(run_return),
            "benchmark_return_pct": float(market_return),
            "excess_return_pct": float(run_return - market_return),
            "beta": float(np.cov(r, b, ddof=1)[0, 1] / variance) if variance > 0 else float("nan"),
            "correlation": float(np.corrcoef(r, b)[0, 1]) if variance > 0 and np.std(r) > 0 else float("nan"),
            "tracking_error_pct": float(error * np.sqrt(periods) * 100),
            "information_ratio": float(np.mean(excess) * periods / (error * np.sqrt(periods)))
            if error > 0
            else float("nan"),
        }

    def _beside(self, curve: pd.DataFrame, benchmark: Any) -> tuple[Any, Any, float]:
        """Returns of the run and of a market over the same times, and how many bars of the run lie in one on average."""
        if not is_by_date(benchmark):
            market = np.asarray(benchmark, dtype=np.float64)
            if len(market) != len(curve):
                raise ArgumentError(f"the benchmark has {len(market)} returns, the run {len(curve)} bars")
            both = np.isfinite(market)
            return curve["return"].to_numpy()[both], market[both], 1.0
        prices = by_times_of(benchmark, pd.DatetimeIndex(curve.index))
        at = np.flatnonzero(
            np.isfinite(prices)
        )  # bars that both have; what lies between two of them is one return
        equity = curve["equity"].to_numpy()[at]
        if len(at) < 2:
            return np.empty(0), np.empty(0), 1.0
        return (
            equity[1:] / equity[:-1] - 1,
            prices[at][1:] / prices[at][:-1] - 1,
            (at[-1] - at[0]) / (len(at) - 1),
        )

    def _periods_per_year(self) -> float:
        """The run's own, which its annual volatility tells; 252 where it does not."""
        returns = self.equity_curve_data()["return"].to_numpy()
        spread = float(np.std(returns))
        annual = float(self.results["metrics"].get("annual_volatility_pct", np.nan))
        if not (spread > 0 and np.isfinite(annual)):
            return 252.0
        return float(round((annual / 100 / spread) ** 2, 6))

    def risk_analysis(self, confidence: float = 0.95) -> dict[str, float]:
        """Risk of the bars' returns.

        Parameters
        ----------
        confidence : float
            Of value at risk and expected shortfall.

        Returns
        -------
        dict
            The run's own metrics of risk, and of its bars: value_at_risk_pct and expected_shortfall_pct (losses above 0),
            skewness, excess_kurtosis, best_bar_pct, worst_bar_pct, longest_drawdown_bars; average leverage, concentration and
            number of positions.
        """
        if not 0 < confidence < 1:
            raise ArgumentError(f"confidence {confidence} must lie between 0 and 1")
        curve, history = self.equity_curve_data(), self.results["portfolio_history"]
        returns: Any = curve["return"]
        cut = float(np.quantile(returns, 1 - confidence)) if len(returns) else float("nan")
        tail = returns[returns <= cut]
        under = (curve["drawdown"] < 0).to_numpy()
        metrics = self.results["metrics"]
        own = {name: metrics[name] for name in metrics if name in RISK_METRICS}
        return {
            **own,
            "value_at_risk_pct": -cut * 100,
            "expected_shortfall_pct": float(-tail.mean() * 100) if len(tail) else float("nan"),
            "skewness": float(returns.skew()),
            "excess_kurtosis": float(returns.kurt()),
            "best_bar_pct": float(returns.to_numpy().max() * 100),
            "worst_bar_pct": float(returns.to_numpy().min() * 100),
            "longest_drawdown_bars": longest_run(under),
            "avg_leverage": float(np.mean([s.leverage for s in history])) if history else float("nan"),
            "avg_concentration": float(np.mean([s.concentration for s in history]))
            if history
            else float("nan"),
            "avg_positions": float(np.mean([s.num_positions for s in history])) if history else float("nan"),
        }

    def __repr__(self) -> str:
        name: str | None = self.results.strategy if isinstance(self.results, BacktestResult) else None
        return f"BacktestAnalyzer({name or 'results'}: {len(self.results['trades'])} trades)"


RISK_METRICS = [
    name
    for name in METRIC_UNITS
    if any(
        part in name
        for part in ("volatility", "drawdown", "sharpe", "sortino", "calmar", "ulcer", "var_", "cvar")
    )
]


def is_by_date(benchmark: Any) -> bool:
    """Whether a benchmark is prices by date."""
    if not isinstance(benchmark, pd.Series):
        return False
    dates = ("date", "datetime", "datetime64")
    return isinstance(benchmark.index, pd.DatetimeIndex) or pd.api.types.infer_dtype(benchmark.index) in dates


def by_times_of(benchmark: Any, times: pd.DatetimeIndex) -> Any:
    """Prices at some times, NaN where there are none.

    Of daily bars the date counts, whatever the hour and zone of the benchmark's.
    """
    index = pd.DatetimeIndex(pd.to_datetime(benchmark.index))
    if (times == times.normalize()).all():
        index = index.tz_localize(None).normalize()
    elif index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    prices = pd.Series(benchmark.to_numpy(dtype=np.float64), index=index)
    return prices[~index.duplicated(keep="last")].reindex(times).to_numpy()


def longest_run(flags: Any) -> int:
    """The longest row of True."""
    longest = length = 0
    for flag in flags:
        length = length + 1 if flag else 0
        longest = max(longest, length)
    return longest
