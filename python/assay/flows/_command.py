"""The program as a process that ends with its task: heavy work reads and writes the database by itself."""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, TypeVar, Union

from prefect.futures import PrefectFuture
from prefect.runtime import flow_run

from .. import _process
from .._errors import AssayError, CancelledError

if TYPE_CHECKING:
    _Logger = Union[logging.Logger, logging.LoggerAdapter[logging.Logger]]

# The programs of each flow run of this process, and the flow runs that have been left. Tasks run in threads, which nothing can
# interrupt: whoever leaves a flow early ends what its threads are waiting for.
_guard = threading.RLock()  # also taken by handlers of signals, wherever the main thread is
_running: dict[str, set[subprocess.Popen[str]]] = {}
_left: set[str] = set()
_STEP_S = 0.5
R = TypeVar("R")


@contextlib.contextmanager
def programs_of_flow() -> Iterator[None]:
    """Around what a flow does: where the flow is cancelled (Ctrl-C, SIGTERM), its programs in this process are ended.

    An ordinary exception ends none: the other strategies or shards of a flow that will fail still store what they find.

    Signals are not left to the exceptions that they raise: one that is raised while a task is being submitted can be lost on
    the way, and the flow would wait for its programs to the end.
    """
    key = str(flow_run.id)
    with _signals_first(lambda: _leave(key)):
        try:
            yield
        except Exception:
            raise
        except BaseException:
            _leave(key)
            raise


def _leave(key: str) -> None:
    with _guard:
        _left.add(key)
        for process in _running.get(key, ()):
            _process.send(process, signal.SIGTERM)


@contextlib.contextmanager
def _signals_first(act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` at Ctrl-C and SIGTERM before whatever handles them; in the main thread, which alone gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: FrameType | None) -> None:
        act()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        else:
            raise SystemExit(128 + number)

    ours = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def result_of(future: PrefectFuture[R]) -> R:
    """What a submitted task returned, or what it raised.

    Waits in steps. The system may hand a signal of the process to any of its threads; Python's handler runs in the main thread,
    which does not notice while it waits for a lock.
    """
    wrapped = getattr(future, "wrapped_future", None)
    while wrapped is not None and not wrapped.done():
        future.wait(_STEP_S)
    return future.result()


def _start(key: str, arguments: list[str]) -> subprocess.Popen[str]:
    with _guard:
        if key in _left:
            raise CancelledError(f"assay {arguments[0]} was not started: its flow has been cancelled")
        process = _process.start(arguments)
        _running.setdefault(key, set()).add(process)
        return process


def _forget(key: str, process: subprocess.Popen[str]) -> None:
    with _guard:
        _running[key].discard(process)
        if not _running[key]:
            del _running[key]


def call(arguments: list[str], logger: _Logger) -> str:
    """Runs a subcommand.

    Parameters
    ----------
    arguments : list of str
        The subcommand and its options.
    logger : logging.Logger
        Gets each line of standard error when it comes: messages, and without ``--quiet`` progress every ten seconds.

    Returns
    -------
    str
        Standard output.

    Raises
    ------
    ConfigError, NotFoundError, DataError and the others
        What the program says its error is; after these trying again does not help.
    CancelledError
        The flow has been cancelled.
    StorageError, AssayError
        A disk that failed; a signal that ended the program.

    Notes
    -----
    The program has a process group of its own, which is ended when this call is left by an exception, when the flow is
    cancelled, and (on Linux) when the process that called ends in whatever way; a sweep keeps what it has finished.
    """
    key = str(flow_run.id)
    process = _start(key, arguments)
    try:
        return _process.finish(process, arguments[0], logger.info)
    except AssayError as error:
        if key in _left:
            raise CancelledError(f"assay {arguments[0]} was ended: its flow has been cancelled") from error
        raise
    finally:
        _forget(key, process)
