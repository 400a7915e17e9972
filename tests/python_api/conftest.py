"""What the tests of the Python package share: a sample market, as a database and as frames."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(os.environ.get("ASSAY_PACKAGE", ROOT / "build-python" / "package"))
sys.path.insert(0, str(PACKAGE))

import assay  # noqa: E402


@pytest.fixture(scope="session")
def root():
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def program():
    """program("run", ...) runs the program of the package and returns what it wrote; it must succeed."""

    def run(*args):
        done = subprocess.run([PACKAGE / "assay/bin/assay", *map(str, args)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def python():
    """python(code) runs code in a fresh interpreter that can import the package; returns its output."""

    def run(code, code_of_exit=0, **more):
        env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60, **more
        )
        assert done.returncode == code_of_exit, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def sample(tmp_path_factory, program):
    """A database with splits, dividends, gaps and delistings."""
    folder = tmp_path_factory.mktemp("sample") / "db"
    program("sample", "--db", folder, "--symbols", 30, "--days", 400, "--quiet")
    return folder


@pytest.fixture(scope="session")
def sample_prices(sample):
    """Its prices, with splits and dividends as columns."""
    return assay.ParquetDB(sample).read_prices()


def make_prices(n_days=120, symbols=("AAPL", "GOOGL", "MSFT"), seed=7, step=0.02):
    """A small market without events, long format indexed by timestamp."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2023-01-02", periods=n_days, freq="B")
    parts = []
    for symbol in symbols:
        close = 100 * np.exp(np.cumsum(rng.normal(0.001, step, n_days)))
        opens = close * np.exp(rng.normal(0, 0.004, n_days))
        parts.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "open_price": opens,
                    "high_price": np.maximum(opens, close) * 1.01,
                    "low_price": np.minimum(opens, close) * 0.99,
                    "close_price": close,
                    "volume": rng.integers(10**6, 10**7, n_days),
                },
                index=days.rename("timestamp"),
            )
        )
    return pd.concat(parts).sort_index(kind="stable")


class Given(assay.BaseStrategy):
    """Gives the same signals at every bar."""

    def __init__(self, *signals):
        super().__init__()
        self.given = signals

    def generate_signals(self, prices_df, technical_df, holdings_df, date):
        self.technical, self.holdings = technical_df, holdings_df
        return list(self.given)


@pytest.fixture(scope="session")
def prices():
    """A small market."""
    return make_prices()
