"""Runs on resampled bars, and daily strategies on intraday bars, through the command line.

The sample market of minutes adds up to that of days, so that each run on the one has its reference on the other.
"""

import json
import shutil
import subprocess

import duckdb
import pandas as pd
import pytest

HOURS = "09:30-16:00 America/New_York"
SESSION = f"session={HOURS}"
EARLY = "early_closes=2015-11-27T13:00"
N = 8


def table(db, name):
    files = f"{db}/{name}/**/*.parquet"
    return duckdb.sql(
        f"select * from read_parquet('{files}', union_by_name=true, hive_partitioning=false)"
    ).df()


def make(assay_bin, folder, *options):
    subprocess.run([assay_bin, "sample", "--db", folder, "--quiet", *options], check=True)
    return folder


@pytest.fixture(scope="module")
def markets(assay_bin, tmp_path_factory):
    """(days, half hours) of one market, with gaps, splits and an early close."""
    folder = tmp_path_factory.mktemp("markets")
    same = ["--symbols", str(N), "--days", "260", "--start", "2015-06-01"]
    days = make(assay_bin, folder / "days", *same)
    bars = make(assay_bin, folder / "bars", *same, "--frequency", "30m")
    return days, bars


def signals(assay, db, *args):
    assay("run", *args, "--db", db, "--run-id", "r", "--quiet")
    found = table(db, "backtest_signals")
    return found[found.run_id == "r"]


MOMENTUM = ["momentum", "--set", "lookback=5", "--set", "threshold=0.03"]
STRATEGIES = [
    MOMENTUM,
    ["mean_reversion", "--set", "lookback=6", "--set", "z_threshold=1.2"],
    ["sector_rotation", "--set", "lookback=10"],
    ["portfolio_beta", "--set", "lookback=15"],
    [*MOMENTUM, "--set", "rebalance_frequency=weekly"],
    [*MOMENTUM, "--set", "rebalance_frequency=monthly"],
]
WHAT = ["symbol", "action", "signal_type", "score", "strength", "target_position"]


def check_signals(assay, markets, strategy):
    days, bars = markets
    daily = signals(assay, days, *strategy)
    finer = signals(assay, bars, *strategy, "--set", "signal_frequency=1d", "--set", SESSION, "--set", EARLY)
    assert len(daily) > 20
    at = pd.to_datetime(finer.timestamp).dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    early = at.dt.date == pd.Timestamp("2015-11-27").date()
    assert (at[~early].dt.strftime("%H:%M") == "15:30").all()
    assert (at[early].dt.strftime("%H:%M") == "12:30").all()
    finer = finer.assign(day=at.dt.date)
    daily = daily.assign(day=pd.to_datetime(daily.timestamp).dt.date)
    keys = ["day", *WHAT]
    pd.testing.assert_frame_equal(
        daily[keys].sort_values(["day", "symbol"]).reset_index(drop=True),
        finer[keys].sort_values(["day", "symbol"]).reset_index(drop=True),
        check_exact=True,
    )


@pytest.mark.cli_long
def test_a_daily_strategy_gives_the_same_signals_on_finer_bars(assay, markets):
    """To the bit; those of a day come at the bar that ends when its session does."""
    check_signals(assay, markets, MOMENTUM)


@pytest.mark.long
@pytest.mark.cli_long
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: "-".join(s[::2]).replace("--set", ""))
def test_daily_strategies_give_the_same_signals_on_finer_bars(assay, markets, strategy):
    check_signals(assay, markets, strategy)


@pytest.mark.cli_long
def test_without_a_session_a_day_is_seen_at_the_next_days_first_bar(assay, markets):
    days, bars = markets
    daily = signals(assay, days, *MOMENTUM)
    finer = signals(assay, bars, *MOMENTUM, "--set", "signal_frequency=1d")
    calendar = sorted(table(days, "prices").timestamp.dt.date.unique())
    follows = dict(zip(calendar, calendar[1:], strict=False))
    expected = daily.assign(day=pd.to_datetime(daily.timestamp).dt.date.map(follows)).dropna(subset="day")
    finer = finer.assign(day=pd.to_datetime(finer.timestamp).dt.date)
    assert set(pd.to_datetime(finer.timestamp).dt.strftime("%H:%M")) <= {"13:30", "14:30"}
    keys = ["day", *WHAT]
    pd.testing.assert_frame_equal(
        expected[keys].sort_values(["day", "symbol"]).reset_index(drop=True),
        finer[keys].sort_values(["day", "symbol"]).reset_index(drop=True),
        check_exact=True,
    )


