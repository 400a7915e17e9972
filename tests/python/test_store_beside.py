"""What a panel has beside prices: sectors, a benchmark, columns by name, each as known at its bar (docs/database.md)."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_store_support import StoreError, bars, library, write

NOT_FOUND, DATA = 6, 4


@pytest.fixture(scope="module")
def lib():
    return library()


@pytest.fixture
def db(tmp_path):
    write(bars(days=400), tmp_path / "db" / "prices" / "0.parquet", symbol="dictionary")
    return tmp_path / "db"


def refused(call, *words, status):
    with pytest.raises(StoreError) as caught:
        call()
    for word in words:
        assert str(word) in str(caught.value)
    assert caught.value.status == status


def table(*rows, **columns):
    """Rows of (date, symbol, ...) with the names of the columns behind."""
    frame = pd.DataFrame(rows, columns=["timestamp", "symbol", *columns.pop("names")])
    frame["timestamp"] = pd.to_datetime(frame["timestamp"])
    return frame.assign(**columns)


def known(facts, times, max_age=400):
    """The rule in plain words: facts are (available, timestamp, value), all of one symbol."""
    series = []
    for time in times:
        seen = [f for f in facts if f[0] < time + pd.Timedelta("1D") and np.isfinite(f[2])]
        newest = max(seen, key=lambda f: (f[1], f[0]), default=None)
        fresh = newest is not None and time - newest[0] <= pd.Timedelta(days=max_age)
        series.append(newest[2] if fresh else np.nan)
    return series


# --- sectors ---


def test_sectors_are_those_of_the_newest_row(lib, db):
    frame = table(
        ("2020-01-02", "AAA", "Old"),
        ("2020-03-02", "AAA", " Tech "),
        ("2020-04-02", "AAA", None),
        ("2020-04-03", "AAA", ""),
        ("2030-01-01", "AAA", "Future"),
        ("2020-01-02", "BBB", "Energy"),
        ("2020-01-02", "ZZZ", "Other"),
        names=["sector"],
    )
    write(frame, db / "fundamental_analysis" / "a" / "0.parquet", sector="dictionary", symbol="dictionary")
    assert lib.sectors(db) == {"AAA": "Tech", "BBB": "Energy", "CCC": None}
    assert lib.sectors(db, given={"BBB": "Mine", "CCC": "Mine"}) == {
        "AAA": "Tech",
        "BBB": "Mine",
        "CCC": "Mine",
    }
    assert lib.sectors(db, end="2020-02-01")["AAA"] == "Old"


def test_sectors_of_one_time_are_those_of_the_newest_version(lib, db):
    frame = table(
        ("2020-01-02", "AAA", "new", pd.Timestamp("2021-01-02")),
        ("2020-01-02", "AAA", "old", pd.Timestamp("2021-01-01")),
        names=["Sector", "updated_at"],
    )
    write(frame, db / "fundamental_analysis" / "0.parquet")
    assert lib.sectors(db)["AAA"] == "new"


def test_no_sectors_where_no_table_has_them(lib, db):
    assert lib.sectors(db, given={"AAA": "Mine"}) == {"AAA": "Mine", "BBB": None, "CCC": None}
    write(table(("2020-01-02", "AAA", 1.0), names=["pe_ratio"]), db / "fundamental_analysis" / "0.parquet")
    assert set(lib.sectors(db).values()) == {None}


def test_sectors_that_are_no_text(lib, db):
    frame = table(("2020-01-02", "AAA", pd.Timestamp("2020-01-01")), names=["sector"])
    write(frame, db / "fundamental_analysis" / "0.parquet")
    refused(lambda: lib.sectors(db), "fundamental_analysis", "sector", "text", status=DATA)


# --- the benchmark ---


def test_benchmark_is_the_same_inside_and_outside_of_the_panel(lib, db):
    closes = bars(days=400).pivot(index="timestamp", columns="symbol", values="close_price")
    inside, outside = lib.benchmark(db, "BBB"), lib.benchmark(db, "BBB", symbols=["AAA", "CCC"])
    pd.testing.assert_series_equal(inside, outside)
    np.testing.assert_allclose(inside.to_numpy(), closes["BBB"].pct_change().to_numpy(), rtol=1e-12)


def test_benchmark_has_the_end_and_frequency_of_the_panel(lib, db):
    hourly = bars(symbols=["SPY"], days=3, seed=4).assign(frequency="1h")
    daily = bars(symbols=["SPY"], days=400, seed=5)
    write(pd.concat([hourly, daily]), db / "prices" / "spy.parquet")
    wanted = daily.set_index("timestamp")["close_price"].pct_change()[:"2020-06-30"]
    got = lib.benchmark(db, "SPY", symbols=["AAA"], end="2020-06-30")
    np.testing.assert_allclose(got.to_numpy(), wanted.to_numpy(), rtol=1e-12)


def test_benchmark_that_is_not_there(lib, db):
    refused(lambda: lib.benchmark(db, "AAB"), "benchmark", "AAB", "did you mean", status=NOT_FOUND)


def test_benchmark_of_another_time(lib, db):
    write(bars(symbols=["OLD"], start="1990-01-01"), db / "prices" / "old.parquet")
    refused(lambda: lib.benchmark(db, "OLD", symbols=["AAA"]), "OLD", "no return", status=DATA)


# --- columns: fundamentals ---


def test_fundamentals_are_known_after_the_lag(lib, db):
    frame = table(
        ("2019-12-31", "AAA", 10.0),
        ("2020-03-31", "AAA", 11.0),
        ("2020-03-31", "BBB", 21.0),
        names=["pe_ratio"],
    )
    write(frame, db / "fundamental_analysis" / "0.parquet", symbol="dictionary")
    for lag in (0, 1, 90):
        got = lib.columns(db, "PE_Ratio", lag_days=lag)["PE_Ratio"]
        for symbol in ("AAA", "BBB", "CCC"):
            rows = frame[frame["symbol"] == symbol]
            facts = [(t + pd.Timedelta(days=lag), t, v) for t, v in zip(rows["timestamp"], rows["pe_ratio"])]
            np.testing.assert_array_equal(got[symbol].to_numpy(), known(facts, got.index))


def test_a_value_is_dropped_when_it_is_old(lib, db):
    frame = table(("2020-01-06", "AAA", 10.0), names=["roe"])
    write(frame, db / "fundamental_analysis" / "0.parquet")
    got = lib.columns(db, "roe", lag_days=0, max_age_days=30)["roe"]["AAA"]
    assert got["2020-01-06":"2020-02-05"].eq(10).all() and got["2020-02-06":].isna().all()


def test_availability_that_the_table_says(lib, db):
    """available_at, else filing_date, else the lag; a restatement of an old period does not hide a newer one."""
    frame = table(
        ("2019-12-31", "AAA", 1.0, pd.Timestamp("2020-02-20 16:30"), pd.Timestamp("2020-02-01")),
        ("2020-03-31", "AAA", 2.0, None, pd.Timestamp("2020-05-01")),
        ("2020-06-30", "AAA", 3.0, None, None),
        ("2020-03-31", "AAA", 2.5, pd.Timestamp("2020-06-01"), None),
        ("2020-03-31", "AAA", 2.7, pd.Timestamp("2020-12-01"), None),
        ("2021-01-05", "AAA", np.nan, pd.Timestamp("2021-01-06"), None),
        names=["eps", "available_at", "filing_date"],
    )
    write(
        frame.sample(frac=1, random_state=1),
        db / "fundamental_analysis" / "0.parquet",
        filing_date=pa.date32(),
    )
    got = lib.columns(db, "eps")["eps"]["AAA"]
    facts = [
        (row.available_at, row.timestamp, row.eps)
        if pd.notna(row.available_at)
        else (
            row.filing_date if pd.notna(row.filing_date) else row.timestamp + pd.Timedelta("90D"),
            row.timestamp,
            row.eps,
        )
        for row in frame.itertuples()
    ]
    np.testing.assert_array_equal(got.to_numpy(), known(facts, got.index))
    assert got["2020-02-19"] != got["2020-02-20"] == 1.0


def test_rows_after_the_end_are_not_read(lib, db):
    frame = table(("2020-01-06", "AAA", "1.5"), ("2020-12-01", "AAA", "oops"), names=["beta_5y"])
    write(frame, db / "fundamental_analysis" / "0.parquet")
    got = lib.columns(db, "beta_5y", lag_days=0, end="2020-11-30")["beta_5y"]["AAA"]
    assert got.dropna().eq(1.5).all()
    refused(
        lambda: lib.columns(db, "beta_5y"),
        "fundamental_analysis/0.parquet",
        "beta_5y",
        '"oops"',
        "AAA",
        "2020-12-01",
        "not a number",
        status=DATA,
    )


# --- columns: technicals ---


@pytest.fixture
def technicals(db):
    """A folder a day, as their writer leaves it; the frame of what is there."""
    frame = bars(days=30)[["timestamp", "symbol"]]
    frame["rsi_14"] = np.random.default_rng(5).uniform(0, 100, len(frame))
    frame["frequency"] = np.resize(["1d", "daily", "D"], len(frame))
    for day, rows in frame.groupby("timestamp"):
        folder = db / "technical_analysis" / f"year={day.year}" / f"month={day.month}" / f"day={day.day}"
        moved = rows.assign(timestamp=rows["timestamp"] + pd.Timedelta("17h"))
        write(moved, folder / "0.parquet", symbol="dictionary", timestamp=pa.timestamp("ns"))
    return frame


def test_technicals_of_the_runs_frequency(lib, db, technicals):
    hourly = table(("2020-01-06 10:00", "AAA", -1.0), names=["rsi_14"], frequency="1h")
    write(hourly, db / "technical_analysis" / "hourly.parquet")
    got = lib.columns(db, "rsi_14", end=technicals["timestamp"].max())["rsi_14"]
    wanted = technicals.pivot(index="timestamp", columns="symbol", values="rsi_14")
    np.testing.assert_array_equal(got.to_numpy(), wanted.to_numpy())


def test_newest_version_wins_and_holes_keep_the_last_value(lib, db):
    frame = table(
        ("2020-01-02", "AAA", 1.0, pd.Timestamp("2021-01-01")),
        ("2020-01-03", "AAA", 9.0, pd.Timestamp("2021-01-01")),
        ("2020-01-03", "AAA", 2.0, pd.Timestamp("2021-01-02")),
        ("2020-01-06", "AAA", 9.0, pd.Timestamp("2021-01-01")),
        ("2020-01-06", "AAA", np.nan, pd.Timestamp("2021-01-02")),
        ("2020-01-07", "AAA", np.inf, pd.Timestamp("2021-01-02")),
        ("2020-01-08", "AAA", 3.0, None),
        names=["macd", "updated_at"],
    )
    write(frame.iloc[::-1], db / "technical_analysis" / "0.parquet")
    got = lib.columns(db, "macd", end="2020-01-09")["macd"]["AAA"]
    assert got["2020-01-02":].tolist() == [1, 2, 2, 2, 3, 3]


def test_later_file_wins_among_rows_without_versions(lib, db):
    for name, value in (("month=10", 2.0), ("month=9", 1.0)):
        write(
            table(("2020-01-02", "AAA", value), names=["x"]), db / "technical_analysis" / name / "0.parquet"
        )
    assert lib.columns(db, "x")["x"]["AAA"]["2020-01-02"] == 2


def test_intraday_technicals_are_seen_at_their_own_bar(lib, tmp_path):
    db = tmp_path / "db"
    frame = bars(symbols=["AAA"], days=1)
    hours = pd.date_range("2020-01-02 10:00", periods=6, freq="h")
    prices = pd.concat([frame.assign(timestamp=hour, frequency="1h") for hour in hours])
    write(prices, db / "prices" / "0.parquet")
    write(
        pd.DataFrame({"timestamp": hours[1:], "symbol": "AAA", "frequency": "60min", "ema_12": range(5)}),
        db / "technical_analysis" / "0.parquet",
    )
    got = lib.columns(db, "ema_12")["ema_12"]["AAA"]
    assert np.isnan(got.iloc[0]) and got.iloc[1:].tolist() == [0, 1, 2, 3, 4]


# --- columns: prices, and where they come from ---


def test_extra_columns_of_prices_hold_at_their_bar(lib, db):
    frame = bars(days=400)
    frame["vwap"] = np.where(frame.index % 3 == 0, np.nan, frame["close_price"] * 1.01)
    write(frame, db / "prices" / "0.parquet")
    got = lib.columns(db, "vwap")["vwap"]
    wanted = frame.pivot(index="timestamp", columns="symbol", values="vwap")
    np.testing.assert_array_equal(got.to_numpy(), wanted.to_numpy())
    refused(lambda: lib.columns(db, "close_price"), "close_price", status=NOT_FOUND)


def test_order_of_the_tables(lib, db):
    write(bars(days=400).assign(a=3.0, b=3.0, c=3.0), db / "prices" / "0.parquet")
    write(table(("2020-01-02", "AAA", 2.0, 2.0), names=["a", "b"]), db / "fundamental_analysis" / "0.parquet")
    write(table(("2020-01-02", "AAA", 1.0), names=["a"]), db / "technical_analysis" / "0.parquet")
    got = lib.columns(db, "c", "b", "a", lag_days=0)
    assert [got[name]["AAA"].iloc[5] for name in "abc"] == [1, 2, 3]


def test_a_table_without_a_value_for_the_run_is_passed_over(lib, db):
    write(table(("2020-01-02", "ZZZ", 1.0), names=["a"]), db / "technical_analysis" / "0.parquet")
    refused(lambda: lib.columns(db, "a"), "technical_analysis", "no value", "1d", status=NOT_FOUND)
    write(table(("2020-01-02", "AAA", 2.0), names=["a"]), db / "fundamental_analysis" / "0.parquet")
    assert lib.columns(db, "a", lag_days=0)["a"]["AAA"].iloc[5] == 2


def test_unknown_columns(lib, db):
    refused(
        lambda: lib.columns(db, "pe_ratoi"),
        "pe_ratoi",
        "technical_analysis (which is not there)",
        "fundamental_analysis (which is not there)",
        "prices",
        status=NOT_FOUND,
    )
    write(table(("2020-01-02", "AAA", 1.0), names=["pe_ratio"]), db / "fundamental_analysis" / "0.parquet")
    refused(lambda: lib.columns(db, "pe_ratoi"), "did you mean pe_ratio?", status=NOT_FOUND)
    assert list(lib.columns(db, "nothing", "pe_ratio", optional=True)) == ["pe_ratio"]


def test_columns_that_are_no_numbers(lib, db):
    frame = table(("2020-01-02", "AAA", pd.Timestamp("2020-01-01")), names=["reported"])
    write(frame, db / "fundamental_analysis" / "0.parquet")
    refused(lambda: lib.columns(db, "reported"), "reported", "numbers", status=DATA)


def test_a_table_without_its_key(lib, db):
    write(pd.DataFrame({"symbol": ["AAA"], "a": [1.0]}), db / "technical_analysis" / "0.parquet")
    refused(lambda: lib.columns(db, "a"), "technical_analysis", "timestamp", status=DATA)


def test_a_damaged_file(lib, db):
    (db / "technical_analysis").mkdir()
    (db / "technical_analysis" / "0.parquet").write_bytes(b"PAR1 not really PAR1")
    refused(lambda: lib.columns(db, "a"), "technical_analysis/0.parquet", "restore", status=3)


# --- through the program ---


RULE = """\
strategy: rule
rule:
  buy: pe_ratio < 12 and column(vwap) > 0
  sell: pe_ratio >= 12
