"""What could be read in two ways is read in the right one, or refused: times, symbols, options, columns, empty lists."""

import math
import pickle
import warnings
from datetime import date

import assay
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from assay import (
    AssayWarning,
    BacktestAnalyzer,
    BacktestDataLoader,
    BacktestEngine,
    Panel,
    ParquetDB,
    Signal,
)
from conftest import Given

# --- times ---


def test_whole_numbers_are_dates(prices):
    frame = prices.reset_index()
    expected = BacktestEngine(start_date="2023-02-01").run("momentum", frame)
    as_numbers = frame.assign(timestamp=frame["timestamp"].dt.strftime("%Y%m%d").astype(int))
    r = BacktestEngine(start_date=20230201).run("momentum", as_numbers)
    assert r["equity_curve"] == expected["equity_curve"]
    assert (
        BacktestEngine().run("momentum", pl.from_pandas(as_numbers))["trades"]
        == (BacktestEngine().run("momentum", frame)["trades"])
    )
    often = assay.MomentumStrategy(5, 0.001)
    numbers, texts = (
        BacktestEngine().run(often, frame, rebalance_dates=dates)
        for dates in (
            [20230301, pd.Timestamp("2023-04-03"), date(2023, 5, 2)],
            ["2023-03-01", "2023-04-03", "2023-05-02"],
        )
    )
    assert numbers.run_id == texts.run_id and len(numbers.signals["timestamp"].unique()) == 3


@pytest.mark.parametrize(
    "make", [lambda t: t.astype("int64"), lambda t: t.astype("int64") / 1e9, lambda t: t == t[0]]
)
def test_other_numbers_are_no_times(prices, make):
    frame = prices.reset_index()
    frame["timestamp"] = make(frame["timestamp"])
    with pytest.raises(assay.DataError, match="prices: timestamp: .* is a number, not a time"):
        BacktestEngine().run("momentum", frame)


@pytest.mark.parametrize("value", [1609459200, 2021.5, "soon", pd.NaT, "2021-13-01"])
def test_dates_that_are_none(prices, value):
    with pytest.raises(assay.ConfigError, match="start_date|start"):
        BacktestEngine(start_date=value).run("momentum", prices)


def test_times_that_cannot_be_counted_are_refused(prices):
    data = {name: prices[name].to_numpy() for name in prices.columns}
    data["timestamp"] = prices.index.to_numpy().astype("M8[us]")
    data["timestamp"][0] = np.datetime64("1500-01-01", "us")
    with pytest.raises(assay.DataError, match="outside the years 1678 to 2261"):
        BacktestEngine().run("momentum", data)


def test_missing_cells_of_any_kind(prices):
    """NA of pandas' own types is neither equal to itself nor not."""
    some = pd.array(["1d" if i % 2 else pd.NA for i in range(len(prices))], dtype="string")
    holdings = pd.DataFrame(
        {"sym": ["AAPL", "GOOGL", "MSFT"], "sector": pd.array(["x", pd.NA, "y"], dtype="string")}
    )
    r = BacktestEngine().run("momentum", prices.assign(frequency=some), holdings_df=holdings)
    assert r["equity_curve"] == BacktestEngine().run("momentum", prices)["equity_curve"]
    technical = pd.DataFrame(
        {"symbol": "MSFT", "n": pd.array([1, pd.NA], dtype="Int64")}, index=prices.index.unique()[:2]
    )
    strategy = Given()
    BacktestEngine().run(strategy, prices, technical_df=technical)
    assert strategy.technical["n"].tolist()[0] == 1 and np.isnan(strategy.technical["n"].iloc[1])


