"""Indicators against TA-Lib and pandas, on random data, and their bits against those without wide vector instructions.

Where a definition is not TA-Lib's, the expected values here are put together from what TA-Lib or pandas has: the table
EXPECTED says which, and the comment why.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

talib = pytest.importorskip("talib")

N_ROWS, N_SYMBOLS = 700, 5
PLAIN_CPU = "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD"


@pytest.fixture(scope="session")
def program(root):
    path = Path(os.environ.get("ASSAY_BUILD", root / "build")) / "tests" / "unit" / "indicator_values"
    if not path.is_file():
        pytest.skip(f"{path} is not built")
    return path


def tick(prices):
    return np.round(prices * 64) / 64


def random_market(seed):
    """Columns (rows x symbols) of prices with gaps overnight, equal neighbours now and then, whole volumes.

    Prices are multiples of 1/64: sums of them are exact, and what is equal is so for everybody.
    """
    rng = np.random.default_rng(seed)
    shape = (N_ROWS, N_SYMBOLS)
    close = rng.uniform(5, 200, N_SYMBOLS) * np.exp(np.cumsum(rng.normal(0.0002, 0.02, shape), axis=0))
    close = tick(close)
    before = np.vstack([close[:1], close[:-1]])
    open_ = tick(before * np.exp(rng.normal(0, 0.005, shape)))
    high = tick(np.maximum(open_, close) * np.exp(rng.uniform(0, 0.01, shape)))
    low = tick(np.minimum(open_, close) * np.exp(-rng.uniform(0, 0.01, shape)))
    low = np.minimum(low, high - 1 / 64)  # a range: 0 / 0 is a matter of its own
    volume = np.floor(rng.uniform(1e3, 1e6, shape))
    y = np.cumsum(rng.normal(0, 1, shape), axis=0)
    return {"open": open_, "high": high, "low": low, "close": close, "volume": volume, "x": close, "y": y}


def write_market(path, market):
    table = np.stack([market[name] for name in ("open", "high", "low", "close", "volume", "x", "y")], axis=-1)
    rows = table.reshape(-1, 7)
    lines = [" ".join(repr(float(value)) for value in row) for row in rows]
    path.write_text(f"{table.shape[0]} {table.shape[1]}\n" + "\n".join(lines) + "\n")


def run(program, path, calls, env=None):
    text = "\n".join(" ".join([name, *map(repr, numbers)]) for name, numbers in calls) + "\n"
    done = subprocess.run(
        [program, path],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **(env or {})},
    )
    return done.stdout


def values(program, path, calls, n_rows=N_ROWS):
    numbers = np.array(run(program, path, calls).split(), dtype=float)
    return numbers.reshape(len(calls), n_rows, -1)


# --- what is expected -------------------------------------------------------------------------------------------------


def series(d, name="x"):
    return pd.Series(d[name])


def ema(x, n):
    """TA-Lib's, from the first value on that is not NaN (its own functions start at the first row)."""
    first = int(np.argmax(~np.isnan(x)))
    return np.concatenate([np.full(first, np.nan), talib.EMA(x[first:], n) if n > 1 else x[first:]])


def macd(d, fast, slow):
    # TA-Lib's MACD starts the fast average with the slow one; here each has its own seed.
    return ema(d["x"], fast) - ema(d["x"], slow)


def windows(x, n):
    """Every window of n values (rows x n), for sums in two passes: pandas adds and subtracts along the way."""
    return np.lib.stride_tricks.sliding_window_view(x, n)


def over_windows(n, results):
    return np.concatenate([np.full(n - 1, np.nan), results])


def var(x, n):
    return over_windows(n, windows(x, n).var(axis=1, ddof=1))


def std(x, n):
    return np.sqrt(var(x, n))


def cov(d, n):
    wx, wy = windows(d["x"], n), windows(d["y"], n)
    deviations = (wx - wx.mean(axis=1, keepdims=True)) * (wy - wy.mean(axis=1, keepdims=True))
    return over_windows(n, deviations.sum(axis=1) / (n - 1))


def cci(d, n):
    """TA-Lib's; NaN where the typical price did not move, which is 0 / 0."""
    w = windows(d["high"] + d["low"] + d["close"], n)
    is_flat = over_windows(n, (w == w[:, :1]).all(axis=1).astype(float)) == 1
    return np.where(is_flat, np.nan, talib.CCI(*of(d, *HLC), n))


