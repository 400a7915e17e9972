"""Databases: the same bytes as the program writes, and frames in and out."""

import json
import shutil
import subprocess

import assay
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from assay import BacktestDataLoader, ParquetDB
from conftest import make_prices

TABLES = ("runs", "trades", "metrics", "signals", "fills", "results")


def stored(db, table, run_id):
    """The rows of a stored run, but for what is another each time."""
    (path,) = (db / f"backtest_{table}").rglob(f"{run_id}.parquet")
    rows = pq.read_table(path)
    return rows.drop_columns(
        [
            name
            for name in ("run_id", "timestamp", "duration_ms")
            if name in rows.column_names and (name != "timestamp" or table == "runs")
        ]
    )


@pytest.mark.parametrize(
    "strategy, arguments, options",
    [
        ("momentum", {}, []),
        ("beta", {"fill": "close", "start": "2015-06-01"}, ["--set", "fill=close", "--start", "2015-06-01"]),
        (
            "sector_rotation",
            {"end": "2016-03-01", "commission_pct": 0.0},
            ["--end", "2016-03-01", "--set", "commission_pct=0"],
        ),
        (
            ["momentum", "mean_reversion"],
            {"combine": "vote", "rebalance_frequency": "weekly"},
            ["--set", "combine=vote", "--set", "rebalance_frequency=weekly"],
        ),
        ("rule:{name: dip, rule: {buy: 'rsi(close, 5) < 30', sell: 'rsi(close, 5) > 70'}}", {}, []),
    ],
)
def test_same_bytes_as_the_program(sample, program, strategy, arguments, options):
    names = [strategy] if isinstance(strategy, str) else strategy
    told = json.loads(program("run", *names, "--db", sample, "--format", "json", *options))
    run = assay.run(strategy, db=sample, **arguments)
    assert run.run_id == told["run_id"]
    assert run["metrics"]["total_return_pct"] == told["metrics"]["total_return_pct"]
    run.save(sample, "from-python")
    for table in TABLES:
        ours, theirs = stored(sample, table, "from-python"), stored(sample, table, told["run_id"])
        assert ours.schema == theirs.schema
        assert ours.to_pandas().equals(theirs.to_pandas()), table


def test_plugins_and_ready_signals(sample, program, tmp_path, root):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    plugin = tmp_path / "breakout.so"
    source = root / "examples/plugin/breakout.c"
    subprocess.run([compiler, "-shared", "-fPIC", f"-I{root}/include", "-o", plugin, source], check=True)
    query = "signals:SELECT timestamp, symbol, 'BUY' AS action FROM prices WHERE volume > 2000000"
    for name in (f"plugin:{plugin}", query):
        told = json.loads(program("run", name, "--db", sample, "--format", "json"))
        run = assay.run(name, db=sample)
        assert run.run_id == told["run_id"] and len(run.signals) > 0
    prices = ParquetDB(sample).read_prices()
    assert len(assay.BacktestEngine().run(f"plugin:{plugin}", prices).signals) > 0


def test_symbols_and_holdings(sample, program):
    symbols = list(ParquetDB(sample).read_prices()["symbol"].unique()[:5])
    told = json.loads(
        program("run", "momentum", "--db", sample, "--format", "json", "--symbols", ",".join(symbols))
    )
    assert assay.run("momentum", db=sample, symbols=symbols).run_id == told["run_id"]
    holdings = pd.read_csv(sample / "holdings.csv")
    told = json.loads(
        program(
            "run",
            "sector_rotation",
            "--db",
            sample,
            "--format",
            "json",
            "--holdings",
            sample / "holdings.csv",
        )
    )
    assert assay.run("sector_rotation", db=sample, holdings_df=holdings).run_id == told["run_id"]
    with pytest.raises(assay.NotFoundError, match="NOSUCH"):
        assay.run("momentum", db=sample, symbols=["NOSUCH"])


def test_a_run_over_a_frame_is_stored_and_audited(tmp_path, program):
    prices, db = make_prices(), tmp_path / "db"
    files = db / "prices"
    files.mkdir(parents=True)
    prices.reset_index().to_parquet(files / "0.parquet", index=False)
    run = assay.BacktestEngine().run("momentum", ParquetDB(db).read_prices())
    name = run.save(db)
    assert (
        name
        == run.run_id
        == json.loads(
            program("run", "momentum", "--db", db, "--format", "json", "--symbols", "AAPL,GOOGL,MSFT")
        )["run_id"]
    )
    program("audit", name, "--db", db)  # its exit status says whether the books close
    program("reproduce", name, "--db", db)
    with pytest.raises(ValueError, match="run_id"):
        run.save(db, "../escape")


def test_split_and_dividends_come_with_the_frame(sample, sample_prices):
    of_frame = assay.BacktestEngine().run("momentum", sample_prices)
    of_database = assay.run("momentum", db=sample)
    assert of_frame["metrics"]["total_trades"] == of_database["metrics"]["total_trades"]
    # a dividend on a day on which its symbol does not trade comes with its next bar
    assert of_frame["equity_curve"][-1] == pytest.approx(of_database["equity_curve"][-1], rel=1e-9)


