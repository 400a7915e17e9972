"""Small markets worked by hand, for the checks of the reference itself: they trade every calendar day."""

from datetime import date, timedelta

import pytest

DAY0 = date(2021, 3, 1)                     # a Monday


def day(k):
    return DAY0 + timedelta(days=k)


def row(k, close, **more):
    return {"timestamp": day(k), "open": close, "high": close, "low": close, "close": close, "volume": 1_000_000,
            "dividend": None, "split": None, **more}


def rows(*closes, **more):
    """A bar a day; None is a day without one."""
    return [row(k, c, **more) for k, c in enumerate(closes) if c is not None]


def near(x):
    return pytest.approx(x, rel=1e-12, abs=1e-12)
