"""docs/rules.md, tried: every rule and expression on it runs, what it says is refused is refused with those words, and no
function or column of the language is missing.

A line of a `rule` block is an expression, and behind # a remark; of a `refused` block, what must be said.
"""

import re
import subprocess
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/rules.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.cli_long


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def lines(language):
    """(expression, what stands behind #) of every line."""
    found = [line for block in blocks(language) for line in block.splitlines() if line.strip()]
    return [tuple(part.strip() for part in (line + " # ").split(" # ")[:2]) for line in found]


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    db = tmp_path_factory.mktemp("rules") / "db"
    subprocess.run(
        [assay_bin, "sample", "--db", db, "--symbols", "14", "--days", "320", "--quiet"], check=True
    )
    (db / "fundamental_analysis").mkdir()
    duckdb.sql(
        f"""COPY (SELECT symbol, TIMESTAMP '2014-12-31' AS timestamp, 3 + hash(symbol) % 40 AS pe_ratio, 0.2 AS roe
                  FROM (SELECT DISTINCT symbol FROM read_parquet('{db}/prices/**/*.parquet')))
            TO '{db}/fundamental_analysis/0.parquet' (FORMAT parquet)"""
    )
    return db


def test_the_page_has_examples():
    assert len(blocks("yaml")) >= 2 and len(lines("rule")) >= 25 and len(lines("refused")) >= 15


@pytest.mark.parametrize("rule", blocks("yaml"), ids=range(len(blocks("yaml"))))
def test_whole_rules_run(assay, market, tmp_path, rule):
    (tmp_path / "rule.yaml").write_text(rule, encoding="utf-8")
    assay("strategies", "rule:rule.yaml")
    assay("run", "rule:rule.yaml", "--db", market, "--no-store", "--quiet")


def quoted(expression):
    return "'" + expression.replace("'", "''") + "'"


@pytest.mark.parametrize("expression", [line[0] for line in lines("rule")])
def test_expressions_run(assay, market, tmp_path, expression):
    (tmp_path / "rule.yaml").write_text(f"rule: {{buy: {quoted(expression)}}}\n", encoding="utf-8")
    assay("run", "rule:rule.yaml", "--db", market, "--no-store", "--quiet")


@pytest.mark.parametrize(("expression", "said"), lines("refused"))
def test_refusals_say_what_and_where(assay, tmp_path, expression, said):
    (tmp_path / "rule.yaml").write_text(f"rule:\n  buy: {quoted(expression)}\n", encoding="utf-8")
    done = assay("strategies", "rule:rule.yaml", code=2)
    place = re.match(r"assay: rule\.yaml:2:(\d+): ", done.stderr)
    assert place and 8 <= int(place.group(1)) <= 9 + len(expression), done.stderr
    assert said and said in done.stderr


def test_reasons_are_the_expression_without_one(assay, market, tmp_path):
    (tmp_path / "rule.yaml").write_text("rule: {buy: close > 0}\n")
    assay("run", "rule:rule.yaml", "--db", market, "--run-id", "reason", "--quiet")
    done = assay(
        "sql", "SELECT DISTINCT reason, signal_type, score, strength FROM backtest_signals WHERE run_id = 'reason'",
        "--db", market, "--format", "csv",
    )  # fmt: skip
    assert done.stdout.splitlines()[1:] == ["close > 0,buy,1.0,1.0"]


def words(path, pattern):
    return re.findall(pattern, (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_nothing_of_the_language_is_missing():
    """The names in the tables that the program is made from stand on the page (those of own bars: on docs/indicators.md)."""
    names = words("src/expression/cross.c", r'^    \{"(\w+)", (?:true|false)')
    names += words("src/expression/names.c", r'^    \{"(\w+)", ')
    names += words("src/expression/words.c", r'\{"(\w+)", ASSAY_OP_\w+, \d\}')
    names += [
        name
        for name in words("src/expression/words.c", r'\{"(\w+)", ASSAY_(?:BOOK|COLUMN)_\w+\}')
        if "_price" not in name
    ]
    assert len(names) > 60
    missing = [name for name in names if not re.search(rf"`[^`]*\b{name}\b[^`]*`", PAGE)]
    assert set(missing) <= {"unrealized_return"}
