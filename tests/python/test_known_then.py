"""The market as it was known then: universe, delistings, symbol changes, sectors of the day, corporate actions. Small markets
whose results are worked by hand from docs/semantics.md, section 2.

Capital 100,000, a full position is 10 % of the equity, no costs; orders fill at the next open.
"""

import json

import pandas
import pytest

pytestmark = pytest.mark.cli_long

FREE = ["--set", "commission_pct=0", "--set", "slippage_bps=0", "--set", "max_participation=0"]


def day(n):
    """Business day n from Monday, 2024-01-01."""
    return pandas.bdate_range("2024-01-01", periods=n + 1)[-1]


class Database:
    """A database in the making."""

    def __init__(self, folder, assay):
        self.folder, self.assay = folder, assay

    def table(self, name, rows):
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        pandas.DataFrame(rows).to_parquet(self.folder / name / "0.parquet")

    def prices(self, closes):
        """{symbol: closes from day 0 on, None: no bar}; opens are the closes."""
        self.table(
            "prices",
            [
                {
                    "timestamp": day(n),
                    "symbol": symbol,
                    "open_price": float(close),
                    "high_price": float(close),
                    "low_price": float(close),
                    "close_price": float(close),
                    "volume": 1e6,
                }
                for symbol, row in closes.items()
                for n, close in enumerate(row)
                if close is not None
            ],
        )

    def run(self, signals, *args, code=0):
        """Runs signals [(day, symbol, action, target)]."""
        rows = [
            {"timestamp": day(n), "symbol": s, "action": a, "target_position": t} for n, s, a, t in signals
        ]
        pandas.DataFrame(rows).to_csv(self.folder / "signals.csv", index=False)
        done = self.assay(
            "run",
            f"signals:{self.folder / 'signals.csv'}",
            "--db",
            self.folder,
            "--run-id",
            "r",
            *FREE,
            *args,
            code=code,
        )
        if code == 0:
            assert ": ok" in self.assay("audit", "r", "--db", self.folder).stdout
            assert "reproduced" in self.assay("reproduce", "r", "--db", self.folder).stdout
            verified = self.assay(
                "verify",
                f"signals:{self.folder / 'signals.csv'}",
                "--db",
                self.folder,
                *FREE,
                *args,
                "--cuts",
                "2",
            )
            assert verified.returncode == 0
        return done

    def rows(self, table, columns):
        query = f"SELECT {columns} FROM {table} WHERE run_id = 'r'"
        return [
            tuple(row.values())
            for row in json.loads(self.assay("sql", query, "--db", self.folder, "--format", "json").stdout)
        ]

    def fills(self):
        """(day, symbol, side, quantity, price, kind) in the order in which they happened."""
        dates = {day(n).strftime("%Y-%m-%d"): n for n in range(60)}
        return [
            (dates[t[:10]], *rest)
            for t, *rest in self.rows("backtest_fills", "timestamp, symbol, side, quantity, price, kind")
        ]

    def exits(self):
        return self.rows("backtest_trades", "symbol, round(pnl, 6) AS pnl, exit_reason")

    def column(self, name):
        return [row[0] for row in self.rows("backtest_metrics", f"{name} AS x")]


@pytest.fixture
def db(assay, tmp_path):
    folder = tmp_path / "db"
    folder.mkdir()
    return Database(folder, assay)


# --- the universe -------------------------------------------------------------------------------------------------------


