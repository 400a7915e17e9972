"""`assay import`: headers, checks, upserts, partitions. Expected values come from pandas and pyarrow."""

import datetime
import os
import resource
import signal
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_store_support import bars, write

pytestmark = pytest.mark.cli_long
OWN = [
    "timestamp",
    "symbol",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "dividend_amount",
    "split_coefficient",
]


def long_frame(**kwargs):
    """A clean file in the long layout, with a dividend and a split."""
    frame = bars(**kwargs).rename(columns=lambda name: name.replace("_price", ""))
    frame["dividend_amount"] = 0.0
    frame["split_coefficient"] = 1.0
    frame.loc[frame.index[3], "dividend_amount"] = 0.1234567890123
    frame.loc[frame.index[-2], "split_coefficient"] = 1.5
    return frame[OWN]


def table(db, name="prices"):
    """A table of the database as pandas sees it, in key order."""
    files = sorted((db / name).rglob("*.parquet"))
    frame = pd.concat([pq.read_table(f, partitioning=None).to_pandas() for f in files], ignore_index=True)
    return frame.sort_values(
        ["symbol", "ex_date" if name == "corporate_actions" else "timestamp"], ignore_index=True
    )


def prices_of(frame):
    """What the prices table must hold of a long frame."""
    wanted = frame.rename(columns={c: c + "_price" for c in ("open", "high", "low", "close")})
    wanted = wanted.assign(timestamp=pd.to_datetime(wanted["timestamp"]).astype("datetime64[us]"))
    names = ["timestamp", "symbol", "open_price", "high_price", "low_price", "close_price", "volume"]
    return wanted[names].sort_values(["symbol", "timestamp"], ignore_index=True)


def check(db, frame):
    found = table(db)[list(prices_of(frame).columns)]
    pd.testing.assert_frame_equal(found, prices_of(frame), check_exact=True)


def snapshot(db):
    """Every file of the database with its bytes; without the lock file."""
    return {
        p.relative_to(db): p.read_bytes() for p in db.rglob("*") if p.is_file() and p.name != "write.lock"
    }


@pytest.fixture
def db(tmp_path):
    return tmp_path / "db"


@pytest.fixture
def load(assay, db):
    return lambda *args, **kwargs: assay("import", *args, "--db", db, **kwargs)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_own_layout_in_full_precision(load, db, tmp_path, kind):
    frame = long_frame(days=300)
    file = tmp_path / f"long.{kind}"
    if kind == "csv":
        frame.to_csv(file, index=False)
    else:
        write(frame, file, timestamp=pa.date32())
    said = load(file)
    check(db, frame)
    assert "dividend_amount" in said.stdout + said.stderr
    files = sorted(p.relative_to(db).as_posix() for p in (db / "prices").rglob("*.parquet"))
    assert files == ["prices/year=2020/0.parquet", "prices/year=2021/0.parquet"]
    events = table(db, "corporate_actions")
    assert events[["symbol", "split_ratio", "cash_dividend"]].values.tolist() == [
        ["AAA", 1.0, 0.1234567890123],
        ["CCC", 1.5, 0.0],
    ]
    assert events["ex_date"].tolist() == [frame["timestamp"].iloc[3], frame["timestamp"].iloc[-2]]


def test_types_and_columns_of_what_is_written(load, db, tmp_path):
    frame = long_frame()
    frame.to_csv(tmp_path / "long.csv", index=False)
    load(tmp_path / "long.csv")
    schema = pq.read_schema(db / "prices" / "year=2020" / "0.parquet")
    stamp = pa.timestamp("us")
    assert dict(zip(schema.names, schema.types)) == {
        "timestamp": stamp,
        "symbol": pa.string(),
        "currency": pa.string(),
        "open_price": pa.float64(),
        "high_price": pa.float64(),
        "low_price": pa.float64(),
        "close_price": pa.float64(),
        "volume": pa.int64(),
        "frequency": pa.string(),
        "data_source": pa.string(),
        "created_at": stamp,
        "updated_at": stamp,
    }
    found = table(db)
    assert set(found["currency"]) == {"USD"} and set(found["frequency"]) == {"1d"}
    assert set(found["data_source"]) == {"long.csv"}
    rows = pq.read_table(db / "prices" / "year=2020" / "0.parquet").to_pandas()
    assert rows[["symbol", "timestamp"]].apply(tuple, axis=1).is_monotonic_increasing
    frame["volume"] += 0.5
    frame.to_csv(tmp_path / "half.csv", index=False)
    load(tmp_path / "half.csv")
    check(db, frame)


