"""What the tests share: the program under test and how to run it.

ASSAY_BIN names the program (default: build/assay), so that the same tests run against the build with sanitizers.
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root():
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def assay_bin():
    """The program under test; skips where it is not built."""
    path = Path(os.environ.get("ASSAY_BIN", ROOT / "build" / "assay"))
    if not path.is_file():
        pytest.skip(f"{path} is not built")
    return path


@pytest.fixture
def assay(assay_bin, tmp_path):
    """assay("run", "momentum", ...) runs the program in an empty folder and returns its CompletedProcess.

    Fails on an exit code other than `code` (default 0; None: any), with what the program said.
    """

    def run(*args, code=0, stdin=None, env=None, cwd=None, timeout=300):
        done = subprocess.run(
            [assay_bin, *map(str, args)],
            cwd=cwd or tmp_path,
            env={**os.environ, **(env or {})},
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if code is not None and done.returncode != code:
            pytest.fail(
                f"assay {' '.join(map(str, args))} ended with {done.returncode}, not {code}\n"
                f"--- standard output\n{done.stdout}\n--- standard error\n{done.stderr}"
            )
        return done

    return run
