"""The program as a process that ends with whoever waits for it, and its errors as exceptions."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import IO

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
from ._program import program_path

_PROGRESS_EVERY_S = 10
_GRACE_S = 10
_USAGE = 2
_PROGRESS = "progress: "
_KIND = "kind: "  # what the program says of an error where ASSAY_ERROR_KIND is set
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


@contextlib.contextmanager
def held_interrupts() -> Iterator[Callable[[], None]]:
    """Ctrl-C waits until what is given is called: a program that is just starting has nobody yet who would end it."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return
    heard: list[tuple[int, FrameType | None]] = []

    def release() -> None:
        if signal.getsignal(signal.SIGINT) is hold:
            signal.signal(signal.SIGINT, before)
        while heard:
            before(*heard.pop())

    def hold(number: int, frame: FrameType | None) -> None:
        heard.append((number, frame))

    signal.signal(signal.SIGINT, hold)
    try:
        yield release
    finally:
        release()


def start(arguments: list[str]) -> subprocess.Popen[str]:
    """Starts a subcommand.

    Parameters
    ----------
    arguments : list of str
        The subcommand and its options.

    Returns
    -------
    subprocess.Popen
        In a process group of its own. On Linux it ends when the process that started it ends, in whatever way.
    """
    return subprocess.Popen(
        [program_path(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Who is killed cannot end its programs: they watch it by themselves.
        env={
            **os.environ,
            "ASSAY_PARENT": str(os.getpid()),
            "ASSAY_PROGRESS": str(_PROGRESS_EVERY_S),
            "ASSAY_ERROR_KIND": "1",
        },
    )


def send(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """A signal to the program and what it has started, such as the browser of a report."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, number)


def finish(
    process: subprocess.Popen[str],
    command: str,
    on_line: Callable[[str], object] | None = None,
    begun: Callable[[], None] = lambda: None,
) -> str:
    """Waits for a program; an exception on the way (Ctrl-C) ends it.

    Parameters
    ----------
    process : subprocess.Popen
        Of `start`.
    command : str
        The subcommand, for messages.
    on_line : callable, optional
        Gets each line of standard error when it comes: messages, and progress every ten seconds.
    begun : callable
        Is called as soon as an exception would end the program.

    Returns
    -------
    str
        Standard output.

    Raises
    ------
    AssayError
        It failed: NotFoundError, ConfigError and the others, with what it wrote to standard error.
    """
    said: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    follower = threading.Thread(target=_follow, args=(process.stderr, on_line, said), daemon=True)
    try:
        begun()
        follower.start()
        with process.stdout:
            output = process.stdout.read()
        process.wait()
    except BaseException:
        send(process, signal.SIGTERM)
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            send(process, signal.SIGKILL)
            process.wait()
        raise
    follower.join()
    if process.returncode != 0:
        raise failure(command, process.returncode, said)
    return output


def _follow(stream: IO[str], on_line: Callable[[str], object] | None, said: list[str]) -> None:
    """Passes on what the program says as it says it; messages are kept, progress is not."""
    with stream:
        for line in stream:
            text = line.rstrip("\n")
            if on_line is not None and not text.startswith(_KIND):
                on_line(text)
            if not text.startswith(_PROGRESS):
                said.append(text)


def failure(command: str, status: int, said: list[str]) -> AssayError:
    """The exception of a program that failed.

    Parameters
    ----------
    command : str
        The subcommand.
    status : int
        Its exit status; below 0 the signal that ended it.
    said : list of str
        Lines of its standard error.

    Returns
    -------
    AssayError
        Of the class that the library has for the error, with the same message.
    """
    kinds = [line[len(_KIND) :].strip() for line in said if line.startswith(_KIND)]
    message = "\n".join(line for line in said if not line.startswith(_KIND)).strip()
    if not message:
        end = f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
        message = f"assay {command} {end}"
    if kinds and kinds[-1] in _ERRORS:
        return _ERRORS[kinds[-1]](message)
    return (ConfigError if status == _USAGE else AssayError)(message)


def call(arguments: list[str], on_line: Callable[[str], object] | None = None) -> str:
    """Runs a subcommand; as `start` and `finish`."""
    with held_interrupts() as release:
        return finish(start(arguments), arguments[0], on_line, release)


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
    return call([str(argument) for argument in arguments] or ["help"])