HEADERS = {
    "yahoo": ("AAA.csv", ["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"]),
    "yfinance": ("AAA.csv", ["Date", "Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits"]),
    "stooq": (
        "aaa.us.txt",
        [
            "<TICKER>",
            "<PER>",
            "<DATE>",
            "<TIME>",
            "<OPEN>",
            "<HIGH>",
            "<LOW>",
            "<CLOSE>",
            "<VOL>",
            "<OPENINT>",
        ],
    ),
    "alpha vantage": ("AAA.csv", ["timestamp", "open", "high", "low", "close", "volume"]),
    "alpha vantage json": (
        "AAA.csv",
        ["date", "1. open", "2. high", "3. low", "4. close", "5. adjusted close", "6. volume"],
    ),
    "kaggle": ("all.csv", ["date", "open", "high", "low", "close", "volume", "Name"]),
    "database": (
        "x.csv",
        ["timestamp", "symbol", "currency", "open_price", "high_price", "low_price", "close_price", "volume"],
    ),
}


@pytest.mark.parametrize("source", HEADERS)
def test_headers(load, db, tmp_path, source):
    name, header = HEADERS[source]
    frame = bars(symbols=["AAA"], days=12)
    cells = []
    for row in frame.itertuples():
        prices = [repr(row.open_price), repr(row.high_price), repr(row.low_price), repr(row.close_price)]
        day, volume = f"{row.timestamp:%Y-%m-%d}", str(row.volume)
        cells.append(
            {
                "yahoo": [day, *prices, "1", volume],
                "yfinance": [f"{day} 00:00:00-05:00", *prices, volume, "0.0", "0.0"],
                "stooq": ["AAA", "D", f"{row.timestamp:%Y%m%d}", "000000", *prices, volume, "0"],
                "alpha vantage": [day, *prices, volume],
                "alpha vantage json": [day, *prices, "1", volume],
                "kaggle": [day, *prices, volume, "AAA"],
                "database": [f"{day} 00:00:00", "AAA", "USD", *prices, volume],
            }[source]
        )
    text = "\n".join(",".join(line) for line in [header, *cells]) + "\n"
    (tmp_path / name).write_text(text)
    load(tmp_path / name)
    check(db, frame.rename(columns=lambda c: c.replace("_price", "")))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_and_quotes(load, db, tmp_path, separator):
    frame = long_frame()
    frame.to_csv(tmp_path / "f.csv", index=False, sep=separator, quoting=1)
    load(tmp_path / "f.csv")
    check(db, frame)


def test_missing_cells_stay_missing(load, db, tmp_path):
    frame = long_frame().astype({"volume": float})
    frame.loc[frame.index[1], ["open", "high", "low", "volume"]] = np.nan
    frame.loc[frame.index[2], "close"] = np.nan
    frame.to_csv(tmp_path / "f.csv", index=False, na_rep="null")
    load(tmp_path / "f.csv")
    check(db, frame)
    assert pq.read_table(db / "prices" / "year=2020" / "0.parquet")["volume"].null_count == 1


def test_twice_is_harmless(load, db, tmp_path):
    frame = long_frame(days=300)
    frame.to_csv(tmp_path / "f.csv", index=False)
    load(tmp_path / "f.csv")
    before = snapshot(db)
    load(tmp_path / "f.csv")
    assert snapshot(db) == before


def test_upsert_touches_only_what_changes(load, db, tmp_path):
    frame = long_frame(days=600)
    frame.to_csv(tmp_path / "old.csv", index=False)
    load(tmp_path / "old.csv")
    before, created = snapshot(db), table(db)["created_at"].iloc[0]
    late = frame["timestamp"] >= "2022-01-01"
    newer = frame[late].copy()
    newer["close"] *= 1.0001
    more = long_frame(symbols=["NEW"], days=600).assign(dividend_amount=0.0, split_coefficient=1.0)
    more = more[more["timestamp"] >= "2022-01-01"]
    pd.concat([newer, more]).to_csv(tmp_path / "new.csv", index=False)
    load(tmp_path / "new.csv")
    check(db, pd.concat([frame[~late], newer, more]))
    changed = [p.as_posix() for p, data in snapshot(db).items() if before.get(p) != data]
    assert changed == ["prices/year=2022/0.parquet"]
    found = table(db)
    replaced = (found["timestamp"] >= "2022-01-01") & (found["symbol"] != "NEW")
    assert set(found.loc[replaced, "created_at"]) == {created}
    assert (found.loc[replaced, "updated_at"] > created).all()
    assert set(found.loc[replaced, "data_source"]) == {"new.csv"}


