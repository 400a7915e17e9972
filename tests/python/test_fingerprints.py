"""backtest_fingerprints, and what `assay reproduce` says of data that are not what they were."""

import duckdb
import pytest

pytestmark = pytest.mark.cli_long


@pytest.fixture
def db(assay, tmp_path):
    """A clean market of ten symbols, and the run r of it."""
    folder = tmp_path / "db"
    assay("sample", "--db", folder, "--symbols", "10", "--days", "150", "--clean", "--quiet")
    assay("run", "momentum", "--db", folder, "--run-id", "r", "--quiet")
    return folder


def revise(folder, sql):
    """Rewrites the price files of one year; `sql` has {} where the rows of the file are read."""
    for path in folder.glob("prices/**/*.parquet"):
        rows = f"read_parquet('{path}', hive_partitioning=false)"
        duckdb.sql(f"CREATE OR REPLACE TEMP TABLE revised AS {sql.format(rows)}")
        duckdb.sql(f"COPY (FROM revised) TO '{path}' (FORMAT parquet)")


def time_column(folder):
    names = duckdb.sql(f"FROM '{folder}/prices/**/*.parquet' LIMIT 0").columns
    return next(n for n in names if n in ("timestamp", "date"))


def test_rows_of_the_table_are_those_of_the_prices(db):
    """Counts and dates against DuckDB's own of the prices."""
    t = time_column(db)
    wanted = duckdb.sql(
        f"SELECT symbol, strftime({t}, '%Y-%m') m, count(*), min({t})::TIMESTAMP, max({t})::TIMESTAMP "
        f"FROM '{db}/prices/**/*.parquet' WHERE close_price IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    found = duckdb.sql(
        "SELECT symbol, month, n_bars, first_date, last_date FROM "
        f"'{db}/backtest_fingerprints/**/r.parquet' WHERE run_id = 'r' ORDER BY symbol, month"
    ).fetchall()
    assert found == wanted
    prints = duckdb.sql(f"SELECT fingerprint FROM '{db}/backtest_fingerprints/**/r.parquet'").fetchall()
    assert len(set(prints)) == len(prints) and all(len(p[0]) == 12 for p in prints)


def test_unchanged(assay, db):
    said = assay("reproduce", "r", "--db", db).stdout
    assert "the data are the same" in said and "reproduced, every table" in said
    assert "revised" not in said and "new bars" not in said and "program differs" not in said


@pytest.mark.parametrize("how", ["changed", "removed", "added"])
def test_a_revised_bar_is_named(assay, db, how):
    t = time_column(db)
    symbol = duckdb.sql(f"SELECT min(symbol) FROM '{db}/prices/**/*.parquet'").fetchone()[0]
    where = f"symbol = '{symbol}' AND {t}::DATE = '2015-03-10'"
    if how == "changed":
        revise(
            db,
            f"SELECT * REPLACE (CASE WHEN {where} THEN close_price * 1.0001 ELSE close_price END AS close_price) FROM {{}}",
        )
        wanted = f"  {symbol}: 2015-03 (changed)"
    elif how == "removed":
        revise(db, f"SELECT * FROM {{}} WHERE NOT ({where})")
        wanted = f"  {symbol}: 2015-03 (1 row removed)"
    else:
        whole = {p: p.read_bytes() for p in db.glob("prices/**/*.parquet")}
        revise(db, f"SELECT * FROM {{}} WHERE NOT ({where})")
        assay("run", "momentum", "--db", db, "--run-id", "r", "--quiet")
        for path, data in whole.items():
            path.write_bytes(data)
        wanted = f"  {symbol}: 2015-03 (1 row added)"
    said = assay("reproduce", "r", "--db", db, code=None).stdout.splitlines()
    assert wanted in said, said
    assert any("data revised: 1 month of 1 symbol" in line for line in said)
    assert not any("new bars" in line or "program differs" in line for line in said)


def test_a_corporate_action_that_came_later_is_a_revision(assay, db, tmp_path):
    symbol = duckdb.sql(f"SELECT min(symbol) FROM '{db}/prices/**/*.parquet'").fetchone()[0]
    (tmp_path / "a.csv").write_text(f"symbol,ex_date,cash_dividend\n{symbol},2015-04-08,0.25\n")
    assay("table", "corporate_actions", "a.csv", "--db", db)
    said = assay("reproduce", "r", "--db", db, code=None).stdout
    assert f"  {symbol}: 2015-04 (changed)\n" in said


def test_new_bars_are_no_revision(assay, db, tmp_path):
    """The run is reproduced without them; a revised bar before them is told all the same."""
    t = time_column(db)
    last = duckdb.sql(f"SELECT max({t}) FROM '{db}/prices/**/*.parquet'").fetchone()[0]
    duckdb.sql(
        f"COPY (SELECT symbol, ({t} + INTERVAL 7 DAY)::DATE AS date, open_price, high_price, low_price, close_price, volume FROM "
        f"'{db}/prices/**/*.parquet' WHERE {t} = (SELECT max({t}) FROM '{db}/prices/**/*.parquet')) "
        f"TO '{tmp_path}/new.csv'"
    )
    assay("import", "new.csv", "--db", db, "--quiet")
    said = assay("reproduce", "r", "--db", db).stdout
    assert f"new bars after the run's end: 1 after {last:%Y-%m-%d}" in said
    assert "reproduced, every table is the same" in said and "revised" not in said
    revise(
        db,
        f"SELECT * REPLACE (CASE WHEN {t}::DATE = '2015-02-03' THEN high_price * 1.5 ELSE high_price END AS high_price) FROM {{}}",
    )
    said = assay("reproduce", "r", "--db", db, code=None).stdout
    assert "data revised: 10 months of 10 symbols" in said and "new bars" in said


def test_a_program_that_differs(assay, db):
    path = next(db.glob("backtest_trades/**/r.parquet"))
    duckdb.sql(
        f"CREATE OR REPLACE TEMP TABLE t AS SELECT * REPLACE (pnl + 1 AS pnl) FROM read_parquet('{path}', hive_partitioning=false)"
    )
    duckdb.sql(f"COPY (FROM t) TO '{path}' (FORMAT parquet)")
    said = assay("reproduce", "r", "--db", db, code=1).stdout
    assert "the data are the same" in said and "program differs" in said


def test_a_run_without_fingerprints_is_still_reproduced(assay, db):
    """As those that an earlier version has stored."""
    next(db.glob("backtest_fingerprints/**/r.parquet")).unlink()
    assert "reproduced, every table is the same" in assay("reproduce", "r", "--db", db).stdout


def test_a_run_again_replaces_its_fingerprints(assay, db):
    assay("run", "momentum", "--db", db, "--run-id", "r", "--quiet", "--set", "lookback=5")
    assert len(list(db.glob("backtest_fingerprints/**/*.parquet"))) == 1
