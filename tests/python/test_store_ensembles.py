"""Runs of several strategies in the tables: what is stored of each, shown of each, and whether the audit agrees."""

import json
import math
import subprocess

import numpy as np
import pandas as pd
import pytest
from test_store_support import bars, write

COMBINES = ["union", "vote", "sleeves"]
FIELDS = ["pnl", "open_pnl", "trades", "signals"]


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """Volatile prices of eight symbols with splits and dividends; one of them ends early."""
    folder = tmp_path_factory.mktemp("ensembles") / "db"
    rng = np.random.default_rng(11)
    frame = bars(symbols=[f"S{i}" for i in range(8)], days=250, seed=3)
    factor = np.exp(np.concatenate([np.cumsum(rng.normal(0, 0.03, 250)) for _ in range(8)]))
    for name in ("open_price", "high_price", "low_price", "close_price"):
        frame[name] *= factor
    frame["dividend_amount"] = np.where(rng.random(len(frame)) < 0.02, 0.3, np.nan)
    frame["split_coefficient"] = np.where(rng.random(len(frame)) < 0.004, 2.0, 1.0)
    early = (frame["symbol"] == "S5") & (frame["timestamp"] > "2020-07-01")
    frame.loc[frame["symbol"] == "S5", "close_price"] *= np.linspace(1, 3, (frame["symbol"] == "S5").sum())
    write(frame[~early], folder / "prices" / "0.parquet", symbol="dictionary")
    return folder


@pytest.fixture(scope="module")
def store_run(assay_bin, db):
    """store_run(run_id, members, setting=...) runs and stores them together."""

    def store_run(run_id, members, settings):
        sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        command = [assay_bin, "run", *members, "--db", db, "--run-id", run_id, *sets]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return store_run


def read(db, table, run_id):
    return pd.read_parquet(next((db / f"backtest_{table}").rglob(f"{run_id}.parquet")))


MEMBERS = ["momentum", "mean_reversion", "momentum"]
SETTINGS = {
    "momentum.lookback": 5,
    "momentum.threshold": 0.03,
    "momentum#2.lookback": 20,
    "momentum#2.weight": 2.5,
    "mean_reversion.z_threshold": 1.2,
    "vote_threshold": 0.4,
    "max_position_pct": 0.2,
    "delisting_return": -0.3,
    "cash_interest_pct": 0.03,
    "borrow_fee_pct": 0.05,
    "allow_short": "true",
    "insufficient_cash": "scale",
}


@pytest.fixture(scope="module", params=COMBINES)
def stored(request, store_run):
    store_run(request.param, MEMBERS, {**SETTINGS, "combine": request.param})
    return request.param


def names_of(combine):
    return ["momentum", "mean_reversion", "momentum#2", *(["vote"] if combine == "vote" else [])]


def test_rows_of_each_strategy(db, stored):
    results, trades = read(db, "results", stored), read(db, "trades", stored)
    signals = read(db, "signals", stored)
    fields = FIELDS + (["capital", "equity"] if stored == "sleeves" else [])
    rows = results[results["metric"].str.contains(":")]
    assert rows["metric"].tolist() == [f"{field}:{name}" for name in names_of(stored) for field in fields]
    assert rows.index.min() == len(results) - len(rows)  # behind the metrics
    values = rows.set_index("metric")["value"]
    closed = trades["status"] == "closed"
    for name in names_of(stored):
        own = trades["strategy"] == name
        assert values[f"trades:{name}"] == (own & closed).sum()
        assert values[f"signals:{name}"] == (signals["strategy"] == name).sum()
        assert math.isclose(values[f"pnl:{name}"], trades["pnl"][own & closed].sum(), abs_tol=1e-6)
        assert math.isclose(values[f"open_pnl:{name}"], trades["pnl"][own & ~closed].sum(), abs_tol=1e-6)
    if stored == "sleeves":
        assert [values[f"capital:{n}"] for n in names_of(stored)] == pytest.approx(
            [1e5 / 4.5, 1e5 / 4.5, 2.5e5 / 4.5]
        )
        total = sum(values[f"equity:{n}"] for n in names_of(stored))
        assert total == pytest.approx(read(db, "metrics", stored)["total_value"].iloc[-1], rel=1e-12)


