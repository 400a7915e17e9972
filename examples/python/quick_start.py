"""A first backtest: a sample market, a momentum strategy, its result from several sides.

    python examples/python/quick_start.py [DATABASE]

Without a database a sample market is made in a temporary folder.
"""

import sys
import tempfile

import assay
from assay import BacktestAnalyzer, BacktestDataLoader, BacktestEngine, MomentumStrategy


def main(folder):
    if len(sys.argv) <= 1:
        assay.program("sample", "--db", folder, "--symbols", "40", "--days", "756", "--quiet")
    symbols = sorted(assay.ParquetDB(folder).read_prices()["symbol"].unique())

    # frames in memory: the way of notebooks
    prices_df, technical_df, fundamental_df = BacktestDataLoader(folder).load_backtest_data(symbols)
    engine = BacktestEngine(initial_capital=100_000.0, commission_pct=0.001, slippage_bps=5.0)
    results = engine.run([MomentumStrategy(lookback=20, threshold=0.10)], prices_df, technical_df)
    print(results)
    for name in ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "win_rate_pct"):
        print(f"{name:20} {results['metrics'][name]:10.2f}")

    analyzer = BacktestAnalyzer(results)
    print(analyzer.annual_returns())
    print(analyzer.best_trades(3)[["symbol", "entry_date", "exit_date", "pnl", "reason"]])

    # the database read by C: the way of large markets; the same run as that of `assay run momentum`
    run = assay.run("momentum", db=folder)
    print("stored as", run.save(folder))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(temporary)
