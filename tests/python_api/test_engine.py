"""Runs over frames: the brief's examples, the shape of what they return, and every kind of input."""

import json
import math
import threading

import assay
import empyrical
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from assay import BacktestAnalyzer, BacktestDataLoader, BacktestEngine, MomentumStrategy, ParquetDB
from conftest import make_prices

METRICS = {
    "total_return_pct",
    "annual_return_pct",
    "annual_volatility_pct",
    "sharpe_ratio",
    "sortino_ratio",
    "max_drawdown_pct",
    "win_rate_pct",
    "profit_factor",
    "total_trades",
    "winning_trades",
    "losing_trades",
    "avg_win_pnl",
    "avg_loss_pnl",
}


@pytest.fixture(scope="module")
def users_db(tmp_path_factory):
    """A ParquetDB as pandas and pyarrow write it: a folder a day, dictionary symbols, a key of times and symbols."""
    root = tmp_path_factory.mktemp("users") / "db"
    frame = make_prices(60).reset_index()
    frame["symbol"] = frame["symbol"].astype("category")
    for day, rows in frame.groupby("timestamp"):
        folder = root / "prices" / f"year={day.year}" / f"month={day.month}" / f"day={day.day}"
        folder.mkdir(parents=True)
        rows.to_parquet(folder / "data.parquet", index=False)
    return root


# --- the three examples: only the lines of import are others ---


def test_example_1_basic_momentum(users_db, monkeypatch, capsys):
    monkeypatch.setenv("ASSAY_DB", str(users_db))
    # Load data
    loader = BacktestDataLoader()
    prices_df, technical_df, fundamental_df = loader.load_backtest_data(
        symbols=["AAPL", "MSFT", "GOOGL"], start_date="2023-01-01", end_date="2024-12-31"
    )

    # Create strategy
    strategy = MomentumStrategy(lookback=20, threshold=0.10)

    # Run backtest
    engine = BacktestEngine(initial_capital=100000.0, commission_pct=0.001, slippage_bps=5.0)

    results = engine.run(
        strategies=[strategy],
        prices_df=prices_df,
        technical_df=technical_df,
        holdings_df=pd.DataFrame({"sym": ["AAPL", "MSFT", "GOOGL"]}),
    )

    # Analyze
    print(f"Total Return: {results['metrics']['total_return_pct']:.2f}%")
    print(f"Sharpe Ratio: {results['metrics']['sharpe_ratio']:.2f}")
    print(f"Max Drawdown: {results['metrics']['max_drawdown_pct']:.2f}%")
    print(f"Win Rate: {results['metrics']['win_rate_pct']:.2f}%")

    assert "Total Return: " in capsys.readouterr().out
    assert len(results["equity_curve"]) == 61
    # the same run as that which C makes of the database by itself
    alone = assay.run(strategy, db=users_db, symbols=["AAPL", "MSFT", "GOOGL"])
    assert alone["equity_curve"] == results["equity_curve"]
    assert alone.data_fingerprint == results.data_fingerprint


def test_example_3_parameter_optimization(prices):
    prices_df, technical_df, holdings_df = (
        prices,
        pd.DataFrame(),
        pd.DataFrame({"sym": ["AAPL", "MSFT", "GOOGL"]}),
    )
    # Test multiple lookback periods
    results_by_lookback = {}

    for lookback in [10, 15, 20, 30, 50]:
        strategy = MomentumStrategy(lookback=lookback, threshold=0.10)
        engine = BacktestEngine()

        results = engine.run(
            strategies=[strategy], prices_df=prices_df, technical_df=technical_df, holdings_df=holdings_df
        )

        results_by_lookback[lookback] = results["metrics"]["sharpe_ratio"]

    # Find optimal
    optimal_lookback = max(results_by_lookback, key=results_by_lookback.get)
    assert results_by_lookback[optimal_lookback] == max(results_by_lookback.values())
    assert len(set(results_by_lookback.values())) > 1


# --- what is returned ---


