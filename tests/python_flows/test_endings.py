"""Programs that flows start end with them, however they end; what they say is logged as they say it."""

import concurrent.futures
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import assay
import pytest
from assay import _process
from assay.flows import _command
from test_flows import sweeps

# Hours of work: whatever ends it, it is not that it is done.
ENDLESS = {"lookback": "2:481:1", "threshold": "0.00001:0.9:0.00001"}
AXES = [word for name, values in ENDLESS.items() for word in ("--axis", f"{name}={values}")]
FLOW = (
    "import sys\nfrom assay.flows import parameter_optimization_flow\n"
    f"parameter_optimization_flow('momentum', {ENDLESS!r}, db=sys.argv[1], sweep_id=sys.argv[2], shards=2, threads=1, keep='none')"
)


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def endless(db, name):
    return [
        "optimize",
        "momentum",
        "--db",
        str(db),
        *AXES,
        "--keep",
        "none",
        "--sweep-id",
        name,
        "--threads",
        "1",
    ]


class Lines(logging.Handler):
    """What was logged, and when."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((time.monotonic(), record.getMessage()))


def test_a_program_ends_with_a_process_that_is_killed(wide_market):
    code = "import logging, sys\nfrom assay.flows._command import call\ncall(sys.argv[1:], logging.getLogger('x'))"
    parent = subprocess.Popen([sys.executable, "-c", code, *endless(wide_market, "orphan")])
    try:
        assert wait_for(lambda: sweeps("orphan"), 60)
    finally:
        parent.kill()
        parent.wait()
    assert wait_for(lambda: not sweeps("orphan"), 10)


def test_a_flow_that_is_left_ends_its_programs_and_starts_no_more(wide_market, monkeypatch):
    monkeypatch.setattr(_process, "_PROGRESS_EVERY_S", 1)
    heard, raised = Lines(), []
    logger = logging.getLogger("assay-endings")
    logger.setLevel(logging.INFO)
    logger.addHandler(heard)

    def work():
        with pytest.raises(assay.CancelledError, match="was ended: its flow has been cancelled") as caught:
            _command.call(endless(wide_market, "left"), logger)
        raised.append(caught.value)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt), _command.programs_of_flow():
            assert wait_for(lambda: len(heard.lines) >= 2, 30)
            assert thread.is_alive()
            raise KeyboardInterrupt
        thread.join(10)
        assert raised and not sweeps("left")
        with pytest.raises(assay.CancelledError, match="was not started"):
            _command.call(["runs"], logger)
    finally:
        _command._left.clear()
    first, second = heard.lines[:2]
    assert first[1].startswith("progress: ") and " of 43200000 points (" in second[1]
    assert second[0] - first[0] > 0.8  # they came while it worked, not at its end


def test_a_signal_ends_programs_even_where_its_exception_is_lost(wide_market):
    """Prefect can lose the exception of a SIGTERM that comes while it submits a task."""
    ended = []

    def work():
        with pytest.raises(assay.CancelledError):
            _command.call(endless(wide_market, "lost"), logging.getLogger("assay-endings"))
        ended.append(True)

    def ours(number, frame):
        pass

    before = signal.signal(signal.SIGTERM, ours)
    thread = threading.Thread(target=work, daemon=True)
    try:
        with _command.programs_of_flow():
            thread.start()
            assert wait_for(lambda: sweeps("lost"), 30)
            os.kill(os.getpid(), signal.SIGTERM)
            thread.join(15)
            assert ended and not sweeps("lost")
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)
        _command._left.clear()


def test_a_signal_that_another_thread_gets_is_seen():
    """The system may hand a signal of the process to any thread; the main thread must not sleep through it."""

    class Submitted:
        wrapped_future = concurrent.futures.Future()  # never done

        def wait(self, seconds):
            concurrent.futures.wait([self.wrapped_future], seconds)

        def result(self):
            return self.wrapped_future.result()

    class Seen(BaseException):
        pass

    def ours(number, frame):
        raise Seen

    ended = threading.Event()
    other = threading.Thread(target=ended.wait, daemon=True)
    other.start()
    before = signal.signal(signal.SIGTERM, ours)
    kill = threading.Timer(0.5, signal.pthread_kill, (other.ident, signal.SIGTERM))
    started = time.monotonic()
    try:
        kill.start()
        with pytest.raises(Seen):
            _command.result_of(Submitted())
        assert time.monotonic() - started < 5
    finally:
        signal.signal(signal.SIGTERM, before)
        ended.set()


def test_an_ordinary_error_ends_no_other_program(wide_market):
    logger = logging.getLogger("assay-endings")
    with pytest.raises(ValueError), _command.programs_of_flow():
        raise ValueError("one shard of several")
    assert "momentum" in _command.call(["strategies"], logger)


def test_what_the_program_says_without_progress_is_the_message(wide_market):
    with pytest.raises(assay.ConfigError, match="nonsense") as caught:
        _command.call(
            ["optimize", "momentum", "--db", str(wide_market), "--axis", "nonsense=1,2"],
            logging.getLogger("assay-endings"),
        )
    assert "progress: " not in str(caught.value)


def test_errors_have_the_classes_of_the_library(wide_market, caplog):
    """NotFoundError and the like, which no retry mends; how they are told apart is in no message and no log."""
    logger = logging.getLogger("assay-endings")
    with caplog.at_level(logging.INFO), pytest.raises(assay.NotFoundError, match="NOPE") as caught:
        _command.call(["show", "NOPE", "--db", str(wide_market)], logger)
    assert "kind: " not in str(caught.value) + caplog.text and "NOPE" in caplog.text
    with pytest.raises(assay.NotFoundError, match="NOPE"):
        assay.program("show", "NOPE", "--db", str(wide_market))
    with pytest.raises(assay.ConfigError, match="lookbck"):
        assay.program("run", "momentum", "--db", str(wide_market), "--set", "lookbck=3")
    with pytest.raises(assay.AssayError, match="was ended by signal 9"):
        raise _process.failure("run", -9, [])


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_flow_leaves_nothing_behind(wide_market, number):
    from prefect.settings import PREFECT_API_URL

    name = f"cancelled-{int(number)}"
    flow = subprocess.Popen(
        [sys.executable, "-c", FLOW, str(wide_market), name],
        env={**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value()},
        stderr=subprocess.DEVNULL,
        # As at a terminal: what a shell starts in the background inherits that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert wait_for(lambda: len(sweeps(name)) == 2, 60)
        flow.send_signal(number)
        assert wait_for(lambda: not sweeps(name) and flow.poll() is not None, 20), (sweeps(name), flow.poll())
    finally:
        flow.kill()
        flow.wait()
