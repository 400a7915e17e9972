"""Every metric of a run that empyrical or quantstats has, too, against theirs: on a sample market, and on real prices.

Equity comes from the stored run, the benchmark from the prices (DuckDB), trades from the stored trades; the metrics are then
computed by empyrical-reloaded, quantstats, pandas and NumPy. Where they define a number otherwise, the difference is written
down in docs/conventions.md, and tested here on a small example.
"""

import functools
import json
import math
import warnings

import duckdb
import empyrical
import numpy as np
import pandas as pd
import pytest
from test_real_market import PRICES, SECTORS

warnings.filterwarnings("ignore")
TOLERANCE = 1e-10  # relative, or absolute near 0
REAL = [
    ("momentum", []),
    ("mean_reversion", []),
    ("sector_rotation", ["--holdings", SECTORS]),
    ("portfolio_beta", []),
    ("momentum", ["--set", "lookback=120", "--set", "risk_free_rate=0.02"]),
]


@pytest.fixture(scope="module")
def quantstats():
    import quantstats.stats

    return quantstats.stats


@pytest.fixture(scope="module")
def real_database(assay_bin, tmp_path_factory):
    import subprocess

    if not PRICES.is_file():
        pytest.skip(f"real prices are not here ({PRICES.name}; name the file with ASSAY_REAL_PRICES)")
    folder = tmp_path_factory.mktemp("real") / "db"
    subprocess.run([assay_bin, "import", PRICES, "--db", folder], check=True, capture_output=True)
    return folder


def table(database, name, run_id):
    return duckdb.execute(
        f"SELECT * FROM read_parquet('{database}/backtest_{name}/**/{run_id}.parquet', hive_partitioning=false)"
    ).df()


@functools.cache
def equal_weight_market(database):
    """Mean of the split-adjusted returns between own bars, over the symbols that have one, by date."""
    prices = f"read_parquet('{database}/prices/**/*.parquet', hive_partitioning=false)"
    actions = f"read_parquet('{database}/corporate_actions/**/*.parquet', hive_partitioning=false)"
    frame = duckdb.execute(
        f"SELECT symbol, timestamp::DATE d, close_price c FROM {prices} ORDER BY symbol, d"
    ).df()
    splits = {}
    if list(database.glob("corporate_actions/**/*.parquet")):
        for symbol, day, ratio in duckdb.execute(
            f"SELECT symbol, ex_date::DATE, split_ratio FROM {actions} WHERE split_ratio > 0 AND split_ratio <> 1"
        ).fetchall():
            splits.setdefault(symbol, []).append((pd.Timestamp(day), ratio))
    returns = []
    for symbol, rows in frame.groupby("symbol"):
        close = pd.Series(rows.c.values, index=pd.to_datetime(rows.d)).dropna()
        factor = pd.Series(1.0, index=close.index)
        for day, ratio in splits.get(symbol, []):
            factor[factor.index >= day] *= ratio
        adjusted = close * factor
        returns.append(adjusted / adjusted.shift(1) - 1)
    return pd.concat(returns, axis=1).mean(axis=1, skipna=True)


def stated(database, run_id):
    return table(database, "results", run_id).set_index("metric")["value"]


def series_of(database, run_id):
    daily = table(database, "metrics", run_id).sort_values("date")
    (capital,) = table(database, "runs", run_id)["initial_capital"]
    equity = pd.Series(daily.total_value.values, index=pd.to_datetime(daily.date))
    returns = equity / equity.shift(1, fill_value=capital) - 1
    returns[returns.abs() < 1e-12] = 0.0
    return daily, capital, equity, returns


