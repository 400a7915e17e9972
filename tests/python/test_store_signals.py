"""Ready signals out of tables, files and queries: what a run of them records, and what is refused."""

import itertools
import json

import pandas as pd
import pyarrow as pa
import pytest
from test_store_support import bars, write

COLUMNS = ["time", "symbol", "action", "score", "strength", "target_position", "reason"]
numbers = itertools.count()


@pytest.fixture
def db(tmp_path):
    """Prices from Wednesday 2020-01-01 on."""
    write(bars(days=12), tmp_path / "db" / "prices" / "0.parquet", symbol="dictionary")
    return tmp_path / "db"


@pytest.fixture
def run(assay, db):
    """run(source, setting=...) gives (frame of the signals that the run recorded, what names the strategy in its config)."""

    def run(source, **settings):
        run_id = f"run{next(numbers)}"
        sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        assay("run", f"signals:{source}", "--db", db, "--run-id", run_id, *sets)
        frame = read(db, "signals", run_id).rename(columns={"timestamp": "time"})
        return frame[COLUMNS], json.loads(read(db, "runs", run_id)["config"][0])["strategy"]

    return run


@pytest.fixture
def refused(assay, db):
    """refused(source, words...): such a run fails, and its message has the words."""

    def refused(source, *words):
        done = assay("run", f"signals:{source}", "--db", db, "--no-store", code=None)
        assert done.returncode in (1, 2) and done.stderr.count("\n") <= 2
        for word in words:
            assert str(word) in done.stderr

    return refused


def read(db, table, run_id):
    return pd.read_parquet(next((db / f"backtest_{table}").rglob(f"{run_id}.parquet")))


def rows_of(frame, *names):
    return [tuple(row) for row in frame[list(names)].itertuples(index=False)]


@pytest.fixture
def table():
    """Four signals in a muddle; 2020-01-04 is a Saturday."""
    return pd.DataFrame(
        [
            ("2020-01-08", "CCC", "sell", None, None, None, "exit"),
            ("2020-01-04", "AAA", "Buy", 0.5, 7.0, 0.4, "breakout"),
            ("2020-01-03", "BBB", "INCREASE", None, None, None, "trend"),
            ("2020-01-08", "AAA", "reduce", 0.25, None, None, "trend"),
        ],
        columns=["timestamp", "symbol", "action", "strength", "score", "target_position", "reason"],
    ).astype({"timestamp": "datetime64[us]"})


WANTED = [
    (pd.Timestamp("2020-01-03"), "BBB", "INCREASE", 1.0, 1.0, 1.0, "trend"),
    (pd.Timestamp("2020-01-06"), "AAA", "BUY", 7.0, 0.5, 0.4, "breakout"),
    (pd.Timestamp("2020-01-08"), "AAA", "REDUCE", 0.25, 0.25, 0.0, "trend"),
    (pd.Timestamp("2020-01-08"), "CCC", "SELL", 1.0, 1.0, 1.0, "exit"),
]


def same_as_wanted(frame):
    assert list(frame.itertuples(index=False, name=None)) == WANTED


# --- sources ---


def test_a_table_of_the_database(run, db, table):
    for day, rows in table.groupby("timestamp"):
        write(rows, db / "mine" / f"day={day.day}" / "0.parquet", symbol="dictionary", action="dictionary")
    frame, reference = run("mine")
    same_as_wanted(frame)
    assert reference.startswith("signals:mine#") and len(reference) == len("signals:mine#") + 12


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_parquet_file_with_any_unit(run, table, tmp_path, unit):
    write(table, tmp_path / "s.parquet", timestamp=pa.timestamp(unit))
    same_as_wanted(run(tmp_path / "s.parquet")[0])


def test_dates_and_text_dates(run, table, tmp_path):
    write(table.rename(columns={"timestamp": "Date"}), tmp_path / "d.parquet", Date=pa.date32())
    text = table.assign(timestamp=table["timestamp"].dt.strftime("%Y-%m-%d"))
    write(text.rename(columns={"timestamp": "datetime"}), tmp_path / "t.parquet")
    for name in ("d", "t"):
        same_as_wanted(run(tmp_path / f"{name}.parquet")[0])


def test_a_csv_file(run, table, tmp_path):
    names = {
        "timestamp": "DATE",
        "symbol": "Ticker",
        "action": "side",
        "target_position": "target_position_pct",
    }
    table.rename(columns=names).to_csv(tmp_path / "s.CSV", index=False)
    same_as_wanted(run(tmp_path / "s.CSV")[0])


