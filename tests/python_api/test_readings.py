"""What could be read in two ways is read in the right one, or refused: times, symbols, options, columns, empty lists."""

import json
import math
import pickle
import warnings
from datetime import date

import assay
import empyrical
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
    BaseStrategy,
    Panel,
    ParquetDB,
    Signal,
)
from conftest import make_prices

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


class Given(BaseStrategy):
    """Gives the same signals at every bar."""

    def __init__(self, *signals):
        super().__init__()
        self.given = signals

    def generate_signals(self, prices_df, technical_df, holdings_df, date):
        self.technical, self.holdings = technical_df, holdings_df
        return list(self.given)


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


# --- what a strategy sees ---


def test_features_see_columns_beside_prices(prices):
    """Of technical_df and of fundamental_df, by a known name and by one of the user's own."""
    days = prices.index.unique()

    class Looks(BaseStrategy):
        features = ("column(mine) * 2", "pe_ratio")

        def start(self):
            self.seen = {}

        def on_bar(self, view):
            self.seen[pd.Timestamp(view.date)] = [view.feature(0).copy(), view.feature(1).copy()]

    technical = pd.DataFrame({"symbol": "MSFT", "Mine": np.arange(len(days))}, index=days)
    fundamental = pd.DataFrame(
        {"symbol": ["AAPL"], "pe_ratio": [12], "filing_date": [days[3]]}, index=days[:1]
    )
    strategy = Looks()
    BacktestEngine().run(strategy, prices, technical_df=technical, fundamental_df=fundamental)
    mine, ratio = strategy.seen[days[10]]
    assert mine[2] == 20 and np.isnan(mine[:2]).all()
    assert ratio[0] == 12 and np.isnan(ratio[1:]).all()
    assert np.isnan(strategy.seen[days[2]][1]).all()


def test_features_see_own_columns_of_a_database(tmp_path, prices):
    days = prices.index.unique()
    for table, frame in (
        ("prices", prices),
        (
            "technical_analysis",
            pd.DataFrame({"symbol": "MSFT", "mine": np.arange(len(days)) * 1.0}, index=prices.index.unique()),
        ),
    ):
        (tmp_path / table).mkdir()
        frame.rename_axis("timestamp").reset_index().to_parquet(tmp_path / table / "0.parquet")

    class Looks(BaseStrategy):
        features = ("column(mine)",)

        def on_bar(self, view):
            self._last = view.feature(0).copy()

    strategy = Looks()
    assay.run(strategy, tmp_path)
    assert strategy._last[2] == len(days) - 1

    class Frames(BaseStrategy):
        def generate_signals(self, prices_df, technical_df, holdings_df, date, fundamental_df):
            assert technical_df.index.max() == date and len(fundamental_df) == 0
            self._n = len(technical_df)

    frames = Frames()
    assay.run(frames, tmp_path)
    assert frames._n == len(days)


class ReturnPct(BaseStrategy):
    """As strategies of frames are often written: with a column of the prices that nobody else knows."""

    def generate_signals(self, prices_df, technical_df, holdings_df, date):
        assert (
            prices_df["return_pct"].notna().all() and not prices_df["return_pct"].to_numpy().flags.writeable
        )
        self._seen = prices_df
        best = prices_df.loc[date:].sort_values("return_pct").iloc[-1]
        return [Signal(best["symbol"], date, "BUY", reason=f"{best['return_pct']:.2f}")]


@pytest.mark.parametrize("kind", ["frame", "panel", "polars", "database"])
def test_further_columns_of_prices_are_seen(tmp_path, sample_prices, kind):
    prices = sample_prices[sample_prices["close_price"].notna()]
    prices = prices.assign(return_pct=np.arange(len(prices)) * 1.0, texts="x")
    shuffled, strategy = prices.sample(frac=1, random_state=1), ReturnPct()
    if kind == "database":
        (tmp_path / "prices").mkdir()
        shuffled.reset_index().to_parquet(tmp_path / "prices" / "0.parquet")
        assay.run(strategy, tmp_path)
    else:
        forms = {
            "frame": lambda p: p,
            "panel": lambda p: Panel(p),
            "polars": lambda p: pl.from_pandas(p.reset_index()),
        }
        BacktestEngine().run(strategy, forms[kind](shuffled))
    seen = strategy._seen
    assert len(seen) == len(prices) > 5000 and "texts" not in seen
    assert seen["return_pct"].tolist() == prices["return_pct"].tolist()
    assert seen["symbol"].astype(str).tolist() == prices["symbol"].astype(str).tolist()