def test_newest_version_counts_and_files_are_ordered_by_number(tmp_path):
    folder = tmp_path / "db" / "prices"
    row = {"timestamp": pd.Timestamp("2023-01-02"), "symbol": "A", "close_price": 1.0}
    for name, close in (("2", 2.0), ("10", 3.0)):
        (folder / f"month={name}").mkdir(parents=True)
        pd.DataFrame([{**row, "close_price": close}]).to_parquet(folder / f"month={name}" / "0.parquet")
    db = ParquetDB(tmp_path / "db")
    assert db.read_prices()["close_price"].tolist() == [3.0]
    stamps = pd.to_datetime(["2023-02-02", "2023-02-01"])
    rows = pd.DataFrame([row, row]).assign(close_price=[8.0, 9.0], updated_at=stamps)
    rows.to_parquet(folder / "month=2" / "0.parquet")
    (folder / "month=10" / "0.parquet").unlink()
    (folder / "_temporary").mkdir()
    (folder / "_temporary" / "x.parquet").write_bytes(b"nonsense")
    assert db.read_prices()["close_price"].tolist() == [8.0]


def test_texts_in_either_form_and_other_units(tmp_path):
    folder = tmp_path / "db" / "prices"
    folder.mkdir(parents=True)
    frame = make_prices(10).reset_index()
    frame[:12].assign(symbol=frame[:12]["symbol"].astype("category")).to_parquet(
        folder / "a.parquet", index=False
    )
    late = frame[12:].assign(timestamp=frame[12:]["timestamp"].astype("datetime64[s]").dt.tz_localize("UTC"))
    late.to_parquet(folder / "b.parquet", index=False)
    read = ParquetDB(tmp_path / "db").read_prices(["MSFT"], "2023-01-03", "2023-01-12")
    assert len(read) == 8 and set(read["symbol"]) == {"MSFT"}
    assert read["close_price"].tolist() == frame[frame["symbol"] == "MSFT"]["close_price"].tolist()[1:9]


def test_tables_that_are_not_there(tmp_path, sample):
    with pytest.raises(assay.NotFoundError, match="prices"):
        ParquetDB(tmp_path).read_prices()
    assert ParquetDB(tmp_path).read_technical_analysis().empty
    assert ParquetDB(sample).read_fundamental_analysis().empty
    assert {"prices", "corporate_actions"} <= set(ParquetDB(sample).tables)
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "0.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(assay.DataError, match="0.parquet"):
        ParquetDB(tmp_path).read_prices()


def test_upserts_of_the_brief(tmp_path, prices):
    db = ParquetDB(tmp_path / "db")
    results = assay.BacktestEngine().run(assay.MomentumStrategy(threshold=0.05), prices)
    run_id = "backtest_mom_001"
    runs = pd.DataFrame(
        [
            {
                "run_id": run_id,
                "strategy": "momentum",
                "timestamp": pd.Timestamp.now(),
                "total_return": results["metrics"]["total_return_pct"],
            }
        ]
    )
    trades = pd.DataFrame(
        [
            {
                "run_id": run_id,
                "trade_id": t.trade_id,
                "symbol": t.symbol,
                "exit_date": t.exit_date,
                "pnl": t.pnl,
            }
            for t in results["trades"]
        ]
    )
    history = pd.DataFrame(
        [
            {"run_id": run_id, "date": p.date, "total_value": p.total_value}
            for p in results["portfolio_history"]
        ]
    )
    for _ in range(2):  # the second time replaces the first
        db.upsert_backtest_runs(runs)
        db.upsert_backtest_trades(trades)
        db.upsert_backtest_metrics(history)
    assert len(db.read_table("backtest_runs")) == 1
    assert len(db.read_table("backtest_trades")) == len(trades)
    read = db.read_table("backtest_metrics")
    assert read["total_value"].tolist() == results["equity_curve"][1:]
    (path,) = (db.folder / "backtest_metrics").glob("*.parquet")
    assert pq.read_schema(path).field("date").type == pa.timestamp("us")
    db.upsert_backtest_metrics(history.assign(run_id="other"))
    assert len(db.read_table("backtest_metrics")) == 2 * len(history)
    with pytest.raises(assay.DataError, match="run_id"):
        db.upsert_backtest_runs(runs.drop(columns="run_id"))
    with pytest.raises(assay.DataError, match="letters"):
        db.upsert_backtest_runs(runs.assign(run_id="../x"))
    assert not list(db.folder.rglob("*.tmp"))


class UsersDB:
    """A class of the users' own, which has only read_table."""

    def __init__(self, frame):
        self.frame = frame

    def read_table(self, name):
        if name != "prices":
            raise FileNotFoundError(name)
        return self.frame


