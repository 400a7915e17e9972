"""The program against the independent reference on random markets (tests/reference), through its files.

The default run covers 60 markets; `-m long` (or ASSAY_LONG=1) 400 more.
"""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import compare  # noqa: E402


def check(seed):
    verdict, words = compare.check(seed)
    if words:
        print(words)
    assert verdict != "different", words
    return verdict


@pytest.fixture(scope="module", autouse=True)
def the_program():
    if shutil.which(compare.binary()) is None:
        pytest.fail(f"{compare.binary()} is not there: build it, or say where it is with ASSAY_BIN")


@pytest.mark.parametrize("seed", range(60))
def test_market(seed):
    if check(seed) == "skipped":
        pytest.skip("rounding could decide")


@pytest.mark.long
@pytest.mark.parametrize("first", range(60, 460, 20))
def test_more_markets(first, request):
    if "long" not in request.config.getoption("markexpr") and not os.environ.get("ASSAY_LONG"):
        pytest.skip("long: choose it with -m long or ASSAY_LONG=1")
    verdicts = [check(seed) for seed in range(first, first + 20)]
    assert verdicts.count("same") >= 15
