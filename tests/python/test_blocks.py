"""Markets larger than memory: all data in files, read and walked in blocks of bars, against the same run in memory.

Every table of a run has the same bytes, whatever the block; of backtest_runs and backtest_results the columns that say when
and how long are left out.
"""

import os
import pathlib
import random
import subprocess
import sys

import pyarrow.parquet
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import compare  # noqa: E402
import markets  # noqa: E402

TABLES = ("backtest_runs", "backtest_trades", "backtest_metrics", "backtest_signals", "backtest_fills",
          "backtest_results")
OF_THE_CLOCK = {"timestamp", "created_at", "updated_at", "duration_ms", "run_timestamp"}
RULES = {
    "windowed": ["buy: close > sma(close, 5) and zscore(close, 7) > -2",
                 "sell: close < lag(min(low, 4), 1) or bars_held > 12", "score: return(close, 9)"],
    "recursive": ["buy: ema(close, 6) > ema(close, 13) and rsi(close, 5) < 80",
                  "sell: close < ema(close, 13) - 2 * atr(6)", "score: rsi(close, 5)"],
    "crossed": ["buy: cross_percentile(ema(close, 4) / close) > 0.6",
                "sell: cross_percentile(return(close, 3)) < 0.3 or bars_held > 20", "score: market_beta(11)"],
}


def call(*args, env=None):
    done = subprocess.run([compare.binary(), *map(str, args)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, **(env or {})})
    assert done.returncode == 0, f"{args}\n{done.stderr[-3000:]}"
    return done


def contents(db, run_id="r"):
    """{table: bytes, or rows where a column has the clock}"""
    found = {}
    for table in TABLES:
        (path,) = db.glob(f"{table}/**/{run_id}.parquet")
        found[table] = path.read_bytes()
        if table in ("backtest_runs", "backtest_results"):
            rows = pyarrow.parquet.read_table(path, partitioning=None)
            found[table] = rows.drop_columns([c for c in rows.column_names if c in OF_THE_CLOCK]).to_pylist()
    return found


def different(db, run, ways, env=None):
    """Runs in memory, then in each way; returns what differs."""
    call(*run, env={"ASSAY_MEMORY": ""})
    expected, found = contents(db), []
    for way in ways:
        call(*run, *way, env=env)
        now = contents(db)
        found += [(way, table) for table in TABLES if repr(now[table]) != repr(expected[table])]
    return found


def blocks(*sizes):
    return [("--block-bars", n) for n in sizes]


def random_run(seed, kind, folder):
    """The database of a random market, and the command that runs over it."""
    market, settings = markets.make(seed) if kind is None else markets.make_kind(seed, kind)
    compare.write_csv(market, folder / "market.csv")
    if settings.get("sectors"):
        compare.write_holdings(settings, folder / "holdings.csv")
    load, run = compare.command_lines(folder, settings)
    call(*load[1:])
    return folder / "db", run[1:]


def check_random(seed, kind, folder, sizes):
    db, run = random_run(seed, kind, folder)
    assert different(db, run, [*blocks(*sizes), ("--memory", 1)]) == []


@pytest.mark.parametrize("seed, kind", [(3, None), (4, "mean_reversion"), (5, "sector_rotation"),
                                        (6, "portfolio_beta"), (7, "ensemble"), (8, "ensemble")])
def test_random_market(seed, kind, tmp_path):
    check_random(seed, kind, tmp_path, [17 + seed])


@pytest.mark.long
@pytest.mark.parametrize("kind", [None, *markets.KINDS])
@pytest.mark.parametrize("seed", range(100, 112))
def test_more_random_markets(seed, kind, tmp_path):
    rng = random.Random(seed)
    check_random(seed, kind, tmp_path, [1, rng.randrange(2, 40), rng.randrange(40, 400)])


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A market with gaps, splits, dividends and delistings."""
    folder = tmp_path_factory.mktemp("blocks")
    call("sample", "--db", folder / "db", "--symbols", 13, "--days", 150, "--seed", 5)
    for name, lines in RULES.items():
        (folder / f"{name}.yaml").write_text("".join(f"{line}\n" for line in ["rule:", *(f"  {part}" for part in lines)]))
    return folder


def of_sample(folder, *args):
    return folder / "db", ["run", *args, "--db", folder / "db", "--run-id", "r"]


SETTINGS = ["--set", "signal_prices=total_return", "--set", "slippage_model=impact", "--set", "max_participation=0.02"]


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule, sample):
    """Windows and recursive indicators alike go on over the edge of a block."""
    assert different(*of_sample(sample, f"rule:{sample / rule}.yaml", *SETTINGS), blocks(1, 31)) == []
