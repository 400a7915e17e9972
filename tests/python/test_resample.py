"""Coarser bars against pandas, sessions and time zones against zoneinfo, through the C interface of libassay."""

import ctypes
import datetime as dt
import os
import zoneinfo
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_store_support import Error

COLUMNS = ["open", "high", "low", "close", "volume"]
HOW = {"open": "first", "high": "max", "low": "min", "close": "last"}
DAY = 86_400_000_000
SECOND = 1_000_000


class Rows(ctypes.Structure):
    _fields_ = [
        ("n_rows", ctypes.c_size_t),
        ("symbol", ctypes.c_void_p),
        ("timestamp_us", ctypes.c_void_p),
        ("column", ctypes.c_void_p * 5),
        ("dividend", ctypes.c_void_p),
        ("split_ratio", ctypes.c_void_p),
        ("version_us", ctypes.c_void_p),
        ("source", ctypes.c_void_p),
    ]


class BarsSpec(ctypes.Structure):
    _fields_ = [
        ("bars", ctypes.c_char_p),
        ("session", ctypes.c_char_p),
        ("early_close_us", ctypes.c_void_p),
        ("n_early_closes", ctypes.c_size_t),
        ("keep_outside", ctypes.c_bool),
        ("end_labelled", ctypes.c_bool),
        ("drop_partial", ctypes.c_bool),
    ]


class Core:
    """Panels of frames, and what resampling makes of them."""

    def __init__(self, path):
        self.c = ctypes.CDLL(str(path))
        self.c.assay_panel_row.restype = ctypes.POINTER(ctypes.c_double)
        self.c.assay_panel_row.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        self.c.assay_panel_timestamps.restype = ctypes.POINTER(ctypes.c_int64)
        self.c.assay_panel_bar_end_us.restype = ctypes.c_int64
        self.c.assay_panel_bar_end_us.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.c.assay_panel_symbol.restype = ctypes.c_char_p
        self.c.assay_panel_symbol.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        for name in ("assay_panel_n_bars", "assay_panel_n_symbols"):
            getattr(self.c, name).restype = ctypes.c_size_t
        self.c.assay_panel_set_bar_length.argtypes = [ctypes.c_void_p, ctypes.c_int64]

    def ok(self, status, error):
        if status != 0:
            raise ValueError(error.message.decode())

    def panel(self, frame, length_us=None):
        """A panel of rows symbol, time (microseconds), open … volume."""
        error, builder, panel = Error(), ctypes.c_void_p(), ctypes.c_void_p()
        self.ok(self.c.assay_panel_builder_create(ctypes.byref(builder), ctypes.byref(error)), error)
        ids = {}
        for name in sorted(frame.symbol.unique()):
            number = ctypes.c_uint32()
            self.ok(
                self.c.assay_panel_builder_symbol(
                    builder,
                    name.encode(),
                    ctypes.c_size_t(len(name)),
                    ctypes.byref(number),
                    ctypes.byref(error),
                ),
                error,
            )
            ids[name] = number.value
        arrays = [
            np.ascontiguousarray(frame.symbol.map(ids).to_numpy("uint32")),
            np.ascontiguousarray(frame.time.to_numpy("int64")),
            *(np.ascontiguousarray(frame[c].to_numpy("float64")) for c in COLUMNS),
        ]
        rows = Rows(n_rows=len(frame), symbol=arrays[0].ctypes.data, timestamp_us=arrays[1].ctypes.data)
        for i in range(5):
            rows.column[i] = arrays[2 + i].ctypes.data
        self.ok(self.c.assay_panel_builder_add_rows(builder, ctypes.byref(rows), ctypes.byref(error)), error)
        options = (ctypes.c_int * 2)(0, 0)
        status = self.c.assay_panel_builder_finish(
            builder, options, ctypes.byref(panel), None, ctypes.byref(error)
        )
        self.c.assay_panel_builder_destroy(builder)
        self.ok(status, error)
        if length_us is not None:
            self.c.assay_panel_set_bar_length(panel, length_us)
        return panel

    def resample(self, frame, bars, session=None, early=(), length_us=None, **flags):
        """(frame of rows with symbol, time, open … volume; ends of the bars)."""
        panel, out, error = self.panel(frame, length_us), ctypes.c_void_p(), Error()
        times = np.array(early, dtype="int64")
        spec = BarsSpec(
            bars=bars.encode(),
            session=None if session is None else session.encode(),
            early_close_us=times.ctypes.data if len(times) else None,
            n_early_closes=len(times),
            **flags,
        )
        status = self.c.assay_panel_resample(
            panel, ctypes.byref(spec), ctypes.byref(out), ctypes.byref(error)
        )
        self.c.assay_panel_destroy(panel)
        self.ok(status, error)
        n_bars, n_symbols = self.c.assay_panel_n_bars(out), self.c.assay_panel_n_symbols(out)
        times = np.array(self.c.assay_panel_timestamps(out)[:n_bars])
        ends = np.array([self.c.assay_panel_bar_end_us(out, t) for t in range(n_bars)])
        names = [self.c.assay_panel_symbol(out, i).decode() for i in range(n_symbols)]
        parts = []
        for column in range(5):
            matrix = np.array([self.c.assay_panel_row(out, column, t)[:n_symbols] for t in range(n_bars)])
            parts.append(pd.DataFrame(matrix, index=times, columns=names).stack(future_stack=True))
        self.c.assay_panel_destroy(out)
        made = pd.concat(parts, axis=1, keys=COLUMNS).dropna(how="all").rename_axis(["time", "symbol"])
        return made.sort_index(), pd.Series(ends, index=times)


