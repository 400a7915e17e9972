"""Seeded random small markets and settings that bite: gaps, delistings, splits, dividends, thin volume, missing cells.

`make(seed)` gives (market, settings, note) in the form that reference.run takes. The same seed gives the same market.
Seeds below MIXED are momentum or mean_reversion on symbols that move by themselves. From MIXED on every sixth is of one
of KINDS, and `make(seed, kind)` asks for a kind: symbols that share a market's moves, sectors, a benchmark.
"""

import random
from datetime import date, timedelta

SPLITS = (2.0, 3.0, 1.5, 0.1, 7.0)
KINDS = ("momentum", "mean_reversion", "sector_rotation", "portfolio_beta", "ensemble", "known")
MIXED = 10_000
SECTORS = ("Energy", "Tech", "energy", "Health Care", "Ärzte")       # byte order: upper before lower before beyond ASCII


def calendar(rng, bars):
    """Weekdays with holes for everyone: single days, and sometimes a week or two."""
    day = date(rng.choice((2015, 2018, 2019, 2020)), rng.randint(1, 12), rng.randint(1, 28))
    weekend = rng.random() < 0.15                       # some markets trade every day
    days = []
    while len(days) < bars:
        if (weekend or day.weekday() < 5) and rng.random() > 0.03:
            days.append(day)
        day += timedelta(days=1 if rng.random() > 0.004 else rng.randint(5, 16))
    return days


