"""An interrupt stays an interrupt, whatever it passes through."""

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from jobs.engine.interrupts import interrupts
from jobs.messages.errors import Interrupted


def _interrupted_library() -> None:
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    except KeyboardInterrupt as error:
        raise ValueError("write failed") from error


def test_an_interrupt_that_a_library_renames_is_still_one() -> None:
    with pytest.raises(Interrupted), interrupts():
        _interrupted_library()


def test_an_error_without_an_interrupt_is_left_alone() -> None:
    with pytest.raises(ValueError, match="of its own"), interrupts():
        raise ValueError("of its own")


def test_the_handlers_are_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def _signal(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)  # where the handler runs, if it has not


def test_exit_by_somebody_elses_handler_is_an_interrupt() -> None:
    """Ray's own handler of SIGTERM exits, and is in place while Ray starts."""
    with pytest.raises(Interrupted), interrupts():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        _signal()


def test_signal_that_somebody_else_handled_is_found_afterwards() -> None:
    with pytest.raises(Interrupted), interrupts() as signals:
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        _signal()
        wait_for(lambda: signals.received)
        signals.install()


def test_first_signal_sets_a_deadline_while_draining() -> None:
    with pytest.raises(Interrupted), interrupts() as signals, signals.draining(100.0):
        _signal()
        assert signals.deadline is not None
        assert 0 < signals.deadline - time.monotonic() <= 100


def test_second_signal_does_not_wait_for_the_deadline() -> None:
    reached = False
    with pytest.raises(Interrupted), interrupts() as signals, signals.draining(100.0):
        _signal()
        reached = True
        _signal()
        pytest.fail("the second signal went unnoticed")
    assert reached


def test_two_signals_in_one_are_two() -> None:
    """Two that come during a native call reach the handler as one."""
    with pytest.raises(Interrupted), interrupts() as signals, signals.draining(100.0):
        _signal()
        os.write(signals._exit._sender.fileno(), bytes([signal.SIGTERM]))
        wait_for(lambda: signals.deadline is not None and signals.deadline <= time.monotonic())


def test_draining_without_a_signal_changes_nothing() -> None:
    with interrupts() as signals:
        with signals.draining(100.0):
            pass
        assert signals.deadline is None
        with pytest.raises(Interrupted):
            _signal()
            pytest.fail("outside, the first signal ends the run")


def test_file_descriptor_for_signals_is_as_before() -> None:
    with interrupts():
        pass
    before = signal.set_wakeup_fd(-1)
    assert before == -1


class _Interrupting:
    def __del__(self) -> None:
        raise Interrupted("Interrupted by SIGINT.")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupt_where_python_cannot_raise_leaves_no_trace() -> None:
    seen: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        with interrupts():
            _Interrupting()
    finally:
        sys.unraisablehook = before
    assert not seen


class _Failing:
    def __del__(self) -> None:
        raise ValueError("of its own")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_other_errors_where_python_cannot_raise_are_told_as_before() -> None:
    seen: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        with interrupts():
            _Failing()
    finally:
        sys.unraisablehook = before
    assert len(seen) == 1


@pytest.mark.timeout(30)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_that_lives_on_holds_nothing_up() -> None:
    with interrupts():
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