@pytest.mark.parametrize("versions", [[2, 1], [1.5, np.nan], pd.array([7, pd.NA], dtype="Int64")])
def test_versions_may_be_numbers(prices, versions):
    frame = prices.assign(updated_at=versions[1])
    newer = prices.iloc[[5]].assign(updated_at=versions[0], close_price=1000.0, high_price=1000.0)
    with pytest.warns(AssayWarning, match="1 rows of prices were replaced by newer rows"):
        panel = Panel(pd.concat([newer, frame]))
    market = prices.copy()
    market.iloc[5, market.columns.get_indexer(["close_price", "high_price"])] = 1000.0
    assert (
        BacktestEngine().run("momentum", panel)["equity_curve"]
        == (BacktestEngine().run("momentum", market)["equity_curve"])
    )


def test_periods_are_no_times(prices):
    frame = prices.reset_index()
    with pytest.raises(assay.DataError, match="periods say no time"):
        Panel(frame.assign(timestamp=frame["timestamp"].dt.to_period("W")))


def test_midnights_of_a_zone_in_the_east_are_said(prices):
    east, west = prices.tz_localize("Asia/Tokyo"), prices.tz_localize("America/New_York")
    with pytest.warns(AssayWarning, match="midnights of Asia/Tokyo lie on the day before in UTC"):
        Panel(east)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Panel(west)


def test_daily_rows_count_for_their_date(prices, tmp_path):
    """Whatever their time of day: in a frame, through the loader, and in the database itself."""
    stamped = prices.assign(frequency="daily").reset_index()
    stamped["timestamp"] += pd.Timedelta(hours=16)
    plain = BacktestEngine().run("momentum", prices)
    (tmp_path / "prices").mkdir()
    stamped.to_parquet(tmp_path / "prices" / "0.parquet")
    loaded, _, _ = BacktestDataLoader(tmp_path).load_backtest_data(["AAPL", "GOOGL", "MSFT"])
    runs = [BacktestEngine().run("momentum", frame) for frame in (stamped, loaded)] + [
        assay.run("momentum", tmp_path)
    ]
    for r in runs:
        assert r["equity_curve"] == plain["equity_curve"]
        assert (r.timestamps == plain.timestamps).all()
    assert len(ParquetDB(tmp_path).read_prices(frequency="1d")) == len(prices)
    assert len(ParquetDB(tmp_path).read_prices(frequency="weekly")) == 0


# --- symbols ---


def test_symbols_that_are_numbers_are_names(prices):
    frame = prices.assign(symbol=prices["symbol"].map({"AAPL": 2, "GOOGL": 7, "MSFT": 1}))
    technical = pd.DataFrame({"symbol": [2, 7], "x": [1.0, 2.0]}, index=frame.index[[0, 1]])
    strategy = Given(Signal(7, None, "BUY"))
    r = BacktestEngine().run(strategy, frame, technical_df=technical)
    assert set(r.signals["symbol"]) == {"7"}
    assert list(strategy.technical["symbol"]) == ["2", "7"]


def test_categories_without_rows_are_no_symbols(prices):
    frame = prices.astype({"symbol": "category"})
    few = frame[frame["symbol"] != "GOOGL"]
    assert "GOOGL" in few["symbol"].cat.categories
    for form in (few, pl.from_pandas(few.reset_index()), pa.Table.from_pandas(few.reset_index())):
        assert Panel(form).symbols == ("AAPL", "MSFT")


def test_holdings_that_prices_do_not_have_are_said(prices):
    with pytest.warns(AssayWarning, match=r"no rows of 1 of the holdings \(APPL\)"):
        r = BacktestEngine().run("momentum", prices, holdings_df=pd.DataFrame({"sym": ["APPL", "MSFT"]}))
    assert r.symbols == ("MSFT",)


def test_holdings_of_a_panel_are_its_symbols(prices):
    holdings = pd.DataFrame({"sym": ["AAPL", "MSFT"]})
    with pytest.raises(assay.ConfigError, match=r"1 symbols that are not among the holdings \(GOOGL\)"):
        BacktestEngine().run("momentum", Panel(prices), holdings_df=holdings)
    over_panel = BacktestEngine().run("momentum", Panel(prices, ["AAPL", "MSFT"]), holdings_df=holdings)
    assert (
        over_panel["equity_curve"]
        == BacktestEngine().run("momentum", prices, holdings_df=holdings)["equity_curve"]
    )