def test_statuses_of_combined_signals(db, stored):
    statuses = set(read(db, "signals", stored)["status"])
    assert ("voted" in statuses) == (stored == "vote")
    assert ("overruled" in statuses) == (stored == "union")


def test_audit(assay, db, stored):
    trades = read(db, "trades", stored)
    assert len(trades) > 30
    assert stored != "sleeves" or (trades["exit_reason"] == "delisting").any()
    done = assay("audit", stored, "--db", db)
    assert f"{stored}: ok" in done.stdout


@pytest.mark.parametrize("combine", COMBINES)
@pytest.mark.parametrize(
    "table, column", [("fills", "commission"), ("metrics", "total_value"), ("trades", "pnl")]
)
def test_audit_finds_a_changed_cell(store_run, assay, db, combine, table, column):
    run_id = f"bad-{combine}-{table}"
    store_run(run_id, MEMBERS, {**SETTINGS, "combine": combine})
    frame = read(db, table, run_id)
    frame.loc[len(frame) // 2, column] += 0.01
    frame.to_parquet(next((db / f"backtest_{table}").rglob(f"{run_id}.parquet")), index=False)
    assert "ok" not in assay("audit", run_id, "--db", db, code=1).stdout


def test_audit_finds_a_fill_in_another_sleeve(store_run, assay, db):
    store_run("moved", MEMBERS, {**SETTINGS, "combine": "sleeves"})
    frame = read(db, "fills", "moved")
    frame.loc[frame["order_id"] == frame["order_id"].iloc[0], "strategy"] = "mean_reversion"
    frame.to_parquet(next((db / "backtest_fills").rglob("moved.parquet")), index=False)
    assay("audit", "moved", "--db", db, code=1)


def test_show_as_json(assay, db, stored):
    shown = json.loads(assay("show", stored, "--db", db, "--format", "json").stdout)
    values = read(db, "results", stored).set_index("metric")["value"]
    assert [row["name"] for row in shown["strategies"]] == names_of(stored)
    for row in shown["strategies"]:
        for key, metric in zip(["closed_pnl", "open_pnl", "trades", "signals"], FIELDS):
            assert row[key] == values[f"{metric}:{row['name']}"]
        for key in ("capital", "equity"):
            assert row[key] == (values[f"{key}:{row['name']}"] if stored == "sleeves" else None)
    assert not any(":" in name for name in shown["metrics"])
    assert shown["tables"]["backtest_results"] == len(values)


def test_show_as_text_and_csv(assay, db, stored):
    text = assay("show", stored, "--db", db).stdout
    lines = text[text.index("by strategy") :].splitlines()
    assert lines[0].split("  ")[0] == "by strategy"
    assert ("capital" in lines[0]) == (stored == "sleeves")
    assert [line.split()[0] for line in lines[1 : 1 + len(names_of(stored))]] == names_of(stored)
    csv = assay("show", stored, "--db", db, "--format", "csv").stdout
    assert f"{stored},pnl:momentum#2," in csv


def test_a_run_of_one_strategy_has_no_such_rows(store_run, assay, db):
    store_run("one", ["momentum"], {"combine": "sleeves"})
    assert not read(db, "results", "one")["metric"].str.contains(":").any()
    assert "strategies" not in json.loads(assay("show", "one", "--db", db, "--format", "json").stdout)
    assert "by strategy" not in assay("show", "one", "--db", db).stdout
    assert "one: ok" in assay("audit", "one", "--db", db).stdout


def test_reproduce(assay, db, stored):
    assert "reproduced" in assay("reproduce", stored, "--db", db).stdout


def test_kept_points_of_a_sweep_are_like_runs(assay, db):
    axis = ["--axis", "momentum.lookback=5,10,20", "--keep", "best:2"]
    sets = ["--set", "combine=sleeves", "--set", "mean_reversion.weight=3"]
    assay("optimize", "momentum", "mean_reversion", "--db", db, "--sweep-id", "sw", *axis, *sets)
    results = read(db, "results", "sw")
    kept = results[results["metric"] == "capital:mean_reversion"]
    assert len(kept) == 2 and kept["value"].tolist() == [75_000, 75_000]
    for run_id in kept["run_id"]:
        assert f"{run_id}: ok" in assay("audit", run_id, "--db", db).stdout
        assert "reproduced" in assay("reproduce", run_id, "--db", db).stdout
        assert "by strategy" in assay("show", run_id, "--db", db).stdout
