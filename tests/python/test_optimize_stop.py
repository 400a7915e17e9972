"""assay optimize: stopped by Ctrl-C or killed, and gone on with; many points in bounded memory."""

import json
import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest

pytestmark = pytest.mark.cli_long

# 20,000 points in five batches.
PLAN = [
    "--axis",
    "lookback=2:41:1",
    "--axis",
    "threshold=0.001:0.1:0.000198",
    "--objective",
    "total_return_pct",
]


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    db = tmp_path_factory.mktemp("stop") / "db"
    subprocess.run(
        [assay_bin, "sample", "--db", db, "--symbols", "6", "--days", "300", "--quiet"], check=True
    )
    return db


def command(assay_bin, db, sweep_id, *args):
    return [
        assay_bin,
        "optimize",
        "momentum",
        "--db",
        db,
        "--sweep-id",
        sweep_id,
        "--format",
        "json",
        *PLAN,
        *args,
    ]


def values(db, sweep_id):
    """The bits of all metrics of all points, in the order in which they are stored."""
    rows = duckdb.sql(f"SELECT value FROM '{db}/backtest_results/**/{sweep_id}.parquet'").fetchnumpy()[
        "value"
    ]
    return np.array(np.ma.filled(rows, np.nan), dtype=np.float64).view(np.int64)


@pytest.fixture(scope="module")
def whole(assay_bin, market):
    done = subprocess.run(command(assay_bin, market, "whole"), check=True, capture_output=True, text=True)
    return json.loads(done.stdout), values(market, "whole")


def work_folder(db, sweep_id):
    return Path(db) / ".assay" / "sweeps" / sweep_id


def wait_for_parts(process, folder, n):
    """Until so many parts are there (or the process has ended)."""
    while process.poll() is None and len(list(folder.glob("*.part"))) < n:
        time.sleep(0.001)


