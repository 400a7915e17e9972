"""Reading the prices table: every disorder that a folder of Parquet files can have (docs/database.md)."""

import datetime
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_store_support import COLUMNS, StoreError, bars, library, pieces, same, write


@pytest.fixture(scope="module")
def lib():
    return library()


@pytest.fixture
def prices(tmp_path):
    return tmp_path / "db" / "prices"


@pytest.fixture
def load(lib, prices):
    return lambda **kwargs: lib.load(prices.parent, **kwargs)


def fails(load, *words, status=None, **kwargs):
    """Loading fails, and the message has all these words."""
    with pytest.raises(StoreError) as caught:
        load(**kwargs)
    for word in words:
        assert str(word) in str(caught.value)
    if status is not None:
        assert caught.value.status == status
    return str(caught.value)


NOT_FOUND, IO, DATA = 6, 3, 4


def test_mixed_depths_types_and_units(load, prices):
    frame = bars(days=60)
    parts = pieces(frame.sort_values(["timestamp", "symbol"]), 7)
    write(parts[0], prices / "all.parquet", timestamp=pa.timestamp("ns"))
    write(parts[1], prices / "year=2020" / "0.parquet", timestamp=pa.timestamp("ms"), symbol="dictionary")
    write(parts[2], prices / "year=2020" / "month=2" / "part-1.parquet", timestamp=pa.timestamp("s"))
    write(
        parts[3],
        prices / "year=2020" / "month=10" / "day=3" / "0.parquet",
        timestamp=pa.date32(),
        volume=pa.int32(),
    )
    write(parts[4], prices / "year=2020" / "month=2" / "day=4" / "0.parquet", close_price=pa.string())
    write(parts[5], prices / "x" / "y" / "z.PARQUET", timestamp=pa.string(), currency="dictionary")
    write(parts[6].assign(extra=1, more="text"), prices / "b.parquet", volume=pa.float64())
    loaded, report = load()
    same(loaded, frame)
    assert (report.n_files, report.n_rows, report.n_replaced, report.frequency) == (7, len(frame), 0, b"1d")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_time_zone_counts_as_utc(load, prices, zone):
    frame = bars()
    stamped = frame.assign(timestamp=frame["timestamp"].dt.tz_localize(zone))
    write(stamped, prices / "0.parquet")
    same(load()[0], frame)


def test_names_with_dot_or_underscore_are_skipped(load, prices):
    frame = bars()
    write(frame, prices / "0.parquet")
    for name in (".half.parquet", "_tmp.parquet", ".hidden/0.parquet", "_delta/0.parquet"):
        (prices / name).parent.mkdir(exist_ok=True)
        (prices / name).write_bytes(b"not Parquet")
    (prices / "README.txt").write_text("not Parquet either")
    same(load()[0], frame)


def test_fetch_time_stamps_count_for_their_date(load, prices):
    frame = bars(days=20)
    moments = pd.to_timedelta(np.random.default_rng(3).integers(0, 86_400_000_000, len(frame)), unit="us")
    write(frame.assign(timestamp=frame["timestamp"] + moments, frequency="daily"), prices / "0.parquet")
    loaded, report = load()
    same(loaded, frame)
    assert report.frequency == b"1d"
    last = frame["timestamp"].iloc[10]
    same(load(end=last)[0], frame[frame["timestamp"] <= last])


@pytest.mark.parametrize("spelling", ["1d", "D", "daily", "Daily", "1D", "day"])
def test_spellings_of_daily(load, prices, spelling):
    frame = bars()
    write(
        frame.assign(frequency=spelling, timestamp=frame["timestamp"] + pd.Timedelta("18h37m")),
        prices / "0.parquet",
    )
    same(load()[0], frame)


def test_two_frequencies_need_a_choice(load, prices):
    frame = bars()
    hourly = bars(seed=2).assign(frequency="1h")
    hourly["timestamp"] += pd.Timedelta("10h")
    write(pd.concat([frame, hourly]), prices / "0.parquet")
    fails(load, "1d", "1h", "--frequency", status=DATA)
    same(load(frequency="D")[0], frame)
    same(load(frequency="hourly")[0], hourly)
    fails(load, "5m", "1d", "1h", status=NOT_FOUND, frequency="5m")


def test_rows_without_frequency_belong_to_the_only_one(load, prices):
    frame = bars(days=10)
    write(frame.iloc[:15], prices / "a.parquet")
    write(frame.iloc[15:].drop(columns="frequency"), prices / "b.parquet")
    same(load()[0], frame)