def test_what_leaves_the_universe_is_closed_and_nothing_outside_is_opened(db):
    """A leaves after day 3: closed by an order of day 4, which fills on day 5. B is not in before day 4."""
    db.prices({"A": [100] * 9, "B": [50] * 9})
    db.table(
        "universe",
        [
            {"symbol": "A", "start_date": day(0), "end_date": day(3), "sector": None},
            {"symbol": "B", "start_date": day(4), "end_date": None, "sector": None},
        ],
    )
    db.run([(0, "A", "BUY", 1), (0, "B", "BUY", 1), (4, "B", "BUY", 1), (5, "A", "BUY", 1)])
    assert db.fills() == [
        (1, "A", "BUY", 100, 100, "market_open"),
        (5, "A", "SELL", 100, 100, "market_open"),
        (5, "B", "BUY", 200, 50, "market_open"),
    ]
    assert db.exits()[0] == ("A", 0, "universe")
    statuses = db.rows("backtest_signals", "symbol, status, outcome")
    assert statuses == [
        ("A", "ordered", "filled"),
        ("B", "not_in_universe", "none"),
        ("B", "ordered", "filled"),
        ("A", "not_in_universe", "none"),
    ]


def test_a_pending_entry_ends_when_its_symbol_leaves(db):
    """The order of day 2 would fill on day 3, when A is no longer in."""
    db.prices({"A": [100] * 6, "B": [50] * 6})
    db.table(
        "universe",
        [
            {"symbol": "A", "start_date": day(0), "end_date": day(2)},
            {"symbol": "B", "start_date": day(0), "end_date": day(9)},
        ],
    )
    db.run([(2, "A", "BUY", 1)])
    assert db.fills() == []
    assert db.rows("backtest_signals", "status, outcome") == [("ordered", "expired")]


def test_the_universe_can_be_left_aside(db):
    db.prices({"A": [100] * 6, "B": [50] * 6})
    db.table("universe", [{"symbol": "B", "start_date": day(0), "end_date": day(9)}])
    db.run([(0, "A", "BUY", 1)], "--set", "point_in_time_universe=false")
    assert db.fills() == [(1, "A", "BUY", 100, 100, "market_open")]


def test_a_universe_without_the_runs_symbols_is_refused(db):
    db.prices({"A": [100] * 6})
    db.table("universe", [{"symbol": "B", "start_date": day(0), "end_date": day(9)}])
    assert "universe" in db.run([(0, "A", "BUY", 1)], code=1).stderr


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"symbol": "A", "start_date": "2024-01-02", "end_date": "2024-01-01"},
            ["row 1", "A ends before it begins"],
        ),
        ({"symbol": "A", "start_date": "soon", "end_date": None}, ["row 1", "start_date 'soon'"]),
        ({"symbol": "", "start_date": "2024-01-02", "end_date": None}, ["row 1", "no symbol"]),
    ],
)
def test_rows_that_cannot_be_are_refused(db, row, words):
    db.prices({"A": [100] * 6})
    db.table("universe", [row])
    said = db.run([(0, "A", "BUY", 1)], code=1).stderr
    assert all(word in said for word in ["universe/0.parquet", *words])


# --- delistings ---------------------------------------------------------------------------------------------------------


def test_a_told_delisting_pays_its_return(db):
    """A ends on day 3 and is delisted on day 5 with a loss of 40 %: 10 days of silence need not pass."""
    db.prices({"A": [100, 100, 110, 120, None, None, None], "B": [50] * 7})
    db.table("delistings", [{"symbol": "A", "date": day(5), "return": -0.4}])
    db.run([(0, "A", "BUY", 1)])
    assert db.fills() == [
        (1, "A", "BUY", 100, 100, "market_open"),
        (5, "A", "SELL", 100, pytest.approx(72), "delisting"),
    ]
    assert db.exits() == [("A", -2800, "delisting")]
    assert db.rows("backtest_runs", "delisted_positions") == [(1,)]


def test_a_return_that_is_not_known_is_the_settings(db):
    db.prices({"A": [100, 100, 110, 120, None, None, None], "B": [50] * 7})
    db.table("delistings", [{"symbol": "A", "date": day(4), "return": None}])
    db.run([(0, "A", "BUY", 1)], "--set", "delisting_return=-0.3")
    assert db.fills()[1] == (4, "A", "SELL", 100, pytest.approx(84), "delisting")


