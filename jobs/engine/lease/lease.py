"""At most one driver writes to an output at any time: the one that has the lease."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from pathlib import Path
from types import TracebackType

from jobs.engine.errors import LeaseLostError, OutputError, UserError
from jobs.engine.files.storage import Storage
from jobs.engine.lease.claim import Claim
from jobs.engine.lease.claims import CLAIMS, Claims, Periods, now
from jobs.engine.lease.lock import FolderLock

PERIODS = Periods()

_TRIES = 12

_log = logging.getLogger(__name__)


class Lease:
    """The right to write to an output, for a block.

    A driver stores a claim and then lists the claims; it has the lease if there is no other. Of two
    that do so at once, the one that lists last sees both, whatever the storage, as long as it lists
    what was written before. The holder changes its claim all the time. One that has not changed for
    long enough is removed by whoever wants the lease; by then its holder has stopped, each going by
    its own clock.

    On a disk of this machine the folder is locked as well, and from the beginning, which refuses
    a second driver at once and touches no file.

    Args:
        storage: The output.
        periods: How long things take; None is `PERIODS`.
        lock: Whether to lock the folder, where that is possible.
    """

    def __init__(
        self, storage: Storage, periods: Periods | None = None, *, lock: bool = True
    ) -> None:
        """Touches nothing."""
        self._url = storage.url
        self._periods = periods or PERIODS
        self._claims = Claims(storage, self._periods)
        self._lock = FolderLock(Path(storage.root)) if storage.local and lock else None
        self._writing = storage.writing
        self._name: str | None = None
        self._renewal: tuple[threading.Thread, threading.Event] | None = None
        self._renewed = 0.0
        self._gone = False

    def __enter__(self) -> Lease:
        """Locks the folder.

        Raises:
            UserError: Another run has it.
            OutputError: The folder cannot be made.
        """
        with self._writing():
            if self._lock is not None and not self._lock.take():
                raise self._claims.refused()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._withdraw()
            if self._lock is not None and self._lock.held:  # else others may be about to claim
                self._tidy(self._lock.folder)
        except OutputError as failure:  # the next run finds out by itself
            _log.warning("The claim of this run stays behind: %s", failure)
        finally:
            if self._lock is not None:
                self._lock.release()

    @property
    def held(self) -> bool:
        """Whether this driver may write."""
        return self._renewal is not None and not self._why_lost()

    def take(self) -> None:
        """Takes the lease, unless it is held already.

        Raises:
            UserError: Another run has it.
            LeaseLostError: It was held and is lost.
        """
        if self._renewal is not None:
            self.check()
            return
        for number in range(_TRIES):
            self._claims.clear(self._claim())
            if self._announce():
                return
            # Others start just now as well: one of them has to be first.
            time.sleep(random.random() * self._periods.look_s * 2 ** min(number, 4) / 4)
        raise UserError(f"Several runs start on '{self._url}' at once; start only one of them.")

    def check(self) -> None:
        """Raises if a lease that was taken is lost.

        To be called before anything is written that would hurt another driver.

        Raises:
            LeaseLostError: This driver must not write any more.
        """
        why = self._why_lost() if self._renewal is not None else ""
        if why:
            raise LeaseLostError(
                f"This run has lost its hold on '{self._url}' ({why}) and has stopped; "
                "see that no other run writes there, then run the same command again."
            )

    def _claim(self) -> Claim:
        return Claim.own(locked=self._lock is not None and self._lock.held)

    def _announce(self) -> bool:
        """Stores a claim, and starts to renew it if it is the only one."""
        claim = self._claim()
        self._renewed = now()
        self._name = name = self._claims.add(claim)
        if not self._claims.is_alone(name) or self._why_lost():
            self._withdraw()
            return False
        stop = threading.Event()
        thread = threading.Thread(target=self._renew, args=(name, claim, stop), daemon=True)
        self._renewal = thread, stop
        thread.start()
        return True

    def _renew(self, name: str, claim: Claim, stop: threading.Event) -> None:
        """Gives signs of life, on a thread of its own."""
        while not stop.wait(self._periods.renew_s):
            began = now()
            if self._why_lost():
                return
            # What fails may succeed the next time; if it never does, the time runs out.
            with contextlib.suppress(OutputError):
                if not self._claims.holds(name):
                    self._gone = True
                    return
                claim = claim.renewed()
                if not stop.is_set():
                    self._claims.write(name, claim)
                    self._renewed = began

    def _why_lost(self) -> str:
        if self._gone:
            return "another run has removed its claim"
        silent_s = now() - self._renewed
        return f"no sign of life for {silent_s:,.0f} s" * (silent_s > self._periods.expiry_s)

    def _withdraw(self) -> None:
        if self._renewal is not None:
            thread, stop = self._renewal
            stop.set()
            thread.join(self._periods.renew_s)
            self._renewal = None
        if self._name is not None:
            name, self._name = self._name, None
            self._claims.remove(name)

    def _tidy(self, output: Path) -> None:
        """Removes what killed writers of claims left, and the folders of an output without more."""
        self._claims.sweep()
        claims = output / CLAIMS
        with contextlib.suppress(OSError):  # they are not there, or hold something
            if [path.name for path in claims.parent.iterdir()] == [claims.name]:
                claims.rmdir()
                claims.parent.rmdir()
