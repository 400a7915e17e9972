"""What strategies in Python see and give: columns beside prices, frames, many signals, ready signals; what their ids are made of."""

import assay
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from assay import (
    BacktestEngine,
    BaseStrategy,
    Panel,
    Signal,
)
from conftest import Given

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