def test_shape_of_the_dictionary_is_frozen(prices):
    results = BacktestEngine().run([MomentumStrategy(threshold=0.05)], prices)
    n_bars = prices.index.nunique()
    assert list(results) == ["equity_curve", "trades", "portfolio_history", "metrics", "parameters"]
    assert isinstance(results, dict)
    assert len(results["equity_curve"]) == n_bars + 1
    assert results["equity_curve"][0] == 100_000.0
    assert all(type(value) is float for value in results["equity_curve"])
    assert len(results["portfolio_history"]) == n_bars
    assert METRICS <= set(results["metrics"])
    assert type(results["metrics"]["total_trades"]) is int
    assert {k: results["parameters"][k] for k in ("initial_capital", "commission_pct", "slippage_bps")} == {
        "initial_capital": 100_000.0,
        "commission_pct": 0.001,
        "slippage_bps": 5.0,
    }
    trade = results["trades"][0]
    assert isinstance(trade, assay.Trade)
    assert isinstance(trade.entry_date, pd.Timestamp)
    assert trade.trade_id == "00000001"
    snapshot = results["portfolio_history"][-1]
    assert isinstance(snapshot, assay.PortfolioSnapshot)
    assert snapshot.date == prices.index[-1]
    assert snapshot.total_value == results["equity_curve"][-1]
    assert snapshot.total_value == pytest.approx(snapshot.cash + snapshot.net_exposure, rel=1e-12)


def test_open_trades_have_no_exit(prices):
    results = BacktestEngine().run(MomentumStrategy(threshold=0.05), prices)
    is_open = [t for t in results["trades"] if t.exit_date is None]
    assert is_open
    assert all(t.pnl is None and t.exit_price is None and t.pnl_pct is None for t in is_open)
    frame = results.trades
    assert (frame["status"] == "open").sum() == len(is_open)
    assert frame.loc[frame["status"] == "open", "exit_date"].isna().all()
    assert results["metrics"]["total_trades"] == len(results["trades"]) - len(is_open)


def test_undefined_metrics_are_nan(prices):
    results = BacktestEngine().run(MomentumStrategy(threshold=9.0), prices)
    assert results["metrics"]["total_trades"] == 0
    for name in ("sharpe_ratio", "win_rate_pct", "profit_factor"):
        assert isinstance(results["metrics"][name], float) and math.isnan(results["metrics"][name])
    assert "no_signals" in results.warnings
    assert len(results.trades) == 0 and len(results.signals) == 0 and results["trades"] == []


def test_a_second_run_starts_afresh(prices):
    engine = BacktestEngine()
    first = engine.run(MomentumStrategy(threshold=0.05), prices)
    second = engine.run(MomentumStrategy(threshold=0.05), prices)
    assert first["equity_curve"] == second["equity_curve"]
    assert first.run_id == second.run_id
    assert first["trades"] == second["trades"]


def test_frames_agree_with_the_lists(sample_prices):
    r = BacktestEngine().run("momentum", sample_prices)
    assert r.equity.tolist() == r["equity_curve"][1:]
    assert r.snapshots["cash"].tolist() == [s.cash for s in r["portfolio_history"]]
    assert r.trades["symbol"].tolist() == [t.symbol for t in r["trades"]]
    fills = r.fills
    assert fills["commission"].sum() == pytest.approx(
        sum(t.commission for t in r["trades"]), rel=1e-9
    )  # both sides of what is closed, one of what is open
    ordered = r.signals[r.signals["status"] == "ordered"]
    assert len(ordered) > 0 and set(ordered["action"]) <= {"BUY", "SELL"}
    assert not r.records("trades").flags.writeable
    assert np.allclose(np.prod(1 + r.returns) - 1, r["equity_curve"][-1] / 100_000 - 1, rtol=1e-9)
    assert r.metrics.loc["sharpe_ratio", "value"] == r["metrics"]["sharpe_ratio"]
    assert "sharpe_ratio" in r._repr_html_() and "momentum" in repr(r)


FRAMES = [
    "trades", "equity", "returns", "signals", "fills", "snapshots", "positions", "position_values", "metrics", "strategies",
]  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_arrow_and_polars_have_the_frames(sample_prices, name):
    import polars

    r = BacktestEngine().run("momentum", sample_prices)
    own = getattr(r, name)
    if name in ("equity", "returns"):
        own = own.to_frame()
    own = own if name in ("trades", "signals", "fills", "strategies") else own.reset_index()
    table = r.arrow(name)
    assert table.num_rows == len(own) > 0 and table.column_names == list(own.columns)
    back = table.to_pandas()
    for column in own:
        ours, theirs = own[column], back[column]
        if ours.dtype.kind == "M":
            assert str(table.schema.field(column).type) == "timestamp[us]"
            theirs = theirs.astype(ours.dtype)
        elif str(theirs.dtype) in ("category", "object", "str"):
            theirs = theirs.astype(object)
            ours = ours.astype(object)
        pd.testing.assert_series_equal(ours, theirs, check_exact=True)
    frame = r.polars(name)
    assert isinstance(frame, polars.DataFrame) and frame.columns == list(own.columns)
    assert frame.equals(polars.from_arrow(table))


