"""Compare the real program with the reference, through its command line and its files.

    python tests/reference/compare.py --seeds 0:300 --jobs 2
    python tests/reference/compare.py --seeds 17 --keep        # one market; its folder stays
    python tests/reference/compare.py --strategy ensemble      # or any of markets.KINDS; seeds from 10,000 on mix them all

For every seed a random market (markets.py) is written as CSV, imported and run by the program (ASSAY_BIN, default
build/assay), and its tables are compared with the reference: exact dates, texts, counts and order; numbers to 1e-9
relative, with an absolute floor tied to the initial capital where a value can be a cancellation. The first difference of
each market is printed and its folder kept.
"""

import argparse
import csv
import datetime
import json
import math
import multiprocessing
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pyarrow
import pyarrow.parquet

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import markets  # noqa: E402
import reference  # noqa: E402
from reference_rules import RULES  # noqa: E402

RELATIVE = 1e-9
CSV_HEADER = ["timestamp", "symbol", "open", "high", "low", "close", "volume", "dividend_amount", "split_coefficient"]

# kind of a column: "=" exact, "#" a number, "$" money that can cancel, "~" a ratio or percentage that can cancel
COLUMNS = {
    "signals": {"timestamp": "=", "symbol": "=", "action": "=", "signal_type": "=", "status": "=", "outcome": "=",
                "strength": "~", "target_position": "#", "score": "~"},
    "fills": {"timestamp": "=", "symbol": "=", "side": "=", "kind": "=", "order_id": "=", "quantity": "#", "price": "#",
              "reference_price": "#", "commission": "#", "slippage": "$"},
    "trades": {"symbol": "=", "direction": "=", "entry_date": "=", "exit_date": "=", "status": "=", "signal_type": "=",
               "bars_held": "=", "quantity": "#", "entry_price": "#", "exit_price": "#", "entry_value": "#",
               "exit_value": "#", "commission": "#", "slippage": "$", "dividends": "#", "pnl": "$", "pnl_pct": "~",
               "mae_pct": "~", "mfe_pct": "~", "entry_reason": "=", "exit_reason": "="},
    "snapshots": {"date": "=", "num_positions": "=", "stale_positions": "=", "cash": "$", "total_value": "$",
                  "gross_value": "$", "net_exposure": "$", "max_position_size": "~", "concentration": "~",
                  "receivable": "$", "leverage": "~", "daily_return": "~", "cumulative_return": "~", "drawdown": "~", "turnover": "~"},
}
ENSEMBLE_COLUMNS = {"signals": {"strategy": "="}, "fills": {"strategy": "="}, "trades": {"strategy": "="}, "snapshots": {}}
TABLES = {"signals": "backtest_signals", "fills": "backtest_fills", "trades": "backtest_trades",
          "snapshots": "backtest_metrics"}
KEYS = {"signals": ("timestamp", "symbol"), "fills": ("timestamp", "symbol", "side"),
        "trades": ("symbol", "entry_date", "exit_date"), "snapshots": ("date",)}
APART = ("delisting", "ruin", "cash_in_lieu", "spin_off")
REASONS = (*APART, "universe")                  # reasons that are words of the contract
DAYS = ("date", "start_date", "end_date", "ex_date", "pay_date")
TIMES = ("timestamp", "available_at", "filing_date")
TEXTS = ("symbol", "sector", "type", "new_symbol", "old_symbol")
PRICES = {"open": "open_price", "high": "high_price", "low": "low_price", "close": "close_price", "volume": "volume",
          "dividend": "dividend_amount", "split": "split_coefficient"}
ALIASES = {"mae": "mae_pct", "mfe": "mfe_pct"}
COUNTS = ("total_trades", "winning_trades", "losing_trades")
RATIOS = ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "sharpe_arithmetic")
ROUNDING_DECIDES = ("winning_trades", "losing_trades", "win_rate_pct", "profit_factor", "avg_win_pnl", "avg_loss_pnl")


class Difference(Exception):
    pass


# ------------------------------------------------------------------------------------------------- the real program

def binary():
    return os.environ.get("ASSAY_BIN", str(HERE.parents[1] / "build" / "assay"))


