"""Strategies in Python: the same as those in C where they say the same, blind to the future, and safe from themselves."""

import gc
import math

import assay
import numpy as np
import pandas as pd
import pytest
from assay import BacktestEngine, BaseStrategy, Signal, SignalAction


class BriefMomentum(BaseStrategy):
    """The brief's momentum strategy, word for word but for the window: that of the page on semantics."""

    def __init__(self, lookback=20, threshold=0.10):
        super().__init__("momentum", {"lookback": lookback, "threshold": threshold})

    def generate_signals(self, prices_df, technical_df, holdings_df, date):
        signals = []

        for symbol in holdings_df["sym"]:
            # Get price data for symbol
            sym_prices = prices_df[prices_df["symbol"] == symbol].sort_index()

            if len(sym_prices) < self.parameters["lookback"]:
                continue

            # Calculate momentum
            current_price = sym_prices.iloc[-1]["close_price"]
            past_price = sym_prices.iloc[-self.parameters["lookback"]]["close_price"]
            momentum = (current_price - past_price) / past_price

            # Generate signal
            if momentum > self.parameters["threshold"]:
                signals.append(
                    Signal(
                        symbol=symbol,
                        timestamp=date,
                        action="BUY",
                        signal_type="momentum_strong",
                        strength=min(momentum / (2 * self.parameters["threshold"]), 1.0),
                        target_position=1.0,
                        reason=f"Momentum: {momentum:.2%}",
                        parameters=self.parameters,
                        score=abs(momentum),
                    )
                )
            elif momentum < -self.parameters["threshold"]:
                signals.append(
                    Signal(
                        symbol=symbol,
                        timestamp=date,
                        action="SELL",
                        signal_type="momentum_weak",
                        strength=min(abs(momentum) / (2 * self.parameters["threshold"]), 1.0),
                        target_position=0.5,
                        reason=f"Negative momentum: {momentum:.2%}",
                        parameters=self.parameters,
                        score=abs(momentum),
                    )
                )

        return signals


class ArrayMomentum(BaseStrategy):
    """The same over arrays."""

    def __init__(self, lookback=20, threshold=0.10):
        super().__init__("momentum", {"lookback": lookback, "threshold": threshold})

    def on_bar(self, view):
        n, threshold = self.parameters["lookback"], self.parameters["threshold"]
        window = view.history("close", n)
        m = window[-1] / window[0] - 1
        strength = np.minimum(np.abs(m) / (2 * threshold), 1.0)
        up, down = m > threshold, m < -threshold
        view.signals("BUY", up, strength, 1.0, np.abs(m), "momentum_strong")
        view.signals("SELL", down, strength, 0.5, np.abs(m), "momentum_weak")


class FrameMomentum(ArrayMomentum):
    """The same at once."""

    on_bar = BaseStrategy.on_bar

    def signals(self, frame):
        n, threshold = self.parameters["lookback"], self.parameters["threshold"]
        close = frame.pivot(columns="symbol", values="close_price")
        parts = []
        for symbol in close:
            own = close[symbol].dropna()
            m = own / own.shift(n - 1) - 1
            m = m[m.abs() > threshold]
            parts.append(
                pd.DataFrame(
                    {
                        "timestamp": m.index,
                        "symbol": symbol,
                        "action": np.where(m > 0, "BUY", "SELL"),
                        "strength": np.minimum(m.abs() / (2 * threshold), 1.0),
                        "score": m.abs(),
                        "target_position": np.where(m > 0, 1.0, 0.5),
                        "signal_type": np.where(m > 0, "momentum_strong", "momentum_weak"),
                    }
                )
            )
        return pd.concat(parts)


COMPARED = ["timestamp", "symbol", "action", "signal_type", "target_position", "status", "outcome"]


