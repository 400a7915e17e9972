"""`assay import` of the dialects that files come in: what is recognised, and what is refused because it is not certain."""

import bz2
import gzip
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.cli_long
DAYS = pd.to_datetime(["2020-01-02", "2020-01-31", "2020-02-03"])
CLOSES = [1234.5, 1240.25, 0.75]


@pytest.fixture
def load(assay, tmp_path):
    """Imports a file of these bytes: (report, rows as pandas reads them)."""

    def run(text, *args, name="AAA.csv", code=0):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = assay("import", file, "--db", tmp_path / "db", "--format", "json", *args, code=code)
        if code != 0:
            assert not list((tmp_path / "db").rglob("*.parquet"))
            return " ".join(done.stderr.split())
        files = sorted((tmp_path / "db" / "prices").rglob("*.parquet"))
        frame = pd.concat([pq.read_table(f, partitioning=None).to_pandas() for f in files])
        return json.loads(done.stdout), frame.sort_values(["symbol", "timestamp"], ignore_index=True)

    return run


def rows(dates, closes=CLOSES, delimiter=";"):
    return "".join(f"{d}{delimiter}{c}\n" for d, c in zip(dates, closes))


DATES = {
    "%Y-%m-%d": "ISO 8601",
    "%Y/%m/%d": "ISO 8601",
    "%Y%m%d": "%Y%m%d",
    "%d/%m/%Y": "%d/%m/%Y",
    "%m/%d/%Y": "%m/%d/%Y",
    "%d-%m-%Y": "%d-%m-%Y",
    "%d.%m.%Y": "%d.%m.%Y",
    "%b %d, %Y": "%b %d, %Y",
    "%B %d, %Y": "%B %d, %Y",
    "%d-%b-%Y": "%d-%b-%Y",
    "%d/%m/%Y %H:%M": "%d/%m/%Y",
    "%m/%d/%Y %I:%M:%S %p": "%m/%d/%Y",
}


@pytest.mark.parametrize("form", DATES)
def test_forms_of_dates(load, form):
    report, frame = load("Date;Close\n" + rows(DAYS.strftime(form)))
    assert frame["timestamp"].tolist() == DAYS.tolist() and frame["close_price"].tolist() == CLOSES
    assert report["recognised"][0]["date_format"] == DATES[form]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_epochs(load, unit):
    stamps = DAYS + pd.Timedelta("14h30m")
    numbers = stamps.as_unit(unit).astype("int64")
    report, frame = load("timestamp;close\n" + rows(numbers), "--frequency", "1m")
    assert frame["timestamp"].tolist() == stamps.tolist()
    assert report["recognised"][0]["date_format"].startswith("epoch ")


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y"])
def test_order_of_day_and_month_is_decided_by_the_whole_column_or_asked_for(load, form):
    low = pd.date_range("2020-01-01", periods=12 * 200).to_series()
    low = low[low.dt.day <= 12]
    text = "Date;Close\n" + rows(low.dt.strftime(form), [5.5] * len(low))
    said = load(text, code=1)
    assert "--date-format" in said and "%d/%m/%Y" in said and "%m/%d/%Y" in said
    _, frame = load(text, "--date-format", form)
    assert frame["timestamp"].tolist() == low.tolist()
    last = pd.Timestamp("2027-01-31")
    _, frame = load(text + rows([last.strftime(form)]), "--on-bad-data", "drop")
    assert frame["timestamp"].tolist() == [*low, last]


def test_a_date_against_the_order_of_the_column_is_named(load):
    said = load("Date;Close\n" + rows(["31/01/2020", "30/01/2020", "01/29/2020"]), code=1)
    assert "line 4" in said and "01/29/2020" in said and "%d/%m/%Y" in said