def test_a_frame_that_there_is_not(prices):
    with pytest.raises(assay.ArgumentError, match="no frame 'profits'; there are trades, equity"):
        BacktestEngine().run("momentum", prices).arrow("profits")


def test_metrics_against_empyrical(sample_prices):
    r = BacktestEngine().run("momentum", sample_prices)
    returns = pd.Series(np.diff(r["equity_curve"]) / np.array(r["equity_curve"][:-1]))
    m = r["metrics"]
    assert m["max_drawdown_pct"] / 100 == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9)
    assert m["annual_return_pct"] / 100 == pytest.approx(empyrical.annual_return(returns), rel=1e-9)
    assert m["sharpe_arithmetic"] == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9)


def test_positions_are_what_the_fills_leave(prices):
    r = BacktestEngine().run(MomentumStrategy(threshold=0.05), prices)
    close = prices.pivot_table(index=prices.index, columns="symbol", values="close_price", observed=True)
    value = (r.positions * close[r.positions.columns]).sum(axis=1)
    assert np.allclose(value, r.snapshots["net_exposure"], rtol=1e-9, atol=1e-6)


def test_tearsheet_is_that_of_the_program(tmp_path, sample, program):
    r = assay.run("momentum", db=sample)
    r.save(sample)
    program(
        "report", r.run_id, "--db", sample, "--format", "json", "--out", tmp_path / "theirs.json", "--quiet"
    )
    ours = json.loads(r.tearsheet(tmp_path / "ours.json").read_text())
    theirs = json.loads((tmp_path / "theirs.json").read_text())
    assert ours["kind"] == theirs["kind"]
    different = {key for key in set(ours) | set(theirs) if ours.get(key) != theirs.get(key)}
    # the program knows of the database, such as sectors for the attribution
    assert different <= {"attribution", "groups", "texts", "trades"} and len(ours) > 20, different

    class Mine(assay.BaseStrategy):
        def on_bar(self, view):
            view.signals("BUY", view.close > 101)

    page = BacktestEngine().run(Mine(), make_prices()).tearsheet(tmp_path / "mine.html").read_text()
    assert page.startswith("<!") and "Mine" in page and page.rstrip().endswith("</html>")
    with pytest.raises(ValueError, match="html or .json"):
        r.tearsheet(tmp_path / "x.pdf")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.html", "ours.json", "theirs.json"]


def test_plot_draws_without_pyplot(prices):
    figure = BacktestEngine().run(MomentumStrategy(threshold=0.05), prices).plot()
    above, below = figure.axes
    assert len(above.lines[0].get_xdata()) == prices.index.nunique()
    assert figure._repr_png_().startswith(b"\x89PNG")


# --- every kind of input ---


def as_inputs(prices):
    plain = prices.reset_index()
    matrix = {
        name: prices.pivot(columns="symbol", values=name).to_numpy(dtype=float)
        for name in ("open_price", "high_price", "low_price", "close_price", "volume")
    }
    renamed = plain.rename(columns=lambda c: c.replace("_price", "")).rename(
        columns={"timestamp": "date", "symbol": "ticker"}
    )
    return {
        "index": prices,
        "columns": plain,
        "short names": renamed,
        "category": plain.assign(symbol=plain["symbol"].astype("category")),
        "shuffled": plain.sample(frac=1, random_state=3),
        "multi-index": plain.set_index(["timestamp", "symbol"]),
        "zoned": plain.assign(timestamp=plain["timestamp"].dt.tz_localize("UTC")),
        "text times": plain.assign(timestamp=plain["timestamp"].dt.strftime("%Y-%m-%d")),
        "milliseconds": plain.assign(timestamp=plain["timestamp"].astype("datetime64[ms]")),
        "polars": pl.from_pandas(plain),
        "polars categorical": pl.from_pandas(plain).with_columns(pl.col("symbol").cast(pl.Categorical)),
        "arrow": pa.Table.from_pandas(plain, preserve_index=False),
        "arrow dictionary": pa.Table.from_pandas(
            plain.assign(symbol=plain["symbol"].astype("category")), preserve_index=False
        ),
        "arrow chunks": pa.concat_tables(
            [pa.Table.from_pandas(part, preserve_index=False) for part in (plain[:50], plain[50:])]
        ),
        "arrays": {name: plain[name].to_numpy() for name in plain.columns},
        "matrices": {
            "timestamp": prices.index.unique().to_numpy(),
            "symbol": np.array(sorted(prices["symbol"].unique())),
            **matrix,
        },
        "panel": assay.Panel(prices),
    }