def test_bad_rows_of_other_symbols_do_not_stop_a_run(prices):
    bad = prices.copy()
    bad.loc[bad["symbol"] == "GOOGL", "close_price"] = -1.0
    holdings = pd.DataFrame({"sym": ["AAPL", "MSFT"]})
    r = BacktestEngine().run("momentum", bad, holdings_df=holdings)
    assert r["equity_curve"] == BacktestEngine().run("momentum", prices, holdings_df=holdings)["equity_curve"]
    with pytest.raises(assay.DataError, match="GOOGL"):
        BacktestEngine().run("momentum", bad)


@pytest.mark.parametrize(
    "call",
    [
        lambda prices, db: Panel(prices, symbols=[]),
        lambda prices, db: assay.run("momentum", db, symbols=[]),
        lambda prices, db: assay.optimize("momentum", {"lookback": [10]}, db, symbols=[]),
        lambda prices, db: BacktestDataLoader(db).load_backtest_data([]),
        lambda prices, db: BacktestEngine(rebalance_dates=[]).run("momentum", prices),
        lambda prices, db: assay.optimize("momentum", {"lookback": []}, db),
        lambda prices, db: assay.verify("momentum", prices, symbols=[]),
    ],
)
def test_an_empty_list_is_not_everything(prices, sample, call):
    with pytest.raises(assay.ConfigError, match="empty list|of a database"):
        call(prices, sample)


# --- options ---


def test_options_of_a_panel_are_those_of_its_runs(sample_prices):
    panel = Panel(sample_prices, signal_prices="total_return", fill_gap_bars=3)
    r = BacktestEngine().run("momentum", panel)
    engine = r.config["engine"]
    assert (engine["signal_prices"], engine["gap_policy"], engine["max_gap_bars"]) == (
        "total_return",
        "forward_fill",
        3,
    )
    told = BacktestEngine(signal_prices="total_return", gap_policy="forward_fill", max_gap_bars=3).run(
        "momentum", sample_prices
    )
    assert told["equity_curve"] == r["equity_curve"] and told.run_id == r.run_id
    for other in (
        {"signal_prices": "split_adjusted"},
        {"max_gap_bars": 5},
        {"gap_policy": "none"},
        {"on_bad_data": "drop"},
    ):
        with pytest.raises(assay.ConfigError, match=f"{next(iter(other))} .*the Panel was built with"):
            BacktestEngine(**other).run("momentum", panel)
    with pytest.raises(assay.ConfigError, match="the Panel fills no gaps"):
        BacktestEngine(gap_policy="forward_fill").run("momentum", Panel(sample_prices))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (
            lambda p, db: BacktestEngine(lookback=5),
            assay.ConfigError,
            r"parameter of momentum .*assay.strategy\('momentum', lookback=...\)",
        ),
        (
            lambda p, db: BacktestEngine().run("momentum", p, benchmark=[1, 2]),
            assay.ArgumentTypeError,
            "benchmark: expected",
        ),
        (
            lambda p, db: BacktestEngine().run("momentum", p, holdings_df=pd.DataFrame({"sym": []})),
            assay.ConfigError,
            "holdings have no symbol",
        ),
        (
            lambda p, db: BacktestEngine().run("momentum", p).tearsheet("/none/x.html"),
            assay.StorageError,
            "there is no folder /none",
        ),
        (
            lambda p, db: assay.optimize("momentum", {"lookback": {5, 6}}, db),
            assay.ConfigError,
            "a set has no order",
        ),
        (lambda p, db: BacktestAnalyzer(p), assay.ArgumentError, "results lack 'equity_curve'"),
        (lambda p, db: BacktestAnalyzer(None), assay.ArgumentTypeError, "not NoneType"),
        (lambda p, db: pickle.dumps(Panel(p)), assay.ArgumentTypeError, "build one in each process"),
        (
            lambda p, db: assay.run("momentum", db, benchmark=pd.Series([1.0])),
            assay.ArgumentTypeError,
            "the name of one of its symbols, not a Series",
        ),
        (lambda p, db: assay.run("momentum", db, threads=-1), assay.ConfigError, "threads -1"),
        (lambda p, db: ParquetDB(db).read_prices([]), assay.ConfigError, "symbols is an empty list"),
        (
            lambda p, db: ParquetDB(db).upsert_backtest_runs([1]),
            assay.ArgumentTypeError,
            "backtest_runs: expected a data frame, not list",
        ),
    ],
)
def test_messages_that_say_what_to_do(prices, sample, call, error, words):
    with pytest.raises(error, match=words):
        call(prices, sample)


