"""The package beside others in a process, in several processes, and under Ctrl-C; what it leaves behind."""

import gc
import itertools
import multiprocessing
import os
import subprocess
import sys

import assay
import numpy as np
import pytest
from assay import BacktestEngine, BaseStrategy, MomentumStrategy
from conftest import PACKAGE, make_prices

USE = """
import sys
import duckdb, pyarrow as pa, pyarrow.parquet as pq
import assay
run = assay.run("momentum", db=sys.argv[1]) if len(sys.argv) > 1 else assay.run("momentum", db={db!r})
assert len(run["equity_curve"]) == 401
n = duckdb.sql("SELECT count(*) FROM '{db}/prices/**/*.parquet'").fetchall()[0][0]
assert n == sum(pq.read_metadata(path).num_rows for path in assay.ParquetDB({db!r}).files("prices"))
assert duckdb.sql("SELECT sum(i * 1.5) FROM range(100000) t(i)").fetchall()[0][0] == 7499925000
"""


@pytest.mark.parametrize("order", list(itertools.permutations(["duckdb", "pyarrow", "assay"])))
def test_imports_in_any_order(python, sample, order):
    python("\n".join(f"import {name}" for name in order) + USE.format(db=str(sample)))


def one_run(lookback):
    r = BacktestEngine().run(MomentumStrategy(lookback=lookback, threshold=0.05), make_prices())
    return r["equity_curve"], r.run_id


class InPython(BaseStrategy):
    def on_bar(self, view):
        view.signals("BUY", view.close > 101)


def run_in_python(_):
    return BacktestEngine().run(InPython(), make_prices())["equity_curve"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_several_processes(method, sample, monkeypatch):
    lookbacks = [5, 10, 20]
    expected = [one_run(n) for n in lookbacks]
    assay.run("momentum", db=sample)  # the parent has used DuckDB before
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(one_run, lookbacks, chunksize=1) == expected
        assert pool.map(run_in_python, range(2)) == [run_in_python(0)] * 2


def test_results_and_strategies_are_pickled(prices):
    import pickle

    r = BacktestEngine().run(MomentumStrategy(threshold=0.05), prices)
    again = pickle.loads(pickle.dumps(r))
    assert again == dict(r) and again["trades"][0] == r["trades"][0]
    strategy = pickle.loads(pickle.dumps(MomentumStrategy(lookback=7)))
    assert strategy.parameters["lookback"] == 7
    assert (
        BacktestEngine().run(strategy, prices).run_id
        == BacktestEngine().run(MomentumStrategy(7), prices).run_id
    )


LONG_RUN = """
import os, signal, threading, time
import numpy as np
import assay
n, m = 150_000, 20
rng = np.random.default_rng(1)
close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, (n, m)), axis=0))
times = np.datetime64("2020-01-01") + np.arange(n) * np.timedelta64(1, "m")
panel = assay.Panel({"timestamp": times, "symbol": np.array([f"S{i:02d}" for i in range(m)]), "close": close})
strategy = assay.MomentumStrategy(lookback=3, threshold=1e-4)
def press():
    time.sleep(0.05)
    pressed.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
pressed = []
"""


def test_ctrl_c_ends_a_long_run(python):
    out = python(
        LONG_RUN
        + """
begin = time.monotonic()
assay.BacktestEngine().run(strategy, panel, end_date="2020-01-10")
part = time.monotonic() - begin
threading.Thread(target=press).start()
try:
    assay.BacktestEngine().run(strategy, panel)
    print("it ran to its end")
except KeyboardInterrupt:
    print("interrupted after", round(time.monotonic() - pressed[0], 3))
print(len(assay.BacktestEngine().run(strategy, panel, end_date="2020-01-02")["equity_curve"]))
"""
    )
    assert out.startswith("interrupted after 0."), out
    assert float(out.split()[2]) < 0.5
    assert int(out.split()[3]) > 1440


def test_ctrl_c_ends_a_verification_and_a_strategy_in_python(python):
    out = python(
        LONG_RUN
        + """
threading.Thread(target=press).start()
try:
    assay.verify(strategy, panel, cuts=500)
except KeyboardInterrupt:
    print("interrupted after", round(time.monotonic() - pressed[0], 3))
class Waits(assay.BaseStrategy):
    def on_bar(self, view):
        for i in range(1000):
            i * i
threading.Thread(target=press).start()
try:
    assay.BacktestEngine().run(Waits(), panel)
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert out.startswith("interrupted after ") and out.strip().endswith("interrupted"), out
    assert float(out.split()[2]) < 0.5


def count_references():
    return {o: sys.getrefcount(o) for o in (None, True, np.float64, assay.Panel, assay.BarView)}


def test_runs_leave_nothing_behind(prices, sample):
    class Frames(BaseStrategy):
        def generate_signals(self, prices_df, technical_df, holdings_df, date):
            return [assay.Signal("AAPL", date, "BUY", "x", 1.0, 1.0, "because 1.5")]

    class Raises(BaseStrategy):
        def on_bar(self, view):
            raise ValueError("no")

    def all_of_it():
        r = BacktestEngine().run(MomentumStrategy(threshold=0.05), prices)
        r.signals, r.fills, r.snapshots, r.positions  # noqa: B018
        BacktestEngine().run([InPython(), "momentum"], prices)
        BacktestEngine().run(Frames(), prices, end_date="2023-01-20")
        try:
            BacktestEngine().run(Raises(), prices)
        except ValueError:
            pass
        try:
            BacktestEngine(fill="never").run("momentum", prices)
        except assay.ConfigError:
            pass

    grown = []
    for _ in range(6):  # caches of pandas and Python fill up for a while; what leaks, leaks every time
        gc.collect()
        before, blocks = count_references(), sys.getallocatedblocks()
        for _ in range(20):  # 100 runs
            all_of_it()
        gc.collect()
        after = count_references()
        most = max(abs(after[thing] - count) for thing, count in before.items())
        grown.append((sys.getallocatedblocks() - blocks, most))
    assert min(n for n, _ in grown) < 20 and min(n for _, n in grown) < 20, grown


def resident_kb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_of_the_library_is_given_back(sample_prices):
    panel = assay.Panel(sample_prices)
    for _ in range(20):
        assay.Panel(sample_prices)
        BacktestEngine().run(InPython(), panel)
    before = resident_kb()
    for _ in range(60):
        assay.Panel(sample_prices)
        BacktestEngine().run(InPython(), panel)
    grown = resident_kb() - before
    assert grown < 60 * 100, grown  # a panel that stayed would take 700 kB each


@pytest.mark.long
def test_strict_types(root):
    import subprocess

    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_programs_leave_no_file_open(sample, tmp_path):
    """Nor a process that nobody waited for."""
    code = (
        "import assay, gc, sys\n"
        "assay.program('runs', '--db', sys.argv[1])\n"
        "try:\n    assay.program('show', 'none', '--db', sys.argv[1])\n"
        "except assay.NotFoundError:\n    pass\n"
        "gc.collect()"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "always::ResourceWarning", "-c", code, str(sample)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        timeout=60,
    )
    assert done.returncode == 0 and "ResourceWarning" not in done.stderr, done.stderr