def test_inputs_are_equal(prices):
    inputs = as_inputs(prices)
    expected = BacktestEngine().run(MomentumStrategy(threshold=0.05), inputs.pop("index"))
    assert expected["metrics"]["total_trades"] > 2
    for name, data in inputs.items():
        r = BacktestEngine().run(MomentumStrategy(threshold=0.05), data)
        assert r["equity_curve"] == expected["equity_curve"], name
        assert r.run_id == expected.run_id, name


def test_input_is_not_changed_and_may_change(prices):
    frame = prices.copy()
    panel = assay.Panel(frame)
    pd.testing.assert_frame_equal(frame, prices)
    frame["close_price"] = 1.0
    assert (
        BacktestEngine().run("momentum", panel)["equity_curve"]
        == BacktestEngine().run("momentum", prices)["equity_curve"]
    )


def test_holdings_choose_the_symbols(prices):
    two = BacktestEngine().run("momentum", prices, holdings_df=pd.DataFrame({"sym": ["AAPL", "MSFT"]}))
    assert two.symbols == ("AAPL", "MSFT")
    with pytest.raises(assay.NotFoundError, match="none of the holdings"):
        BacktestEngine().run("momentum", prices, holdings_df=pd.DataFrame({"sym": ["XX"]}))


def test_holdings_as_the_fourth_argument(prices):
    holdings = pd.DataFrame({"sym": ["AAPL", "MSFT"]})
    dates = list(prices.index.unique()[30:90:10])
    engine, strategy = BacktestEngine(), MomentumStrategy(threshold=0.02)
    named = engine.run(strategy, prices, holdings_df=holdings, rebalance_dates=dates)
    placed = engine.run([strategy], prices, pd.DataFrame(), holdings, dates)
    assert placed.symbols == ("AAPL", "MSFT") and len(placed.signals) > 0
    assert placed.run_id == named.run_id


def test_benchmark_gives_beta_its_market(prices):
    market = prices[prices["symbol"] == "MSFT"]["close_price"]
    engine, beta = BacktestEngine(), assay.PortfolioBetaStrategy(lookback=20)
    none = engine.run(beta, prices)
    by_symbol = engine.run(beta, prices, benchmark="MSFT")
    by_series = engine.run(beta, prices, benchmark=market)
    assert by_symbol["equity_curve"] == by_series["equity_curve"] != none["equity_curve"]
    with pytest.raises(assay.NotFoundError, match="NOPE"):
        engine.run(beta, prices, benchmark="NOPE")


def test_a_panel_has_one_benchmark(prices):
    panel, engine, beta = assay.Panel(prices), BacktestEngine(), assay.PortfolioBetaStrategy(lookback=20)
    first = engine.run(beta, panel, benchmark="MSFT")
    assert engine.run(beta, panel, benchmark="MSFT")["equity_curve"] == first["equity_curve"]
    for other in ("AAPL", None):
        with pytest.raises(assay.ConfigError, match="another benchmark"):
            engine.run(beta, panel, benchmark=other)
    assert engine.run(beta, assay.Panel(prices))["equity_curve"] == engine.run(beta, prices)["equity_curve"]


def test_sectors_come_from_the_holdings(sample, sample_prices):
    holdings = pd.read_csv(sample / "holdings.csv")
    of_frame = BacktestEngine().run("sector_rotation", sample_prices, holdings_df=holdings)
    of_database = assay.run("sector_rotation", db=sample)
    assert len(of_frame.signals) == len(of_database.signals) > 0
    columns = ["timestamp", "symbol", "action", "signal_type", "score"]
    pd.testing.assert_frame_equal(of_frame.signals[columns], of_database.signals[columns])


