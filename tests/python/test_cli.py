"""The command line: help, exit codes, what each mistake is answered with, the forms of output, configuration files.

Golden texts are in tests/python/golden; `UPDATE_GOLDEN=1` writes them anew (look at the difference before committing it).
"""

import csv
import json
import math
import os
import random
import subprocess
from pathlib import Path

import duckdb
import pytest

pytestmark = pytest.mark.cli

GOLDEN = Path(__file__).parent / "golden"
COMMANDS = [
    "sample",
    "import",
    "indicators",
    "resample",
    "strategies",
    "run",
    "optimize",
    "walkforward",
    "verify",
    "runs",
    "show",
    "audit",
    "reproduce",
    "sql",
    "help",
]


def golden(name, text):
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    """A small sample market; tests that write into it use their own run ids."""
    db = tmp_path_factory.mktemp("cli") / "db"
    subprocess.run(
        [assay_bin, "sample", "--db", db, "--symbols", "25", "--days", "400", "--quiet"], check=True
    )
    return db


def run_json(assay, *args, **options):
    return json.loads(assay("run", *args, "--format", "json", **options).stdout)


# --- help and version ---------------------------------------------------------------------------------------------------


def test_help(assay):
    done = assay("--help")
    golden("help.txt", done.stdout)
    assert done.stderr == ""
    assert assay("help").stdout == done.stdout
    assert assay(code=2).stderr == done.stdout  # nothing asked for: wrong usage


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(assay, command):
    done = assay(command, "--help")
    golden(f"help-{command}.txt", done.stdout)
    assert assay("help", command).stdout == done.stdout


def test_only_what_works_is_in_the_help(assay):
    text = assay("--help").stdout
    for planned in ["diff", "why", "live"]:
        assert f"  {planned} " not in text
        done = assay(planned, code=2)
        assert f"unknown command '{planned}'" in done.stderr


def test_version(assay):
    assert assay("--version").stdout.startswith("assay 0.")


def test_man_page_and_completions_know_every_option(assay, root):
    man = (root / "man" / "assay.1").read_text().replace("\\-", "-")
    bash = (root / "completions" / "assay.bash").read_text()
    zsh = (root / "completions" / "_assay").read_text()
    for command in COMMANDS:
        lines = assay(command, "--help").stdout.splitlines()
        for option in [line.split()[0] for line in lines if line.startswith("  --")]:
            for text in (man, bash, zsh):
                assert option in text, f"{command} {option}"


# --- mistakes -----------------------------------------------------------------------------------------------------------

