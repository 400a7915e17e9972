"""Killed at any moment, the database holds the old state or the new one, whole, when it is opened next.

A small library, preloaded into `assay`, kills the process before the N-th call that changes a name or forces data to disk;
the tests go through every N. The marked long tests kill at random times as well.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import time

import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_store_import import long_frame, prices_of, table
from test_store_runs import TABLES, files_of, read

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int calls;
static void step(void) {
    const char *at = getenv("KILL_AT");
    if (at != NULL && atomic_fetch_add(&calls, 1) + 1 == atoi(at)) kill(getpid(), SIGKILL);
}
#define WRAP(type, name, parameters, arguments)                 \
    type name parameters {                                      \
        static type(*real) parameters;                          \
        if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, #name); \
        step();                                                 \
        return real arguments;                                  \
    }
WRAP(int, rename, (const char *a, const char *b), (a, b))
WRAP(int, unlink, (const char *a), (a))
WRAP(int, rmdir, (const char *a), (a))
WRAP(int, mkdir, (const char *a, mode_t m), (a, m))
WRAP(int, fsync, (int fd), (fd))
WRAP(void, sync, (void), ())
__attribute__((destructor)) static void report(void) {
    const char *path = getenv("KILL_REPORT");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file != NULL) { fprintf(file, "%d", atomic_load(&calls)); fclose(file); }
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """The library that kills."""
    folder = tmp_path_factory.mktemp("shim")
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler")
    (folder / "shim.c").write_text(SHIM)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", folder / "shim.so", folder / "shim.c", "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "shim.so"


@pytest.fixture
def killed(assay_bin, shim, tmp_path):
    """killed(n, *args): runs the program until its n-th step; False where it ended before."""

    def run(n, *args):
        report = tmp_path / "steps"
        report.unlink(missing_ok=True)
        env = {**os.environ, "LD_PRELOAD": str(shim), "KILL_AT": str(n), "KILL_REPORT": str(report)}
        done = subprocess.run([assay_bin, *map(str, args)], env=env, capture_output=True, timeout=120)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0

    return run


def every_file_reads_whole(db):
    """What a reader who knows nothing of us sees right after the kill."""
    for path in db.rglob("*.parquet"):
        if not any(part.startswith(".") for part in path.relative_to(db).parts):
            pq.read_table(path, partitioning=None)


def nothing_is_left_over(db):
    left = [
        p.relative_to(db).as_posix()
        for p in db.rglob("*")
        if any(x.startswith(".") for x in p.relative_to(db).parts)
    ]
    assert set(left) <= {".assay", ".assay/write.lock"}, left
    empty = [p for p in db.rglob("*") if p.is_dir() and not any(p.iterdir()) and p.name != ".assay"]
    return empty


class RunCase:
    """A run replaces an earlier one of its id that lies in other folders."""

    def __init__(self, assay, folder):
        self.folder = folder
        self.command = ["run", "momentum", "--quiet", "--run-id", "r1", "--set", "lookback=30", "--db"]
        assay("sample", "--db", folder, "--symbols", "12", "--days", "200", "--quiet")
        assay("run", "momentum", "--quiet", "--run-id", "r1", "--set", "lookback=20", "--db", folder)
        for name in TABLES:
            (path,) = files_of(folder, name, "r1")
            old = folder / f"backtest_{name}" / "year=2001" / "month=2" / "day=3" / "r1.parquet"
            old.parent.mkdir(parents=True)
            path.rename(old)
            shutil.rmtree(path.parents[2])
        self.old = self.state(folder)

    def finish(self, folder):
        self.new = self.state(folder)
        assert self.new != self.old

    def state(self, folder):
        """The tables, but for the times in backtest_runs."""
        content = [read(folder, "runs", "r1")["parameters"][0]]
        for name in TABLES[1:]:
            content.append(files_of(folder, name, "r1")[0].read_bytes())
        return content


class ImportCase:
    """An import adds, replaces and touches several partitions and the corporate actions."""

    def __init__(self, assay, folder):
        self.folder = folder
        self.file = folder.parent / "new.csv"
        old = long_frame(days=500)
        new = long_frame(symbols=["BBB", "NEW"], days=600, seed=6)
        old.to_csv(folder.parent / "old.csv", index=False)
        new.to_csv(self.file, index=False)
        assay("import", folder.parent / "old.csv", "--db", folder)
        self.command = ["import", self.file, "--db"]
        self.old = self.state(folder)
        assert self.old[0] == prices_of(old).to_csv()
        both = pd.concat([old, new]).drop_duplicates(["symbol", "timestamp"], keep="last")
        self.wanted = prices_of(both).to_csv()

    def finish(self, folder):
        self.new = self.state(folder)
        assert self.new[0] == self.wanted and self.new != self.old

    def state(self, folder):
        """The rows, but for the times of the import."""
        prices = table(folder)[list(prices_of(long_frame()).columns)]
        return [prices.to_csv(), table(folder, "corporate_actions").to_csv()]


def check_after_kill(assay, case, folder):
    every_file_reads_whole(folder)
    assay("sql", "SELECT 1", "--db", folder)
    state = case.state(folder)
    assert state in (case.old, case.new)
    assert not nothing_is_left_over(folder)
    return state == case.new


@pytest.mark.long
@pytest.mark.parametrize("case", [RunCase, ImportCase])
def test_killed_at_every_step(assay, killed, tmp_path, case):
    case = case(assay, tmp_path / "db")
    whole = tmp_path / "whole"
    shutil.copytree(case.folder, whole)
    assert not killed(10**6, *case.command, whole)
    case.finish(whole)
    steps = int((tmp_path / "steps").read_text())
    assert steps > 20
    outcomes = []
    for n in range(1, steps + 1):
        folder = tmp_path / "again"
        shutil.copytree(case.folder, folder)
        if killed(n, *case.command, folder):
            outcomes.append(check_after_kill(assay, case, folder))
        shutil.rmtree(folder)
    assert outcomes == sorted(outcomes), "from old to new, once"
    assert not outcomes[0] and outcomes[-1]


@pytest.mark.long
def test_killed_while_recovering(assay, killed, tmp_path):
    """A journal is finished by the next process; killed in turn, by the one after it."""
    case = ImportCase(assay, tmp_path / "db")
    whole = tmp_path / "whole"
    shutil.copytree(case.folder, whole)
    assert not killed(10**6, *case.command, whole)
    case.finish(whole)
    half = None
    for n in range(1, 200):
        shutil.rmtree(tmp_path / "half", ignore_errors=True)
        shutil.copytree(case.folder, tmp_path / "half")
        assert killed(n, *case.command, tmp_path / "half")
        if list((tmp_path / "half").glob(".assay/*/journal")):
            half = tmp_path / "half"
            break
    assert half is not None
    for n in range(1, 100):
        folder = tmp_path / "again"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(half, folder)
        if not killed(n, "sql", "SELECT 1", "--db", folder):
            break
        assert check_after_kill(assay, case, folder), "what was committed is finished"
    assert n > 5


def test_a_living_process_is_left_alone(assay, assay_bin, shim, tmp_path):
    """Opening the database does not take away what another process is about to publish."""
    case = ImportCase(assay, tmp_path / "db")
    opened = []
    process = subprocess.Popen(
        [assay_bin, *map(str, case.command), case.folder], stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    while process.poll() is None:
        assay("sql", "SELECT count(*) FROM prices", "--db", case.folder)
        opened.append(time.monotonic())
    assert process.returncode == 0, process.stderr.read()
    process.communicate()
    assert opened and case.state(case.folder)[0] == case.wanted


def kill_at_random(assay, assay_bin, tmp_path, kind, times):
    case = kind(assay, tmp_path / "db")
    whole = tmp_path / "whole"
    shutil.copytree(case.folder, whole)
    begin = time.monotonic()
    assay(*case.command, whole)
    duration = time.monotonic() - begin
    case.finish(whole)
    chance = random.Random(7)
    for _ in range(times):
        folder = tmp_path / "again"
        shutil.copytree(case.folder, folder)
        process = subprocess.Popen(
            [assay_bin, *map(str, case.command), folder], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0, 1.1 * duration))
        process.kill()
        process.wait()
        check_after_kill(assay, case, folder)
        shutil.rmtree(folder)


@pytest.mark.parametrize("case", [RunCase, ImportCase])
def test_killed_at_random(assay, assay_bin, tmp_path, case):
    kill_at_random(assay, assay_bin, tmp_path, case, 10)


@pytest.mark.long
@pytest.mark.parametrize("case", [RunCase, ImportCase])
def test_killed_at_random_often(assay, assay_bin, tmp_path, case):
    kill_at_random(assay, assay_bin, tmp_path, case, 200)


def test_the_shim_kills(killed, assay, tmp_path):
    """The tests above mean nothing if it does not."""
    case = RunCase(assay, tmp_path / "db")
    assert killed(1, *case.command, case.folder)
    assert json.loads(read(case.folder, "runs", "r1")["parameters"][0])["lookback"] == 20