def test_frames_of_the_whole_market_have_events_and_further_columns(sample_prices):
    class AtOnce(BaseStrategy):
        def signals(self, frame):
            self._seen = frame
            return frame.reset_index()[["timestamp", "symbol"]].iloc[:0].assign(action="BUY")

    strategy = AtOnce()
    given = sample_prices.assign(mine=np.arange(len(sample_prices)))
    BacktestEngine().run(strategy, given)
    seen = strategy._seen
    assert (seen["mine"] == given["mine"]).all() and len(seen) == len(given)
    for name in ("close_price", "volume", "split_coefficient", "dividend_amount"):
        np.testing.assert_array_equal(seen[name], given[name])
    assert (seen["split_coefficient"] != 1).sum() > 3
    assert assay.verify(strategy, given, cuts=1).signals == 0


def test_verify_has_what_lies_beside_prices(prices, tmp_path):
    days = prices.index.unique()
    technical = pd.DataFrame({"symbol": "MSFT", "mine": np.arange(len(days)) % 7 * 1.0}, index=days)

    class Reads(BaseStrategy):
        features = ("column(mine)",)

        def on_bar(self, view):
            view.signals("BUY", view.feature(0) == 3)
            view.signals("SELL", view.feature(0) == 5)

    class Frames(BaseStrategy):
        def generate_signals(self, prices_df, technical_df, holdings_df, date):
            return [Signal("MSFT", date, "BUY" if technical_df["mine"].iloc[-1] < 4 else "SELL")]

    prices = prices.assign(return_pct=1.0)
    for strategy in (Reads(), Frames(), ReturnPct()):
        assert assay.verify(strategy, prices, technical_df=technical, cuts=2).is_blind
    for table, frame in (("prices", prices), ("technical_analysis", technical)):
        (tmp_path / table).mkdir()
        frame.rename_axis("timestamp").reset_index().to_parquet(tmp_path / table / "0.parquet")
    for strategy in (Reads(), Frames(), ReturnPct()):
        assert assay.verify(strategy, db=tmp_path, cuts=2).is_blind
    with pytest.raises(assay.ConfigError, match="technical_df .* go with prices_df"):
        assay.verify(Reads(), db=tmp_path, technical_df=technical)
    with pytest.raises(assay.ConfigError, match="cuts 0"):
        assay.verify(Reads(), prices, cuts=0)


def test_columns_of_frames_are_what_they_are(prices):
    days = prices.index.unique()
    technical = pd.DataFrame(
        {
            "symbol": "MSFT",
            "count": np.arange(len(days)),
            "flag": np.arange(len(days)) % 2 == 0,
            "day": [d.date() for d in days],
            "zoned": days.tz_localize("America/New_York"),
            "texts": [str(i % 3) for i in range(len(days))],
            "objects": pd.Series([None] + [1.5] * (len(days) - 1), dtype=object).to_numpy(),
        },
        index=days,
    )
    strategy = Given()
    BacktestEngine().run(strategy, prices, technical_df=technical)
    seen = strategy.technical
    assert seen["count"].dtype == np.int64 and seen["count"].iloc[-1] == len(days) - 1
    assert seen["flag"].dtype == bool and bool(seen["flag"].iloc[2])
    assert seen["day"].iloc[-1] == days[-1]
    assert seen["zoned"].iloc[0] == days[0] + pd.Timedelta(hours=5)  # UTC
    assert seen["texts"].tolist()[:4] == ["0", "1", "2", "0"]
    assert np.isnan(seen["objects"].iloc[0]) and seen["objects"].iloc[1] == 1.5
    BacktestEngine().run(strategy, prices, technical_df=technical.iloc[:0])
    assert strategy.technical.columns.tolist() == technical.columns.tolist() and len(strategy.technical) == 0
    with pytest.raises(assay.DataError, match="there is no column symbol; there are x"):

        class Reads(BaseStrategy):
            features = ("column(x)",)

            def on_bar(self, view):
                pass

        BacktestEngine().run(Reads(), prices, technical_df=pd.DataFrame({"x": [1.0]}, index=days[:1]))


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table, dict])
def test_holdings_of_any_kind_keep_their_columns(prices, make):
    strategy = Given()
    holdings = {"sym": ["AAPL", "GOOGL", "MSFT"], "sector": ["a", "b", "b"]}
    BacktestEngine().run(strategy, prices, holdings_df=make(holdings))
    assert strategy.holdings.to_dict("list") == holdings


class Many(BaseStrategy):
    """Calls view.signals once."""

    def __init__(self, *arguments, **named):
        super().__init__()
        self._call = arguments, named

    def on_bar(self, view):
        arguments, named = self._call
        view.signals(*arguments, **named)