@pytest.fixture(scope="module")
def core(root):
    build = Path(os.environ.get("ASSAY_BUILD", root / "build"))
    path = build / "libassay.so"
    if not path.is_file():
        pytest.skip(f"{path} is not built")
    return Core(path)


def market(rng, times, n_symbols=4, gaps=0.2, missing=0.1):
    """Rows at some of the times, some of their cells missing."""
    parts = []
    for i in range(n_symbols):
        at = np.sort(rng.choice(times, size=max(1, int(len(times) * (1 - gaps))), replace=False))
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, len(at))))
        open_ = close * np.exp(rng.normal(0, 0.005, len(at)))
        frame = pd.DataFrame(
            {
                "symbol": f"S{i}",
                "time": at,
                "open": open_,
                "high": np.maximum(open_, close) * 1.003,
                "low": np.minimum(open_, close) * 0.997,
                "close": close,
                "volume": rng.lognormal(8, 2, len(at)),
            }
        )
        hit = rng.random((len(at), 5)) < missing
        frame[COLUMNS] = frame[COLUMNS].mask(hit)
        frame.loc[frame.index[0], "close"] = 50.0
        parts.append(frame)
    return pd.concat(parts)


def aggregated(groups):
    """A volume is missing where no cell is there; sums are pandas' own, which compensate."""
    made = groups.agg(HOW)
    made["volume"] = groups["volume"].sum(min_count=1)
    return made.dropna(how="all")


def by_pandas(frame, key, **how):
    """Resampled by pandas, symbol by symbol; `key(label)` makes our label, in microseconds, of pandas'."""
    parts = {}
    for symbol, rows in frame.groupby("symbol"):
        rows = rows.set_index(pd.to_datetime(rows.time, unit="us"))[COLUMNS]
        made = aggregated(rows.resample(**how))
        made.index = [key(label) for label in made.index]
        parts[symbol] = made
    return pd.concat(parts, names=["symbol", "time"]).swaplevel().sort_index()


