"""The flows, run for real: on Prefect's server, in threads and on a Dask cluster of worker processes."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import assay
import duckdb
import pandas as pd
import pytest
from assay.flows import (
    _tasks,
    backtest_multiple_strategies_flow,
    backtest_quick_wins_flow,
    backtest_single_strategy_flow,
    parameter_optimization_flow,
    sectors_of,
    walk_forward_validation_flow,
)
from conftest import SECTORS, SYMBOLS, make_database

PERIOD = {"start_date": "2023-03-01", "end_date": "2024-02-01"}
GRID = {"lookback": "5:100:5", "threshold": "0.01:0.2:0.01", "max_position_pct": [0.1, 0.5]}


def artifacts(key):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        return client.request(
            "POST",
            "/artifacts/filter",
            json={"artifacts": ArtifactFilter(key=ArtifactFilterKey(any_=[key])).model_dump(mode="json")},
        ).json()


def rows(db, table, sweep):
    """A table of a sweep, in order, without what differs from run to run."""
    found = duckdb.execute(
        f"SELECT * EXCLUDE (filename) FROM read_parquet('{db}/{table}/**/*.parquet', hive_partitioning=false, filename=true, "
        f"union_by_name=true) WHERE filename LIKE '%{sweep}%'"
    ).df()
    found = found.drop(
        columns=[c for c in ("timestamp", "duration_ms") if c in found and table == "backtest_runs"]
    )
    return found.sort_values(list(found.columns), ignore_index=True)


# --- the brief's second example, with its import lines changed ---


def test_the_briefs_example(market, monkeypatch):
    monkeypatch.setenv("ASSAY_DB", str(market))
    results = backtest_quick_wins_flow(
        symbols=["AAPL", "MSFT", "GOOGL", "TSLA", "META"],
        start_date="2023-01-01",
        end_date="2024-12-31",
        strategies=["momentum", "mean_reversion", "sector_rotation"],
    )
    assert list(results) == ["momentum", "mean_reversion", "sector_rotation"]
    for result in results.values():
        assert {"equity_curve", "trades", "portfolio_history", "metrics", "parameters"} <= set(result)
        assert len(result["equity_curve"]) == len(result["portfolio_history"]) + 1
    same = assay.run("momentum", db=market, symbols=SYMBOLS, start="2023-01-01", end="2024-12-31")
    assert results["momentum"]["run_id"] == same.run_id
    assert list(results["momentum"]["equity_curve"]) == list(same["equity_curve"])
    assert f"{same.run_id}: ok" in assay.program("audit", same.run_id, "--db", str(market))


def test_single_flow_with_tearsheet_and_artifacts(market, tmp_path):
    result = backtest_single_strategy_flow(
        "momentum", SYMBOLS, db=str(market), parameters={"lookback": 15}, reports=str(tmp_path), **PERIOD
    )
    assert result["parameters"]["strategies"][0]["lookback"] == 15
    page = tmp_path / f"{result['run_id']}.html"
    assert page.stat().st_size > 1_000_000
    assert result["run_id"] in artifacts("single-summary")[-1]["data"]
    assert any(page.as_uri() in a["data"] for a in artifacts("single-tearsheet-momentum"))


def test_one_strategy_with_several_parameters(market):
    wanted = {f"m{n}": {"strategy": "momentum", "parameters": {"lookback": n}} for n in (10, 30)}
    results = backtest_multiple_strategies_flow(
        wanted, SYMBOLS, db=str(market), settings={"commission_pct": 0.0}, **PERIOD
    )
    assert [results[k]["parameters"]["strategies"][0]["lookback"] for k in wanted] == [10, 30]
    assert results["m10"]["run_id"] != results["m30"]["run_id"]


@pytest.mark.parametrize(
    "call, words",
    [
        (
            lambda db: backtest_multiple_strategies_flow(
                {"m": {"strategy": "momentum", "lookback": 5}}, SYMBOLS, db=db
            ),
            "'m' has the key 'lookback'",
        ),
        (lambda db: backtest_multiple_strategies_flow([], SYMBOLS, db=db), "there is no strategy"),
        (lambda db: backtest_single_strategy_flow("momentum", [], db=db), "symbols is an empty list"),
        (
            lambda db: parameter_optimization_flow("momentum", {"lookback": [5]}, [], db=db),
            "symbols is an empty list",
        ),
        (
            lambda db: backtest_multiple_strategies_flow(["momentum", "momentum"], SYMBOLS, db=db),
            "'momentum' stands there twice",
        ),
        (lambda db: backtest_single_strategy_flow("momentum", SYMBOLS, "soon", db=db), "soon"),
    ],
)
def test_what_means_nothing_is_refused(market, call, words):
    with pytest.raises(assay.ConfigError, match=words):
        call(str(market))


def test_reports_that_cannot_be_written_are_known_before_anything_runs(tmp_path):
    db = make_database(tmp_path / "db", n_days=40)
    (tmp_path / "file").write_text("")
    for flow in (
        lambda to: backtest_single_strategy_flow("momentum", SYMBOLS, db=str(db), reports=to),
        lambda to: parameter_optimization_flow(
            "momentum", {"lookback": [5]}, SYMBOLS, db=str(db), reports=to
        ),
        lambda to: walk_forward_validation_flow(
            "momentum", {"lookback": [5]}, SYMBOLS, db=str(db), reports=to
        ),
    ):
        with pytest.raises(assay.StorageError, match="reports: the folder .* cannot be made"):
            flow(str(tmp_path / "file" / "below"))
    assert not (db / "backtest_runs").exists()


def test_holdings_as_other_tables_have_them(market):
    """symbol or ticker as well as sym, with and without sectors."""
    sectors = list(SECTORS.values())
    expected = backtest_single_strategy_flow(
        "sector_rotation",
        SYMBOLS,
        db=str(market),
        holdings_df=pd.DataFrame({"sym": SYMBOLS, "sector": sectors}),
        **PERIOD,
    )
    other = pd.DataFrame({"Symbol": SYMBOLS, "Sector": sectors})
    again = backtest_single_strategy_flow(
        "sector_rotation", SYMBOLS, db=str(market), holdings_df=other, **PERIOD
    )
    assert again["run_id"] == expected["run_id"]
    best, _ = parameter_optimization_flow(
        "sector_rotation", {"lookback": [20]}, db=str(market), holdings_df=other, shards=3, **PERIOD
    )  # more shards than points
    assert best == {"lookback": 20}


def test_periods_may_be_dates(market):
    texts = backtest_single_strategy_flow("momentum", SYMBOLS, db=str(market), **PERIOD)
    dates = {name: pd.Timestamp(day) for name, day in PERIOD.items()}
    assert (
        backtest_single_strategy_flow("momentum", SYMBOLS, db=str(market), **dates)["run_id"]
        == texts["run_id"]
    )
    dates = {name: day.date() for name, day in dates.items()}
    best, _ = parameter_optimization_flow("momentum", {"lookback": [20]}, SYMBOLS, db=str(market), **dates)
    assert best == {"lookback": 20}


# --- sectors ---


def test_sectors_are_real(market, tmp_path):
    assert sectors_of(market, SYMBOLS) == SECTORS
    assert sectors_of(market, ["TSLA"], pd.DataFrame({"sym": ["TSLA"], "sector": ["Cars"]})) == {
        "TSLA": "Cars"
    }


def test_rotation_without_sectors_fails_before_anything_runs(tmp_path):
    db = make_database(tmp_path / "db", with_sectors=False, n_days=40)
    with pytest.raises(assay.ConfigError, match="sector_rotation needs the sectors"):
        backtest_quick_wins_flow(
            SYMBOLS, "2023-01-01", "2023-12-31", ["momentum", "sector_rotation"], db=str(db)
        )
    assert not (db / "backtest_runs").exists()
    holdings = pd.DataFrame({"sym": SYMBOLS[:4], "sector": ["A", "B", "A", "B"]})
    with pytest.raises(assay.ConfigError, match="TSLA"):
        backtest_quick_wins_flow(
            SYMBOLS, "2023-01-01", "2023-12-31", ["sector_rotation"], db=str(db), holdings_df=holdings
        )


def test_mistakes_are_not_tried_again(market):
    begin = time.monotonic()
    with pytest.raises(assay.ConfigError, match="lookback"):
        backtest_single_strategy_flow("momentum", SYMBOLS, db=str(market), parameters={"lookback": -3})
    with pytest.raises(assay.ConfigError, match="unknown strategy"):
        backtest_quick_wins_flow(SYMBOLS, strategies=["momentun"], db=str(market))
    with pytest.raises(assay.ConfigError, match="nonsense"):
        parameter_optimization_flow("momentum", {"nonsense": [1]}, SYMBOLS, db=str(market))
    with pytest.raises(assay.NotFoundError, match="NOPE"):
        parameter_optimization_flow("momentum", {"lookback": [10, 20]}, ["NOPE"], db=str(market))
    assert time.monotonic() - begin < 20  # no delays of retries


# --- caching and retries ---


def test_a_second_run_comes_from_the_cache_until_the_data_change(market, tmp_path, monkeypatch):
    db = tmp_path / "db"
    shutil.copytree(market / "prices", db / "prices")
    calls = []
    original = _tasks.run
    monkeypatch.setattr(_tasks, "run", lambda *a, **k: calls.append(a) or original(*a, **k))
    first = backtest_single_strategy_flow("momentum", SYMBOLS, db=str(db), **PERIOD)
    again = backtest_single_strategy_flow("momentum", SYMBOLS, db=str(db), **PERIOD)
    assert len(calls) == 1 and again["run_id"] == first["run_id"]
    backtest_single_strategy_flow("momentum", SYMBOLS, db=str(db), parameters={"lookback": 21}, **PERIOD)
    assert len(calls) == 2
    day = next((db / "prices").rglob("month=6/day=1/0.parquet"))
    table = pd.read_parquet(day)
    table["close_price"] *= 1.05
    table["high_price"] *= 1.05
    table.to_parquet(day)
    changed = backtest_single_strategy_flow("momentum", SYMBOLS, db=str(db), **PERIOD)
    assert len(calls) == 3 and changed["data_fingerprint"] != first["data_fingerprint"]


def test_a_rule_that_was_edited_is_run_again(market, tmp_path):
    rule = tmp_path / "rule.yaml"
    text = "rule:\n  buy: close > sma(close, n)\n  sell: close < sma(close, n)\nparameters:\n  n: 20\n"
    results = []
    for n in (20, 20, 7):
        rule.write_text(text.replace("20", str(n)))
        results.append(backtest_single_strategy_flow(f"rule:{rule}", SYMBOLS, db=str(market), **PERIOD))
    assert results[0]["run_id"] == results[1]["run_id"] != results[2]["run_id"]
    assert results[0]["equity_curve"] != results[2]["equity_curve"]


def test_a_cached_run_that_was_deleted_is_made_again(market, tmp_path):
    db = tmp_path / "db"
    shutil.copytree(market / "prices", db / "prices")
    first = backtest_single_strategy_flow("momentum", SYMBOLS, db=str(db), **PERIOD)
    for table in db.glob("backtest_*"):
        shutil.rmtree(table)
    again = backtest_single_strategy_flow(
        "momentum", SYMBOLS, db=str(db), reports=str(tmp_path / "reports"), **PERIOD
    )
    assert again["run_id"] == first["run_id"]
    assert (tmp_path / "reports" / f"{first['run_id']}.html").is_file()
    assert again["run_id"] in assay.program("runs", "--db", str(db))


def test_a_failing_disk_is_tried_again(market, monkeypatch):
    calls = []
    original = _tasks.run

    def flaky(*args, **more):
        calls.append(args)
        if len(calls) == 1:
            raise OSError("the network drive is away")
        return original(*args, **more)

    monkeypatch.setattr(_tasks, "run", flaky)
    result = backtest_single_strategy_flow(
        "mean_reversion", SYMBOLS, db=str(market), parameters={"lookback": 13}, **PERIOD
    )
    assert len(calls) == 2 and result["metrics"]["total_trades"] >= 0


# --- sweeps and walk-forward ---


def test_optimization_finds_the_best(market):
    best, frame = parameter_optimization_flow(
        "momentum",
        {"lookback": [10, 20, 40], "threshold": "0.02:0.1:0.04"},
        SYMBOLS,
        db=str(market),
        shards=2,
        **PERIOD,
    )
    assert len(frame) == 9 and set(best) == {"lookback", "threshold"}
    top = frame.loc[frame["sharpe_ratio"].idxmax()]
    assert (top["lookback"], top["threshold"]) == (best["lookback"], best["threshold"])
    single = assay.run(
        assay.strategy("momentum", **best),
        db=market,
        symbols=SYMBOLS,
        start=PERIOD["start_date"],
        end=PERIOD["end_date"],
    )
    assert single["metrics"]["sharpe_ratio"] == top["sharpe_ratio"]


def test_walk_forward_has_a_row_a_window(market, tmp_path):
    frame = walk_forward_validation_flow(
        "momentum",
        {"lookback": [5, 10, 20]},
        SYMBOLS,
        train=120,
        test=40,
        db=str(market),
        run_id="walked",
        reports=str(tmp_path / "pages"),
    )
    page = tmp_path / "pages" / "walked.html"
    assert "walked forward" in page.read_text(encoding="utf-8")
    assert any(page.as_uri() in a["data"] for a in artifacts("walk-forward-tearsheet"))
    assert len(frame) >= 3
    assert {"in_sample_sharpe_ratio", "out_of_sample_sharpe_ratio"} <= set(frame.columns)


def test_walk_forward_takes_what_the_call_takes(market):
    how = {
        "train": 120,
        "test": 40,
        "positions": "carry",
        "where": ["total_trades>=1"],
        "sample": "random:4:7",
        "threads": 1,
    }
    grid = {"lookback": "5..40", "threshold": "0.01..0.2"}
    frame = walk_forward_validation_flow("momentum", grid, SYMBOLS, db=str(market), run_id="of-flow", **how)
    called = assay.walk_forward("momentum", grid, market, SYMBOLS, run_id="of-call", **how)
    pd.testing.assert_frame_equal(frame, called.folds, check_exact=True)
    assert called.summary["positions"] == "carry"


def on_dask(cluster):
    from prefect_dask import DaskTaskRunner

    return parameter_optimization_flow.with_options(
        task_runner=DaskTaskRunner(address=cluster.scheduler_address)
    )


def sweeps(sweep_id):
    """The processes that work on a sweep."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[1:2] == [b"optimize"] and sweep_id.encode() in words:
                found.append(int(process.name))
    return found