def test_intraday_without_frequency_stays_as_it_is(load, prices):
    frame = bars().drop(columns="frequency")
    frame["timestamp"] += pd.Timedelta("10h30m")
    write(frame, prices / "0.parquet")
    loaded, report = load()
    same(loaded, frame)
    assert report.frequency == b"unknown"


def test_several_currencies_are_refused(load, prices):
    frame = bars()
    frame.loc[frame["symbol"] == "BBB", "currency"] = "EUR"
    write(frame, prices / "0.parquet")
    fails(load, "USD", "EUR", status=DATA)
    same(load(symbols=["BBB"])[0], frame[frame["symbol"] == "BBB"])


def test_duplicates_newest_update_wins_whatever_the_file(load, prices):
    frame = bars(days=10)
    newer = frame.iloc[5:12].assign(updated_at=pd.Timestamp("2022-01-01"))
    newer[COLUMNS[:4]] *= 1.5
    older = frame.iloc[8:20].assign(updated_at=pd.Timestamp("2020-01-01"))
    older[COLUMNS[:4]] *= 0.5
    write(newer, prices / "a.parquet")
    write(frame, prices / "b.parquet")
    write(older, prices / "c.parquet")
    wanted = frame.copy()
    wanted.loc[newer.index, COLUMNS] = newer[COLUMNS]
    loaded, report = load()
    same(loaded, wanted)
    assert report.n_replaced == len(newer) + len(older)


def test_duplicates_created_at_where_there_is_no_update(load, prices):
    frame = bars(days=4)
    newer = frame.iloc[:3].assign(updated_at=pd.NaT, created_at=pd.Timestamp("2023-01-01"))
    newer["close_price"] += 1
    newer["high_price"] += 2
    write(newer, prices / "a.parquet")
    write(frame.assign(updated_at=pd.NaT), prices / "b.parquet")
    wanted = frame.copy()
    wanted.loc[newer.index, COLUMNS] = newer[COLUMNS]
    same(load()[0], wanted)


def test_duplicates_without_versions_the_later_file_wins_in_natural_order(load, prices):
    frame = bars(days=4).drop(columns=["updated_at", "created_at"])
    later = frame.copy()
    later[COLUMNS[:4]] *= 2
    write(frame, prices / "month=9" / "0.parquet")
    write(later, prices / "month=10" / "0.parquet")
    loaded, report = load()
    same(loaded, later)
    assert report.n_replaced == len(frame)


def test_duplicates_within_one_file(load, prices):
    frame = bars(days=4).drop(columns=["updated_at", "created_at"])
    again = frame.iloc[[2]].assign(close_price=51.25)
    write(pd.concat([frame, again]), prices / "0.parquet")
    fails(load, "AAA", "0.parquet", status=DATA)
    wanted = frame.copy()
    wanted.loc[wanted.index[2], "close_price"] = 51.25
    loaded, report = load(on_bad_data=1)
    same(loaded, wanted)
    assert report.n_dropped == 1


@pytest.mark.parametrize(
    "absent", [["open_price"], ["high_price", "low_price"], ["volume"], COLUMNS[:3] + ["volume"]]
)
def test_columns_may_be_absent(load, prices, absent):
    frame = bars().drop(columns=absent)
    write(frame, prices / "0.parquet")
    same(load()[0], frame)


def test_columns_absent_in_some_files_only(load, prices):
    frame = bars(days=12)
    write(frame.iloc[:20], prices / "a.parquet")
    write(frame.iloc[20:].drop(columns=["open_price", "volume", "currency"]), prices / "b.parquet")
    wanted = frame.copy().astype({"volume": float})
    wanted.loc[wanted.index[20:], ["open_price", "volume"]] = np.nan
    same(load()[0], wanted)


@pytest.mark.parametrize("absent", ["timestamp", "symbol", "close_price"])
def test_columns_that_must_be_there(load, prices, absent):
    write(bars().drop(columns=absent), prices / "0.parquet")
    fails(load, absent, status=DATA)


def test_missing_values_are_missing(load, prices):
    frame = bars(days=12).astype({"volume": float})
    frame.loc[frame.index[3], COLUMNS] = np.nan
    frame.loc[frame.index[7], "close_price"] = np.nan
    frame.loc[frame.index[9], ["open_price", "volume"]] = np.nan
    write(frame, prices / "0.parquet")
    loaded, report = load()
    same(loaded, frame)
    assert report.n_without_close == 2


def test_text_that_is_no_number_names_file_and_value(load, prices):
    frame = bars(days=5)
    write(frame.iloc[:8], prices / "good.parquet")
    bad = frame.iloc[8:].astype({"close_price": str})
    bad.loc[bad.index[1], "close_price"] = "12,5"
    write(bad, prices / "year=2021" / "bad.parquet")
    fails(load, "bad.parquet", "12,5", "close_price", status=DATA)


