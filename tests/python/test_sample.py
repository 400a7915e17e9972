"""The sample market as a database: the same each time, and statistically what it promises to be."""

import csv
import hashlib
import subprocess

import duckdb
import numpy as np
import pytest

pytestmark = pytest.mark.cli_long

COLUMNS = "timestamp, symbol, open_price, high_price, low_price, close_price, volume"


def query(assay, db, sql):
    return list(csv.DictReader(assay("sql", sql, "--db", db, "--format", "csv").stdout.splitlines()))


def digest(assay, db):
    """A hash of every price and corporate action as text."""
    prices = assay(
        "sql", f"SELECT {COLUMNS} FROM prices ORDER BY symbol, timestamp", "--db", db, "--format", "csv"
    )
    events = assay(
        "sql",
        "SELECT symbol, ex_date, split_ratio, cash_dividend FROM corporate_actions ORDER BY ALL",
        "--db", db, "--format", "csv",
    )  # fmt: skip
    return hashlib.sha256((prices.stdout + events.stdout).encode()).hexdigest()


def test_same_options_same_market(assay, tmp_path):
    options = ["--symbols", 30, "--days", 300]
    for name, seed in [("a", 5), ("b", 5), ("c", 6)]:
        assay("sample", "--db", tmp_path / name, *options, "--seed", seed)
    assert digest(assay, tmp_path / "a") == digest(assay, tmp_path / "b")
    assert digest(assay, tmp_path / "a") != digest(assay, tmp_path / "c")
    holdings = (tmp_path / "a" / "holdings.csv").read_bytes()
    assert holdings == (tmp_path / "c" / "holdings.csv").read_bytes()
    assert holdings.startswith(b"sym,sector\nJNT,Communication Services\n")


def test_market_is_the_one_we_know(assay, tmp_path):
    """A regression value, made by this program itself. It changes only when the market is meant to."""
    assay("sample", "--db", tmp_path / "db", "--symbols", 26, "--days", 260)
    assert (
        digest(assay, tmp_path / "db") == "a35b689d057bd948acdec4b9df6545f04e302249197010847463c61b0653be35"
    )


def test_years_and_start(assay, tmp_path):
    assay("sample", "--db", tmp_path / "db", "--symbols", 2, "--years", 2, "--start", "2020-02-29", "--clean")
    [row] = query(
        assay,
        tmp_path / "db",
        "SELECT min(timestamp) AS a, count(*) AS n, count(DISTINCT timestamp) AS t FROM prices",
    )
    assert row["a"].startswith("2020-03-02")
    assert (row["n"], row["t"]) == ("1008", "504")


def test_prices_that_are_there_are_not_mixed_with_invented_ones(assay, tmp_path):
    db = tmp_path / "db"
    assay("sample", "--db", db, "--symbols", 5, "--days", 200)
    before = digest(assay, db)
    done = assay("sample", "--db", db, "--symbols", 5, "--days", 200, "--seed", 2, code=1)
    assert "has prices already" in done.stderr
    assert digest(assay, db) == before


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    """Closes (bars x symbols, split-adjusted returns), sectors and corporate actions of a market of full length."""
    db = tmp_path_factory.mktemp("market")
    subprocess.run([assay_bin, "sample", "--db", db / "db", "--symbols", "150", "--quiet"], check=True)
    sql = duckdb.connect()
    sql.execute(
        f"CREATE VIEW prices AS FROM read_parquet('{db}/db/prices/**/*.parquet', hive_partitioning = false)"
    )
    sql.execute(f"CREATE VIEW events AS FROM read_parquet('{db}/db/corporate_actions/**/*.parquet')")
    sql.execute(f"CREATE VIEW holdings AS FROM read_csv('{db}/db/holdings.csv')")
    return sql


@pytest.fixture(scope="module")
def returns(market):
    """Total daily returns, NaN where there is none; and the sector of each column."""
    frame = market.sql("SELECT timestamp, symbol, close_price FROM prices").df()
    close = frame.pivot(index="timestamp", columns="symbol", values="close_price")
    value = close / close.shift(1)
    events = market.sql(
        "SELECT symbol, CAST(ex_date AS TIMESTAMP) AS ex_date, split_ratio, cash_dividend FROM events"
    ).df()
    for symbol, day, ratio, dividend in events.itertuples(index=False):
        if day in close.index:
            at = close.index.get_loc(day)
            ratio = ratio if ratio and np.isfinite(ratio) else 1.0
            dividend = dividend if np.isfinite(dividend) else 0.0
            if at > 0:
                value.loc[day, symbol] = (
                    (close[symbol].iloc[at] + dividend) * ratio / close[symbol].iloc[at - 1]
                )
    sectors = dict(market.sql("SELECT sym, sector FROM holdings").fetchall())
    return value.iloc[1:] - 1.0, [sectors[symbol] for symbol in close.columns]


