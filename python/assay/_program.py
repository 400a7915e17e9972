"""The program `assay` of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ._errors import (
    ArgumentError,
    AssayError,
    CancelledError,
    ConfigError,
    DataError,
    InternalError,
    NotFoundError,
    OutOfMemoryError,
    StorageError,
    StrategyError,
)

#: What makes the program say what kind an error is, and the line that says it.
KINDS_ENVIRONMENT = {"ASSAY_ERROR_KIND": "1"}
KIND = "kind: "
_ERRORS: dict[str, type[AssayError]] = {
    "argument error": ArgumentError,
    "out of memory": OutOfMemoryError,
    "input/output error": StorageError,
    "data error": DataError,
    "configuration error": ConfigError,
    "not found": NotFoundError,
    "strategy error": StrategyError,
    "internal error": InternalError,
    "cancelled": CancelledError,
}
_USAGE = 2


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


def failure(command: str, status: int, said: list[str]) -> AssayError:
    """The exception of a program that failed.

    Parameters
    ----------
    command : str
        The subcommand.
    status : int
        Its exit status; below 0 the signal that ended it.
    said : list of str
        Lines of its standard error, with that of the kind where `KINDS_ENVIRONMENT` was set.

    Returns
    -------
    AssayError
        Of the class that the library has for the error, with the same message.
    """
    kinds = [line[len(KIND) :].strip() for line in said if line.startswith(KIND)]
    message = "\n".join(line for line in said if not line.startswith(KIND)).strip()
    if not message:
        end = f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
        message = f"assay {command} {end}"
    if kinds and kinds[-1] in _ERRORS:
        return _ERRORS[kinds[-1]](message)
    return (ConfigError if status == _USAGE else AssayError)(message)


def program(*arguments: str) -> str:
    """Runs the program `assay` of the package.

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
    done = subprocess.run(
        [program_path(), *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **KINDS_ENVIRONMENT},
    )
    if done.returncode != 0:
        raise failure(arguments[0] if arguments else "", done.returncode, done.stderr.splitlines())
    return done.stdout


def main() -> None:
    """Becomes the program: what the command `assay` of a wheel runs."""
    executable = program_path()
    sys.stdout.flush()
    os.execv(executable, [executable, *sys.argv[1:]])