MISTAKES = [
    # arguments, exit code, what standard error must say
    (["rn"], 2, ["unknown command 'rn'", "did you mean 'run'?"]),
    (["--db", "x"], 2, ["unknown option '--db'", "assay help"]),
    (["help", "rum"], 2, ["did you mean 'run'?"]),
    (["run"], 2, ["the STRATEGY is missing", "assay run --help"]),
    (["run", "momentum", "--dbb", "x"], 2, ["unknown option '--dbb'", "did you mean '--db'?"]),
    (["run", "momentum", "-x"], 2, ["unknown option '-x'"]),
    (["run", "momentum", "--s", "x"], 2, ["'--s' may mean several"]),
    (["run", "momentum", "--no-store=1"], 2, ["'--no-store' takes no value"]),
    (["run", "momentum", "--threads"], 2, ["'--threads' needs a value"]),
    (["run", "momentum", "--threads", "two"], 2, ["--threads 'two'", "whole number from 0 to 1024"]),
    (
        ["run", "momentum", "--format", "jsn"],
        2,
        ["--format 'jsn'", "text, json or csv", "did you mean 'json'?"],
    ),
    (
        ["run", "momentum", "mean_reversion", "--each", "--run-id", "x"],
        2,
        ["--run-id and --config are for one run, but --each makes 2"],
    ),
    (["run", "momentum", "meen_reversion"], 2, ["meen_reversion", "did you mean 'mean_reversion'?"]),
    (
        ["run", "momentum", "mean_reversion", "--set", "thresold=3"],
        2,
        ["thresold", "momentum+mean_reversion", "did you mean 'momentum.threshold'?"],
    ),
    (
        ["run", "momentum", "mean_reversion", "--each", "--set", "thresold=3"],
        2,
        ["thresold", "did you mean 'threshold'?"],
    ),
    (["run", "--each", "--config", "c.yaml"], 2, ["--each needs strategies on the command line"]),
    (["run", "mine.yaml"], 2, ["unknown strategy 'mine.yaml'", "rule:mine.yaml", "--config mine.yaml"]),
    (["run", "rule"], 2, ["a section `rule`", "rule:FILE"]),
    (["run", "plugin"], 2, ["a configuration with the key `plugin`", "plugin:..."]),
    (["run", "signals"], 2, ["a configuration with the key `signals`", "signals:..."]),
    (["run", "rule:nowhere.yaml"], 1, ["nowhere.yaml", "No such file"]),
    (["run", "plugin:nowhere.so"], 1, ["nowhere.so", "No such file"]),
    (["run", "nowhere.so"], 1, ["nowhere.so", "No such file"]),
    (["run", "signals:nowhere.csv"], 1, ["nowhere.csv"]),
    (["run", "rule:{}"], 2, ["rule has no section `rule`"]),
    (["run", "rule:{rule: {buy: 'clse > 1'}}"], 2, ["rule:1:15:", "did you mean 'close'?"]),
    (["run", *["momentum"] * 65], 2, ["one argument too many"]),
    (["verify"], 2, ["the STRATEGY is missing", "assay verify --help"]),
    (["verify", "momentum", "--cuts", "0"], 2, ["--cuts '0'", "from 1"]),
    (["verify", "momentum", "--format", "csv"], 2, ["--format 'csv'", "text or json"]),
    (["verify", "momentum", "--train", "200"], 2, ["--axis, --train and --test"]),
    (
        ["optimize", "momentum", "mean_reversion", "--axis", "lookback=5,9"],
        2,
        ["did you mean 'momentum.lookback'?"],
    ),
    (["optimize", "momentum", "--axis", "benchmark=JNT,SRF"], 2, ["--axis benchmark", "loaded once"]),
    (["run", "momentum", "--run-id", "../x"], 2, ["--run-id '../x'"]),
    (["run", "momentun"], 2, ["unknown strategy 'momentun'", "did you mean 'momentum'?"]),
    (["run", "momentum", "--set", "lokback=3"], 2, ["unknown key 'lokback'", "did you mean 'lookback'?"]),
    (
        ["run", "momentum", "--set", "slipage_bps=3"],
        2,
        ["unknown key 'slipage_bps'", "did you mean 'slippage_bps'?"],
    ),
    (["run", "momentum", "--set", "lookback=x"], 2, ["lookback = 'x'", "whole number from 2"]),
    (["run", "momentum", "--set", "lookback=1"], 2, ["lookback = '1'", "from 2"]),
    (
        ["run", "momentum", "--set", "fill=next_opn"],
        2,
        ["next_open|next_close|close", "did you mean 'next_open'?"],
    ),
    (["run", "momentum", "--set", "allow_short=maybe"], 2, ["true or false"]),
    (["run", "momentum", "--set", "lookback"], 2, ["key=value"]),
    (["run", "momentum", "--set", "stop_loss_pct=0.1"], 2, ["does not have it yet"]),
    (["run", "momentum", "--symbols", ","], 2, ["names no symbol"]),
    (["run", "momentum", "--symbols", "JNTT"], 1, ["JNTT", "did you mean JNT?"]),
    (["run", "momentum", "--start", "2015-13-01"], 2, ["--start", "'2015-13-01'", "a date such as"]),
    (
        ["run", "momentum", "--start", "2016-02-01", "--end", "2016-01-01"],
        2,
        ["inverted", "2016-02-01", "2016-01-01"],
    ),
    (["run", "momentum", "--start", "2050-01-01"], 1, ["no bar lies in the period", "2015-01-02"]),
    (["run", "momentum", "--db", "nowhere"], 1, ["no database folder nowhere", "assay sample"]),
    (["run", "momentum", "--db", "/dev/null"], 1, ["/dev/null", "folder"]),
    (["run", "momentum", "--holdings", "nowhere.csv"], 1, ["nowhere.csv", "No such file"]),
    (["run", "--config", "nowhere.yaml"], 1, ["nowhere.yaml", "No such file"]),
    (["run", "momentum", "--frequency", "7h"], 1, ["7h"]),
    (["strategies", "foo"], 2, ["unknown strategy 'foo'"]),
    (["strategies", "--format", "csv"], 2, ["--format 'csv'", "text or json"]),
    (["sample", "--symbols", "0"], 2, ["--symbols '0'", "from 1 to 1000000"]),
    (["sample", "--seed", "-1"], 2, ["--seed '-1'"]),
    (["sample", "--start", "soon"], 2, ["--start 'soon'", "a date such as"]),
    (["sample", "--start", "9999-12-01", "--db", "new"], 2, ["does not fit"]),
    (["sample", "extra"], 2, ["'extra' is one argument too many"]),
    (["import"], 2, ["the FILE or FOLDER is missing"]),
    (["import", "nowhere.csv", "--db", "new"], 1, ["nowhere.csv"]),
    (["import", "x.csv", "--partition", "yer"], 2, ["--partition 'yer'", "did you mean 'year'?"]),
    (["show"], 2, ["the RUN is missing"]),
    (["show", "nobody"], 1, ["no run 'nobody'"]),
    (["audit"], 2, ["--all"]),
    (["audit", "nobody"], 1, ["no run 'nobody'"]),
    (["audit", "--all", "x"], 2, ["one argument too many"]),
    (["reproduce", "nobody"], 1, ["no run 'nobody'"]),
    (["sql"], 2, ["the QUERY is missing"]),
    (["sql", "SELEC 1"], 1, ["SELEC"]),
    (["sql", "SELECT * FROM nowhere"], 1, ["nowhere"]),
]


