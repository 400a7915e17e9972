"""The program `assay` of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ._errors import AssayError, NotFoundError


def path() -> str:
    """Where the program is: in the package, else what $ASSAY_BIN or $PATH says.

    Returns
    -------
    str
        Its path.
    """
    own = Path(__file__).resolve().parent / "bin" / "assay"
    if own.is_file():
        return str(own)
    found = os.environ.get("ASSAY_BIN") or shutil.which("assay")
    if not found:
        raise NotFoundError("the program assay is neither in the package nor on the PATH")
    return found


def call(*arguments: str) -> str:
    """Runs the program.

    Parameters
    ----------
    *arguments : str
        A subcommand and its options.

    Returns
    -------
    str
        What it wrote to standard output.
    """
    done = subprocess.run([path(), *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssayError(
            done.stderr.strip() or f"assay {arguments[0]} ended with exit status {done.returncode}"
        )
    return done.stdout


def main() -> None:
    """Becomes the program: what the command `assay` of a wheel runs."""
    program = path()
    sys.stdout.flush()
    os.execv(program, [program, *sys.argv[1:]])
