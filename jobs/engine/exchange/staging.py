"""What workers have processed again, as long as it has not taken the place of the old."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from jobs.engine.files.storage import Storage
from jobs.engine.records import parse_record, write_record
from jobs.engine.shards import PartReport, ShardReport

STAGING = "_job/redo"

_WHOLE = ".whole.parquet"


@dataclass(frozen=True)
class Staged:
    """A shard of which some items were processed again; its record is written last.

    Attributes:
        report: Of the shard as it is to be; its parts lie in the staging place, each with the rows
            of this shard alone.
        base: Output -> the part that the rows which stay were taken from.
    """

    report: ShardReport
    base: Mapping[str, PartReport]

    def write(self, storage: Storage) -> None:
        """Makes it count; its parts must be there already."""
        write_record(storage, _record_path(self.report.shard), asdict(self))

    def forget(self, storage: Storage) -> None:
        """Removes it."""
        storage.delete(_record_path(self.report.shard))
        for part in self.report.parts.values():
            storage.delete(part.path)


def staged_part(shard: str, output: str) -> str:
    """Where a worker puts the rows of a shard."""
    return f"{STAGING}/{shard}.{output}.parquet"


def staged_whole(part: str) -> str:
    """Where a part that shards share is put together, given its path."""
    output, _, name = part.rpartition("/part-")
    return f"{STAGING}/{name.removesuffix('.parquet')}.{output}{_WHOLE}"


def staged_shards(storage: Storage) -> list[str]:
    """The shards that are staged."""
    names = storage.names(STAGING)
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def read_staged(storage: Storage, shards: Iterable[str]) -> Iterator[Staged]:
    """What is staged for some shards, in the order given.

    Raises:
        UserError: A record is damaged.
    """
    paths = [_record_path(shard) for shard in shards]
    for path, data in zip(paths, storage.read_many(paths), strict=True):
        yield parse_record(data, path, Staged, "delete it and run the retry again")


def sweep_staging(storage: Storage) -> None:
    """Removes what no record counts. Nobody may be writing."""
    storage.sweep([STAGING])
    kept = set(staged_shards(storage))
    for name in storage.names(STAGING):
        if name.endswith(_WHOLE) or name.partition(".")[0] not in kept:
            storage.delete(f"{STAGING}/{name}")


def _record_path(shard: str) -> str:
    return f"{STAGING}/{shard}.json"