def test_frames_as_they_come(prices):
    """Dates without a name in the index, labels that are numbers, dates in a set; what cannot be says what to do."""
    expected = BacktestEngine().run("momentum", prices)
    days = prices.index.unique()
    by_date = prices.set_axis(pd.Index([d.date() for d in prices.index]))
    assert BacktestEngine().run("momentum", by_date)["equity_curve"] == expected["equity_curve"]
    market = pd.Series(np.arange(len(days)) + 1.0, index=[d.date() for d in days])
    assert math.isfinite(BacktestEngine().run("momentum", prices, benchmark=market)["metrics"]["beta"])
    strategy = Given()
    technical = pd.DataFrame({"symbol": ["MSFT"], 5: [1.5]}, index=days[:1])
    BacktestEngine().run(strategy, prices, technical_df=technical)
    assert strategy.technical["5"].tolist() == [1.5]
    often = assay.MomentumStrategy(5, 0.001)
    runs = [
        BacktestEngine().run(often, prices, rebalance_dates=dates)
        for dates in (set(days[9:12]), (d for d in days[9:12]), days[9:12])
    ]
    assert len({r.run_id for r in runs}) == 1
    with pytest.raises(
        assay.DataError, match=r"there are AAPL, GOOGL, MSFT, timestamp. A column a symbol\? prices.melt"
    ):
        BacktestEngine().run("momentum", prices.pivot(columns="symbol", values="close_price"))
    melted = prices.pivot(columns="symbol", values="close_price").melt(
        ignore_index=False, var_name="symbol", value_name="close"
    )
    closes = prices[["symbol", "close_price"]]
    assert (
        BacktestEngine().run("momentum", melted)["equity_curve"]
        == BacktestEngine().run("momentum", closes)["equity_curve"]
    )
    with pytest.raises(assay.DataError, match="technical_df: l: .*give numbers, times or texts"):
        BacktestEngine().run(strategy, prices, technical_df=technical.assign(l=[[1]]))


def test_a_text_is_one_symbol(sample):
    name = ParquetDB(sample).read_prices()["symbol"].iloc[0]
    one = ParquetDB(sample).read_prices(name)
    assert len(one) > 300 and one.equals(ParquetDB(sample).read_prices([name]))
    assert assay.run("momentum", sample, symbols=name).symbols == (name,)


def test_values_of_an_axis(sample):
    """One value, a range, an array and a text are as a list of them; one condition is a list of one."""
    met = assay.optimize("momentum", {"lookback": [7]}, sample, keep="none", where="total_trades>=1")
    assert met.best == {"lookback": 7}
    ids = {
        assay.optimize("momentum", {"lookback": v}, sample, keep="none").sweep_id
        for v in ([7], 7, range(7, 8), np.array([7]), "7")
    }
    assert len(ids) == 1


def test_settings_of_an_engine_may_be_set(prices):
    engine = BacktestEngine()
    engine.initial_capital = 5_000
    assert engine.initial_capital == 5_000 and engine.run("momentum", prices)["equity_curve"][0] == 5_000
    with pytest.raises(assay.ConfigError, match="did you mean 'initial_capital'"):
        engine.inital_capital = 5

    class Mine(BacktestEngine):
        pass

    mine = Mine()
    mine.label = "own"
    assert mine.label == "own"