def test_several_strategies(prices):
    r = BacktestEngine(combine="sleeves").run([MomentumStrategy(threshold=0.05), "mean_reversion"], prices)
    assert r.strategy == "momentum+mean_reversion"
    assert r.strategies["name"].tolist() == ["momentum", "mean_reversion"]
    assert r.strategies["equity"].sum() == pytest.approx(r["equity_curve"][-1], rel=1e-12)
    assert r.config["parameters"]["momentum.threshold"] == 0.05


def test_columns_beside_prices_are_as_known(prices):
    days = prices.index.unique()
    technical = pd.DataFrame({"symbol": "AAPL", "gate": 1.0}, index=days[[40]].rename("timestamp"))
    rule = "rule:{name: gated, rule: {buy: column(gate) > 0}}"
    r = BacktestEngine().run(rule, prices, technical_df=technical)
    assert r.signals["timestamp"].min() == days[40] and set(r.signals["symbol"]) == {"AAPL"}
    fundamental = technical.rename(columns={"gate": "gate"})
    late = BacktestEngine(lag_days=20).run(rule, prices, fundamental_df=fundamental)
    first = late.signals["timestamp"].min()
    assert first >= days[40] + pd.Timedelta(days=20) - pd.Timedelta(days=1)
    assert first <= days[40] + pd.Timedelta(days=24)


# --- settings and errors ---


def test_settings_by_keyword(prices):
    engine = BacktestEngine(
        start_date="2023-03-01", end_date=pd.Timestamp("2023-05-01"), fill="next_close", max_position_pct=0.5
    )
    r = engine.run(MomentumStrategy(threshold=0.02), prices)
    assert r["portfolio_history"][0].date == pd.Timestamp("2023-03-01")
    assert r["portfolio_history"][-1].date == pd.Timestamp("2023-05-01")
    assert r.fills["quantity"].iloc[0] * r.fills["price"].iloc[0] == pytest.approx(50_000, rel=0.1)
    assert set(r.fills["kind"]) == {"market_close"}
    assert r.config["engine"]["fill"] == "next_close"
    assert engine.initial_capital == 100_000.0
    later = engine.run(MomentumStrategy(threshold=0.02), prices, start_date="2023-04-03")
    assert later["portfolio_history"][0].date == pd.Timestamp("2023-04-03")


