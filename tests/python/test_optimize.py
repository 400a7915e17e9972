"""assay optimize: points against single runs, threads, shards, what is found, what mistakes are answered with.

Expected values come from single runs, from pandas, and from formulas computed here; none from the sweep itself.
"""

import json
import math
import subprocess
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.cli_long

GRID = ["--axis", "lookback=5:60:5", "--axis", "threshold=0.02:0.2:0.02"]
RECORDS = ["backtest_trades", "backtest_metrics", "backtest_signals", "backtest_fills"]


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    """A small sample market; each test stores sweeps under ids of its own."""
    db = tmp_path_factory.mktemp("optimize") / "db"
    subprocess.run(
        [assay_bin, "sample", "--db", db, "--symbols", "12", "--days", "400", "--quiet"], check=True
    )
    return db


@pytest.fixture
def optimize(assay, market):
    """optimize(ID, ...) runs a sweep of momentum and returns its JSON."""

    def run(sweep_id, *args, strategy="momentum", db=market, **options):
        done = assay(
            "optimize", strategy, "--db", db, "--sweep-id", sweep_id, "--format", "json", *args, **options
        )
        return json.loads(done.stdout)

    return run


def table(db, name, where="true", order="ALL"):
    """Rows of a result table as pandas has them."""
    files = f"read_parquet('{db}/{name}/**/*.parquet', union_by_name=true, hive_partitioning=false)"
    tail = f" ORDER BY {order}" if order else ""
    return duckdb.sql(f"SELECT * FROM {files} WHERE {where}{tail}").df()


def results(db, sweep_id):
    """run_id x metric of a sweep, with the bits of the doubles."""
    rows = table(db, "backtest_results", f"run_id LIKE '{sweep_id}-%'", None)
    return rows.pivot(index="run_id", columns="metric", values="value")


def bits(frame):
    """The bits of numbers, all NaN alike."""
    values = np.array(frame, dtype=np.float64)
    values[np.isnan(values)] = np.nan
    return values.view(np.int64)


def same_metrics(db, a, b, db_b=None):
    one, other = results(db, a), results(db_b or db, b)
    one.index = [int(i.rsplit("-", 1)[1]) for i in one.index]
    other.index = [int(i.rsplit("-", 1)[1]) for i in other.index]
    one, other = one.sort_index(), other.sort_index()[one.columns]
    assert list(one.index) == list(other.index)
    assert (bits(one) == bits(other)).all()
    return one


def files_of(db, name):
    return sorted(path.name for path in Path(db).glob(f"backtest_{name}/**/*.parquet"))


# --- points are runs ----------------------------------------------------------------------------------------------------


def test_random_points_are_single_runs(assay, optimize, market):
    axes = [
        "--axis",
        "lookback=2..90",
        "--axis",
        "threshold=0.005..0.25",
        "--axis",
        "commission_pct=0,0.001,0.005",
    ]
    axes += [
        "--axis",
        "fill=next_open,next_close",
        "--axis",
        "max_position_pct=0.05..0.5",
        "--axis",
        "lot_size=0,1",
    ]
    report = optimize("alone", *axes, "--sample", "random:200:7", "--keep", "best:5")
    assert report["n_tried"] == 200
    metrics = results(market, "alone")
    runs = table(market, "backtest_runs", "sweep_id = 'alone'").set_index("run_id")
    assert len(runs) == 200 and len(metrics) == 200
    for number in range(200):
        config = runs.config[f"alone-{number}"]
        Path(market.parent, "point.json").write_text(config)
        done = assay(
            "run", "--config", market.parent / "point.json", "--db", market, "--no-store", "--format", "json"
        )
        alone = json.loads(done.stdout)["metrics"]
        point = metrics.loc[f"alone-{number}"]
        assert set(alone) > set(point.index)  # single runs have more
        for name in point.index:
            value = alone[name]
            assert value == point[name] if value is not None else not math.isfinite(point[name]), (
                number,
                name,
            )
        swept = json.loads(runs.parameters[f"alone-{number}"])
        assert {"lookback", "threshold", "commission_pct", "fill", "max_position_pct", "lot_size"} == set(
            swept
        )


