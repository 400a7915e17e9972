"""The loader, tables that others wrote, sweeps of rules, and metrics beside those of others."""

import json
import math
import warnings
from datetime import date

import assay
import empyrical
import numpy as np
import pandas as pd
import pytest
from assay import (
    BacktestAnalyzer,
    BacktestDataLoader,
    BacktestEngine,
    BaseStrategy,
    ParquetDB,
)
from conftest import make_prices

# --- the loader ---


def test_a_dividend_without_a_bar_comes_at_the_next_bar_of_the_market(tmp_path, program):
    """As in the database itself: not at the next bar of its symbol."""
    prices = make_prices(60)
    days = prices.index.unique()
    prices = prices[~((prices["symbol"] == "AAPL") & (prices.index == days[30]))]
    for table in ("prices", "corporate_actions"):
        (tmp_path / table).mkdir()
    prices.assign(frequency="1d").reset_index().to_parquet(tmp_path / "prices" / "0.parquet")
    pd.DataFrame(
        {
            "symbol": ["AAPL", "AAPL"],
            "ex_date": days[[30, 40]],
            "split_ratio": [2.0, 1.0],
            "cash_dividend": [1.0, 5.0],
        }
    ).to_parquet(tmp_path / "corporate_actions" / "0.parquet")
    buy = assay.SignalsStrategy(pd.DataFrame({"timestamp": days[[3]], "symbol": ["AAPL"], "action": ["BUY"]}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a row that has an event alone is nothing to be warned of
        loaded, _, _ = BacktestDataLoader(tmp_path).load_backtest_data(["AAPL", "GOOGL", "MSFT"])
        of_frame = BacktestEngine().run(buy, loaded)
    of_database = assay.run(buy, tmp_path)
    assert of_frame["equity_curve"] == of_database["equity_curve"]
    assert of_frame.data_fingerprint == of_database.data_fingerprint
    assert loaded.loc[days[30]].query("symbol == 'AAPL'")["close_price"].isna().all()
    program("audit", of_frame.save(tmp_path), "--db", tmp_path)


@pytest.mark.parametrize("freq, bars", [("W", "1w"), ("M", "1mo")])
def test_splits_and_dividends_of_coarser_bars(sample, freq, bars):
    """As the C library has them: prices of a bar in shares as of its end, its splits as one, its dividends a share of the end."""
    symbols = sorted(set(ParquetDB(sample).read_prices()["symbol"]))
    coarse, _, _ = BacktestDataLoader(sample).load_backtest_data(symbols, resample_freq=freq)
    daily = ParquetDB(sample).read_prices()

    class Keeps(BaseStrategy):
        def signals(self, frame):
            self._frame = frame
            return frame.reset_index()[["timestamp", "symbol"]].iloc[:0].assign(action="BUY")

    strategy = Keeps()
    BacktestEngine(resample=bars).run(strategy, daily)
    expected = strategy._frame[strategy._frame["close_price"].notna()]
    coarse = coarse[coarse["close_price"].notna()]
    assert (daily["split_coefficient"] != 1).sum() > 3 and (daily["dividend_amount"] != 0).sum() > 3
    for symbol in symbols:
        ours, theirs = coarse[coarse["symbol"] == symbol], expected[expected["symbol"] == symbol]
        for name in (
            "open_price",
            "high_price",
            "low_price",
            "close_price",
            "volume",
            "split_coefficient",
            "dividend_amount",
        ):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12, err_msg=f"{symbol} {name}")


def test_loader_over_frames_with_keys_in_the_index(prices):
    class Users:
        def read_table(self, name):
            if name != "prices":
                raise KeyError(name)
            return prices.reset_index().set_index(["timestamp", "symbol"])

    loaded, technical, _ = BacktestDataLoader(Users()).load_backtest_data(
        ["AAPL"], "2023-02-01", "2023-03-01"
    )
    assert set(loaded["symbol"]) == {"AAPL"} and len(technical) == 0
    assert loaded.index.min() >= pd.Timestamp("2023-02-01") and loaded.index.max() <= pd.Timestamp(
        "2023-03-01"
    )


def test_files_of_a_table_with_times_in_any_form(tmp_path, prices):
    (tmp_path / "prices").mkdir()
    first, second, third = (
        prices.loc[d]
        for d in (slice(None, "2023-02-28"), slice("2023-03-01", "2023-04-28"), slice("2023-05-01", None))
    )
    first.reset_index().assign(timestamp=lambda f: f["timestamp"].dt.date).to_parquet(
        tmp_path / "prices" / "1.parquet"
    )
    second.reset_index().assign(timestamp=lambda f: f["timestamp"].astype(str)).to_parquet(
        tmp_path / "prices" / "2.parquet"
    )
    third.reset_index().to_parquet(tmp_path / "prices" / "3.parquet")
    read = ParquetDB(tmp_path).read_prices(["AAPL"], date(2023, 2, 1), 20230531)
    expected = prices[prices["symbol"] == "AAPL"].loc["2023-02-01":"2023-05-31"]
    assert (read.index == expected.index).all() and read["close_price"].tolist() == expected[
        "close_price"
    ].tolist()
    pd.DataFrame({"timestamp": ["2023-01-01"], "symbol": ["AAPL"], "volume": ["many"]}).to_parquet(
        tmp_path / "prices" / "4.parquet"
    )
    with pytest.raises(assay.DataError, match="files of prices do not go together"):
        ParquetDB(tmp_path).read_prices()


def test_rows_of_runs_that_others_wrote(tmp_path, program):
    db = ParquetDB(tmp_path)
    with pytest.raises(assay.DataError, match="1 rows have no run_id"):
        db.upsert_backtest_runs(pd.DataFrame({"run_id": [None], "strategy": ["x"]}))
    db.upsert_backtest_runs(pd.DataFrame({"run_id": ["mine"], "strategy": ["x"], "total_return_pct": [3.0]}))
    (row,) = json.loads(program("runs", "--db", tmp_path, "--format", "json"))
    assert (row["run_id"], row["total_return_pct"], row["sharpe_ratio"]) == ("mine", 3.0, None)
    for command in ("show", "audit"):
        with pytest.raises(assay.DataError, match="without (a|its) configuration"):
            assay.program(command, "mine", "--db", str(tmp_path))


# --- sweeps ---


def test_a_sweep_of_a_rule_has_a_name_that_tells_rules_apart(sample, tmp_path):
    rule = tmp_path / "my rule.yaml"
    text = "rule:\n  buy: close > sma(close, n)\n  sell: close < sma(close, n)\nparameters:\n  n: 20\n"
    rule.write_text(text)
    first = assay.optimize(
        f"rule:{rule}", {"n": [5, 9]}, sample, start=pd.Timestamp("2015-03-02"), keep="none", benchmark=None
    )
    assert first.sweep_id.startswith("my_rule_yaml-sweep-") and len(first.points) == 2
    rule.write_text(text.replace("close >", "open >"))
    second = assay.optimize(f"rule:{rule}", {"n": [5, 9]}, sample, start="2015-03-02", keep="none")
    assert second.sweep_id != first.sweep_id
    assert not second.points["sharpe_ratio"].equals(first.points["sharpe_ratio"])


def test_lists_in_settings_of_a_sweep(sample):
    days = [20150601, "2015-09-01"]
    sweep = assay.optimize("momentum", {"lookback": [10]}, sample, keep="none", rebalance_dates=days)
    alone = assay.run(assay.MomentumStrategy(10), sample, rebalance_dates=days)
    assert sweep.points["total_trades"].tolist() == [alone["metrics"]["total_trades"]]
    assert sweep.points["sharpe_ratio"].tolist() == [alone["metrics"]["sharpe_ratio"]]


# --- metrics and comparisons ---


def test_metrics_are_all_that_a_run_has(sample, program):
    stored = json.loads(program("run", "momentum", "--db", sample, "--format", "json", "--no-store"))[
        "metrics"
    ]
    r = assay.run("momentum", sample)
    assert set(r["metrics"]) == set(stored) and len(stored) > 50
    for name, value in stored.items():
        own = r["metrics"][name]
        assert (value is None and math.isnan(own)) or own == pytest.approx(value, rel=1e-12), name


def test_a_benchmark_gives_the_metrics_against_it(prices):
    market = make_prices(symbols=("MARKET",), seed=3)["close_price"]
    r = BacktestEngine().run("momentum", prices, benchmark=market)
    b = market.pct_change().iloc[1:]
    own = r.returns.iloc[1:]
    excess = own - b
    metrics = r["metrics"]
    assert metrics["information_ratio"] == pytest.approx(
        excess.mean() / excess.std() * math.sqrt(252), rel=1e-9
    )
    assert metrics["beta"] == pytest.approx(empyrical.beta(own, b), rel=1e-9)
    assert r.metrics.loc["tracking_error_pct", "unit"] == "%"


def test_a_market_with_gaps_other_hours_and_zones(prices):
    r = BacktestEngine(max_position_pct=0.3).run("momentum", prices)
    days = r.equity.index
    market = pd.Series(np.linspace(100, 150, len(days)) + np.sin(np.arange(len(days))), index=days)
    plain = BacktestAnalyzer(r).comparison_to_benchmark(market)
    for index in (
        days + pd.Timedelta(hours=16),
        (days + pd.Timedelta(hours=16)).tz_localize("America/New_York"),
        days.tz_localize("Asia/Tokyo"),
        pd.Index([d.date() for d in days]),
    ):
        assert BacktestAnalyzer(r).comparison_to_benchmark(pd.Series(market.to_numpy(), index=index)) == plain
    # what lies in a gap is in one return, of both
    gaps = market.drop(days[[10, 11, 40]])
    compared = BacktestAnalyzer(r).comparison_to_benchmark(gaps)
    equity = r.equity.reindex(gaps.index)
    own, b = equity.pct_change().dropna(), gaps.pct_change().dropna()
    assert compared["total_return_pct"] == pytest.approx((equity.iloc[-1] / equity.iloc[0] - 1) * 100)
    assert compared["total_return_pct"] == pytest.approx(plain["total_return_pct"])
    assert compared["benchmark_return_pct"] == pytest.approx((gaps.iloc[-1] / gaps.iloc[0] - 1) * 100)
    assert compared["beta"] == pytest.approx(empyrical.beta(own, b), rel=1e-9)
    elsewhere = BacktestAnalyzer(r).comparison_to_benchmark(
        pd.Series([1.0, 2.0], index=pd.DatetimeIndex(["1999-01-01", "1999-01-04"]))
    )
    assert all(math.isnan(value) for value in elsewhere.values())
