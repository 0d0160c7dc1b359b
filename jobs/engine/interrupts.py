"""SIGINT and SIGTERM end a run in an orderly way."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from jobs.engine.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Turns the first signal into `Interrupted`, and disregards more while the run winds up."""

    def __init__(self) -> None:
        self.received = False

    def install(self) -> None:
        """Takes the signals over; again after Ray has started, which takes SIGTERM for itself."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received = True
            raise Interrupted(f"Interrupted by {signal.Signals(number).name}.")


@contextlib.contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Handles signals for the block, in the main thread; elsewhere nothing changes."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    taken = Interrupts()
    taken.install()
    try:
        yield taken
    except Interrupted:
        raise
    except KeyboardInterrupt as error:
        # Ray's native calls replace what a handler raises by this.
        raise Interrupted("Interrupted.") from error
    except Exception as error:
        if taken.received:  # a library between the signal and here made an error of its own of it
            raise Interrupted("Interrupted.") from error
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