def test_kept_points_are_stored_as_single_runs_are(assay, optimize, market):
    report = optimize("kept", *GRID, "--axis", "slippage_bps=0,10", "--keep", "best:4")
    runs = table(market, "backtest_runs", "sweep_id = 'kept'")
    assert len(runs) == 12 * 10 * 2
    kept = runs[runs.warnings.notna()]
    assert sorted(kept.run_id) == sorted(entry["run_id"] for entry in report["best"][:4])
    for run_id, config in zip(kept.run_id, kept.config):
        Path(market.parent, "kept.json").write_text(config)
        assay("run", "--config", market.parent / "kept.json", "--db", market, "--run-id", f"single-{run_id}")
        single = table(market, "backtest_runs", f"run_id = 'single-{run_id}'")
        own = kept[kept.run_id == run_id]
        apart = ["run_id", "sweep_id", "timestamp", "duration_ms", "parameters"]
        pd.testing.assert_frame_equal(
            own.drop(columns=apart).reset_index(drop=True),
            single.drop(columns=apart),
            check_exact=True,
            check_dtype=False,
        )
        for name in RECORDS:
            a = table(market, name, f"run_id = '{run_id}'", None).drop(columns="run_id")
            b = table(market, name, f"run_id = 'single-{run_id}'", None).drop(columns="run_id")
            pd.testing.assert_frame_equal(a, b, check_exact=True)
        done = assay("reproduce", run_id, "--db", market)
        assert "every table is the same" in done.stdout
        assert "ok" in assay("audit", run_id, "--db", market).stdout
    for name in RECORDS:
        assert set(table(market, name, "run_id LIKE 'kept-%'").run_id) <= set(kept.run_id)


def test_threads_and_shards_change_nothing(optimize, market):
    plan = [*GRID, "--axis", "sizing_basis=equity,initial"]
    one = optimize("t1", *plan, "--threads", "1")
    two = optimize("t2", *plan, "--threads", "2")
    for report in (one, two):
        for entry in report["best"]:
            entry.pop("run_id")
        report["plateau"].pop("run_id")
    del one["sweep_id"], two["sweep_id"]
    assert one == two
    same_metrics(market, "t1", "t2")


def test_shards_join_to_the_whole(assay, optimize, market):
    whole = optimize("whole", *GRID)
    for k in range(1, 8):
        shard = optimize("seven", *GRID, "--shard", f"{k}/7")
        assert shard["shards"] == {"shard": k, "of": 7, "stored": 1}
        assert {entry["point"] % 7 for entry in shard["best"]} == {k - 1}
    assert files_of(market, "results").count("seven.parquet") == 0
    assert sum(name.startswith("seven.shard-") for name in files_of(market, "runs")) == 7
    same_metrics(market, "whole", "seven")
    joined = json.loads(assay("show", "seven", "--db", market, "--format", "json").stdout)
    for key in ("sensitivity", "n_tried", "n_scored"):
        assert joined[key] == whole[key]
    assert [e["point"] for e in joined["best"]] == [e["point"] for e in whole["best"]]
    assert [e["metrics"] for e in joined["best"]] == [e["metrics"] for e in whole["best"]]
    assert joined["overfitting"] == whole["overfitting"]
    report = assay("optimize", "--report", "seven", "--db", market, "--format", "json").stdout
    assert json.loads(report) == joined
    # one shard over all takes the place of the seven
    optimize("seven", *GRID)
    assert sum(name.startswith("seven") for name in files_of(market, "runs")) == 1
    same_metrics(market, "whole", "seven")