def test_keeps_a_folder_a_day_and_foreign_columns(load, db, tmp_path):
    theirs = bars(days=15).assign(note="theirs", frequency="daily")
    for day, rows in theirs.groupby("timestamp"):
        folder = db / "prices" / f"year={day.year}" / f"month={day.month}" / f"day={day.day}"
        stamped = rows.assign(timestamp=rows["timestamp"] + pd.Timedelta("18h"))
        write(stamped, folder / "part-7.parquet", timestamp=pa.timestamp("ns"), symbol="dictionary")
    ours = bars(days=17, seed=9).rename(columns=lambda c: c.replace("_price", ""))
    ours = ours[ours["symbol"].isin(["BBB", "CCC"]) & (ours["timestamp"] >= theirs["timestamp"].iloc[4])]
    ours.drop(columns=["created_at", "updated_at"]).to_csv(tmp_path / "f.csv", index=False)
    untouched = {
        p: d for p, d in snapshot(db).items() if any(f"day={k}/" in p.as_posix() for k in (1, 2, 3, 6))
    }
    load(tmp_path / "f.csv")
    after = snapshot(db)
    assert {p: after[p] for p in untouched} == untouched
    found = table(db)
    found["day"] = found["timestamp"].dt.normalize()
    new = found[found["data_source"] == "f.csv"]
    assert len(new) == len(ours) and new["note"].isna().all()
    kept = found[found["note"] == "theirs"]
    assert len(kept) == len(theirs) - len(ours[ours["timestamp"].isin(theirs["timestamp"])])
    assert not found.duplicated(["day", "symbol"]).any()
    added = sorted(ours["timestamp"].unique())[-1]
    assert (
        db / "prices" / f"year={added.year}" / f"month={added.month}" / f"day={added.day}" / "0.parquet"
    ).is_file()


@pytest.mark.parametrize("partition, n", [("none", 1), ("year", 2), ("month", 13), ("day", 280)])
def test_partitions(load, db, tmp_path, partition, n):
    frame = long_frame(days=280)
    frame.to_csv(tmp_path / "f.csv", index=False)
    load(tmp_path / "f.csv", "--partition", partition)
    check(db, frame)
    assert len(list((db / "prices").rglob("*.parquet"))) == n


def test_frequencies_are_kept_apart(load, db, tmp_path):
    """A daily bar and an hourly one at midnight are two rows; so is what `--frequency` names."""
    daily = long_frame()
    hourly = long_frame(seed=3).assign(frequency="60min")
    minutes = long_frame(seed=5)
    minutes["timestamp"] = minutes["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S-05:00")
    for name, frame in (("d", daily), ("h", hourly), ("m", minutes)):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    load(tmp_path / "d.csv")
    load(tmp_path / "h.csv")
    load(tmp_path / "m.csv", "--frequency", "1min")
    found = table(db)
    assert found["frequency"].value_counts().to_dict() == dict.fromkeys(["1d", "1h", "1m"], len(daily))
    columns = list(prices_of(daily).columns)
    for kind, frame in (("1d", daily), ("1h", hourly)):
        rows = found.loc[found["frequency"] == kind, columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, prices_of(frame), check_exact=True)
    # Within a day an offset counts: 00:00-05:00 is 05:00 UTC.
    assert set(found.loc[found["frequency"] == "1m", "timestamp"].dt.hour) == {5}
    before = snapshot(db)
    load(tmp_path / "h.csv")
    assert snapshot(db) == before


def test_rows_in_other_files_are_replaced_there(load, db, tmp_path):
    """A table in disorder: the key lies in a file where its partition does not say; a file that empties goes away."""
    frame = bars(days=6)
    write(frame[frame["symbol"] == "AAA"], db / "prices" / "old" / "aaa.parquet")
    write(frame[frame["symbol"] != "AAA"], db / "prices" / "year=2020" / "x.parquet")
    ours = bars(symbols=["AAA"], days=6, seed=5).rename(columns=lambda c: c.replace("_price", ""))
    ours.drop(columns=["created_at", "updated_at"]).to_csv(tmp_path / "f.csv", index=False)
    load(tmp_path / "f.csv")
    rest = frame[frame["symbol"] != "AAA"].rename(columns=lambda c: c.replace("_price", ""))
    check(db, pd.concat([ours, rest]))
    assert not (db / "prices" / "old").exists()


