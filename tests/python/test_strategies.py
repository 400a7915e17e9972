"""How strategies are named, wherever one is: built-in, rule, plugin, signals, and several as one run; what a run loads beside
prices; and that a stored run has all that makes it again.
"""

import json
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

pytestmark = pytest.mark.cli_long

RULE = """\
rule:
  buy: rsi(close, n) < level
  sell: rsi(close, n) > 70
parameters:
  n: 14 in 2..50
  level: 30 in 1..49
"""


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    """A small sample market; tests that write into it use their own run ids."""
    db = tmp_path_factory.mktemp("strategies") / "db"
    subprocess.run(
        [assay_bin, "sample", "--db", db, "--symbols", "20", "--days", "400", "--quiet"], check=True
    )
    return db


@pytest.fixture
def own_market(market, tmp_path):
    """A copy that a test may change, without results."""
    db = tmp_path / "own"
    shutil.copytree(market, db, ignore=shutil.ignore_patterns("backtest_*", ".assay"))
    return db


def run_json(assay, *args, **options):
    return json.loads(assay("run", *args, "--format", "json", **options).stdout)


def stored_config(assay, db, run_id):
    query = f"SELECT config FROM backtest_runs WHERE run_id = '{run_id}'"
    return json.loads(json.loads(assay("sql", query, "--db", db, "--format", "json").stdout)[0]["config"])


def assert_reproduced(assay, db, run_id, **options):
    done = assay("reproduce", run_id, "--db", db, **options)
    assert f"{run_id}: the data are the same" in done.stdout
    assert f"{run_id}: reproduced, every table is the same" in done.stdout


# --- rules --------------------------------------------------------------------------------------------------------------


def test_a_rule_is_the_same_wherever_it_stands(assay, market, tmp_path):
    """In a file, in place, and in a configuration: one reference, so one run id."""
    (tmp_path / "r.yaml").write_text(RULE)
    (tmp_path / "c.yaml").write_text("strategy: rule\n" + RULE)
    inline = 'rule:{rule: {buy: "rsi(close, n) < level", sell: "rsi(close, n) > 70"}, parameters: {n: 14 in 2..50, level: 30 in 1..49}}'
    first = run_json(assay, "rule:r.yaml", "--db", market)
    assert first["strategy"] == "rule" and first["parameters"] == {"n": 14, "level": 30}
    assert first["metrics"]["total_trades"] > 0
    for args in ([inline], ["--config", "c.yaml"], ["rule:c.yaml"], ["rule", "--config", "c.yaml"]):
        assert run_json(assay, *args, "--db", market) == first
    by_option = run_json(assay, "--config", "c.yaml", "--set", "level=25", "--db", market)
    assert by_option["parameters"] == {"n": 14, "level": 25} and by_option["run_id"] != first["run_id"]


def test_a_stored_rule_needs_no_file(assay, market, tmp_path):
    (tmp_path / "r.yaml").write_text("name: dip\n" + RULE)
    run = run_json(assay, "rule:r.yaml", "--db", market, "--set", "n=10")
    assert run["strategy"] == "dip" and run["run_id"].startswith("dip-")
    (tmp_path / "r.yaml").unlink()
    config = stored_config(assay, market, run["run_id"])
    assert config["strategy"].startswith("rule:{") and config["parameters"] == {"n": 10, "level": 30}
    assert_reproduced(assay, market, run["run_id"])
    (tmp_path / "again.json").write_text(json.dumps(config))
    assert run_json(assay, "--config", "again.json", "--db", market) == run


def test_a_rule_with_texts_that_need_quotes(assay, market):
    inline = r"""rule:{rule: {buy: "close > 5", reason: "a \"dear\" \\ thing: {close:.2f} \u00e9"}}"""
    run = run_json(assay, inline, "--db", market, "--run-id", "quotes")
    query = "SELECT reason FROM backtest_signals WHERE run_id = 'quotes' LIMIT 1"
    [row] = json.loads(assay("sql", query, "--db", market, "--format", "json").stdout)
    assert row["reason"].startswith('a "dear" \\ thing: ') and row["reason"].endswith(" é")
    assert_reproduced(assay, market, run["run_id"])


def test_rules_are_searched_and_walked(assay, market, tmp_path):
    (tmp_path / "r.yaml").write_text(RULE)
    args = ["rule:r.yaml", "--axis", "n=5:20:5", "--db", market]
    sweep = json.loads(assay("optimize", *args, "--sweep-id", "rule-sweep", "--format", "json").stdout)
    assert sweep["best"][0]["parameters"]["n"] in (5, 10, 15, 20)
    assert_reproduced(assay, market, "rule-sweep-1")
    assay("walkforward", *args, "--train", "150", "--test", "50", "--run-id", "rule-walk")
    assert_reproduced(assay, market, "rule-walk-fold-1")


