"""`assay check`: clean data give no finding, each planted defect gives exactly its own, and the mended copy has none.

The market is made by numpy, the expected counts are those of what was planted.
"""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.cli_long

N_SYMBOLS, N_BARS = 6, 300
SYMBOLS = [f"S{i}" for i in range(N_SYMBOLS)]


@pytest.fixture(scope="module")
def clean():
    """Six symbols without a fault: business days, one currency, prices that move a little."""
    rng = np.random.default_rng(5)
    days = pd.bdate_range("2020-01-01", periods=N_BARS)
    frames = []
    for symbol in SYMBOLS:
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.005, N_BARS)))
        open_ = np.concatenate([[50], close[:-1]])
        frames.append(
            pd.DataFrame(
                {
                    "timestamp": days,
                    "symbol": symbol,
                    "open_price": open_,
                    "high_price": np.maximum(open_, close) * 1.002,
                    "low_price": np.minimum(open_, close) * 0.998,
                    "close_price": close,
                    "volume": rng.integers(1000, 9000, N_BARS).astype(float),
                    "frequency": "1d",
                    "currency": "USD",
                    "note": [f"{symbol}-{i}" for i in range(N_BARS)],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def at(frame, symbol, bar):
    return frame.index[frame.symbol == symbol][bar]


PRICES = ["open_price", "high_price", "low_price", "close_price"]


def bad_price(f):
    f.loc[at(f, "S2", 100), "close_price"] = -1


def missing_key(f):
    f.loc[len(f)] = f.loc[at(f, "S2", 100)]
    f.loc[len(f) - 1, "timestamp"] = pd.NaT


def duplicate(f):
    f.loc[len(f)] = f.loc[at(f, "S2", 100)]


def contradicting_duplicate(f):
    f.loc[len(f)] = f.loc[at(f, "S2", 100)]
    f.loc[len(f) - 1, "volume"] += 1


def superseded(f):
    f["updated_at"] = pd.Timestamp("2021-06-01")
    f.loc[len(f)] = f.loc[at(f, "S2", 100)]
    f.loc[len(f) - 1, "updated_at"] = pd.Timestamp("2021-07-01")


def missing_close(f):
    f.loc[at(f, "S2", 100), "close_price"] = np.nan


def high_below_low(f):
    row = at(f, "S2", 100)
    f.loc[row, ["high_price", "low_price"]] = f.loc[row, ["low_price", "high_price"]].to_numpy()


def close_outside_range(f):
    row = at(f, "S2", 100)
    f.loc[row, "high_price"] = (f.loc[row, "close_price"] + f.loc[row, "low_price"]) / 2
    f.loc[row, "open_price"] = f.loc[row, "low_price"]


def open_outside_range(f):
    row = at(f, "S2", 100)
    f.loc[row, "open_price"] = f.loc[row, "high_price"] * 1.01


def gap(f):
    f.drop(index=[at(f, "S2", 100), at(f, "S2", 101)], inplace=True)


def stale(f):
    rows = f.index[f.symbol == "S2"][100:112]
    level = f.loc[rows[0], "close_price"]
    f.loc[rows, PRICES] = level
    f.loc[rows, "volume"] = 0
    later = f.index[f.symbol == "S2"][112:]
    f.loc[later, PRICES] *= level / f.loc[later[0], "open_price"]


def spike(f):
    f.loc[at(f, "S2", 100), PRICES] *= 1.45


def unadjusted_split(f):
    f.loc[f.index[f.symbol == "S2"][100:], PRICES] /= 2


def split_without_jump(f):
    f["split_coefficient"] = 1.0
    f.loc[at(f, "S2", 100), "split_coefficient"] = 2.0


def jump(f):
    f.loc[f.index[f.symbol == "S2"][100:], PRICES] *= 1.8


def outlier(f):
    f.loc[f.index[f.symbol == "S2"][100:], PRICES] *= 1.64 / 1.2  # below every split ratio that is guessed


def bad_event(f):
    f["dividend_amount"] = 0.0
    f.loc[at(f, "S2", 100), "dividend_amount"] = -1.0


def mixed_currencies(f):
    f.loc[f.symbol == "S2", "currency"] = "EUR"


def mixed_frequencies(f):
    more = f[f.symbol == "S2"].assign(frequency="1h")
    for i, row in enumerate(more.to_dict("records")):
        f.loc[len(f)] = row
        if i > 20:
            break


def future_date(f):
    f.loc[len(f)] = {
        **f.loc[f.index[f.symbol == "S2"][-1]].to_dict(),
        "timestamp": pd.Timestamp("2090-01-03"),
    }


def weekend(f):
    friday = next(d for d in f.timestamp[f.symbol == "S2"][102:] if d.dayofweek == 4)
    row = f[(f.symbol == "S2") & (f.timestamp == friday)].iloc[0].to_dict()
    f.loc[len(f)] = {**row, "timestamp": friday + pd.Timedelta(days=1)}


def ended_early(f):
    f.drop(index=f.index[f.symbol == "S2"][200:], inplace=True)


def begins_late(f):
    f.drop(index=f.index[f.symbol == "S2"][:100], inplace=True)


DEFECTS = {  # the symbol of the finding, its count, whether it can be mended
    bad_price: ("S2", 1, True),
    missing_key: ("S2", 1, True),
    duplicate: ("S2", 1, True),
    contradicting_duplicate: ("S2", 1, True),
    superseded: ("S2", 1, True),
    missing_close: ("S2", 1, True),
    high_below_low: ("S2", 1, True),
    close_outside_range: ("S2", 1, True),
    open_outside_range: ("S2", 1, True),
    gap: ("S2", 2, False),
    stale: ("S2", 12, True),
    spike: ("S2", 1, True),
    unadjusted_split: ("S2", 1, True),
    split_without_jump: ("S2", 1, True),
    jump: ("S2", 1, False),
    outlier: ("S2", 1, False),
    bad_event: ("S2", 1, False),
    mixed_currencies: (None, N_SYMBOLS * N_BARS, False),
    mixed_frequencies: (None, N_SYMBOLS * N_BARS + 22, False),
    future_date: ("S2", 1, True),
    weekend: ("S2", 1, True),
    ended_early: (None, 1, False),
    begins_late: (None, 1, False),
}
ERRORS = {
    "bad_price", "missing_key", "duplicate", "contradicting_duplicate", "bad_event", "mixed_currencies",
    "mixed_frequencies",
}  # fmt: skip


def write(frame, db):
    (db / "prices" / "y").mkdir(parents=True)
    frame.to_parquet(db / "prices" / "y" / "0.parquet", index=False)
    return db


def found(assay, db, *more, code=None):
    done = assay("check", "--db", db, "--format", "json", *more, code=code)
    report = json.loads(done.stdout)
    return done.returncode, report, {f["kind"]: f for f in report["findings"]}


def hashes(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and ".assay" not in p.parts
    }


def test_clean_data_give_no_finding(assay, tmp_path, clean):
    code, report, kinds = found(assay, write(clean, tmp_path / "db"))
    assert (code, kinds) == (0, {})
    assert (report["rows"], report["symbols"], report["bars"]) == (len(clean), N_SYMBOLS, N_BARS)
    assert "nothing was found" in assay("check").stdout


@pytest.mark.parametrize("plant", DEFECTS, ids=lambda f: f.__name__)
def test_a_planted_defect_gives_exactly_its_finding(assay, tmp_path, clean, plant):
    name = plant.__name__
    symbol, count, mendable = DEFECTS[plant]
    frame = clean.copy()
    plant(frame)
    db = write(frame, tmp_path / "db")
    code, report, kinds = found(assay, db)
    assert set(kinds) == {name}
    assert code == (1 if name in ERRORS else 0)
    finding = kinds[name]
    assert (finding["symbol"], finding["count"]) == (symbol, count)
    assert finding["examples"] and finding["run_would"] and finding["to_do"]
    before = hashes(db)
    if not mendable:
        assay("check", "--fix", "mended", "--fix-kinds", name, code=2)
    else:
        done = assay("check", "--fix", "mended", "--fix-kinds", name)
        assert "S2" in done.stdout
        left = set(found(assay, tmp_path / "mended")[2])
        assert left <= {"gap"}, "a row that was dropped leaves a gap, and nothing else"
    assert hashes(db) == before


@pytest.mark.parametrize("plant", [f for f in DEFECTS if f.__name__ in ERRORS], ids=lambda f: f.__name__)
def test_errors_are_what_stops_a_run(assay, tmp_path, clean, plant):
    frame = clean.copy()
    plant(frame)
    write(frame, tmp_path / "db")
    assay("run", "momentum", "--no-store", code=1)


def test_a_mended_copy_keeps_the_rest(assay, tmp_path, clean):
    frame = clean.copy()
    bad_price(frame)
    row = at(frame, "S3", 50)
    frame.loc[row, ["high_price", "low_price"]] = frame.loc[row, ["low_price", "high_price"]].to_numpy()
    db = write(frame, tmp_path / "db")
    (db / "prices" / "z").mkdir()
    clean[clean.symbol == "S0"].assign(symbol="T0").to_parquet(db / "prices" / "z" / "0.parquet", index=False)
    (db / "other").mkdir()
    (db / "other" / "x.parquet").write_bytes(b"anything")
    (db / "holdings.csv").write_text("symbol,sector\nS0,Energy\n")
    before = hashes(db)
    dry = assay("check", "--fix", "out", "--dry-run")
    assert "2 changes; nothing was written" in dry.stdout
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()  # an empty folder is no harm
    assay("check", "--fix", "out")
    after = hashes(tmp_path / "out")
    assert hashes(db) == before
    changed = "prices/y/0.parquet"
    assert {k: v for k, v in after.items() if k != changed} == {
        k: v for k, v in before.items() if k != changed
    }
    expected = frame.drop(index=at(frame, "S2", 100))
    expected.loc[row, ["high_price", "low_price"]] = clean.loc[row, ["high_price", "low_price"]]
    mended = pd.read_parquet(tmp_path / "out" / changed)
    pd.testing.assert_frame_equal(
        mended.astype({"timestamp": "datetime64[ns]"}),
        expected.astype({"timestamp": "datetime64[ns]"}).reset_index(drop=True),
    )


def test_a_copy_is_never_written_onto_something(assay, tmp_path, clean):
    db = write(clean, tmp_path / "db")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    before = hashes(db)
    for target in (db, db / "inside", tmp_path, tmp_path / "full", tmp_path / "none" / "deep"):
        done = assay("check", "--fix", target, code=None)
        assert done.returncode != 0
        assert "copy" in done.stderr
    assert hashes(db) == before
    assert (tmp_path / "full" / "mine").read_text() == "x"


def test_options(assay, tmp_path, clean):
    frame = clean.copy()
    jump(frame)
    gap(frame)
    db = write(frame, tmp_path / "db")
    assert set(found(assay, db)[2]) == {"jump", "gap"}
    assert set(found(assay, db, "--kinds", "gap")[2]) == {"gap"}
    assert set(found(assay, db, "--symbols", "S0,S1,S3,S4")[2]) == set()
    assert set(found(assay, db, "--threshold", "jump=0.9", "--threshold", "gap_others=6")[2]) == {"outlier"}
    assert set(found(assay, db, "--start", frame.timestamp.iloc[150].date())[2]) == set()
    assert set(found(assay, db, "--end", frame.timestamp.iloc[90].date())[2]) == set()
    assay("check", "--strict", code=1)
    for wrong, word in (
        (["--kinds", "gapp"], "did you mean 'gap'"),
        (["--threshold", "jump"], "number from"),
        (["--threshold", "spike_mad=1"], "did you mean 'spike_mads'"),
        (["--start", "soon"], "no date"),
        (["--dry-run"], "belongs to --fix"),
        (["--fix", "x", "--fix-kinds", "gap"], "cannot be mended"),
    ):
        assert word in assay("check", *wrong, code=2).stderr


def test_survivorship(assay, tmp_path):
    days = pd.to_datetime(["2010-01-04", "2015-01-05", "2020-01-06"])
    frame = pd.DataFrame(
        [(d, f"X{i}", 10.0 + i) for i in range(50) for d in days],
        columns=["timestamp", "symbol", "close_price"],
    )
    assert set(found(assay, write(frame, tmp_path / "db"))[2]) == {"survivorship"}
    frame = frame.drop(index=frame.index[2])
    assert set(found(assay, write(frame, tmp_path / "b"))[2]) == {"ended_early"}


def test_every_kind_and_threshold_is_on_the_page(assay, root):
    page = (root / "docs" / "check.md").read_text()
    listed = assay("check", "--list").stdout
    for line in listed.splitlines():
        if line.startswith("  ") and not line.startswith("   "):
            name, rest = line.strip().split(" (", 1)
            assert f"`{name}`" in page, name
            value = rest.split(")")[0].split(" ")[0]
            assert f"| `{name}` | {value} |" in page, line
