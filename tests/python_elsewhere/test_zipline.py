"""zipline's run over a bundle of the same market, and Assay's of its transactions and orders: the same fills and value."""

import numpy as np
import pandas as pd
import pytest
from assay import BacktestEngine, SignalsStrategy
from assay.interchange import ORDER_SETTINGS, signals_from_zipline
from conftest import SYMBOLS, fills_of, same_fills

CAPITAL = 1_000_000.0


@pytest.fixture(scope="module")
def perf(wide, tmp_path_factory):
    """What run_algorithm returns: 15-day momentum in shares, one order cancelled, fills at the next close, without costs."""
    import os

    os.environ["ZIPLINE_ROOT"] = str(tmp_path_factory.mktemp("zipline"))
    from zipline import run_algorithm
    from zipline.api import cancel_order, order, order_target, set_commission, set_slippage, symbol
    from zipline.data.bundles import ingest, register
    from zipline.finance.commission import PerShare
    from zipline.finance.slippage import FixedSlippage

    days = wide["close"].index

    def write(environ, assets, minutes, daily, adjustments, calendar, start, end, cache, progress, output):
        frame = pd.DataFrame(
            {"symbol": SYMBOLS, "start_date": days[0], "end_date": days[-1], "exchange": "NYSE"}
        )
        assets.write(equities=frame.assign(auto_close_date=days[-1] + pd.Timedelta(days=30)))
        daily.write(
            (s, pd.DataFrame({n: v[name] for n, v in wide.items()}).assign(volume=10_000_000))
            for s, name in enumerate(SYMBOLS)
        )
        adjustments.write()

    register("market", write, calendar_name="XNYS", start_session=days[0], end_session=days[-1])
    ingest("market")

    def initialize(context):
        set_commission(PerShare(cost=0.0, min_trade_cost=0.0))
        set_slippage(FixedSlippage(spread=0.0))
        context.day = 0

    def handle_data(context, data):
        context.day += 1
        if context.day < 20 or context.day > len(days) - 4:
            return
        for number, name in enumerate(SYMBOLS):
            asset = symbol(name)
            window = data.history(asset, "price", 15, "1d")
            held = context.portfolio.positions[asset].amount
            if window.iloc[-1] > window.iloc[0] and held <= 0:
                order(asset, 50 * (number + 1))
            elif window.iloc[-1] < window.iloc[0] and held > 0:
                order_target(asset, -10 if number == 2 else 0)
        if context.day == 40:
            cancel_order(order(symbol(SYMBOLS[0]), 1000))

    return run_algorithm(
        start=days[0],
        end=days[-1],
        initialize=initialize,
        handle_data=handle_data,
        capital_base=CAPITAL,
        bundle="market",
        benchmark_returns=pd.Series(0.0, index=days),
    )


def their_fills(perf):
    rows = [
        (pd.Timestamp(t["dt"]).tz_localize(None).normalize(), t["sid"].symbol, t["amount"], t["price"])
        for day in perf["transactions"]
        for t in day
    ]
    return pd.DataFrame(rows, columns=["day", "symbol", "size", "price"])


@pytest.mark.parametrize("records", ["transactions", "orders"])
def test_zipline(perf, prices, records):
    signals = signals_from_zipline(perf, prices, initial_capital=CAPITAL, records=records)
    settings = {**ORDER_SETTINGS, "initial_capital": CAPITAL, "commission_pct": 0.0, "slippage_bps": 0.0}
    result = BacktestEngine(**settings, fill="next_close").run([SignalsStrategy(signals)], prices)
    same_fills(fills_of(result), their_fills(perf))
    value = perf["portfolio_value"].set_axis(pd.DatetimeIndex(perf.index).tz_localize(None).normalize())
    np.testing.assert_allclose(result.equity[value.index], value, rtol=1e-11)