def test_a_shard_of_another_plan_is_refused(optimize, assay, market):
    optimize("mixed", *GRID, "--shard", "1/2")
    done = assay(
        "optimize",
        "momentum",
        "--db",
        market,
        "--sweep-id",
        "mixed",
        "--axis",
        "lookback=5:60:5",
        "--shard",
        "2/2",
        code=2,
    )
    assert "shard 1 of sweep mixed is stored with another plan" in done.stderr


def test_the_same_call_replaces_itself(assay, market):
    args = ["optimize", "momentum", "--db", market, "--axis", "lookback=10,20", "--format", "json"]
    first, second = json.loads(assay(*args).stdout), json.loads(assay(*args).stdout)
    assert first["sweep_id"] == second["sweep_id"]
    assert (
        first["sweep_id"].startswith("momentum-sweep-")
        and len(first["sweep_id"]) == len("momentum-sweep-") + 12
    )
    assert len(table(market, "backtest_runs", f"sweep_id = '{first['sweep_id']}'")) == 2
    other = json.loads(assay(*args, "--axis", "threshold=0.05,0.1").stdout)
    assert other["sweep_id"] != first["sweep_id"]


def test_samplings(optimize, market):
    axes = ["--axis", "lookback=5..100", "--axis", "threshold=log:0.01..0.3"]
    for sweep_id, how in (("sample-r", "random:100:1"), ("sample-s", "sobol:128")):
        report = optimize(sweep_id, *axes, "--sample", how)
        n = int(how.split(":")[1])
        swept = [
            json.loads(text) for text in table(market, "backtest_runs", f"sweep_id = '{sweep_id}'").parameters
        ]
        assert len(swept) == report["n_points"] == n
        assert all(5 <= p["lookback"] <= 100 and float(p["lookback"]).is_integer() for p in swept)
        assert all(0.01 <= p["threshold"] <= 0.3 for p in swept)
        assert report["plateau"] is None  # no neighbours without a grid
    low = sum(p["threshold"] < math.sqrt(0.01 * 0.3) for p in swept)
    assert low == 64  # the Sobol sequence halves every axis exactly


# --- what is found ------------------------------------------------------------------------------------------------------


def test_constraints_and_pareto_against_pandas(optimize, market):
    report = optimize(
        "pareto", *GRID, "--objective", "total_return_pct", "--objective", "max_drawdown_pct", "--objective",
        "min:total_trades", "--where", "min_trades=10", "--where", "max_drawdown_pct>-12",
    )  # fmt: skip
    frame = results(market, "pareto")
    frame.index = [int(i.rsplit("-", 1)[1]) for i in frame.index]
    good = frame[(frame.total_trades >= 10) & (frame.max_drawdown_pct > -12)]
    good = good[good.total_return_pct.notna() & good.max_drawdown_pct.notna()].sort_index()
    assert report["n_scored"] == len(good) > 10
    order = good.sort_values("total_return_pct", ascending=False, kind="stable")
    assert [entry["point"] for entry in report["best"]] == list(order.index[:10])
    scores = np.column_stack([good.total_return_pct, good.max_drawdown_pct, -good.total_trades])
    front = []
    for i, number in enumerate(good.index):
        at_least = (scores >= scores[i]).all(axis=1)
        above = (scores > scores[i]).any(axis=1)
        twin_before = ((scores == scores[i]).all(axis=1) & (good.index < number)).any()
        if not (at_least & above).any() and not twin_before:
            front.append(number)
    assert report["n_pareto"] == len(front)
    assert [entry["point"] for entry in report["pareto"]] == front[:10]


