"""The tables beside prices: what was known of symbols, and when (§1, §2). Each is a list of dicts, as its Parquet has it.

    symbol_changes        old_symbol, new_symbol, date
    universe              symbol, start_date, end_date (None: open), sector
    delistings            symbol, date, return
    corporate_actions     symbol, ex_date, split_ratio, cash_dividend, pay_date, type, new_symbol, new_ratio
    fundamental_analysis, technical_analysis   symbol, timestamp, available_at, filing_date, sector, any columns
"""

from datetime import date, datetime, timedelta

from reference_metrics import finite


def of_day(when):
    return when.date() if isinstance(when, datetime) else when


class Names:
    """Which instrument a name meant on a day. An instrument has the last name of its chain."""

    def __init__(self, changes):
        self.leaving, self.coming = {}, {}
        for old, new, day in sorted({(c["old_symbol"], c["new_symbol"], of_day(c["date"])) for c in changes or []}):
            if any(d == day for d, _ in self.leaving.get(old, [])):
                raise ValueError(f"two changes of {old} on {day}")
            self.leaving.setdefault(old, []).append((day, new))
            self.coming.setdefault(new, []).append(day)
        for name in self.leaving:
            reached = set()                     # the names that come after it, at any time
            ahead = [new for _, new in self.leaving[name]]
            while ahead:
                new = ahead.pop()
                if new == name:
                    raise ValueError(f"the changes of {name} go in a circle")
                if new not in reached:
                    reached.add(new)
                    ahead += [n for _, n in self.leaving.get(new, [])]

    def last_name(self, name, day):
        """The instrument that bore `name` on `day`, or None: it did, but the name now is another's."""
        while True:
            going = [(d, new) for d, new in self.leaving.get(name, []) if d > day]
            coming = [d for d in self.coming.get(name, []) if d > day]
            if coming and not (going and min(going)[0] <= min(coming)):
                return None                     # someone else takes the name first
            if not going:
                return name
            day, name = min(going)

    def instrument(self, name):
        """Where no day tells: the chain's instrument."""
        if name not in self.leaving:
            return name
        return self.last_name(name, max(self.leaving[name])[0] - timedelta(days=1))

    def rename(self, market):
        """Price rows under the names of their instruments."""
        found = {}
        for name, rows in market.items():
            for row in rows:
                symbol = self.last_name(name, row["timestamp"])
                if symbol is not None:
                    found.setdefault(symbol, []).append(row)
        return {s: sorted(rows, key=lambda r: r["timestamp"]) for s, rows in found.items()}

    def table(self, rows, day_column):
        """A table's rows with the instrument as symbol, without those that name nobody."""
        named = [{**r, "symbol": self.last_name(r["symbol"], of_day(r[day_column]))} for r in rows or []]
        return [r for r in named if r["symbol"] is not None]


class Tables:
    def __init__(self, tables, settings):
        tables = tables or {}
        self.names = names = Names(tables.get("symbol_changes"))
        used = settings["point_in_time_universe"] and tables.get("universe") is not None
        self.universe = names.table(tables["universe"], "start_date") if used else None
        self.delistings = names.table(tables.get("delistings"), "date")
        self.fields = {t: names.table(tables.get(t), "timestamp") for t in ("technical_analysis", "fundamental_analysis")}
        self.lag = {"technical_analysis": timedelta(0), "fundamental_analysis": timedelta(days=settings["lag_days"])}
        self.max_age = timedelta(days=settings["max_age_days"])
        self.sectors = {names.instrument(s): sector for s, sector in (settings["sectors"] or {}).items()}
        self.actions = self.distinct(names.table(tables.get("corporate_actions"), "ex_date"))

    def distinct(self, rows):
        """Equal rows count once, whatever their pay dates: the latest counts."""
        found = {}
        for row in rows:
            row = {"split_ratio": None, "cash_dividend": None, "pay_date": None, "type": None, "new_symbol": None,
                   "new_ratio": None, **row}
            if row["new_symbol"] is not None:
                row["new_symbol"] = self.names.last_name(row["new_symbol"], row["ex_date"])
            key = tuple(v for k, v in sorted(row.items()) if k != "pay_date")
            before = found.get(key)
            if before is None or (row["pay_date"] or date.min) > (before["pay_date"] or date.min):
                found[key] = row
        return list(found.values())

    # ------------------------------------------------------------------------------------------- universe, sectors

    def spells(self, symbol, t):
        return [r for r in self.universe or [] if r["symbol"] == symbol and of_day(r["start_date"]) <= t
                and (r["end_date"] is None or t <= of_day(r["end_date"]))]

    def inside(self, symbol, t):
        return self.universe is None or bool(self.spells(symbol, t))

    def sector(self, symbol, t):
        if not self.inside(symbol, t):
            return None
        named = [r["sector"] for r in self.spells(symbol, t) if r.get("sector")]
        if named:
            return named[0]
        if self.sectors.get(symbol):
            return self.sectors[symbol]
        newest = self.newest("fundamental_analysis", symbol, "sector", t)
        return newest[1] if newest else None

    # -------------------------------------------------------------------------------------------------- fields, §1

    def known(self, table, row):
        """When a row was known: available_at, else filing_date, else its timestamp and the lag."""
        return row.get("available_at") or row.get("filing_date") or row["timestamp"] + self.lag[table]

    def newest(self, table, symbol, column, t):
        """(known, value) of the newest row with a value that was known by the end of t, or None."""
        rows = []
        for row in self.fields[table]:
            value = row.get(column)
            there = bool(value) if isinstance(value, str) else finite(value)
            if row["symbol"] == symbol and there and of_day(self.known(table, row)) <= t:
                rows.append((row["timestamp"], of_day(self.known(table, row)), value))
        return max(rows)[1:] if rows else None

    def field(self, symbol, column, t):
        """A column's value at t, or None. The technical table is looked into first."""
        for table, rows in self.fields.items():
            if any(finite(r.get(column)) for r in rows):
                found = self.newest(table, symbol, column, t)
                return found[1] if found and t - found[0] <= self.max_age else None
        return None