def test_loader_over_the_users_class():
    frame = make_prices(30).reset_index()
    loader = BacktestDataLoader(UsersDB(frame))
    prices, technical, fundamental = loader.load_backtest_data(["AAPL", "MSFT"], "2023-01-10", "2023-01-31")
    assert set(prices["symbol"]) == {"AAPL", "MSFT"} and technical.empty and fundamental.empty
    assert prices.index.min() == pd.Timestamp("2023-01-10") and prices.index.max() == pd.Timestamp(
        "2023-01-31"
    )
    with pytest.warns(assay.AssayWarning, match="NOPE"):
        loader.load_backtest_data(["AAPL", "NOPE"])
    with pytest.raises(assay.NotFoundError, match="NOPE"):
        loader.load_backtest_data(["NOPE"])
    with pytest.raises(TypeError, match="read_table"):
        BacktestDataLoader(3)


@pytest.mark.parametrize("freq, rule", [("W", "W"), ("M", pd.offsets.MonthEnd())], ids=["week", "month"])
def test_resampled_bars(freq, rule):
    frame = make_prices(60)
    prices = BacktestDataLoader(UsersDB(frame.reset_index())).load_backtest_data(
        ["AAPL"], resample_freq=freq
    )[0]
    own = frame[frame["symbol"] == "AAPL"].resample(rule)
    assert prices["open_price"].tolist() == own["open_price"].first().tolist()
    assert prices["high_price"].tolist() == own["high_price"].max().tolist()
    assert prices["close_price"].tolist() == own["close_price"].last().tolist()
    assert prices["volume"].tolist() == own["volume"].sum().tolist()
    # a bar stands at its last trading day, not at a date that may lie in the future
    assert set(prices.index) <= set(frame.index)
    with pytest.raises(ValueError, match="resample_freq"):
        BacktestDataLoader(UsersDB(frame.reset_index())).load_backtest_data(["AAPL"], resample_freq="X")


class Rsi(assay.BaseStrategy):
    """Signals of several kinds, with strengths, scores, targets and reasons of their own."""

    features = ("rsi(close, 5)",)

    def on_bar(self, view):
        rsi = view.feature(0)
        for i in range(view.n_symbols):
            if rsi[i] < 30:
                view.buy(i, strength=0.5 + i / 100, signal_type="dip", reason=f"rsi {rsi[i]:.2f} is low")
            elif rsi[i] > 70:
                view.sell(i, reason="high")
            elif 45 < rsi[i] < 46:
                view.target(i, 0.5, score=float(rsi[i]))


def test_a_stored_run_of_a_strategy_in_python_has_a_report(sample, tmp_path, program):
    """Its stored signals lead to the same orders: the report has what the result's own tearsheet has."""
    settings = {"rebalance_frequency": "weekly", "start": "2015-06-01", "commission_pct": 0.002}
    run = assay.run(Rsi("my_dip", {"a": 3}), sample, **settings)
    name = run.save(sample, "of-python")
    assert {"TARGET", "BUY", "SELL"} == set(run.signals["action"]) and len(run.trades) > 30
    stored = json.loads(program("report", name, "--db", sample, "--format", "json", "--out", "-"))
    run.tearsheet(tmp_path / "own.json")
    own = json.loads((tmp_path / "own.json").read_text())
    assert stored["strategy"] == "my_dip" and stored["parameters"] == {"a": 3}
    for part in set(own) - {
        "run_id",
        "attribution",
        "groups",
        "texts",
        "trades",
    }:  # what sectors and reasons are in
        assert stored[part] == own[part], part
    assert (
        stored["trades"]["n"] == own["trades"]["n"]
        and stored["attribution"]["symbol"] == own["attribution"]["symbol"]
    )
    assert "maximum drawdown" in program("show", name, "--db", sample, "--conventions")
    program("report", name, "--db", sample, "--out", tmp_path / "page.html")
    for command, words in (
        (["reproduce", name], "run it again in Python"),
        (["report", name, "--verify"], "assay.verify"),
    ):
        with pytest.raises(assay.ConfigError, match=words):
            assay.program(*command, "--db", str(sample))
    both = assay.run([Rsi(), "momentum"], sample, combine="vote").save(sample, "of-both")
    with pytest.raises(
        assay.ConfigError, match=r"several strategies, one of them in Python.*result.tearsheet"
    ):
        assay.program("report", both, "--db", str(sample))


def test_signals_that_do_not_lead_to_a_run_are_no_report_of_it(sample):
    name = assay.run(Rsi(), sample).save(sample, "cut-short")
    (path,) = (sample / "backtest_signals").rglob(f"{name}.parquet")
    rows = pq.read_table(path)
    pq.write_table(rows.slice(0, rows.num_rows // 2), path)
    with pytest.raises(
        assay.DataError, match="stored signals of run cut-short do not lead to its stored equity"
    ):
        assay.program("report", name, "--db", str(sample))
