"""Seeded random markets as they were known then: universe, delistings, symbol changes, corporate actions in full, columns.

`make(seed)` gives (market, settings, note) as markets.make does. The tables are in settings["tables"]; price rows and
tables carry the names that were in use on their day.
"""

import random
from datetime import timedelta

import markets
from reference import complete
from reference_data import Data
from reference_rules import RULES

OLD_NAMES = ("OLD", "old.1", "0LD", "Older")
SPLITS = (1.5, 0.1, 7.0, 2.0, 1 / 3)


def make(seed):
    rng = random.Random(f"assay-market-known-{seed}")
    days = markets.calendar(rng, rng.randint(40, 220))
    style = {"cents": rng.random() < 0.12}
    common = {day: rng.gauss(0.0003, 0.012) for day in days}
    market = {}
    for name in rng.sample(markets.NAMES, rng.randint(3, 9)):
        here = markets.presence(rng, days)
        if len(here) >= 2:
            market[name] = markets.symbol_rows(rng, here, style, common)
    if len(market) < 2:
        market = {name: markets.symbol_rows(rng, days, style, common) for name in ("AA", "B")}
    settings = random_settings(rng, markets.days_of(market))
    named = [s for s in market if market[s][0]["timestamp"] <= settings["end"]]
    tables = {"prices": rng.random() < 0.3}     # as Parquet, with events in it
    spins = list_children(rng, market, days) if rng.random() < 0.6 else []
    named = [s for s in named if market.get(s) and market[s][0]["timestamp"] <= settings["end"]]
    tables["corporate_actions"] = corporate_actions(rng, market, tables["prices"]) + spins
    if rng.random() < 0.85:
        tables["universe"] = universe(rng, market, days)
    if rng.random() < 0.6:
        tables["delistings"] = delistings(rng, market, days)
    sectors_by(rng, settings, named, tables)
    if rng.random() < 0.25 and named:
        settings["benchmark"] = rng.choice(named)
    tables.update(columns(rng, named, market, days, settings))
    if rng.random() < 0.6:
        market = change_symbols(rng, market, days, settings, tables)
    settings["tables"] = tables
    make_possible(rng, market, settings, days, named)
    return market, settings, f"known, {'cents' if style['cents'] else 'full precision'}"


def random_settings(rng, days):
    kind = rng.choice(markets.KINDS[:5] + ("rule", "rule", "ensemble"))
    settings = markets.random_settings(rng, days, "momentum" if kind == "rule" else kind)
    rule = {"strategy": "rule", "rule": rng.choice((*sorted(RULES), "weights", "ranked"))}
    if kind == "rule":
        for name in ("lookback", "threshold"):
            settings.pop(name)
        settings.update(rule)
    elif kind == "ensemble" and rng.random() < 0.5:
        settings["strategies"][rng.randrange(len(settings["strategies"]))] = rule
    settings["lot_size"] = rng.choice((0.0, 0.0, 1.0, 1.0, 10.0, 0.5, 100.0))
    settings["allow_short"] = rng.random() < 0.5
    if settings["max_position_pct"] == 1.0:
        settings["max_position_pct"] = 0.5
    if rng.random() < 0.5:                      # orders that are pending for long
        settings.update(max_participation=rng.choice((0.01, 0.001)), max_pending_days=rng.choice((15, 60)))
    if settings["slippage_model"] == "impact":
        settings["max_participation"] = settings["max_participation"] or 0.5
    settings["point_in_time_universe"] = rng.random() < 0.9
    settings["dividend_payment"] = rng.choice(("ex_date", "pay_date"))
    settings["lag_days"] = rng.choice((0, 1, 30, 90))
    settings["max_age_days"] = rng.choice((400, 400, 100, 20))
    return settings