def long_columns(returns):
    r = returns[0].to_numpy()
    return [x[np.isfinite(x)] for x in r.T if np.isfinite(x).sum() > 1000]


def test_tails_are_fat(returns):
    kurtosis = [((x - x.mean()) ** 4).mean() / x.var() ** 2 for x in long_columns(returns)]
    assert np.median(kurtosis) > 5  # a normal distribution has 3
    assert np.percentile(kurtosis, 10) > 4


def test_volatility_clusters(returns):
    def autocorrelation(x):
        z = (x - x.mean()) ** 2
        z = z - z.mean()
        return (z[1:] * z[:-1]).mean() / (z * z).mean()

    squared = [autocorrelation(x) for x in long_columns(returns)]
    assert np.mean(squared) > 0.05
    assert np.mean(np.array(squared) > 0) > 0.9


def test_returns_themselves_hardly_do(returns):
    plain = [np.corrcoef(x[1:], x[:-1])[0, 1] for x in long_columns(returns)]
    assert abs(np.mean(plain)) < 0.05


def test_sectors_move_together(returns):
    r, sectors = returns
    correlation = r.corr(min_periods=1000).to_numpy()
    same = np.equal.outer(np.array(sectors), np.array(sectors))
    off = ~np.eye(len(sectors), dtype=bool) & np.isfinite(correlation)
    within, across = correlation[same & off].mean(), correlation[~same & off].mean()
    assert across > 0.05  # the market factor
    assert within > across + 0.1  # the sector's own
    assert len(set(sectors)) == 11


def test_size_of_moves(returns):
    deviations = [x.std() for x in long_columns(returns)]
    assert 0.01 < np.median(deviations) < 0.03
    momentum = (1 + returns[0]).rolling(19).apply(np.prod, raw=True).to_numpy() - 1
    share = (np.abs(momentum[np.isfinite(momentum)]) > 0.10).mean()
    assert share > 0.15  # bars at which the default momentum signals


def test_everything_that_bites_is_there(market):
    ratios = {
        r for (r,) in market.sql("SELECT DISTINCT split_ratio FROM events WHERE split_ratio > 0").fetchall()
    }
    assert {2.0, 3.0, 1.5, 0.1} <= ratios
    assert market.sql("SELECT count(*) FROM events WHERE cash_dividend > 0").fetchone()[0] > 1000
    days = "(SELECT DISTINCT timestamp FROM prices)"
    n_days = market.sql(f"SELECT count(*) FROM {days}").fetchone()[0]
    assert n_days == 2520
    spans = market.sql(
        f"""SELECT symbol, count(*) AS n, min(p.timestamp) AS first, max(p.timestamp) AS last,
                   (SELECT count(*) FROM {days} d WHERE d.timestamp BETWEEN min(p.timestamp) AND max(p.timestamp)) AS life
            FROM prices p GROUP BY symbol"""
    ).df()
    assert len(spans) == 150
    assert (spans["n"] < spans["life"]).mean() > 0.9  # gaps
    assert (spans["first"] > spans["first"].min()).sum() >= 30  # later listings
    assert (spans["last"] < spans["last"].max()).sum() >= 15  # delistings
    longest = market.sql(
        f"""WITH numbered AS (SELECT timestamp, row_number() OVER (ORDER BY timestamp) AS i FROM {days}),
                 steps AS (SELECT symbol, i - lag(i) OVER (PARTITION BY symbol ORDER BY i) AS step
                           FROM prices JOIN numbered USING (timestamp))
            SELECT max(step), count(*) FILTER (step > 2) FROM steps"""
    ).fetchone()
    assert longest[0] > 10 and longest[1] > 20  # halts of weeks
    # Some of those that end lose nearly everything first, others just end.
    ends = market.sql(
        """WITH last AS (SELECT symbol, max(timestamp) AS t FROM prices GROUP BY symbol),
                before AS (SELECT symbol, max(close_price) AS top FROM prices p JOIN last USING (symbol)
                           WHERE p.timestamp > last.t - INTERVAL 180 DAY GROUP BY symbol)
           SELECT p.close_price / top FROM prices p JOIN last ON p.symbol = last.symbol AND p.timestamp = last.t
           JOIN before ON before.symbol = p.symbol WHERE last.t < (SELECT max(timestamp) FROM prices)"""
    ).fetchnumpy()
    kept = next(iter(ends.values()))
    assert (kept < 0.35).sum() >= 3 and (kept > 0.8).sum() >= 3
    thin = market.sql(
        "SELECT count(*) FROM (SELECT symbol FROM prices GROUP BY symbol HAVING median(volume) < 5000)"
    )
    assert thin.fetchone()[0] >= 3


def test_no_move_looks_like_a_forgotten_split(returns):
    r = returns[0].to_numpy()
    assert np.nanmax(np.abs(r)) < 0.5 or np.nanmean(np.abs(r) > 0.5) < 1e-4