def test_a_query(run, db, table):
    write(table.assign(book="a"), db / "mine" / "a.parquet")
    write(table.assign(book="b", symbol="CCC"), db / "mine" / "b.parquet")
    query = "select * exclude (book)\nFROM mine WHERE book = 'a' ORDER BY random();"
    frame, reference = run(query)
    same_as_wanted(frame)
    assert "\n" not in reference
    again, same_reference = run(reference.removeprefix("signals:"))
    same_as_wanted(again)
    assert reference == same_reference
    same_as_wanted(run("WITH m AS (FROM mine) SELECT * FROM m WHERE book = 'a'")[0])


def test_weights_alone_are_targets(run, tmp_path):
    frame = pd.DataFrame({"date": ["2020-01-03"] * 2, "sym": ["BBB", "AAA"], "weight": [-0.5, 1.0]})
    frame.to_csv(tmp_path / "w.csv", index=False)
    got = rows_of(run(tmp_path / "w.csv")[0], "symbol", "action", "target_position", "reason")
    assert got == [("AAA", "TARGET", 1.0, "signal"), ("BBB", "TARGET", -0.5, "signal")]


def test_the_tables_of_a_run_are_a_source(run, db, assay):
    """Its own signals, replayed, make the same decisions."""
    assay("run", "momentum", "--db", db, "--set", "lookback=3", "--set", "threshold=0.001", "--run-id", "r")
    frame, _ = run("SELECT * FROM backtest_signals WHERE run_id = 'r'")
    wanted = pd.read_parquet(next((db / "backtest_signals").rglob("r.parquet")))
    assert len(frame) > 5
    for name in ("score", "strength", "target_position", "symbol", "action"):
        assert frame[name].tolist() == wanted[name].tolist()


# --- when ---


def test_rows_of_bars_that_are_not_asked_have_no_effect(run, table, tmp_path):
    table.to_csv(tmp_path / "s.csv", index=False)
    frame, _ = run(tmp_path / "s.csv", rebalance_frequency="weekly")
    assert rows_of(frame, "time", "symbol") == [(pd.Timestamp("2020-01-06"), "AAA")]
    frame, _ = run(tmp_path / "s.csv", start_date="2020-01-07")
    assert frame["symbol"].tolist() == ["AAA", "CCC"]


def test_symbols_without_a_bar_and_unknown_ones_are_left_out(run, db, tmp_path):
    write(bars(symbols=["GAP"], days=12).drop(index=3), db / "prices" / "gap.parquet")
    rows = [("2020-01-06", "GAP"), ("2020-01-07", "GAP"), ("2020-01-07", "ZZZ"), ("2030-01-01", "GAP")]
    pd.DataFrame(rows, columns=["date", "symbol"]).assign(action="BUY").to_csv(
        tmp_path / "s.csv", index=False
    )
    frame, _ = run(tmp_path / "s.csv")
    assert rows_of(frame, "time", "symbol") == [(pd.Timestamp("2020-01-07"), "GAP")]


def test_the_last_row_before_the_data_counts(run, tmp_path):
    rows = [("2010-01-04", "BUY"), ("2019-12-30", "SELL")]
    frame = pd.DataFrame(rows, columns=["date", "action"]).assign(symbol="AAA")
    frame.to_csv(tmp_path / "s.csv", index=False)
    assert rows_of(run(tmp_path / "s.csv")[0], "time", "action") == [(pd.Timestamp("2020-01-01"), "SELL")]


def test_two_rows_at_one_bar(refused, tmp_path):
    rows = [("2020-01-04", "AAA", "BUY"), ("2020-01-05", "BBB", "BUY"), ("2020-01-06", "AAA", "SELL")]
    pd.DataFrame(rows, columns=["date", "symbol", "action"]).to_csv(tmp_path / "s.csv", index=False)
    refused(tmp_path / "s.csv", "s.csv", "rows 1 and 3", "AAA", "2020-01-06")