def test_text_that_is_no_date_names_file_and_value(load, prices):
    bad = bars().astype({"timestamp": str})
    bad.loc[bad.index[4], "timestamp"] = "yesterday"
    write(bad, prices / "bad.parquet")
    fails(load, "bad.parquet", "yesterday", status=DATA)


def test_empty_text_is_missing(load, prices):
    frame = bars()
    text = frame.astype({"open_price": str})
    text.loc[text.index[2], "open_price"] = " "
    write(text, prices / "0.parquet")
    frame.loc[frame.index[2], "open_price"] = np.nan
    same(load()[0], frame)


@pytest.mark.parametrize(
    "column, kind",
    [
        ("close_price", pa.bool_()),
        ("timestamp", pa.int64()),
        ("volume", pa.date32()),
        ("symbol", pa.float64()),
    ],
)
def test_columns_of_a_wrong_type(load, prices, column, kind):
    frame = bars(days=3)
    values = {"close_price": True, "timestamp": 7, "volume": datetime.date(2020, 1, 1), "symbol": 1.5}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    at = table.schema.get_field_index(column)
    table = table.set_column(at, column, pa.array([values[column]] * len(frame), kind))
    prices.mkdir(parents=True)
    pq.write_table(table, prices / "0.parquet")
    if column == "symbol":
        assert load(on_bad_data=1)[0].index.get_level_values("symbol").unique().tolist() == ["1.5"]
    else:
        fails(load, column, status=DATA)


def test_rows_without_symbol_or_timestamp(load, prices):
    frame = bars(days=10)
    holes = frame.copy()
    holes.loc[holes.index[4], "symbol"] = None
    holes.loc[holes.index[17], "timestamp"] = pd.NaT
    write(holes, prices / "holes.parquet")
    fails(load, "holes.parquet", "symbol", status=DATA)
    loaded, report = load(on_bad_data=1)
    same(loaded, frame.drop(index=[frame.index[4], frame.index[17]]))
    assert report.n_dropped == 2


@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, -np.inf])
def test_bad_prices_name_the_file(load, prices, value):
    frame = bars(days=10)
    frame.loc[frame.index[12], "close_price"] = value
    write(frame.iloc[:6], prices / "first.parquet")
    write(frame.iloc[6:], prices / "second.parquet")
    fails(load, "second.parquet", frame["symbol"].iloc[12], status=DATA)
    same(load(on_bad_data=1)[0], frame.drop(index=frame.index[12]))


def test_symbols_and_end(load, prices):
    frame = bars(
        symbols=["A", "AA", "BRK.B", "a", "Z_VERY_LONG_SYMBOL_NAME_1", "Z_VERY_LONG_SYMBOL_NAME_2"], days=30
    )
    write(frame.sort_values("timestamp"), prices / "0.parquet")
    some = ["Z_VERY_LONG_SYMBOL_NAME_2", "BRK.B", "a"]
    same(load(symbols=some)[0], frame[frame["symbol"].isin(some)])
    same(load()[0], frame)
    last = frame["timestamp"].iloc[13]
    same(load(end=last, symbols=["A"])[0], frame[(frame["symbol"] == "A") & (frame["timestamp"] <= last)])


def test_unknown_symbols_are_named_with_the_nearest(load, prices):
    write(bars(symbols=["AAPL", "MSFT", "GOOGL"]), prices / "0.parquet")
    message = fails(
        load, "APPL", "did you mean AAPL", "ZZZZZZZZ", status=NOT_FOUND, symbols=["APPL", "MSFT", "ZZZZZZZZ"]
    )
    assert "MSFT" not in message
    fails(load, "AAPL", "period", status=NOT_FOUND, symbols=["AAPL"], end="1990-01-01")
    fails(load, "x' OR '1'='1", status=NOT_FOUND, symbols=["x' OR '1'='1"])


def test_no_prices_table(load, prices):
    prices.mkdir(parents=True)
    fails(load, "assay import", status=NOT_FOUND)


def test_folder_names_are_not_sql(lib, tmp_path):
    folder = tmp_path / 'it\'s [a] *strange* "db"; --'
    frame = bars()
    write(frame, folder / "prices" / "o'clock?.parquet")
    same(lib.load(folder)[0], frame)


