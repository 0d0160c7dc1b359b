"""A driver's claim to an output: who made it, and whether that process is still there."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


@dataclass(frozen=True)
class Claim:
    """What a driver writes into the output before it writes anything else.

    Attributes:
        host: Name of its machine, for people.
        boot: Which boot of which machine; None where that is not known.
        namespace: In which its process number counts, as containers have their own.
        pid: Its process.
        process_started: When that began, in ticks since boot: process numbers are used again.
        locked: Whether it holds the lock of the output's folder as well.
        since: When the claim was made, for people; clocks of two machines are never compared.
        counter: Grows as long as the driver lives.
    """

    host: str
    boot: str | None
    namespace: str | None
    pid: int
    process_started: str | None
    locked: bool
    since: str
    counter: int = 0

    @classmethod
    def own(cls, *, locked: bool) -> Claim:
        """The claim of this process."""
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            boot=_BOOT_ID.read_text().strip() if _BOOT_ID.exists() else None,
            namespace=os.readlink(_NAMESPACE) if _NAMESPACE.exists() else None,
            pid=pid,
            process_started=_started(pid),
            locked=locked,
            since=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )

    @classmethod
    def read(cls, data: bytes) -> Claim | None:
        """The claim that was written; None if it is not one that this version understands."""
        try:
            return cls(**json.loads(data))
        except (ValueError, TypeError):
            return None

    def written(self) -> bytes:
        """The claim as it is stored."""
        return json.dumps(asdict(self)).encode()

    def renewed(self) -> Claim:
        """The claim with a later sign of life."""
        return replace(self, counter=self.counter + 1)

    def is_of(self, other: Claim) -> bool:
        """Whether both were made by the same process."""
        return (self._place, self.pid, self.process_started) == (
            other._place,
            other.pid,
            other.process_started,
        ) and self.boot is not None

    def is_gone(self, here: Claim) -> bool:
        """Whether its process is known to have ended; elsewhere than here that is never known.

        Args:
            here: The claim of this process. The lock of a folder ends with the process that holds
                it and counts for the whole machine: two that are locked cannot both be alive.
        """
        if self.boot is None or self.boot != here.boot:
            return False
        if self.locked and here.locked and not self.is_of(here):
            return True
        return self._place == here._place and _started(self.pid) != self.process_started

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    @property
    def _place(self) -> tuple[str | None, str | None]:
        return self.boot, self.namespace


def _started(pid: int) -> str | None:
    """When a process of this machine began, in ticks since boot; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # After the name, which may hold anything: the state, and 19 fields later the start.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]
