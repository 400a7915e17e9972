"""Sweeps and walk-forward validation from Python: what the program finds, as frames."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import assay
import pandas as pd
import pytest
from conftest import PACKAGE

GRID = {"lookback": "10:40:10", "threshold": [0.02, 0.05]}


@pytest.fixture(scope="module")
def sweep(sample):
    return assay.optimize("momentum", GRID, sample, commission_pct=0.0, sweep_id="of-notebooks")


def test_points_are_runs(sweep, sample):
    assert len(sweep.points) == 8 and list(sweep.points["point"]) == list(range(8))
    for row in sweep.points.iloc[[0, 5]].to_dict("records"):
        alone = assay.run(
            assay.MomentumStrategy(int(row["lookback"]), row["threshold"]), sample, commission_pct=0.0
        )
        assert alone["metrics"]["sharpe_ratio"] == row["sharpe_ratio"]
        assert alone["metrics"]["total_trades"] == row["total_trades"]


def test_the_best_and_its_luck(sweep):
    top = sweep.points.loc[sweep.points["sharpe_ratio"].idxmax()]
    assert sweep.best == {"lookback": top["lookback"], "threshold": top["threshold"]}
    assert sweep.best_metrics["sharpe_ratio"] == top["sharpe_ratio"]
    assert 0 < sweep.overfitting["deflated_sharpe"] < 1 and sweep.overfitting["n_trials"] == 8
    assert repr(sweep).startswith("Sweep(sweep_id='of-notebooks', db='/")


def test_a_notebook_shows_what_was_found(sweep, sample):
    shown = sweep._repr_html_()
    assert "<code>of-notebooks</code>" in shown and "8 points" in shown and shown.count("<tr") == 1 + 8
    assert f"{sweep.best_metrics['sharpe_ratio']:,.4g}" in shown
    walk = assay.walk_forward("momentum", {"lookback": [10, 20]}, sample, train=120, test=60)
    shown = walk._repr_html_()
    assert walk.run_id in shown and shown.count("<tr") == 1 + len(walk.folds) and ">lookback<" in shown


def test_a_sweep_goes_on_and_is_as_stored(sweep, sample, program, tmp_path):
    """The same call again finds every point done; settings, conditions and objectives reach the program."""
    said = []
    again = assay.optimize(
        "momentum", GRID, sample, commission_pct=0.0, sweep_id="of-notebooks", log=said.append
    )
    pd.testing.assert_frame_equal(again.points, sweep.points, check_exact=True)
    assert "of-notebooks" in program("optimize", "--report", "of-notebooks", "--db", sample)
    assert not any("kind: " in line for line in said)
    assert sweep.tearsheet(tmp_path / "sweep.html").stat().st_size > 1_000_000
    few = assay.optimize(
        "momentum",
        GRID,
        sample,
        objective="min:annual_volatility_pct",
        where=["total_trades>=1000000"],
        keep="none",
    )
    with pytest.raises(assay.ConfigError, match="no point of the sweep .* meets the conditions"):
        print(few.best)


def test_a_strategy_object_has_its_parameters_fixed(sample):
    found = assay.optimize(
        assay.MomentumStrategy(threshold=0.07), {"lookback": [15, 30]}, sample, symbols=None, keep="none"
    )
    assert set(found.points["threshold"]) == {0.07} and set(found.points["lookback"]) == {15, 30}


def test_walk_forward(sample, program, tmp_path):
    found = assay.walk_forward("momentum", {"lookback": [10, 20, 40]}, sample, train=150, test=50, purge=2)
    assert len(found.folds) >= 3
    assert {"test_start", "lookback", "in_sample_sharpe_ratio", "out_of_sample_sharpe_ratio"} <= set(
        found.folds.columns
    )
    # Each window's test is a stored run, and so is all of it.
    for row in found.folds.to_dict("records"):
        fold = assay.run(
            assay.MomentumStrategy(int(row["lookback"])),
            sample,
            start=row["test_start"],
            end=row["test_end"],
            initial_capital=row["start_equity"],
        )
        assert fold["metrics"]["total_return_pct"] == pytest.approx(
            row["out_of_sample_total_return_pct"], rel=1e-9
        )
    assert found.metrics["total_return_pct"] == pytest.approx(
        (found.folds["end_equity"].iloc[-1] / found.folds["start_equity"].iloc[0] - 1) * 100, rel=1e-9
    )
    assert found.run_id in program("runs", "--db", sample)
    assert set(found.efficiency) >= {"sharpe_ratio", "annual_return"}
    page = found.tearsheet(tmp_path / "walk.html").read_text(encoding="utf-8")
    assert f'"run_id":"{found.run_id}"' in page and '"walkforward":{' in page


class InPython(assay.BaseStrategy):
    def on_bar(self, view):
        view.signals("BUY", view.close > 0)


def test_mistakes(sample, tmp_path):
    with pytest.raises(assay.ConfigError, match="param_grid is empty"):
        assay.optimize("momentum", {}, sample)
    with pytest.raises(assay.ConfigError, match="lookbck"):
        assay.optimize("momentum", {"lookbck": [1]}, sample)
    with pytest.raises(assay.NotFoundError, match="NOPE"):
        assay.walk_forward("momentum", {"lookback": [10, 20]}, sample, ["NOPE"])
    with pytest.raises(assay.NotFoundError, match="no database folder"):
        assay.optimize("momentum", {"lookback": [10, 20]}, tmp_path / "none")
    with pytest.raises(assay.ArgumentError, match="InPython is a strategy in Python"):
        assay.optimize(InPython(), {"lookback": [10]}, sample)


SWEEP = """
import sys
import assay
assay.optimize("momentum", {"lookback": "2:400:1", "threshold": "0.00001:0.9:0.00001"}, sys.argv[1], keep="none", threads=1)
"""


def test_ctrl_c_ends_the_program(sample):
    env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    process = subprocess.Popen(
        [sys.executable, "-c", SWEEP, sample],
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that starts tests in the background has it ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

    def children():
        return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    try:
        deadline = time.monotonic() + 30
        while not children() and time.monotonic() < deadline:
            time.sleep(0.05)
        (program,) = children()
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate(timeout=30)[1]
    finally:
        process.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(int(program), 0)


def test_ctrl_c_waits_for_a_program_that_is_starting(sample, monkeypatch):
    """Whenever it comes, the program is ended and waited for."""
    started = []
    popen = subprocess.Popen

    def interrupted(*arguments, **named):
        started.append(popen(*arguments, **named))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)  # where it would be raised
        return started[0]

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(subprocess, "Popen", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            assay.optimize(
                "momentum", {"lookback": "2:300:1", "threshold": "0.001:0.9:0.0001"}, sample, keep="none"
            )
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(started) == 1 and started[0].returncode not in (None, 0)