def test_decimal_commas_and_groups(load):
    text = "Date;Open;Close;Volume\n31.01.2020;1.234,56;1.230,5;1.000\n03.02.2020;35,56;31,5;2.345.000\n"
    report, frame = load(text)
    assert frame["open_price"].tolist() == [1234.56, 35.56]
    assert frame["volume"].tolist() == [1000, 2345000]
    assert (report["recognised"][0]["decimal"], report["recognised"][0]["delimiter"]) == (",", ";")


def test_groups_with_a_point_and_signs_of_money(load):
    text = 'Date,Close/Last,Volume\n01/31/2020,"$1,234.56","1,234,000"\n02/03/2020,$99.5,25.5M\n'
    report, frame = load(text)
    assert frame["close_price"].tolist() == [1234.56, 99.5]
    assert frame["volume"].tolist() == [1234000, 25500000]
    assert report["recognised"][0]["dialect"] == "Nasdaq"


def test_a_mark_that_may_be_either_is_asked_for(load):
    text = "Date;Close\n2020-01-31;1.234\n2020-02-03;5.678\n"
    assert "--decimal" in load(text, code=1)
    assert load(text, "--decimal", ",")[1]["close_price"].tolist() == [1234, 5678]
    assert load(text, "--decimal", ".")[1]["close_price"].tolist() == [1.234, 5.678]


def test_time_zones_are_stored_as_utc(load):
    text = "date,close\n2020-01-31 09:30:00,1\n2020-07-31 09:30:00,2\n2020-07-31T09:30:00+09:00,3\n"
    args = ("--frequency", "1m", "--time-zone", "America/New_York")
    wanted = ["2020-01-31 14:30", "2020-07-31 00:30", "2020-07-31 13:30"]
    _, frame = load(text, *args)
    assert frame["timestamp"].tolist() == [pd.Timestamp(t) for t in wanted]


def test_a_daily_row_counts_for_the_date_that_it_says(load):
    _, frame = load("date,close\n2020-01-31T00:00:00+09:00,1\n")
    assert frame["timestamp"].tolist() == [pd.Timestamp("2020-01-31")]


WIDE = {
    "kaggle": "Date,AAPL,MSFT\n{0},1.5,2.5\n{1},,3.5\n",
    "suffix": "Date,AAPL Close,MSFT Close\n{0},1.5,2.5\n{1},,3.5\n",
    "prefix": "Date,Close_AAPL,Close_MSFT,Adj Close_AAPL\n{0},1.5,2.5,9\n{1},,3.5,9\n",
    "yfinance": "Price,Close,Close,Adj Close\nTicker,AAPL,MSFT,MSFT\nDate,,,\n{0},1.5,2.5,9\n{1},,3.5,9\n",
    "bloomberg": "Prices\nStart,2020\n\n,AAPL US Equity,,MSFT US Equity,\nDates,PX_LAST,PX_OPEN,PX_LAST,PX_OPEN\n"
    "{0},1.5,1,2.5,2\n{1},#N/A N/A,,3.5,#N/A N/A\n",
    "bloomberg, one row": "Date,AAPL US Equity,MSFT US Equity\n{0},1.5,2.5\n{1},#N/A N/A,3.5\n",
}


@pytest.mark.parametrize("kind", WIDE)
def test_wide_tables(load, kind):
    report, frame = load(WIDE[kind].format("2020-01-31", "2020-02-03"))
    found = [(r.symbol, f"{r.timestamp:%d.%m.}", r.close_price) for r in frame.itertuples()]
    assert found == [("AAPL", "31.01.", 1.5), ("MSFT", "31.01.", 2.5), ("MSFT", "03.02.", 3.5)]
    assert ("Bloomberg" in report["recognised"][0]["dialect"]) == kind.startswith("bloomberg")


