"""One book of the reference: the portfolio and its orders, stepped bar by bar through §3."""

import math
from dataclasses import dataclass, field
from datetime import date

from reference_actions import corporate_actions
from reference_decide import Decisions
from reference_ensembles import overrule, vote
from reference_metrics import deviation, finite

TINY = 1e-9
BUY, SELL = 1, -1
NO_TURNOVER = ("delisting", "cash_in_lieu", "spin_off")


@dataclass
class Journal:                  # what all books of a run write to
    signals: list = field(default_factory=list)
    fills: list = field(default_factory=list)
    ties: list = field(default_factory=list)
    lots: int = 0
    orders: int = 0


@dataclass
class Lot:                      # §6: each fill that opens makes a lot
    number: int                 # in the order in which they are made
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
    number: int                 # of the order; a delisting or ruin has one of its own
    exit_reason: str
    pieces: list = field(default_factory=list)
    commission: float = 0.0     # of the exits
    slippage: float = 0.0


class Book(Decisions):
    def __init__(self, data, settings, members, journal):
        self.data, self.set, self.members, self.journal = data, settings, members, journal
        self.symbols = data.symbols
        self.cash = self.set["initial_capital"]
        self.positions = {s: Position() for s in self.symbols}
        self.marks = {}
        self.split_factor = {s: 1.0 for s in self.symbols}    # product of ratios applied since the first bar of the run
        self.orders, self.closings = [], []
        self.due = []                           # receivables: (pay date, amount)
        self.financing, self.ruined, self.delisted_positions = 0.0, False, 0
        self.short_value_before = 0.0
        self.cash_before = self.cash

    # ------------------------------------------------------------------------------------------------- the loop, §3

    def step(self, t, previous, used_volume):
        """One bar. `used_volume` is what was taken of each symbol's bar, by the books before this one too."""
        self.t, self.used_volume, self.traded = t, used_volume, 0.0
        corporate_actions(self)                                                          # 1
        self.expire_outside()
        if self.set["fill"] == "next_open":
            self.serve([o for o in self.orders if self.has_open(o.symbol)], "open")      # 2
        # 3: protective exits would stand here
        self.fold_extremes()
        self.serve([o for o in self.orders
                    if self.bar(o.symbol, t) and not (self.set["fill"] == "next_open" and self.has_open(o.symbol))],
                   "close")                                                              # 4
        for s in self.symbols:
            if self.bar(s, t):
                self.marks[s] = self.bar(s, t)["close"]
        self.delist()                                                                    # 5
        self.expire()
        self.finance(previous)                                                           # 6
        decided = self.leave()                                                           # 7
        if self.is_rebalance(previous):
            decided += self.decide(self.ask())                                           # 7, 8
        if self.set["fill"] == "close":
            self.serve([o for o in decided if self.bar(o.symbol, t)], "close")           # 9
        self.check_identity()
        if self.equity() <= 0:
            self.ruin()                                                                  # 10
            self.check_identity()
        self.cash_before = self.cash
        self.short_value_before = math.fsum(-v for v in self.values() if v < 0)

    def finish(self):
        for order in list(self.orders):
            self.end(order, "open_at_end")

    def bar(self, symbol, t):
        return self.data.bar(symbol, t)

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

    # ------------------------------------------------------------------------------- the universe, §2

    def closes_whole(self, order):
        position = self.positions[order.symbol]
        held = position.quantity()
        return not order.opens and position.direction == -order.side and held - order.remaining <= TINY * held

    def expire_outside(self):
        """Outside the universe nothing opens, rises or turns around."""
        for order in list(self.orders):
            if order.opens and not self.data.inside(order.symbol, self.t):
                self.end(order, "expired")

    def leave(self):
        """What is held outside the universe gets an order for the whole, unless one is there."""
        made = []
        for s in self.symbols:
            position = self.positions[s]
            pending = [o for o in self.orders if o.symbol == s]
            if not position.lots or self.data.inside(s, self.t) or any(self.closes_whole(o) for o in pending):
                continue
            for order in pending:
                self.end(order, "replaced")
            signal = {"timestamp": self.t, "symbol": s, "signal_type": "universe", "reason": "universe", "score": 0.0,
                      "exact": True, "outcome": "none", "strategy": position.lots[0].signal["strategy"]}
            made.append(self.new_order(signal, -position.direction, False, position.quantity()))
            self.orders.append(made[-1])
        return made

    # ------------------------------------------------------------------------------------------ 2. and 4. fills, §5

    def serve(self, orders, point):
        if self.set["serve_order"] == "symbol":
            orders = sorted(orders, key=lambda o: o.symbol.encode())
        else:
            orders = sorted(orders, key=lambda o: (o.opens and not o.turns, o.decided, -o.signal["score"], o.symbol.encode()))
            for a, b in zip(orders, orders[1:]):
                exact = a.signal["exact"] and b.signal["exact"]
                if (a.opens and not a.turns, a.decided) == (b.opens and not b.turns, b.decided) and not exact:
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
        closes = self.data.closes(symbol, self.t, 21)
        if row and row["volume"] and row["volume"] > 0 and len(closes) == 21:
            returns = [b / a - 1 for a, b in zip(closes, closes[1:])]
            fraction += (self.set["impact_coefficient"] * deviation(returns, 1) * math.sqrt(quantity / row["volume"]))
        return fraction

    def cut_to_lots(self, order, quantity, held):
        """Of a quantity that was cut: what opens in whole lots; what closes or reduces is not rounded."""
        if not order.opens:
            return quantity
        return held + self.to_lots(quantity - held) if quantity > held else quantity

    def meet(self, order, reference):
        """One order meets one price."""
        position = self.positions[order.symbol]
        held = position.quantity() if position.direction == -order.side else 0.0         # what it would close first
        quantity = order.remaining
        volume = self.bar(order.symbol, self.t)["volume"]
        if self.set["max_participation"] > 0 and volume is not None:
            limit = self.set["max_participation"] * volume
            room = limit - self.used_volume.get(order.symbol, 0.0)
            if room < TINY * limit:             # what rounding leaves of a bar that others used up is nothing
                if room > 0:
                    self.journal.ties.append(f"{self.t} {order.symbol}: {room!r} is left of a limit of {limit!r}")
                room = 0.0
            if quantity > room:
                quantity = self.cut_to_lots(order, room, held)
        if order.remaining - quantity < TINY * order.quantity:                           # residue
            quantity = order.remaining
        if not order.opens and held - quantity < TINY * held:
            quantity = held
        if quantity <= 0:
            return
        price = reference * (1 + order.side * self.slippage_fraction(order.symbol, quantity))
        scaled = False
        if order.side == BUY:
            cost = quantity * price + self.commission(quantity, price)
            if cost - self.cash > TINY * abs(self.cash):
                payable = min(self.cash / (price * (1 + self.set["commission_pct"]) + self.set["commission_per_share"]),
                              (self.cash - self.set["commission_min"]) / price)
                payable = self.cut_to_lots(order, payable, held)
                if (self.set["insufficient_cash"] == "skip" or payable < self.set["min_scale_frac"] * quantity
                        or payable < TINY * quantity):
                    self.end(order, "insufficient_cash")
                    return
                quantity, scaled = payable, True
        if held > 0 and order.closing is None:
            order.closing = Closing(order.symbol, position.direction, order.number, order.signal["reason"])
        self.book(order.symbol, order.side, quantity, min(quantity, held), price, reference,
                  self.commission(quantity, price), "market", order.number, order.closing, order.signal)
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

    def book(self, symbol, side, quantity, closes, price, reference, commission, kind, number, closing, signal):
        """A fill: first `closes` of the position against its lots, then the rest opens a lot; costs in proportion."""
        slippage = quantity * abs(price - reference) if kind not in NO_TURNOVER else 0.0
        self.cash -= side * quantity * price + commission
        self.journal.fills.append({
            "order_id": number, "timestamp": self.t, "symbol": symbol, "side": "buy" if side == BUY else "sell",
            "quantity": quantity, "price": price, "reference_price": reference, "commission": commission,
            "slippage": slippage, "kind": kind, "strategy": signal["strategy"]})
        if kind not in NO_TURNOVER:
            self.traded += quantity * price
        part = closes / quantity
        if closes > 0:
            self.close_lots(symbol, closes, price, commission * part, slippage * part, closing)
        if quantity > closes:
            self.positions[symbol].direction = side
            self.journal.lots += 1
            self.positions[symbol].lots.append(Lot(
                self.journal.lots, quantity - closes, price, commission * (1 - part), slippage * (1 - part), self.t, signal))

    def close_lots(self, symbol, quantity, price, commission, slippage, closing):
        position = self.positions[symbol]
        if not closing.pieces:
            self.closings.append(closing)
        closing.commission += commission
        closing.slippage += slippage
        total, left = position.quantity(), quantity
        everything = total - quantity < TINY * total        # §5: a position of which less would stay goes whole
        for lot in list(reversed(position.lots) if self.set["lot_method"] == "lifo" else position.lots):
            if self.set["lot_method"] == "average":
                part = lot.quantity * (quantity / total)
            else:
                part = min(left, lot.quantity)
            if part <= 0 and not everything:
                continue
            if 0 < part < TINY * quantity and self.set["lot_method"] != "average":      # dust, with another entry date
                self.journal.ties.append(f"{self.t} {symbol}: {part!r} of a lot closes {quantity!r}")
            if everything or lot.quantity - part < TINY * lot.quantity:
                part = lot.quantity
            left -= part
            share = part / lot.quantity
            closing.pieces.append({
                "exit": self.t, "factor": self.split_factor[symbol], "quantity": part, "entry_price": lot.price,
                "exit_price": price, "commission": lot.commission * share, "slippage": lot.slippage * share,
                "dividends": lot.dividends * share, "opened": lot.opened, "lot": lot.number, "low": lot.low, "high": lot.high,
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
        """A delisting or ruin: it has a number of its own, as an order would."""
        position = self.positions[symbol]
        quantity = position.quantity()
        self.fill_apart(symbol, -position.direction, quantity, quantity, price, reference, commission, kind,
                        position.lots[0].signal)

    def fill_apart(self, symbol, side, quantity, closes, price, reference, commission, kind, signal):
        """A fill without an order; it has a number as an order would, and what it closes is a trade."""
        self.journal.orders += 1
        number = self.journal.orders
        closing = Closing(symbol, self.positions[symbol].direction, number, kind)
        self.book(symbol, side, quantity, closes, price, reference, commission, kind, number, closing, signal)

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

    def values(self):
        """Signed values of the positions, in symbol order."""
        return [self.value(s) for s in self.symbols if self.positions[s].lots]

    def stale(self):
        return [s for s in self.symbols if self.positions[s].lots and not self.bar(s, self.t)]

    def equity(self):
        return math.fsum([self.cash, self.receivable()] + self.values())

    def receivable(self):
        return math.fsum(amount for _, amount in self.due)

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
        """By symbol: what the table tells, then silence, which finds nothing left of what was told."""
        for s in self.symbols:
            told = self.data.told_delisting(s, self.t)
            if told is not None:
                self.delist_one(s, told)
            k = self.data.own_until(s, self.t)
            if k > 0 and (self.t - self.data.own[s][k - 1]).days > self.set["delist_after_days"]:
                self.delist_one(s, self.set["delisting_return"])

    def delist_one(self, symbol, result):
        for order in [o for o in self.orders if o.symbol == symbol]:
            self.end(order, "delisted")
        if self.positions[symbol].lots:
            self.delisted_positions += 1
            mark = self.marks[symbol]
            self.close_whole(symbol, mark * (1 + result), mark, 0.0, "delisting")

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
        signals = [s for member in self.members for s in member.ask(self)]
        if self.set["combine"] == "vote":
            signals += vote(self, signals, self.set["vote_threshold"])
        if self.set["combine"] == "union":
            overrule(self, signals)
        return signals

    def make_signal(self, strategy, symbol, action, signal_type, target, score, strength, reason, exact=False):
        """`exact`: no rounding is in the score, so that equal scores are equal for everyone."""
        signal = {"timestamp": self.t, "symbol": symbol, "action": action, "signal_type": signal_type,
                  "strength": strength, "target_position": target, "score": score, "reason": reason,
                  "status": None, "outcome": "none", "strategy": strategy, "exact": exact}
        self.journal.signals.append(signal)
        return signal

    def near(self, symbol, value, threshold, tolerance=1e-12):
        """Note a comparison that rounding could decide either way."""
        if math.isfinite(threshold) and abs(value - threshold) <= tolerance * max(1.0, abs(threshold)):
            self.journal.ties.append(f"{self.t} {symbol}: {value!r} against {threshold!r}")

    # ------------------------------------------------------------------------------------- 10. ruin

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