def write_csv(market, path):
    with open(path, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(CSV_HEADER)
        for symbol, rows in market.items():
            for r in rows:
                cells = [r["open"], r["high"], r["low"], r["close"], r["volume"], r["dividend"], r["split"]]
                writer.writerow([r["timestamp"].isoformat(), symbol] + ["" if c is None else repr(c) for c in cells])


def write_parquet(path, rows):
    def type_of(column):
        return (pyarrow.string() if column in TEXTS else pyarrow.date32() if column in DAYS
                else pyarrow.timestamp("us") if column in TIMES else pyarrow.float64())

    def cell(column, value):
        return datetime.datetime.combine(value, datetime.time()) if column in TIMES and value is not None else value

    columns = list(dict.fromkeys(c for row in rows for c in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.table({c: pyarrow.array([cell(c, row.get(c)) for row in rows], type_of(c)) for c in columns})
    pyarrow.parquet.write_table(table, path)


def write_tables(folder, market, tables):
    """The tables beside prices, and prices themselves where they are not imported."""
    for name, rows in tables.items():
        if name == "prices" and rows:
            rows = [{"timestamp": r["timestamp"], "symbol": symbol, **{to: r[of] for of, to in PRICES.items()}}
                    for symbol, group in market.items() for r in group]
        if rows:
            write_parquet(folder / "db" / name / "0.parquet", rows)


def write_rules(folder, settings):
    for member in settings.get("strategies") or [settings]:
        if member["strategy"] == "rule":
            (folder / f"{member['rule']}.yaml").write_text(RULES[member["rule"]])


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(text(v) for v in value)
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def write_holdings(settings, path):
    with open(path, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["sym", "sector"])
        writer.writerows([symbol, sector or ""] for symbol, sector in settings["sectors"].items())


def strategies_of(settings):
    """[(name on the command line, prefix of its parameters, parameters)]; of one strategy the parameters have no prefix."""
    if not settings.get("strategies"):
        return [(settings.get("rule") or settings["strategy"], "", {})]
    found = []
    for member in settings["strategies"]:
        name = member.get("rule") or member["strategy"]
        times = 1 + sum(name == n for n, _, _ in found)
        found.append((name, f"{name}." if times == 1 else f"{name}#{times}.",
                      {k: v for k, v in member.items() if k not in ("strategy", "rule")}))
    return found


def command_lines(folder, settings):
    db = str(folder / "db")
    strategies = strategies_of(settings)
    run = [binary(), "run", *(f"rule:{folder}/{name}.yaml" if name in RULES else name for name, _, _ in strategies), "--db", db, "--run-id", "r", "--format", "json"]
    for name in ("start", "end"):
        run += ["--" + name, text(settings[name])]
    if settings.get("sectors"):                 # the file has the run's symbols, so a benchmark apart is not in it
        run += ["--holdings", str(folder / "holdings.csv")]
    elif settings.get("symbols"):
        run += ["--symbols", ",".join(settings["symbols"])]
    for _, prefix, parameters in strategies:
        for name, value in parameters.items():
            run += ["--set", f"{prefix}{name}={text(value)}"]
    for name, value in settings.items():
        if name not in ("strategy", "strategies", "rule", "start", "end", "symbols", "sectors", "tables"):
            run += ["--set", f"{name}={text(value)}"]
    return [binary(), "import", str(folder / "market.csv"), "--db", db], run


def call(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Difference(f"exit status {done.returncode} of\n  {' '.join(command)}\n{done.stderr.strip()[-3000:]}")
    return done.stdout


def run_program(folder, market, settings):
    """Import and run; returns {"signals": [...], …, "metrics": {...}, "json": {...}} as the tables say."""
    write_csv(market, folder / "market.csv")
    if settings.get("sectors"):
        write_holdings(settings, folder / "holdings.csv")
    load, run = command_lines(folder, settings)
    tables = settings.get("tables") or {}
    if not tables.get("prices"):
        call(load)
    write_tables(folder, market, tables)
    write_rules(folder, settings)
    printed = call(run)
    try:
        summary = json.loads(printed)
    except ValueError:
        raise Difference(f"standard output is not JSON: {printed[:500]!r}") from None
    result = {name: read_table(folder / "db" / table) for name, table in TABLES.items()}
    result["metrics"] = {r["metric"]: r["value"] for r in read_table(folder / "db" / "backtest_results")}
    result["json"] = summary.get("metrics", {})
    return result


def read_table(path):
    rows = []
    for file in sorted(path.rglob("*.parquet")):
        rows += pyarrow.parquet.ParquetFile(file).read().to_pylist()
    return [{ALIASES.get(k, k): v for k, v in r.items()} for r in rows]


# -------------------------------------------------------------------------------------------------------- comparison

def plain(column, value):
    """One spelling for both sides."""
    if isinstance(value, datetime.datetime):
        return value.date() if value.time() == datetime.time() else value
    if column == "outcome":
        return value or "none"
    if column == "kind":                        # how a market fill is called is not in the contract
        return value.lower() if value and value.lower() in APART else "order"
    if column in ("entry_reason", "exit_reason"):               # those of strategies are texts for people
        return value if value in REASONS else "text"
    if column in ("side", "direction", "status") and isinstance(value, str):
        return value.lower()
    return value


def same(a, b, kind, capital):
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return (a is None or a != a) and (b is None or b != b) if a is None or b is None else a == b
    if kind == "=" or isinstance(a, datetime.date) or isinstance(b, datetime.date):
        return a == b
    a, b = float(a), float(b)
    if math.isnan(a) or math.isnan(b) or math.isinf(a) or math.isinf(b):
        return a == b or (math.isnan(a) and math.isnan(b))
    floor = {"#": 0.0, "$": 1e-11 * capital, "~": 1e-12}[kind]
    return abs(a - b) <= RELATIVE * max(abs(a), abs(b)) + floor


def describe(row, columns):
    return "  " + ", ".join(f"{c}={row.get(c)!r}" for c in columns) if row else "  (no row)"


def compare_rows(name, expected, actual, capital, ensemble):
    columns = {**COLUMNS[name], **(ENSEMBLE_COLUMNS[name] if ensemble else {})}
    if actual:
        absent = [c for c in columns if c not in actual[0]]
        if absent:
            raise Difference(f"{TABLES[name]}: columns {absent} are absent; there are {sorted(actual[0])}")
    orders, numbers = {}, {}
    for k in range(max(len(expected), len(actual))):
        want = expected[k] if k < len(expected) else None
        got = actual[k] if k < len(actual) else None
        different = []
        if want is None or got is None:
            different = ["row"]
        else:
            for c, kind in columns.items():
                a, b = plain(c, want[c]), plain(c, got[c])
                if c == "order_id" and ensemble:
                    if a is not None and a != b:
                        different.append(c)
                elif c == "order_id":           # numbers are free, but the same order must stay the same order
                    if a is not None and (orders.setdefault(a, b) != b or numbers.setdefault(b, a) != a):
                        different.append(c)
                elif not same(a, b, kind, capital):
                    different.append(c)
        if different:
            row = want or got
            where = ", ".join(f"{c} {row[c]}" for c in KEYS[name])
            values = "".join(f"\n    {c}: reference {want[c]!r}, program {got[c]!r}" for c in different if c != "row")
            raise Difference(
                f"{TABLES[name]} row {k} of {len(expected)} (program: {len(actual)}), {where}: {', '.join(different)}"
                f"{values}\n  reference {describe(want, columns)}\n  program   {describe(got, columns)}")


def trade_number(row):
    digits = re.findall(r"\d+", str(row["trade_id"]))
    return int(digits[-1]) if digits else 0


def compare_metrics(expected, actual, skip, source):
    # of a portfolio that hardly moves, returns are near rounding, and so are the ratios of two of them
    movement = min(abs(expected["annual_return_pct"]), expected["annual_volatility_pct"]) / 100
    noise = 1e-14 / movement if movement > 0 else 0.0
    for name, want in expected.items():
        if name in skip:
            continue
        if name not in actual:
            raise Difference(f"{source}: metric {name} is absent; there are {sorted(actual)}")
        got = actual[name]
        if source == "JSON" and isinstance(want, float) and not math.isfinite(want):
            if got is not None:
                raise Difference(f"{source}: metric {name}: reference null, program {got!r}")
            continue
        if name in COUNTS:
            ok = got is not None and float(got) == want
        else:
            a, b = float(want), math.nan if got is None else float(got)
            ok = (a == b or (math.isnan(a) and math.isnan(b))
                  or abs(a - b) <= (RELATIVE + (noise if name in RATIOS else 0.0)) * max(abs(a), abs(b)) + 1e-9)
        if not ok:
            raise Difference(f"{source}: metric {name}: reference {want!r}, program {got!r}")


def compare_results(expected, actual, settings):
    """Raises Difference at the first difference, in the order in which causes come before effects."""
    capital, ensemble = settings["initial_capital"], bool(settings.get("strategies"))
    by_key = {n: (lambda r, n=n: tuple(str(plain(c, r[c])).encode() for c in KEYS[n])) for n in KEYS}
    def in_order(signals):                      # of an ensemble the order in which they were recorded is compared too
        return signals if ensemble else sorted(signals, key=by_key["signals"])

    decided = {"signals": in_order(actual["signals"]),
               "fills": actual["fills"],                                 # in the order in which they happened
               "trades": sorted(actual["trades"], key=trade_number),
               "snapshots": sorted(actual["snapshots"], key=by_key["snapshots"])}
    wanted = {**expected, "signals": in_order(expected["signals"])}
    problems = []
    for name in ("signals", "fills", "snapshots", "trades"):
        try:
            compare_rows(name, wanted[name], decided[name], capital, ensemble)
        except Difference as found:
            problems.append(found)
    if problems:                                # the earliest cause is worth reading first, the others follow in short
        first = "\n\n".join(str(p) if k == 0 else "also " + str(p).splitlines()[0] for k, p in enumerate(problems))
        raise Difference(first)
    # a trade whose pnl is nothing but rounding is neither a win nor a loss of either side
    closed = [t for t in expected["trades"] if t["status"] == "closed"]
    skip = ROUNDING_DECIDES if any(abs(t["pnl"]) < 1e-12 * max(t["entry_value"], capital) for t in closed) else ()
    compare_metrics(expected["metrics"], actual["metrics"], skip, "backtest_results")
    compare_metrics(expected["metrics"], actual["json"], skip, "JSON")


def check(seed, keep=False, kind=None):
    """("same" | "skipped" | "different", text) for one seed."""
    market, settings, style = markets.make(seed, kind)
    expected = reference.run(market, settings)
    if expected["ties"]:
        return "skipped", f"seed {seed} ({style}): rounding could decide: {expected['ties'][0]}"
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"assay-reference-{kind or 'seed'}-{seed}-"))
    try:
        compare_results(expected, run_program(folder, market, settings), settings)
    except (Difference, subprocess.TimeoutExpired) as found:
        load, run = command_lines(folder, settings)
        sizes = ", ".join(f"{s} {len(rows)}" for s, rows in market.items())
        return "different", (f"seed {seed} ({style}); symbols and rows: {sizes}\n  settings: "
                             + " ".join(f"{k}={text(v)}" for k, v in settings.items() if k != "tables")
                             + f"\n{found}\nkept: {folder}\n  " + " ".join(load) + "\n  " + " ".join(run))
    if keep:
        return "same", f"seed {seed}: kept {folder}"
    shutil.rmtree(folder)
    return "same", ""


def verify(seed, kind=None, cuts=3):
    """("same" | "different", text): `assay verify` on the market of a seed, the run's strategies and settings."""
    market, settings, style = markets.make(seed, kind)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"assay-verify-{kind or 'seed'}-{seed}-"))
    try:
        run_program(folder, market, settings)
        run = command_lines(folder, settings)[1]
        at = run.index("--run-id")
        call([run[0], "verify", *run[2:at], *run[at + 2:], "--cuts", str(cuts)])
    except (Difference, subprocess.TimeoutExpired) as found:
        return "different", f"seed {seed} ({style}): {found}\nkept: {folder}"
    shutil.rmtree(folder)
    return "same", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:60", help="A:B (B excluded) or one seed")
    parser.add_argument("--strategy", choices=markets.KINDS, help="markets of this kind alone")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folders of equal markets too")
    parser.add_argument("--verify", action="store_true", help="the look-ahead test in place of the comparison")
    parser.add_argument("--show", type=int, default=5, help="print at most so many differences in full")
    options = parser.parse_args()
    first, _, last = options.seeds.partition(":")
    seeds = range(int(first), int(last) if last else int(first) + 1)
    counts, different = {"same": 0, "skipped": 0, "different": 0}, []
    with multiprocessing.Pool(options.jobs) as pool:
        work = [(s, options.keep, options.strategy, options.verify) for s in seeds]
        for seed, (verdict, words) in zip(seeds, pool.imap(check_one, work)):
            counts[verdict] += 1
            if verdict == "different":
                different.append(seed)
            if words and (verdict != "different" or len(different) <= options.show):
                print(words + "\n" if verdict == "different" else words, flush=True)
    print(f"{counts['same']} same, {counts['different']} different, {counts['skipped']} skipped"
          + (f"; different: {different}" if different else ""))
    return 1 if different else 0


def check_one(arguments):
    seed, keep, kind, looks_ahead = arguments
    return verify(seed, kind) if looks_ahead else check(seed, keep, kind)


if __name__ == "__main__":
    sys.exit(main())