def test_a_return_below_minus_one_is_refused(db):
    db.prices({"A": [100] * 6})
    db.table("delistings", [{"symbol": "A", "date": day(4), "return": -30.0}])
    said = db.run([(0, "A", "BUY", 1)], code=1).stderr
    assert "delistings/0.parquet, row 1" in said and "-30" in said


# --- symbol changes -----------------------------------------------------------------------------------------------------


def test_a_changed_symbol_keeps_its_history_and_its_position(db):
    """OLD becomes NEW on day 3; on day 4 another company is called OLD."""
    db.prices({"OLD": [100, 101, 102, None, 7, 7, 7], "NEW": [None, None, None, 103, 104, 105, 106]})
    db.table("symbol_changes", [{"old_symbol": "OLD", "new_symbol": "NEW", "date": day(3)}])
    db.run([(0, "NEW", "BUY", 1), (4, "NEW", "SELL", 1)])
    assert db.fills() == [
        (1, "NEW", "BUY", pytest.approx(100), 101, "market_open"),
        (5, "NEW", "SELL", pytest.approx(100), 105, "market_open"),
    ]
    assert db.rows("backtest_runs", "n_symbols") == [(2,)]


@pytest.mark.parametrize("name", ["OLD", "NEW"])
def test_any_name_chooses_the_instrument(db, name):
    db.prices({"OLD": [100, 101, 102], "NEW": [None, None, None, 103, 104], "X": [1] * 5})
    db.table("symbol_changes", [{"old_symbol": "OLD", "new_symbol": "NEW", "date": day(3)}])
    db.run([(3, "NEW", "BUY", 1)], "--symbols", name)
    assert db.rows("backtest_runs", "n_symbols, n_bars") == [(1, 5)]


def test_changes_that_contradict_each_other_are_refused(db):
    db.prices({"A": [100] * 6})
    db.table(
        "symbol_changes",
        [
            {"old_symbol": "A", "new_symbol": "B", "date": day(3)},
            {"old_symbol": "A", "new_symbol": "C", "date": day(3)},
        ],
    )
    said = db.run([(0, "A", "BUY", 1)], code=1).stderr
    assert "symbol_changes" in said and "A becomes B and A becomes C" in said


# --- corporate actions --------------------------------------------------------------------------------------------------


def action(n, symbol, **what):
    return {
        "symbol": symbol,
        "ex_date": day(n),
        "split_ratio": None,
        "cash_dividend": None,
        "pay_date": None,
        "type": None,
        "new_symbol": None,
        "new_ratio": None,
        **what,
    }


def test_fractions_are_paid_in_cash_where_shares_are_whole(db):
    """101 shares at 99 (whole ones of 10,000 money); 3 for 2 makes 151.5: half a share at 66 is 33 of cash."""
    db.prices({"A": [99, 99, 66, 66, 66]})
    db.table("corporate_actions", [action(2, "A", split_ratio=1.5)])
    db.run([(0, "A", "BUY", 1), (2, "A", "SELL", 1)], "--set", "lot_size=1")
    assert db.fills() == [
        (1, "A", "BUY", 101, 99, "market_open"),
        (2, "A", "SELL", 0.5, 66, "cash_in_lieu"),
        (3, "A", "SELL", 151, 66, "market_open"),
    ]
    assert [reason for _, _, reason in db.exits()] == ["cash_in_lieu", "signal"]
    assert db.column("cash")[2] == pytest.approx(100000 - 101 * 99 + 33)
    assert db.column("total_value")[-1] == pytest.approx(100000)


def test_a_reverse_split(db):
    """101 shares, 1 for 10: ten shares, and a tenth of one in cash at 990."""
    db.prices({"A": [99, 99, 990, 990]})
    db.table("corporate_actions", [action(2, "A", split_ratio=0.1)])
    db.run([(0, "A", "BUY", 1)], "--set", "lot_size=1")
    assert db.fills()[1:] == [(2, "A", "SELL", pytest.approx(0.1), pytest.approx(990), "cash_in_lieu")]


