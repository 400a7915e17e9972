"""A strategy of one's own, three times: over arrays, over data frames, and for the whole market at once.

    python examples/python/own_strategy.py

All three buy what closes above the highest close of the 20 bars before, and sell what closes below the lowest; all three are
then asked whether they look ahead.
"""

import assay
import numpy as np
import pandas as pd
from assay import BacktestEngine, BaseStrategy, Signal

WINDOW = 20


class BreakoutOfArrays(BaseStrategy):
    """The fast form: a few microseconds a bar."""

    def on_bar(self, view):
        closes = view.history("close", WINDOW + 1)
        before, now = closes[:-1], closes[-1]
        view.signals("BUY", now > before.max(axis=0), signal_type="breakout")
        view.signals("SELL", now < before.min(axis=0), signal_type="breakdown")


class BreakoutOfFrames(BaseStrategy):
    """The form of data frames: whatever pandas can do, up to the date."""

    def generate_signals(self, prices_df, technical_df, holdings_df, date):
        recent = prices_df.loc[date - pd.Timedelta(days=60) :]
        signals = []
        for symbol, closes in recent.groupby("symbol", observed=True)["close_price"]:
            if len(closes) <= WINDOW or closes.index[-1] != date:
                continue
            before, now = closes.iloc[-WINDOW - 1 : -1], closes.iloc[-1]
            if now > before.max():
                signals.append(Signal(symbol, date, "BUY", "breakout", reason=f"above {before.max():.2f}"))
            elif now < before.min():
                signals.append(Signal(symbol, date, "SELL", "breakdown", reason=f"below {before.min():.2f}"))
        return signals


class BreakoutAtOnce(BaseStrategy):
    """The form that is asked once: only verify can tell whether it looks ahead."""

    shift = 1

    def signals(self, frame):
        closes = frame.pivot(columns="symbol", values="close_price")
        before = closes.shift(self.shift).rolling(WINDOW)
        actions = pd.DataFrame(
            np.select([closes > before.max(), closes < before.min()], ["BUY", "SELL"], ""),
            index=closes.index,
            columns=closes.columns,
        )
        rows = actions.stack().rename("action").reset_index()
        return rows[rows["action"] != ""]


class BreakoutThatPeeks(BreakoutAtOnce):
    """A mistake that is easily made: the window lies in the future."""

    shift = -WINDOW


def market(n_days=300, n_symbols=8):
    """Random walks."""
    rng = np.random.default_rng(11)
    days = pd.date_range("2022-01-03", periods=n_days, freq="B")
    close = 50 * np.exp(np.cumsum(rng.normal(0.0004, 0.015, (n_days, n_symbols)), axis=0))
    frame = pd.DataFrame(close, index=days, columns=[f"S{i}" for i in range(n_symbols)])
    return frame.stack().rename_axis(["timestamp", "symbol"]).rename("close").reset_index()


def main():
    prices, engine = market(), BacktestEngine(max_position_pct=0.2)
    for cls in (BreakoutOfArrays, BreakoutOfFrames, BreakoutAtOnce, BreakoutThatPeeks):
        result = engine.run(cls(), prices)
        report = assay.verify(cls(), prices, cuts=3)
        verdict = "blind to the future" if report.is_blind else f"LOOKS AHEAD: {report.first[:70]} ..."
        print(f"{cls.__name__:18} {result['metrics']['total_return_pct']:8.2f} %   {verdict}")


if __name__ == "__main__":
    main()