def test_sensitivity_and_plateau_against_pandas(optimize, market):
    report = optimize("sense", *GRID)
    runs = table(market, "backtest_runs", "sweep_id = 'sense'")
    frame = pd.DataFrame([json.loads(text) for text in runs.parameters]).assign(
        sharpe=list(runs.sharpe_ratio)
    )
    frame.index = [int(i.rsplit("-", 1)[1]) for i in runs.run_id]
    for axis in report["sensitivity"]:
        groups = frame.groupby(axis["parameter"]).sharpe
        for level in axis["levels"]:
            group = groups.get_group(level["value"]).dropna()
            assert level["points"] == len(group)
            for name in ("mean", "median", "min", "max"):
                assert level[name] == pytest.approx(getattr(group, name)(), rel=1e-12)
        scored = frame.dropna()
        means = scored.groupby(axis["parameter"]).sharpe.transform("mean")
        share = means.var(ddof=0) / scored.sharpe.var(ddof=0)
        assert axis["variance_share"] == pytest.approx(share, rel=1e-9)
    best = frame.sharpe.idxmax()
    assert report["best"][0]["point"] == best
    n = 10  # thresholds: the last axis is the fastest
    row, column = divmod(best, n)
    near = [(row + a) * n + column + b for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1))
            if 0 <= row + a < 12 and 0 <= column + b < n]  # fmt: skip
    median = frame.sharpe[near].dropna().median()
    assert report["plateau"]["neighbours"] == len(near)
    assert report["plateau"]["neighbour_median"] == pytest.approx(median, rel=1e-12)
    assert report["plateau"]["ratio"] == pytest.approx(median / frame.sharpe[best], rel=1e-12)


def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def normal_quantile(p):
    low, high = -40.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if normal_cdf(middle) < p else (low, middle)
    return (low + high) / 2


def test_deflated_sharpe_against_its_formula(optimize, market):
    """Bailey and Lopez de Prado 2014, equations 1 and 2, from the stored tables."""
    report = optimize("luck", *GRID)
    luck = report["overfitting"]
    sharpes = results(market, "luck").sharpe_arithmetic.dropna() / math.sqrt(252)
    variance, n = sharpes.var(ddof=1), 120
    gamma = 0.5772156649015329
    expected = math.sqrt(variance) * (
        (1 - gamma) * normal_quantile(1 - 1 / n) + gamma * normal_quantile(1 - 1 / (n * math.e))
    )
    best = report["best"][0]["run_id"]
    returns = table(market, "backtest_metrics", f"run_id = '{best}'", "date").daily_return
    sharpe = returns.mean() / returns.std(ddof=1)
    centred = returns - returns.mean()
    m2 = (centred**2).mean()
    skewness, kurtosis = (centred**3).mean() / m2**1.5, (centred**4).mean() / m2**2

    def psr(benchmark):
        spread = math.sqrt(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2)
        return normal_cdf((sharpe - benchmark) * math.sqrt(len(returns) - 1) / spread)

    assert luck["n_trials"] == n and luck["n_sharpe_ratios"] == len(sharpes)
    assert luck["sharpe_variance"] == pytest.approx(variance, rel=1e-10)
    assert luck["expected_max_sharpe"] == pytest.approx(expected, rel=1e-9)
    assert luck["sharpe"] == pytest.approx(sharpe, rel=1e-9)
    assert luck["skewness"] == pytest.approx(skewness, rel=1e-9)
    assert luck["kurtosis"] == pytest.approx(kurtosis, rel=1e-9)
    assert luck["psr"] == pytest.approx(psr(0), rel=1e-9)
    assert luck["deflated_sharpe"] == pytest.approx(psr(expected), rel=1e-9)
    assert luck["sharpe_annual"] == pytest.approx(report["best"][0]["metrics"]["sharpe_arithmetic"], rel=1e-9)


