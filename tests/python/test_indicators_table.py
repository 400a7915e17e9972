"""`assay indicators`: the table technical_analysis, computed from prices, beside what others have written into it."""

import json
import os
import pathlib
import subprocess

import duckdb
import pandas
import pytest

BINARY = os.environ.get("ASSAY_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "assay"))
N_COLUMNS = 21


def assay(*args, code=0):
    done = subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def db(tmp_path):
    folder = tmp_path / "db"
    assay("sample", "--db", folder, "--symbols", 12, "--days", 320)
    return folder


def table(db, name="technical_analysis"):
    return duckdb.sql(f"SELECT * FROM read_parquet('{db}/{name}/**/*.parquet', union_by_name=true)").df()


def split_adjusted(db, symbol):
    """Closes as they are seen at the end, by pandas."""
    prices = table(db, "prices")
    prices = prices[prices.symbol == symbol].sort_values("timestamp").dropna(subset=["close_price"])
    events = table(db, "corporate_actions")
    events = events[(events.symbol == symbol) & (events.split_ratio > 0) & (events.split_ratio != 1)]
    close = prices.close_price.to_numpy().copy()
    for _, event in events.iterrows():
        close[prices.timestamp.to_numpy() < event.ex_date.to_datetime64()] /= event.split_ratio
    return prices.timestamp.to_numpy(), close


def test_columns_are_those_of_the_table_and_agree_with_pandas(db):
    said = assay("indicators", "--db", db)
    assert said.startswith(f"technical_analysis: {N_COLUMNS} columns, 12 symbols, ")
    rows = table(db)
    prices = table(db, "prices").dropna(subset=["close_price"])
    assert len(rows) == len(prices) and set(rows.frequency) == {"1d"}
    assert {"sma_20", "ema_26", "rsi_14", "macd_histogram", "bb_pct", "volume", "volume_sma_20"} <= set(
        rows.columns
    )
    for symbol in sorted(set(rows.symbol))[:4]:
        time, close = split_adjusted(db, symbol)
        mine = rows[rows.symbol == symbol].sort_values("timestamp")
        assert (mine.timestamp.to_numpy() == time).all()
        last = pandas.Series(close).rolling(20).mean().to_numpy()[-1]
        assert mine.sma_20.to_numpy()[-1] == pytest.approx(last, rel=1e-9, nan_ok=True)
        deviation = pandas.Series(close).rolling(20).std(ddof=0).to_numpy()[-1]
        assert mine.bb_upper.to_numpy()[-1] == pytest.approx(last + 2 * deviation, rel=1e-9, nan_ok=True)


def test_a_second_time_replaces_and_adds_nothing(db):
    assay("indicators", "--db", db)
    before = table(db).sort_values(["symbol", "timestamp"]).reset_index(drop=True)
    said = assay("indicators", "--db", db)
    assert f"{len(before)} rows: 0 new, {len(before)} replaced" in said
    after = table(db).sort_values(["symbol", "timestamp"]).reset_index(drop=True)
    pandas.testing.assert_frame_equal(before.drop(columns="updated_at"), after.drop(columns="updated_at"))


def test_a_table_of_others_keeps_its_rows_columns_and_folders(db):
    prices = table(db, "prices")
    days = sorted(prices.timestamp.unique())[:4]
    for day in days:
        folder = db / "technical_analysis" / f"year={day.year}" / f"month={day.month}" / f"day={day.day}"
        folder.mkdir(parents=True)
        here = prices[prices.timestamp == day]
        pandas.DataFrame(
            {
                "timestamp": here.timestamp + pandas.Timedelta(hours=9),
                "symbol": here.symbol.astype("category"),
                "frequency": "daily",
                "mine": 1.5,
                "obv": "text",
            }
        ).to_parquet(folder / "0.parquet", index=False)
        pandas.DataFrame(
            {"timestamp": [day], "symbol": ["OTHER"], "frequency": ["1d"], "mine": [2.5]}
        ).to_parquet(folder / "1.parquet", index=False)
    assay(
        "indicators",
        "--db",
        db,
        "--column",
        "obv",
        "--column",
        "trend=close / lag(close, 1) - 1",
        "--end",
        pandas.Timestamp(days[-1]).date(),
    )
    rows = table(db)
    own = rows[rows.symbol != "OTHER"]
    assert len(rows[rows.symbol == "OTHER"]) == len(days)
    assert (own.mine == 1.5).all() and len(own) == len(
        prices[prices.timestamp <= days[-1]].dropna(subset=["close_price"])
    )
    assert own.obv.notna().all() and rows[rows.symbol == "OTHER"].obv.isna().all()
    assert own.trend.notna().sum() == len(own) - own.symbol.nunique()
    assert len(list((db / "technical_analysis").rglob("*.parquet"))) == 2 * len(days)


def test_what_is_written_is_what_a_rule_computes(db, tmp_path):
    rule = tmp_path / "rule.yaml"
    rule.write_text("rule:\n  buy: rsi_14 < 40\n  sell: rsi_14 > 60\n")
    computed = json.loads(assay("run", f"rule:{rule}", "--db", db, "--no-store", "--format", "json"))[
        "metrics"
    ]
    assay("indicators", "--db", db, "--column", "rsi_14")
    stored = json.loads(assay("run", f"rule:{rule}", "--db", db, "--no-store", "--format", "json"))["metrics"]
    assert computed["total_trades"] > 10
    assert computed == stored


def test_refusals(db):
    for column, part in [
        ("x=emaa(close, 3)", "character 1: there is no function 'emaa': did you mean 'ema'?"),
        ("nothing", "no such indicator"),
        ("symbol=close", "cannot be a column"),
        ("a-b=close", "cannot be a column"),
        ("x=held > 0", "needs a portfolio"),
    ]:
        done = subprocess.run(
            [BINARY, "indicators", "--db", str(db), "--column", column], capture_output=True, text=True
        )
        assert done.returncode != 0 and part in done.stderr, done.stderr
    assert not (db / "technical_analysis").exists()
