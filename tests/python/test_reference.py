"""The program against the independent reference on random markets (tests/reference), through its files.

The default run covers 60 markets of momentum and mean reversion and 20 of every later kind; `-m long` (or ASSAY_LONG=1)
hundreds more of each.
"""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import compare  # noqa: E402


def check(seed, kind=None):
    verdict, words = compare.check(seed, kind=kind)
    if words:
        print(words)
    assert verdict != "different", words
    return verdict


@pytest.fixture(scope="module", autouse=True)
def the_program():
    if shutil.which(compare.binary()) is None:
        pytest.fail(f"{compare.binary()} is not there: build it, or say where it is with ASSAY_BIN")


@pytest.mark.parametrize("seed", range(20))
def test_market(seed):
    if check(seed) == "skipped":
        pytest.skip("rounding could decide")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["sector_rotation", "portfolio_beta", "ensemble", "known"])
def test_market_of(kind, seed):
    if check(seed, kind) == "skipped":
        pytest.skip("rounding could decide")


def test_equity_below_zero():
    """A REDUCE on the bar of ruin never sells more than is held."""
    assert check(231, "portfolio_beta") == "same"


def long_enough(request):
    if "long" not in request.config.getoption("markexpr") and not os.environ.get("ASSAY_LONG"):
        pytest.skip("long: choose it with -m long or ASSAY_LONG=1")


@pytest.mark.long
@pytest.mark.parametrize("first", range(20, 140, 20))
def test_more_markets(first, request):
    long_enough(request)
    verdicts = [check(seed) for seed in range(first, first + 20)]
    assert verdicts.count("same") >= 15


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 120, 20))
@pytest.mark.parametrize("kind", compare.markets.KINDS)
def test_more_markets_of(kind, first, request):
    long_enough(request)
    verdicts = [check(seed, kind) for seed in range(first, first + 20)]
    assert verdicts.count("same") >= 12


@pytest.mark.parametrize("seed", range(2))
def test_no_decision_depends_on_the_future(seed):
    verdict, words = compare.verify(seed, "known")
    assert verdict == "same", words


@pytest.mark.long
@pytest.mark.parametrize("first", range(2, 62, 20))
def test_no_decision_depends_on_the_future_in_more_markets(first, request):
    long_enough(request)
    for seed in range(first, first + 20):
        verdict, words = compare.verify(seed, "known")
        assert verdict == "same", words
