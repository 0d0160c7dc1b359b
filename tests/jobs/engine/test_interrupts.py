"""An interrupt stays an interrupt, whatever it passes through."""

import os
import signal

import pytest

from jobs.engine.errors import Interrupted
from jobs.engine.interrupts import interrupts


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