@pytest.mark.parametrize("cls", [BriefMomentum, ArrayMomentum, FrameMomentum])
def test_same_strategy_in_c_and_in_python(sample_prices, prices, cls):
    # the frame of all bars at once is raw: only where nothing splits is it what a strategy sees
    few = sample_prices[sample_prices["symbol"].isin(sorted(set(sample_prices["symbol"]))[:8])].loc[
        :"2015-09"
    ]
    assert (few["split_coefficient"] != 1).any()
    for market in [prices] if cls is FrameMomentum else [prices, few]:
        ours = BacktestEngine().run(cls(threshold=0.06), market)
        c = BacktestEngine().run(assay.MomentumStrategy(threshold=0.06), market)
        a, b = ours.signals, c.signals
        assert len(b) > 30
        pd.testing.assert_frame_equal(a[COMPARED], b[COMPARED])
        assert np.allclose(a["score"], b["score"], rtol=1e-9, atol=1e-12)
        assert np.allclose(ours["equity_curve"], c["equity_curve"], rtol=1e-9)
        if cls is BriefMomentum and market is prices:  # elsewhere a half may be rounded the other way
            assert a["reason"].tolist() == b["reason"].tolist()


def test_in_a_database_as_well(sample):
    ours = assay.run(ArrayMomentum(), db=sample)
    c = assay.run("momentum", db=sample)
    assert np.allclose(ours["equity_curve"], c["equity_curve"], rtol=1e-9)
    name = ours.save(sample)
    stored = assay.ParquetDB(sample).read_table("backtest_signals")
    stored = stored[stored["run_id"] == name]
    assert stored["signal_type"].tolist() == ours.signals["signal_type"].tolist()
    assert stored["reason"].tolist() == ours.signals["reason"].tolist()


# --- what is seen ---