@pytest.mark.parametrize(
    "text, place, part",
    [
        ("rule:\n  buy: close > smaa(close, 5)\n", "2:16", "did you mean 'sma'?"),
        ("rule:\n  buy: 'é' > 5\n", "2:", ""),
        ("engine: {fill: close}\n", "", "no section `rule`"),
        ("rule:\n  score: close\n", "2:3", ""),
        ("rule:\n  buy: close > fill\nparameters: {fill: 5}\n", "", "the name of a setting"),
    ],
)
def test_mistakes_in_a_rule_file_have_a_place(assay, tmp_path, text, place, part):
    (tmp_path / "r.yaml").write_text(text)
    done = assay("run", "rule:r.yaml", code=2)
    assert ("r.yaml:" + place in done.stderr) == (place != "") and part in done.stderr


def test_strategies_describes_any_reference(assay, market, root, tmp_path):
    described = json.loads(assay("strategies", f"rule:{root}/examples/trend.yaml", "--format", "json").stdout)
    assert described["name"] == "trend"
    assert [p["name"] for p in described["parameters"]] == ["fast", "slow", "band"]
    both = assay("strategies", "momentum", f"rule:{root}/examples/trend.yaml").stdout
    assert "momentum.lookback" in both and "trend.fast" in both and "trend.weight" in both
    listed = assay("strategies").stdout
    for word in [
        "momentum",
        "mean_reversion",
        "sector_rotation",
        "portfolio_beta",
        "rule:",
        "plugin:",
        "signals:",
    ]:
        assert word in listed
    signals_file(tmp_path)
    assert "signals" in assay("strategies", "signals:s.csv", "--db", market).stdout


# --- several strategies -------------------------------------------------------------------------------------------------


def test_several_strategies_are_one_run(assay, market, tmp_path):
    run = run_json(
        assay, "momentum", "mean_reversion", "--db", market, "--set", "momentum.lookback=30",
        "--set", "combine=vote", "--set", "vote_threshold=0.4", "--set", "momentum.weight=2",
    )  # fmt: skip
    assert run["strategy"] == "momentum+mean_reversion"
    assert run["run_id"].startswith("momentum-mean_reversion-")
    assert run["parameters"] == {
        "momentum.lookback": 30, "momentum.threshold": 0.1, "momentum.weight": 2,
        "mean_reversion.lookback": 20, "mean_reversion.z_threshold": 2, "mean_reversion.weight": 1,
    }  # fmt: skip
    config = stored_config(assay, market, run["run_id"])
    assert config["strategy"] == ["momentum", "mean_reversion"]
    assert_reproduced(assay, market, run["run_id"])
    assert assay("audit", run["run_id"], "--db", market).stdout.startswith(f"{run['run_id']}: ok\n")
    (tmp_path / "c.yaml").write_text(
        "strategy: [momentum, mean_reversion]\n"
        "parameters: {momentum.lookback: 30, momentum.weight: 2}\n"
        "engine: {combine: vote, vote_threshold: 0.4}\n"
    )
    assert run_json(assay, "--config", "c.yaml", "--db", market) == run


def test_a_parameter_without_its_strategy_is_meant_for_all(assay, market, tmp_path):
    args = ["momentum", "mean_reversion", "--db", market, "--no-store"]
    both = run_json(assay, *args, "--set", "lookback=15", "--set", "z_threshold=1.5")
    assert both["parameters"]["momentum.lookback"] == both["parameters"]["mean_reversion.lookback"] == 15
    assert both["parameters"]["mean_reversion.z_threshold"] == 1.5
    named = ["momentum.lookback=15", "mean_reversion.lookback=15", "mean_reversion.z_threshold=1.5"]
    assert run_json(assay, *args, *(w for n in named for w in ("--set", n))) == both
    (tmp_path / "c.yaml").write_text(
        "strategy: [momentum, mean_reversion]\nparameters: {lookback: 15, z_threshold: 1.5}\n"
    )
    assert run_json(assay, "--config", "c.yaml", "--db", market, "--no-store") == both
    assert "from 2" in assay("run", *args, "--set", "lookback=1", code=2).stderr


def test_one_strategy_twice(assay, market):
    run = run_json(assay, "momentum", "momentum", "--set", "momentum#2.lookback=60", "--db", market)
    assert (run["parameters"]["momentum.lookback"], run["parameters"]["momentum#2.lookback"]) == (20, 60)
    assert run["run_id"].startswith("momentum-momentum-2-")
    assert_reproduced(assay, market, run["run_id"])


