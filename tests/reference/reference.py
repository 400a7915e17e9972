"""Independent reference of the backtest contract: slow, obvious, one symbol and one bar at a time.

Written from docs/semantics.md alone (section numbers are cited as §), never from the C sources, so that the two can be
compared. No vector libraries, plain floats, `math.fsum` where a sum matters. Readings of silent passages are listed in
AMBIGUITIES.md beside this file (A1, A2, … here).

    market    {symbol: [row, …]}, rows in time order; a row is a dict with timestamp (datetime.date), open, high, low,
              close, volume, dividend, split (None = missing)
    settings  {name: value}, see DEFAULTS
    run()     {"signals", "fills", "trades", "snapshots": lists of dicts; "metrics": dict; "ties": near-threshold notes;
               "ruined": bool; "delisted_positions": int}
"""

import bisect
import math
from dataclasses import dataclass, field
from datetime import date

from reference_metrics import deviation, finite, mean, metrics, one_return

DEFAULTS = {
    "strategy": "momentum", "lookback": 20, "threshold": 0.10, "z_threshold": 2.0,
    "start": None, "end": None,
    "initial_capital": 100000.0, "max_position_pct": 0.10, "sizing_basis": "equity",
    "target_scaled_by_strength": False, "allow_short": False, "lot_size": 0.0,
    "fill": "next_open", "slippage_model": "bps", "slippage_bps": 5.0, "half_spread_bps": 0.0,
    "impact_coefficient": 0.0, "commission_pct": 0.001, "commission_per_share": 0.0, "commission_min": 0.0,
    "max_participation": 0.10, "insufficient_cash": "scale", "min_scale_frac": 0.5, "min_trade_frac": 0.05,
    "max_pending_days": 7, "serve_order": "closings_first",
    "rebalance_frequency": "daily", "rebalance_dates": None,
    "delist_after_days": 10, "delisting_return": 0.0,
    "lot_method": "fifo", "signal_prices": "split_adjusted",
    "borrow_fee_pct": 0.0, "cash_interest_pct": 0.0,
}

TINY = 1e-9
BUY, SELL = 1, -1
SIDE_OF_ACTION = {"BUY": BUY, "INCREASE": BUY, "SELL": SELL, "REDUCE": SELL}


@dataclass
class Lot:                      # §6: each fill that opens makes a lot
    quantity: float             # > 0; the direction belongs to the position
    price: float
    commission: float
    slippage: float
    opened: date
    signal: dict
    dividends: float = 0.0
    low: float = math.inf       # extremes of the bars in which it was held
    high: float = -math.inf


@dataclass
class Position:
    direction: int = 0          # +1 long, -1 short, 0 flat
    lots: list = field(default_factory=list)

    def quantity(self):
        return math.fsum(lot.quantity for lot in self.lots)


@dataclass
class Closing:                  # §6: one closing order (or delisting, ruin) = one trade
    symbol: str
    direction: int
    decided: date
    exit_reason: str
    pieces: list = field(default_factory=list)
    commission: float = 0.0     # of the exits
    slippage: float = 0.0


@dataclass
class Order:
    number: int
    symbol: str
    side: int
    opens: bool                 # opens or raises; else closes or reduces
    quantity: float             # as decided (in today's share units)
    remaining: float
    decided: date
    signal: dict
    has_fill: bool = False
    closing: Closing = None


