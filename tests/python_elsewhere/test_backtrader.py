"""backtrader's own run, its transactions as signals, and Assay's run: the same fills and the same value on every bar."""

import backtrader
import numpy as np
import pandas as pd
import pytest
from assay import BacktestEngine, SignalsStrategy
from assay.interchange import ORDER_SETTINGS, signals_from_backtrader
from conftest import SYMBOLS, fills_of, same_fills

CAPITAL = 1_000_000.0


class Cross(backtrader.Strategy):
    """Long above a moving average, short below it, in different sizes."""

    def __init__(self):
        self.means = {d: backtrader.indicators.SMA(d.close, period=15) for d in self.datas}
        self.noted, self.values = [], []

    def next(self):
        self.values.append((self.datetime.datetime(0), self.broker.getvalue()))
        for number, data in enumerate(self.datas):
            held, size = self.getposition(data).size, 100 * (number + 1)
            if data.close[0] > self.means[data][0] and held <= 0:
                self.buy(data, size=size - held)
            elif data.close[0] < self.means[data][0] * 0.98 and held > 0:
                self.sell(data, size=held + (size if number == 1 else 0))
            elif data.close[0] < self.means[data][0] * 0.9 and held < 0:
                self.buy(data, size=-held // 2)

    def notify_order(self, order):
        if order.status == order.Completed:
            made = backtrader.num2date(order.created.dt)
            self.noted.append((made, order.data._name, order.executed.size, order.executed.price))


@pytest.fixture(scope="module", params=[(0.0, 0.0), (0.001, 0.0005)], ids=["free", "costs"])
def theirs(request, wide):
    commission, slippage = request.param
    cerebro = backtrader.Cerebro(stdstats=False)
    for symbol in SYMBOLS:
        frame = pd.DataFrame({name: values[symbol] for name, values in wide.items()}).assign(
            volume=10_000_000
        )
        cerebro.adddata(backtrader.feeds.PandasData(dataname=frame), name=symbol)
    cerebro.addstrategy(Cross)
    cerebro.broker.setcash(CAPITAL)
    cerebro.broker.setcommission(commission)
    cerebro.broker.set_slippage_perc(slippage, slip_open=True, slip_out=True)
    cerebro.addanalyzer(backtrader.analyzers.Transactions, _name="transactions", headers=True)
    cerebro.addanalyzer(backtrader.analyzers.PyFolio, _name="pyfolio")
    (strategy,) = cerebro.run()
    settings = {**ORDER_SETTINGS, "initial_capital": CAPITAL, "commission_pct": commission}
    return strategy, {**settings, "slippage_bps": slippage * 1e4}


def their_fills(strategy):
    rows = []
    for day, fills in strategy.analyzers.transactions.get_analysis().items():
        if day != "date":
            rows += [(pd.Timestamp(day), symbol, size, price) for size, price, _, symbol, _ in fills]
    return pd.DataFrame(rows, columns=["day", "symbol", "size", "price"])


def check(signals, settings, prices, strategy):
    result = BacktestEngine(**settings).run([SignalsStrategy(signals)], prices)
    same_fills(fills_of(result), their_fills(strategy))
    values = pd.Series(dict(strategy.values))
    np.testing.assert_allclose(result.equity[values.index], values, rtol=1e-11)


def test_transactions(theirs, prices):
    strategy, settings = theirs
    analysis = strategy.analyzers.transactions.get_analysis()
    check(signals_from_backtrader(analysis, prices, initial_capital=CAPITAL), settings, prices, strategy)


def test_transactions_of_the_analyzer_pyfolio(theirs, prices):
    strategy, settings = theirs
    _, _, transactions, _ = strategy.analyzers.pyfolio.get_pf_items()
    check(signals_from_backtrader(transactions, prices, initial_capital=CAPITAL), settings, prices, strategy)


def test_rows_that_a_strategy_noted(theirs, prices):
    strategy, settings = theirs
    signals = signals_from_backtrader(strategy.noted, prices, initial_capital=CAPITAL, dated="decided")
    check(signals, settings, prices, strategy)