def test_bad_cells_of_wide_tables_have_their_line(load):
    said = load("Date,AAPL,MSFT\n2020-01-31,1.5,2.5\n2020-02-03,1,x\n", code=1)
    assert "line 3" in said and '"x"' in said


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1", "gzip"])
def test_encodings_and_line_ends(load, encoding):
    text = 'Date,Symbol,Close,Anmerkung\r\n"2020-01-31","AÄA",1.5,"a, ""b"""\r\n2020-02-03,AÄA,2.5,é\r\n'
    data = gzip.compress(text.encode()) if encoding == "gzip" else text.encode(encoding)
    report, frame = load(data, name="a.csv.gz" if encoding == "gzip" else "a.csv")
    assert frame["close_price"].tolist() == [1.5, 2.5] and set(frame["symbol"]) == {"AÄA"}
    assert report["recognised"][0]["columns"]["close"] == "Close"
    assert report["recognised"][0]["not_used"] == ["Anmerkung"]


@pytest.mark.parametrize(
    "data, word",
    [
        (bz2.compress(b"Date,Close\n"), "bzip2"),
        (b"PK\x03\x04xx", "zip"),
        (b"\xfd7zXZ\0", "xz"),
        (b"", "empty"),
    ],
)
def test_files_that_are_not_read_are_named(load, data, word):
    assert word in load(data, code=1)


def test_lines_before_and_after_the_table(load):
    text = "Exported by X\n\nDate,Close,Volume\n2020-01-31,1.5,10\n2020-02-03,2.5,20\nSource: X\n"
    report, frame = load(text)
    assert frame["close_price"].tolist() == [1.5, 2.5]
    assert (report["recognised"][0]["header_line"], report["recognised"][0]["footer_lines"]) == (3, 1)


def test_columns_may_be_named(load):
    report, frame = load(
        "Datum;Kurs\n31.01.2020;1,5\n", "--columns", "timestamp=Datum,close=Kurs", "--symbol", "X"
    )
    assert frame["close_price"].tolist() == [1.5] and frame["symbol"].tolist() == ["X"]
    assert report["recognised"][0]["columns"]["timestamp"] == "Datum"


def test_dry_run_reports_the_same_and_makes_no_database(assay, tmp_path):
    (tmp_path / "AAA.csv").write_text("Date,Close\n2020-01-31,1.5\n")
    args = ("import", tmp_path / "AAA.csv", "--db", tmp_path / "db", "--format", "json")
    dry = json.loads(assay(*args, "--dry-run").stdout)
    assert not (tmp_path / "db").exists()
    wet = json.loads(assay(*args).stdout)
    assert dry["dry_run"] and not wet["dry_run"] and dry["recognised"] == wet["recognised"]
    assert (dry["new"], dry["files_written"], wet["new"], wet["files_written"]) == (1, 0, 1, 1)


def test_folders_count_as_one(assay, tmp_path):
    folder, db = tmp_path / "in", tmp_path / "db"
    (folder / "sub").mkdir(parents=True)
    for name in ("A", "B", "sub/C"):
        (folder / f"{name}.csv").write_text("Date,Close\n2020-01-31,1.5\n")
    (folder / "D.csv").write_text("Date;Close\n31.01.2020;1,5\n")
    (folder / "bad.csv").write_text("Date,Close\n2020-01-31,x\n")
    assert "bad.csv" in assay("import", folder, "--db", db, code=1).stderr
    assert not list(db.rglob("*.parquet"))
    (folder / "bad.csv").unlink()
    done = json.loads(assay("import", folder, "--db", db, "--format", "json").stdout)
    assert [g["files"] for g in done["recognised"]] == [3, 1]
    frame = pq.read_table(db / "prices" / "year=2020" / "0.parquet", partitioning=None).to_pandas()
    assert frame["symbol"].tolist() == ["A", "B", "C", "D"]
    assert frame["data_source"].tolist() == ["A.csv", "B.csv", "C.csv", "D.csv"]
    (folder / "again.csv").write_text("Date,Symbol,Close\n2020-01-31,A,1.5\n")
    said = " ".join(assay("import", folder, "--db", db, code=1).stderr.split())
    assert "A.csv" in said and "again.csv" in said
