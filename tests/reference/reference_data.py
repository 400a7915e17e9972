"""What the reference knows of a market: rows, own bars, events, the prices that strategies see, sectors (§1, §2)."""

import bisect
from datetime import date

from reference_metrics import finite, mean


class Data:
    """The market of one run. `settings` is complete; its `symbols` (None: all of the market) are those of the run, and a
    `benchmark` beside them is looked at but neither traded nor part of the calendar."""

    def __init__(self, market, settings):
        self.symbols = sorted(settings["symbols"] or market, key=lambda s: s.encode())       # §1: byte order
        self.benchmark = settings["benchmark"]
        self.sectors = settings["sectors"] or {}
        self.total_return = settings["signal_prices"] == "total_return"
        last_day = settings["end"] or date.max
        known = self.symbols + [s for s in [self.benchmark] if s and s not in self.symbols]
        self.rows = {s: {r["timestamp"]: r for r in market[s] if r["timestamp"] <= last_day} for s in known}
        self.own = {s: sorted(d for d, r in self.rows[s].items() if finite(r["close"])) for s in known}
        self.events = {s: self.read_events(s) for s in known}
        self.calendar = sorted({d for s in self.symbols for d in self.rows[s]})              # §1: union of timestamps
        first_day = settings["start"] or date.min
        self.bars = [d for d in self.calendar if d >= first_day]
        if not self.bars:
            raise ValueError("no bar between start and end")
        self.returns_of = {}

    def read_events(self, symbol):
        """[(ex_date, ratio, dividend, previous raw close or None)]; missing, 0 and 1 are no split."""
        events = []
        for day in sorted(self.rows[symbol]):
            row = self.rows[symbol][day]
            ratio = row.get("split") or 1.0
            dividend = row.get("dividend") or 0.0
            if ratio != 1.0 or dividend != 0.0:
                k = bisect.bisect_left(self.own[symbol], day)
                previous = self.rows[symbol][self.own[symbol][k - 1]]["close"] if k else None
                events.append((day, ratio, dividend, previous))
        return events

    def bar(self, symbol, t):
        """The symbol's own bar at t, or None (§1: a finite close makes it one)."""
        row = self.rows[symbol].get(t)
        return row if row is not None and finite(row["close"]) else None

    def own_until(self, symbol, t):
        return bisect.bisect_right(self.own[symbol], t)

    def closes(self, symbol, t, count, total_return=False):
        """The last `count` own closes as of t, adjusted for the events after each and up to t (§2); fewer if fewer."""
        out = []
        k = self.own_until(symbol, t)
        for day in self.own[symbol][max(0, k - count):k]:
            price = self.rows[symbol][day]["close"]
            for ex_date, ratio, dividend, previous in self.events[symbol]:
                if day < ex_date <= t:
                    price /= ratio
                    if total_return and dividend and previous:
                        price *= 1.0 - dividend * ratio / previous
            out.append(price)
        return out

    def window(self, symbol, t, lookback):
        """What a strategy sees: a full window of closes that ends with the symbol's own bar at t, or None."""
        if self.bar(symbol, t) is None:
            return None
        closes = self.closes(symbol, t, lookback, self.total_return)
        return closes if len(closes) == lookback else None

    def returns(self, symbol):
        """{day: simple return from the own bar before it}. Events after the day scale both closes alike, so the return
        is the same as of every later bar."""
        if symbol not in self.returns_of:
            found = {}
            for day in self.own[symbol][1:]:
                before, now = self.closes(symbol, day, 2, self.total_return)
                found[day] = now / before - 1
            self.returns_of[symbol] = found
        return self.returns_of[symbol]

    def market_return(self, day):
        """§8: of the benchmark between its own bars, or else the mean over the run's symbols that have one; or None."""
        if self.benchmark:
            return self.returns(self.benchmark).get(day)
        values = [self.returns(s)[day] for s in self.symbols if day in self.returns(s)]
        return mean(values) if values else None