def corporate_actions(rng, market, stay):
    """The events of the rows, as a table; where they stay in the rows a few of the table's fall on the same days."""
    found = []
    more = rng.choice((0.0, 0.0, 0.04))
    for symbol, rows in market.items():
        for k, row in enumerate(rows):
            split, dividend = row["split"] or None, row["dividend"] or None
            if split == 1.0:
                split = None
            if (split is not None and rng.random() < 0.3) or rng.random() < more:
                split = rng.choice(SPLITS)
            ex_date = row["timestamp"]
            if stay:
                if rng.random() < 0.01 or ((split or dividend) and rng.random() < 0.1):
                    found.append(action(symbol, ex_date, None, round(row["close"] * 0.01, 4), None, "special"))
                continue
            row["split"] = row["dividend"] = None
            if not split and not dividend:
                continue
            if k and rng.random() < 0.4:        # on a day without a bar, where there is one
                ex_date -= timedelta(days=rng.randrange((ex_date - rows[k - 1]["timestamp"]).days))
            pay_date = rng.choice((None, ex_date - timedelta(days=3), ex_date, *(
                ex_date + timedelta(days=rng.choice((1, 2, 10, 30, 90))) for _ in range(5))))
            found.append(action(symbol, ex_date, split, dividend, pay_date, rng.choice((None, "regular"))))
            if dividend and rng.random() < 0.4:
                amount = dividend if rng.random() < 0.5 else dividend * 2
                found.append(action(symbol, ex_date, None, amount, pay_date, "special"))
            if rng.random() < 0.1:              # the same once more
                found.append(dict(found[-1]))
    return found


def action(symbol, ex_date, split, dividend, pay_date, kind, new_symbol=None, new_ratio=None):
    return {"symbol": symbol, "ex_date": ex_date, "split_ratio": split, "cash_dividend": dividend, "pay_date": pay_date,
            "type": kind, "new_symbol": new_symbol, "new_ratio": new_ratio}