@pytest.mark.parametrize("args, code, parts", MISTAKES, ids=[" ".join(m[0]) for m in MISTAKES])
def test_mistakes_say_what_where_and_what_to_do(assay, market, args, code, parts):
    done = assay(*args, code=code, env={"ASSAY_DB": str(market)})
    assert done.stdout == ""
    assert done.stderr.startswith("assay: ")
    for part in parts:
        assert part in done.stderr


BAD_CONFIGS = [
    # text, line:column, what must be said
    ("strategy: momentum\nparameters: {lokback: 20}\n", "2:14", "did you mean 'lookback'?"),
    ("strategy: momentum\nparameters: {lookback: 1}\n", "2:24", "from 2"),
    ("strategy: momentum\nparameters: {slippage_bps: 1}\n", "2:14", "belongs in engine"),
    ("strategy: momentum\nengine:\n  slipage_bps: 1\n", "3:3", "did you mean 'slippage_bps'?"),
    ("strategy: momentum\nengine: {lookback: 20}\n", "2:10", "belongs in parameters"),
    ("strategy: momentum\nrisk: {slippage_bps: 1}\n", "2:8", "but in engine"),
    ("strategy: momentum\nrisk: {stop_loss_pct: 0.08}\n", "2:23", "does not have it yet"),
    ("strategy: momentum\nbenchmark: " + "S" * 64 + "\n", "2:12", "at most 63 bytes"),
    ("strategy: momentum\nuniverse: {sectors: [JNT]}\n", "2:22", "SYMBOL=SECTOR"),
    ("strategy: momentum\nperiod: {strt: 2015-01-01}\n", "2:10", "did you mean 'start'?"),
    ("strategy: momentum\nperiod: {start: 2015-02-30}\n", "2:17", "a date such as"),
    ("strategy: momentum\nuniverse: {symbol: [A]}\n", "2:12", "did you mean 'symbols'?"),
    ("strategy: momentun\n", "1:11", "did you mean 'momentum'?"),
    ("strategy: [momentum, meen_reversion]\n", "1:22", "did you mean 'mean_reversion'?"),
    (
        "strategy: [momentum, mean_reversion]\nparameters: {thresold: 1}\n",
        "2:14",
        "did you mean 'threshold'?",
    ),
    ("strategy: [momentum, momentum]\nparameters: {momentum#2.lookback: 1}\n", "2:35", "from 2"),
    ("strategy: momentum\nname: mine\n", "2:1", "for `strategy: rule`"),
    ("strategy: momentum\nrule: {buy: close > 5}\n", "2:8", "for `strategy: rule`"),
    ("strategy: momentum\nplugin: x.so\n", "2:1", "for `strategy: plugin`"),
    ("strategy: [momentum, rule]\nsignals: x\nrule: {buy: close > 5}\n", "2:1", "for `strategy: signals`"),
    ("strategy: plugin\nplugin: [a.so, b.so]\n", "2:16", "takes one"),
    ("strategy: rule\nrule:\n  buy: clse > 5\n", "3:8", "did you mean 'close'?"),
    ("strategy: rule\nrule:\n  buy: close > 5 and clse < 7\n", "3:22", "did you mean 'close'?"),
    ("strategy: rule\nrule:\n  buy: 'close > 5 and clse < 7'\n", "3:23", "did you mean 'close'?"),
    ("strategy: rule\nrule:\n  buy: 'close > 5\n    and clse < 7'\n", "3:8", "did you mean 'close'?"),
    ('strategy: rule\nrule:\n  buy: "clos\\u0065 > 5 and clse < 7"\n', "3:8", "did you mean 'close'?"),
    ("strategy: rule\nrule:\n  buy: >\n    clse < 7\n", "3:8", "did you mean 'close'?"),
    ("strategy: rule\nrule: {buy: sma(close, 5) > 1}\n", "2:22", "within braces a comma ends a text"),
    ("strategy: rule\nrule: {buy: [close > 5, close > 6]}\n", "2:25", "takes one text"),
    ("strategy: rule\nrule: {by: close > 5}\n", "2:12", "did you mean 'buy'?"),
    ("strategy: rule\nname: 5x\nrule: {buy: close > 5}\n", "2:7", "no name of a strategy"),
    ("strategy: rule\nrule: {buy: x > 5}\ndefine: {x: clse}\n", "3:13", "did you mean 'close'?"),
    ("strategy: rule\nrule: {buy: close > n}\nparameters: {n: 5 in 9..20}\n", "3:17", ""),
    ("strategy: rule\nrule: {buy: close > n}\nparameters: {n: 5, engine.n: 6}\n", "3:20", "engine.n"),
    ("strateg: momentum\n", "1:1", "did you mean 'strategy'?"),
    ("strategy: momentum\nstrategy: momentum\n", "2:1", "second time"),
    ("engine: {}\nengine: {}\n", "2:1", "second time"),
    ("engine: {fill: close, fill: close}\n", "1:23", "second time"),
    ("engine: 5\n", "1:9", "keys and values"),
    ("engine: [5]\n", "1:9", "a list cannot stand here"),
    ("engine: {fill: {a: b}}\n", "1:16", "takes a value"),
    ("engine: {fill: [[a]]}\n", "1:17", "a list cannot stand here"),
    ("? [a]\n: b\n", "1:3", "a list cannot stand here"),
    ("strategy: &a momentum\n", "1:11", "anchors"),
    ("strategy: *a\n", "1:11", "aliases"),
    ("strategy: !!binary momentum\n", "1:11", "tags"),
    ("strategy: momentum\n---\nstrategy: momentum\n", "2:1", "second document"),
    ("strategy: 'momentum\n", "2:1", "not YAML"),
    ("strategy: momentum\n\tengine: 5\n", "2:1", "not YAML"),
    ("5\n", "1:1", "keys and values"),
    ("[strategy]\n", "1:1", "a list cannot stand here"),
    ('strategy: "mo\\0mentum"\n', "1:11", "a zero byte"),
    (b"strategy: \xff\n", "1:11", "not a text file"),
    ("[" * 50000, "1:1", "a list cannot stand here"),
    ("{a: " * 50000, "1:2", "unknown key"),
    ("engine: " + "[" * 50000, "1:9", "a list cannot stand here"),
]