def test_halving_is_exact_on_every_rung(assay, optimize, market):
    plan = ["--axis", "lookback=5:60:5", "--axis", "threshold=0.01:0.2:0.01"]
    report = optimize("halved", *plan, "--halving")
    rungs = report["halving"]
    assert [r["points"] for r in rungs] == [240, 80]
    assert [r["bars"] for r in rungs] == [133, 400]
    optimize("full", *plan)
    full, halved = results(market, "full"), results(market, "halved")
    halved.index = [i.replace("halved", "full") for i in halved.index]
    assert (bits(halved) == bits(full.loc[halved.index, halved.columns])).all()
    # the best third of the first rung, by single sweeps over its period
    optimize("short", *plan, "--start", rungs[0]["start_date"])
    short = results(market, "short").sharpe_ratio
    short.index = [int(i.rsplit("-", 1)[1]) for i in short.index]
    best = short.sort_index().sort_values(ascending=False, kind="stable", na_position="last").index[:80]
    assert sorted(best) == sorted(int(i.rsplit("-", 1)[1]) for i in halved.index)
    assert report["n_tried"] == 240 and report["n_whole_period"] == 80
    assert report["overfitting"]["n_trials"] == 240
    text = assay("show", "halved", "--db", market).stdout
    assert "240 points over the last 133 bars" in text and "80 points over the last 400 bars" in text
    assert "halving can lose a point" in " ".join(text.split())


# --- what is stored and shown -------------------------------------------------------------------------------------------


def test_runs_and_show_know_sweeps(assay, optimize, market):
    optimize("listed", *GRID, "--keep", "best:1")
    text = assay("runs", "--db", market).stdout
    assert "listed-" not in text
    assert sum(line.startswith("listed ") for line in text.splitlines()) == 1
    points = assay("runs", "--sweep", "listed", "--db", market).stdout.splitlines()
    assert len(points) == 121 and points[1].startswith("listed-0 ") and points[-1].startswith("listed-119 ")
    assert (
        len(json.loads(assay("runs", "--sweep", "listed", "--db", market, "--format", "json").stdout)) == 120
    )
    assert "no sweep 'listet'" in assay("runs", "--sweep", "listet", "--db", market, code=1).stderr
    not_kept = table(market, "backtest_runs", "sweep_id = 'listed' AND warnings IS NULL").run_id[0]
    assert "stored with its metrics alone" in assay("show", not_kept, "--db", market).stdout
    assert "stored with its metrics alone" in assay("audit", not_kept, "--db", market, code=1).stderr
    assert "stored with its metrics alone" in assay("reproduce", not_kept, "--db", market, code=1).stderr


def test_keep_none_and_no_store(assay, optimize, market):
    report = optimize("bare", *GRID, "--keep", "none")
    assert report["n_kept"] == 0 and report["overfitting"]["deflated_sharpe"] is not None
    assert len(table(market, "backtest_trades", "run_id LIKE 'bare-%'")) == 0
    assert "bare.parquet" in files_of(market, "trades")
    unstored = optimize("nowhere", *GRID, "--no-store")
    assert not unstored["stored"] and "nowhere.parquet" not in files_of(market, "runs")
    assert [e["point"] for e in unstored["best"]] == [e["point"] for e in report["best"]]
    assert [e["metrics"] for e in unstored["best"]] == [e["metrics"] for e in report["best"]]


