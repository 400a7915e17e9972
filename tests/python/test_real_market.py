"""The main job on real prices: 411 companies of the S&P 500, daily, 1999 to 2021.

The prices are not part of the project. ASSAY_REAL_PRICES names the Parquet file (columns timestamp, symbol, open, high, low,
close, volume, dividend_amount, split_coefficient); the default is where a sibling folder of the project may have it.
Without it these tests are skipped, with this reason.
"""

import hashlib
import os
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
PRICES = Path(os.environ.get("ASSAY_REAL_PRICES", ROOT.parent / "shared" / "data" / "sp500" / "daily.parquet"))
STRATEGIES = ("momentum", "mean_reversion")
TABLES = ("trades", "metrics", "signals", "fills", "results")

pytestmark = pytest.mark.skipif(
    not PRICES.is_file(), reason=f"real prices are not here ({PRICES.name}; name the file with ASSAY_REAL_PRICES)"
)


@pytest.fixture(scope="module")
def database(assay_bin, tmp_path_factory):
    import subprocess

    folder = tmp_path_factory.mktemp("real") / "db"
    subprocess.run([assay_bin, "import", PRICES, "--db", folder], check=True, capture_output=True)
    return folder


def test_import_keeps_every_number(database):
    """What is in the prices table is what was in the file, to the bit."""
    differing = duckdb.execute(
        f"""SELECT count(*) FROM read_parquet('{database}/prices/**/*.parquet', hive_partitioning=false) p
            FULL JOIN read_parquet('{PRICES}') f ON p.symbol = f.symbol AND p.timestamp = f.timestamp::TIMESTAMP
            WHERE p.open_price IS DISTINCT FROM f.open OR p.high_price IS DISTINCT FROM f.high
               OR p.low_price IS DISTINCT FROM f.low OR p.close_price IS DISTINCT FROM f.close
               OR p.volume IS DISTINCT FROM f.volume"""
    ).fetchone()
    assert differing == (0,)


def digests(database, run_id):
    found = {}
    for table in TABLES:
        (path,) = database.glob(f"backtest_{table}/**/{run_id}.parquet")
        found[table] = hashlib.sha256(path.read_bytes()).hexdigest()
    (path,) = database.glob(f"backtest_runs/**/{run_id}.parquet")
    row = duckdb.execute(f"SELECT * EXCLUDE (timestamp, duration_ms) FROM read_parquet('{path}')").fetchall()
    return found, str(row)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_runs_audit_clean_and_are_the_same_again(assay, database, strategy):
    run_id = f"real-{strategy}"
    seen = []
    for threads in (1, 2, 3):
        assay("run", strategy, "--db", database, "--run-id", run_id, "--threads", threads)
        seen.append(digests(database, run_id))
    assert seen[0] == seen[1] == seen[2]
    report = assay("audit", run_id, "--db", database).stdout
    assert f"{run_id}: ok" in report
    n_bars, n_symbols = duckdb.execute(
        f"SELECT n_bars, n_symbols FROM read_parquet('{database}/backtest_runs/**/{run_id}.parquet')"
    ).fetchone()
    assert (n_bars, n_symbols) == (5402, 411)
