"""The program `assay` of the package."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ._errors import NotFoundError


def program_path() -> str:
    """Where the program is: in the package, else what $ASSAY_BIN or $PATH says.

    Returns
    -------
    str
        Its path.
    """
    own = Path(os.path.abspath(__file__)).parent / "bin" / "assay"
    if own.is_file():
        return str(own)
    found = os.environ.get("ASSAY_BIN") or shutil.which("assay")
    if not found:
        raise NotFoundError("the program assay is neither in the package nor on the PATH")
    return found


def program(*arguments: str) -> str:
    """Runs the program `assay` of the package; Ctrl-C ends it.

    Parameters
    ----------
    *arguments : str
        A subcommand and its options, such as "sample", "--db", "db".

    Returns
    -------
    str
        What it wrote to standard output.

    Raises
    ------
    AssayError
        It failed: NotFoundError, ConfigError and the others, with what it wrote to standard error.
    """
    from ._process import call

    return call([str(argument) for argument in arguments] or ["help"])


def main() -> None:
    """Becomes the program: what the command `assay` of a wheel runs."""
    executable = program_path()
    sys.stdout.flush()
    os.execv(executable, [executable, *sys.argv[1:]])