def bands(d, n, k):
    return talib.BBANDS(d["x"], n, k, k, 0)


def returns_over(x, n):
    return x / np.concatenate([np.full(n, np.nan), x[:-n]])


HLC = ("high", "low", "close")


def of(d, *names):
    return [d[name] for name in names]


EXPECTED = {
    "lag": lambda d, n: series(d).shift(n),
    "mom": lambda d, n: talib.MOM(d["x"], n),
    "roc": lambda d, n: talib.ROC(d["x"], n),
    "return": lambda d, n: returns_over(d["x"], n - 1) - 1,  # n bars, the current one included
    "sma": lambda d, n: talib.SMA(d["x"], n),
    "mean": lambda d, n: series(d).rolling(n).mean(),
    "sum": lambda d, n: talib.SUM(d["x"], n),
    "std": lambda d, n: std(d["x"], n),  # TA-Lib STDDEV has ddof 0
    "var": lambda d, n: var(d["x"], n),  # TA-Lib VAR has ddof 0
    "zscore": lambda d, n, floor: (d["x"] - series(d).rolling(n).mean()) / (std(d["x"], n) + floor),
    "rolling_min": lambda d, n: talib.MIN(d["x"], n),
    "rolling_max": lambda d, n: talib.MAX(d["x"], n),
    "median": lambda d, n: series(d).rolling(n).median(),
    "quantile": lambda d, n, q: series(d).rolling(n).quantile(q),
    "rank": lambda d, n: series(d).rolling(n).rank(pct=True),
    "slope": lambda d, n: talib.LINEARREG_SLOPE(d["x"], n),
    "cov": cov,
    "corr": lambda d, n: cov(d, n) / (std(d["x"], n) * std(d["y"], n)),  # TA-Lib CORREL is 0 for 0 / 0
    # TA-Lib BETA takes returns first, and beta of y on x.
    "beta": lambda d, n: cov(d, n) / var(d["y"], n),
    "ema": lambda d, n: talib.EMA(d["x"], n),
    "wma": lambda d, n: talib.WMA(d["x"], n),
    "dema": lambda d, n: talib.DEMA(d["x"], n),
    "tema": lambda d, n: talib.TEMA(d["x"], n),
    "trima": lambda d, n: talib.TRIMA(d["x"], n),
    "kama": lambda d, n: talib.KAMA(d["x"], n),
    "rsi": lambda d, n: talib.RSI(d["x"], n),
    "cmo": lambda d, n: talib.CMO(d["x"], n),
    "macd": macd,
    "macd_signal": lambda d, fast, slow, signal: ema(macd(d, fast, slow), signal),
    "macd_histogram": lambda d, fast, slow, signal: macd(d, fast, slow) - ema(macd(d, fast, slow), signal),
    # TA-Lib PPO with exponential averages is of its MACD's seeding.
    "ppo": lambda d, fast, slow: 100 * macd(d, fast, slow) / ema(d["x"], slow),
    "trix": lambda d, n: talib.TRIX(d["x"], n),
    "bb_upper": lambda d, n, k: bands(d, n, k)[0],
    "bb_middle": lambda d, n, k: bands(d, n, k)[1],
    "bb_lower": lambda d, n, k: bands(d, n, k)[2],
    "bb_width": lambda d, n, k: (bands(d, n, k)[0] - bands(d, n, k)[2]) / bands(d, n, k)[1],
    "bb_pct": lambda d, n, k: (d["x"] - bands(d, n, k)[2]) / (bands(d, n, k)[0] - bands(d, n, k)[2]),
    "typical_price": lambda d: talib.TYPPRICE(*of(d, *HLC)),
    "trange": lambda d: talib.TRANGE(*of(d, *HLC)),
    "atr": lambda d, n: talib.ATR(*of(d, *HLC), n),
    "natr": lambda d, n: talib.NATR(*of(d, *HLC), n),
    "plus_di": lambda d, n: talib.PLUS_DI(*of(d, *HLC), n),
    "minus_di": lambda d, n: talib.MINUS_DI(*of(d, *HLC), n),
    "dx": lambda d, n: talib.DX(*of(d, *HLC), n),
    "adx": lambda d, n: talib.ADX(*of(d, *HLC), n),
    "aroon_up": lambda d, n: talib.AROON(d["high"], d["low"], n)[1],
    "aroon_down": lambda d, n: talib.AROON(d["high"], d["low"], n)[0],
    # TA-Lib's %K has NaN until %D has a value; with slowd 1 it has not.
    "stoch_k": lambda d, fastk, slowk: talib.STOCH(*of(d, *HLC), fastk, slowk, 0, 1, 0)[0],
    "stoch_d": lambda d, fastk, slowk, slowd: talib.STOCH(*of(d, *HLC), fastk, slowk, 0, slowd, 0)[1],
    "willr": lambda d, n: talib.WILLR(*of(d, *HLC), n),
    "cci": cci,
    "ultosc": lambda d, *n: talib.ULTOSC(*of(d, *HLC), *n),
    "bop": lambda d: talib.BOP(d["open"], *of(d, *HLC)),
    "obv": lambda d: talib.OBV(d["close"], d["volume"]),
    "ad": lambda d: talib.AD(*of(d, *HLC), d["volume"]),
    "adosc": lambda d, fast, slow: talib.ADOSC(*of(d, *HLC), d["volume"], fast, slow),
    "mfi": lambda d, n: talib.MFI(*of(d, *HLC), d["volume"], n),
}