@pytest.mark.parametrize("text, place, part", BAD_CONFIGS, ids=range(len(BAD_CONFIGS)))
def test_configuration_errors_name_line_and_column(assay, market, tmp_path, text, place, part):
    config = tmp_path / "config.yaml"
    config.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = assay("run", "--config", config, "--db", market, code=2)
    assert done.stderr.startswith(f"assay: {config}:{place}: "), done.stderr
    assert part in done.stderr


def test_configuration_that_is_no_file(assay, tmp_path):
    assert "Is a directory" in assay("run", "--config", tmp_path, code=1).stderr
    assert "too large" in assay("run", "--config", "/dev/zero", code=2).stderr
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    assert "no strategy is named" in assay("run", "--config", empty, code=2).stderr


GOOD_CONFIGS = {
    "built-in": (
        b"strategy: momentum\nparameters: {lookback: 20, threshold: 0.10}\nuniverse: {symbols: [JNT, SRF]}\n"
        b"period: {start: 2015-01-01, end: 2015-12-31}\nengine:\n  fill: next_open\n  rebalance_dates: [2015-02-02]\nrisk:\n"
    ),
    "rule": (
        b"strategy: [rule, momentum]\nname: dip\nrule:\n  buy: rsi(close, n) < level and x > 1\n  sell: 'x < 1'\n"
        b'  score: "x"\n'
        b"define: {x: 'close / lag(close, 1)'}\n"
        b"parameters: {n: 14 in 2..50, level: 30, momentum.lookback: 20}\nuniverse: {symbols: [JNT, SRF]}\n"
    ),
}


@pytest.mark.parametrize("good", GOOD_CONFIGS.values(), ids=GOOD_CONFIGS)
def test_mutated_configurations_never_crash(assay, market, tmp_path, good):
    """Seeded damage to a good configuration: any answer but a signal."""
    rng = random.Random(20)
    pieces = [
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"- ",
        b"&a ",
        b"*a",
        b"!!x ",
        b"'",
        b'"',
        b"\n",
        b"\t",
        b"\0",
        b"\xff",
        b"? ",
        b"| \n",
    ]
    config = tmp_path / "config.yaml"
    config.write_bytes(good)
    assay("run", "--config", config, "--db", market, "--no-store")
    for _ in range(150):
        text = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(text))
            choice = rng.random()
            if choice < 0.4:
                text[at:at] = rng.choice(pieces)
            elif choice < 0.7:
                del text[at : at + rng.randint(1, 12)]
            else:
                text[at] = rng.randrange(256)
        config.write_bytes(bytes(text))
        done = assay("run", "--config", config, "--db", market, "--no-store", code=None)
        assert done.returncode in (0, 1, 2), (done.returncode, bytes(text))
        assert done.returncode == 0 or done.stderr.startswith("assay: "), bytes(text)


