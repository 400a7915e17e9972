"""The main job on real prices: 411 companies of the S&P 500, daily, 1999 to 2021.

The prices are not part of the project. ASSAY_REAL_PRICES names the Parquet file (columns timestamp, symbol, open, high, low,
close, volume, dividend_amount, split_coefficient); the default is where a sibling folder of the project may have it.
Without it these tests are skipped, with this reason. Sectors are read from sectors.csv beside it (columns symbol, sector).
"""

import hashlib
import os
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
PRICES = Path(
    os.environ.get("ASSAY_REAL_PRICES", ROOT.parent / "shared" / "data" / "sp500" / "daily.parquet")
)
SECTORS = PRICES.parent / "sectors.csv"
STRATEGIES = ("momentum", "mean_reversion", "sector_rotation", "portfolio_beta")
TABLES = ("trades", "metrics", "signals", "fills", "results")

pytestmark = pytest.mark.skipif(
    not PRICES.is_file(),
    reason=f"real prices are not here ({PRICES.name}; name the file with ASSAY_REAL_PRICES)",
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


def universe():
    """The options that give the run its symbols and their sectors."""
    if not SECTORS.is_file():
        pytest.skip(f"real sectors are not here ({SECTORS.name}, beside the prices)")
    return ["--holdings", SECTORS]


def run_and_compare(assay, database, run_id, *arguments):
    """Same bytes with 1 and 2 threads; audits clean; all symbols, all bars."""
    seen = []
    for threads in (1, 2):
        assay("run", *arguments, "--db", database, "--run-id", run_id, "--threads", threads)
        seen.append(digests(database, run_id))
    assert seen[0] == seen[1]
    assert f"{run_id}: ok" in assay("audit", run_id, "--db", database).stdout
    n_bars, n_symbols = duckdb.execute(
        f"SELECT n_bars, n_symbols FROM read_parquet('{database}/backtest_runs/**/{run_id}.parquet')"
    ).fetchone()
    assert (n_bars, n_symbols) == (5402, 411)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_runs_audit_clean_and_are_the_same_again(assay, database, strategy):
    run_and_compare(assay, database, f"real-{strategy}", strategy, *universe())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_decisions_do_not_depend_on_the_future(assay, database, strategy):
    done = assay("verify", strategy, "--db", database, "--cuts", 2, *universe())
    assert f"{strategy}: no decision depends on the future" in done.stdout


@pytest.mark.parametrize("combine", ["union", "vote", "sleeves"])
def test_all_four_together(assay, database, combine):
    run_and_compare(
        assay, database, f"real-{combine}", *STRATEGIES, "--set", f"combine={combine}", *universe()
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rules_say_the_same(assay, database, strategy):
    """The built-in strategies as rules (examples/rules): the same fills."""
    found = []
    for name in (strategy, f"rule:{ROOT}/examples/rules/{strategy}.yaml"):
        assay("run", name, "--db", database, "--run-id", "real-compared", *universe())
        found.append(
            duckdb.execute(
                f"""SELECT * EXCLUDE (run_id, strategy)
                    FROM read_parquet('{database}/backtest_fills/**/real-compared.parquet')"""
            ).fetchall()
        )
    assert found[0] == found[1] and len(found[0]) > 100