def test_events_are_upserted(load, db, tmp_path):
    write(
        pd.DataFrame(
            {
                "symbol": ["AAA", "ZZZ"],
                "ex_date": [datetime.datetime(2020, 1, 6), datetime.datetime(2019, 1, 1)],
                "split_ratio": [1.0, 2.0],
                "cash_dividend": [9.0, 0.0],
                "pay_date": [datetime.datetime(2020, 2, 1), None],
                "note": ["a", "b"],
            }
        ),
        db / "corporate_actions" / "theirs.parquet",
    )
    frame = long_frame()
    frame.to_csv(tmp_path / "f.csv", index=False)
    load(tmp_path / "f.csv")
    found = table(db, "corporate_actions")
    assert found[["symbol", "split_ratio", "cash_dividend"]].values.tolist() == [
        ["AAA", 1.0, 0.1234567890123],
        ["CCC", 1.5, 0.0],
        ["ZZZ", 2.0, 0.0],
    ]
    assert found["pay_date"].iloc[0] == pd.Timestamp("2020-02-01") and found["note"].iloc[2] == "b"


BAD = [
    ("close", "abc", ["abc", "close"]),
    ("close", "0", ["0", "positive"]),
    ("open", "-1.5", ["-1.5", "open"]),
    ("high", "inf", ["inf", "high"]),
    ("low", "nan", ["nan", "low"]),
    ("volume", "-3", ["-3", "volume"]),
    ("volume", "1,5", ["volume"]),
    ("dividend_amount", "-0.1", ["-0.1", "dividend_amount"]),
    ("split_coefficient", "-2", ["-2", "split_coefficient"]),
    ("timestamp", "", ["timestamp"]),
    ("timestamp", "13/01/2020", ["13/01/2020", "YYYY-MM-DD"]),
    ("timestamp", "2020-02-30", ["2020-02-30"]),
    ("symbol", "", ["symbol"]),
]


@pytest.mark.parametrize("column, value, words", BAD)
def test_bad_cells_name_line_column_and_value(load, db, tmp_path, column, value, words):
    good = long_frame()
    good.to_csv(tmp_path / "good.csv", index=False)
    load(tmp_path / "good.csv")
    before = snapshot(db)
    frame = long_frame(seed=4).astype(object)
    frame.loc[frame.index[9], column] = value
    frame.to_csv(tmp_path / "bad.csv", index=False)
    said = load(tmp_path / "bad.csv", code=1).stderr
    for word in ["bad.csv", "line 11", *words]:
        assert word in " ".join(said.split())
    assert snapshot(db) == before


def test_duplicates_within_the_file(load, db, tmp_path):
    frame = long_frame()
    again = frame.iloc[[2]].assign(close=51.5)
    both = pd.concat([frame, again])
    both.to_csv(tmp_path / "f.csv", index=False)
    said = " ".join(load(tmp_path / "f.csv", code=1).stderr.split())
    assert "line 4" in said and f"line {len(both) + 1}" in said and "AAA" in said
    assert not (db / "prices").exists()
    load(tmp_path / "f.csv", "--on-bad-data", "drop")
    wanted = frame.copy()
    wanted.loc[wanted.index[2], "close"] = 51.5
    check(db, wanted)


def test_drop_and_keep(load, db, tmp_path):
    frame = long_frame().astype(object)
    frame.loc[frame.index[4], "close"] = "-1"
    frame.loc[frame.index[7], "open"] = "inf"
    frame.to_csv(tmp_path / "f.csv", index=False)
    load(tmp_path / "f.csv", "--on-bad-data", "drop")
    numeric = long_frame()
    check(db, numeric.drop(index=[numeric.index[4], numeric.index[7]]))
    load(tmp_path / "f.csv", "--on-bad-data", "keep")
    numeric.loc[numeric.index[4], "close"] = -1.0
    numeric.loc[numeric.index[7], "open"] = np.nan
    check(db, numeric)