def check_whole(assay_bin, market, sweep_id, whole, *args):
    done = subprocess.run(command(assay_bin, market, sweep_id, *args), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report, expected = json.loads(done.stdout), whole[0]
    assert (values(market, sweep_id) == whole[1]).all()
    assert [e["point"] for e in report["best"]] == [e["point"] for e in expected["best"]]
    assert (
        report["overfitting"] == expected["overfitting"] and report["sensitivity"] == expected["sensitivity"]
    )
    assert not work_folder(market, sweep_id).exists()
    files = list(Path(market).glob(f"backtest_*/**/{sweep_id}.parquet"))
    assert len(files) == 7
    assert not [p for p in (Path(market) / ".assay").iterdir() if p.name.startswith("txn-")]
    return done.stderr


def test_interrupt_keeps_what_is_finished(assay_bin, market, whole):
    process = subprocess.Popen(command(assay_bin, market, "ctrl-c", "--threads", "1"), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    wait_for_parts(process, work_folder(market, "ctrl-c"), 2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "points of sweep ctrl-c are kept; the same command goes on from there" in said
    assert not list(Path(market).glob("backtest_*/**/ctrl-c*"))  # nothing half-visible
    said = check_whole(assay_bin, market, "ctrl-c", whole, "--threads", "2")
    assert "going on with sweep ctrl-c: " in said


def kill_until_done(assay_bin, market, sweep_id, whole, n_kills, seed):
    generator = random.Random(seed)
    for _ in range(n_kills):
        process = subprocess.Popen(command(assay_bin, market, sweep_id), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        wait_for_parts(process, work_folder(market, sweep_id), generator.randint(0, 5))
        time.sleep(generator.random() * 0.2)
        process.kill()
        process.wait()
        shown = duckdb.sql(
            f"SELECT count(*) FROM glob('{market}/backtest_*/**/{sweep_id}.parquet')"
        ).fetchone()[0]
        assert shown in (0, 7) or list(
            (Path(market) / ".assay").glob("txn-*")
        )  # a commit under way is finished next
    check_whole(assay_bin, market, sweep_id, whole)


def test_kills(assay_bin, market, whole):
    kill_until_done(assay_bin, market, "killed", whole, 3, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_many_kills(assay_bin, market, whole, seed):
    kill_until_done(assay_bin, market, f"many-{seed}", whole, 20, seed)


def test_halving_goes_on_from_any_rung(assay_bin, market):
    plan = ["--halving", "--keep", "none"]
    expected = subprocess.run(
        command(assay_bin, market, "rungs", *plan), check=True, capture_output=True, text=True
    )
    for n_parts in (1, 4, 6):  # in the first rung, at its end, in the last
        stopped = subprocess.Popen(command(assay_bin, market, "rungs-2", *plan), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        wait_for_parts(stopped, work_folder(market, "rungs-2"), n_parts)
        stopped.kill()
        stopped.wait()
    done = subprocess.run(
        command(assay_bin, market, "rungs-2", *plan), check=True, capture_output=True, text=True
    )
    assert done.stdout.replace("rungs-2", "rungs") == expected.stdout
    assert (values(market, "rungs-2") == values(market, "rungs")).all()


def stop_after_a_part(assay_bin, market, sweep_id, *args):
    process = subprocess.Popen(command(assay_bin, market, sweep_id, *args), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    wait_for_parts(process, work_folder(market, sweep_id), 1)
    process.kill()
    process.wait()
    assert work_folder(market, sweep_id).exists()


def test_another_plan_under_the_same_id(assay, assay_bin, market, whole):
    stop_after_a_part(assay_bin, market, "other")
    done = assay(
        "optimize", "momentum", "--db", market, "--sweep-id", "other", "--axis", "lookback=2,3", code=2
    )
    assert "has another plan: its axes is" in done.stderr and "lookback=2,3" in done.stderr
    done = assay("optimize", "momentum", "--db", market, "--sweep-id", "other", *PLAN, "--set", "commission_pct=0",
                 code=2)  # fmt: skip
    assert "its configuration is" in done.stderr and "commission_pct" in done.stderr
    check_whole(assay_bin, market, "other", whole, "--restart")


def test_a_damaged_part_is_made_anew(assay_bin, market, whole):
    stop_after_a_part(assay_bin, market, "damaged")
    part = next(work_folder(market, "damaged").glob("*.part"))
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)
    check_whole(assay_bin, market, "damaged", whole)


def test_two_at_once_are_refused(assay, assay_bin, market):
    process = subprocess.Popen(command(assay_bin, market, "twice"), stdout=subprocess.DEVNULL)
    wait_for_parts(process, work_folder(market, "twice"), 1)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGSTOP)
        done = assay(*command(assay_bin, market, "twice")[1:], code=1)
        assert "being worked on by another process" in done.stderr
        os.kill(process.pid, signal.SIGCONT)
    process.wait()


# --- memory -------------------------------------------------------------------------------------------------------------


def peak_megabytes(arguments):
    """Peak memory of one run of the program, with its standard output."""
    code = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE); "
        "sys.stdout.buffer.write(done.stdout); sys.stdout.flush(); "
        "sys.stderr.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)); sys.exit(done.returncode)"
    )
    done = subprocess.run(
        ["python3", "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return int(done.stderr) / 1024, done.stdout


def sweep_of(assay_bin, db, n_thresholds, sweep_id):
    step = 1e-7 if n_thresholds > 2500 else 4e-5
    end = 0.001 + step * (n_thresholds - 1)
    return peak_megabytes(
        [assay_bin, "optimize", "momentum", "--db", db, "--quiet", "--sweep-id", sweep_id, "--format", "json",
         "--axis", "lookback=2:41:1", "--axis", f"threshold=0.001:{end:.7f}:{step:.7f}"]
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(assay_bin, tmp_path_factory):
    db = tmp_path_factory.mktemp("tiny") / "db"
    subprocess.run([assay_bin, "sample", "--db", db, "--symbols", "3", "--days", "60", "--quiet"], check=True)
    return db


def test_memory_is_bounded(assay_bin, tiny):
    assert resource.RUSAGE_CHILDREN is not None
    few, _ = sweep_of(assay_bin, tiny, 50, "few")
    many, out = sweep_of(assay_bin, tiny, 2500, "many")
    assert json.loads(out)["n_tried"] == 100_000
    assert duckdb.sql(f"SELECT count(*) FROM '{tiny}/backtest_runs/**/many.parquet'").fetchone()[0] == 100_000
    if "san" not in str(assay_bin):
        assert many < few + 100, (few, many)


@pytest.mark.long
def test_a_million_points(assay_bin, tiny):
    few, _ = sweep_of(assay_bin, tiny, 50, "few-1m")
    many, out = sweep_of(assay_bin, tiny, 25_000, "million")
    assert json.loads(out)["n_tried"] == 1_000_000
    n_rows = duckdb.sql(f"SELECT count(*) FROM '{tiny}/backtest_results/**/million.parquet'").fetchone()[0]
    assert n_rows % 1_000_000 == 0 and n_rows > 0
    assert many < few + 200, (few, many)
