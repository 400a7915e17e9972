"""What the tests of the flows share: Prefect's own server on loopback, and a database as pandas and pyarrow write it."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(os.environ.get("ASSAY_PACKAGE", ROOT / "build-python" / "package"))
sys.path.insert(0, str(PACKAGE))
# Workers are processes of their own.
os.environ["PYTHONPATH"] = os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")]).rstrip(
    os.pathsep
)
os.environ.update(
    PREFECT_HOME=tempfile.mkdtemp(prefix="assay-prefect-"),
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    DO_NOT_TRACK="1",
    PREFECT_LOGGING_LEVEL="WARNING",
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="120",
)

SYMBOLS = ["AAPL", "GOOGL", "META", "MSFT", "TSLA"]
SECTORS = dict(zip(SYMBOLS, ["Technology", "Communication", "Communication", "Technology", "Consumer"]))


@pytest.fixture(scope="session", autouse=True)
def prefect_server():
    """Prefect's server and database, for the whole folder."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


def write_table(folder, table, frame):
    """A folder a day, symbols as a dictionary, snappy."""
    for day, rows in frame.groupby(frame["timestamp"].dt.normalize()):
        target = folder / table / f"year={day.year}" / f"month={day.month}" / f"day={day.day}"
        target.mkdir(parents=True, exist_ok=True)
        columns = pa.Table.from_pandas(rows, preserve_index=False)
        place = columns.schema.get_field_index("symbol")
        columns = columns.set_column(place, "symbol", columns["symbol"].dictionary_encode())
        pq.write_table(columns, target / "0.parquet", compression="snappy")


def make_database(folder, with_sectors=True, n_days=300, seed=1):
    """The users' layout: prices, and sectors in fundamental_analysis."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2023-01-02", periods=n_days, freq="B")
    parts = []
    for symbol in SYMBOLS:
        close = 100 * np.exp(np.cumsum(rng.normal(0.001, 0.025, n_days)))
        opens = close * np.exp(rng.normal(0, 0.004, n_days))
        parts.append(
            pd.DataFrame(
                {
                    "timestamp": days,
                    "symbol": symbol,
                    "currency": "USD",
                    "open_price": opens,
                    "high_price": np.maximum(opens, close) * 1.01,
                    "low_price": np.minimum(opens, close) * 0.99,
                    "close_price": close,
                    "volume": rng.integers(10**6, 10**7, n_days),
                    "frequency": "1d",
                    "data_source": "test",
                    "created_at": days,
                    "updated_at": days,
                }
            )
        )
    write_table(folder, "prices", pd.concat(parts, ignore_index=True))
    if with_sectors:
        rows = pd.DataFrame(
            {
                "timestamp": days[0],
                "symbol": SYMBOLS,
                "sector": [SECTORS[s] for s in SYMBOLS],
                "pe_ratio": 20.0,
            }
        )
        write_table(folder, "fundamental_analysis", rows)
    return folder


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """A database that the tests add results to."""
    return make_database(tmp_path_factory.mktemp("market") / "db")


@pytest.fixture(scope="session")
def wide_market(tmp_path_factory):
    """A larger one, for sweeps."""
    import assay

    folder = tmp_path_factory.mktemp("wide") / "db"
    assay.program("sample", "--db", str(folder), "--symbols", "20", "--days", "500", "--quiet")
    return folder


@pytest.fixture(scope="session")
def cluster():
    """A Dask cluster of two worker processes."""
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster
