"""The six tables of a run: their shape, replacement, determinism, audit, comparison, SQL; and full disks."""

import json
import os
import shutil
import signal
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_store_import import limited, snapshot
from test_store_support import StoreError, bars, library, write

pytestmark = pytest.mark.cli_long
TABLES = ["runs", "trades", "metrics", "signals", "fills", "results"]
STAMP, TEXT, REAL, WHOLE = pa.timestamp("us"), pa.string(), pa.float64(), pa.int64()

# The contract of docs/database.md, in order.
SCHEMA = {
    "runs": "run_id:s strategy:s timestamp:t initial_capital:r total_return_pct:r sharpe_ratio:r sortino_ratio:r "
    "max_drawdown_pct:r total_trades:w win_rate_pct:r profit_factor:r parameters:s config:s start_date:t end_date:t n_symbols:w "
    "n_bars:w data_fingerprint:s assay_version:s sweep_id:s fold:w duration_ms:w warnings:s delisted_positions:w",
    "trades": "run_id:s trade_id:s symbol:s entry_date:t exit_date:t entry_price:r exit_price:r quantity:r pnl:r pnl_pct:r "
    "signal_type:s direction:s entry_value:r exit_value:r commission:r slippage:r dividends:r bars_held:w mae_pct:r mfe_pct:r "
    "entry_reason:s exit_reason:s status:s strategy:s",
    "metrics": "run_id:s date:t total_value:r cash:r leverage:r num_positions:w concentration:r gross_value:r net_exposure:r "
    "max_position_size:r daily_return:r cumulative_return:r drawdown:r turnover:r stale_positions:w receivable:r",
    "signals": "run_id:s timestamp:t symbol:s action:s signal_type:s strength:r target_position:r reason:s parameters:s score:r "
    "status:s outcome:s strategy:s order_quantity:r",
    "fills": "run_id:s order_id:w timestamp:t symbol:s side:s quantity:r price:r reference_price:r commission:r slippage:r kind:s "
    "strategy:s",
    "results": "run_id:s metric:s value:r",
}
KINDS = {"s": TEXT, "t": STAMP, "r": REAL, "w": WHOLE}


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    """A database with a small sample market: splits, dividends, gaps, delistings."""
    folder = tmp_path_factory.mktemp("market") / "db"
    command = [assay_bin, "sample", "--db", folder, "--symbols", "60", "--days", "700", "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def db(market, tmp_path):
    shutil.copytree(market, tmp_path / "db")
    return tmp_path / "db"


@pytest.fixture
def run(assay, db):
    return lambda *args, **kwargs: assay("run", *args, "--db", db, "--quiet", **kwargs)


def files_of(db, table, run_id):
    return sorted((db / f"backtest_{table}").rglob(f"{run_id}.parquet"))


def read(db, table, run_id):
    (path,) = files_of(db, table, run_id)
    return pq.read_table(path, partitioning=None).to_pandas()


def test_tables_have_the_columns_of_the_contract(run, db):
    run("momentum", "--run-id", "r1")
    for table in TABLES:
        (path,) = files_of(db, table, "r1")
        schema = pq.read_schema(path)
        wanted = [column.split(":") for column in SCHEMA[table].split()]
        assert [(f.name, f.type) for f in schema] == [(name, KINDS[kind]) for name, kind in wanted], table
        assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "SNAPPY"
        parts = path.relative_to(db).parts
        day = read(db, "runs", "r1")["timestamp"][0]
        assert parts[1:4] == (f"year={day.year}", f"month={day.month}", f"day={day.day}")


def test_tables_agree_with_each_other(run, db):
    said = json.loads(run("momentum", "--run-id", "r1", "--format", "json").stdout)
    frames = {table: read(db, table, "r1") for table in TABLES}
    runs, trades, metrics = frames["runs"].iloc[0], frames["trades"], frames["metrics"]
    assert len(metrics) == runs.n_bars == said["n_bars"]
    assert (runs.start_date, runs.end_date) == (metrics["date"].iloc[0], metrics["date"].iloc[-1])
    assert trades["trade_id"].tolist() == [f"{i:08d}" for i in range(1, len(trades) + 1)]
    is_open = trades["status"] == "open"
    assert is_open.any() and not is_open.all() and runs.total_trades == (~is_open).sum()
    assert trades["exit_date"].isna().equals(is_open) and trades["exit_reason"].isna().equals(is_open)
    assert trades["exit_date"][~is_open].is_monotonic_increasing
    assert frames["fills"]["order_id"].min() >= 1 and set(frames["fills"]["side"]) == {"BUY", "SELL"}
    assert frames["signals"].notna().all().all() and "none" in set(frames["signals"]["outcome"])
    results = frames["results"].set_index("metric")["value"]
    for name in ("total_return_pct", "sharpe_ratio", "max_drawdown_pct"):
        assert results[name] == runs[name] == said["metrics"][name]
    assert json.loads(runs.parameters) == said["parameters"]
    # Undefined is NaN in Parquet, not null.
    (path,) = files_of(db, "results", "r1")
    assert pq.read_table(path)["value"].null_count == 0
    # The entry reason of a trade is the reason of a signal of that symbol.
    reasons = set(zip(frames["signals"]["symbol"], frames["signals"]["reason"]))
    assert set(zip(trades["symbol"], trades["entry_reason"])) <= reasons


def test_same_bytes_with_any_number_of_threads(run, db):
    contents = []
    for threads in ("1", "2", "2"):
        run("momentum", "--run-id", "r1", "--threads", threads)
        contents.append([files_of(db, table, "r1")[0].read_bytes() for table in TABLES if table != "runs"])
    assert contents[0] == contents[1] == contents[2]


def test_second_run_replaces_the_first_in_any_folder(run, db):
    run("momentum", "--run-id", "r1")
    run("momentum", "--run-id", "r10")
    for table in TABLES:
        (path,) = files_of(db, table, "r1")
        old = db / f"backtest_{table}" / "year=2001" / "month=2" / "day=3" / "r1.parquet"
        old.parent.mkdir(parents=True)
        path.rename(old)
    run("momentum", "--run-id", "r1", "--set", "lookback=30")
    for table in TABLES:
        assert len(files_of(db, table, "r1")) == len(files_of(db, table, "r10")) == 1
        assert not (db / f"backtest_{table}" / "year=2001").exists()
    assert json.loads(read(db, "runs", "r1")["parameters"][0])["lookback"] == 30


@pytest.mark.parametrize("run_id", ["", ".hidden", "_x", "a/b", "../x", "a b", "x" * 129, "é"])
def test_run_ids_that_are_no_file_names(run, db, run_id):
    before = snapshot(db)
    assert run("momentum", "--run-id", run_id, code=None).returncode != 0
    assert snapshot(db) == before


# --- failures while writing ---


def test_a_file_where_a_folder_should_be(run, db):
    (db / "backtest_fills").write_text("in the way")
    before = snapshot(db)
    said = run("momentum", "--run-id", "r1", code=1).stderr
    assert "backtest_fills" in said
    assert snapshot(db) == before
    assert not (db / "backtest_trades").exists()


@pytest.mark.parametrize("size", [0, 500, 3000, 20000])
def test_no_room_changes_nothing(run, assay_bin, db, size):
    run("momentum", "--run-id", "r1")
    before = snapshot(db)
    done = subprocess.run(
        [assay_bin, "run", "momentum", "--db", db, "--run-id", "r1", "--set", "lookback=10"],
        capture_output=True,
        text=True,
        preexec_fn=limited(size),  # noqa: PLW1509
    )
    assert done.returncode == 1 and "nothing was changed" in " ".join(done.stderr.split())
    assert snapshot(db) == before


def test_a_full_file_system(assay, db, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small file system can be mounted by root only")
    try:
        frame = bars(symbols=[f"S{i}" for i in range(20)], days=400)
        write(frame, small / "db" / "prices" / "0.parquet")
        free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
        (small / "filler").write_bytes(bytes(max(free - 40_000, 0)))
        before = snapshot(small / "db")
        said = assay(
            "run", "momentum", "--db", small / "db", "--run-id", "r1", "--set", "threshold=0.001", code=1
        ).stderr
        assert "nothing was changed" in " ".join(said.split())
        assert snapshot(small / "db") == before
        (small / "filler").unlink()
        assay("run", "momentum", "--db", small / "db", "--run-id", "r1", "--set", "threshold=0.001")
    finally:
        subprocess.run(["umount", str(small)], check=True)


# --- audit ---

SETTINGS = [
    [],
    ["fill=close"],
    ["fill=next_close", "commission_per_share=0.01", "commission_min=1"],
    ["allow_short=true", "borrow_fee_pct=0.05", "cash_interest_pct=0.03"],
    ["lot_method=lifo", "cash_interest_pct=0.1"],
    ["lot_method=average", "allow_short=true"],
    ["delisting_return=-0.3", "delist_after_days=3", "max_participation=0.0001"],
]


@pytest.mark.parametrize("strategy", ["momentum", "mean_reversion"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_audit_finds_nothing_wrong(run, assay, db, strategy, settings):
    run(
        strategy,
        "--run-id",
        "r1",
        *[word for s in settings for word in ("--set", s)],
        "--start",
        "2015-06-01",
    )
    said = assay("audit", "r1", "--db", db)
    assert "ok" in said.stdout
    assert len(read(db, "fills", "r1")) > 0


def test_the_sample_market_tries_the_audit(run, db):
    """The audit's cases are there: splits and dividends while positions are held, and delistings."""
    run("momentum", "--run-id", "r1")
    fills, trades = read(db, "fills", "r1"), read(db, "trades", "r1")
    assert (fills["kind"] == "delisting").any() and (trades["dividends"] > 0).any()
    actions = pq.read_table(db / "corporate_actions").to_pandas()
    splits = actions[actions["split_ratio"] != 1].merge(trades, on="symbol")
    last = splits["exit_date"].fillna(pd.Timestamp("2100-01-01"))
    assert ((splits["entry_date"] < splits["ex_date"]) & (splits["ex_date"] <= last)).any()


def tamper(db, table, change):
    (path,) = files_of(db, table, "r1")
    frame = pq.read_table(path, partitioning=None)
    pq.write_table(
        pa.Table.from_pandas(change(frame.to_pandas()), schema=frame.schema, preserve_index=False), path
    )


def scaled(column, row, factor):
    def change(frame):
        frame.loc[frame.index[row], column] *= factor
        return frame

    return change


@pytest.mark.parametrize(
    "table, change",
    [
        ("fills", scaled("price", 5, 1 + 1e-5)),
        ("fills", scaled("quantity", 7, 1 + 1e-5)),
        ("fills", scaled("commission", 3, 2)),
        ("fills", lambda frame: frame.drop(index=frame.index[4])),
        ("metrics", lambda frame: frame.assign(cash=frame["cash"] + (frame.index == 300) * 0.01)),
        ("metrics", scaled("total_value", 200, 1 + 1e-8)),
        ("metrics", lambda frame: frame.drop(index=frame.index[100])),
        ("trades", scaled("pnl", 2, 1 + 1e-4)),
        ("trades", scaled("pnl", -1, 1.01)),
        ("trades", lambda frame: frame.drop(index=frame.index[1])),
    ],
)
def test_audit_finds_what_was_changed(run, assay, db, table, change):
    run("momentum", "--run-id", "r1")
    assay("audit", "r1", "--db", db)
    tamper(db, table, change)
    assay("audit", "r1", "--db", db, code=1)


def test_audit_reads_the_market_itself(run, assay, db):
    run("momentum", "--run-id", "r1")
    path = db / "corporate_actions" / "0.parquet"
    actions = pq.read_table(path)
    frame = actions.to_pandas()
    frame["cash_dividend"] *= 1.001
    pq.write_table(pa.Table.from_pandas(frame, schema=actions.schema, preserve_index=False), path)
    assay("audit", "r1", "--db", db, code=1)


def test_audit_of_a_run_that_is_not_there(assay, db):
    assert "nope" in assay("audit", "nope", "--db", db, code=1).stderr


# --- comparing ---


def test_comparing_runs(run, db):
    lib = library()
    run("momentum", "--run-id", "a")
    run("momentum", "--run-id", "b")
    assert lib.compare(db, "a", "b") == (0, "")
    run("momentum", "--run-id", "c", "--set", "commission_pct=0.0011")
    n, first = lib.compare(db, "a", "c")
    assert n > 0 and "column" in first
    shutil.copy(files_of(db, "trades", "b")[0], db / "keep")
    frame = read(db, "trades", "b")
    frame.loc[frame.index[6], "pnl"] = np.nextafter(frame.loc[frame.index[6], "pnl"], np.inf)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), files_of(db, "trades", "b")[0])
    n, first = lib.compare(db, "a", "b")
    assert n == 1 and first.startswith("backtest_trades, row 7, column pnl: ")
    frame = frame.iloc[:-1]
    frame.loc[frame.index[6], "pnl"] = read(db, "trades", "a")["pnl"][6]
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), files_of(db, "trades", "b")[0])
    n, first = lib.compare(db, "a", "b")
    assert n == 1 and "rows" in first
    with pytest.raises(StoreError, match="nope"):
        lib.compare(db, "a", "nope")


