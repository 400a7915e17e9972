"""A few fixed rules over columns that were known at the time: what the program is given as YAML, and the same in Python.

Each function has the symbol's values at the bar, and the ranks of them; a condition with a missing value is None."""

RULES = {
    "cheap": """rule:
  name: cheap
  buy: pe_ratio < 15 and close > 0
  sell: pe_ratio > 25
  score: -pe_ratio
""",
    "either": """rule:
  name: either
  buy: rsi_14 < 40 or roe > 0.15
  sell: rsi_14 > 70 and roe < 0.1
""",
    "ranked": """rule:
  name: ranked
  increase: cross_rank(pe_ratio) <= 2
  reduce: cross_rank(pe_ratio) > cross_count(pe_ratio) - 1
  reduce_target: 0.5
""",
    "by_sector": """rule:
  name: by_sector
  buy: sector_rank(roe) < 2
  sell: sector_rank(roe) > 0.5 * sector_count(roe) + 0.75
""",
    "weights": """rule:
  name: weights
  target: if(rsi_14 < 40, 0.8, if(rsi_14 > 70, -0.5, 0.2))
""",
}
SCORED = {"cheap": "pe_ratio"}


def less(a, b):
    return None if a is None or b is None else a < b


def both(a, b):
    return False if a is False or b is False else None if a is None or b is None else True


def either(a, b):
    return True if a is True or b is True else None if a is None or b is None else False


def rank(values, symbol):
    """1 is the highest, equals share the mean of their places; None for one without a value."""
    if symbol not in values:
        return None
    x = values[symbol]
    return 1 + sum(v > x for v in values.values()) + (sum(v == x for v in values.values()) - 1) / 2


def first_action(name, see):
    """(action, target) of the first that holds, in the order sell, reduce, buy, increase; or None."""
    pe, roe, rsi = see["pe_ratio"], see["roe"], see["rsi_14"]
    if name == "cheap":
        return ("SELL", 1.0) if less(25, pe) else ("BUY", 1.0) if less(pe, 15) else None
    if name == "weights":
        return None if rsi is None else ("TARGET", 0.8 if rsi < 40 else -0.5 if rsi > 70 else 0.2)
    if name == "either":
        if both(less(70, rsi), less(roe, 0.1)):
            return "SELL", 1.0
        return ("BUY", 1.0) if either(less(rsi, 40), less(0.15, roe)) else None
    if name == "ranked":
        place, count = see["cross_rank"], see["cross_count"]
        if less(count - 1, place):
            return "REDUCE", 0.5
        return ("INCREASE", 1.0) if less(-2, None if place is None else -place) or place == 2 else None
    place, count = see["sector_rank"], see["sector_count"]
    if less(None if place is None else 0.5 * count + 0.75, place):
        return "SELL", 1.0
    return ("BUY", 1.0) if less(place, 2) else None


def rule(book, member):
    """Every symbol with a bar of its own is asked; across symbols those inside the universe are compared."""
    name, data, t = member.parameters["rule"], book.data, book.t
    asked = [s for s in data.symbols if data.bar(s, t)]
    inside = [s for s in asked if data.inside(s, t)]
    column = {c: {s: v for s in asked if (v := data.tables.field(s, c, t)) is not None}
              for c in ("pe_ratio", "roe", "rsi_14")}
    ranked = {s: v for s, v in column["pe_ratio"].items() if s in inside}
    signals = []
    for s in asked:
        sector = data.sector(s, t)
        group = {x: column["roe"][x] for x in inside if sector and x in column["roe"] and data.sector(x, t) == sector}
        see = {c: values.get(s) for c, values in column.items()}
        see |= {"cross_rank": rank(ranked, s), "cross_count": len(ranked), "sector_rank": rank(group, s),
                "sector_count": len(group)}
        found = first_action(name, see)
        score = -see[SCORED[name]] if found and name in SCORED else 1.0
        if found:
            signals.append(book.make_signal(member.name, s, found[0], found[0].lower(), found[1], score, 1.0, name, True))
    return signals
