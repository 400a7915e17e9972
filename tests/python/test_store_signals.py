"""Ready signals out of tables, files and queries: what a strategy made of them emits, and what is refused."""

import ctypes

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_store_support import Error, StoreError, bars, library, write

NOT_FOUND, CONFIG, DATA, STRATEGY = 6, 5, 4, 7
ACTIONS = ["HOLD", "BUY", "SELL", "INCREASE", "REDUCE", "TARGET"]
SIGNAL = np.dtype(
    [
        ("bar", "u4"),
        ("symbol", "u4"),
        *[(name, "f8") for name in ("value", "score", "strength", "target_position", "order_quantity")],
        ("strategy", "u2"),
        ("kind", "u2"),
        *[(name, "u1") for name in ("action", "status", "outcome", "reserved")],
    ],
    align=True,
)


@pytest.fixture(scope="module")
def lib():
    return library()


@pytest.fixture
def db(tmp_path):
    write(
        bars(days=12), tmp_path / "db" / "prices" / "0.parquet", symbol="dictionary"
    )  # from Wednesday 2020-01-01
    return tmp_path / "db"


class Strategy(ctypes.Structure):
    """The beginning and the references of an assay_strategy."""

    _fields_ = [
        ("abi_version", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("summary", ctypes.c_char_p),
        ("params", ctypes.c_void_p),
        ("n_params", ctypes.c_uint32),
        ("kinds", ctypes.c_void_p),
        ("n_kinds", ctypes.c_uint32),
        ("callbacks", ctypes.c_void_p * 6),
        ("threshold_form", ctypes.c_void_p),
        ("reference", ctypes.c_char_p),
    ]


def run(lib, db, source, **settings):
    """(frame of the signals that a run makes, the strategy's reference)."""
    with lib.loaded(db) as (store, _, panel, _report):
        c, error, strategy = lib.c, Error(), ctypes.c_void_p()
        config, result = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            lib.check(
                c.assay_store_load_signals(
                    store, str(source).encode(), ctypes.byref(strategy), ctypes.byref(error)
                ),
                error,
            )
            lib.check(c.assay_config_create(strategy, ctypes.byref(config), ctypes.byref(error)), error)
            for key, value in settings.items():
                lib.check(
                    c.assay_config_set(config, key.encode(), str(value).encode(), ctypes.byref(error)), error
                )
            lib.check(c.assay_run(panel, config, 0, ctypes.byref(result), ctypes.byref(error)), error)
            return signals(lib, panel, strategy, result), Strategy.from_address(
                strategy.value
            ).reference.decode()
        finally:
            c.assay_result_destroy(result)
            c.assay_config_destroy(config)
            c.assay_strategy_destroy(strategy)


def signals(lib, panel, strategy, result):
    n = ctypes.c_size_t()
    lib.c.assay_result_signals.restype = ctypes.c_void_p
    at = lib.c.assay_result_signals(result, ctypes.byref(n))
    raw = ctypes.string_at(at, n.value * SIGNAL.itemsize) if n.value else b""
    records = np.frombuffer(raw, SIGNAL)
    frame = pd.DataFrame({name: records[name] for name in ("score", "strength", "target_position")})
    frame.insert(0, "time", lib.times(panel)[records["bar"]])
    frame.insert(1, "symbol", np.array(lib.symbols(panel), dtype=object)[records["symbol"]])
    frame.insert(2, "action", [ACTIONS[a] for a in records["action"]])
    reasons = []
    for i in range(n.value):
        text = ctypes.create_string_buffer(300)
        lib.c.assay_signal_reason(strategy, ctypes.c_void_p(at + i * SIGNAL.itemsize), text, 300)
        reasons.append(text.value.decode())
    frame["reason"] = reasons
    return frame


def refused(lib, db, source, *words, status, **settings):
    with pytest.raises(StoreError) as caught:
        run(lib, db, source, **settings)
    for word in words:
        assert str(word) in str(caught.value)
    assert caught.value.status == status


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


def test_a_table_of_the_database(lib, db, table):
    for day, rows in table.groupby("timestamp"):
        write(rows, db / "mine" / f"day={day.day}" / "0.parquet", symbol="dictionary", action="dictionary")
    frame, reference = run(lib, db, "mine")
    same_as_wanted(frame)
    assert reference.startswith("signals:mine#") and len(reference) == len("signals:mine#") + 12


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_parquet_file_with_any_unit(lib, db, table, tmp_path, unit):
    write(table, tmp_path / "s.parquet", timestamp=pa.timestamp(unit))
    same_as_wanted(run(lib, db, tmp_path / "s.parquet")[0])


def test_dates_and_text_dates(lib, db, table, tmp_path):
    write(table.rename(columns={"timestamp": "Date"}), tmp_path / "d.parquet", Date=pa.date32())
    text = table.assign(timestamp=table["timestamp"].dt.strftime("%Y-%m-%d"))
    write(text.rename(columns={"timestamp": "datetime"}), tmp_path / "t.parquet")
    for name in ("d", "t"):
        same_as_wanted(run(lib, db, tmp_path / f"{name}.parquet")[0])


def test_a_csv_file(lib, db, table, tmp_path):
    names = {
        "timestamp": "DATE",
        "symbol": "Ticker",
        "action": "side",
        "target_position": "target_position_pct",
    }
    table.rename(columns=names).to_csv(tmp_path / "s.CSV", index=False)
    same_as_wanted(run(lib, db, tmp_path / "s.CSV")[0])


def test_a_query(lib, db, table):
    write(table.assign(book="a"), db / "mine" / "a.parquet")
    write(table.assign(book="b", symbol="CCC"), db / "mine" / "b.parquet")
    query = "select * exclude (book)\nFROM mine WHERE book = 'a' ORDER BY random();"
    frame, reference = run(lib, db, query)
    same_as_wanted(frame)
    assert "\n" not in reference
    again, same_reference = run(lib, db, reference.removeprefix("signals:"))
    same_as_wanted(again)
    assert reference == same_reference
    same_as_wanted(run(lib, db, "WITH m AS (FROM mine) SELECT * FROM m WHERE book = 'a'")[0])


def test_weights_alone_are_targets(lib, db, tmp_path):
    frame = pd.DataFrame({"date": ["2020-01-03"] * 2, "sym": ["BBB", "AAA"], "weight": [-0.5, 1.0]})
    frame.to_csv(tmp_path / "w.csv", index=False)
    got = rows_of(run(lib, db, tmp_path / "w.csv")[0], "symbol", "action", "target_position", "reason")
    assert got == [("AAA", "TARGET", 1.0, "signal"), ("BBB", "TARGET", -0.5, "signal")]


def test_the_tables_of_a_run_are_a_source(lib, db, assay):
    """Its own signals, replayed, make the same decisions."""
    assay("run", "momentum", "--db", db, "--set", "lookback=3", "--set", "threshold=0.001", "--run-id", "r")
    frame, _ = run(lib, db, "SELECT * FROM backtest_signals WHERE run_id = 'r'")
    wanted = pd.read_parquet(next((db / "backtest_signals").rglob("r.parquet")))
    assert len(frame) > 5
    for name in ("score", "strength", "target_position", "symbol", "action"):
        assert frame[name].tolist() == wanted[name].tolist()


# --- when ---


def test_rows_of_bars_that_are_not_asked_have_no_effect(lib, db, table, tmp_path):
    table.to_csv(tmp_path / "s.csv", index=False)
    frame, _ = run(lib, db, tmp_path / "s.csv", rebalance_frequency="weekly")
    assert rows_of(frame, "time", "symbol") == [(pd.Timestamp("2020-01-06"), "AAA")]
    frame, _ = run(lib, db, tmp_path / "s.csv", start_date="2020-01-07")
    assert frame["symbol"].tolist() == ["AAA", "CCC"]


def test_symbols_without_a_bar_and_unknown_ones_are_left_out(lib, db, tmp_path):
    write(bars(symbols=["GAP"], days=12).drop(index=3), db / "prices" / "gap.parquet")
    rows = [("2020-01-06", "GAP"), ("2020-01-07", "GAP"), ("2020-01-07", "ZZZ"), ("2030-01-01", "GAP")]
    pd.DataFrame(rows, columns=["date", "symbol"]).assign(action="BUY").to_csv(
        tmp_path / "s.csv", index=False
    )
    frame, _ = run(lib, db, tmp_path / "s.csv")
    assert rows_of(frame, "time", "symbol") == [(pd.Timestamp("2020-01-07"), "GAP")]


def test_the_last_row_before_the_data_counts(lib, db, tmp_path):
    rows = [("2010-01-04", "BUY"), ("2019-12-30", "SELL")]
    frame = pd.DataFrame(rows, columns=["date", "action"]).assign(symbol="AAA")
    frame.to_csv(tmp_path / "s.csv", index=False)
    assert rows_of(run(lib, db, tmp_path / "s.csv")[0], "time", "action") == [
        (pd.Timestamp("2020-01-01"), "SELL")
    ]


def test_two_rows_at_one_bar(lib, db, tmp_path):
    rows = [("2020-01-04", "AAA", "BUY"), ("2020-01-05", "BBB", "BUY"), ("2020-01-06", "AAA", "SELL")]
    pd.DataFrame(rows, columns=["date", "symbol", "action"]).to_csv(tmp_path / "s.csv", index=False)
    refused(lib, db, tmp_path / "s.csv", "s.csv", "rows 1 and 3", "AAA", "2020-01-06", status=STRATEGY)


def test_many_reasons(lib, db, tmp_path):
    days = pd.bdate_range("2020-01-01", periods=12)
    frame = pd.DataFrame([(d, s) for d in days for s in ("AAA", "BBB", "CCC")], columns=["date", "symbol"])
    frame["action"], frame["reason"] = "BUY", [f"reason {i}" for i in range(len(frame))]
    frame.to_csv(tmp_path / "few.csv", index=False)
    assert run(lib, db, tmp_path / "few.csv")[0]["reason"].tolist() == frame["reason"].tolist()
    more = frame.assign(
        symbol=["D" + s for s in frame["symbol"]], reason=[f"more {i}" for i in range(len(frame))]
    )
    pd.concat([frame, more]).to_csv(tmp_path / "many.csv", index=False)
    assert set(run(lib, db, tmp_path / "many.csv")[0]["reason"]) == {"signal"}
    pd.concat([frame, more]).assign(signal_type=range(72), reason="x").iloc[::2].to_csv(
        tmp_path / "types.csv", index=False
    )
    assert set(run(lib, db, tmp_path / "types.csv")[0]["reason"]) == {"x"}


# --- the fingerprint ---


def test_changed_rows_are_found(lib, db, table):
    write(table, db / "mine" / "0.parquet")
    source = run(lib, db, "mine")[1].removeprefix("signals:")
    write(table.sample(frac=1, random_state=3), db / "mine" / "0.parquet")
    same_as_wanted(run(lib, db, source)[0])  # the order is nothing
    changed = table.copy()
    changed.loc[1, "strength"] = 0.6
    for other in (changed, table.iloc[:3], table.assign(reason="x"), pd.concat([table, table])):
        write(other, db / "mine" / "0.parquet")
        refused(lib, db, source, "mine", "have changed since the run", source[-12:], status=DATA)


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
def test_bad_cells_name_row_and_value(lib, db, tmp_path, column, value, words):
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
    refused(lib, db, tmp_path / "s.csv", "s.csv, row 2", *words, status=DATA)


def test_a_target_needs_a_position(lib, db, tmp_path):
    (tmp_path / "s.csv").write_text("date,symbol,action,weight\n2020-01-03,AAA,target,\n")
    refused(lib, db, tmp_path / "s.csv", "row 1", "TARGET needs a target_position", status=DATA)


@pytest.mark.parametrize(
    "header, word",
    [("symbol,action", "timestamp"), ("date,action", "symbol"), ("date,symbol,strength", "action")],
)
def test_missing_columns(lib, db, tmp_path, header, word):
    (tmp_path / "s.csv").write_text(f"{header}\n{',' * header.count(',')}\n")
    refused(lib, db, tmp_path / "s.csv", "no column " + word, header.split(",")[-1], status=DATA)


def test_sources_that_are_none(lib, db, tmp_path):
    refused(lib, db, "price", "did you mean 'prices'?", ".parquet", "SELECT", status=NOT_FOUND)
    refused(lib, db, tmp_path / "no.csv", "no.csv", "no file", status=NOT_FOUND)
    refused(lib, db, "SELECT * FROM nothing", "nothing", status=DATA)
    refused(lib, db, "SELECT 1; SELECT 2", "statements", status=DATA)
    refused(lib, db, "WITH x AS (SELECT 1) INSERT INTO y FROM x", status=DATA)
    refused(lib, db, f"SELECT * FROM '{tmp_path / 'no.csv'}'", status=DATA)
    refused(lib, db, "SELECT 1 -- one\n, 2", "comments", status=CONFIG)
    refused(lib, db, "prices", "no column action", status=DATA)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(StoreError, match=r"bad\.parquet"):
        run(lib, db, tmp_path / "bad.parquet")