@pytest.mark.cli_long
def test_orders_of_a_daily_signal_fill_at_the_next_bars_open(assay, markets):
    """At the symbol's next half hour: of a session's last bar at the open of the next day."""
    _, bars = markets
    options = ["--set", "signal_frequency=1d", "--set", SESSION, "--set", "max_participation=0"]
    assay("run", *MOMENTUM, *options, "--db", bars, "--run-id", "f", "--quiet")
    fills = table(bars, "backtest_fills")
    fills = (
        fills[(fills.run_id == "f") & (fills.kind == "open")]
        if "open" in set(fills.kind)
        else fills[fills.run_id == "f"]
    )
    prices = table(bars, "prices").set_index(["symbol", "timestamp"])
    opens = [prices.open_price[(s, t)] for s, t in zip(fills.symbol, fills.timestamp, strict=True)]
    assert len(fills) > 10
    assert (abs(fills.reference_price / opens - 1) < 1e-12).all()


@pytest.mark.long
@pytest.mark.cli_long
def test_verify_passes_at_many_cuts(assay, markets):
    _, bars = markets
    options = ["--set", "signal_frequency=1d", "--set", SESSION, "--db", bars, "--end", "2015-09-30"]
    said = assay("verify", *MOMENTUM, *options, "--cuts", "25").stdout
    assert "no decision depends on the future" in said
    said = assay("verify", *MOMENTUM, "--resample", "1w", "--db", bars, "--cuts", "10").stdout
    assert "no decision depends on the future" in said


@pytest.mark.cli_long
def test_resampled_sessions_are_the_days(assay, markets):
    """A run on days made of half hours has the results of a run on the days themselves."""
    days, bars = markets
    assay("run", *MOMENTUM, "--db", days, "--run-id", "d", "--quiet")
    assay("run", *MOMENTUM, "--db", bars, "--resample", "1d", "--set", SESSION, "--run-id", "d", "--quiet")
    own, made = (table(db, "backtest_results").query("run_id == 'd'") for db in markets)
    columns = [c for c in own.columns if own[c].dtype.kind in "fi" and c != "run_id"]
    pd.testing.assert_frame_equal(
        own[columns].reset_index(drop=True), made[columns].reset_index(drop=True), check_exact=True
    )
    assert "ok" in assay("audit", "d", "--db", bars).stdout
    assert "reproduced" in assay("reproduce", "d", "--db", bars).stdout


@pytest.mark.long
@pytest.mark.cli_long
@pytest.mark.parametrize(
    "options",
    [
        ["--resample", "1w", "--end", "2016-01-13"],
        ["--resample", "2h", "--set", SESSION, "--set", "bar_label=start"],
        ["--set", "signal_frequency=1w", "--set", SESSION],
        ["--resample", "1h", "--set", "signal_frequency=1d", "--set", SESSION, "--set", EARLY],
    ],
    ids=["weeks", "hours", "weekly signals", "both"],
)
def test_runs_are_audited_and_reproduced(assay, markets, options):
    _, bars = markets
    assay("run", *MOMENTUM, "--db", bars, "--run-id", "a", "--quiet", *options)
    assert "ok" in assay("audit", "a", "--db", bars).stdout
    assert "reproduced, every table is the same" in assay("reproduce", "a", "--db", bars).stdout


@pytest.mark.cli_long
def test_a_sweep_over_frequencies_equals_its_runs(assay, markets):
    _, bars = markets
    options = [
        "--db",
        bars,
        "--set",
        SESSION,
        "--no-store",
        "--set",
        "lookback=5",
        "--set",
        "signal_frequency=1d",
    ]
    axis = ["--axis", "threshold=0.02,0.05", "--axis", "fill=next_open,next_close"]
    points = json.loads(assay("optimize", "momentum", *axis, *options, "--format", "json").stdout)
    best = points["best"][0] if "best" in points else points["points"][0]
    sets = [x for k, v in best["parameters"].items() for x in ("--set", f"{k}={v}")]
    one = json.loads(assay("run", "momentum", *options, *sets, "--format", "json").stdout)
    assert one["metrics"]["sharpe_ratio"] == best["metrics"]["sharpe_ratio"]


