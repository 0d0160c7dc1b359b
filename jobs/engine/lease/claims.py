"""The claims to an output: signs of life of the drivers that have it, or want it."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass

from jobs.engine.lease.claim import Claim
from jobs.messages.errors import NotNowError
from jobs.storage.patience import Patience
from jobs.storage.storage import Storage

CLAIMS = "_job/lease"

# Time during which a machine sleeps counts as well.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_log = logging.getLogger(__name__)

# Those that this process stands by; others of its own are what a failed withdrawal has left.
_upheld: set[str] = set()


@dataclass(frozen=True)
class Periods:
    """How long things take, in seconds.

    Attributes:
        renew_s: Between two signs of life.
        expiry_s: Without one, after which a holder stops; others wait `renew_s` longer.
        look_s: Between two looks at the claim of another.
    """

    renew_s: float = 10.0
    expiry_s: float = 60.0
    look_s: float = 1.0


class Claims:
    """The claims that are stored in an output, a file each.

    Args:
        storage: The output.
        periods: How long things take.
    """

    def __init__(self, storage: Storage, periods: Periods) -> None:
        """Touches nothing."""
        # A request that hangs or fails must not use up the time; the next one may do better.
        self._storage = storage.apart(periods.renew_s / 2, Patience(attempts=2))
        self._periods = periods
        self._url = storage.url

    def add(self, claim: Claim) -> str:
        """Stores a claim; returns its name, which no other ever has."""
        name = f"{uuid.uuid4().hex}.json"
        _upheld.add(name)
        self.write(name, claim)
        return name

    def write(self, name: str, claim: Claim) -> None:
        """Stores a claim in the place of the one it was made of."""
        self._storage.publish_bytes(claim.written(), f"{CLAIMS}/{name}")

    def holds(self, name: str) -> bool:
        """Whether this claim is still there."""
        return self._storage.exists(f"{CLAIMS}/{name}")

    def remove(self, name: str) -> None:
        """Removes a claim, which need not be there."""
        _upheld.discard(name)
        self._storage.delete(f"{CLAIMS}/{name}")

    def refused(self) -> NotNowError:
        """What to say to a run that is not the first."""
        claims = [Claim.read(self._read(name) or b"") for name in self._storage.names(CLAIMS)]
        return self._refused(claims[0] if claims else None)

    def clear(self, here: Claim) -> None:
        """Removes the claims of drivers that are gone; waits until that is known.

        Args:
            here: A claim of this process.

        Raises:
            NotNowError: One of them lives.
        """
        for name in self._storage.names(CLAIMS):
            data = self._read(name)
            if data is None:
                continue
            claim = Claim.read(data)
            left_by_us = claim is not None and claim.is_of(here) and name not in _upheld
            if not left_by_us and not (claim is not None and claim.is_gone(here)):
                self._watch(name, data, claim)
            self.remove(name)

    def _watch(self, name: str, data: bytes, claim: Claim | None) -> None:
        """Waits until a claim is gone, or has not changed for so long that its holder has stopped.

        Raises:
            NotNowError: It has changed.
        """
        who = claim or "unknown"
        limit = self._periods.expiry_s + self._periods.renew_s
        began = now()
        said = False
        while True:
            time.sleep(self._periods.look_s)
            time_of_look = now()  # before it, so that what it shows was so at that time
            seen = self._read(name)
            if seen is None:
                return
            if seen != data:
                raise self._refused(claim)
            if time_of_look - began > limit:
                _log.warning("The run that had '%s' (%s) is taken for dead.", self._url, who)
                return
            if not said and time_of_look - began > 2 * self._periods.look_s:
                said = True
                _log.warning(
                    "Another run (%s) has had '%s'; waiting up to %.0f s to see whether it lives.",
                    *(who, self._url, limit),
                )

    def _refused(self, claim: Claim | None) -> NotNowError:
        who = f" ({claim})" if claim else ""
        return NotNowError(
            f"another run{who} is writing to '{self._url}': wait for it or use another output"
        )

    def _read(self, name: str) -> bytes | None:
        try:
            return self._storage.read_bytes(f"{CLAIMS}/{name}")
        except FileNotFoundError:
            return None


def now() -> float:
    """Seconds on the clock of this machine that no one sets."""
    return time.clock_gettime(_CLOCK)