# --- SQL ---


def test_sql_reads_the_tables(run, assay, db):
    run("momentum", "--run-id", "r1")
    query = "SELECT symbol, date_trunc('day', exit_date) AS day, pnl FROM backtest_trades ORDER BY trade_id"
    rows = json.loads(assay("sql", query, "--db", db, "--format", "json").stdout)
    rows = rows if isinstance(rows, list) else rows["rows"]
    wanted = read(db, "trades", "r1")
    assert len(rows) == len(wanted)
    pnl = [float(row["pnl"] if isinstance(row, dict) else row[2]) for row in rows]
    assert pnl == wanted["pnl"].tolist()  # every digit
    said = assay("sql", "SELECT min(timestamp) AS first FROM prices;", "--db", db, "--format", "csv").stdout
    assert "T00:00:00" in said


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO 'x.parquet'",
        "SELECT 1; SELECT 2",
        "CREATE TABLE x AS SELECT 1",
        "SET threads = 1",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.parquet'",
        "SELECT 1) t; COPY (SELECT 1) TO 'x.parquet'; SELECT * FROM (SELECT 1",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "",
        "SELEKT 1",
        "SELECT * FROM no_such_table",
    ],
)
def test_sql_can_read_the_database_and_nothing_else(assay, db, tmp_path, query):
    before = snapshot(db)
    done = assay("sql", query, "--db", db, code=None)
    assert done.returncode in (1, 2) and done.stderr
    assert snapshot(db) == before and not list(tmp_path.glob("x.*"))


def test_signals_are_ignored_where_they_should_be():
    """The tests above rely on it: a limit on file sizes is an error of write(), not a signal."""
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