@pytest.mark.cli_long
def test_written_bars_have_a_frequency_of_their_own(assay, markets, tmp_path):
    days, bars = markets
    db = tmp_path / "copy"
    shutil.copytree(bars, db, ignore=shutil.ignore_patterns("backtest_*"))
    said = assay("resample", "1d", "1w", "--db", db, "--frequency", "30m", "--session", HOURS).stdout
    assert "bars of 1d" in said and "bars of 1w" in said
    made, own = table(db, "prices"), table(days, "prices")
    made = made[made.frequency == "1d"].sort_values(["symbol", "timestamp"])
    columns = [
        "symbol",
        "timestamp",
        "open_price",
        "high_price",
        "low_price",
        "close_price",
        "volume",
        "currency",
    ]
    pd.testing.assert_frame_equal(
        made[columns].reset_index(drop=True),
        own.sort_values(["symbol", "timestamp"])[columns].reset_index(drop=True),
        check_exact=True,
    )
    # twice is once
    again = assay("resample", "1w", "--db", db, "--frequency", "30m", "--session", HOURS).stdout
    assert " 0 new" in again
    # a run on the written weeks is the run on those made for it, with its splits and dividends
    options = ["--set", "lookback=4", "--set", "threshold=0.01", "--no-store", "--format", "csv"]
    written = assay("run", "momentum", "--db", db, "--frequency", "1w", *options).stdout
    made = assay(
        "run", "momentum", "--db", db, "--frequency", "30m", "--resample", "1w", "--set", SESSION, *options
    ).stdout
    values = [[line.split(",")[1:] for line in text.splitlines()] for text in (written, made)]
    assert values[0] == values[1]


@pytest.mark.cli_long
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--resample", "5x"], "'5x' is no frequency of bars"),
        (["--resample", "7m"], "it must be a multiple"),
        (["--set", "session=09:30-16:00 Mars/Base"], "there is no time zone 'Mars/Base'"),
        (["--set", "early_closes=2015-11-27T13:00"], "early_closes without a session"),
        (
            ["--set", "signal_frequency=1m"],
            "signal_frequency: bars of 1m cannot be made of bars of 30 minutes",
        ),
        (["--set", "signal_frequency=x"], "signal_frequency: 'x' is no frequency"),
    ],
)
def test_refusals(assay, markets, options, said):
    _, bars = markets
    done = assay("run", "momentum", "--db", bars, "--no-store", *options, code=None)
    assert done.returncode != 0
    assert said in done.stderr


RULE = """\
name: columns
parameters: {bound: 40}
rule:
  buy: column(own_rsi) < bound and column(pe) < 15
  sell: column(own_rsi) > 60
"""


@pytest.mark.long
@pytest.mark.cli_long
@pytest.mark.parametrize("session", [True, False])
def test_columns_are_those_of_the_signals_frequency(assay, markets, tmp_path, session):
    """Daily technicals are of their own day and of no earlier one; what was published after a session is of the next day."""
    days, bars = (tmp_path / name for name in ("days", "bars"))
    for old, new in zip(markets, (days, bars), strict=True):
        shutil.copytree(old, new, ignore=shutil.ignore_patterns("backtest_*", "technical*", "fundamental*"))
    assay("indicators", "--db", days, "--column", "own_rsi=rsi(close, 5)", "--quiet")
    names = sorted(table(days, "prices").symbol.unique())
    dates = pd.date_range("2015-05-01", "2016-05-01", freq="17D")
    rows = [
        (s, d, d + pd.Timedelta("22:30:00"), 10 + (i * 7 + k * 3) % 11)
        for k, s in enumerate(names)
        for i, d in enumerate(dates)
    ]
    facts = pd.DataFrame(rows, columns=["symbol", "timestamp", "available_at", "pe"])
    (days / "fundamental_analysis").mkdir()
    facts.to_parquet(days / "fundamental_analysis" / "a.parquet")
    shutil.copytree(days / "technical_analysis", bars / "technical_analysis")
    shutil.copytree(days / "fundamental_analysis", bars / "fundamental_analysis")
    (tmp_path / "rule.yaml").write_text(RULE)
    rule = f"rule:{tmp_path / 'rule.yaml'}"
    extra = ["--set", SESSION, "--set", EARLY] if session else []
    finer = signals(assay, bars, rule, "--set", "signal_frequency=1d", *extra)
    if session:  # at the close of New York what comes at 22:30 is not known yet: a day later in the reference
        facts["available_at"] += pd.Timedelta("12:00:00")
        facts.to_parquet(days / "fundamental_analysis" / "a.parquet")
    daily = signals(assay, days, rule)
    calendar = sorted(table(days, "prices").timestamp.dt.date.unique())
    follows = dict(zip(calendar, calendar[1:], strict=False))
    daily = daily.assign(day=pd.to_datetime(daily.timestamp).dt.date)
    daily["day"] = daily.day if session else daily.day.map(follows)
    finer = finer.assign(day=pd.to_datetime(finer.timestamp).dt.date)
    assert len(daily) > 50
    keys = ["day", *WHAT]
    pd.testing.assert_frame_equal(
        daily.dropna(subset="day")[keys].sort_values(["day", "symbol"]).reset_index(drop=True),
        finer[keys].sort_values(["day", "symbol"]).reset_index(drop=True),
        check_exact=True,
    )
