"""Markets larger than memory: all data in files, read and walked in blocks of bars, against the same run in memory.

Every table of a run has the same bytes, whatever the block; of backtest_runs and backtest_results the columns that say when
and how long are left out.
"""

import datetime
import math
import os
import pathlib
import random
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import compare  # noqa: E402
import markets  # noqa: E402

TABLES = (
    "backtest_runs",
    "backtest_trades",
    "backtest_metrics",
    "backtest_signals",
    "backtest_fills",
    "backtest_results",
)
OF_THE_CLOCK = {"timestamp", "created_at", "updated_at", "duration_ms", "run_timestamp"}
RULES = {
    "windowed": [
        "buy: close > sma(close, 5) and zscore(close, 7) > -2",
        "sell: close < lag(rolling_min(low, 4), 1) or bars_held > 12",
        "score: return(close, 9)",
    ],
    "recursive": [
        "buy: ema(close, 6) > ema(close, 13) and rsi(close, 5) < 80",
        "sell: close < ema(close, 13) - 2 * atr(6)",
        "score: rsi(close, 5)",
    ],
    "crossed": [
        "buy: cross_percentile(ema(close, 4) / close) > 0.6",
        "sell: cross_percentile(return(close, 3)) < 0.3 or bars_held > 20",
        "score: market_beta(11)",
    ],
}


def call(*args, env=None):
    done = subprocess.run(
        [compare.binary(), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **(env or {})},
    )
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


def check_random(seed, kind, folder, sizes):
    market, settings, _ = markets.make(seed, kind)
    compare.run_program(folder, market, settings)
    _, run = compare.command_lines(folder, settings)
    assert different(folder / "db", run[1:], [*blocks(*sizes), ("--memory", 1)]) == []


@pytest.mark.parametrize("seed, kind", [(7, "ensemble"), (8, "known")])
def test_random_market(seed, kind, tmp_path):
    check_random(seed, kind, tmp_path, [17 + seed])