# --- run ----------------------------------------------------------------------------------------------------------------


def test_json_of_a_run(assay, market):
    run = run_json(assay, "momentum", "--db", market, "--run-id", "json", "--set", "lookback=15")
    assert run["run_id"] == "json"
    assert run["strategy"] == "momentum"
    assert run["parameters"] == {"lookback": 15, "threshold": 0.1}
    assert run["start_date"] == "2015-01-02"
    assert (run["n_bars"], run["n_symbols"]) == (400, 25)
    assert set(run["tables"]) == {
        "backtest_runs", "backtest_trades", "backtest_metrics", "backtest_signals", "backtest_fills", "backtest_results",
    }  # fmt: skip
    assert run["tables"]["backtest_metrics"] == 400
    assert isinstance(run["warnings"], list) and isinstance(run["delisted_positions"], int)
    assert run["metrics"]["total_trades"] > 0
    assert all(v is None or math.isfinite(v) for v in run["metrics"].values())


def test_undefined_numbers_are_null_and_dashes(assay, market):
    args = ["momentum", "--db", market, "--no-store", "--set", "threshold=900"]  # no signal is ever made
    run = run_json(assay, *args)
    assert run["metrics"]["total_trades"] == 0
    assert run["metrics"]["profit_factor"] is None
    text = assay("run", *args, env={"LC_ALL": "C.UTF-8"}).stdout
    assert any("profit factor" in line and line.rstrip().endswith("–") for line in text.splitlines())
    assert assay("run", *args, env={"LC_ALL": "C"}).stdout.isascii()
    rows = list(csv.DictReader(assay("run", *args, "--format", "csv").stdout.splitlines()))
    assert {"metric": "profit_factor", "value": ""}.items() <= next(
        r for r in rows if r["metric"] == "profit_factor"
    ).items()


def test_csv_and_json_have_the_same_numbers(assay, market):
    args = ["momentum", "--db", market, "--no-store"]
    metrics = run_json(assay, *args)["metrics"]
    rows = list(csv.DictReader(assay("run", *args, "--format", "csv").stdout.splitlines()))
    assert {r["metric"]: (float(r["value"]) if r["value"] else None) for r in rows} == metrics


def test_text_of_a_run(assay, market):
    env = {"LC_ALL": "C.UTF-8", "COLUMNS": "80"}
    done = assay("run", "momentum", "--db", market, "--run-id", "text", env=env)
    assert done.stdout.startswith("momentum (lookback 20, threshold 0.1)\n2015-01-02 – ")
    for word in [
        "total return",
        "Sharpe ratio",
        "maximum drawdown",
        "closed trades",
        "equity",
        "┤",
        "delisting",
    ]:
        assert word in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert done.stderr == ""
    narrow = assay(
        "run", "momentum", "--db", market, "--no-store", env={"LC_ALL": "C", "COLUMNS": "50"}
    ).stdout
    assert max(len(line) for line in narrow.splitlines()) <= 60 and narrow.isascii()


def test_the_same_run_has_the_same_name_and_replaces_itself(assay, tmp_path):
    db = tmp_path / "db"
    assay("sample", "--db", db, "--symbols", 8, "--days", 60)
    first = run_json(assay, "momentum", "--db", db)["run_id"]
    assert run_json(assay, "momentum", "--db", db, "--set", "lookback=20", "--threads", 1)["run_id"] == first
    assert run_json(assay, "momentum", "--db", db, "--set", "lookback=21")["run_id"] != first
    assert run_json(assay, "mean_reversion", "--db", db)["run_id"].startswith("mean_reversion-")
    runs = json.loads(assay("runs", "--db", db, "--format", "json").stdout)
    assert len(runs) == 3
    assert len(first.removeprefix("momentum-")) == 12


