"""What a job has settled when its output was begun, and keeps to: `_job/settled.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jobs.engine.records import read_record, write_record
from jobs.storage.storage import Storage

SETTLED = "_job/settled.json"

_FIX = "restore it from a copy, or use another output"


@dataclass(frozen=True)
class Settled:
    """Values that a job has found for itself, from its input or its program, not its settings.

    Attributes:
        digest: Digest of the config that they are for.
        values: Name -> value.
        figures: What led to them, as JSON has it.
    """

    digest: str
    values: Mapping[str, Any]
    figures: Mapping[str, Any] = field(default_factory=dict)


def write_settled(storage: Storage, settled: Settled) -> None:
    """Stores what was settled, before anything that was computed with it counts."""
    write_record(storage, SETTLED, asdict(settled))


def read_settled(storage: Storage) -> Settled | None:
    """What was settled; None if nothing was.

    Raises:
        RecordError: The record of it is damaged.
    """
    try:
        return read_record(storage, SETTLED, Settled, _FIX)
    except FileNotFoundError:
        return None