def test_how_they_share_a_run_matters(assay, market):
    args = ["momentum", "mean_reversion", "--db", market, "--no-store"]
    runs = [run_json(assay, *args, "--set", f"combine={how}") for how in ("union", "vote", "sleeves")]
    assert len({json.dumps(run["metrics"]) for run in runs}) == 3
    assert run_json(assay, *args) == runs[0]


def test_several_strategies_are_searched_walked_and_verified(assay, market):
    args = ["momentum", "mean_reversion", "--db", market, "--axis", "momentum.lookback=10,30"]
    sweep = json.loads(
        assay(
            "optimize", *args, "--axis", "combine=union,vote", "--sweep-id", "both", "--format", "json"
        ).stdout
    )
    assert len(sweep["best"]) == 4
    for point in sweep["best"]:
        config = stored_config(assay, market, f"both-{point['point']}")
        assert config["strategy"] == ["momentum", "mean_reversion"]
        assert config["parameters"]["momentum.lookback"] == point["parameters"]["momentum.lookback"]
    assert_reproduced(assay, market, "both-3")
    walk = ["--train", "150", "--test", "50"]
    assay("walkforward", *args, *walk, "--run-id", "both-walk")
    assert_reproduced(assay, market, "both-walk-fold-1")
    proof = json.loads(assay("verify", *args[:4], "--cuts", "2", "--format", "json").stdout)
    assert proof["blind"] and proof["runs"] == 10 and proof["signals"] > 0
    assert "no decision depends on the future" in assay("verify", *args, *walk, "--cuts", "1").stdout


# --- signals ------------------------------------------------------------------------------------------------------------


def signals_file(folder, rows="2015-03-02,JNT,BUY\n2015-03-10,RZB,BUY\n2015-06-01,JNT,SELL\n"):
    path = Path(folder) / "s.csv"
    path.write_text("timestamp,symbol,action\n" + rows)
    return path


def test_ready_signals(assay, market, tmp_path):
    path = signals_file(tmp_path)
    run = run_json(assay, "signals:s.csv", "--db", market)
    assert run["strategy"] == "signals" and run["tables"]["backtest_fills"] == 3
    (tmp_path / "c.yaml").write_text("strategy: signals\nsignals: s.csv\n")
    assert run_json(assay, "--config", "c.yaml", "--db", market) == run
    assert_reproduced(assay, market, run["run_id"])
    path.write_text(path.read_text().replace("03-10", "03-11"))
    done = assay("reproduce", run["run_id"], "--db", market, code=1)
    assert "s.csv" in done.stderr
    other = run_json(assay, "signals:s.csv", "--db", market)
    assert other["run_id"] != run["run_id"]


def test_signals_that_do_nothing_are_said(assay, market, tmp_path):
    signals_file(tmp_path, "2015-03-02,JNT,BUY\n2015-03-02,NOBODY,BUY\n2030-01-01,JNT,SELL\n")
    done = assay("run", "signals:s.csv", "--db", market, "--no-store")
    assert "1 of 3 signals name symbols that the run does not have" in done.stderr
    assert "1 of 3 signals lie behind the data" in done.stderr
    assert assay("run", "signals:s.csv", "--db", market, "--no-store", "--quiet").stderr == ""
    assert (
        "cannot be seen from here" in assay("verify", "signals:s.csv", "--cuts", "1", "--db", market).stdout
    )


# --- files beside a configuration ---------------------------------------------------------------------------------------


def test_files_are_found_beside_the_configuration(assay, market, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "r.yaml").write_text(RULE)
    signals_file(folder)
    (folder / "c.yaml").write_text("strategy: [rule:r.yaml, signals:s.csv, momentum]\n")
    run = run_json(assay, "--config", folder / "c.yaml", "--db", market, "--no-store")
    assert run["strategy"] == "rule+signals+momentum"
    (folder / "k.yaml").write_text("strategy: signals\nsignals: s.csv\n")
    assert run_json(assay, "--config", folder / "k.yaml", "--db", market)["strategy"] == "signals"
    shutil.copy(folder / "r.yaml", tmp_path)
    (folder / "r.yaml").unlink()  # else in the working directory
    assert run_json(assay, "--config", folder / "c.yaml", "--db", market, "--no-store") == run