def test_each_strategy_by_itself(assay, tmp_path):
    """--each: side by side over one panel, each is what it is alone; a parameter goes to the strategy that has it."""
    db = tmp_path / "db"
    assay("sample", "--db", db, "--symbols", 12, "--days", 250)
    sets = {
        "momentum": "threshold=0.05",
        "mean_reversion": "z_threshold=1.5",
        "sector_rotation": "rotation_freq=3",
    }
    options = ["--set", "lookback=15", *(w for value in sets.values() for w in ("--set", value))]
    together = json.loads(
        assay("run", *sets, "--each", "--db", db, "--format", "json", "--threads", 2, *options).stdout
    )
    stored = {run["run_id"]: table_bytes(db, run["run_id"]) for run in together}
    for run in together:
        strategy = run["strategy"]
        alone = run_json(assay, strategy, "--db", db, "--set", sets[strategy], "--set", "lookback=15")
        assert alone["run_id"] == run["run_id"] and alone["metrics"] == run["metrics"]
        assert table_bytes(db, run["run_id"]) == stored[run["run_id"]]
    assert [run["strategy"] for run in together] == list(sets)


def table_bytes(db, run_id):
    """The files of a run, but for the time and duration in backtest_runs."""
    files = {
        path.relative_to(db).parts[0]: path.read_bytes()
        for path in Path(db).glob(f"backtest_*/**/{run_id}.parquet")
    }
    assert len(files) == 7
    return {table: content for table, content in files.items() if table != "backtest_runs"}


def test_no_store_writes_nothing(assay, tmp_path):
    db = tmp_path / "db"
    assay("sample", "--db", db, "--symbols", 3, "--days", 40)
    before = sorted(p.relative_to(db) for p in db.rglob("*") if p.is_file())
    assay("run", "momentum", "--db", db, "--no-store")
    assert sorted(p.relative_to(db) for p in db.rglob("*") if p.is_file()) == before


def test_configuration_file_and_options_mean_the_same(assay, market, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        "strategy: momentum\n"
        "parameters: {lookback: 15, threshold: 0.05}\n"
        "universe: {symbols: [SRF, JNT, SRF]}\n"
        "period:\n  start: 2015-03-01\n  end: 2016-01-31\n"
        "engine:\n  initial_capital: 50000\n  commission_pct: 0.002\n  slippage_bps: 7\n  max_position_pct: 0.2\n"
        "  rebalance_frequency: weekly\n  fill: next_close\n  allow_short: true\n"
        "risk:\nfrequency: 1d\n"
    )
    options = ["--symbols", "JNT,SRF", "--start", "2015-03-01", "--end", "2016-01-31"]
    for pair in [
        "lookback=15", "threshold=0.05", "initial_capital=50000", "commission_pct=0.002", "slippage_bps=7",
        "max_position_pct=0.2", "rebalance_frequency=weekly", "fill=next_close", "allow_short=true",
    ]:  # fmt: skip
        options += ["--set", pair]
    by_file = run_json(assay, "--config", config, "--db", market, "--no-store")
    assert by_file == run_json(assay, "momentum", *options, "--db", market, "--no-store")
    assert by_file["n_symbols"] == 2
    overridden = run_json(assay, "--config", config, "--set", "lookback=16", "--db", market, "--no-store")
    assert overridden["parameters"]["lookback"] == 16
    other = run_json(assay, "--config", config, "--symbols", "JNT", "--db", market, "--no-store")
    assert other["n_symbols"] == 1


def test_holdings_give_the_symbols(assay, market, tmp_path):
    (tmp_path / "mine.csv").write_bytes(
        b'\xef\xbb\xbfname,Sym,sector\r\n"Some, ""Inc""",JNT,Energy\r\nOther,"SRF",\r\n'
    )
    run = run_json(assay, "momentum", "--holdings", "mine.csv", "--db", market, "--no-store")
    assert run["n_symbols"] == 2
    (tmp_path / "c.yaml").write_text("strategy: momentum\nuniverse: {holdings: mine.csv}\n")
    beside = run_json(assay, "--config", tmp_path / "c.yaml", "--db", market, "--no-store", cwd="/")
    assert beside == run
    for text, part in [("a,b\n1,2\n", ":1: the header has no column 'sym'"), ("sym\n", "names no symbols")]:
        (tmp_path / "bad.csv").write_text(text)
        assert part in assay("run", "momentum", "--holdings", "bad.csv", "--db", market, code=1).stderr


# --- what is stored -----------------------------------------------------------------------------------------------------


def test_show_is_what_run_printed(assay, market):
    env = {"LC_ALL": "C.UTF-8"}
    for form in ["text", "json", "csv"]:
        printed = assay(
            "run", "momentum", "--db", market, "--run-id", "shown", "--format", form, env=env
        ).stdout
        assert assay("show", "shown", "--db", market, "--format", form, env=env).stdout == printed