def presence(rng, days):
    """The days on which one symbol has a bar: listing, delisting, holes from one bar to months."""
    n = len(days)
    first = 0 if rng.random() < 0.6 else rng.randrange(0, max(1, n * 2 // 3))
    last = n if rng.random() < 0.7 else rng.randrange(min(first + 2, n), n + 1)
    missing = set()
    for _ in range(rng.choice((0, 0, 1, 2, 4, 8))):
        length = rng.choice((1, 1, 1, 2, 3, 5, 8, 12, 20))
        at = rng.randrange(first, n)
        missing.update(range(at, at + length))
    return [d for k, d in enumerate(days) if first <= k < last and k not in missing]


def symbol_rows(rng, days, style, common=None):
    """`common`: {day: the market's step}, of which the symbol takes its share."""
    price = rng.choice((0.03, 0.4, 3.0, 20.0, 50.0, 100.0, 480.0, 5000.0)) * rng.uniform(0.7, 1.4)
    volatility = rng.choice((0.005, 0.015, 0.03, 0.06))
    thin = rng.choice((None, None, 30, 400, 5000))
    base_volume = thin or rng.choice((20_000, 500_000, 10_000_000))
    constant = rng.random() < (0.015 if common else 0.06)
    spoiled = rng.choice((0.0, 0.0, 0.02, 0.15))        # share of missing cells
    drift = rng.uniform(-0.004, 0.004)
    event_rate = rng.choice((0.0, 0.01, 0.04))
    loading = rng.uniform(-0.3, 2.2) if common else 0.0
    rows = []
    for k, day in enumerate(days):
        gap = k > 0 and (day - days[k - 1]).days > 5
        split, dividend = None, None
        if k > 0 and rng.random() < (0.3 if gap and event_rate else event_rate):
            kind = rng.random()
            if kind < 0.65:
                split = rng.choice(SPLITS)
            if kind > 0.45:
                dividend = 0.0                          # its size is set below, when the price is known
        if k > 0 and not constant:
            step = rng.gauss(drift, volatility)
            if common:
                step += loading * common[day]
            if rng.random() < 0.006:
                step += rng.choice((-0.6, -0.35, 0.5, 1.2))
            price *= max(1 + step, 0.05)
        if split:
            price /= split
        price = max(price, 1e-3)
        close = price
        open_ = close if constant else close * (1 + rng.gauss(0, volatility * 0.7))
        open_ = max(open_, close * 0.3)
        high = max(open_, close) * (1 if constant else 1 + abs(rng.gauss(0, volatility * 0.5)))
        low = min(open_, close) * (1 if constant else 1 - min(abs(rng.gauss(0, volatility * 0.5)), 0.5))
        if style["cents"]:
            open_, high, low, close = (max(round(v, 2), 0.01) for v in (open_, high, low, close))
        if dividend is not None:
            dividend = close * rng.uniform(0.001, 0.03)
            if style["cents"]:
                dividend = round(dividend, 2) or None
        volume = int(base_volume * rng.lognormvariate(0, 0.8))
        if rng.random() < (0.08 if thin else 0.005):
            volume = 0
        row = {"timestamp": day, "open": open_, "high": high, "low": low, "close": close, "volume": volume,
               "dividend": dividend, "split": split}
        for cell in ("open", "high", "low", "volume"):
            if rng.random() < spoiled * (0.4 if cell == "volume" else 1):
                row[cell] = None
        if rng.random() < 0.2:                          # the other ways of writing "no event"
            row["split"] = row["split"] or rng.choice((0.0, 1.0))
            row["dividend"] = row["dividend"] or 0.0
        rows.append(row)
    return rows


def random_parameters(rng, strategy):
    if strategy == "sector_rotation":
        return {"strategy": strategy, "lookback": rng.choice((2, 3, 5, 8, 13, 20, 60)),
                "rotation_freq": rng.choice((1, 1, 1, 2, 3, 5))}
    if strategy == "portfolio_beta":            # no target ± band at 1, which is the beta of a market of one symbol
        return {"strategy": strategy, "lookback": rng.choice((2, 3, 5, 8, 13, 20, 60)),
                "target_beta": rng.choice((1.0, 1.0, 1.0, 0.6, 1.4, 0.0)), "band": rng.choice((0.05, 0.1, 0.2, 0.2, 0.3))}
    s = {"strategy": strategy, "lookback": rng.choice((2, 3, 5, 8, 13, 20, 30))}
    if strategy == "momentum":
        s["threshold"] = rng.choice((0.005, 0.01, 0.03, 0.06, 0.1))
    else:
        s["z_threshold"] = min(rng.choice((0.5, 0.8, 1.2, 1.6, 2.0)), 0.9 * (s["lookback"] - 1) / s["lookback"] ** 0.5)
    return s


def random_ensemble(rng):
    """Two to four strategies, sometimes one of them twice."""
    names = [rng.choice(KINDS[:4]) for _ in range(rng.choice((2, 2, 3, 4)))]
    if len(set(names)) == 1 and rng.random() < 0.7:
        names[-1] = KINDS[(KINDS.index(names[0]) + rng.randint(1, 3)) % 4]
    members = [random_parameters(rng, name) for name in names]
    for member in members:
        if rng.random() < 0.6:
            member["weight"] = rng.choice((0.5, 1.0, 1.5, 2.0, 3.0))
    s = {"strategies": members, "combine": rng.choice(("union", "vote", "sleeves"))}
    if s["combine"] == "vote":
        s["vote_threshold"] = rng.choice((0.5, 0.5, 0.3, 0.7, 1.0, 0.0))
    return s


def random_settings(rng, days, kind=None):
    if kind == "ensemble":
        s = random_ensemble(rng)
    else:
        s = random_parameters(rng, kind or rng.choice(("momentum", "mean_reversion")))
    n = len(days)
    a = rng.choice((0, 0, rng.randrange(0, n // 2)))
    b = rng.choice((n - 1, n - 1, rng.randrange(n // 2, n)))
    s["start"], s["end"] = days[a] - timedelta(days=rng.choice((0, 0, 1))), days[b]
    pick = {
        "initial_capital": (1000.0, 10_000.0, 100_000.0, 100_000.0, 5_000_000.0),
        "max_position_pct": (0.05, 0.10, 0.25, 0.4, 0.6, 1.0),
        "sizing_basis": ("equity", "equity", "initial"),
        "target_scaled_by_strength": (False, True),
        "allow_short": (False, False, True),
        "lot_size": (0.0, 0.0, 0.0, 1.0, 1.0, 10.0, 100.0),
        "fill": ("next_open", "next_open", "next_close", "close"),
        "slippage_model": ("bps", "bps", "impact", "none"),
        "slippage_bps": (0.0, 5.0, 50.0),
        "half_spread_bps": (0.0, 3.0, 20.0),
        "impact_coefficient": (0.1, 0.5, 1.0),
        "commission_pct": (0.0, 0.001, 0.01),
        "commission_per_share": (0.0, 0.0, 0.005, 0.05),
        "commission_min": (0.0, 0.0, 1.0, 25.0),
        "max_participation": (0.10, 0.10, 0.01, 0.5, 0.001, 0.0),
        "insufficient_cash": ("scale", "scale", "skip"),
        "min_scale_frac": (0.5, 0.5, 0.0, 0.1, 0.9),
        "min_trade_frac": (0.05, 0.0),
        "max_pending_days": (7, 7, 1, 3, 15, 60),
        "serve_order": ("closings_first", "closings_first", "symbol"),
        "rebalance_frequency": ("daily", "daily", "daily", "weekly", "monthly", "quarterly"),
        "delist_after_days": (10, 10, 4, 20, 60),
        "delisting_return": (0.0, -0.3, -1.0, 0.1),
        "lot_method": ("fifo", "lifo", "average"),
        "signal_prices": ("split_adjusted", "split_adjusted", "total_return"),
        "borrow_fee_pct": (0.0, 0.0, 0.03),
        "cash_interest_pct": (0.0, 0.0, 0.02),
    }
    for name, values in pick.items():
        s[name] = rng.choice(values)
    if s["slippage_model"] == "impact" and not 0 < s["max_participation"] <= 0.5:
        s["max_participation"] = 0.5                    # without a limit the impact of a thin bar has no bound
    if s["max_position_pct"] == 1.0 and s["allow_short"]:
        s["max_position_pct"] = 0.6
    if rng.random() < 0.08:
        inside = [d for d in days if s["start"] <= d <= s["end"]]
        s["rebalance_dates"] = sorted({rng.choice(inside) - timedelta(days=rng.choice((0, 0, 1, 2)))
                                       for _ in range(rng.randint(1, 25))})
        s["rebalance_dates"] = [d for d in s["rebalance_dates"] if d >= s["start"]] or [s["start"]]
    return s


NAMES = ["AA", "AAA", "B", "B2", "BRK-B", "C.D", "Z", "a", "aB", "QQQ", "M1", "ZZ"]     # byte order: upper before lower


def make(seed, kind=None):
    if kind is None and seed >= MIXED:
        kind = KINDS[seed % len(KINDS)]
    if kind == "known":
        import markets_known  # which uses this module
        return markets_known.make(seed)
    if kind is not None:
        return make_kind(seed, kind)
    rng = random.Random(f"assay-market-{seed}")
    days = calendar(rng, rng.randint(40, 300))
    style = {"cents": rng.random() < 0.12}
    market = {}
    for name in rng.sample(NAMES, rng.randint(3, 12)):
        here = presence(rng, days)
        if len(here) >= 2:
            market[name] = symbol_rows(rng, here, style)
    if not market:
        market["AA"] = symbol_rows(rng, days, style)
    settings = random_settings(rng, days_of(market))
    return market, settings, "cents" if style["cents"] else "full precision"


def days_of(market):
    return sorted({r["timestamp"] for rows in market.values() for r in rows})


def make_kind(seed, kind):
    rng = random.Random(f"assay-market-{kind}-{seed}")
    days = calendar(rng, rng.randint(40, 300))
    style = {"cents": rng.random() < 0.12}
    extra = {days[0] - timedelta(days=rng.randint(1, 30)) for _ in range(rng.choice((0, 5)))}
    extra |= {rng.choice(days) + timedelta(days=1) for _ in range(rng.choice((0, 4, 20)))}
    benchmark_days = sorted(set(days) | extra)          # days of its own, on which nobody else trades
    common = {day: rng.gauss(0.0003, rng.choice((0.008, 0.015))) for day in benchmark_days}
    market = {}
    for name in rng.sample(NAMES, rng.randint(1 if rng.random() < 0.1 else 4, 12)):
        here = presence(rng, days)
        if len(here) >= 2:
            market[name] = symbol_rows(rng, here, style, common)
    if not market:
        market["AA"] = symbol_rows(rng, days, style, common)
    settings = random_settings(rng, days_of(market), kind)
    strategies = [s["strategy"] for s in settings.get("strategies", [settings])]
    named = [s for s in market if market[s][0]["timestamp"] <= settings["end"]]     # who is named must have a bar
    if "sector_rotation" in strategies or rng.random() < 0.2:
        sectors = rng.sample(SECTORS, rng.randint(1 if rng.random() < 0.1 else 2, 4))
        settings["symbols"] = named
        settings["sectors"] = {s: rng.choice(sectors) if rng.random() > 0.12 else None for s in named}
        if not any(settings["sectors"].values()):
            settings["sectors"][min(named)] = sectors[0]
    where = rng.random()
    if "portfolio_beta" in strategies or where < 0.15:
        if where < 0.35:
            settings["symbols"] = named
            settings["benchmark"] = rng.choice(("SPY", "0IDX", "zIndex"))
            first = rng.randrange(len(days) // 4) if rng.random() < 0.3 else 0
            last = rng.randrange(len(days) // 2, len(days)) if rng.random() < 0.2 else len(days) - 1
            missing = rng.choice((0.0, 0.02, 0.2))
            here = [d for d in benchmark_days if not days[first] > d > days[0] and d <= days[last]
                    and rng.random() >= missing]
            market[settings["benchmark"]] = symbol_rows(rng, here, style, common)
        elif where < 0.65:
            settings["benchmark"] = rng.choice(named)
    if kind == "portfolio_beta" and seed % 7 == 3:
        settings["strategy"] = "beta"                   # its other name
    return market, settings, f"{kind}, {'cents' if style['cents'] else 'full precision'}"
