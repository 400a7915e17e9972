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


def main() -> None:
    """Becomes the program: what the command `assay` of a wheel runs."""
    executable = program_path()
    sys.stdout.flush()
    os.execv(executable, [executable, *sys.argv[1:]])
