"""What a user of the wheel does first: the three examples, over a database that pandas and pyarrow wrote.

Run by tools/run-tests --long wheel in an environment that has the wheel with its extra `prefect`, and nothing else of the project;
asserts by itself. Only the lines of import of the examples are others than in the sketch that the package began with.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

SYMBOLS = ["AAPL", "GOOGL", "META", "MSFT", "TSLA"]
SECTORS = ["Technology", "Communication", "Communication", "Technology", "Consumer"]


def write_table(folder, table, frame):
    """table/year=Y/month=M/day=D/, symbols as a dictionary."""
    for day, rows in frame.groupby(frame["timestamp"].dt.normalize()):
        target = folder / table / f"year={day.year}" / f"month={day.month}" / f"day={day.day}"
        target.mkdir(parents=True)
        columns = pa.Table.from_pandas(rows, preserve_index=False)
        place = columns.schema.get_field_index("symbol")
        columns = columns.set_column(place, "symbol", columns["symbol"].dictionary_encode())
        pq.write_table(columns, target / "0.parquet", compression="snappy")


def write_database(folder):
    days = pd.date_range("2023-01-02", "2024-12-31", freq="B")
    rng = np.random.default_rng(3)
    parts = []
    for symbol in SYMBOLS:
        close = 100 * np.exp(np.cumsum(rng.normal(0.0008, 0.025, len(days))))
        opened = close * np.exp(rng.normal(0, 0.004, len(days)))
        parts.append(
            pd.DataFrame(
                {
                    "timestamp": days,
                    "symbol": symbol,
                    "open_price": opened,
                    "high_price": np.maximum(opened, close) * 1.01,
                    "low_price": np.minimum(opened, close) * 0.99,
                    "close_price": close,
                    "volume": rng.integers(10**6, 10**7, len(days)),
                    "frequency": "1d",
                    "data_source": "test",
                    "created_at": days,
                    "updated_at": days,
                }
            )
        )
    write_table(folder, "prices", pd.concat(parts, ignore_index=True))
    known = pd.DataFrame({"timestamp": days[0], "symbol": SYMBOLS, "sector": SECTORS, "pe_ratio": 20.0})
    write_table(folder, "fundamental_analysis", known)


def basic_momentum():
    from assay import BacktestDataLoader, BacktestEngine, MomentumStrategy

    # Load data
    loader = BacktestDataLoader()
    prices_df, technical_df, fundamental_df = loader.load_backtest_data(
        symbols=["AAPL", "MSFT", "GOOGL"],
        start_date="2023-01-01",
        end_date="2024-12-31"
    )

    # Create strategy
    strategy = MomentumStrategy(lookback=20, threshold=0.10)

    # Run backtest
    engine = BacktestEngine(
        initial_capital=100000.0,
        commission_pct=0.001,
        slippage_bps=5.0
    )

    results = engine.run(
        strategies=[strategy],
        prices_df=prices_df,
        technical_df=technical_df,
        holdings_df=pd.DataFrame({"sym": ["AAPL", "MSFT", "GOOGL"]})
    )

    # Analyze
    print(f"Total Return: {results['metrics']['total_return_pct']:.2f}%")
    print(f"Sharpe Ratio: {results['metrics']['sharpe_ratio']:.2f}")
    print(f"Max Drawdown: {results['metrics']['max_drawdown_pct']:.2f}%")
    print(f"Win Rate: {results['metrics']['win_rate_pct']:.2f}%")

    assert len(results["equity_curve"]) == len(prices_df.index.unique()) + 1
    assert results["metrics"]["total_trades"] > 0
    return prices_df, technical_df


def several_strategies():
    from assay.flows import backtest_quick_wins_flow

    results = backtest_quick_wins_flow(
        symbols=["AAPL", "MSFT", "GOOGL", "TSLA", "META"],
        start_date="2023-01-01",
        end_date="2024-12-31",
        strategies=["momentum", "mean_reversion", "sector_rotation"]
    )

    print(results["momentum"]["metrics"])
    print(results["mean_reversion"]["metrics"])

    assert list(results) == ["momentum", "mean_reversion", "sector_rotation"]
    for result in results.values():
        assert {"equity_curve", "trades", "portfolio_history", "metrics", "parameters"} <= set(result)


def parameter_optimization(prices_df, technical_df):
    from assay import BacktestEngine, MomentumStrategy

    holdings_df = pd.DataFrame({"sym": ["AAPL", "MSFT", "GOOGL"]})
    # Test multiple lookback periods
    results_by_lookback = {}

    for lookback in [10, 15, 20, 30, 50]:
        strategy = MomentumStrategy(lookback=lookback, threshold=0.10)
        engine = BacktestEngine()

        results = engine.run(
            strategies=[strategy],
            prices_df=prices_df,
            technical_df=technical_df,
            holdings_df=holdings_df
        )

        results_by_lookback[lookback] = results["metrics"]["sharpe_ratio"]

    # Find optimal
    optimal_lookback = max(results_by_lookback, key=results_by_lookback.get)
    print(f"Optimal lookback: {optimal_lookback}")

    assert len(set(results_by_lookback.values())) > 1


def libraries_are_in_the_wheel():
    """What the extension module and the program load is in the wheel, but for libc and what belongs to it."""
    import assay

    package = Path(assay.__file__).parent
    site = Path(sys.prefix)
    assert site in package.parents, package
    for file in [*package.glob("_native*.so"), package / "bin" / "assay"]:
        found = subprocess.run(["ldd", file], capture_output=True, text=True, check=True).stdout
        for name in ("duckdb", "yaml", "cjson"):
            lines = [line for line in found.splitlines() if f"lib{name}" in line.split("=>")[0]]
            assert len(lines) == 1 and str(site) in lines[0].split("=>")[1], (file, found)
    says = subprocess.run([site / "bin" / "assay", "--version"], capture_output=True, text=True, check=True).stdout
    assert says.strip() == f"assay {assay.__version__}", says


def main():
    with tempfile.TemporaryDirectory(prefix="assay-wheel-") as folder:
        os.chdir(folder)
        os.environ.update(ASSAY_DB=f"{folder}/db", PREFECT_HOME=f"{folder}/prefect", DO_NOT_TRACK="1")
        os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"
        os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
        write_database(Path("db"))
        libraries_are_in_the_wheel()
        frames = basic_momentum()
        several_strategies()
        parameter_optimization(*frames)
        os.chdir("/")


if __name__ == "__main__":
    main()
