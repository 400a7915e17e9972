"""A market that is larger than memory: data beyond --memory lie in files, and no byte of a result depends on it."""

import hashlib
import os
import subprocess

import pytest

pytestmark = pytest.mark.cli_long

RULE = """\
rule:
  name: recursive
  buy: ema(close, 12) > ema(close, 26) and rsi(close, 14) < 60 and cross_rank(roc(close, 20)) <= 40
  sell: close < sma(close, 50) or obv() < lag(obv(), 5) and atr(14) / close > 0.05
"""
TABLES = ["backtest_trades", "backtest_metrics", "backtest_signals", "backtest_fills", "backtest_results"]


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    """Columns of 4 MB each: far beyond the megabyte that the runs get."""
    db = tmp_path_factory.mktemp("memory") / "db"
    subprocess.run(
        [assay_bin, "sample", "--db", db, "--symbols", "250", "--days", "2000", "--quiet"], check=True
    )
    (db / "rule.yaml").write_text(RULE)
    return db


def digest(db, run_id):
    """Of the run's tables, without the one that has times and durations."""
    whole = hashlib.sha256()
    for table in TABLES:
        files = sorted((db / table).rglob(f"{run_id}.parquet"))
        assert len(files) == 1, table
        whole.update(files[0].read_bytes())
    return whole.hexdigest()


@pytest.mark.parametrize(
    "strategies",
    [
        ["momentum", "--set", "slippage_model=impact"],
        ["rule:rule.yaml"],
        pytest.param(
            ["mean_reversion", "--set", "allow_short=true", "--set", "signal_prices=total_return"],
            marks=pytest.mark.long,
        ),
        pytest.param(["sector_rotation"], marks=pytest.mark.long),
        pytest.param(["portfolio_beta"], marks=pytest.mark.long),
        pytest.param(["momentum", "mean_reversion", "--set", "combine=sleeves"], marks=pytest.mark.long),
    ],
)
def test_results_do_not_depend_on_memory(assay, market, strategies):
    names = [s.replace("rule:rule.yaml", f"rule:{market}/rule.yaml") for s in strategies]
    assay("run", *names, "--db", market, "--run-id", "r", "--quiet")
    plain = digest(market, "r")
    for memory in ("1M", "20M"):
        assay("run", *names, "--db", market, "--run-id", "r", "--quiet", "--memory", memory)
        assert digest(market, "r") == plain, memory


@pytest.mark.long
def test_sweep_and_verify_within_little_memory(assay, market):
    args = ["--db", market, "--axis", "lookback=10,20,40", "--quiet", "--format", "json", "--no-store"]
    plain = assay("optimize", "momentum", *args).stdout
    assert assay("optimize", "momentum", *args, "--memory", "1M").stdout == plain
    assay("verify", "momentum", "--db", market, "--cuts", "2", "--memory", "1M")


def test_resident_memory_stays_within_the_limit(assay_bin, market):
    """What the program itself and DuckDB need comes to it (some 40 MB)."""
    if "build-asan" in str(assay_bin):
        pytest.skip("a sanitizer's own memory is not ours to limit")

    def peak(*more):
        code = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        done = subprocess.run(
            [
                os.sys.executable,
                "-c",
                code,
                assay_bin,
                "run",
                f"rule:{market}/rule.yaml",
                "--db",
                market,
                "--no-store",
                "--quiet",
                *more,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout) / 1024

    assert peak("--memory", "20M") < 0.7 * peak()


@pytest.mark.parametrize("size", ["", "much", "-1G", "2GG", "0", "1e30"])
def test_a_size_that_is_none_is_refused(assay, market, size):
    said = assay("run", "momentum", "--db", market, "--memory", size, code=2).stderr
    assert "is no size" in said
    assert "ASSAY_MEMORY" in assay("runs", "--db", market, env={"ASSAY_MEMORY": size or "x"}, code=2).stderr


def test_a_folder_without_room_is_said(assay, market):
    done = assay("run", "momentum", "--db", market, "--memory", "1M", env={"ASSAY_TMPDIR": "/proc"}, code=1)
    assert "out of memory" in done.stderr