def list_children(rng, market, days):
    """Spin-offs; some children are listed on the day, some later, some are there before, some never again."""
    found = []
    for _ in range(rng.randint(1, 4)):
        parent, child = rng.sample(sorted(market), 2)
        ex_date = rng.choice(market[parent][len(market[parent]) // 4:])["timestamp"] + timedelta(days=rng.choice((0, 0, 0, 1)))
        where = rng.random()
        if where < 0.4:                         # listed by it
            first = ex_date + timedelta(days=rng.choice((0, 0, 0, 3, 20)))
            rows = [r for r in market[child] if r["timestamp"] >= first]
        elif where < 0.5:
            rows = [r for r in market[child] if r["timestamp"] < ex_date]
        else:
            rows = market[child]
        if len(rows) < 2:
            continue
        market[child] = rows
        after = [r for r in rows if r["timestamp"] >= ex_date and r["close"] is not None]
        at = after[0] if after else rows[0]
        around = [r["close"] for r in market[parent] if abs((r["timestamp"] - at["timestamp"]).days) < 12]
        ratio = rng.uniform(0.02, 0.4) * min(around or [1.0]) / at["close"]
        split = rng.choice((None, None, None, 2.0))
        found.append(action(parent, ex_date, split, None, None, None, child, round(ratio, rng.choice((1, 2, 9))) or ratio))
    return found


def universe(rng, market, days):
    found = []
    for symbol in market:
        if rng.random() < 0.12:
            continue
        day = days[0] - timedelta(days=rng.randint(0, 200)) if rng.random() < 0.7 else rng.choice(days)
        for _ in range(rng.choice((1, 2, 3, 5, 8))):
            end = day + timedelta(days=rng.choice((0, 3, 8, 20, 40, 60, 150, 400)))
            last = rng.random() < 0.3
            found.append({"symbol": symbol, "start_date": day, "end_date": None if last else end,
                          "sector": rng.choice((None, "", *markets.SECTORS[:3]))})
            if last:
                break
            day = end + timedelta(days=rng.choice((1, 1, 2, 4, 8, 30)))
    return found


def delistings(rng, market, days):
    found = {}
    for symbol in rng.sample(sorted(market), rng.randint(1, min(4, len(market)))):
        rows = market[symbol]
        for _ in range(rng.choice((1, 1, 2, 3))):
            last = rows[-1]["timestamp"]
            day = rng.choice((last, last + timedelta(days=1), last + timedelta(days=rng.randint(2, 30)), rng.choice(days),
                              rng.choice(rows)["timestamp"], days[0] - timedelta(days=5), days[-1] + timedelta(days=40)))
            found[symbol, day] = {"symbol": symbol, "date": day,
                                  "return": rng.choice((None, float("nan"), -0.3, -1.0, 0.2, 0.0))}
    return list(found.values())


def sectors_by(rng, settings, named, tables):
    if rng.random() < 0.4:
        settings["symbols"] = list(named)
        settings["sectors"] = {s: rng.choice((None, *markets.SECTORS[:3])) for s in named}
        settings["sectors"][min(named)] = markets.SECTORS[0]
    elif rng.random() < 0.3:
        settings["symbols"] = list(named)


def columns(rng, named, market, days, settings):
    """Fundamentals with late and missing times of knowing, and technicals; the first row has every value."""
    found = {"fundamental_analysis": [], "technical_analysis": []}
    with_available, with_filing = rng.random() < 0.5, rng.random() < 0.5
    with_sector = rng.random() < 0.6
    seen = set()

    def late(row, part):
        if with_available and rng.random() < part:
            row["available_at"] = row["timestamp"] + timedelta(days=rng.choice((0, 1, 5, 40, 100)))
        if with_filing and rng.random() < part:
            row["filing_date"] = row["timestamp"] + timedelta(days=rng.choice((0, 2, 30, 60)))
        return row

    for symbol in named:
        for k in range(rng.randint(1, 8)):
            day = days[0] - timedelta(days=20) if k == 0 else days[0] + timedelta(
                days=rng.randint(-300, (days[-1] - days[0]).days))
            for again in range(rng.choice((1, 1, 2))):
                row = late({"symbol": symbol, "timestamp": day, "pe_ratio": round(rng.uniform(5, 35), 1),
                            "roe": round(rng.uniform(-0.1, 0.35), 2)}, 0.6 if again == 0 else 1.0)
                if with_sector:
                    row["sector"] = rng.choice((None, "", *markets.SECTORS[1:4]))
                for name in ("pe_ratio", "roe"):
                    if k and rng.random() < 0.2:
                        row[name] = rng.choice((None, float("nan")))
                known = row.get("available_at") or row.get("filing_date") or day + timedelta(days=settings["lag_days"])
                if (symbol, day, known) not in seen:
                    seen.add((symbol, day, known))
                    found["fundamental_analysis"].append(row)
        for row in market[symbol][::rng.choice((1, 3, 10))]:
            value = {"symbol": symbol, "timestamp": row["timestamp"], "rsi_14": round(rng.uniform(15, 95), 1)}
            found["technical_analysis"].append(value)
    return found


def change_symbols(rng, market, days, settings, tables):
    """Some symbols had another name before a day, or two; some of these names are another company's later."""
    spare, changes, eras = list(OLD_NAMES), [], {}
    for symbol in rng.sample(sorted(market), rng.randint(1, min(3, len(market)))):
        cuts = sorted({rng.choice(days) + timedelta(days=rng.choice((0, 0, 1))) for _ in range(rng.choice((1, 1, 2)))})
        if len(cuts) > len(spare) or symbol == settings.get("benchmark"):
            continue
        names = [spare.pop(0) for _ in cuts] + [symbol]
        eras[symbol] = list(zip(cuts, names))
        for cut, old, new in zip(cuts, names, names[1:]):
            changes.append({"old_symbol": old, "new_symbol": new, "date": cut})

    def on(symbol, day):
        return next((name for cut, name in eras.get(symbol, []) if day < cut), symbol)

    renamed = {}
    for symbol, rows in market.items():
        for row in rows:
            renamed.setdefault(on(symbol, row["timestamp"]), []).append(row)
    for table, column in (("universe", "start_date"), ("delistings", "date"), ("corporate_actions", "ex_date"),
                          ("fundamental_analysis", "timestamp"), ("technical_analysis", "timestamp")):
        for row in tables.get(table, []):
            if row.get("new_symbol"):
                row["new_symbol"] = on(row["new_symbol"], row[column])
            row["symbol"] = on(row["symbol"], row[column])
    for symbol, spell in eras.items():
        cut, old = spell[0]
        later = [d for d in days if d >= cut]
        if rng.random() < 0.4 and len(later) > 5 and not settings.get("symbols"):      # the old ticker used again
            renamed.setdefault(old, []).extend(strip(markets.symbol_rows(rng, later[3:], {"cents": False})))
            if "universe" in tables and rng.random() < 0.7:
                tables["universe"].append({"symbol": old, "start_date": cut, "end_date": None, "sector": "Tech"})
        before = [d for d in days if d < cut]
        if rng.random() < 0.3 and before:                       # the new ticker was another's before
            renamed[symbol] = strip(markets.symbol_rows(rng, before[-3:], {"cents": False})) + renamed.get(symbol, [])
    if settings.get("symbols"):                 # any of the names may be given
        called = {s: rng.choice([s] + [name for _, name in eras.get(s, [])]) for s in settings["symbols"]}
        settings["symbols"] = [called[s] for s in settings["symbols"]]
        if settings.get("sectors"):
            settings["sectors"] = {called[s]: sector for s, sector in settings["sectors"].items()}
    tables["symbol_changes"] = changes
    return {s: rows for s, rows in renamed.items() if rows}


def strip(rows):
    return [{**r, "split": None, "dividend": None} for r in rows]


def needs_sectors(settings):
    members = settings.get("strategies") or [settings]
    return any(m["strategy"] == "sector_rotation" or m.get("rule") == "by_sector" for m in members)


def make_possible(rng, market, settings, days, named):
    """What the program refuses is put right: nobody inside, nobody with a sector, a spin-off worth all of its parent."""
    tables = settings["tables"]
    if "universe" in tables:
        data = Data(market, complete({**settings, "tables": {**tables, "universe": None, "corporate_actions": []}}))
        symbol = data.symbols[0]
        named_as, first = data.tables.names.last_name, min(data.rows[symbol])
        raw = next(old for old in market if named_as(old, first) == symbol
                   and any(r["timestamp"] == first for r in market[old]))
        tables["universe"] = [r for r in tables["universe"] if named_as(r["symbol"], r["start_date"]) != symbol]
        tables["universe"].append({"symbol": raw, "start_date": first, "end_date": None, "sector": markets.SECTORS[0]})
    elif needs_sectors(settings) and not settings.get("sectors"):
        if tables.get("symbol_changes"):
            tables["fundamental_analysis"][0]["sector"] = markets.SECTORS[1]
        else:
            settings["symbols"] = list(named)
            settings["sectors"] = {s: rng.choice(markets.SECTORS[:3]) for s in named}
    if settings.get("sectors") is None and not settings["point_in_time_universe"] and needs_sectors(settings):
        settings["point_in_time_universe"] = True
    if worth_all(market, settings):
        tables["corporate_actions"] = [r for r in tables["corporate_actions"] if not r["new_symbol"]]
    if worth_all(market, settings):
        settings["signal_prices"] = "split_adjusted"


def worth_all(market, settings):
    """Whether a day's dividends and spin-offs are worth nearly all of their symbol, or a child is none of the run's."""
    try:
        data = Data(market, complete(settings))
    except ValueError:
        return True
    return any(factor < 0.05 for s in data.adjustments for _, _, factor in data.adjustments[s])
