"""The program as a process that ends with its task: heavy work reads and writes the database by itself."""

from __future__ import annotations

import logging
import os
import signal
import subprocess

from .._errors import AssayError, ConfigError
from .._program import program_path


def call(arguments: list[str], logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> str:
    """Runs a subcommand.

    Parameters
    ----------
    arguments : list of str
        The subcommand and its options.
    logger : logging.Logger
        Gets what the program says on standard error, when it has ended.

    Returns
    -------
    str
        Standard output.

    Raises
    ------
    ConfigError
        Wrong usage or a wrong setting (exit status 2): trying again does not help.
    AssayError
        Anything else, a signal that ended the program included.

    Notes
    -----
    The program has a process group of its own, which is killed when this call is left by an exception (a cancelled flow, Ctrl-C);
    a sweep keeps what it has finished.
    """
    process = subprocess.Popen(
        [program_path(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, said = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        raise
    for line in said.splitlines():
        logger.info(line)
    if process.returncode == 0:
        return output
    message = said.strip() or f"assay {arguments[0]} was ended by signal {-process.returncode}"
    raise (ConfigError if process.returncode == 2 else AssayError)(message)