def test_rebalance_dates(prices):
    dates = [pd.Timestamp("2023-03-15"), pd.Timestamp("2023-05-10")]
    r = BacktestEngine().run(MomentumStrategy(threshold=0.01), prices, rebalance_dates=dates)
    assert set(r.signals["timestamp"]) == set(dates)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda p: BacktestEngine(slipage_bps=3), assay.ConfigError, "slippage_bps"),
        (lambda p: BacktestEngine(fill="never").run("momentum", p), assay.ConfigError, "next_open"),
        (
            lambda p: BacktestEngine(initial_capital=-1).run("momentum", p),
            assay.ConfigError,
            "initial_capital",
        ),
        (lambda p: BacktestEngine().run("momentumm", p), assay.ConfigError, "did you mean 'momentum'"),
        (lambda p: BacktestEngine().run(MomentumStrategy(lookback=-1), p), assay.ConfigError, "lookback"),
        (lambda p: assay.strategy("momentum", lookbak=3), assay.ConfigError, "lookback"),
        (lambda p: BacktestEngine().run(MomentumStrategy, p), TypeError, "class"),
        (lambda p: BacktestEngine().run("momentum", 42), TypeError, "int"),
        (
            lambda p: BacktestEngine().run("momentum", p.drop(columns="close_price")),
            assay.DataError,
            "close_price",
        ),
        (lambda p: BacktestEngine().run("momentum", p.drop(columns="symbol")), assay.DataError, "symbol"),
        (lambda p: BacktestEngine().run("momentum", pd.concat([p, p])), assay.DataError, "AAPL"),
        (lambda p: BacktestEngine().run("momentum", p.assign(close_price=-1.0)), assay.DataError, "close"),
        (lambda p: BacktestEngine().run("momentum", p.iloc[:0]), assay.DataError, "row"),
        (lambda p: BacktestEngine().run([], p), assay.ConfigError, "strategies"),
        (
            lambda p: BacktestEngine(start_date="2030-01-01").run("momentum", p),
            assay.DataError,
            "start_date or end_date",
        ),
        (lambda p: BacktestEngine(start_date="soon").run("momentum", p), assay.ConfigError, "start_date"),
        (lambda p: assay.run("momentum", db="/nonexistent"), assay.NotFoundError, "/nonexistent"),
    ],
)
def test_errors_say_what(prices, make, error, words):
    with pytest.raises(error, match=words) as caught:
        make(prices)
    assert not issubclass(error, assay.AssayError) or isinstance(caught.value, assay.AssayError)


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda p: p.assign(close_price=p["close_price"].map(str).where(p.index != p.index[5], "abc")),
            "close_price.*abc",
        ),
        (lambda p: pl.from_pandas(p.assign(close_price="x").reset_index()), "close_price"),
        (lambda p: p.assign(symbol=p["symbol"].where(p.index != p.index[5])), "3 rows have no symbol"),
        (lambda p: p.assign(frequency=["1d", "1h"] * (len(p) // 2)), "frequency .1d, 1h"),
        (lambda p: p.assign(currency=["USD", "EUR"] * (len(p) // 2)), "currency"),
        (lambda p: pd.concat([p, p[["close_price"]]], axis=1), "2 columns 'close_price'"),
        (
            lambda p: {"timestamp": p.index.to_numpy(), "symbol": np.array(["A"]), "close": np.ones(3)},
            "different lengths",
        ),
        (
            lambda p: p.reset_index().assign(timestamp=lambda f: f["timestamp"].where(f.index != 4)),
            "1 rows have no time",
        ),
    ],
)
def test_input_that_cannot_be_read(prices, make, words):
    with pytest.raises(assay.DataError, match=words):
        BacktestEngine().run("momentum", make(prices))


def test_texts_of_numbers_are_numbers(prices):
    texts = prices.assign(
        close_price=prices["close_price"].map(repr), volume=prices["volume"].astype("Int64")
    )
    assert BacktestEngine().run("momentum", texts).run_id == BacktestEngine().run("momentum", prices).run_id
    empty = texts.assign(
        open_price=prices["open_price"].map(repr).where(prices.index != prices.index[5], " ")
    )
    assert len(BacktestEngine().run("momentum", empty)["equity_curve"]) == 121


def test_coarser_bars(prices, users_db):
    market = ParquetDB(users_db).read_prices()
    ours = BacktestEngine(resample="1w").run(MomentumStrategy(lookback=3, threshold=0.01), market)
    theirs = assay.run(
        MomentumStrategy(lookback=3, threshold=0.01), db=users_db, resample="1w", symbols=ours.symbols
    )
    assert len(ours["equity_curve"]) == 13 and ours["metrics"]["total_trades"] > 0
    assert ours["equity_curve"] == theirs["equity_curve"]
    assert ours.run_id == theirs.run_id
    market = prices[prices["symbol"] == "MSFT"]["close_price"]
    BacktestEngine(resample="1w").run(assay.PortfolioBetaStrategy(lookback=5), prices, benchmark=market)


def test_bad_rows_that_are_dropped_are_said(prices):
    twice = pd.concat([prices, prices.iloc[:2]])
    with pytest.warns(assay.AssayWarning, match="2 rows of prices were bad"):
        r = BacktestEngine(on_bad_data="drop").run("momentum", twice)
    assert len(r["equity_curve"]) == prices.index.nunique() + 1


def test_newer_versions_replace_older(prices):
    frame = prices.reset_index()
    old = frame.iloc[[10]].assign(close_price=1.0, updated_at=pd.Timestamp("2023-01-01"))
    both = pd.concat([frame.assign(updated_at=pd.Timestamp("2023-06-01")), old])
    with pytest.warns(assay.AssayWarning, match="1 rows of prices were replaced"):
        r = BacktestEngine().run("momentum", both)
    assert r["equity_curve"] == BacktestEngine().run("momentum", prices)["equity_curve"]


def test_threads_share_an_engine_and_a_panel(sample_prices):
    panel, engine = assay.Panel(sample_prices), BacktestEngine()
    lookbacks = [5, 10, 20, 40] * 4
    expected = {n: engine.run(MomentumStrategy(lookback=n), panel)["equity_curve"] for n in set(lookbacks)}
    wrong = []

    def work(n):
        if engine.run(MomentumStrategy(lookback=n), panel)["equity_curve"] != expected[n]:
            wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in lookbacks]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


# --- the analyzer, against pandas ---


def test_analyzer_against_pandas(sample_prices):
    r = BacktestEngine().run("momentum", sample_prices)
    a = BacktestAnalyzer(r)
    equity = pd.Series(
        r["equity_curve"], index=[sample_prices.index[0] - pd.Timedelta(days=1), *r.equity.index]
    )
    monthly = equity.resample(pd.offsets.MonthEnd()).last().pct_change().dropna()
    table = a.monthly_returns()
    for day, value in monthly[1:].items():
        assert table.loc[day.year, day.month] == pytest.approx(value, rel=1e-9, abs=1e-12)
    years = (1 + table.fillna(0)).prod(axis=1) - 1
    assert np.allclose(a.annual_returns(), years, rtol=1e-9)
    assert a.underwater_plot_data().min() * 100 == pytest.approx(r["metrics"]["max_drawdown_pct"], rel=1e-12)
    closed = r.trades[r.trades["status"] == "closed"]
    assert a.by_symbol()["pnl"].sum() == pytest.approx(closed["pnl"].sum(), rel=1e-12)
    assert a.by_symbol()["trades"].sum() == len(closed) == r["metrics"]["total_trades"]
    assert a.by_signal_type().index.tolist() == ["momentum_strong"]
    assert a.best_trades(3)["pnl"].tolist() == sorted(closed["pnl"], reverse=True)[:3]
    assert a.worst_trades(2)["pnl"].tolist() == sorted(closed["pnl"])[:2]
    wins = "".join("w" if pnl > 0 else "l" for pnl in closed["pnl"])
    assert a.consecutive_wins_losses()["max_consecutive_wins"] == max(map(len, wins.split("l")))
    assert a.consecutive_wins_losses()["max_consecutive_losses"] == max(map(len, wins.split("w")))
    assert a.summary()["final_equity"] == r["equity_curve"][-1]
    assert len(a.trades_dataframe()) == len(r["trades"])
    assert a.equity_curve_data()["cumulative_return"].iloc[-1] == pytest.approx(
        r["metrics"]["total_return_pct"] / 100
    )
    assert a.risk_analysis()["value_at_risk_pct"] == pytest.approx(
        -empyrical.value_at_risk(r.returns, 0.05) * 100, rel=1e-9
    )


def test_comparison_to_benchmark(sample_prices):
    r = BacktestEngine().run("momentum", sample_prices)
    name = sample_prices["symbol"].value_counts().index[0]
    market = sample_prices[sample_prices["symbol"] == name]["close_price"]
    compared = BacktestAnalyzer(r).comparison_to_benchmark(market)
    b = market.reindex(r.equity.index).pct_change(fill_method=None)
    own = r.equity.pct_change()
    both = b.notna()
    assert compared["beta"] == pytest.approx(empyrical.beta(own[both], b[both]), rel=1e-9)
    excess = own[both] - b[both]
    assert compared["information_ratio"] == pytest.approx(
        excess.mean() / excess.std() * math.sqrt(252), rel=1e-6
    )
    same = BacktestAnalyzer(r).comparison_to_benchmark(r["equity_curve"] and r.returns.to_numpy())
    assert same["beta"] == pytest.approx(1.0) and math.isnan(same["information_ratio"])


def test_analyzer_of_another_mapping():
    with pytest.raises(ValueError, match="equity_curve"):
        BacktestAnalyzer({})


def test_parquet_db_is_what_the_loader_takes(users_db):
    a = BacktestDataLoader(users_db).load_backtest_data(["AAPL"], "2023-01-01", "2023-02-01")[0]
    b = BacktestDataLoader(ParquetDB(users_db)).load_backtest_data(["AAPL"], "2023-01-01", "2023-02-01")[0]
    pd.testing.assert_frame_equal(a, b)
    assert a.index.max() == pd.Timestamp("2023-02-01") and len(a) == 23