@pytest.mark.parametrize(
    "symbols, words",
    [
        ([True, False], "a mask of 2 values for 3 symbols"),
        ([0.0, 1.0], "symbols are of the type float64"),
        (["AAPL", "APPL"], "'APPL', which is no symbol"),
        ([[0, 1]], "2 dimensions"),
        ([0, 3], "a signal for symbol 3"),
    ],
)
def test_symbols_of_many_signals_that_cannot_be(prices, symbols, words):
    with pytest.raises(assay.AssayError, match=words):
        BacktestEngine().run(Many("BUY", symbols), prices)


def test_symbols_of_many_signals(prices):
    expected = BacktestEngine().run(Many("BUY", [0, 2], strength=[0.5, 1.0]), prices)
    for symbols in (["AAPL", "MSFT"], [True, False, True], np.array([True, False, True], dtype=object)):
        r = BacktestEngine().run(Many("BUY", symbols, strength=[0.5, 1.0]), prices)
        assert r.signals.equals(expected.signals)
    whole = BacktestEngine().run(Many("BUY", [0, 2], strength=np.array([0.5, 0.7, 1.0])), prices)
    assert whole.signals.equals(expected.signals)
    with pytest.raises(assay.ArgumentError, match="shape .4,. for 2 chosen of 3 symbols"):
        BacktestEngine().run(Many("BUY", [0, 2], strength=[1, 1, 1, 1]), prices)


@pytest.mark.parametrize(
    "given, words", [("BUY", "list of assay.Signal, not str"), (3, "not int"), ([1], "not int")]
)
def test_what_is_no_list_of_signals(prices, given, words):
    class Wrong(BaseStrategy):
        def generate_signals(self, prices_df, technical_df, holdings_df, date):
            return given

    with pytest.raises(assay.ArgumentTypeError, match=words):
        BacktestEngine().run(Wrong(), prices)


def test_one_signal_is_a_list_of_one(prices):
    class One(BaseStrategy):
        def on_bar(self, view):
            return Signal("MSFT", None, "BUY")

    assert set(BacktestEngine().run(One(), prices).signals["symbol"]) == {"MSFT"}


# --- what tells runs apart ---


def test_attributes_of_a_strategy_are_in_its_id(prices):
    class Threshold(BaseStrategy):
        def __init__(self, value):
            super().__init__()
            self.value = value

        def on_bar(self, view):
            self._seen = view.close.copy()  # what it remembers of a run does not count

    def run_id(strategy):
        return BacktestEngine().run(strategy, prices).run_id

    values = [
        1,
        1.0,
        "1",
        (1,),
        [1],
        {1},
        {"a": 1},
        np.arange(3),
        np.arange(4),
        None,
        pd.Timestamp("2024-01-01"),
    ]
    assert len({run_id(Threshold(value)) for value in values}) == len(values)
    strategy = Threshold({"b": 2, "a": 1})
    assert run_id(strategy) == run_id(strategy) == run_id(Threshold({"a": 1, "b": 2}))


# --- ready signals ---


def test_cells_of_ready_signals_that_are_missing(prices, tmp_path):
    days = prices.index.unique()
    frame = pd.DataFrame(
        {
            "timestamp": days[[5, 9]],
            "symbol": pd.array(["AAPL", "MSFT"], dtype="string"),
            "side": pd.array(["buy", "BUY"], dtype="string"),
            "strength": [np.nan, 0.5],
            "reason": pd.array([pd.NA, "why"], dtype="string"),
        }
    )
    r = BacktestEngine().run(assay.SignalsStrategy(frame), prices)
    assert r.signals["strength"].tolist() == [1.0, 0.5] and r.signals["reason"].tolist() == ["signal", "why"]
    frame.to_csv(tmp_path / "s.csv", index=False)
    of_file = BacktestEngine().run(f"signals:{tmp_path / 's.csv'}", prices)
    assert of_file["equity_curve"] == r["equity_curve"]
    frame.loc[0, "symbol"] = pd.NA
    with pytest.raises(assay.DataError, match="1 rows have no symbol"):
        assay.SignalsStrategy(frame)
    weights = pd.DataFrame({"date": days[[5]], "symbol": ["AAPL"], "weight": [0.5]})
    assert BacktestEngine().run(assay.SignalsStrategy(weights), prices).signals[
        "target_position"
    ].tolist() == [0.5]


def test_a_built_in_strategy_cannot_be_asked_by_hand(prices):
    class Mine(assay.MomentumStrategy):
        def generate_signals(self, prices_df, technical_df, holdings_df, date):
            return super().generate_signals(prices_df, technical_df, holdings_df, date)

    with pytest.raises(NotImplementedError, match="Mine has no generate_signals to call: decides in C"):
        BacktestEngine().run(Mine(), prices)


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
