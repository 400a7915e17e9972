"""Walk-forward: windows, efficiency and drift computed anew, folds against single runs, and no look at the future."""

import csv
import json
import subprocess
from datetime import timedelta
from itertools import pairwise

import duckdb
import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.cli_long

AXES = ["--axis", "lookback=5:25:5", "--axis", "threshold=0.02:0.1:0.04"]
TABLES = ["runs", "trades", "metrics", "signals", "fills", "results"]


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("walkforward")
    subprocess.run(
        [assay_bin, "sample", "--db", "db", "--symbols", "30", "--days", "700", "--seed", "4"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder / "db"


def walk(assay, db, *args, **options):
    done = assay("walkforward", "momentum", "--db", db, *AXES, *args, "--format", "json", **options)
    return json.loads(done.stdout)


def rows(db, table, run_id, columns="*"):
    path = f"{db}/backtest_{table}/**/*.parquet"
    return duckdb.sql(
        f"SELECT {columns} FROM read_parquet('{path}', union_by_name=true, hive_partitioning=false) "
        f"WHERE run_id = '{run_id}'"
    ).df()


def calendar(db):
    path = f"{db}/prices/**/*.parquet"
    days = duckdb.sql(
        f"SELECT DISTINCT timestamp FROM read_parquet('{path}', hive_partitioning=false) "
        "WHERE close_price IS NOT NULL ORDER BY 1"
    ).df()
    return [t.date() for t in pd.to_datetime(days["timestamp"])]


# --- windows ------------------------------------------------------------------------------------------------------------


def windows_in_bars(n, train, test, step, purge, embargo, anchored):
    """(train first, train end, test first, test end) of each fold; ends excluded."""
    folds, k = [], 0
    while train + k * step < n:
        begin = train + k * step
        low, high = (0 if anchored else begin - train), begin - purge
        ends = [fold[3] for fold in folds]
        for end in ends:
            if end <= low < end + embargo:
                low = end + embargo
        for end in reversed(ends):
            if end < high <= end + embargo:
                high = end
        folds.append((low, high, begin, min(begin + test, n)))
        k += 1
    return folds


@pytest.mark.parametrize(
    ("train", "test", "step", "purge", "embargo", "anchored"),
    [
        (200, 80, None, 0, 0, False),
        (200, 80, None, 7, 0, True),
        (160, 80, None, 5, 10, False),
        (150, 60, 70, 3, 20, False),
        (150, 60, 70, 3, 20, True),
        (300, 400, None, 0, 0, False),
    ],
)
def test_windows_in_bars(assay, market, train, test, step, purge, embargo, anchored):
    days = calendar(market)
    args = ["--train", train, "--test", test, "--purge", purge, "--embargo", embargo, "--no-store"]
    args += ["--step", step] if step else []
    args += ["--anchored"] if anchored else []
    folds = walk(assay, market, *args)["folds"]
    expected = windows_in_bars(len(days), train, test, step or test, purge, embargo, anchored)
    assert len(folds) == len(expected)
    for fold, (low, high, begin, end) in zip(folds, expected, strict=True):
        assert (fold["train_start"], fold["train_end"]) == (str(days[low]), str(days[high - 1]))
        assert (fold["test_start"], fold["test_end"]) == (str(days[begin]), str(days[end - 1]))
        assert (fold["train_bars"], fold["test_bars"]) == (high - low, end - begin)
        assert fold["partial"] == (end - begin < test)


def shifted(day, months, days=0):
    return (pd.Timestamp(day) + pd.DateOffset(months=months)).date() + timedelta(days=days)


@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize(("train", "test", "step"), [((12, 0), (3, 0), (3, 0)), ((9, 0), (0, 56), (2, 0))])
def test_windows_in_calendar_units(assay, market, train, test, step, anchored):
    def text(months, days):
        return f"{months}m" if months else f"{days // 7}w"

    days = calendar(market)
    args = ["--train", text(*train), "--test", text(*test), "--step", text(*step), "--no-store"]
    folds = walk(assay, market, *args, *(["--anchored"] if anchored else []))["folds"]
    origin, k = days[0], 0
    for fold in folds:
        begin = shifted(origin, train[0] + k * step[0], train[1] + k * step[1])
        end = shifted(origin, train[0] + k * step[0] + test[0], train[1] + k * step[1] + test[1])
        low = origin if anchored else shifted(origin, k * step[0], k * step[1])
        training = [str(d) for d in days if low <= d < begin]
        testing = [str(d) for d in days if begin <= d < end]
        assert [fold["train_start"], fold["train_end"], fold["train_bars"]] == [
            training[0],
            training[-1],
            len(training),
        ]
        assert [fold["test_start"], fold["test_end"], fold["test_bars"]] == [
            testing[0],
            testing[-1],
            len(testing),
        ]
        k += 1
    assert shifted(origin, train[0] + k * step[0], train[1] + k * step[1]) > days[-1]


def test_start_and_end_bound_the_folds(assay, market):
    days = calendar(market)
    args = ["--train", 100, "--test", 50, "--no-store", "--start", days[60], "--end", days[359]]
    folds = walk(assay, market, *args)["folds"]
    assert folds[0]["train_start"] == str(days[60])
    assert [f["test_start"] for f in folds] == [str(days[i]) for i in (160, 210, 260, 310)]
    assert folds[-1]["test_end"] == str(days[359])


# --- folds --------------------------------------------------------------------------------------------------------------


def test_a_fold_is_its_single_run(assay, market):
    result = walk(
        assay,
        market,
        "--train",
        250,
        "--test",
        100,
        "--purge",
        5,
        "--run-id",
        "wf",
        "--set",
        "fill=next_close",
    )
    for fold in result["folds"]:
        sets = [x for key, value in fold["parameters"].items() for x in ("--set", f"{key}={value}")]
        single = f"single-{fold['fold']}"
        assay(
            "run", "momentum", "--db", market, *sets, "--set", "fill=next_close",
            "--set", f"initial_capital={fold['start_equity']!r}", "--start", fold["test_start"], "--end", fold["test_end"],
            "--run-id", single,
        )  # fmt: skip
        for table in TABLES:
            leave = "* EXCLUDE (run_id" + (
                ", timestamp, duration_ms, sweep_id, fold)" if table == "runs" else ")"
            )
            a, b = rows(market, table, fold["run_id"], leave), rows(market, table, single, leave)
            if table == "results":  # single runs have more metrics
                b = b[b["metric"].isin(a["metric"])].reset_index(drop=True)
            pd.testing.assert_frame_equal(a, b, check_exact=True)
        [run] = rows(market, "runs", fold["run_id"]).to_dict("records")
        assert (run["fold"], run["sweep_id"]) == (fold["fold"], "wf")
        assay("reproduce", "--db", market, fold["run_id"])


@pytest.mark.parametrize("positions", ["flatten", "carry"])
def test_the_joined_run(assay, market, positions):
    name = f"joined-{positions}"
    args = ["--train", 250, "--test", 100, "--positions", positions, "--run-id", name]
    result = walk(assay, market, *args)
    equity = rows(market, "metrics", name)
    folds = result["folds"]
    assert [str(t.date()) for t in equity["date"]][:: len(equity) - 1] == [
        folds[0]["test_start"],
        folds[-1]["test_end"],
    ]
    assert len(equity) == sum(f["test_bars"] for f in folds) == result["n_bars"]
    assert folds[0]["start_equity"] == 100000
    for a, b in pairwise(folds):
        assert a["end_equity"] == b["start_equity"]
    by_date = dict(zip([str(t.date()) for t in equity["date"]], equity["total_value"], strict=True))
    for fold in folds:
        assert by_date[fold["test_end"]] == fold["end_equity"]
    values = np.concatenate([[100000], equity["total_value"]])
    assert result["metrics"]["total_return_pct"] == pytest.approx(
        (values[-1] / values[0] - 1) * 100, rel=1e-12
    )
    returns = values[1:] / values[:-1] - 1
    annual = (values[-1] / values[0]) ** (252 / len(returns)) - 1
    assert result["metrics"]["sharpe_ratio"] == pytest.approx(
        annual / (returns.std() * np.sqrt(252)), rel=1e-9
    )
    assert np.allclose(equity["drawdown"], values[1:] / np.maximum.accumulate(values)[1:] - 1, atol=1e-12)
    assert "ok" in assay("audit", "--db", market, name).stdout
    kinds = set(rows(market, "fills", name)["kind"])
    assert ("fold_end" in kinds) == (positions == "flatten")
    texts = rows(market, "signals", name, "timestamp, parameters")
    for fold in folds:
        inside = texts[(texts.timestamp >= fold["test_start"]) & (texts.timestamp <= fold["test_end"])]
        assert {tuple(json.loads(t).items()) for t in inside.parameters} <= {
            tuple(fold["parameters"].items())
        }
    assert result["parameters"] == {
        key: [f["parameters"][key] for f in folds] for key in ("lookback", "threshold")
    }
    [run] = rows(market, "runs", name).to_dict("records")
    assert json.loads(run["config"])["walkforward"]["train"] == "250"


def test_efficiency_and_drift(assay, market):
    result = walk(assay, market, "--train", 150, "--test", 60, "--no-store")
    frame = pd.DataFrame(
        {
            "partial": f["partial"],
            "in": f["in_sample"]["sharpe_ratio"],
            "out": f["out_of_sample"]["sharpe_ratio"],
            "in_return": f["in_sample"]["annual_return_pct"],
            "out_return": f["out_of_sample"]["annual_return_pct"],
            "lookback": f["parameters"]["lookback"],
            "threshold": f["parameters"]["threshold"],
        }
        for f in result["folds"]
    )
    whole = frame[~frame.partial]
    sharpe = whole[whole["in"] > 0].dropna(subset=["in", "out"])
    annual = whole[whole["in_return"] > 0].dropna(subset=["in_return", "out_return"])
    e = result["efficiency"]
    assert e["sharpe_ratio"] == pytest.approx((sharpe["out"] / sharpe["in"]).mean(), rel=1e-12)
    assert e["annual_return"] == pytest.approx((annual["out_return"] / annual["in_return"]).mean(), rel=1e-12)
    assert (e["sharpe_ratio_folds"], e["annual_return_folds"]) == (len(sharpe), len(annual))
    for key, step in (("lookback", 5), ("threshold", 0.04)):
        moves = (frame[key].diff().dropna().abs() / step).round()
        d = result["drift"][key]
        assert d["mean_steps"] == pytest.approx(moves.mean(), rel=1e-12)
        assert (d["max_steps"], d["changes"], d["pairs"]) == (moves.max(), (moves > 0).sum(), len(moves))
        assert d["distinct"] == frame[key].nunique()


def test_threads_change_nothing(assay, market):
    one, two = (
        walk(assay, market, "--train", 150, "--test", 60, "--no-store", "--threads", n) for n in (1, 2)
    )
    assert one == two


def test_the_same_id_replaces_every_fold(assay, market):
    walk(assay, market, "--train", 150, "--test", 60, "--run-id", "again")
    fewer = walk(assay, market, "--train", 300, "--test", 200, "--run-id", "again")
    path = f"{market}/backtest_runs/**/*.parquet"
    found = duckdb.sql(
        f"SELECT run_id FROM read_parquet('{path}', hive_partitioning=false) WHERE run_id LIKE 'again%'"
    )
    assert sorted(r[0] for r in found.fetchall()) == ["again"] + [f["run_id"] for f in fewer["folds"]]


def test_csv_has_a_row_a_fold(assay, market):
    args = ["walkforward", "momentum", "--db", market, *AXES, "--train", 250, "--test", 100, "--no-store"]
    folds = json.loads(assay(*args, "--format", "json").stdout)["folds"]
    lines = assay(*args, "--format", "csv").stdout.splitlines()
    table = list(csv.DictReader(lines))
    assert [int(r["fold"]) for r in table] == [f["fold"] for f in folds]
    for row, fold in zip(table, folds, strict=True):
        assert float(row["lookback"]) == fold["parameters"]["lookback"]
        assert float(row["out_of_sample_sharpe_ratio"]) == fold["out_of_sample"]["sharpe_ratio"]
        assert float(row["in_sample_sharpe_ratio"]) == fold["objective"]


# --- no look at the future ----------------------------------------------------------------------------------------------


def test_the_future_changes_no_choice(assay, market, tmp_path):
    """Noise, splits and missing bars after a training window: its fold, and those before it, choose the same."""
    args = ["--train", 200, "--test", 80, "--purge", 5, "--no-store"]
    before = walk(assay, market, *args)["folds"]
    table = duckdb.sql(
        f"SELECT * FROM read_parquet('{market}/prices/**/*.parquet', hive_partitioning=false)"
    ).df()
    rng = np.random.default_rng(5)
    for k in range(0, len(before), 2):
        changed = table.copy()
        late = changed.timestamp > before[k]["train_end"]
        factor = np.where(late, rng.uniform(0.5, 1.5, len(changed)), 1)
        for column in ["open_price", "high_price", "low_price", "close_price"]:
            changed[column] *= factor
        split = late & (changed.symbol == changed.symbol.iloc[0])
        changed.loc[split, ["open_price", "high_price", "low_price", "close_price"]] /= 3
        gone = late & (rng.random(len(changed)) < 0.05) & (changed.symbol != changed.symbol.iloc[0])
        folder = tmp_path / str(k) / "prices"
        folder.mkdir(parents=True)
        changed[~gone].to_parquet(folder / "0.parquet")
        after = walk(assay, tmp_path / str(k), *args)["folds"]
        plain = tmp_path / f"plain-{k}" / "prices"
        plain.mkdir(parents=True)
        table.to_parquet(plain / "0.parquet")
        same = walk(assay, plain.parent, *args)["folds"]
        for i in range(k + 1):
            for key in ("train_start", "train_end", "point", "parameters", "objective", "in_sample"):
                assert after[i][key] == same[i][key], (k, i, key)


# --- mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "no length of the training windows: give --train"),
        (["--train", "100"], "no length of the test windows: give --test"),
        (["--train", "100", "--test", "3q"], "--test '3q': write a whole number of bars"),
        (["--train", "100", "--test", "50", "--step", "20"], "--step 20 is shorter than --test 50"),
        (["--train", "100", "--test", "50", "--purge", "100"], "--purge 100 leaves nothing of --train 100"),
        (
            ["--train", "650", "--test", "100"],
            "training and test are longer than the data: the period has 700 bars",
        ),
        (
            ["--train", "100", "--test", "50", "--axis", "start_date=2015-01-01,2016-01-01"],
            "the folds set it",
        ),
        (["--train", "100", "--test", "50", "--axis", "max_position_pct=0.1,7"], "max_position_pct"),
        (["--train", "100", "--test", "50", "--objective", "sharp_ratio"], "did you mean 'sharpe_ratio'?"),
        (["--train", "100", "--test", "50", "--where", "sharpe_ratio"], "constraint 'sharpe_ratio'"),
        (["--train", "100", "--test", "50", "--positions", "keep"], "--positions 'keep'"),
        (["--train", "100", "--test", "50", "--step", "60", "--positions", "carry"], "cannot be carried"),
        (["--train", "100", "--test", "50", "--run-id", "../x"], "--run-id '../x'"),
    ],
)
def test_mistakes(assay, market, args, says):
    done = assay("walkforward", "momentum", "--db", market, *AXES, *args, code=2)
    assert says in done.stderr
    assert done.stdout == ""


