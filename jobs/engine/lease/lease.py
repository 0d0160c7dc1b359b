"""At most one driver writes to an output at any time: the one that has the lease."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from jobs.engine.lease.claim import Claim
from jobs.engine.lease.claims import CLAIMS, Claims, Periods, now
from jobs.engine.lease.lock import FolderLock
from jobs.engine.lease.log import Log, LogEntry
from jobs.messages.errors import LeaseLostError, NotNowError, OutputError
from jobs.storage.storage import Storage

PERIODS = Periods()

_TRIES = 12

_log = logging.getLogger(__name__)


class Lease:
    """The right to write to an output, for a block: the last `begin` in its log.

    A driver looks how long the log is, sees that no other driver lives, stores a claim, and only
    then appends its entry, right after the last one it saw. Of two that do so at once, storage
    refuses one. The holder changes its claim all the time. One that has not changed for long
    enough is removed by whoever wants the lease; by then its holder has stopped, each going by its
    own clock. One that goes on all the same, since it was stopped between a look and a write, can
    append nothing any more.

    On a disk of this machine the folder is locked as well, and from the beginning, which refuses
    a second driver at once and touches no file.

    Args:
        storage: The output.
        periods: How long things take; None is `PERIODS`.
        lock: Whether to lock the folder, where that is possible.

    Attributes:
        epoch: Number of the entry with which this driver began; 0 before it did.
    """

    def __init__(
        self, storage: Storage, periods: Periods | None = None, *, lock: bool = True
    ) -> None:
        """Touches nothing."""
        self._url = storage.url
        self._periods = periods or PERIODS
        self._claims = Claims(storage, self._periods)
        self._log = Log(storage)
        self.epoch = 0
        self._last = 0
        self._ended = False
        self._lock = FolderLock(Path(storage.root)) if storage.local and lock else None
        self._storage = storage
        self._name: str | None = None
        self._renewal: tuple[threading.Thread, threading.Event] | None = None
        self._renewed = 0.0
        self._gone = False

    def __enter__(self) -> Lease:
        """Locks the folder.

        Raises:
            NotNowError: Another run has it.
            OutputError: The folder cannot be made.
        """
        with self._storage.writing():
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
            with contextlib.suppress(OutputError, LeaseLostError):
                if self.held and not self._ended:  # stopped: what it has left is for the next one
                    self.append("end")
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

    def take(self, after: int | None = None) -> None:
        """Takes the lease, unless it is held already.

        Args:
            after: The last entry of the log that this driver knows of, if it has gone by that.

        Raises:
            NotNowError: Another run has it, or has had it since.
            LeaseLostError: It was held and is lost.
        """
        if self._renewal is not None:
            self.check()
            return
        for number in range(_TRIES):
            last = self._log.last()
            if after not in (None, last):
                raise NotNowError(
                    f"another run has written to '{self._url}' meanwhile: "
                    "run the same command again"
                )
            self._claims.clear(self._claim())
            if self._begin(last + 1):
                return
            # Others start just now as well: one of them has to be first.
            time.sleep(random.random() * self._periods.look_s * 2 ** min(number, 4) / 4)
        raise NotNowError(f"several runs start on '{self._url}' at once: start only one of them")

    def append(self, kind: Literal["change", "end"], **content: Any) -> LogEntry:
        """Appends an entry to the log.

        Raises:
            LeaseLostError: Another driver has taken the lease.
        """
        self.check()
        entry = LogEntry(self._last + 1, kind, self.epoch, str(self._claim()), **content)
        if not self._log.create(entry):
            self._gone = True
            self.check()
        self._last = entry.number
        self._ended = kind == "end"
        return entry

    def check(self) -> None:
        """Raises if a lease that was taken is lost.

        To be called before anything is written that would hurt another driver.

        Raises:
            LeaseLostError: This driver must not write any more.
        """
        why = self._why_lost() if self._renewal is not None else ""
        if why:
            raise LeaseLostError(
                f"this run has lost its hold on '{self._url}' ({why}) and has stopped: "
                "see that no other run writes there, then run the same command again"
            )

    def _claim(self) -> Claim:
        return Claim.own(locked=self._lock is not None and self._lock.held)

    def _begin(self, number: int) -> bool:
        """Stores a claim, and starts to renew it if the log takes the entry."""
        claim = self._claim()
        self._renewed = now()
        self._name = name = self._claims.add(claim)
        if self._why_lost() or not self._log.create(LogEntry(number, "begin", number, str(claim))):
            self._withdraw()
            return False
        if not self._storage.fenced:
            _log.warning(
                "'%s' does not refuse writes that come too late: see to it that nothing else "
                "writes there, and that workers of a run that was killed are gone.",
                self._url,
            )
        self.epoch = self._last = number
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
        self._storage.delete(*self._storage.leftovers(CLAIMS))
        claims = output / CLAIMS
        with contextlib.suppress(OSError):  # they are not there, or hold something
            if [path.name for path in claims.parent.iterdir()] == [claims.name]:
                claims.rmdir()
                claims.parent.rmdir()
