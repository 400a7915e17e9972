"""Several strategies in one book of the reference: union and vote (§8). Sleeves are several books, see reference.py."""

from reference_metrics import sign

FIXED_STRENGTHS = (0.7, 1.0)    # sector_rotation's own and the cap: no rounding in them


def overrule(book, signals):
    """Union: where a bar has signals of both sides for one symbol, the exit wins and the other side is `overruled`."""
    full = book.full_position()
    for symbol in book.data.symbols:
        here = [s for s in signals if s["symbol"] == symbol]
        if {book.side_of(s, full) for s in here} >= {+1, -1}:
            winner = +1 if book.positions[symbol].direction < 0 else -1
            for signal in here:
                if book.side_of(signal, full) == -winner:
                    signal["status"] = "overruled"


def vote(book, signals, threshold):
    """The signals that the members' votes make, in symbol order; the members' own become `voted`."""
    made = []
    total = sum(m.weight for m in book.members)
    for symbol in book.data.symbols:
        here = [s for s in signals if s["symbol"] == symbol and s["action"] != "HOLD"]
        if not here:
            continue
        v = 0.0
        for member in book.members:
            for signal in here:
                if signal["strategy"] == member.name:
                    signal["status"] = "voted"
                    v += member.weight * direction(signal) * signal["strength"]
        exact = all(s["strength"] in FIXED_STRENGTHS for s in here)
        if not exact:
            book.near(symbol, abs(v), threshold)
        if abs(v) > threshold:
            action, kind = ("BUY", "vote_buy") if v > 0 else ("SELL", "vote_sell")
            made.append(book.make_signal("vote", symbol, action, kind, 1.0, abs(v), min(abs(v) / total, 1.0),
                                         f"vote {v:.4f}", exact))
    return made


def direction(signal):
    if signal["action"] == "TARGET":
        return sign(signal["target_position"]) or -1
    return +1 if signal["action"] in ("BUY", "INCREASE") else -1
