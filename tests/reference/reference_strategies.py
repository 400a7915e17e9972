"""The strategies of the reference (§8). Each is a function (book, member) → the signals of the bar, in symbol order."""

import math
from dataclasses import dataclass

from reference_metrics import deviation, mean
from reference_rules import rule

PARAMETERS = {
    "momentum": {"lookback": 20, "threshold": 0.10},
    "mean_reversion": {"lookback": 20, "z_threshold": 2.0},
    "sector_rotation": {"lookback": 60, "rotation_freq": 5},
    "portfolio_beta": {"target_beta": 1.0, "lookback": 60, "band": 0.2},
    "rule": {"rule": None},                     # the name of one of reference_rules.RULES
    "script": {"signals": None},                # of the tests alone: ready signals by date
}
ALIASES = {"beta": "portfolio_beta"}


@dataclass
class Member:
    """One strategy of a run with its parameters."""
    name: str                   # as the tables have it: momentum, momentum#2
    strategy: str
    parameters: dict
    weight: float = 1.0
    asked: int = 0

    def ask(self, book):
        self.asked += 1
        return STRATEGIES[self.strategy](book, self)


def read_members(settings):
    """The members of a run: one, or those of the ensemble in the order named."""
    wanted = settings["strategies"] or [{"strategy": settings["strategy"], **settings["parameters"]}]
    members = []
    for one in wanted:
        parameters = dict(one)
        strategy = parameters.pop("strategy")
        strategy = ALIASES.get(strategy, strategy)
        weight = parameters.pop("weight", 1.0)
        unknown = set(parameters) - set(PARAMETERS[strategy])
        if unknown:
            raise ValueError(f"unknown parameters {sorted(unknown)} of {strategy}")
        called = parameters.get("rule", strategy)
        times = 1 + sum(m.name.split("#")[0] == called for m in members)
        members.append(Member(called if times == 1 else f"{called}#{times}", strategy,
                              {**PARAMETERS[strategy], **parameters}, weight))
    return members


def momentum(book, member):
    """m = c[t] / c[t-(lookback-1)] - 1 over own bars."""
    threshold = member.parameters["threshold"]
    signals = []
    for s in book.data.symbols:
        closes = book.data.window(s, book.t, member.parameters["lookback"])
        if closes is None:
            continue
        m = closes[-1] / closes[0] - 1
        book.near(s, abs(m), threshold)
        strength = min(abs(m) / (2 * threshold), 1.0)
        if m > threshold:
            signals.append(book.make_signal(member.name, s, "BUY", "momentum_strong", 1.0, abs(m), strength,
                                            f"momentum {m:.4f}"))
        elif m < -threshold:
            signals.append(book.make_signal(member.name, s, "SELL", "momentum_weak", 0.5, abs(m), strength,
                                            f"momentum {m:.4f}"))
    return signals


def mean_reversion(book, member):
    """z = (c[t] - mean) / (std + 1e-6) over the window of own bars, ddof 1."""
    threshold = member.parameters["z_threshold"]
    signals = []
    for s in book.data.symbols:
        closes = book.data.window(s, book.t, member.parameters["lookback"])
        if closes is None:
            continue
        z = (closes[-1] - mean(closes)) / (deviation(closes, 1) + 1e-6)
        book.near(s, abs(z), threshold)
        strength = min(abs(z) / (2 * threshold), 1.0)
        if z < -threshold:
            signals.append(book.make_signal(member.name, s, "BUY", "reversion_oversold", 1.0, abs(z), strength,
                                            f"z {z:.4f}"))
        elif z > threshold:
            signals.append(book.make_signal(member.name, s, "SELL", "reversion_overbought", 0.5, abs(z), strength,
                                            f"z {z:.4f}"))
    return signals