class Frames(BaseStrategy):
    """Keeps what it saw at some bars."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def generate_signals(
        self,
        prices_df,
        technical_df,
        holdings_df,
        date,
        fundamental_df,
        positions,
        portfolio_value,
        cash,
        view,
    ):
        self.seen[date] = (
            prices_df.copy(),
            technical_df.copy(),
            fundamental_df.copy(),
            dict(positions),
            portfolio_value,
            cash,
        )
        name = view.symbols[0]
        return [Signal(name, date, "BUY")] if len(self.seen) == 25 else []


def adjusted(prices, until):
    """What a row looks like at `until`: prices over the splits after it, volumes times them; by pandas alone."""
    parts = []
    for _, rows in prices[prices.index <= until].groupby("symbol"):
        ratio = rows["split_coefficient"].fillna(1.0)
        later = ratio[::-1].cumprod()[::-1].shift(-1).fillna(1.0)
        out = rows.copy()
        for name in ("open_price", "high_price", "low_price", "close_price"):
            out[name] = rows[name] / later
        out["volume"] = rows["volume"] * later
        parts.append(out)
    return (
        pd.concat(parts)
        .reset_index()
        .sort_values(["timestamp", "symbol"], kind="stable")
        .set_index("timestamp")
    )


def test_frames_are_as_of_the_date(sample_prices):
    strategy = Frames()
    days = sample_prices.index.unique()
    names = sorted(set(sample_prices["symbol"]))
    technical = pd.DataFrame({"symbol": names[0], "rsi": np.arange(len(days)) * 1.0, "note": "x"}, index=days)
    fundamental = pd.DataFrame(
        {"timestamp": days[:3], "symbol": names[0], "pe": [1.0, 2.0, 3.0], "filing_date": days[[5, 50, 390]]}
    )
    r = BacktestEngine().run(strategy, sample_prices, technical_df=technical, fundamental_df=fundamental)
    assert (sample_prices["split_coefficient"] != 1).sum() > 3
    assert list(strategy.seen) == list(days)
    for day in days[[0, 30, 150, 260, 399]]:
        frame, tech, fund, _, _, _ = strategy.seen[day]
        expected = adjusted(sample_prices, day)
        expected = expected[
            expected["close_price"].notna()
        ]  # a dividend without a bar is a row of the loader's
        assert frame.columns.tolist() == [
            "symbol",
            "open_price",
            "high_price",
            "low_price",
            "close_price",
            "volume",
        ]
        assert frame.index.equals(expected.index)
        assert frame["symbol"].astype(str).tolist() == expected["symbol"].tolist()
        for name in frame.columns[1:]:
            assert np.allclose(frame[name], expected[name], rtol=1e-9, equal_nan=True), (day, name)
        assert tech.index.max() == day and tech["rsi"].iloc[-1] == days.get_loc(day)
        assert tech.columns.tolist() == ["symbol", "rsi", "note"]
        assert len(fund) == sum(day >= d for d in days[[5, 50, 390]])
    equity = r["equity_curve"]
    assert strategy.seen[days[100]][4] == pytest.approx(equity[101], rel=1e-12)
    assert strategy.seen[days[100]][3][names[0]] == pytest.approx(r.records("fills")["quantity"][0], rel=0.5)


class Keeper(BaseStrategy):
    """Keeps views and arrays, and tries to get more out of them."""

    def __init__(self):
        super().__init__()
        self.arrays, self.frames, self.views = [], [], []

    def on_bar(self, view):
        self.views.append(view)
        self.arrays.append((view.close, view.history("close", 3), view.positions))


def reachable(array):
    """Everything that can be reached from an array: bases, buffers, what the garbage collector knows."""
    found, todo = [], [array]
    while todo and len(found) < 50:
        thing = todo.pop()
        if thing is None or any(thing is other for other in found) or isinstance(thing, type):
            continue
        found.append(thing)
        todo += [getattr(thing, name, None) for name in ("base", "obj")]
        if not isinstance(thing, np.ndarray):
            todo += [t for t in gc.get_referents(thing) if isinstance(t, (np.ndarray, memoryview, bytes))]
    return found


def test_arrays_cannot_be_written_and_end_at_the_bar(prices):
    strategy = Keeper()
    BacktestEngine().run(strategy, prices)
    n = 3
    for close, history, positions in (strategy.arrays[0], strategy.arrays[50]):
        for array in (close, history, positions):
            with pytest.raises(ValueError):
                array[0] = 1.0
            with pytest.raises(ValueError):
                array.setflags(write=True)
            for thing in reachable(array):
                size = thing.nbytes if isinstance(thing, (np.ndarray, memoryview)) else len(memoryview(thing))
                assert size <= 3 * n * 8
    closes = prices.pivot(columns="symbol", values="close_price").to_numpy()
    assert np.array_equal(strategy.arrays[50][0], closes[50])
    assert np.array_equal(strategy.arrays[50][1], closes[48:51])
    with pytest.raises(assay.ArgumentError, match="this bar is over"):
        strategy.views[3].close  # noqa: B018
    with pytest.raises(assay.ArgumentError, match="this bar is over"):
        strategy.views[3].buy("AAPL")


class FrameKeeper(BaseStrategy):
    """Writes to frames, and keeps what they are made of."""

    def __init__(self):
        super().__init__()
        self.blocks = []

    def generate_signals(self, prices_df, technical_df, holdings_df, date):
        raw = prices_df["close_price"].to_numpy()
        with pytest.raises(ValueError):
            raw[0] = 0.0
        with pytest.raises(ValueError):
            raw.setflags(write=True)
        codes = prices_df["symbol"].array.codes
        self.blocks.append(
            (len(prices_df), raw, prices_df.index.to_numpy(), codes, technical_df["x"].to_numpy())
        )
        holdings_df["mine"] = 1.0
        return []


def test_frames_cannot_be_written_and_end_at_the_bar(prices):
    strategy = FrameKeeper()
    days = prices.index.unique()
    technical = pd.DataFrame({"symbol": "AAPL", "x": 1.0}, index=days)
    holdings = pd.DataFrame({"sym": ["AAPL", "GOOGL", "MSFT"]})
    BacktestEngine().run(strategy, prices, technical_df=technical, holdings_df=holdings)
    assert holdings.columns.tolist() == ["sym"]
    for i, (n, *arrays) in enumerate(strategy.blocks):
        assert n == 3 * (i + 1)
        for array in arrays:
            for thing in reachable(array):
                if isinstance(thing, np.ndarray):
                    assert thing.shape[-1] <= n * max(1, 8 // thing.itemsize)
                elif isinstance(thing, memoryview):
                    assert thing.nbytes <= 5 * 8 * n


def test_view_has_the_book(prices):
    seen = []

    class Book(BaseStrategy):
        def on_bar(self, view):
            seen.append(
                (view.positions.copy(), view.cash, view.equity, view.bars_held.copy(), view.times_asked)
            )
            if view.times_asked == 0:
                view.buy("GOOGL", reason="first")
            assert view.in_universe.all() and view.own_bars.tolist() == [view.times_asked + 1] * 3
            assert view.index("MSFT") == 2 and view.n_symbols == 3 and view.sectors == [None] * 3

    r = BacktestEngine().run(Book(), prices)
    assert seen[0][0].tolist() == [0, 0, 0] and seen[1][0][1] > 0
    assert [e for _, _, e, _, _ in seen] == r["equity_curve"][1:]
    assert [c for _, c, _, _, _ in seen] == [s.cash for s in r["portfolio_history"]]
    assert math.isnan(seen[0][3][0]) and seen[-1][3][1] == len(seen) - 2
    assert [t for *_, t in seen] == list(range(len(seen)))


def test_features_are_those_of_rules(prices):
    class Rsi(BaseStrategy):
        features = ["rsi(close, 14)", "close / sma(close, 5)"]

        def on_bar(self, view):
            assert np.array_equal(view.feature(1), view.feature("close / sma(close, 5)"), equal_nan=True)
            view.signals("BUY", view.feature("rsi(close, 14)") < 40, signal_type="low")
            with pytest.raises(assay.NotFoundError, match="no feature"):
                view.feature("ema(close, 3)")

    ours = BacktestEngine().run(Rsi(), prices)
    rule = BacktestEngine().run("rule:{name: r, rule: {buy: 'rsi(close, 14) < 40'}}", prices)
    assert ours.signals[["timestamp", "symbol"]].equals(rule.signals[["timestamp", "symbol"]])
    assert len(ours.signals) > 5


# --- what can go wrong ---


class Boom(Exception):
    pass


def give(*signals, at=5):
    """A strategy that gives these at its 6th bar."""

    class Giver(BaseStrategy):
        def on_bar(self, view):
            return [s(view) if callable(s) else s for s in signals] if view.times_asked == at else None

    return Giver()


def test_an_exception_comes_out_unchanged(prices):
    raised = Boom("why")

    class Raises(BaseStrategy):
        def on_bar(self, view):
            if view.times_asked == 3:
                raise raised

    for _ in range(3):
        with pytest.raises(Boom) as caught:
            BacktestEngine().run(Raises(), prices)
        assert caught.value is raised
        assert any(entry.name == "on_bar" for entry in caught.traceback)


def test_exceptions_of_frames_of_start_and_in_ensembles(prices):
    class InFrames(BaseStrategy):
        def generate_signals(self, prices_df, technical_df, holdings_df, date):
            raise Boom

    class InStart(BaseStrategy):
        def start(self):
            raise Boom

        def on_bar(self, view):
            return None

    class Exits(BaseStrategy):
        def on_bar(self, view):
            raise SystemExit(3)

    for strategies in (InFrames(), InStart(), ["momentum", InFrames()]):
        with pytest.raises(Boom):
            BacktestEngine().run(strategies, prices)
    with pytest.raises(SystemExit):
        BacktestEngine().run(Exits(), prices)


@pytest.mark.parametrize(
    "signal, error, words",
    [
        (Signal("AAPL", None, "BUY", strength=float("nan")), assay.StrategyError, "strength"),
        (Signal("AAPL", None, "BUY", strength=1.5), assay.StrategyError, "strength must lie in"),
        (Signal("AAPL", None, "BUY", strength=-0.1), assay.StrategyError, "strength"),
        (Signal("AAPL", None, "BUY", target_position=7.0), assay.StrategyError, "target_position 7"),
        (Signal("APPL", None, "BUY"), assay.NotFoundError, "APPL"),
        (Signal("AAPL", None, "PURCHASE"), ValueError, "PURCHASE"),
        (Signal("AAPL", None, "TARGET"), ValueError, "target_position"),
        (Signal("AAPL", None, "BUY", strength="high"), TypeError, ""),
        (Signal("AAPL", None, "BUY", signal_type=3), TypeError, ""),
        ("BUY", TypeError, "assay.Signal"),
        (None, TypeError, "NoneType"),
        (lambda view: view.buy(99), assay.ArgumentError, "99"),
        (lambda view: view.buy(-1), assay.ArgumentError, "-1"),
        (lambda view: view.signals("BUY", np.array([0, 7])), assay.ArgumentError, "7"),
        (lambda view: view.history("close", 0), ValueError, "0"),
        (lambda view: view.history("clos", 3), ValueError, "clos"),
        (lambda view: view.history("close", 10**15), (MemoryError, ValueError), None),
    ],
)
def test_signals_that_cannot_be(prices, signal, error, words):
    with pytest.raises(error, match=words or None):
        BacktestEngine().run(give(signal), prices)


def test_two_signals_for_one_symbol(prices):
    with pytest.raises(assay.StrategyError, match="two signals for AAPL.*2023-01-09"):
        BacktestEngine().run(give(Signal("AAPL", None, "BUY"), Signal("AAPL", None, "SELL")), prices)


def test_signals_may_come_in_any_order_and_form(prices):
    class Users:  # a class of the user's own, without a score
        def __init__(self, symbol):
            self.symbol, self.action, self.strength, self.target_position = symbol, "buy", 0.5, 1.0
            self.signal_type, self.reason = "mine", "because"

    r = BacktestEngine().run(
        give(Signal("MSFT", None, SignalAction.BUY, target_position_pct=0.5), Users("AAPL")), prices
    )
    assert r.signals["symbol"].tolist() == ["AAPL", "MSFT"]
    assert r.signals["reason"].tolist() == ["because", ""]
    assert r.signals["target_position"].tolist() == [1.0, 0.5]
    with pytest.raises(ValueError, match="the same thing"):
        Signal("A", None, "BUY", target_position=1.0, target_position_pct=0.5)


def test_signals_without_a_bar_are_passed_over_and_said(prices):
    short = prices[~((prices["symbol"] == "MSFT") & (prices.index > prices.index.unique()[50]))]

    class Always(BaseStrategy):
        def on_bar(self, view):
            view.signals("BUY", np.ones(view.n_symbols, dtype=bool))

    with pytest.warns(assay.AssayWarning, match="69 signals were for symbols that have no bar"):
        r = BacktestEngine().run(Always(), short)
    assert (r.signals["symbol"] == "MSFT").sum() == 51


def test_many_kinds_and_reasons(prices):
    class Many(BaseStrategy):
        def on_bar(self, view):
            i = view.times_asked
            view.buy(0, signal_type=f"type{i % 40}", reason=f"{'x' * (i % 60)} at {i * 1.25:.2f} of it")

    r = BacktestEngine().run(Many(), prices)
    assert r.signals["signal_type"].tolist() == [f"type{i % 40}" for i in range(len(r.signals))]
    exact = [f"{'x' * (i % 60)} at {i * 1.25:.2f} of it" for i in range(len(r.signals))]
    assert r.signals["reason"].tolist()[:30] == exact[:30]

    class TooMany(BaseStrategy):
        def on_bar(self, view):
            view.buy(0, signal_type=f"type{view.times_asked}")

    with pytest.raises(ValueError, match="kinds of signals"):
        BacktestEngine().run([TooMany(), "momentum", "mean_reversion", TooMany()], prices)


def test_classes_that_are_no_strategies(prices):
    class Nothing(BaseStrategy):
        pass

    class Duck:
        name = "duck"

        def on_bar(self, view):
            view.buy("AAPL")

    with pytest.raises(TypeError, match="none of the methods"):
        BacktestEngine().run(Nothing(), prices)
    with pytest.raises(TypeError, match="float"):
        BacktestEngine().run(3.5, prices)
    assert BacktestEngine().run(Duck(), prices).strategy == "duck"


def test_subclass_of_a_built_in_decides_itself(prices):
    class Mine(assay.MomentumStrategy):
        def on_bar(self, view):
            view.buy("AAPL")

    assert set(BacktestEngine().run(Mine(), prices).signals["symbol"]) == {"AAPL"}


def test_what_is_run_is_in_the_id(prices):
    class Mine(BaseStrategy):
        def on_bar(self, view):
            view.buy("AAPL", self.parameters["strength"])

    ids = {
        BacktestEngine().run(Mine(parameters={"strength": s, "mode": m}), prices).run_id
        for s, m in ((1, "a"), (0.5, "a"), (1, "b"))
    }
    assert len(ids) == 3
    r = BacktestEngine().run(Mine(parameters={"strength": 0.5}), prices)
    assert r.config["parameters"] == {"strength": 0.5}
    assert r.config["strategy"].startswith("python:")


def test_signals_strategy(prices):
    days = prices.index.unique()
    frame = pd.DataFrame({"timestamp": days[[3, 9]], "symbol": ["AAPL", "AAPL"], "action": ["BUY", "SELL"]})
    r = BacktestEngine().run(assay.SignalsStrategy(frame), prices)
    assert r.trades["entry_date"].tolist() == [days[4]] and r.trades["exit_date"].tolist() == [days[10]]
    with pytest.raises(assay.DataError, match="action"):
        assay.SignalsStrategy(frame.assign(action="GRAB"))


# --- the look-ahead test ---


class Peeks(BaseStrategy):
    """Buys what will rise."""

    def signals(self, frame):
        later = frame.groupby("symbol", observed=True)["close_price"].shift(-1)
        chosen = frame[later > frame["close_price"] * 1.005]
        return chosen.reset_index()[["timestamp", "symbol"]].assign(action="BUY")


def test_verify_finds_who_looks_ahead(prices, sample):
    for strategy in ("momentum", ArrayMomentum(threshold=0.03), FrameMomentum(threshold=0.03)):
        report = assay.verify(strategy, prices, cuts=3)
        assert report.is_blind and report.runs == 15 and report.signals > 0, strategy
    for where in ({"prices_df": prices}, {"db": sample}):
        report = assay.verify(Peeks(), cuts=2, **where)
        assert not report.is_blind and report.failed_runs > 0
        assert "depends on what comes after" in report.first
    with pytest.raises(assay.ConfigError, match="whole frame"):
        assay.run(Peeks(), db=sample)


def test_verify_starts_each_run_with_a_fresh_copy(prices):
    class Counts(BaseStrategy):
        count = 0

        def on_bar(self, view):
            self.count += 1
            if self.count == 10:
                view.buy("AAPL")

    strategy = Counts()
    assert assay.verify(strategy, prices, cuts=2).is_blind
    assert strategy.count == 0


def test_verify_raises_what_a_strategy_raises(prices):
    class Raises(BaseStrategy):
        def on_bar(self, view):
            raise Boom

    with pytest.raises(Boom):
        assay.verify(Raises(), prices)