def test_show_knows_the_nearest_name(assay, market):
    assay("run", "momentum", "--db", market, "--run-id", "nearest")
    assert "did you mean 'nearest'?" in assay("show", "neerest", "--db", market, code=1).stderr


def test_runs_of_a_database_without_any(assay, tmp_path):
    assay("sample", "--db", tmp_path / "db", "--symbols", 2, "--days", 30)
    done = assay("runs", "--db", tmp_path / "db", "--format", "json")
    assert json.loads(done.stdout) == []
    assert "no runs yet" in assay("runs", "--db", tmp_path / "db").stderr
    assert "no runs yet" in assay("show", "x", "--db", tmp_path / "db", code=1).stderr
    assert "no runs yet" in assay("audit", "--all", "--db", tmp_path / "db").stderr


def test_runs_in_every_form(assay, market):
    assay("run", "momentum", "--db", market, "--run-id", "listed")
    rows = json.loads(assay("runs", "--db", market, "--format", "json").stdout)
    [row] = [r for r in rows if r["run_id"] == "listed"]
    config = json.loads(row["config"])
    assert config["strategy"] == "momentum"
    assert config["parameters"] == {"lookback": 20, "threshold": 0.1}
    assert config["engine"]["slippage_bps"] == 5 and config["engine"]["allow_short"] is False
    assert config["frequency"] == "1d"
    assert any(
        r["run_id"] == "listed"
        for r in csv.DictReader(assay("runs", "--db", market, "--format", "csv").stdout.splitlines())
    )
    assert "listed" in assay("runs", "--db", market).stdout


def test_stored_configuration_runs_again_as_a_file(assay, market, tmp_path):
    first = run_json(
        assay,
        "mean_reversion",
        "--db",
        market,
        "--run-id",
        "stored",
        "--symbols",
        "JNT,SRF",
        "--start",
        "2015-02-02",
    )
    rows = json.loads(
        assay(
            "sql",
            "SELECT config FROM backtest_runs WHERE run_id = 'stored'",
            "--db",
            market,
            "--format",
            "json",
        ).stdout
    )
    (tmp_path / "again.json").write_text(rows[0]["config"])
    assert run_json(assay, "--config", tmp_path / "again.json", "--db", market, "--run-id", "stored") == first


def test_audit_and_reproduce(assay, market):
    assay(
        "run",
        "momentum",
        "--db",
        market,
        "--run-id",
        "checked",
        "--symbols",
        "JNT,SRF",
        "--set",
        "fill=next_close",
    )
    done = assay("audit", "checked", "--db", market)
    assert done.stdout.startswith("checked: ok\n")
    before = sorted(p for p in market.rglob("*") if p.is_file())
    done = assay("reproduce", "checked", "--db", market)
    assert "checked: the data are the same" in done.stdout
    assert "checked: reproduced, every table is the same" in done.stdout
    assert sorted(p for p in market.rglob("*") if p.is_file()) == before


def test_audit_and_reproduce_find_what_was_tampered_with(assay, tmp_path):
    db = tmp_path / "db"
    assay("sample", "--db", db, "--symbols", 10, "--days", 200)
    assay("run", "momentum", "--db", db, "--run-id", "t")
    [path] = db.glob("backtest_fills/**/t.parquet")
    duckdb.sql(f"CREATE TABLE f AS FROM read_parquet('{path}', hive_partitioning = false)")
    duckdb.sql("UPDATE f SET price = price * 1.001 WHERE order_id = (SELECT min(order_id) FROM f)")
    duckdb.sql(f"COPY f TO '{path}' (FORMAT parquet)")
    done = assay("audit", "t", "--db", db, code=1)
    assert done.stdout.startswith("t: DIFFERENCES\n") and "1 of 1 runs differ" in done.stderr
    done = assay("reproduce", "t", "--db", db, code=1)
    assert "t: the data are the same" in done.stdout and "rows differ; the first: " in done.stdout


def test_reproduce_says_that_the_data_have_changed(assay, tmp_path):
    db = tmp_path / "db"
    assay("sample", "--db", db, "--symbols", 10, "--days", 200)
    assay("run", "momentum", "--db", db, "--run-id", "t")
    [path] = db.glob("prices/year=2015/*.parquet")
    duckdb.sql(f"CREATE TABLE p AS FROM read_parquet('{path}', hive_partitioning = false)")
    duckdb.sql("UPDATE p SET close_price = high_price WHERE symbol = 'JNT'")
    duckdb.sql(f"COPY p TO '{path}' (FORMAT parquet)")
    assert (
        "t: the data have changed (fingerprint then " in assay("reproduce", "t", "--db", db, code=None).stdout
    )


# --- sql and import -----------------------------------------------------------------------------------------------------