def sector_rotation(book, member):
    """Every rotation_freq-th time out of the worst sector by mean window return and into the best."""
    if (member.asked - 1) % member.parameters["rotation_freq"] != 0:
        return []
    data = book.data
    own_return = {}                             # of the symbols with a bar at t and a full window
    for s in data.symbols:
        closes = data.window(s, book.t, member.parameters["lookback"])
        if closes is not None:
            own_return[s] = closes[-1] / closes[0] - 1
    value = {}
    sectors = {s: data.sector(s, book.t) for s in data.symbols}
    for sector in sorted({x for x in sectors.values() if x}, key=lambda x: x.encode()):
        returns = [own_return[s] for s in data.symbols if sectors[s] == sector and s in own_return]
        if returns:
            value[sector] = mean(returns)
    if len(value) < 2:
        return []
    best = max(value, key=value.get)            # of equals the first, and they stand in byte order
    worst = min(value, key=value.get)
    for sector in value:
        if sector != best:
            book.near(f"{best} and {sector}", value[best], value[sector])
        if sector != worst:
            book.near(f"{worst} and {sector}", value[worst], value[sector])
    if best == worst:
        return []
    signals = []
    for s in data.symbols:
        if data.bar(s, book.t) is None or sectors[s] not in (best, worst):
            continue
        score = own_return.get(s, -math.inf)
        if sectors[s] == worst:
            signals.append(book.make_signal(member.name, s, "REDUCE", "sector_rotation_exit", 0.25, score, 0.7,
                                            f"{worst} is the worst sector"))
        else:
            signals.append(book.make_signal(member.name, s, "INCREASE", "sector_rotation_enter", 1.0, score, 0.7,
                                            f"{best} is the best sector"))
    return signals


def portfolio_beta(book, member):
    """beta = cov / var over the symbol's last returns for which the market has one at the same timestamp."""
    data = book.data
    target, band = member.parameters["target_beta"], member.parameters["band"]
    lookback = member.parameters["lookback"]
    signals = []
    for s in data.symbols:
        if data.bar(s, book.t) is None:
            continue
        pairs = []                              # the youngest first
        for day in reversed(data.own[s][:data.own_until(s, book.t)]):
            if len(pairs) == lookback:
                break
            if day in data.returns(s) and data.market_return(day) is not None:
                pairs.append((data.returns(s)[day], data.market_return(day)))
        if len(pairs) < lookback:
            continue
        own_mean, market_mean = mean([r for r, _ in pairs]), mean([m for _, m in pairs])
        covariance = math.fsum((r - own_mean) * (m - market_mean) for r, m in pairs)
        variance = math.fsum((m - market_mean) ** 2 for _, m in pairs)
        still = all(m == 0 for _, m in pairs)
        adjusted = any(data.adjustments[x] for x in ([data.benchmark] if data.benchmark else data.symbols))
        if variance < 1e-24 and (adjusted or not still):        # nothing but the rounding of adjusted prices
            book.journal.ties.append(f"{book.t} {s}: variance {variance!r} of the market")
        if variance == 0:
            continue
        beta = covariance / variance
        book.near(s, beta, target + band, 1e-10)
        book.near(s, beta, target - band, 1e-10)
        score = abs(beta - target)
        strength = min(score / abs(target), 1.0) if target != 0 else 1.0
        if beta > target + band:
            signals.append(book.make_signal(member.name, s, "REDUCE", "beta_high", 0.5, score, strength,
                                            f"beta {beta:.4f}"))
        elif beta < target - band:
            signals.append(book.make_signal(member.name, s, "INCREASE", "beta_low", 1.0, score, strength,
                                            f"beta {beta:.4f}"))
    return signals


def script(book, member):
    """Ready signals: {date: [(symbol, action, target_position, strength), …]}."""
    return [book.make_signal(member.name, symbol, action, "script", target, strength, strength, "as written")
            for symbol, action, target, strength in member.parameters["signals"].get(book.t, [])]


STRATEGIES = {"momentum": momentum, "mean_reversion": mean_reversion, "sector_rotation": sector_rotation,
              "portfolio_beta": portfolio_beta, "rule": rule, "script": script}