def test_special_and_regular_dividends_of_one_day_are_both_paid(db):
    db.prices({"A": [100, 100, 98, 98]})
    db.table(
        "corporate_actions",
        [
            action(2, "A", cash_dividend=1.0, type="regular"),
            action(2, "A", cash_dividend=1.0, type="special"),
            action(2, "A", cash_dividend=1.0, type="special"),
        ],
    )
    db.run([(0, "A", "BUY", 1)])
    assert db.column("total_value") == pytest.approx([100000] * 4)


def test_a_dividend_is_a_receivable_until_its_pay_date(db):
    """100 shares, 2 a share on day 2, paid on day 4, though the shares are sold on day 3."""
    db.prices({"A": [100, 100, 98, 98, 98, 98]})
    db.table("corporate_actions", [action(2, "A", cash_dividend=2.0, pay_date=day(4))])
    db.run([(0, "A", "BUY", 1), (2, "A", "SELL", 1)], "--set", "dividend_payment=pay_date")
    assert db.column("receivable") == pytest.approx([0, 0, 200, 200, 0, 0])
    assert db.column("cash") == pytest.approx([100000, 90000, 90000, 99800, 100000, 100000])
    assert db.column("total_value") == pytest.approx([100000] * 6)
    db.run([(0, "A", "BUY", 1), (2, "A", "SELL", 1)])
    assert db.column("receivable") == [0] * 6
    assert db.column("cash")[2] == pytest.approx(90200)


def test_a_spin_off_brings_shares_worth_what_it_took(db):
    """100 P at 100; on day 2 each brings 0.5 of C, which opens at 40: P falls by 20, and 50 C are worth 2,000."""
    db.prices({"P": [100, 100, 80, 80, 80], "C": [None, None, 40, 44, 44]})
    db.table("corporate_actions", [action(2, "P", new_symbol="C", new_ratio=0.5)])
    db.run([(0, "P", "BUY", 1), (3, "C", "SELL", 1)])
    assert db.fills() == [
        (1, "P", "BUY", 100, 100, "market_open"),
        (2, "C", "BUY", 50, 40, "spin_off"),
        (4, "C", "SELL", 50, 44, "market_open"),
    ]
    assert db.column("total_value") == pytest.approx([100000, 100000, 100000, 100200, 100200])
    assert sorted(db.exits(), key=str) == [("C", 200, "signal"), ("P", 0, None)]
    assert db.rows("backtest_runs", "n_symbols") == [(2,)]


def test_a_spin_off_into_a_symbol_that_the_run_does_not_have_is_refused(db):
    db.prices({"P": [100, 100, 80, 80], "C": [None, None, 40, 44]})
    db.table("corporate_actions", [action(2, "P", new_symbol="C", new_ratio=0.5)])
    said = db.run([(0, "P", "BUY", 1)], "--symbols", "P", code=1).stderr
    assert "C, which is not one of the run's symbols" in said and "P" in said


# --- sectors as of the day ----------------------------------------------------------------------------------------------


def sector_run(db, *args):
    """sector_rotation over four symbols; (day, symbol, signal type) of its signals."""
    db.assay(
        "run",
        "sector_rotation",
        "--db",
        db.folder,
        "--run-id",
        "r",
        "--set",
        "lookback=2",
        "--set",
        "rotation_freq=1",
        *FREE,
        *args,
    )
    dates = {day(n).strftime("%Y-%m-%d"): n for n in range(60)}
    return [
        (dates[t[:10]], s, k.removeprefix("sector_rotation_"))
        for t, s, k in db.rows("backtest_signals", "timestamp, symbol, signal_type")
    ]


GROWING = {"A": [10, 11, 12, 13, 14], "B": [10, 10, 10, 10, 10], "C": [10, 9, 8, 7, 6]}