def test_files_that_cannot_be_imported(load, db, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "words.csv").write_text("hello\nworld\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "noclose.csv").write_text("date,symbol,open\n2020-01-01,A,1\n")
    (tmp_path / "ragged.csv").write_text(
        "date,symbol,close\n2020-01-01,A,1\n2020-01-02,A\n2020-01-03,A,3,4\n"
    )
    for name in ("empty.csv", "words.csv", "broken.parquet", "noclose.csv", "ragged.csv", "missing.csv"):
        said = load(tmp_path / name, code=1).stderr
        assert name in " ".join(said.split())
    assert not (db / "prices").exists()


def test_dry_run_writes_nothing(load, db, tmp_path):
    long_frame().to_csv(tmp_path / "f.csv", index=False)
    db.mkdir()
    load(tmp_path / "f.csv", "--dry-run")
    assert snapshot(db) == {}


def test_two_imports_at_once_lose_nothing(load, assay_bin, db, tmp_path):
    frames = [
        long_frame(symbols=[f"S{i}"], days=400).assign(dividend_amount=0.0, split_coefficient=1.0)
        for i in range(6)
    ]
    running = []
    for i, frame in enumerate(frames):
        frame.to_csv(tmp_path / f"{i}.csv", index=False)
        running.append(
            subprocess.Popen([assay_bin, "import", tmp_path / f"{i}.csv", "--db", db], stderr=subprocess.PIPE)
        )
    for process in running:
        assert process.wait(timeout=120) == 0, process.stderr.read()
        process.stderr.close()
    check(db, pd.concat(frames))


def limited(size):
    """For preexec_fn: files end at `size` bytes, with an error and not a signal."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("size", [0, 1000, 20000])
def test_no_room_changes_nothing(load, assay_bin, db, tmp_path, size):
    long_frame(days=300).to_csv(tmp_path / "a.csv", index=False)
    load(tmp_path / "a.csv")
    before = snapshot(db)
    long_frame(days=3000, seed=8).to_csv(tmp_path / "b.csv", index=False)
    done = subprocess.run(
        [assay_bin, "import", tmp_path / "b.csv", "--db", db],
        capture_output=True,
        text=True,
        preexec_fn=limited(size),  # noqa: PLW1509
    )
    assert done.returncode == 1 and "nothing was changed" in " ".join(done.stderr.split())
    load(tmp_path / "a.csv")
    assert snapshot(db) == before


@pytest.mark.skipif(
    os.environ.get("ASSAY_BUILD", "").endswith("asan"), reason="the same with another memory allocator"
)
@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_imports(load, db, tmp_path, seed):
    """Random overlapping files: a dictionary by key says what must be there."""
    rng = np.random.default_rng(seed)
    wanted = {}
    for i in range(6):
        frame = long_frame(symbols=["A", "B", "C", "D"], days=500, seed=int(rng.integers(3)))
        first = int(rng.integers(400))
        days = sorted(frame["timestamp"].unique())[first : first + int(rng.integers(1, 200))]
        frame = frame[frame["timestamp"].isin(days)].sample(frac=rng.uniform(0.2, 1), random_state=i)
        frame = frame.assign(dividend_amount=0.0, split_coefficient=1.0)
        frame.to_csv(tmp_path / f"{i}.csv", index=False)
        load(
            tmp_path / f"{i}.csv",
            "--partition",
            ["keep", "none", "year", "month"][rng.integers(4)] if i == 0 else "year",
        )
        for row in frame.to_dict("records"):
            wanted[row["timestamp"], row["symbol"]] = row
        check(db, pd.DataFrame(wanted.values()))


@pytest.mark.long
def test_rows_of_a_large_file_keep_their_order(load, tmp_path):
    """DuckDB reads it in pieces by several threads; of two rows with one key the last of the file counts even so."""
    file, n, note = tmp_path / "large.csv", 300_000, "x" * 300
    days = pd.date_range("1970-01-01", periods=1000).strftime("%Y-%m-%d")
    with file.open("w") as out:
        out.write("timestamp,symbol,close,note\n")
        out.writelines(f"{days[i % 1000]},S{i // 1000:03d},{1 + i % 997},{note}\n" for i in range(n))
        out.write(f"{days[0]},S000,5000,{note}\n")
    refused = load(file, code=1)
    assert f"line 2 and line {n + 2} are both S000" in " ".join(refused.stderr.split())
    load(file, "--on-bad-data", "drop")
    found = table(tmp_path / "db")
    assert len(found) == n and found["close_price"].iloc[0] == 5000
    assert found["close_price"].iloc[1:].tolist() == [1 + i % 997 for i in range(1, n)]


@pytest.mark.parametrize("order", ["symbol", "timestamp", "none"])
@pytest.mark.parametrize("partition", ["year", "day"])
def test_any_order_of_rows_gives_files_by_symbol_and_date(load, tmp_path, order, partition):
    frame = long_frame(days=90)
    keys = {"symbol": ["symbol", "timestamp"], "timestamp": ["timestamp", "symbol"]}
    frame = frame.sample(frac=1, random_state=1) if order == "none" else frame.sort_values(keys[order])
    frame.to_csv(tmp_path / "long.csv", index=False)
    load(tmp_path / "long.csv", "--partition", partition)
    check(tmp_path / "db", frame)
    for file in (tmp_path / "db" / "prices").rglob("*.parquet"):
        part = pq.read_table(file, partitioning=None).to_pandas()
        assert part.equals(part.sort_values(["symbol", "timestamp"], ignore_index=True))
    twice = pd.concat([frame, frame.iloc[[7]]])
    twice.to_csv(tmp_path / "twice.csv", index=False)
    assert "are both" in load(tmp_path / "twice.csv", code=1).stderr