# Numbers by number of arguments; those of a kind of their own by name.
WINDOWS = [(2,), (3,), (8,), (14,), (20,), (63,), (250,)]
NUMBERS = {
    "lag": [(0,), (1,), (5,), (100,)],
    "zscore": [(2, 0.0), (20, 0.0), (20, 1e-6), (63, 0.5)],
    "quantile": [(1, 0.3), (5, 0.0), (5, 1.0), (20, 0.25), (21, 0.9), (63, 0.5)],
    "macd": [(12, 26), (3, 10), (1, 5), (2, 2), (26, 12)],
    "macd_signal": [(12, 26, 9), (3, 10, 16), (2, 4, 1), (26, 12, 9)],
    "macd_histogram": [(12, 26, 9), (3, 10, 16), (2, 4, 1)],
    "ppo": [(12, 26), (3, 10)],
    "bb_upper": [(20, 2.0), (5, 1.5), (250, 3.0)],
    "bb_middle": [(20, 2.0), (5, 1.5)],
    "bb_lower": [(20, 2.0), (5, 1.5), (250, 3.0)],
    "bb_width": [(20, 2.0), (5, 1.5)],
    "bb_pct": [(20, 2.0), (5, 1.5)],
    "stoch_k": [(5, 3), (14, 1), (14, 3), (1, 1)],
    "stoch_d": [(5, 3, 3), (14, 1, 3), (14, 3, 5)],
    "ultosc": [(7, 14, 28), (2, 3, 4), (5, 10, 20)],
    "adosc": [(3, 10), (2, 20)],
    **{name: [()] for name in ("typical_price", "trange", "bop", "obv", "ad")},
}


def calls():
    return [(name, numbers) for name in EXPECTED for numbers in NUMBERS.get(name, WINDOWS)]


def scale_of(d, name):
    """What a value near 0 is small against: differences of prices are of the size of prices, say."""
    if name in ("mom", "macd", "macd_signal", "macd_histogram", "slope", "cov", "beta"):
        return np.abs(d["x"]).max()
    if name in ("ad", "adosc"):
        return d["volume"].sum()
    return 1.0


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # 0 / 0, on purpose
@pytest.mark.parametrize("seed", [1, 2])
def test_values(program, tmp_path, seed):
    market = random_market(seed)
    write_market(tmp_path / "market", market)
    got = values(program, tmp_path / "market", calls())
    problems = []
    for (name, numbers), matrix in zip(calls(), got):
        for s in range(N_SYMBOLS):
            d = {key: np.ascontiguousarray(column[:, s]) for key, column in market.items()}
            expected = np.asarray(EXPECTED[name](d, *numbers), dtype=float)
            same_nan = np.array_equal(np.isnan(expected), np.isnan(matrix[:, s]))
            error = np.abs(matrix[:, s] - expected) - 1e-9 * np.abs(expected) - 1e-10 * scale_of(d, name)
            if not same_nan or np.nanmax(error, initial=-1) > 0:
                at = (
                    int(np.nanargmax(error))
                    if same_nan
                    else int(np.argmax(np.isnan(expected) != np.isnan(matrix[:, s])))
                )
                problems.append(
                    f"{name}{numbers} of symbol {s}, row {at}: {matrix[at, s]!r}, expected {expected[at]!r}"
                )
                break
    assert not problems, "\n".join(problems)


