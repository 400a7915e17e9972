"""Signals made outside: buy what trades much more than usual, sell when that is over.

    python3 examples/signals/make_signals.py db signals.parquet
    assay run signals:signals.parquet --db db

A signal is stamped with the day whose close it was made of. Money traded (close x volume) is the same before and after a
split, so that raw prices will do here; a price by itself would have to be adjusted for splits first.
"""

import sys
from pathlib import Path

import pandas


def main(db, target):
    prices = pandas.concat(
        pandas.read_parquet(path) for path in sorted(Path(db, "prices").rglob("*.parquet"))
    )
    prices = prices.sort_values(["symbol", "timestamp"])
    traded = prices.close_price * prices.volume
    by_symbol = traded.groupby(prices.symbol)
    usual = by_symbol.transform(lambda x: x.rolling(60).median())
    prices["score"] = by_symbol.transform(lambda x: x.rolling(5).mean()) / usual
    prices["action"] = None
    prices.loc[prices.score > 1.5, "action"] = "BUY"
    prices.loc[prices.score < 0.9, "action"] = "SELL"
    prices["reason"] = prices.action.map({"BUY": "Much traded", "SELL": "Quiet again"})
    signals = prices.dropna(subset=["action"])[["timestamp", "symbol", "action", "score", "reason"]]
    signals.to_parquet(target, index=False)
    print(f"{target}: {len(signals)} signals")


if __name__ == "__main__":
    main(*sys.argv[1:3])