def test_a_rule_beside_others_in_one_configuration(assay, market, tmp_path):
    """Parameters without a dot declare the rule's, those with one are a member's."""
    (tmp_path / "c.yaml").write_text(
        "strategy: [rule, momentum]\nname: dip\n"
        + RULE.replace("parameters:\n", "parameters:\n  momentum.lookback: 40\n  dip.n: 12\n")
    )
    run = run_json(assay, "--config", "c.yaml", "--db", market)
    assert run["strategy"] == "dip+momentum"
    assert run["parameters"] == {
        "dip.n": 12, "dip.level": 30, "dip.weight": 1,
        "momentum.lookback": 40, "momentum.threshold": 0.1, "momentum.weight": 1,
    }  # fmt: skip
    assert_reproduced(assay, market, run["run_id"])


# --- sectors ------------------------------------------------------------------------------------------------------------


def sectors_of(path):
    return {row.split(",")[0]: row.split(",")[1] for row in Path(path).read_text().splitlines()[1:]}


def test_sectors_of_the_database_and_of_holdings_are_the_same(assay, own_market, tmp_path):
    own = run_json(assay, "sector_rotation", "--db", own_market, "--run-id", "r")
    assert own["metrics"]["total_trades"] > 0
    assert "universe" not in stored_config(assay, own_market, "r")  # the database has them
    assert_reproduced(assay, own_market, "r")
    shutil.move(own_market / "holdings.csv", tmp_path / "h.csv")
    given = run_json(assay, "sector_rotation", "--db", own_market, "--holdings", "h.csv", "--run-id", "r")
    assert given["metrics"] == own["metrics"] and given["data_fingerprint"] == own["data_fingerprint"]
    pairs = stored_config(assay, own_market, "r")["universe"]["sectors"]
    assert pairs == sorted(f"{s}={x}" for s, x in sectors_of(tmp_path / "h.csv").items())
    (tmp_path / "h.csv").unlink()
    assert_reproduced(assay, own_market, "r")  # the stored run needs no file


def test_symbols_of_one_place_and_sectors_of_another(assay, market, tmp_path):
    shutil.copy(market / "holdings.csv", tmp_path / "h.csv")
    args = ["sector_rotation", "--db", market, "--no-store", "--symbols", "JNT,SRF"]
    run = run_json(assay, *args, "--holdings", "h.csv")
    assert run["n_symbols"] == 2
    assert run_json(assay, *args)["metrics"] == run["metrics"]
    (tmp_path / "c.yaml").write_text(
        "strategy: sector_rotation\nuniverse: {symbols: [JNT, SRF], holdings: h.csv}\n"
    )
    assert run_json(assay, "--config", "c.yaml", "--db", market, "--no-store")["metrics"] == run["metrics"]


def test_sectors_of_the_fundamentals(assay, own_market):
    given = run_json(assay, "sector_rotation", "--db", own_market, "--no-store")
    sectors = sectors_of(own_market / "holdings.csv")
    (own_market / "holdings.csv").unlink()
    (own_market / "fundamental_analysis").mkdir()
    rows = ", ".join(f"(TIMESTAMP '2014-12-01', '{s}', '{x}')" for s, x in sectors.items())
    duckdb.sql(
        f"COPY (SELECT * FROM (VALUES {rows}) AS t(timestamp, symbol, sector)) "
        f"TO '{own_market}/fundamental_analysis/0.parquet' (FORMAT parquet)"
    )
    assert run_json(assay, "sector_rotation", "--db", own_market, "--no-store")["metrics"] == given["metrics"]


def test_without_sectors_the_message_says_how_to_give_them(assay, own_market, tmp_path):
    (own_market / "holdings.csv").unlink()
    done = assay("run", "sector_rotation", "--db", own_market, code=1)
    assert "sector_rotation" in done.stderr and "no symbol has a sector" in done.stderr
    assert "--holdings FILE (columns sym, sector)" in done.stderr
    (tmp_path / "h.csv").write_text("sym\nJNT\nSRF\n")
    done = assay("run", "sector_rotation", "--db", own_market, "--holdings", "h.csv", code=1)
    assert "no symbol has a sector" in done.stderr
    assay("run", "momentum", "--db", own_market, "--no-store")  # who needs none, asks for none


def test_two_sectors_of_one_symbol_are_refused(assay, own_market, tmp_path):
    (tmp_path / "h.csv").write_text("sym,sector\nJNT,Energy\nSRF,Tech\nJNT,Energy\nJNT,Tech\n")
    for args in (["--holdings", "h.csv"], ["--db", own_market]):
        done = assay("run", "sector_rotation", *args, "--db", own_market, code=1)
        assert "JNT has two sectors: 'Energy' and 'Tech'" in done.stderr
        shutil.copy(tmp_path / "h.csv", own_market / "holdings.csv")