def test_sql_in_every_form(assay, market):
    query = "SELECT 'a\"b,c' AS t, 1.5::DOUBLE AS d, 9007199254740993 AS n, NULL AS z, true AS b, 'nan'::DOUBLE AS u"
    rows = json.loads(assay("sql", query, "--db", market, "--format", "json").stdout)
    assert rows == [{"t": 'a"b,c', "d": 1.5, "n": 9007199254740993, "z": None, "b": True, "u": None}]
    [row] = csv.DictReader(assay("sql", query, "--db", market, "--format", "csv").stdout.splitlines())
    assert row["t"] == 'a"b,c' and row["n"] == "9007199254740993" and row["z"] == ""
    assert 'a"b,c' in assay("sql", query, "--db", market).stdout


def test_import_says_what_it_took_for_what(assay, tmp_path):
    (tmp_path / "p.csv").write_text(
        "timestamp,symbol,open,high,low,close,volume,dividend_amount,split_coefficient\n"
        "2020-01-02,AAA,10,11,9,10.5,1000,0,1\n2020-01-03,AAA,5,6,5,5.25,2000,0.1,2\n"
    )
    done = assay("import", "p.csv", "--db", "db")
    assert "p.csv: 2 rows, 1 symbols: 2 new, 0 replaced, " in done.stdout
    assert "close" in done.stdout
    assert "0 new, 2 replaced" in assay("import", "p.csv", "--db", "db").stdout
    assert assay("import", "p.csv", "--db", "db", "--quiet").stdout == ""
    dry = assay("import", "p.csv", "--db", "other", "--dry-run", code=None)
    assert not (tmp_path / "other" / "prices").exists(), dry


# --- the stream ---------------------------------------------------------------------------------------------------------


def test_full_disk_on_standard_output_is_an_error(assay_bin, market):
    with open("/dev/full", "w") as full:
        done = subprocess.run([assay_bin, "strategies"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "cannot write standard output: No space left on device" in done.stderr


def test_a_reader_that_goes_away_is_none(assay_bin, market):
    query = "SELECT * FROM prices"
    process = subprocess.Popen(
        [assay_bin, "sql", query, "--db", market, "--format", "csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_database_from_the_environment(assay, market, tmp_path):
    by_option = run_json(assay, "momentum", "--db", market, "--no-store")
    assert run_json(assay, "momentum", "--no-store", env={"ASSAY_DB": str(market)}) == by_option
    (tmp_path / "db").symlink_to(market)
    assert run_json(assay, "momentum", "--no-store", env={"ASSAY_DB": ""}) == by_option


# --- strategies ---------------------------------------------------------------------------------------------------------


def test_strategies_in_json(assay):
    listed = json.loads(assay("strategies", "--format", "json").stdout)
    assert [s["name"] for s in listed][:2] == ["momentum", "mean_reversion"]
    one = json.loads(assay("strategies", "momentum", "--format", "json").stdout)
    assert one in listed
    lookback = next(p for p in one["parameters"] if p["name"] == "lookback")
    assert (lookback["type"], lookback["default"], lookback["min"]) == ("integer", 20, 2)
    assert {s["signal_type"]: (s["action"], s["target_position"]) for s in one["signals"]} == {
        "momentum_strong": ("BUY", 1), "momentum_weak": ("SELL", 0.5),
    }  # fmt: skip


def test_settings_in_json(assay):
    settings = {
        s["name"]: s for s in json.loads(assay("strategies", "--settings", "--format", "json").stdout)
    }
    assert settings["initial_capital"]["default"] == 100000
    assert (
        settings["fill"]["choices"] == "next_open|next_close|close"
        and settings["fill"]["default"] == "next_open"
    )
    assert settings["allow_short"]["default"] is False
    assert settings["start_date"]["default"] is None
    assert settings["benchmark"]["type"] == "text"
    assert "stop_loss_pct" not in settings  # not built yet: in no list


def test_every_setting_can_be_set_to_its_default(assay, market):
    args = ["momentum", "--db", market, "--no-store"]
    plain = run_json(assay, *args)
    for setting in json.loads(assay("strategies", "--settings", "--format", "json").stdout):
        if setting["default"] is not None:
            text = json.dumps(setting["default"]).strip('"')
            args += ["--set", f"{setting['name']}={text}"]
    assert run_json(assay, *args) == plain


def test_strategies_as_text(assay):
    text = assay("strategies").stdout
    assert "momentum" in text and "lookback=20 threshold=0.1" in text
    text = assay("strategies", "momentum").stdout
    assert "(2 to 100000 bars)" in text and "momentum_strong" in text
    assert "initial_capital" in assay("strategies", "--settings").stdout