def test_the_universe_has_sectors_of_the_day(db):
    """Until day 2 A is in Tech, and C in Oil; then they change places. B is never in a sector."""
    db.prices(GROWING)
    db.table(
        "universe",
        [
            {"symbol": "A", "start_date": day(0), "end_date": day(2), "sector": "Tech"},
            {"symbol": "A", "start_date": day(3), "end_date": None, "sector": "Oil"},
            {"symbol": "B", "start_date": day(0), "end_date": None, "sector": None},
            {"symbol": "C", "start_date": day(0), "end_date": day(3), "sector": "Oil"},
        ],
    )
    assert sector_run(db) == [(1, "A", "enter"), (1, "C", "exit"), (2, "A", "enter"), (2, "C", "exit")]


def test_a_sector_of_the_fundamentals_holds_when_it_is_known(db):
    """A's sector is filed on day 2, C's lags a day behind its timestamp: known from day 2 on as well."""
    db.prices(GROWING)
    db.table(
        "fundamental_analysis",
        [
            {"timestamp": day(0), "symbol": "A", "sector": "Tech", "filing_date": day(2)},
            {"timestamp": day(1), "symbol": "C", "sector": "Oil", "filing_date": None},
        ],
    )
    assert [row[0] for row in sector_run(db, "--set", "lag_days=1")] == [2, 2, 3, 3, 4, 4]


# --- gaps ---------------------------------------------------------------------------------------------------------------

GAP = {"A": [50, 100, None, None, 110, 110, 110], "B": [10] * 7}


def test_a_filled_gap_is_a_bar_at_which_nothing_fills(db):
    db.prices(GAP)
    forward = ["--set", "gap_policy=forward_fill"]
    db.run([(1, "A", "BUY", 1)], *forward)
    assert [fill[:4] for fill in db.fills()] == [(4, "A", "BUY", 100)]
    db.run([(0, "A", "BUY", 1)], *forward)
    assert db.column("stale_positions") == [0, 0, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("more", "score"),
    [
        ([], 1.2),  # 110 / 50 - 1: the gap is no bar
        (["--set", "gap_policy=forward_fill"], 0.1),  # 110 / 100 - 1: the gap has two bars of 100
        (["--set", "gap_policy=forward_fill", "--set", "max_gap_bars=1"], 0.1),  # 100 | 100 110: one of them
    ],
)
def test_windows_count_filled_bars(db, more, score):
    db.prices(GAP)
    db.assay(
        "run",
        "momentum",
        "--db",
        db.folder,
        "--run-id",
        "r",
        "--set",
        "lookback=3",
        "--set",
        "threshold=0.01",
        *FREE,
        *more,
    )
    scores = dict(db.rows("backtest_signals", "timestamp, score"))
    assert scores[f"{day(4):%Y-%m-%d}T00:00:00"] == pytest.approx(score)


def test_a_gap_is_filled_whether_or_not_the_symbol_resumes(db):
    """A never trades again: it has bars up to day 3, a Thursday; Monday is more than 2 days later."""
    db.prices({"A": [100, 100, None, None, None, None, None], "B": [10] * 7})
    db.run(
        [(0, "A", "BUY", 1)],
        "--set",
        "gap_policy=forward_fill",
        "--set",
        "max_gap_bars=2",
        "--set",
        "delist_after_days=2",
    )
    assert db.fills()[1][:2] == (5, "A")


def test_filled_gaps_and_splits(db):
    """A 2 for 1 split inside the gap: the filled bars behind it are at 50."""
    db.prices({"A": [100, 100, None, None, 50, 50], "B": [10] * 6})
    db.table("corporate_actions", [action(3, "A", split_ratio=2.0)])
    db.run([(0, "A", "BUY", 1)], "--set", "gap_policy=forward_fill")
    assert db.column("total_value") == pytest.approx([100000] * 6)


def test_filled_gaps_cannot_be_had_with_coarser_bars(db):
    db.prices(GAP)
    said = db.run([(1, "A", "BUY", 1)], "--set", "gap_policy=forward_fill", "--resample", "1w", code=2).stderr
    assert "gap_policy" in said