def test_nothing_to_choose(assay, market):
    done = assay("walkforward", "momentum", "--db", market, "--train", 100, "--test", 50, code=2)
    assert "give at least one --axis" in done.stderr


@pytest.mark.parametrize("step", [60, 75])
def test_cash_between_tests_earns_its_interest(assay, market, step):
    args = [
        "--train",
        150,
        "--test",
        60,
        "--step",
        step,
        "--set",
        "cash_interest_pct=0.05",
        "--run-id",
        "interest",
    ]
    result = walk(assay, market, *args)
    days = calendar(market)
    for a, b in pairwise(result["folds"]):
        capital = a["end_equity"]
        first, last = (days.index(pd.Timestamp(d).date()) for d in (a["test_end"], b["test_start"]))
        for t in range(first, last):
            capital *= 1 + 0.05 * (days[t + 1] - days[t]).days / 365
        assert b["start_equity"] == pytest.approx(capital, rel=1e-12)
    assert "ok" in assay("audit", "--db", market, "interest").stdout


def test_no_winner(assay, market):
    result = walk(
        assay, market, "--train", 200, "--test", 100, "--where", "total_trades>=100000", "--run-id", "none"
    )
    assert {f["note"] for f in result["folds"]} == {"no_winner"}
    assert all(f["parameters"] is None and f["run_id"] is None for f in result["folds"])
    assert result["metrics"]["total_return_pct"] == 0
    assert result["efficiency"]["sharpe_ratio"] is None and result["drift"]["lookback"]["mean_steps"] is None
    assert "ok" in assay("audit", "--db", market, "none").stdout


def test_text(assay, market):
    text = assay(
        "walkforward", "momentum", "--db", market, *AXES, "--train", 250, "--test", 100, "--no-store"
    ).stdout
    for part in (
        "walk-forward of momentum",
        "rolling: train 250, test 100",
        "efficiency",
        "drift of lookback",
        "Sharpe",
    ):
        assert part in text