def same_sweep(a, b, sweep):
    for table in ("backtest_runs", "backtest_results"):
        ours, theirs = rows(a, table, sweep), rows(b, table, sweep)
        assert len(ours) == len(theirs) > 0 and list(ours.columns) == list(theirs.columns)
        for column in ours:
            assert ours[column].equals(theirs[column]), (table, column)


def test_shards_on_dask_equal_one_process(cluster, wide_market, tmp_path):
    """800 points over four shards on two worker processes: every table the same as of one process, value by value."""
    elsewhere = tmp_path / "db"
    shutil.copytree(wide_market, elsewhere)
    grid = {**GRID, "max_position_pct": [0.1, 0.5]}
    _, frame = on_dask(cluster)(
        "momentum", grid, shards=4, threads=1, db=str(wide_market), keep="none", sweep_id="dask"
    )
    _, local = parameter_optimization_flow("momentum", grid, db=str(elsewhere), keep="none", sweep_id="dask")
    assert len(frame) == 800
    pd.testing.assert_frame_equal(frame, local, check_exact=True)
    same_sweep(wide_market, elsewhere, "dask")


@pytest.mark.long
def test_ten_thousand_points_and_a_killed_worker(cluster, wide_market, tmp_path):
    """A worker is killed while it works: its shard runs once more, and nothing else is lost or changed."""
    elsewhere = tmp_path / "db"
    shutil.copytree(wide_market, elsewhere)
    grid = {"lookback": "2:101:1", "threshold": "0.002:0.2:0.002"}
    killed = []

    def kill_one():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not killed:
            working = sweeps("killed")
            if working:
                parent = int(Path(f"/proc/{working[0]}/stat").read_text().rsplit(")", 1)[1].split()[1])
                os.kill(parent, signal.SIGKILL)  # the sweep that it had begun must end by itself
                killed.append(parent)
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one)
    killer.start()
    _, frame = on_dask(cluster)(
        "momentum", grid, shards=5, threads=1, db=str(wide_market), keep="none", sweep_id="killed"
    )
    killer.join()
    assert killed, "no worker was at work when it was to be killed"
    _, local = parameter_optimization_flow(
        "momentum", grid, db=str(elsewhere), keep="none", sweep_id="killed"
    )
    assert len(frame) == 10_000
    pd.testing.assert_frame_equal(frame, local, check_exact=True)
    same_sweep(wide_market, elsewhere, "killed")


def test_without_prefect_the_import_says_what_to_install(monkeypatch):
    import subprocess
    import sys

    code = "import sys; sys.modules['prefect'] = None\ntry:\n import assay.flows\nexcept ImportError as e:\n print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "assay[prefect]"' in done.stdout
