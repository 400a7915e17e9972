"""How the reference makes orders of signals (§4)."""

from dataclasses import dataclass
from datetime import date

from reference_metrics import sign

TINY = 1e-9
BUY, SELL = 1, -1
SIDE_OF_ACTION = {"BUY": BUY, "INCREASE": BUY, "SELL": SELL, "REDUCE": SELL}


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
    turns: bool = False         # a TARGET that closes first and then opens
    closing: object = None


class Decisions:
    """Of a book (reference_book.Book), which has the positions, marks and settings."""

    def full_position(self):
        basis = self.equity() if self.set["sizing_basis"] == "equity" else self.set["initial_capital"]
        return self.set["max_position_pct"] * basis

    def decide(self, signals):
        """One after the other; signals that the ensemble disposed of have their status already."""
        full = self.full_position()
        made = []
        for signal in signals:
            if signal["status"] is None:
                decision = self.decide_one(signal, full)
                if isinstance(decision, Order):
                    made.append(decision)
                    self.orders.append(decision)
                    decision = "ordered"
                signal["status"] = decision
        return made

    def decide_one(self, signal, full):
        """The order of one signal, or else its status. Precedence: §4."""
        action, symbol = signal["action"], signal["symbol"]
        if action == "HOLD":
            return "hold"
        if not self.data.inside(symbol, self.t):
            return "not_in_universe"
        side = self.side_of(signal, full)
        for pending in [o for o in self.orders if o.symbol == symbol]:
            if pending.side == side:
                return "already_ordered"
            if side:
                self.end(pending, "replaced")
        rule = {"BUY": self.buy, "SELL": self.sell, "INCREASE": self.increase, "REDUCE": self.reduce,
                "TARGET": self.target}[action]
        return rule(signal, self.positions[symbol], self.effective_target(signal), full)

    def effective_target(self, signal):
        scaled = self.set["target_scaled_by_strength"] and signal["action"] != "REDUCE"
        return signal["target_position"] * (signal["strength"] if scaled else 1.0)

    def side_of(self, signal, full):
        """BUY, SELL or 0; that of a TARGET is the sign of its change."""
        if signal["action"] != "TARGET":
            return SIDE_OF_ACTION.get(signal["action"], 0)
        return sign(self.effective_target(signal) * full - self.value(signal["symbol"]))

    def wanted_value(self, signal, full):
        """The signed value that a TARGET asks for; without allow_short not below 0."""
        wanted = self.effective_target(signal) * full
        return wanted if self.set["allow_short"] else max(wanted, 0.0)

    def buy(self, signal, position, target, full):
        if position.direction > 0:
            return "already_held"
        if position.direction < 0:
            return self.new_order(signal, BUY, False, position.quantity())
        return self.opening(signal, BUY, target * full)

    def sell(self, signal, position, target, full):
        if position.direction > 0:
            return self.new_order(signal, SELL, False, position.quantity())
        if position.direction == 0 and not self.set["allow_short"]:
            return "no_position"
        if position.direction < 0:
            return "already_held"
        return self.opening(signal, SELL, target * full)

    def increase(self, signal, position, target, full):
        if position.direction < 0:
            return self.new_order(signal, BUY, False, position.quantity())
        if position.direction == 0:
            return "at_target" if target < TINY else self.opening(signal, BUY, target * full)
        return self.change_held(signal, BUY, target * full - self.value(signal["symbol"]), full)

    def reduce(self, signal, position, target, full):
        if position.direction == 0:
            return "no_position"
        if position.direction < 0:
            return "at_target"
        if target * full <= 0:
            return self.new_order(signal, SELL, False, position.quantity())
        return self.change_held(signal, SELL, self.value(signal["symbol"]) - target * full, full)

    def target(self, signal, position, target, full):
        """The signed weight exactly; across zero it is one order that closes and then opens."""
        if position.direction == 0 and target < 0 and not self.set["allow_short"]:
            return "no_position"
        wanted = self.wanted_value(signal, full)
        change = wanted - self.value(signal["symbol"])
        side = sign(change)
        if abs(change) < TINY * abs(full) or side == 0:
            return "at_target"
        if position.direction == 0:
            return self.opening(signal, side, abs(wanted))
        if sign(wanted) == position.direction:
            return self.change_held(signal, side, abs(change), full)
        beyond = 0.0 if self.ruined else self.to_lots(abs(wanted) / self.marks[signal["symbol"]])
        order = self.new_order(signal, side, beyond > 0, position.quantity() + beyond)
        order.turns = beyond > 0
        return order

    def opening(self, signal, side, value):
        """Of a flat symbol."""
        quantity = self.to_lots(value / self.marks[signal["symbol"]])
        if quantity <= 0:
            return "below_minimum"
        if self.ruined:
            return "risk_limited"
        return self.new_order(signal, side, True, quantity)

    def change_held(self, signal, side, change, full):
        """Raise or lower what is held by `change` of value, which does not close it."""
        if change <= 0 or change < TINY * full:
            return "at_target"
        symbol = signal["symbol"]
        self.near(symbol, change / full, self.set["min_trade_frac"], 1e-11)
        if change < self.set["min_trade_frac"] * full:
            return "below_minimum"
        exactly = change / self.marks[symbol]
        quantity = self.to_lots(exactly)
        if self.set["lot_size"] > 0:
            lots = exactly / self.set["lot_size"]
            self.near(symbol, lots, round(lots))
        if quantity <= 0:
            return "below_minimum"
        raises = side == self.positions[symbol].direction
        if raises and self.ruined:
            return "risk_limited"
        return self.new_order(signal, side, raises, quantity)

    def new_order(self, signal, side, opens, quantity):
        self.journal.orders += 1
        return Order(self.journal.orders, signal["symbol"], side, opens, quantity, quantity, self.t, signal)