def microseconds(label):
    return int(label.value // 1000)


def same(made, expected):
    expected = expected[COLUMNS].astype("float64")
    assert list(made.index) == list(expected.index)
    assert made.to_numpy().tobytes() == expected.to_numpy().tobytes() or np.array_equal(
        made.to_numpy(), expected.to_numpy(), equal_nan=True
    )


DAILY = {
    "1w": ({"rule": "W-SUN"}, 0),
    "w-fri": ({"rule": "W-FRI"}, 0),
    "w-wed": ({"rule": "W-WED"}, 0),
    "1mo": ({"rule": "ME"}, 0),
    "1q": ({"rule": "QE"}, 0),
    "1y": ({"rule": "YE"}, 0),
    "1d": ({"rule": "D"}, 0),
    "3d": ({"rule": "3D", "origin": "epoch"}, 2 * DAY),
    "10d": ({"rule": "10D", "origin": "epoch"}, 9 * DAY),
}


def check_daily(core, seed):
    """Daily bars to weeks, months, quarters, years and days, to the bit."""
    rng = np.random.default_rng(seed)
    days = rng.choice(np.arange(-400, 22000), size=1)[0] + np.arange(rng.integers(30, 500))
    times = days[rng.random(len(days)) < rng.uniform(0.3, 1)] * DAY
    if len(times) < 4:
        return
    frame = market(rng, times)
    for bars, (how, shift) in DAILY.items():
        made, ends = core.resample(frame, bars)
        same(made, by_pandas(frame, lambda label, shift=shift: microseconds(label) + shift, **how))
        assert (ends == ends.index + DAY).all()  # a bar carries the date of its last day, and ends with it


def check_intraday(core, seed):
    """Minutes to minutes and hours, counted from midnight, labelled by start and by end."""
    rng = np.random.default_rng(seed)
    step = int(rng.choice([1, 1, 5]))
    slots = np.arange(0, 3 * 1440, step)
    times = (19000 + rng.integers(0, 500)) * DAY + slots[rng.random(len(slots)) < 0.5] * 60 * SECOND
    frame = market(rng, times, n_symbols=2)
    for bars, minutes in (("5m", 5), ("15min", 15), ("35m", 35), ("1h", 60), ("3h", 180), ("7h", 420)):
        for end in (False, True):
            # each day by itself: bars are counted from its midnight, and none reaches over it
            day = (frame.time - (1 if end else 0)) // DAY
            expected = pd.concat(
                by_pandas(
                    rows,
                    lambda label, d=d, end=end: min(microseconds(label), (d + 1) * DAY),
                    rule=f"{minutes}min",
                    origin=pd.Timestamp(int(d) * DAY, unit="us"),
                    closed="right" if end else "left",
                    label="right" if end else "left",
                )
                for d, rows in frame.groupby(day)
            ).sort_index()
            made, ends = core.resample(frame, bars, length_us=step * 60 * SECOND, end_labelled=end)
            same(made, expected)
            if end:
                assert (ends == ends.index).all()


def trading_day(local, opens, closes):
    """(day, inside) of a local time; a session that crosses midnight belongs to the day on which it closes."""
    minute = local.hour * 60 + local.minute + local.second / 60
    day = local.date()
    if opens < closes:
        return day, opens <= minute < closes
    if minute >= opens:
        return day + dt.timedelta(days=1), True
    return day, minute < closes


ZONES = [
    "America/New_York",
    "America/Chicago",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "America/Santiago",
    "Africa/Casablanca",
    "UTC",
]


def check_session(core, seed, zone):
    """Daily bars of a session equal pandas' groups of zoneinfo's local days, over changes of the clock."""
    rng = np.random.default_rng([seed, ZONES.index(zone)])
    local = zoneinfo.ZoneInfo(zone)
    crosses = seed % 2 == 1
    opens = int(rng.integers(17, 23)) * 60 + 30 if crosses else int(rng.integers(6, 11)) * 60
    closes = int(rng.integers(14, 17)) * 60
    year = int(rng.choice([1995, 2007, 2015, 2024, 2031, 2039]))
    start = int(dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp())
    slots = start + np.arange(0, 366 * 86400, 1800)
    times = slots[rng.random(len(slots)) < 0.3].astype("int64") * SECOND
    frame = market(rng, times, n_symbols=1)
    session = f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02} {zone}"
    at = [dt.datetime.fromtimestamp(t // SECOND, local) for t in frame.time]
    where = [trading_day(a, opens, closes) for a in at]
    frame["day"] = [(d - dt.date(1970, 1, 1)).days * DAY for d, _ in where]
    inside = frame[[i for _, i in where]]
    made, ends = core.resample(frame, "1d", session=session, length_us=1800 * SECOND)
    same(made, aggregated(inside.groupby(["day", "symbol"])))
    for day, end in ends.items():
        date = dt.date(1970, 1, 1) + dt.timedelta(microseconds=day)
        close = dt.datetime.combine(date, dt.time(closes // 60, closes % 60), local)
        assert end == int(close.timestamp()) * SECOND


@pytest.mark.parametrize("seed", range(3))
def test_daily_bars_equal_pandas(core, seed):
    check_daily(core, seed)


@pytest.mark.parametrize("seed", range(1))
def test_intraday_bars_equal_pandas(core, seed):
    check_intraday(core, seed)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "America/Santiago"])
def test_sessions_equal_zoneinfo(core, zone):
    check_session(core, 0, zone)
    check_session(core, 1, zone)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
def test_daily_bars_equal_pandas_on_many_markets(core, seed):
    check_daily(core, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_intraday_bars_equal_pandas_on_many_markets(core, seed):
    check_intraday(core, seed)


@pytest.mark.long
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seed", range(10, 22))
def test_many_sessions_equal_zoneinfo(core, seed, zone):
    check_session(core, seed, zone)


def rows(times, price=10.0, symbol="A"):
    """One symbol, whose price counts on."""
    values = price + np.arange(len(times))
    return pd.DataFrame(
        {
            "symbol": symbol,
            "time": times,
            "open": values,
            "high": values,
            "low": values,
            "close": values,
            "volume": 1.0,
        }
    )


def utc(text):
    return int(pd.Timestamp(text).value // 1000)


@pytest.mark.long
def test_every_zone_of_the_system_is_read(core):
    """Offsets of every zone on many days of 1990-2060, by the local day that a row at noon of UTC falls on."""
    days = np.arange(7305, 32873, 97)
    frame = rows(days * DAY + DAY // 2 + 3 * 3600 * SECOND)
    for zone in sorted(zoneinfo.available_timezones()):
        if zone.startswith(("posix/", "right/")) or zone in ("Factory", "localtime"):
            continue
        local = zoneinfo.ZoneInfo(zone)
        at = [dt.datetime.fromtimestamp(t // SECOND, local) for t in frame.time]
        made, ends = core.resample(frame, "1d", session=f"00:00-24:00 {zone}", length_us=60 * SECOND)
        assert len(made) == len({a.date() for a in at})
        for (day, _), end in zip(made.index, ends, strict=True):
            after = dt.date(1970, 1, 1) + dt.timedelta(days=day // DAY + 1)
            midnight = dt.datetime.combine(after, dt.time(), local)
            assert end == int(midnight.timestamp()) * SECOND, (zone, after)


def test_minutes_are_counted_from_the_open_also_when_the_clock_changes(core):
    times = [utc(f"2024-03-08 14:{m}") for m in range(30, 60)] + [
        utc(f"2024-03-11 13:{m}") for m in range(30, 60)
    ]
    made, _ = core.resample(rows(times), "7m", session="09:30-16:00 America/New_York", length_us=60 * SECOND)
    expected = [utc(f"2024-03-08 14:{m}") for m in (30, 37, 44, 51, 58)]
    expected += [utc(f"2024-03-11 13:{m}") for m in (30, 37, 44, 51, 58)]
    assert [t for t, _ in made.index] == expected


def test_last_bar_of_a_session_ends_with_it(core):
    times = [utc(f"2024-06-03 19:{m}") for m in range(50, 60)] + [utc("2024-06-03 20:00")]
    made, ends = core.resample(
        rows(times), "7m", session="09:30-16:00 America/New_York", length_us=60 * SECOND
    )
    assert [t for t, _ in made.index] == [utc("2024-06-03 19:48"), utc("2024-06-03 19:55")]
    assert list(ends) == [utc("2024-06-03 19:55"), utc("2024-06-03 20:00")]


def test_an_early_close_ends_the_bar(core):
    times = [utc("2024-07-03 16:59"), utc("2024-07-03 17:00"), utc("2024-07-05 13:30")]
    early = [utc("2024-07-03 13:00")]
    made, ends = core.resample(
        rows(times), "1d", session="09:30-16:00 America/New_York", early=early, length_us=60 * SECOND
    )
    assert list(made.close) == [10.0, 12.0]
    assert list(ends) == [utc("2024-07-03 17:00"), utc("2024-07-05 20:00")]


def test_rows_outside_the_session_are_kept_by_choice(core):
    times = [utc("2024-06-03 12:00"), utc("2024-06-03 14:00"), utc("2024-06-03 21:00")]
    session = {"session": "09:30-16:00 America/New_York", "length_us": 60 * SECOND}
    made, _ = core.resample(rows(times), "5m", keep_outside=True, **session)
    assert [t for t, _ in made.index] == times
    made, _ = core.resample(rows(times), "5m", **session)
    assert [t for t, _ in made.index] == times[1:2]
    made, _ = core.resample(rows(times), "1d", keep_outside=True, **session)
    assert list(made.close) == [11.0]


@pytest.mark.parametrize(
    ("days", "bars", "n"),
    [
        (["2024-06-03", "2024-06-06"], "1w", 0),  # a Thursday: Friday could still come
        (["2024-06-03", "2024-06-07"], "1w", 1),
        (["2024-06-01", "2024-06-07"], "1w", 1),  # weekends are traded, too: the second week is partial
        (["2024-05-31", "2024-06-28"], "1mo", 2),
        (["2024-05-31", "2024-06-27"], "1mo", 1),
    ],
)
def test_a_partial_last_bar_is_dropped_by_choice(core, days, bars, n):
    frame = rows([utc(day) for day in days])
    whole, _ = core.resample(frame, bars)
    if n == 0:
        with pytest.raises(ValueError, match="no bar is left"):
            core.resample(frame, bars, drop_partial=True)
        return
    made, _ = core.resample(frame, bars, drop_partial=True)
    assert len(made) == n
    assert len(whole) >= n


@pytest.mark.parametrize(
    ("bars", "session", "said"),
    [
        ("5x", None, "'5x' is no frequency of bars"),
        ("0m", None, "at most 1440m"),
        ("2w", None, "by the one only"),
        ("w-abc", None, "'w-abc' is no frequency"),
        ("7m", None, "it must be a multiple"),
        ("1d", "9-16 UTC", "it needs an open and a close"),
        ("1d", "09:30-16:00", "it needs a time zone"),
        ("1d", "09:30-16:00 America/New_Yrok", "there is no time zone 'America/New_Yrok'"),
        ("1d", "09:30-16:00 ../../etc/passwd", "there is no time zone"),
        ("1d", "02:00-03:00 UTC", "no bar is left"),
    ],
)
def test_refusals(core, bars, session, said):
    frame = rows([utc("2024-06-03 14:00"), utc("2024-06-03 14:05")])
    with pytest.raises(ValueError, match=said):
        core.resample(frame, bars, session=session, length_us=300 * SECOND)


def test_daily_bars_give_no_minutes(core):
    with pytest.raises(ValueError, match="cannot be made of daily ones"):
        core.resample(rows([utc("2024-06-03"), utc("2024-06-04")]), "5m")


def test_a_damaged_zone_is_refused(core, tmp_path, monkeypatch):
    whole = (Path("/usr/share/zoneinfo") / "America" / "New_York").read_bytes()
    frame = rows([utc("2024-06-03 14:00"), utc("2024-06-03 14:05")])
    libc = ctypes.CDLL(None)
    libc.setenv(b"TZDIR", str(tmp_path).encode(), 1)
    try:
        rng = np.random.default_rng(1)
        for i in range(300):
            damaged = bytearray(whole[: int(rng.integers(0, len(whole)))] if i % 2 else whole)
            for at in rng.integers(0, max(1, len(damaged)), 5):
                if len(damaged):
                    damaged[at] = int(rng.integers(0, 256))
            (tmp_path / "Bad").write_bytes(bytes(damaged))
            try:
                core.resample(frame, "1d", session="00:00-24:00 Bad", length_us=300 * SECOND)
            except ValueError as error:
                assert "Bad" in str(error) or "no bar is left" in str(error)
    finally:
        libc.unsetenv(b"TZDIR")