def test_many_reasons(run, tmp_path):
    days = pd.bdate_range("2020-01-01", periods=12)
    frame = pd.DataFrame([(d, s) for d in days for s in ("AAA", "BBB", "CCC")], columns=["date", "symbol"])
    frame["action"], frame["reason"] = "BUY", [f"reason {i}" for i in range(len(frame))]
    frame.to_csv(tmp_path / "few.csv", index=False)
    assert run(tmp_path / "few.csv")[0]["reason"].tolist() == frame["reason"].tolist()
    more = frame.assign(
        symbol=["D" + s for s in frame["symbol"]], reason=[f"more {i}" for i in range(len(frame))]
    )
    pd.concat([frame, more]).to_csv(tmp_path / "many.csv", index=False)
    assert set(run(tmp_path / "many.csv")[0]["reason"]) == {"signal"}
    pd.concat([frame, more]).assign(signal_type=range(72), reason="x").iloc[::2].to_csv(
        tmp_path / "types.csv", index=False
    )
    assert set(run(tmp_path / "types.csv")[0]["reason"]) == {"x"}


# --- the fingerprint ---


def test_changed_rows_are_found(run, refused, db, table):
    write(table, db / "mine" / "0.parquet")
    source = run("mine")[1].removeprefix("signals:")
    write(table.sample(frac=1, random_state=3), db / "mine" / "0.parquet")
    same_as_wanted(run(source)[0])  # the order is nothing
    changed = table.copy()
    changed.loc[1, "strength"] = 0.6
    for other in (changed, table.iloc[:3], table.assign(reason="x"), pd.concat([table, table])):
        write(other, db / "mine" / "0.parquet")
        refused(source, "mine", "have changed since the run", source[-12:])


# --- what is refused ---


@pytest.mark.parametrize(
    "column, value, words",
    [
        ("action", "LONG", ["action 'LONG'", "BUY, SELL"]),
        ("action", "", ["action ''"]),
        ("strength", "1.5", ["strength 1.5", "[0, 1]"]),
        ("strength", "nan", ["strength nan"]),
        ("strength", "much", ["strength 'much'", "not a number"]),
        ("target_position", "1.1", ["target_position 1.1"]),
        ("target_position", "-0.1", ["target_position -0.1", "TARGET"]),
        ("timestamp", "soon", ["timestamp 'soon'", "not a date"]),
        ("timestamp", "", ["timestamp is missing"]),
        ("symbol", "", ["symbol is missing"]),
    ],
)
def test_bad_cells_name_row_and_value(refused, tmp_path, column, value, words):
    frame = pd.DataFrame(
        {
            "timestamp": ["2020-01-03"] * 3,
            "symbol": ["AAA", "BBB", "CCC"],
            "action": "BUY",
            "strength": "1",
            "target_position": "1",
        }
    )
    frame.loc[1, column] = value
    frame.to_csv(tmp_path / "s.csv", index=False)
    refused(tmp_path / "s.csv", "s.csv, row 2", *words)


def test_a_target_needs_a_position(refused, tmp_path):
    (tmp_path / "s.csv").write_text("date,symbol,action,weight\n2020-01-03,AAA,target,\n")
    refused(tmp_path / "s.csv", "row 1", "TARGET needs a target_position")


@pytest.mark.parametrize(
    "header, word",
    [("symbol,action", "timestamp"), ("date,action", "symbol"), ("date,symbol,strength", "action")],
)
def test_missing_columns(refused, tmp_path, header, word):
    (tmp_path / "s.csv").write_text(f"{header}\n{',' * header.count(',')}\n")
    refused(tmp_path / "s.csv", "no column " + word, header.split(",")[-1])


def test_sources_that_are_none(refused, tmp_path):
    refused("price", "did you mean 'prices'?", ".parquet", "SELECT")
    refused(tmp_path / "no.csv", "no.csv", "no file")
    refused("SELECT * FROM nothing", "nothing")
    refused("SELECT 1; SELECT 2", "statements")
    refused("WITH x AS (SELECT 1) INSERT INTO y FROM x")
    refused(f"SELECT * FROM '{tmp_path / 'no.csv'}'")
    refused("SELECT 1 -- one\n, 2", "comments")
    refused("prices", "no column action")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really PAR1")
    refused(tmp_path / "bad.parquet", "bad.parquet")


# --- the whole ---


def test_a_run_of_signals_is_audited_and_reproduced(assay, run, db, table):
    write(table, db / "mine" / "0.parquet")
    run("mine")
    run_id = f"run{next(numbers) - 1}"
    assert "ok" in assay("audit", run_id, "--db", db).stdout
    assert "reproduced" in assay("reproduce", run_id, "--db", db).stdout
    write(table.iloc[:2], db / "mine" / "0.parquet")
    assert "have changed since the run" in assay("reproduce", run_id, "--db", db, code=None).stderr
