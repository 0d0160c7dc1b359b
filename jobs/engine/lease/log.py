"""The log of an output: who wrote to it, and which committed parts gave way to others.

Entries are numbered, created exclusively and never changed (but for keys that were forgotten): of
two drivers that append at once, storage refuses one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from jobs.engine.records import RecordError, parse_record, sealed
from jobs.engine.reports import Merged, Revision, ShardReport
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

LOG = "_job/log"

_FIX = "restore it from a copy, or use another output"


@dataclass(frozen=True)
class LogEntry:
    """One entry of the log.

    Attributes:
        number: Its place in the log, from 1.
        kind: `begin` of a driver; a `change` to what is committed; its orderly `end`.
        epoch: Number of the entry with which its driver began.
        driver: Who that is, for people.
        time: When it was made, UTC, ISO 8601; never compared.
        retried: Shards of which items were processed again, as they are now.
        merged: Parts that took the place of others; apply after `retried`.
        revised: Shard -> where its members stand now, of which no other was planned.
        summary: Summary of an end: how the job stands; None if the driver was stopped.
        nonce: Tells it from another driver's entry with the same content.
    """

    number: int
    kind: Literal["begin", "change", "end"]
    epoch: int
    driver: str
    time: str = field(
        default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds")
    )
    retried: Sequence[ShardReport] = ()
    merged: Sequence[Merged] = ()
    revised: Mapping[str, Revision] = field(default_factory=dict)
    summary: Mapping[str, Any] | None = None
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)


class Log:
    """The entries that are stored.

    Args:
        storage: The output.
    """

    def __init__(self, storage: Storage) -> None:
        """Reads nothing yet."""
        self._storage = storage

    def last(self) -> int:
        """Number of the last entry, 0 if there is none.

        Raises:
            UserError: One before it is missing.
        """
        # One left out would be taken for free; that its name is refused then is seen in time.
        numbers = sorted(filter(None, map(entry_number, self._storage.confirmed_names(LOG))))
        for number, found in enumerate(numbers, start=1):
            if number != found:
                raise UserError(f"'{entry_path(number)}' is missing: {_FIX}")
        return len(numbers)

    def read(self, number: int) -> LogEntry:
        """An entry.

        Raises:
            UserError: It is damaged, or was removed.
        """
        try:
            data = self._storage.read_bytes(entry_path(number))
        except FileNotFoundError as error:
            raise UserError(f"'{entry_path(number)}' is missing: {_FIX}") from error
        return _parsed(data, number)

    def after(self, number: int) -> Iterator[LogEntry]:
        """The entries after one, in order."""
        numbers = range(number + 1, self.last() + 1)
        contents = self._storage.read_many(map(entry_path, numbers))
        for each, data in zip(numbers, contents, strict=True):
            try:
                yield _parsed(data, each)
            except RecordError:  # several at once may come cut off, which one alone does not
                yield self.read(each)

    def restate(self, entry: LogEntry) -> None:
        """Stores an entry in its own place, without keys that were forgotten.

        That and nothing else may be other than it was: it counts for the same.
        """
        self._storage.publish_bytes(sealed(asdict(entry)), entry_path(entry.number))

    def create(self, entry: LogEntry) -> bool:
        """Stores an entry; False if another one has its number."""
        return self._storage.create_bytes(sealed(asdict(entry)), entry_path(entry.number))


def entry_path(number: int) -> str:
    """Where an entry is."""
    return f"{LOG}/{number:08d}.json"


def entry_number(name: str) -> int | None:
    """The number of an entry, given its file's name; None if that is no entry's."""
    stem = name.removesuffix(".json")
    number = int(stem) if stem.isdecimal() else 0
    return number if number and entry_path(number) == f"{LOG}/{name}" else None


def _parsed(data: bytes, number: int) -> LogEntry:
    entry = parse_record(data, entry_path(number), LogEntry, _FIX)
    if entry.number != number:
        raise RecordError(entry_path(number), f"it is entry {entry.number}", _FIX)
    return entry
