"""assay report of a walk-forward: its joined run as a document, against the stored tables and what `assay walkforward` said."""

import json
import shutil
import subprocess

import duckdb
import pandas as pd
import pytest
from test_report import check_identities

pytestmark = pytest.mark.cli_long

AXES = ["--axis", "lookback=5:25:5", "--axis", "threshold=0.02:0.1:0.04", "--train", 200, "--test", 80]
WALKS = {
    "flat": ["--purge", 5],
    "flat-anchored": ["--anchored"],
    "carry": ["--positions", "carry"],
    "carry-anchored": ["--positions", "carry", "--anchored", "--purge", 3],
    "gaps": ["--step", 95, "--set", "cash_interest_pct=0.03"],
    "benchmark": [
        "--set",
        "benchmark=SJD",
        "--start",
        "2015-06-01",
        "--objective",
        "min:annual_volatility_pct",
    ],
    "undecided": ["--where", "sharpe_ratio>1.5"],
}


@pytest.fixture(scope="module")
def stored(assay_bin, tmp_path_factory):
    """A database with walk-forwards, and what was said when they were made."""
    folder = tmp_path_factory.mktemp("report-walkforward")

    def run(*args):
        done = subprocess.run([assay_bin, *map(str, args)], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("sample", "--db", "db", "--symbols", 30, "--days", 700, "--seed", 4)
    said = {}
    for name, options in WALKS.items():
        args = [
            "walkforward",
            "momentum",
            "--db",
            "db",
            *AXES,
            *options,
            "--run-id",
            name,
            "--format",
            "json",
        ]
        said[name] = json.loads(run(*args))
    return folder / "db", said


def document(assay, db, *args):
    return json.loads(assay("report", *args, "--db", db, "--format", "json", "--out", "-").stdout)


def rows(db, table, run_id):
    path = f"{db}/backtest_{table}/**/{run_id}.parquet"
    return duckdb.sql(f"FROM read_parquet('{path}', hive_partitioning=false)").df()


def metrics_of(db, run_id):
    return dict(rows(db, "results", run_id)[["metric", "value"]].itertuples(index=False))


def same(said, value):
    return said == value or (said is None and not abs(value) < float("inf"))


def warnings_of(d):
    return {w["name"]: w for w in d["warnings"]}


# --- numbers ---


@pytest.mark.parametrize("name", WALKS)
def test_numbers_are_those_of_the_tables(assay, stored, name):
    db, _ = stored
    d = document(assay, db, name)
    (run,) = rows(db, "runs", name).itertuples()
    daily = rows(db, "metrics", name).sort_values("date")
    assert (d["kind"], d["run_id"], d["strategy"]) == ("run", name, "momentum")
    assert d["config"] == json.loads(run.config) and d["parameters"] == json.loads(run.parameters)
    assert (d["n_bars"], d["data_fingerprint"]) == (run.n_bars, run.data_fingerprint)
    assert d["bars"]["date"] == [str(t.date()) for t in pd.to_datetime(daily["date"])]
    assert d["bars"]["equity"] == pytest.approx(daily["total_value"].tolist(), rel=1e-8)
    assert d["bars"]["drawdown_frac"] == pytest.approx(daily["drawdown"].tolist(), rel=1e-4, abs=1e-9)
    said = {m["name"]: m["value"] for m in d["metrics"]}
    stored_metrics = metrics_of(db, name)
    assert len(stored_metrics) >= 16
    for metric, value in stored_metrics.items():
        assert ":" in metric or same(said[metric], value), metric
    fills, trades = rows(db, "fills", name), rows(db, "trades", name)
    costs = {row["name"]: row["money"] for row in d["costs"]}
    assert costs["commission"] == pytest.approx(-fills["commission"].sum(), rel=1e-12)
    assert d["trades"]["n"] == len(trades)
    pnl = d["trades"]["data"][d["trades"]["columns"].index("pnl")]
    assert sum(pnl) == pytest.approx(trades["pnl"].sum(), rel=1e-6, abs=0.01 * len(pnl))
    check_identities(d)


@pytest.mark.parametrize("name", WALKS)
def test_folds_are_those_that_were_said(assay, stored, name):
    db, said = stored
    walk, expected = document(assay, db, name)["walkforward"], said[name]
    for key in (
        "axes",
        "where",
        "objective",
        "train",
        "test",
        "step",
        "purge",
        "embargo",
        "anchored",
        "positions",
    ):
        assert walk[key] == expected[key], key
    assert walk["points"] == 15 and len(walk["folds"]) > 3
    for key in ("folds", "efficiency", "drift"):
        assert walk[key] == expected[key], key


@pytest.mark.parametrize("name", ["flat", "flat-anchored", "gaps"])
def test_folds_are_the_stored_runs(assay, stored, name):
    db, _ = stored
    folds = document(assay, db, name)["walkforward"]["folds"]
    for fold in folds:
        assert fold["run_id"] == f"{name}-fold-{fold['fold']}"
        (run,) = rows(db, "runs", fold["run_id"]).itertuples()
        assert fold["parameters"].items() <= json.loads(run.parameters).items()
        assert str(run.start_date)[:10] == fold["test_start"] and run.n_bars == fold["test_bars"]
        for metric, value in metrics_of(db, fold["run_id"]).items():
            assert same(fold["out_of_sample"][metric], value), metric


def test_carried_folds_are_no_runs(assay, stored):
    db, _ = stored
    assert {f["run_id"] for f in document(assay, db, "carry")["walkforward"]["folds"]} == {None}


# --- what the page says of it ---


def test_warnings(assay, stored):
    db, said = stored
    flat, carry, gaps, undecided = (
        warnings_of(document(assay, db, name)) for name in ("flat", "carry", "gaps", "undecided")
    )
    assert "15 points" in flat["trials"]["text"] and flat["trials"]["level"] == "note"
    closed = (rows(db, "fills", "flat")["kind"] == "fold_end").sum()
    assert closed > 0 and f"{closed} positions" in flat["fold_end"]["text"]
    assert "fold_end" not in carry and "between_tests" not in carry
    n = rows(db, "metrics", "gaps").shape[0] - sum(f["test_bars"] for f in said["gaps"]["folds"])
    assert n > 0 and f"Cash: {n} of" in gaps["between_tests"]["text"]
    n = sum(f["note"] is not None for f in said["undecided"]["folds"])
    assert n > 0 and f"Folds: {n} of" in undecided["undecided_folds"]["text"]
    assert "undecided_folds" not in flat
    for name, warnings in (("flat", flat), ("carry", carry)):
        kept = said[name]["efficiency"]["annual_return"]
        assert f"kept {100 * kept:.0f} %" in warnings["efficiency"]["text"]
        assert warnings["efficiency"]["level"] == ("note" if kept >= 0.5 else "warning")
    for warnings in (flat, carry, gaps):
        assert not {"data_changed", "equity_changed"} & set(warnings)


def test_look_ahead_is_of_the_choices_too(assay, stored):
    db, _ = stored
    for name in ("flat", "carry"):
        assert warnings_of(document(assay, db, name, "--verify"))["look_ahead"]["level"] == "good"


def test_factors_and_benchmark(assay, stored, tmp_path):
    db, _ = stored
    d = document(assay, db, "benchmark")
    assert d["benchmark"]["name"] == "SJD" and d["walkforward"]["objective"] == "min:annual_volatility_pct"
    lines = ["date,f", *(f"{day},{i % 7 / 1000}" for i, day in enumerate(d["bars"]["date"]))]
    (tmp_path / "factors.csv").write_text("\n".join(lines) + "\n")
    said = document(assay, db, "flat", "--factors", tmp_path / "factors.csv")["attribution"]["factors"]
    assert [row["factor"] for row in said["rows"]] == ["alpha", "f"]


def test_beside_runs(assay, stored):
    """A joined run can be compared with runs."""
    db, _ = stored
    runs = document(assay, db, "flat", "flat-fold-2")["runs"]
    assert [len(r.get("walkforward", {}).get("folds", [])) > 0 for r in runs] == [True, False]


@pytest.mark.parametrize(
    "strategies", [["rule:dip.yaml"], ["momentum", "rule:dip.yaml", "--set", "combine=sleeves"]]
)
def test_other_strategies(assay, stored, tmp_path, strategies):
    """The rule's text is stored: its file is gone when the report is made."""
    db = stored[0]
    rule = 'rule: {buy: "close < sma(close, n) * 0.98", sell: "close > sma(close, n)"}\nparameters: {n: 10}\n'
    (tmp_path / "dip.yaml").write_text(rule)
    axis = "n=5,10,20" if len(strategies) == 1 else "momentum.lookback=10,20"
    args = [
        "--axis",
        axis,
        "--train",
        "9m",
        "--test",
        "4m",
        "--db",
        db,
        "--run-id",
        "other",
        "--format",
        "json",
    ]
    said = json.loads(assay("walkforward", *strategies, *args, cwd=tmp_path).stdout)
    (tmp_path / "dip.yaml").unlink()
    d = document(assay, db, "other")
    assert d["walkforward"]["folds"] == said["folds"] and d["walkforward"]["train"] == "9m"
    assert "equity_changed" not in warnings_of(d)
    check_identities(d)


# --- what is not as it was ---


@pytest.fixture
def copy(stored, tmp_path):
    db = tmp_path / "db"
    shutil.copytree(stored[0], db)
    return db


def add_close(assay, db, folder, day, close):
    (folder / "new.csv").write_text(f"timestamp,symbol,close\n{day},SJD,{close}\n")
    assay("import", folder / "new.csv", "--db", db)


def days(db):
    path = f"{db}/prices/**/*.parquet"
    return (
        duckdb.sql(f"SELECT DISTINCT timestamp::DATE FROM read_parquet('{path}') ORDER BY 1").df().iloc[:, 0]
    )


def test_changed_data_are_said(assay, copy, tmp_path):
    add_close(assay, copy, tmp_path, days(copy).iloc[300].date(), 1.5)
    warning = warnings_of(document(assay, copy, "flat"))["data_changed"]
    assert warning["level"] == "warning" and "its plan" in warning["text"]


@pytest.mark.parametrize("name", ["flat", "carry-anchored", "gaps"])
def test_bars_after_it_are_not_in_its_tearsheet(assay, stored, copy, tmp_path, name):
    before = document(assay, stored[0], name)
    add_close(assay, copy, tmp_path, days(copy).iloc[-1].date() + pd.Timedelta(days=1), 50)
    assert document(assay, copy, name) == before


def test_a_walk_forward_without_fingerprints(assay, copy, tmp_path):
    """As an earlier version has stored it: where its data ended is not known, so newer bars are changed data."""
    before = document(assay, copy, "flat")
    next(copy.glob("backtest_fingerprints/**/flat.parquet")).unlink()
    assert document(assay, copy, "flat") == before
    add_close(assay, copy, tmp_path, days(copy).iloc[-1].date() + pd.Timedelta(days=1), 50)
    assert "data_changed" in warnings_of(document(assay, copy, "flat"))


def rewrite(path, columns):
    duckdb.sql(
        f"CREATE OR REPLACE TEMP TABLE t AS SELECT * REPLACE ({columns}) FROM read_parquet('{path}', hive_partitioning=false)"
    )
    duckdb.sql(f"COPY (FROM t) TO '{path}' (FORMAT parquet)")


def test_another_equity_is_said(assay, copy):
    rewrite(next(copy.glob("backtest_metrics/**/flat.parquet")), "total_value * (1 + 1e-12) AS total_value")
    assert warnings_of(document(assay, copy, "flat"))["equity_changed"]["level"] == "warning"


def test_a_plan_that_cannot_be_read(assay, copy):
    path = next(copy.glob("backtest_runs/**/flat.parquet"))
    config = json.loads(rows(copy, "runs", "flat")["config"].iloc[0])
    del config["walkforward"]["train"]
    text = json.dumps(config, separators=(",", ":")).replace("'", "''")
    rewrite(path, f"'{text}' AS config")
    assert (
        "the stored plan of the walk-forward cannot be read"
        in assay("report", "flat", "--db", copy, code=1).stderr
    )
    config["walkforward"].update(train="soon")
    rewrite(path, f"'{json.dumps(config, separators=(',', ':'))}' AS config")
    assert "flat cannot be walked forward again: --train 'soon'" in assay("report", "flat", "--db", copy, code=2).stderr


def test_what_is_refused(assay, stored):
    db, _ = stored
    assert "did you mean 'flat'" in assay("report", "flatt", "--db", db, code=1).stderr
    assert "joins the tests of a walk-forward" in assay("reproduce", "flat", "--db", db, code=1).stderr
