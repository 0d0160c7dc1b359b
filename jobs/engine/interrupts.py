"""SIGINT and SIGTERM: the first ends a run in an orderly way, the second at once."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import psutil

from jobs.messages.errors import Interrupted

RESUME = "interrupted; run the same command again to resume"
EXIT_CODE = 130

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# For killing workers, closing Ray and sweeping; Ray alone takes 5 s where its head is gone.
_WIND_UP_S = 7.0
_AT_ONCE_S = 3.0

_log = logging.getLogger(__name__)


class Interrupts:
    """Turns the first signal into `Interrupted`, or, while shards are in hand, into a deadline.

    Attributes:
        deadline: Until when (`time.monotonic`) shards in hand may end; None before a signal.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self._grace_s: float | None = None
        self._handled = 0
        self._exit = _Exit(self)

    @property
    def received(self) -> bool:
        """Whether there was a signal, even one that somebody else handled."""
        return self._handled > 0 or self._exit.signals > 0

    def install(self) -> None:
        """Takes the signals over; again after Ray has started, which takes SIGTERM for itself.

        Raises:
            Interrupted: There was one in between.
        """
        if _in_main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._handle)
            if self._exit.signals > self._handled:
                self._handled = self._exit.signals
                raise Interrupted("Interrupted.")

    @contextlib.contextmanager
    def draining(self, grace_s: float) -> Iterator[None]:
        """For the block, the first signal only sets a deadline; the second raises.

        Raises:
            Interrupted: There was a signal, and the block has ended because of it.
        """
        self._grace_s = grace_s
        try:
            yield
        finally:
            self._grace_s = None
        if self.deadline is not None:
            raise Interrupted("Interrupted.")

    @property
    def grace_s(self) -> float | None:
        """Seconds that a signal would leave to the shards in hand; None if it would raise."""
        return self._grace_s

    def hurry(self) -> None:
        """Lets shards in hand wait no longer.

        Two signals while the main thread is in a native call are one to its handler.
        """
        if self._grace_s is not None:
            self._end_by(time.monotonic())

    def _end_by(self, end: float) -> None:
        self.deadline = end if self.deadline is None else min(self.deadline, end)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._handled += 1
        if self._handled == 1 and self._grace_s is not None:
            self._end_by(time.monotonic() + self._grace_s)
        elif self._handled == 1 or (self._handled == 2 and self._grace_s is not None):
            raise Interrupted(f"Interrupted by {signal.Signals(number).name}.")


class _Exit:
    """Ends the process when winding up takes too long, wherever the main thread hangs.

    Python runs handlers in the main thread only, and not while that is inside a native call.
    What a signal writes to the file descriptor arrives all the same.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self.signals = 0
        self._interrupts = interrupts
        self._receiver, self._sender = socket.socketpair()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before = -1

    def start(self) -> None:
        self._sender.setblocking(False)
        self._before = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        self._thread.start()

    def stop(self) -> None:
        signal.set_wakeup_fd(self._before, warn_on_full_buffer=False)
        # Not by closing it alone: a process that was forked meanwhile has it too.
        self._sender.shutdown(socket.SHUT_RDWR)
        self._sender.close()
        self._thread.join()
        self._receiver.close()

    def _watch(self) -> None:
        end: float | None = None
        while True:
            self._receiver.settimeout(None if end is None else max(0.001, end - time.monotonic()))
            try:
                data = self._receiver.recv(1)
            except TimeoutError:
                _log.warning(RESUME)
                # Ray's processes on this machine; some would live on for a minute.
                for child in psutil.Process().children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()
                os._exit(EXIT_CODE)
            if not data:
                return
            if data[0] in _SIGNALS:
                self.signals += 1
                limit = self._limit_s()
                end = (
                    time.monotonic() + limit if end is None else min(end, time.monotonic() + limit)
                )

    def _limit_s(self) -> float:
        """Seconds left to the process, after a signal."""
        if self.signals > 1:
            self._interrupts.hurry()
            return _AT_ONCE_S
        grace_s = self._interrupts.grace_s
        if grace_s is None:
            return _WIND_UP_S
        _log.warning(
            f"finishing the shards in hand, at most {grace_s:g} s; once more to stop at once"
        )
        return grace_s + _WIND_UP_S


@contextlib.contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Handles signals for the block, in the main thread; elsewhere nothing changes."""
    taken = Interrupts()
    if not _in_main_thread():
        yield taken
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    taken._exit.start()
    taken.install()
    try:
        with _unraisable_in_silence():
            yield taken
    except Interrupted:
        raise
    except (KeyboardInterrupt, SystemExit) as error:
        # Ray's native calls replace what a handler raises by the first; the second is what its own
        # handler of SIGTERM does, which is in place while Ray starts.
        raise Interrupted("Interrupted.") from error
    except Exception as error:
        if taken.received:  # a library between the signal and here made an error of its own of it
            raise Interrupted("Interrupted.") from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        taken._exit.stop()


@contextlib.contextmanager
def _unraisable_in_silence() -> Iterator[None]:
    """Prints no trace of an interrupt that Python cannot raise where it comes.

    That is so in what it does around a fork, or in a finaliser; the run ends all the same, since
    the signal was counted.
    """
    before = sys.unraisablehook

    def hook(found: sys.UnraisableHookArgs, /) -> None:
        if not isinstance(found.exc_value, Interrupted):
            before(found)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