def test_damaged_files_are_named(load, prices):
    frame = bars(days=200)
    write(frame, prices / "good.parquet")
    whole = (prices / "good.parquet").read_bytes()
    damaged = {"empty": b"", "text": b"timestamp,symbol\n", "magic": b"PAR1", "zeros": bytes(5000)}
    for cut in (7, len(whole) // 3, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        damaged[f"cut{cut}"] = whole[:cut]
    middle = bytearray(whole)
    middle[4 : len(whole) // 2] = bytes(b ^ 0x5A for b in middle[4 : len(whole) // 2])
    damaged["flipped"] = bytes(middle)
    for name, content in damaged.items():
        bad = prices / "year=2020" / f"{name}.parquet"
        bad.parent.mkdir(exist_ok=True)
        bad.write_bytes(content)
        fails(load, bad, status=IO)
        bad.unlink()
    same(load()[0], frame)


def test_files_without_rows(load, prices):
    frame = bars()
    write(frame.iloc[:0], prices / "a.parquet")
    fails(load, status=DATA)
    write(frame, prices / "b.parquet")
    same(load()[0], frame)


def test_corporate_actions(lib, load, prices):
    frame = bars(days=10)
    write(frame, prices / "0.parquet")
    plain, _ = load()
    days = sorted(frame["timestamp"].unique())
    events = pd.DataFrame(
        {
            "symbol": ["AAA", "BBB", "BBB", "NOBODY", "AAA"],
            "ex_date": [days[3], days[4], days[5], days[3], days[3]],
            "split_ratio": [2.0, np.nan, 1.0, 3.0, 2.0],
            "cash_dividend": [0.0, 0.25, np.nan, 0.0, 0.0],
        }
    )
    write(events, prices.parent / "corporate_actions" / "0.parquet", ex_date=pa.date32())
    loaded, report = load()
    assert report.n_events == 2  # AAA's split once, BBB's dividend; a ratio of 1 is none
    same(loaded, frame)
    assert loaded.attrs["fingerprint"] != plain.attrs["fingerprint"]
    # The same events in the price rows count once, not twice.
    rows = frame.assign(split_coefficient=1.0, dividend_amount=0.0)
    rows.loc[(rows["symbol"] == "AAA") & (rows["timestamp"] == days[3]), "split_coefficient"] = 2.0
    rows.loc[(rows["symbol"] == "BBB") & (rows["timestamp"] == days[4]), "dividend_amount"] = 0.25
    write(rows, prices / "0.parquet")
    both, report = load()
    assert (report.n_events, both.attrs["fingerprint"]) == (2, loaded.attrs["fingerprint"])
    shutil.rmtree(prices.parent / "corporate_actions")
    alone, report = load()
    assert (report.n_events, alone.attrs["fingerprint"]) == (2, loaded.attrs["fingerprint"])


def test_thousands_of_small_files(load, prices):
    frame = bars(days=700, symbols=["AAA", "BBB"])
    for day, rows in frame.groupby("timestamp"):
        write(rows, prices / f"year={day.year}" / f"month={day.month}" / f"day={day.day}" / "0.parquet")
    many, report = load()
    same(many, frame)
    assert report.n_files == 700
    one, _ = load(threads=1)
    assert one.attrs["fingerprint"] == many.attrs["fingerprint"]


@pytest.mark.parametrize("seed", range(12))
def test_any_mixture_of_rows_and_files(load, prices, seed):
    """Rows in any order, in any files, with versions: pandas says what must come out."""
    rng = np.random.default_rng(seed)
    frame = bars(
        symbols=[f"S{i:02d}" for i in range(rng.integers(1, 30))], days=int(rng.integers(2, 120)), seed=seed
    )
    frame = frame.sample(frac=rng.uniform(0.5, 1), random_state=seed)
    copies = frame.sample(frac=rng.uniform(0, 0.5), random_state=seed + 1)
    copies = copies.assign(close_price=copies["close_price"] * 1.001)
    rows = pd.concat([frame, copies])
    versions = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.permutation(len(rows)), unit="s")
    rows = rows.assign(updated_at=versions).sample(frac=1, random_state=seed + 2)
    units = [pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("s"), pa.date32()]
    for i, part in enumerate(pieces(rows, rng.integers(1, 9))):
        if len(part):
            options = {"timestamp": units[rng.integers(4)]}
            if rng.random() < 0.5:
                options["symbol"] = "dictionary"
            write(part, prices / f"year={rng.integers(2)}" / f"{i}.parquet", **options)
    wanted = rows.sort_values("updated_at").drop_duplicates(["timestamp", "symbol"], keep="last")
    loaded, report = load(threads=int(rng.integers(1, 3)))
    same(loaded, wanted)
    assert report.n_replaced == len(rows) - len(wanted)
