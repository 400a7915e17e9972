"""Other engines on the same market: what they fill, Assay fills.

Run with the packages of tools/requirements-elsewhere.txt (tools/run-tests --long elsewhere): PYTHONPATH=build-python/package.
"""

import numpy as np
import pandas as pd
import pytest

SYMBOLS = ["AAA", "BBB", "CCC"]


@pytest.fixture(scope="session")
def wide():
    """Open, high, low, close (times by symbols) of three symbols over 250 sessions of New York; prices in whole cents."""
    import exchange_calendars

    days = (
        exchange_calendars.get_calendar("XNYS")
        .sessions_in_range("2020-03-02", "2021-02-26")
        .tz_localize(None)
    )
    rng = np.random.default_rng(11)
    close = 50 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, (len(days), 3)), axis=0))
    opened = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.006, close.shape))
    close, opened = close.round(2), opened.round(2)
    high = (np.maximum(close, opened) * 1.01).round(2)
    low = (np.minimum(close, opened) * 0.99).round(2)
    return {
        name: pd.DataFrame(values, index=days.rename("date"), columns=SYMBOLS)
        for name, values in (("open", opened), ("high", high), ("low", low), ("close", close))
    }


@pytest.fixture(scope="session")
def prices(wide):
    """The same in long format, as Assay takes it."""
    parts = [
        pd.DataFrame(
            {"symbol": s, "volume": 10_000_000, **{f"{name}_price": frame[s] for name, frame in wide.items()}}
        )
        for s in SYMBOLS
    ]
    return pd.concat(parts).rename_axis("timestamp").reset_index()


def fills_of(result):
    """Fills as rows of day, symbol, signed shares and price, in order."""
    fills = result.fills
    signed = np.where(fills["side"] == "BUY", fills["quantity"], -fills["quantity"])
    rows = pd.DataFrame(
        {
            "day": pd.DatetimeIndex(fills["timestamp"]),
            "symbol": fills["symbol"].astype(str),
            "size": signed,
            "price": fills["price"],
        }
    )
    return rows.sort_values(["day", "symbol"], ignore_index=True)


def same_fills(ours, theirs):
    """Both have the same fills: days and symbols exactly, shares and prices to the rounding of floating point."""
    theirs = theirs.sort_values(["day", "symbol"], ignore_index=True)
    assert len(ours) == len(theirs) > 10
    assert ours["day"].tolist() == theirs["day"].tolist()
    assert ours["symbol"].tolist() == theirs["symbol"].tolist()
    np.testing.assert_allclose(ours["size"], theirs["size"], rtol=1e-10)
    np.testing.assert_allclose(ours["price"], theirs["price"], rtol=1e-12)