def theirs(database, run_id, quantstats, rf):
    daily, capital, equity, r = series_of(database, run_id)
    b = equal_weight_market(database).reindex(r.index)
    trades = table(database, "trades", run_id)
    closed = trades[trades.status == "closed"]
    rate = rf / 252
    months = r.groupby([r.index.year, r.index.month]).apply(lambda x: (1 + x).prod() - 1)
    years = r.groupby(r.index.year).apply(lambda x: (1 + x).prod() - 1)
    both = r.to_frame("r").assign(b=b).dropna()
    kwargs = {"prepare_returns": False}
    depth = pd.concat([pd.Series([capital]), equity])
    depth = (depth / depth.cummax() - 1).iloc[1:]
    depth[depth > -1e-12] = 0.0
    return {
        "total_return_pct": empyrical.cum_returns_final(r) * 100,
        "annual_return_pct": empyrical.annual_return(r) * 100,
        "annual_volatility_pct": np.std(r, ddof=0) * math.sqrt(252) * 100,
        "sharpe_ratio": (empyrical.annual_return(r) - rf) / (np.std(r, ddof=0) * math.sqrt(252)),
        "max_drawdown_pct": empyrical.max_drawdown(r) * 100,
        "calmar_ratio": empyrical.calmar_ratio(r),
        "sharpe_arithmetic": empyrical.sharpe_ratio(r, risk_free=rate),
        "sortino_arithmetic": empyrical.sortino_ratio(r, required_return=rate),
        "omega_ratio": empyrical.omega_ratio(r, risk_free=rate),
        "tail_ratio": empyrical.tail_ratio(r),
        "stability": empyrical.stability_of_timeseries(r),
        "var_95_pct": empyrical.value_at_risk(r) * 100,
        "var_99_pct": empyrical.value_at_risk(r, 0.01) * 100,
        "cvar_95_pct": empyrical.conditional_value_at_risk(r) * 100,
        "skew": quantstats.skew(r, **kwargs),
        "excess_kurtosis": quantstats.kurtosis(r, **kwargs),
        "payoff_ratio": quantstats.payoff_ratio(r, **kwargs),
        "kelly_fraction": quantstats.kelly_criterion(r, **kwargs),
        "ulcer_index": math.sqrt((depth**2).sum() / (len(r) - 1)),
        "recovery_factor": r.sum() / -empyrical.max_drawdown(r),
        "best_day_pct": quantstats.best(r, **kwargs) * 100,
        "worst_day_pct": quantstats.worst(r, **kwargs) * 100,
        "best_month_pct": months.max() * 100,
        "worst_month_pct": months.min() * 100,
        "best_year_pct": years.max() * 100,
        "worst_year_pct": years.min() * 100,
        "longest_win_run_bars": quantstats.consecutive_wins(r, **kwargs),
        "longest_loss_run_bars": quantstats.consecutive_losses(r, **kwargs),
        "time_in_market_pct": (daily.num_positions > 0).mean() * 100,
        "annual_turnover": daily.turnover.mean() * 252,
        "expectancy": closed.pnl.mean(),
        "win_rate_pct": (closed.pnl > 0).mean() * 100,
        "benchmark_return_pct": empyrical.cum_returns_final(b.dropna()) * 100,
        "beta": empyrical.beta(r, b, risk_free=rate),
        "alpha": empyrical.alpha(both.r, both.b, risk_free=rate),
        "information_ratio": quantstats.information_ratio(both.r, both.b, prepare_returns=False)
        * math.sqrt(252),
        "tracking_error_pct": (both.r - both.b).std() * math.sqrt(252) * 100,
        "r_squared": both.r.corr(both.b) ** 2,
        "up_capture": empyrical.up_capture(both.r, both.b),
        "down_capture": empyrical.down_capture(both.r, both.b),
    }


def compare(database, run_id, quantstats, rf=0.0):
    ours = stated(database, run_id)
    for name, value in theirs(database, run_id, quantstats, rf).items():
        assert ours[name] == pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE), name


def test_sample_market(assay, quantstats, tmp_path):
    database = tmp_path / "db"
    assay("sample", "--db", database, "--symbols", 60, "--days", 800, "--seed", 3)
    assay("run", "momentum", "--db", database, "--run-id", "sample", "--set", "risk_free_rate=0.015")
    compare(database, "sample", quantstats, 0.015)


@pytest.mark.parametrize(
    "number", [0, 1, *(pytest.param(n, marks=pytest.mark.long) for n in range(2, len(REAL)))]
)
def test_real_prices(assay, real_database, quantstats, number):
    strategy, options = REAL[number]
    assay("run", strategy, "--db", real_database, "--run-id", f"real-{number}", *options)
    compare(
        real_database, f"real-{number}", quantstats, 0.02 if options[-1:] == ["risk_free_rate=0.02"] else 0.0
    )


# --- where quantstats and empyrical mean something else ---


def test_differences_of_definition(quantstats):
    """The small examples of docs/conventions.md."""
    r = pd.Series([0.01, -0.02, 0.015, -0.01, 0.02, 0.0], index=pd.date_range("2024-01-01", periods=6))
    # quantstats' VaR is that of a normal distribution; empyrical's and ours is a percentile.
    assert quantstats.value_at_risk(r, prepare_returns=False) == pytest.approx(-0.022849, abs=1e-6)
    assert empyrical.value_at_risk(r) == pytest.approx(-0.0175)
    # quantstats' recovery factor has no sign.
    assert quantstats.recovery_factor(-r, prepare_returns=False) > 0
    # quantstats rounds the time in market up to whole percents.
    assert quantstats.exposure(r, prepare_returns=False) == 0.84
    # quantstats' alpha is not compounded.
    b = pd.Series([0.012, -0.01, 0.01, -0.012, 0.01, 0.001], index=r.index)
    assert quantstats.greeks(r, b, prepare_returns=False)["alpha"] != pytest.approx(
        empyrical.alpha(r, b), rel=1e-3
    )


def test_conventions_of_other_tools(assay, quantstats, tmp_path):
    """assay show --conventions, against the tools themselves where they are here, else against their formulas in NumPy."""
    database = tmp_path / "db"
    assay("sample", "--db", database, "--symbols", 20, "--days", 700, "--seed", 8)
    assay("run", "momentum", "--db", database, "--run-id", "c", "--set", "risk_free_rate=0.01")
    said = json.loads(assay("show", "c", "--db", database, "--conventions", "--format", "json").stdout)
    ours = {(row["measure"], row["tool"]): row["value"] for row in said}
    daily, capital, equity, r = series_of(database, "c")
    g = (equity.iloc[-1] / capital) ** (1 / (len(r) + 1))
    annual, years = g**252 - 1, r.groupby(r.index.year).apply(lambda x: (1 + x).prod() - 1)
    volatility = math.sqrt((r.var() + g**2) ** 252 - g ** (2 * 252))
    downside = math.sqrt((np.minimum(r, 0) ** 2).mean() * 252)
    summed = r.cumsum()
    expected = {
        ("Sharpe ratio", "assay"): stated(database, "c")["sharpe_ratio"],
        ("Sharpe ratio", "empyrical"): empyrical.sharpe_ratio(r, risk_free=0.01 / 252),
        ("Sharpe ratio", "quantstats"): r.mean() / r.std() * math.sqrt(252),
        ("Sharpe ratio", "pyfolio"): empyrical.sharpe_ratio(r),
        ("Sharpe ratio", "backtesting.py"): (annual - 0.01) / volatility,
        ("Sharpe ratio", "backtrader"): (years.mean() - 0.01) / years.std(ddof=0),
        ("Sharpe ratio", "qlib"): r.mean() / r.std() * math.sqrt(238),
        ("Sortino ratio", "assay"): stated(database, "c")["sortino_ratio"],
        ("Sortino ratio", "empyrical"): empyrical.sortino_ratio(r, required_return=0.01 / 252),
        ("Sortino ratio", "quantstats"): quantstats.sortino(r),
        ("Sortino ratio", "pyfolio"): empyrical.sortino_ratio(r),
        ("Sortino ratio", "backtesting.py"): (annual - 0.01) / downside,
        ("annual return %", "assay"): empyrical.annual_return(r) * 100,
        ("annual return %", "backtesting.py"): annual * 100,
        ("annual return %", "qlib"): r.mean() * 238 * 100,
        ("annual volatility %", "assay"): r.std(ddof=0) * math.sqrt(252) * 100,
        ("annual volatility %", "empyrical"): empyrical.annual_volatility(r) * 100,
        ("annual volatility %", "backtesting.py"): volatility * 100,
        ("maximum drawdown %", "assay"): empyrical.max_drawdown(r) * 100,
        ("maximum drawdown %", "qlib"): (summed - summed.cummax()).min() * 100,
    }
    assert set(ours) == set(expected)
    for key, value in expected.items():
        assert ours[key] == pytest.approx(value, rel=1e-9), key
