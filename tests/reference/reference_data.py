"""What the reference knows of a market: rows, own bars, events, the prices that strategies see, sectors (§1, §2)."""

import bisect
import math
from datetime import date

from reference_metrics import finite, mean
from reference_tables import Tables


class Data:
    """The market of one run. `settings` is complete; its `symbols` (None: all of the market) are those of the run, and a
    `benchmark` beside them is looked at but neither traded nor part of the calendar."""

    def __init__(self, market, settings):
        self.tables = tables = Tables(settings["tables"], settings)
        names = tables.names
        market = names.rename(market)
        chosen = {names.instrument(s) for s in settings["symbols"]} if settings["symbols"] else market
        self.symbols = sorted(chosen, key=lambda s: s.encode())                              # §1: byte order
        self.benchmark = settings["benchmark"] and names.instrument(settings["benchmark"])
        self.total_return = settings["signal_prices"] == "total_return"
        last_day = settings["end"] or date.max
        known = self.symbols + [s for s in [self.benchmark] if s and s not in self.symbols]
        self.rows = {s: {r["timestamp"]: r for r in market.get(s, []) if r["timestamp"] <= last_day} for s in known}
        if not settings["symbols"]:             # who has no row up to the end is none of the run's
            self.symbols = [s for s in self.symbols if self.rows[s]]
        self.own = {s: sorted(d for d, r in self.rows[s].items() if finite(r["close"])) for s in known}
        self.calendar = sorted({d for s in self.symbols for d in self.rows[s]})              # §1: union of timestamps
        first_day = settings["start"] or date.min
        self.bars = [d for d in self.calendar if d >= first_day]
        if not self.bars:
            raise ValueError("no bar between start and end")
        if not any(tables.inside(s, t) for s in self.symbols for t in self.bars):
            raise ValueError("no symbol is inside the universe at any bar of the period")
        self.events = {s: self.read_events(s) for s in known}
        self.acting = {}                        # (symbol, bar): its splits and dividends, by ex-date
        for s in self.symbols:
            for event in self.events[s]:
                at = self.first_bar(event["ex_date"])
                if at is not None and self.own[s] and self.own[s][0] <= event["ex_date"]:
                    self.acting.setdefault((s, at), []).append(event)
        self.spinning = self.read_spin_offs()
        self.adjustments = {s: self.read_adjustments(s) for s in known}
        self.unknown_return = settings["delisting_return"]
        self.told = self.read_delistings()
        self.returns_of, self.market_returns = {}, {}

    def first_bar(self, day):
        """The first calendar bar at or after the day, or None."""
        k = bisect.bisect_left(self.calendar, day)
        return self.calendar[k] if k < len(self.calendar) else None

    def read_events(self, symbol):
        """Splits and dividends by ex-date; missing, 0 and 1 are no split. The prices' own row of a day goes before the
        table's."""
        found = []
        for day in sorted(self.rows[symbol]):
            row = self.rows[symbol][day]
            ratio, dividend = row.get("split") or 1.0, row.get("dividend") or 0.0
            if ratio != 1.0 or dividend != 0.0:
                found.append({"ex_date": day, "ratio": ratio, "dividends": [(dividend, None)] if dividend else []})
        told = {e["ex_date"] for e in found}
        for row in self.tables.actions:
            ratio, dividend = row["split_ratio"] or 1.0, row["cash_dividend"] or 0.0
            if row["symbol"] == symbol and row["ex_date"] not in told and (ratio != 1.0 or dividend != 0.0):
                paid = [(dividend, row["pay_date"])] if dividend else []
                found.append({"ex_date": row["ex_date"], "ratio": ratio, "dividends": paid})
        return sorted(found, key=lambda e: (e["ex_date"], e["ratio"] == 1.0))               # rows with a split first

    def read_spin_offs(self):
        """{(symbol, bar): [(ex_date, child, ratio)]}: each at the first bar from its ex-date at which the child has a bar."""
        found = {}
        for row in self.tables.actions:
            s, child = row["symbol"], row["new_symbol"]
            if s not in self.symbols or not child or not row["new_ratio"]:
                continue
            if child not in self.symbols:
                raise ValueError(f"{s} spins off {child}, which is none of the run's symbols")
            k = bisect.bisect_left(self.own[child], row["ex_date"])
            if k < len(self.own[child]) and self.own[s] and self.own[s][0] <= row["ex_date"]:
                found.setdefault((s, self.own[child][k]), []).append((row["ex_date"], child, row["new_ratio"]))
        return {key: sorted(rows) for key, rows in found.items()}

    def read_adjustments(self, symbol):
        """[(day, ratio, factor of total_return)]: a dividend, and what a spin-off took, of the close before the day."""
        ratios, worth = {}, {}
        for event in self.events[symbol]:
            day = event["ex_date"]
            ratios[day] = ratios.get(day, 1.0) * event["ratio"]
            worth[day] = math.fsum([worth.get(day, 0.0)] + [amount for amount, _ in event["dividends"]])
        for (s, at), rows in self.spinning.items():
            if s == symbol:
                for _, child, ratio in rows:
                    row = self.bar(child, at)
                    worth[at] = worth.get(at, 0.0) + ratio * (row["open"] if finite(row["open"]) else row["close"])
        found = []
        for day in sorted(set(ratios) | set(worth)):
            k = bisect.bisect_left(self.own[symbol], day)
            factor = 1.0
            if k and worth.get(day):
                before = self.own[symbol][k - 1]
                close = self.rows[symbol][before]["close"]
                for earlier, ratio in ratios.items():       # splits since that close, that of the day among them
                    if before < earlier <= day:
                        close /= ratio
                factor = 1.0 - worth[day] / close
            found.append((day, ratios.get(day, 1.0), factor))
        return found

    def read_delistings(self):
        """{(symbol, bar): return or None}: of several rows at one bar that of the latest date."""
        found = {}
        for row in sorted(self.tables.delistings, key=lambda r: r["date"]):
            s, at = row["symbol"], self.first_bar(row["date"])
            if s in self.symbols and at is not None and self.own[s] and self.own[s][0] <= row["date"]:
                found[s, at] = row["return"]
        return found

    def actions_at(self, symbol, t):
        return self.acting.get((symbol, t), [])

    def spin_offs_at(self, symbol, t):
        return [(child, ratio) for _, child, ratio in self.spinning.get((symbol, t), [])]

    def told_delisting(self, symbol, t):
        """The return that the table tells for this bar, or None; `unknown` is left to the setting."""
        if (symbol, t) not in self.told:
            return None
        told = self.told[symbol, t]
        return told if finite(told) else self.unknown_return

    def inside(self, symbol, t):
        return self.tables.inside(symbol, t)

    def sector(self, symbol, t):
        return self.tables.sector(symbol, t)

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
            for changed, ratio, factor in self.adjustments[symbol]:
                if day < changed <= t:
                    price /= ratio
                    if total_return:
                        price *= factor
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
        if day not in self.market_returns:
            values = [self.returns(s)[day] for s in self.symbols if day in self.returns(s) and self.inside(s, day)]
            self.market_returns[day] = mean(values) if values else None
        return self.market_returns[day]