@pytest.mark.long
@pytest.mark.parametrize("kind", [None, *markets.KINDS])
@pytest.mark.parametrize("seed", range(100, 105))
def test_more_random_markets(seed, kind, tmp_path):
    rng = random.Random(seed)
    check_random(seed, kind, tmp_path, [1, rng.randrange(2, 40), rng.randrange(40, 400)])


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A market with gaps, splits, dividends and delistings."""
    folder = tmp_path_factory.mktemp("blocks")
    call("sample", "--db", folder / "db", "--symbols", 13, "--days", 150, "--seed", 5)
    for name, lines in RULES.items():
        (folder / f"{name}.yaml").write_text(
            "".join(f"{line}\n" for line in ["rule:", *(f"  {part}" for part in lines)])
        )
    return folder


def of_sample(folder, *args):
    return folder / "db", ["run", *args, "--db", folder / "db", "--run-id", "r"]


SETTINGS = [
    "--set",
    "signal_prices=total_return",
    "--set",
    "slippage_model=impact",
    "--set",
    "max_participation=0.02",
    "--set",
    "allow_short=true",
]


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule, sample):
    """Windows and recursive indicators alike go on over the edge of a block."""
    assert different(*of_sample(sample, f"rule:{sample / rule}.yaml", *SETTINGS), blocks(31)) == []


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 2, 3, 64, 149, 150, 151])
@pytest.mark.parametrize("rule", RULES)
def test_rule_in_many_sizes(rule, size, sample):
    assert different(*of_sample(sample, f"rule:{sample / rule}.yaml", *SETTINGS), blocks(size)) == []


@pytest.mark.parametrize(
    "combine",
    [pytest.param("union", marks=pytest.mark.long), pytest.param("vote", marks=pytest.mark.long), "sleeves"],
)
def test_ensemble_with_signals(combine, sample):
    """The ready signals are those of a run of momentum."""
    db, run = of_sample(sample, "momentum")
    call(*run)
    (signals,) = db.glob("backtest_signals/**/r.parquet")
    (sample / "signals.parquet").write_bytes(signals.read_bytes())
    members = [f"rule:{sample / 'recursive'}.yaml", f"signals:{sample / 'signals.parquet'}", "mean_reversion"]
    assert different(*of_sample(sample, *members, "--set", f"combine={combine}"), blocks(13)) == []


# ------------------------------------------------------------------------------------------------- prices as they lie


def write_prices(folder, name, rows):
    columns = (
        "timestamp",
        "symbol",
        "open_price",
        "close_price",
        "volume",
        "dividend_amount",
        "split_coefficient",
    )
    (folder / "db" / "prices").mkdir(parents=True, exist_ok=True)
    table = pyarrow.table({c: [row[i] for row in rows] for i, c in enumerate(columns)})
    pyarrow.parquet.write_table(table, folder / "db" / "prices" / f"{name}.parquet", row_group_size=16)


def day(t):
    return datetime.datetime(2020, 1, 1) + datetime.timedelta(days=t)


def random_rows(rng, symbol, n):
    price, rows = 50.0, []
    for t in range(n):
        price *= math.exp(rng.gauss(0, 0.05))
        split = 2.0 if rng.random() < 0.02 else None
        price = price / 2 if split else price
        if rng.random() < 0.9:
            rows.append(
                (day(t), symbol, price * 0.99, price, 1000.0, 0.1 if rng.random() < 0.03 else None, split)
            )
    return rows


def file_by_file(folder):
    """A file a symbol, rows in no order; a second file repeats some rows with other prices, and some rows cannot be used."""
    rng = random.Random(11)
    for symbol in ("B", "A", "C"):
        rows = random_rows(rng, symbol, 120)
        rng.shuffle(rows)
        write_prices(folder, symbol, rows)
    return rng


RUN = ["run", "momentum", "--run-id", "r", "--set", "threshold=0.01", "--set", "lookback=5"]


def test_prices_symbol_by_symbol(tmp_path):
    file_by_file(tmp_path)
    assert different(tmp_path / "db", [*RUN, "--db", tmp_path / "db"], blocks(7, 119)) == []


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 2, 60, 120, 1000])
def test_prices_symbol_by_symbol_in_many_sizes(size, tmp_path):
    file_by_file(tmp_path)
    assert different(tmp_path / "db", [*RUN, "--db", tmp_path / "db"], blocks(size)) == []


@pytest.mark.parametrize(
    "bad",
    [
        "later file",
        "no timestamp",
        *(pytest.param(b, marks=pytest.mark.long) for b in ("no close", "below zero", "twice in a file")),
    ],
)
def test_prices_that_are_not_clean(bad, tmp_path):
    """Duplicates and bad rows are settled as in memory, and what was left out is counted as in memory."""
    rng = file_by_file(tmp_path)
    again = random_rows(rng, "B", 120)[40:60]
    again = {
        "later file": again,
        "no timestamp": [(None, *r[1:]) for r in again] + again[:1],
        "no close": [(*r[:3], None, *r[4:]) for r in random_rows(rng, "D", 120)] + random_rows(rng, "E", 120),
        "below zero": [(*r[:3], -r[3], *r[4:]) for r in random_rows(rng, "D", 30)]
        + random_rows(rng, "E", 120),
        "twice in a file": again + again,
    }[bad]
    write_prices(tmp_path, "Z", again)
    run = [*RUN, "--db", tmp_path / "db", "--set", "on_bad_data=drop"]
    assert different(tmp_path / "db", run, blocks(50)) == []
    assert call(*run).stderr == call(*run, "--block-bars", 9).stderr
    refused = [
        subprocess.run(
            [compare.binary(), *map(str, [*RUN, "--db", tmp_path / "db", *more])],
            capture_output=True,
            text=True,
        )
        for more in ([], ["--block-bars", 9])
    ]
    assert refused[0].returncode == refused[1].returncode and refused[0].stderr == refused[1].stderr


def test_a_folder_without_room_is_named(tmp_path):
    file_by_file(tmp_path)
    done = subprocess.run(
        [compare.binary(), *RUN, "--db", tmp_path / "db", "--block-bars", "5"],
        capture_output=True,
        text=True,
        env={**os.environ, "ASSAY_TMPDIR": "/proc"},
    )
    assert (
        done.returncode == 1
        and "the folder /proc takes no file" in done.stderr
        and "ASSAY_TMPDIR" in done.stderr
    )


@pytest.mark.parametrize("n", ["0", "-1", "x", ""])
def test_block_bars_that_are_no_number(n, tmp_path):
    done = subprocess.run([compare.binary(), *RUN, "--block-bars", n], capture_output=True, text=True)
    assert done.returncode == 2 and "--block-bars" in done.stderr
