"""Corporate actions of one book, step 1 of §3: payments, splits and dividends, spin-offs, cash in lieu (§2)."""

import math

TINY = 1e-9
BUY, SELL = 1, -1


def units_down(quantity, size):
    """Rounded down to a multiple; a quantity that rounding put just below one is that one."""
    return math.floor(quantity / size * (1 + TINY)) * size


def corporate_actions(book):
    pay(book)
    split = {}                                  # symbol: (order, closes the whole, turns around) of those pending
    for s in book.symbols:
        for event in book.data.actions_at(s, book.t):
            if event["ratio"] != 1.0:
                split.setdefault(s, pending_state(book, s))
                scale(book, s, event["ratio"])
            for amount, pay_date in event["dividends"]:
                late = book.set["dividend_payment"] == "pay_date" and pay_date is not None and pay_date > book.t
                credit(book, s, amount, pay_date if late else None)
    for s in book.symbols:
        for child, ratio in book.data.spin_offs_at(s, book.t):
            spin_off(book, s, child, ratio)
    if book.set["lot_size"] > 0:
        for s, pending in split.items():
            cash_in_lieu(book, s)
            round_orders(book, s, pending)


def pay(book):
    """What is due by now stops being a receivable."""
    for due in [d for d in book.due if d[0] <= book.t]:
        book.cash += due[1]
        book.due.remove(due)


def scale(book, symbol, ratio):
    book.split_factor[symbol] *= ratio
    for lot in book.positions[symbol].lots:
        lot.quantity *= ratio
        lot.price /= ratio
        lot.low /= ratio
        lot.high /= ratio
    for order in book.orders:
        if order.symbol == symbol:
            order.quantity *= ratio
            order.remaining *= ratio
    if symbol in book.marks:
        book.marks[symbol] /= ratio


def credit(book, symbol, per_share, pay_date=None):
    """To a long, of a short; the lots have it today, the cash on the pay date."""
    position = book.positions[symbol]
    for lot in position.lots:
        amount = position.direction * lot.quantity * per_share
        lot.dividends += amount
        if pay_date is None:
            book.cash += amount
        else:
            book.due.append((pay_date, amount))


def spin_off(book, parent, child, ratio):
    position = book.positions[parent]
    if not position.lots:
        return
    row = book.bar(child, book.t)
    price = row["open"] if row["open"] is not None else row["close"]
    quantity = position.quantity() * ratio
    credit(book, parent, ratio * price)
    if book.set["lot_size"] > 0:
        quantity = units_down(quantity, min(book.set["lot_size"], 1.0))
    if quantity <= 0:
        return
    side, held = position.direction, book.positions[child]
    closes = min(quantity, held.quantity()) if held.direction == -side else 0.0
    if closes > 0 and held.quantity() - closes < TINY * held.quantity():
        closes = held.quantity()
    if quantity - closes < TINY * quantity:
        quantity = max(quantity, closes) if closes else quantity
        closes = min(closes, quantity)
    signal = {"signal_type": "spin_off", "reason": "spin_off", "strategy": position.lots[0].signal["strategy"]}
    book.marks.setdefault(child, price)
    book.fill_apart(child, side, quantity, closes, price, price, 0.0, "spin_off", signal)


def cash_in_lieu(book, symbol):
    position = book.positions[symbol]
    if not position.lots:
        return
    quantity = position.quantity()
    part = quantity - units_down(quantity, min(book.set["lot_size"], 1.0))
    if part > TINY * quantity:
        if part < 1e-6 * quantity:              # its last digits are rounding of the whole
            book.journal.ties.append(f"{book.t} {symbol}: {part!r} is paid in cash of {quantity!r} shares")
        mark = book.marks[symbol]
        book.fill_apart(symbol, -position.direction, part, part, mark, mark, 0.0, "cash_in_lieu", position.lots[0].signal)


def pending_state(book, symbol):
    """Before the split: (order, would close the whole position, would turn it around) of what is pending."""
    position = book.positions[symbol]
    held = position.quantity()
    return [(o, book.closes_whole(o), o.opens and held > 0 and position.direction == -o.side)
            for o in book.orders if o.symbol == symbol]


def round_orders(book, symbol, pending):
    lot = book.set["lot_size"]
    for order, whole, turns in pending:
        if whole:
            order.remaining = book.positions[symbol].quantity()
        else:
            order.remaining = units_down(order.remaining, lot if order.opens and not turns else min(lot, 1.0))
        if order.remaining <= 0:
            book.end(order, "expired")