engine: {benchmark: CCC, lag_days: 1, max_age_days: 100}
"""


def test_a_run_sees_all_of_it(assay, db, tmp_path):
    write(bars(days=400).assign(vwap=1.0), db / "prices" / "0.parquet")
    frame = table(
        ("2020-01-06", "AAA", 10.0, "Tech"),
        ("2020-03-02", "AAA", 15.0, "Tech"),
        ("2020-02-03", "BBB", 11.0, "Energy"),
        names=["pe_ratio", "sector"],
    )
    write(frame, db / "fundamental_analysis" / "0.parquet", symbol="dictionary", sector="dictionary")
    (tmp_path / "rule.yaml").write_text(RULE)
    assay("run", "--config", tmp_path / "rule.yaml", "--db", db, "--run-id", "r")
    signals = pd.read_parquet(next((db / "backtest_signals").rglob("r.parquet")))
    first = signals.groupby(["symbol", "action"])["timestamp"].agg(["min", "max"]).astype(str)
    assert first.loc[("AAA", "BUY")].tolist() == ["2020-01-07", "2020-03-02"]
    assert first.loc[("AAA", "SELL")].tolist() == ["2020-03-03", "2020-06-11"]  # 100 days after 2020-03-03
    assert first.loc[("BBB", "BUY")].tolist() == ["2020-02-04", "2020-05-14"]
    assert "CCC" not in set(signals["symbol"])
    assert "reproduced" in assay("reproduce", "r", "--db", db).stdout
    rotation = assay("run", "sector_rotation", "--db", db, "--set", "lookback=20", "--run-id", "s").stdout
    assert "0 signals" not in rotation
    done = assay("run", "sector_rotation", "--db", db, "--set", "benchmark=CC", code=None)
    assert done.returncode != 0 and "benchmark" in done.stderr and "CCC" in done.stderr
