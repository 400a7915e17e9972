"""What the documentation says, tried: the examples compile and run, the commands of README and docs/strategies.md print what
they show, the reference pages are up to date, the tables have the documented columns, and links lead somewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "src/README.md",
        ROOT / "examples/README.md",
        ROOT / "examples/plugin/README.md",
    ]
    + list((ROOT / "docs").glob("*.md"))
)


def environment(assay_bin, **more):
    path = f"{Path(assay_bin).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", **more}


# --- the C programs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("momentum", [r"^total_return_pct +29\.7756 %$", r"^ALFA .* open ", r"Momentum: 14\.08%$"]),
        ("breakout", [r"^\d+ signals, \d+ fills$", r"^total_trades +\d+\.0000 trades$"]),
        ("ensemble", [r"^0 of 15 runs look ahead $", r"^momentum +-?\d", r"^trend +-?\d"]),
    ],
)
def test_c_example(program, said, tmp_path):
    build = Path(os.environ.get("ASSAY_BUILD", ROOT / "build"))
    compiler = shutil.which("cc")
    if not (build / "libassay.so").exists() or compiler is None:
        pytest.skip("no libassay.so or no compiler")
    source, target = ROOT / f"examples/c/{program}.c", tmp_path / program
    flags = ["-std=c17", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include"]
    link = [f"-L{build}", "-lassay", "-lm"]
    done = subprocess.run([compiler, *flags, source, "-o", target, *link], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    env = {**os.environ, "LD_LIBRARY_PATH": str(build)}
    done = subprocess.run([target], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for pattern in said:
        assert re.search(pattern, done.stdout, re.MULTILINE), f"no {pattern} in\n{done.stdout}"


def test_plugin_example(tmp_path):
    """The command of examples/plugin/README.md; tests/unit/test_plugin.c loads what it builds."""
    if shutil.which("cc") is None:
        pytest.skip("no compiler")
    page = (ROOT / "examples/plugin/README.md").read_text(encoding="utf-8")
    command = re.search(r"^    (cc .*)$", page, re.MULTILINE).group(1)
    folder = tmp_path / "examples/plugin"
    folder.mkdir(parents=True)
    (tmp_path / "include").symlink_to(ROOT / "include")
    shutil.copy(ROOT / "examples/plugin/breakout.c", folder)
    done = subprocess.run(
        command + " -Wall -Wextra -Werror", shell=True, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "breakout.so").exists()


# --- the commands -----------------------------------------------------------------------------------------------------


def console_commands(page):
    """(command, lines shown) of every `$ ` line in the page's console blocks, in order."""
    commands = []
    for block in re.findall(
        r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            else:
                commands[-1][1].append(line)
    return commands


@pytest.mark.parametrize(
    ("page", "least"), [("README.md", 8), ("docs/strategies.md", 15), ("docs/survivorship.md", 8)]
)
def test_commands_of_a_page(assay_bin, tmp_path, page, least):
    """Each line shown is printed, in this order; a line with … stands for any number of others."""
    for folder in ("examples", "include"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    commands = console_commands(ROOT / page)
    assert len(commands) >= least
    for command, shown in commands:
        done = subprocess.run(
            re.sub(r"^python3 ", f"{sys.executable} ", command),
            shell=True,
            cwd=tmp_path,
            env=environment(assay_bin),
            capture_output=True,
            text=True,
            timeout=300,
        )
        refused = any(line.startswith("assay: ") for line in shown)
        assert (done.returncode != 0) == refused, f"$ {command}\n{done.stdout}{done.stderr}"
        printed = [" ".join(line.split()) for line in (done.stdout + done.stderr).splitlines()]
        at = 0
        for line in (" ".join(line.split()) for line in shown if "…" not in line and line):
            assert line in printed[at:], (
                f"{page} shows\n    {line}\nbut\n$ {command}\nprints\n{done.stdout}{done.stderr}"
            )
            at = printed.index(line, at) + 1


def test_example_configuration(assay_bin, tmp_path):
    for command in (
        f"assay import {ROOT}/examples/prices.csv --db db",
        f"assay run --config {ROOT}/examples/momentum.yaml --db db --run-id example",
        "assay audit example --db db",
    ):
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env=environment(assay_bin),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"


# --- rules, signals, ensembles ----------------------------------------------------------------------------------------------

RULES = sorted((ROOT / "examples/rules").glob("*.yaml"))


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    """A sample market with a table of fundamentals: a P/E of each symbol at the end of each quarter."""
    folder = tmp_path_factory.mktemp("examples")
    subprocess.run(
        [assay_bin, "sample", "--db", folder / "db", "--symbols", "40", "--days", "500", "--quiet"],
        check=True,
    )
    table = folder / "db/fundamental_analysis"
    table.mkdir()
    duckdb.sql(
        f"""COPY (SELECT symbol, q AS timestamp, 5 + 40 * (hash(symbol || q::TEXT) % 1000) / 1000.0 AS pe_ratio
                  FROM (SELECT DISTINCT symbol FROM read_parquet('{folder}/db/prices/**/*.parquet')) s,
                       generate_series(TIMESTAMP '2014-09-30', TIMESTAMP '2016-12-31', INTERVAL 3 MONTH) g(q))
            TO '{table}/0.parquet' (FORMAT parquet)"""
    )
    return folder


def tell(assay_bin, folder, *args):
    done = subprocess.run(
        [assay_bin, *map(str, args)],
        cwd=folder,
        env=environment(assay_bin),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"$ assay {' '.join(map(str, args))}\n{done.stdout}{done.stderr}"
    return done.stdout


def check_run(assay_bin, folder, run_id, *strategy):
    """Runs, and asks everything that can be asked of a run; its summary."""
    summary = json.loads(
        tell(assay_bin, folder, "run", *strategy, "--db", "db", "--run-id", run_id, "--format", "json")
    )
    assert summary["tables"]["backtest_signals"] > 0 and summary["tables"]["backtest_fills"] > 0
    assert f"{run_id}: ok" in tell(assay_bin, folder, "audit", run_id, "--db", "db")
    assert "every table is the same" in tell(assay_bin, folder, "reproduce", run_id, "--db", "db")
    assert "no decision depends on the future" in tell(
        assay_bin, folder, "verify", *strategy, "--db", "db", "--cuts", 2
    )
    return summary


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.stem)
def test_example_rule(assay_bin, market, rule):
    summary = check_run(assay_bin, market, f"rule-{rule.stem}", f"rule:{rule}")
    if summary["strategy"].startswith("rule_"):  # what it is written after
        built_in = tell(
            assay_bin, market, "run", rule.stem, "--db", "db", "--format", "json", "--no-store", "--quiet"
        )
        assert json.loads(built_in)["metrics"] == summary["metrics"]


def test_example_ensemble(assay_bin, market):
    summary = check_run(assay_bin, market, "ensemble", "--config", ROOT / "examples/ensemble.yaml")
    assert summary["strategy"] == "momentum+mean_reversion+trend"


def test_example_signals(assay_bin, market):
    script = ROOT / "examples/signals/make_signals.py"
    done = subprocess.run(
        [sys.executable, script, "db", "signals.parquet"], cwd=market, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    n_signals = int(re.search(r"(\d+) signals$", done.stdout).group(1))
    summary = check_run(assay_bin, market, "signals", "signals:signals.parquet")
    assert summary["tables"]["backtest_signals"] == n_signals
    stored = duckdb.sql(
        f"SELECT DISTINCT reason FROM read_parquet('{market}/db/backtest_signals/**/signals.parquet')"
    )
    assert {reason for (reason,) in stored.fetchall()} == {"Much traded", "Quiet again"}


def test_examples_are_listed():
    listed = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "examples").rglob("*")):
        name = str(path.relative_to(ROOT / "examples"))
        is_built = path.suffix in (".so", ".o", ".pyc") or path.name == "__pycache__"
        if path.is_file() and path.name != "README.md" and not is_built:
            assert f"`{name}`" in listed, f"examples/README.md does not mention {name}"


def test_the_rule_shown_is_the_example():
    page = (ROOT / "docs/strategies.md").read_text(encoding="utf-8")
    shown = re.search(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
    assert shown in (ROOT / "examples/rules/trend_stop.yaml").read_text(encoding="utf-8")


# --- the reference pages ----------------------------------------------------------------------------------------------


def test_written_pages_are_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "tools/make-docs", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def documented_columns(table):
    """The columns of a table of docs/database.md, in order."""
    page = (ROOT / "docs/database.md").read_text(encoding="utf-8")
    section = re.search(rf"^### {table}:.*?\n(.*?)(?=^##)", page, re.MULTILINE | re.DOTALL).group(1)
    rows = re.findall(r"^\| ([\w, ]+) \| (?:string|double|int64|timestamp) \|", section, re.MULTILINE)
    return [name.strip() for row in rows for name in row.split(",")]


def test_result_tables_have_the_documented_columns(assay_bin, tmp_path):
    env = environment(assay_bin)

    def run(*args):
        done = subprocess.run(
            [assay_bin, *args], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("import", str(ROOT / "examples/prices.csv"), "--db", "db")
    run("run", "momentum", "--db", "db", "--quiet")
    for table in ("runs", "trades", "metrics", "signals", "fills"):
        name = f"backtest_{table}"
        header = run("sql", f"SELECT * FROM {name} LIMIT 1", "--db", "db", "--format", "csv").splitlines()[0]
        missing = set(header.split(",")) ^ set(documented_columns(name))
        assert not missing, f"{name}: only in the table or only in docs/database.md: {sorted(missing)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name} links to {target}"
