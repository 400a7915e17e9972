"""What the reference tells of its books (§6): the snapshot of a bar and the trades; several books are summed."""

import math

from reference_book import Closing
from reference_metrics import one_return


def snapshot(t, books, initial, before):
    """Each book's positions stand by themselves."""
    equity = math.fsum(b.equity() for b in books)
    traded = math.fsum(b.traded for b in books)
    values = [v for b in books for v in b.values()]
    gross = math.fsum(abs(v) for v in values)
    peak = max([initial, equity] + [s["total_value"] for s in before])
    return {
        "date": t, "cash": math.fsum(b.cash for b in books), "receivable": math.fsum(b.receivable() for b in books),
        "total_value": equity, "gross_value": gross,
        "net_exposure": math.fsum(values), "num_positions": len(values),
        "max_position_size": max(abs(v) for v in values) / equity if values else 0.0,
        "concentration": math.fsum((v / gross) ** 2 for v in values) if values else 0.0,
        "leverage": gross / equity if values else 0.0,
        "daily_return": one_return(before[-1]["total_value"] if before else initial, equity),
        "cumulative_return": equity / initial - 1,
        "drawdown": equity / peak - 1,
        "turnover": 0.0 if traded == 0 else traded / equity if equity > 0 else math.nan,
        "stale_positions": sum(len(b.stale()) for b in books)}


def make_trades(books):
    """Closed ones by exit date, symbol and order, then the open ones by symbol; of equals the earlier book's first."""
    found = [(book, *f) for book in books for f in finished(book)]

    def place(one):
        _, closing, status, exit_date = one
        symbol = closing.symbol.encode()
        if status == "open":
            return 1, symbol
        return 0, exit_date, symbol, closing.number

    return [make_trade(number, *f) for number, f in enumerate(sorted(found, key=place), 1)]


def finished(book):
    """[(closing, status, exit date)]: what was closed, and what is open at the end as one trade a symbol, at its mark."""
    found = [(c, "closed", max(p["exit"] for p in c.pieces)) for c in book.closings]
    for s in book.symbols:
        position = book.positions[s]
        if position.lots:
            closing = Closing(s, position.direction, None, "open")
            for lot in position.lots:
                closing.pieces.append({
                    "exit": book.t, "factor": book.split_factor[s], "quantity": lot.quantity,
                    "entry_price": lot.price, "exit_price": book.marks[s], "commission": lot.commission,
                    "slippage": lot.slippage, "dividends": lot.dividends, "opened": lot.opened, "lot": lot.number,
                    "low": lot.low, "high": lot.high, "signal": lot.signal})
            found.append((closing, "open", book.t))
    return found


def make_trade(number, book, closing, status, exit_date):
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
    oldest = min(pieces, key=lambda p: p["lot"])
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
        "bars_held": book.data.own_until(closing.symbol, exit_date) - book.data.own_until(closing.symbol, oldest["opened"]),
        "mae_pct": min(0.0, closing.direction * (worst / entry - 1)) * 100,
        "mfe_pct": max(0.0, closing.direction * (best / entry - 1)) * 100,
        "signal_type": oldest["signal"]["signal_type"], "entry_reason": oldest["signal"]["reason"],
        "exit_reason": closing.exit_reason, "status": status, "strategy": oldest["signal"]["strategy"]}