def test_every_function_is_checked(program):
    table = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    names = {line.split("`")[1].split("(")[0] for line in table.splitlines()[2:]}
    assert names == set(EXPECTED)


def test_reference_page(program, root):
    """docs/indicators.md has the table as the program has it."""
    table = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert table in (root / "docs" / "indicators.md").read_text()


def test_same_bits_without_wide_vectors(program, tmp_path):
    """The C library chooses by processor as well (exp, log, pow): nothing of that may reach an indicator."""
    market = random_market(3)
    market["x"][100:103, 1] = np.nan
    write_market(tmp_path / "market", market)
    usual = run(program, tmp_path / "market", calls())
    plain = run(program, tmp_path / "market", calls(), env={"GLIBC_TUNABLES": PLAIN_CPU})
    assert usual == plain


# --- 0 / 0 ------------------------------------------------------------------------------------------------------------


def flat_market():
    """A price that never moves."""
    shape = (60, 1)
    flat = {name: np.full(shape, 12.3) for name in ("open", "high", "low", "close", "x", "y")}
    return {**flat, "volume": np.full(shape, 1000.0)}


UNDEFINED = [
    "rsi",
    "cmo",
    "zscore",
    "bb_pct",
    "corr",
    "beta",
    "stoch_k",
    "stoch_d",
    "willr",
    "cci",
    "mfi",
    "ultosc",
    "bop",
]
STANDS = {
    "ema": 12.3,
    "sma": 12.3,
    "wma": 12.3,
    "dema": 12.3,
    "tema": 12.3,
    "kama": 12.3,
    "trima": 12.3,
    "median": 12.3,
}
ZERO = ["std", "var", "slope", "mom", "roc", "macd", "trix", "atr", "adx", "dx", "bb_width", "ad"]


def test_flat_price(program, tmp_path):
    """TA-Lib has 0 for 0 / 0; here it is NaN, so that no rule fires on a price that does not move."""
    write_market(tmp_path / "market", flat_market())
    numbers = {
        "zscore": ("5", "0"),
        "stoch_d": (),
        "stoch_k": (),
        "macd": (),
        "ultosc": (),
        "bb_pct": (),
        "bb_width": (),
    }

    def last(name):
        given = numbers.get(name, ("5",))
        line = f"{name} {' '.join(given)}\n"
        done = subprocess.run(
            [program, tmp_path / "market"], input=line, capture_output=True, text=True, check=True
        )
        return float(done.stdout.split()[-1])

    assert [name for name in UNDEFINED if not np.isnan(last(name))] == []
    assert {name: last(name) for name in STANDS} == STANDS  # to the last bit
    assert [name for name in ZERO if last(name) != 0] == []


# --- rows that are missing ---------------------------------------------------------------------------------------------

RECURSIVE = [
    "ema",
    "dema",
    "tema",
    "kama",
    "rsi",
    "cmo",
    "macd",
    "macd_signal",
    "ppo",
    "trix",
    "atr",
    "natr",
    "adx",
    "dx",
]
RECURSIVE += ["plus_di", "minus_di", "obv", "ad", "adosc"]


def test_recursive_functions_pass_over_missing_rows(program, tmp_path):
    """A row without input is as if it were not there, to the last bit."""
    names = [
        (name, {"macd": (4, 7), "ppo": (4, 7), "macd_signal": (4, 7, 3)}.get(name, (4,)))
        for name in RECURSIVE
    ]
    names = [(name, () if name in ("obv", "ad", "adosc") else numbers) for name, numbers in names]
    market = {name: column[:200, :1] for name, column in random_market(4).items()}
    gone = np.random.default_rng(5).random(200) < 0.2
    gone[:3] = True
    with_holes = {name: np.where(gone[:, None], np.nan, column) for name, column in market.items()}
    write_market(tmp_path / "holes", with_holes)
    write_market(tmp_path / "closed", {name: column[~gone] for name, column in market.items()})
    holes = values(program, tmp_path / "holes", names, 200)[:, :, 0]
    closed = values(program, tmp_path / "closed", names, int((~gone).sum()))[:, :, 0]
    assert np.isnan(holes[:, gone]).all()
    np.testing.assert_array_equal(holes[:, ~gone], closed)