def test_symbols_with_signs_have_their_own_sectors(assay, tmp_path):
    """EURUSD and EURUSD=X: a sector belongs to the whole symbol."""
    rows = [
        f"2015-{1 + d // 28:02}-{1 + d % 28:02},{s},{100 + d * k}"
        for s, k in [("EURUSD", 1), ("EURUSD=X", 2), ("AAA", -0.2)]
        for d in range(200)
    ]
    (tmp_path / "p.csv").write_text("timestamp,symbol,close\n" + "\n".join(rows) + "\n")
    assay("import", "p.csv", "--db", "db")
    (tmp_path / "h.csv").write_text("sym,sector\nEURUSD,Spot\nEURUSD=X,Quotes=mid\nAAA,Shares\n")
    run = run_json(assay, "sector_rotation", "--holdings", "h.csv", "--db", "db", "--run-id", "s")
    assert run["n_symbols"] == 3
    assert stored_config(assay, "db", "s")["universe"] == {
        "symbols": ["AAA", "EURUSD", "EURUSD=X"],
        "sectors": ["AAA=Shares", "EURUSD=Spot", "EURUSD=X=Quotes-mid"],
    }
    query = "SELECT DISTINCT action, symbol FROM backtest_signals ORDER BY ALL"
    signals = json.loads(assay("sql", query, "--db", "db", "--format", "json").stdout)
    assert [(r["action"], r["symbol"]) for r in signals] == [("INCREASE", "EURUSD=X"), ("REDUCE", "AAA")]
    assert_reproduced(assay, "db", "s")


# --- benchmark and columns ----------------------------------------------------------------------------------------------


def test_the_benchmark_is_loaded_beside_the_run(assay, market, tmp_path):
    args = ["portfolio_beta", "--db", market, "--symbols", "JNT,SRF"]
    plain = run_json(assay, *args, "--no-store")
    other = sorted(p for p in sectors_of(market / "holdings.csv") if p not in ("JNT", "SRF"))[0]
    run = run_json(assay, *args, "--set", f"benchmark={other}")
    assert run["n_symbols"] == 2 and run["data_fingerprint"] != plain["data_fingerprint"]
    config = stored_config(assay, market, run["run_id"])
    assert config["engine"]["benchmark"] == other and config["universe"]["symbols"] == ["JNT", "SRF"]
    assert_reproduced(assay, market, run["run_id"])
    (tmp_path / "c.yaml").write_text(
        f"strategy: beta\nuniverse: {{symbols: [JNT, SRF]}}\nbenchmark: {other}\n"
    )
    assert run_json(assay, "--config", "c.yaml", "--db", market) == run
    done = assay("run", *args, "--set", "benchmark=NOBODY", code=1)
    assert "NOBODY" in done.stderr


def test_columns_that_a_rule_reads(assay, own_market):
    rule = "rule:{rule: {buy: 'pe_ratio < 15', sell: 'pe_ratio > 20'}}"
    done = assay("run", rule, "--db", own_market, code=1)
    assert "pe_ratio" in done.stderr
    (own_market / "fundamental_analysis").mkdir()
    rows = ", ".join(
        f"(TIMESTAMP '{day}', '{s}', {pe})"
        for day, low in [("2014-09-01", 12.0), ("2015-06-01", 25.0)]
        for s, pe in [("JNT", low), ("SRF", 30.0)]
    )
    duckdb.sql(
        f"COPY (SELECT * FROM (VALUES {rows}) AS t(timestamp, symbol, pe_ratio)) "
        f"TO '{own_market}/fundamental_analysis/0.parquet' (FORMAT parquet)"
    )
    run = run_json(assay, rule, "--db", own_market, "--symbols", "JNT,SRF")
    assert run["metrics"]["total_trades"] == 1
    assert_reproduced(assay, own_market, run["run_id"])
    late = run_json(assay, rule, "--db", own_market, "--symbols", "JNT,SRF", "--set", "lag_days=400")
    assert late["data_fingerprint"] != run["data_fingerprint"]


def test_indicators_are_computed_where_the_data_have_none(assay, market):
    stored = run_json(
        assay, "rule:{rule: {buy: 'rsi_14 < 30', sell: 'rsi_14 > 70'}}", "--db", market, "--no-store"
    )
    computed = run_json(
        assay,
        "rule:{rule: {buy: 'rsi(close, 14) < 30', sell: 'rsi(close, 14) > 70'}}",
        "--db",
        market,
        "--no-store",
    )
    assert stored["metrics"] == computed["metrics"] and stored["metrics"]["total_trades"] > 0