def test_json_and_csv(assay, optimize, market):
    report = optimize("shape", *GRID)
    assert list(report) == [
        "sweep_id", "strategy", "sampling", "objectives", "constraints", "n_points", "n_tried", "n_whole_period",
        "n_scored", "n_kept", "shards", "halving", "best", "n_pareto", "pareto", "sensitivity", "plateau",
        "overfitting", "start_date", "end_date", "n_bars", "n_symbols", "data_fingerprint", "stored",
    ]  # fmt: skip
    assert report["best"][0].keys() == {"run_id", "point", "parameters", "metrics"}
    assert (
        report["objectives"] == ["max:sharpe_ratio"]
        and report["shards"] is None
        and report["halving"] is None
    )
    lines = assay("show", "shape", "--db", market, "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("run_id,lookback,threshold,total_return_pct,") and len(lines) == 11
    row = table(market, "backtest_sweeps", "sweep_id = 'shape'").iloc[0]
    assert (row.n_points, row.n_kept, row.shard, row.n_shards) == (120, 10, 1, 1)
    assert json.loads(row.plan)["axes"] == ["lookback=5:60:5", "threshold=0.02:0.2:0.02"]


def test_another_objective_for_a_stored_sweep(assay, optimize, market):
    optimize("again", *GRID)
    done = assay(
        "optimize",
        "--report",
        "again",
        "--objective",
        "total_return_pct",
        "--where",
        "total_trades<30",
        "--db",
        market,
        "--format",
        "json",
    )
    frame = results(market, "again")
    best = frame[frame.total_trades < 30].total_return_pct.idxmax()
    assert json.loads(done.stdout)["best"][0]["run_id"] == best


# --- mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "axis"),
        (["--axis", "lokback=5:10:1"], "did you mean 'lookback'"),
        (["--axis", "lookback=5:10"], "5:10"),
        (["--axis", "lookback=0:10:5"], "lookback"),
        (["--axis", "threshold=0.1,x"], "threshold"),
        (["--axis", "lookback=5,10", "--axis", "lookback=5,10"], "lookback"),
        (["--axis", "on_bad_data=drop,keep"], "all points share one reading"),
        (["--axis", "signal_prices=split_adjusted,total_return"], "run a sweep for each value"),
        (["--axis", "end_date=2016-01-01,2016-06-01"], "end_date"),
        (["--axis", "risk_free_rate=0,0.02"], "yardstick"),
        (["--axis", "lookback=5..50"], "sample with random"),
        (["--axis", "lookback=5,10", "--sample", "random:3:1"], "only 2 combinations"),
        (["--axis", "lookback=5,10", "--sample", "sobble:3"], "sobble"),
        (["--axis", "lookback=5,10", "--objective", "sharp_ratio"], "did you mean 'sharpe_ratio'"),
        (["--axis", "lookback=5,10", "--where", "trades"], "trades"),
        (["--axis", "lookback=5,10", "--where", "max_drawdwon_pct>-3"], "max_drawdown_pct"),
        (["--axis", "lookback=5,10", "--shard", "3/2"], "3/2"),
        (["--axis", "lookback=5,10", "--shard", "3/3"], "this shard has none"),
        (["--axis", "lookback=5,10", "--keep", "worst:3"], "best:N"),
        (["--axis", "lookback=5,10", "--sweep-id", "a/b"], "a/b"),
        (["--axis", "lookback=5,10", "--halving", "--shard", "1/2"], "--halving"),
        (["--axis", "stop_loss_pct=0,0.1"], "stop_loss_pct"),
    ],
)
def test_mistakes(assay, market, args, said):
    done = assay("optimize", "momentum", "--db", market, *args, code=2)
    assert said in done.stderr and done.stdout == ""


def test_a_point_that_cannot_run_is_named(assay, market):
    done = assay(
        "optimize", "momentum", "--db", market, "--axis", "start_date=2015-06-01,2030-01-01", code=None
    )
    assert done.returncode != 0 and "2030-01-01" in done.stderr


def test_no_such_sweep(assay, market):
    assert (
        "there is no sweep 'nothing'"
        in assay("optimize", "--report", "nothing", "--db", market, code=1).stderr
    )


def test_no_point_counts(assay, market):
    done = assay(
        "optimize",
        "momentum",
        "--db",
        market,
        "--axis",
        "lookback=5,10",
        "--where",
        "total_trades>100000",
        "--sweep-id",
        "nobody",
    )
    assert "no point meets the constraints" in done.stdout


def test_a_run_and_a_sweep_cannot_share_an_id(assay, optimize, market):
    optimize("shared-sweep", "--axis", "lookback=5,10")
    done = assay("run", "momentum", "--db", market, "--run-id", "shared-sweep", code=2)
    assert "a sweep is stored under the id 'shared-sweep'" in done.stderr
    assay("run", "momentum", "--db", market, "--run-id", "shared-run")
    done = assay(
        "optimize", "momentum", "--db", market, "--sweep-id", "shared-run", "--axis", "lookback=5,10", code=2
    )
    assert "a run is stored under the id 'shared-run'" in done.stderr