class Backtest:
    def __init__(self, market, settings):
        unknown = set(settings) - set(DEFAULTS)
        if unknown:
            raise ValueError(f"unknown settings {sorted(unknown)}")
        self.set = {**DEFAULTS, **settings}
        self.symbols = sorted(market, key=lambda s: s.encode())                      # §1: byte order
        last_day = self.set["end"] or date.max
        self.rows = {s: {r["timestamp"]: r for r in market[s] if r["timestamp"] <= last_day} for s in self.symbols}
        self.own = {s: sorted(d for d, r in self.rows[s].items() if finite(r["close"])) for s in self.symbols}
        self.events = {s: self.read_events(s) for s in self.symbols}
        self.calendar = sorted({d for s in self.symbols for d in self.rows[s]})      # §1: union of timestamps
        first_day = self.set["start"] or date.min
        self.bars = [d for d in self.calendar if d >= first_day]
        if not self.bars:
            raise ValueError("no bar between start and end")
        self.cash = self.set["initial_capital"]
        self.positions = {s: Position() for s in self.symbols}
        self.marks = {}
        self.split_factor = {s: 1.0 for s in self.symbols}    # product of ratios applied since the first bar of the run
        self.orders, self.next_order = [], 1
        self.signals, self.fills, self.closings, self.snapshots, self.ties = [], [], [], [], []
        self.financing, self.ruined, self.delisted_positions = 0.0, False, 0
        self.short_value_before = 0.0
        self.cash_before = self.cash

    # ------------------------------------------------------------------------------------------------ data, §1 and §2

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

    # ------------------------------------------------------------------------------------------------- the loop, §3

    def run(self):
        previous = None
        for t in self.bars:
            self.t, self.used_volume, self.traded = t, {}, 0.0
            for s in self.symbols:
                self.apply_events(s)                                                     # 1
            if self.set["fill"] == "next_open":
                self.serve([o for o in self.orders if self.has_open(o.symbol)], "open")  # 2
            # 3: protective exits would stand here
            self.fold_extremes()
            self.serve([o for o in self.orders
                        if self.bar(o.symbol, t) and not (self.set["fill"] == "next_open" and self.has_open(o.symbol))],
                       "close")                                                          # 4
            for s in self.symbols:
                if self.bar(s, t):
                    self.marks[s] = self.bar(s, t)["close"]
            self.delist()                                                                # 5
            self.expire()
            self.finance(previous)                                                       # 6
            if self.is_rebalance(previous):
                decided = self.decide(self.ask())                                        # 7, 8
                if self.set["fill"] == "close":
                    self.serve(decided, "close")                                         # 9
            self.check_identity()
            if self.equity() <= 0:
                self.ruin()                                                              # 10
                self.check_identity()
            self.snapshot()
            previous = t
        for order in list(self.orders):
            self.end(order, "open_at_end")
        trades = self.make_trades()
        return {"signals": self.signals, "fills": self.fills, "trades": trades, "snapshots": self.snapshots,
                "metrics": metrics(self.set["initial_capital"], [s["total_value"] for s in self.snapshots], trades),
                "ties": self.ties, "ruined": self.ruined, "delisted_positions": self.delisted_positions}

    def has_open(self, symbol):
        row = self.bar(symbol, self.t)
        return row is not None and finite(row["open"])

    def is_rebalance(self, previous):
        t, dates, frequency = self.t, self.set["rebalance_dates"], self.set["rebalance_frequency"]
        if dates:                               # for each date the run's first bar at or after it
            return any(d <= t and (previous is None or previous < d) for d in dates)
        if frequency == "daily" or previous is None:
            return True
        period = {"weekly": lambda d: d.isocalendar()[:2], "monthly": lambda d: (d.year, d.month),
                  "quarterly": lambda d: (d.year, (d.month - 1) // 3)}[frequency]
        return period(t) != period(previous)

    # ------------------------------------------------------------------------------------ 1. corporate actions, §2

    def apply_events(self, symbol):
        for ex_date, ratio, dividend, _ in self.events[symbol]:
            if ex_date != self.t:
                continue
            self.split_factor[symbol] *= ratio
            position = self.positions[symbol]
            for lot in position.lots:
                lot.quantity *= ratio
                lot.price /= ratio
                lot.low /= ratio
                lot.high /= ratio
            for order in self.orders:
                if order.symbol == symbol:
                    order.quantity *= ratio
                    order.remaining *= ratio
            if symbol in self.marks:
                self.marks[symbol] /= ratio
            for lot in position.lots:           # after the split: the dividend is per new share
                amount = position.direction * lot.quantity * dividend
                lot.dividends += amount
                self.cash += amount

    # ------------------------------------------------------------------------------------------ 2. and 4. fills, §5

    def serve(self, orders, point):
        if self.set["serve_order"] == "symbol":
            orders = sorted(orders, key=lambda o: o.symbol.encode())
        else:
            orders = sorted(orders, key=lambda o: (o.opens, o.decided, -o.signal["score"], o.symbol.encode()))
            for a, b in zip(orders, orders[1:]):
                if (a.opens, a.decided) == (b.opens, b.decided):
                    self.near(f"{a.symbol} and {b.symbol}", a.signal["score"], b.signal["score"])
        for order in orders:
            self.meet(order, self.bar(order.symbol, self.t)[point])

    def to_lots(self, quantity):
        size = self.set["lot_size"]
        return math.floor(quantity / size) * size if size > 0 else quantity

    def commission(self, quantity, price):
        return max(quantity * price * self.set["commission_pct"] + quantity * self.set["commission_per_share"],
                   self.set["commission_min"])

    def slippage_fraction(self, symbol, quantity):
        model = self.set["slippage_model"]
        if model == "none":
            return 0.0
        if model == "bps":
            return self.set["slippage_bps"] / 1e4
        fraction = self.set["half_spread_bps"] / 1e4
        row = self.bar(symbol, self.t)
        closes = self.closes(symbol, self.t, 21)
        if row and row["volume"] and row["volume"] > 0 and len(closes) == 21:
            returns = [b / a - 1 for a, b in zip(closes, closes[1:])]
            fraction += (self.set["impact_coefficient"] * deviation(returns, 1) * math.sqrt(quantity / row["volume"]))
        return fraction

    def meet(self, order, reference):
        """One order meets one price."""
        position = self.positions[order.symbol]
        quantity = order.remaining
        volume = self.bar(order.symbol, self.t)["volume"]
        if self.set["max_participation"] > 0 and volume is not None:
            room = self.set["max_participation"] * volume - self.used_volume.get(order.symbol, 0.0)
            if quantity > room:
                quantity = max(room, 0.0)
                if order.opens:
                    quantity = self.to_lots(quantity)
        if order.remaining - quantity < TINY * order.quantity:                           # residue
            quantity = order.remaining
        if not order.opens and position.quantity() - quantity < TINY * position.quantity():
            quantity = position.quantity()
        if quantity <= 0:
            return
        price = reference * (1 + order.side * self.slippage_fraction(order.symbol, quantity))
        scaled = False
        if order.side == BUY:
            cost = quantity * price + self.commission(quantity, price)
            if cost - self.cash > TINY * abs(self.cash):
                payable = min(self.cash / (price * (1 + self.set["commission_pct"]) + self.set["commission_per_share"]),
                              (self.cash - self.set["commission_min"]) / price)
                if order.opens:
                    payable = self.to_lots(payable)
                if (self.set["insufficient_cash"] == "skip" or payable < self.set["min_scale_frac"] * quantity
                        or payable < TINY * quantity):
                    self.end(order, "insufficient_cash")
                    return
                quantity, scaled = payable, True
        if not order.opens and order.closing is None:
            order.closing = Closing(order.symbol, position.direction, order.decided, order.signal["reason"])
        self.book(order.symbol, order.side, quantity, price, reference, self.commission(quantity, price), "market",
                  order.number, None if order.opens else order.closing, order.signal)
        if order.side == BUY:
            self.cash = max(self.cash, 0.0)
        self.used_volume[order.symbol] = self.used_volume.get(order.symbol, 0.0) + quantity
        order.has_fill = True
        order.remaining -= quantity
        if scaled:
            self.end(order, "scaled")
        elif order.remaining <= TINY * order.quantity:
            self.end(order, "filled")

    def end(self, order, outcome):
        if order.has_fill and outcome not in ("filled", "scaled"):                       # §4: whatever ended it
            outcome = "partial"
        order.signal["outcome"] = outcome
        self.orders.remove(order)

    # ------------------------------------------------------------------------------------------------- ledger, §6

    def book(self, symbol, side, quantity, price, reference, commission, kind, number, closing, signal):
        slippage = quantity * abs(price - reference) if kind != "delisting" else 0.0
        self.cash -= side * quantity * price + commission
        self.fills.append({"order_id": number, "timestamp": self.t, "symbol": symbol,
                           "side": "buy" if side == BUY else "sell", "quantity": quantity, "price": price,
                           "reference_price": reference, "commission": commission, "slippage": slippage, "kind": kind})
        if kind != "delisting":
            self.traded += quantity * price
        position = self.positions[symbol]
        if closing is None:
            position.direction = side
            position.lots.append(Lot(quantity, price, commission, slippage, self.t, signal))
            return
        if not closing.pieces:
            self.closings.append(closing)
        closing.commission += commission
        closing.slippage += slippage
        total, left = position.quantity(), quantity
        for lot in list(reversed(position.lots) if self.set["lot_method"] == "lifo" else position.lots):
            if self.set["lot_method"] == "average":
                part = lot.quantity * (quantity / total)
            else:
                part = min(left, lot.quantity)
            if part <= 0:
                continue
            if lot.quantity - part < TINY * lot.quantity:
                part = lot.quantity
            left -= part
            share = part / lot.quantity
            closing.pieces.append({
                "exit": self.t, "factor": self.split_factor[symbol], "quantity": part, "entry_price": lot.price,
                "exit_price": price, "commission": lot.commission * share, "slippage": lot.slippage * share,
                "dividends": lot.dividends * share, "opened": lot.opened, "low": lot.low, "high": lot.high,
                "signal": lot.signal})
            if part == lot.quantity:
                position.lots.remove(lot)
            else:
                lot.commission -= lot.commission * share
                lot.slippage -= lot.slippage * share
                lot.dividends -= lot.dividends * share
                lot.quantity -= part
        if not position.lots:
            position.direction = 0

    def close_whole(self, symbol, price, reference, commission, kind):
        position = self.positions[symbol]
        closing = Closing(symbol, position.direction, self.t, kind)
        self.book(symbol, -position.direction, position.quantity(), price, reference, commission, kind, None, closing,
                  None)

    def fold_extremes(self):
        """Every lot held now was held from before or filled at this open: the bar's low and high count (§6)."""
        for s in self.symbols:
            row = self.bar(s, self.t)
            if row is None:
                continue
            for lot in self.positions[s].lots:
                lot.low = min(lot.low, row["low"] if finite(row["low"]) else row["close"])
                lot.high = max(lot.high, row["high"] if finite(row["high"]) else row["close"])

    def value(self, symbol):
        position = self.positions[symbol]
        return position.direction * position.quantity() * self.marks[symbol] if position.lots else 0.0

    def equity(self):
        return math.fsum([self.cash] + [self.value(s) for s in self.symbols])

    def check_identity(self):
        """§6: equity = initial capital + pnl of closed trades + unrealised net pnl of open lots + financing."""
        parts = [self.set["initial_capital"], self.financing]
        for closing in self.closings:
            parts.append(-closing.commission)
            for p in closing.pieces:
                parts += [closing.direction * p["quantity"] * (p["exit_price"] - p["entry_price"]), -p["commission"],
                          p["dividends"]]
        for s in self.symbols:
            for lot in self.positions[s].lots:
                parts += [self.positions[s].direction * lot.quantity * (self.marks[s] - lot.price), -lot.commission,
                          lot.dividends]
        equity = self.equity()
        gross = math.fsum(abs(self.value(s)) for s in self.symbols)
        if abs(equity - math.fsum(parts)) > 1e-9 * max(abs(equity), gross, self.set["initial_capital"]):
            raise AssertionError(f"{self.t}: equity {equity!r} but the ledger says {math.fsum(parts)!r}")

    # ------------------------------------------------------------------------------ 5. delistings and expiry, §2, §3

    def delist(self):
        for s in self.symbols:
            k = self.own_until(s, self.t)
            if k == 0 or (self.t - self.own[s][k - 1]).days <= self.set["delist_after_days"]:
                continue
            for order in [o for o in self.orders if o.symbol == s]:
                self.end(order, "delisted")
            if self.positions[s].lots:
                self.delisted_positions += 1
                self.close_whole(s, self.marks[s] * (1 + self.set["delisting_return"]), self.marks[s], 0.0, "delisting")

    def expire(self):
        for order in list(self.orders):
            if (self.t - order.decided).days >= self.set["max_pending_days"]:
                self.end(order, "expired")

    # -------------------------------------------------------------------------------------------- 6. financing

    def finance(self, previous):
        """On the balances of the previous close, over the calendar days since it, actual/365."""
        if previous is not None:
            years = (self.t - previous).days / 365
            amount = (self.cash_before * self.set["cash_interest_pct"]
                      - self.short_value_before * self.set["borrow_fee_pct"]) * years
            self.cash += amount
            self.financing += amount

    # ------------------------------------------------------------------------------- 7. signals, §4 and §8

    def ask(self):
        return STRATEGIES[self.set["strategy"]](self)

    def make_signal(self, symbol, action, signal_type, target, score, scale, reason):
        signal = {"timestamp": self.t, "symbol": symbol, "action": action, "signal_type": signal_type,
                  "strength": min(score / scale, 1.0), "target_position": target, "score": score, "reason": reason,
                  "status": None, "outcome": "none", "strategy": self.set["strategy"]}
        self.signals.append(signal)
        return signal

    def near(self, symbol, value, threshold):
        """Note a comparison that rounding could decide either way."""
        if abs(value - threshold) <= 1e-12 * max(1.0, abs(threshold)):
            self.ties.append(f"{self.t} {symbol}: {value!r} against {threshold!r}")

    # ------------------------------------------------------------------------------------- 8. orders, §4

    def decide(self, signals):
        basis = self.equity() if self.set["sizing_basis"] == "equity" else self.set["initial_capital"]
        full = self.set["max_position_pct"] * basis
        made = []
        for signal in signals:
            order = self.decide_one(signal, full)
            if order is not None:
                signal["status"] = "ordered"
                made.append(order)
                self.orders.append(order)
        return made

    def decide_one(self, signal, full):
        """The order of one signal, or None with the signal's status said. Precedence: §4."""
        symbol, action = signal["symbol"], signal["action"]
        side = SIDE_OF_ACTION[action]
        position = self.positions[symbol]
        close = self.marks[symbol]
        for pending in [o for o in self.orders if o.symbol == symbol]:
            if pending.side == side:
                signal["status"] = "already_ordered"
                return None
            self.end(pending, "replaced")
        target = signal["target_position"] * (signal["strength"] if self.set["target_scaled_by_strength"] else 1.0)
        if position.direction == -side and action in ("BUY", "SELL"):      # SELL closes a long, BUY closes a short
            return self.new_order(signal, side, False, position.quantity())
        if action == "SELL" and position.direction == 0 and not self.set["allow_short"]:
            signal["status"] = "no_position"
            return None
        if action in ("BUY", "SELL") and position.direction == side:
            signal["status"] = "already_held"
            return None
        if action in ("INCREASE", "REDUCE"):
            raise NotImplementedError("INCREASE and REDUCE come with the strategies that use them")
        quantity = self.to_lots(target * full / close)
        if quantity <= 0:
            signal["status"] = "below_minimum"
            return None
        if self.ruined:
            signal["status"] = "risk_limited"
            return None
        return self.new_order(signal, side, True, quantity)

    def new_order(self, signal, side, opens, quantity):
        order = Order(self.next_order, signal["symbol"], side, opens, quantity, quantity, self.t, signal)
        self.next_order += 1
        return order

    # ------------------------------------------------------------------------------------- 10. snapshot and ruin

    def ruin(self):
        for order in list(self.orders):
            self.end(order, "expired")
        for s in self.symbols:
            position = self.positions[s]
            if position.lots:
                quantity = position.quantity()
                price = max(self.marks[s] * (1 - position.direction * self.slippage_fraction(s, quantity)), 0.0)
                self.close_whole(s, price, self.marks[s], self.commission(quantity, price), "ruin")
        self.ruined = True

    def snapshot(self):
        equity = self.equity()
        values = [self.value(s) for s in self.symbols if self.positions[s].lots]
        gross = math.fsum(abs(v) for v in values)
        initial = self.set["initial_capital"]
        before = self.snapshots[-1]["total_value"] if self.snapshots else initial
        peak = max([initial, equity] + [s["total_value"] for s in self.snapshots])
        self.snapshots.append({
            "date": self.t, "cash": self.cash, "total_value": equity, "gross_value": gross,
            "net_exposure": math.fsum(values), "num_positions": len(values),
            "max_position_size": max(abs(v) for v in values) / equity if values else 0.0,
            "concentration": math.fsum((v / gross) ** 2 for v in values) if values else 0.0,
            "leverage": gross / equity if values else 0.0,
            "daily_return": one_return(before, equity),
            "cumulative_return": equity / initial - 1,
            "drawdown": equity / peak - 1,
            "turnover": 0.0 if self.traded == 0 else self.traded / equity if equity > 0 else math.nan,
            "stale_positions": sum(1 for s in self.symbols if self.positions[s].lots and not self.bar(s, self.t))})
        self.cash_before = self.cash
        self.short_value_before = math.fsum(-v for v in values if v < 0)

    # -------------------------------------------------------------------------------------------------- trades, §6

    def make_trades(self):
        finished = [(c, "closed", max(p["exit"] for p in c.pieces)) for c in self.closings]
        finished.sort(key=lambda f: (f[2], f[0].symbol.encode(), f[0].decided))
        for s in self.symbols:                      # what is open at the end is one trade a symbol, at its mark
            position = self.positions[s]
            if position.lots:
                closing = Closing(s, position.direction, self.t, "open")
                for lot in position.lots:
                    closing.pieces.append({
                        "exit": self.t, "factor": self.split_factor[s], "quantity": lot.quantity,
                        "entry_price": lot.price, "exit_price": self.marks[s], "commission": lot.commission,
                        "slippage": lot.slippage, "dividends": lot.dividends, "opened": lot.opened, "low": lot.low,
                        "high": lot.high, "signal": lot.signal})
                finished.append((closing, "open", self.t))
        return [self.make_trade(number, *f) for number, f in enumerate(finished, 1)]

    def make_trade(self, number, closing, status, exit_date):
        factor = closing.pieces[-1]["factor"]       # of the exit date: the last fill is the last piece
        pieces = []
        for p in closing.pieces:                    # share units of the exit date
            r = factor / p["factor"]
            pieces.append({**p, "quantity": p["quantity"] * r, "entry_price": p["entry_price"] / r,
                           "exit_price": p["exit_price"] / r, "low": p["low"] / r, "high": p["high"] / r})
        quantity = math.fsum(p["quantity"] for p in pieces)
        entry_value = math.fsum(p["quantity"] * p["entry_price"] for p in pieces)
        exit_value = math.fsum(p["quantity"] * p["exit_price"] for p in pieces)
        entry, leave = entry_value / quantity, exit_value / quantity
        commission = math.fsum([closing.commission] + [p["commission"] for p in pieces])
        dividends = math.fsum(p["dividends"] for p in pieces)
        pnl = math.fsum([closing.direction * (exit_value - entry_value), -commission, dividends])
        oldest = min(pieces, key=lambda p: p["opened"])
        low = min([leave] + [p["low"] for p in pieces])
        high = max([leave] + [p["high"] for p in pieces])
        worst, best = (low, high) if closing.direction > 0 else (high, low)
        return {
            "trade_id": number, "symbol": closing.symbol, "direction": "long" if closing.direction > 0 else "short",
            "entry_date": oldest["opened"], "exit_date": exit_date if status == "closed" else None,
            "entry_price": entry, "exit_price": leave, "quantity": quantity, "entry_value": entry_value,
            "exit_value": exit_value, "commission": commission,
            "slippage": math.fsum([closing.slippage] + [p["slippage"] for p in pieces]), "dividends": dividends,
            "pnl": pnl, "pnl_pct": pnl / entry_value,
            "bars_held": self.own_until(closing.symbol, exit_date) - self.own_until(closing.symbol, oldest["opened"]),
            "mae_pct": min(0.0, closing.direction * (worst / entry - 1)) * 100,
            "mfe_pct": max(0.0, closing.direction * (best / entry - 1)) * 100,
            "signal_type": oldest["signal"]["signal_type"], "entry_reason": oldest["signal"]["reason"],
            "exit_reason": closing.exit_reason, "status": status}


# ------------------------------------------------------------------------------------------------------ strategies, §8

def momentum(bt):
    """m = c[t] / c[t-(lookback-1)] - 1 over own bars."""
    lookback, threshold = bt.set["lookback"], bt.set["threshold"]
    signals = []
    for s in bt.symbols:
        closes = bt.closes(s, bt.t, lookback, bt.set["signal_prices"] == "total_return") if bt.bar(s, bt.t) else []
        if len(closes) < lookback:
            continue
        m = closes[-1] / closes[0] - 1
        bt.near(s, abs(m), threshold)
        if m > threshold:
            signals.append(bt.make_signal(s, "BUY", "momentum_strong", 1.0, abs(m), 2 * threshold, f"momentum {m:.4f}"))
        elif m < -threshold:
            signals.append(bt.make_signal(s, "SELL", "momentum_weak", 0.5, abs(m), 2 * threshold, f"momentum {m:.4f}"))
    return signals


def mean_reversion(bt):
    """z = (c[t] - mean) / (std + 1e-6) over the window of own bars, ddof 1."""
    lookback, threshold = bt.set["lookback"], bt.set["z_threshold"]
    signals = []
    for s in bt.symbols:
        closes = bt.closes(s, bt.t, lookback, bt.set["signal_prices"] == "total_return") if bt.bar(s, bt.t) else []
        if len(closes) < lookback:
            continue
        z = (closes[-1] - mean(closes)) / (deviation(closes, 1) + 1e-6)
        bt.near(s, abs(z), threshold)
        if z < -threshold:
            signals.append(bt.make_signal(s, "BUY", "reversion_oversold", 1.0, abs(z), 2 * threshold, f"z {z:.4f}"))
        elif z > threshold:
            signals.append(bt.make_signal(s, "SELL", "reversion_overbought", 0.5, abs(z), 2 * threshold, f"z {z:.4f}"))
    return signals


STRATEGIES = {"momentum": momentum, "mean_reversion": mean_reversion}


def run(market, settings):
    return Backtest(market, settings).run()
