"""What a compaction is about to change, so that one that was killed can be finished."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from jobs.engine.commit import COMMITS, read_commits, write_commit
from jobs.engine.digest import digest
from jobs.engine.errors import UserError
from jobs.engine.shards import PartReport, ShardReport
from jobs.engine.storage import Storage

JOURNAL = "_job/compaction.json"

# Remote storage takes several at once.
_THREADS = 8


@dataclass(frozen=True)
class Merge:
    """Parts of consecutive shards that become one.

    Attributes:
        output: The output they are parts of.
        old: Shard -> its part before, in plan order.
        new: Shard -> its part afterwards; the file is that of the first shard.
    """

    output: str
    old: Mapping[str, PartReport]
    new: Mapping[str, PartReport]

    def complete(self, storage: Storage) -> None:
        """All that is to be done once the merged part is in its place; may be repeated."""
        (path,) = {part.path for part in self.new.values()}
        gone = dict.fromkeys(part.path for part in self.old.values() if part.path != path)

        def rewrite(report: ShardReport) -> None:
            parts = {**report.parts, self.output: self.new[report.shard]}
            write_commit(storage, replace(report, parts=parts))

        with ThreadPoolExecutor(_THREADS) as threads:
            for _ in threads.map(rewrite, read_commits(storage, self.new)):
                pass
            # Only now: as long as a commit names a file, it has to be there.
            for _ in threads.map(storage.delete, gone):
                pass

    def resume(self, storage: Storage) -> None:
        """Completes it if the merged part is in its place; if not, all is as it was before."""
        old, new = next(iter(self.old.values())), next(iter(self.new.values()))
        try:
            with storage.open(new.path) as file:
                found, _ = digest(file)
        except FileNotFoundError:
            found = ""
        if found == new.sha256:
            self.complete(storage)
        elif found != old.sha256:
            first, *_, last = self.new
            raise UserError(
                f"'{new.path}' was damaged while a compaction was interrupted; restore it, or "
                f"delete {JOURNAL} and the files {first}.json to {last}.json in {COMMITS}, and "
                "run the job again."
            )


def write_journal(storage: Storage, outputs: Iterable[str], merge: Merge | None) -> None:
    """Notes that a compaction is under way, and what it is about to change."""
    record = {"outputs": list(outputs), "merge": None if merge is None else asdict(merge)}
    storage.publish_bytes(json.dumps(record).encode(), JOURNAL)


def finish_compaction(storage: Storage) -> None:
    """Ends a compaction, also one that was killed: afterwards every row is there once.

    To be called with the output's lock held, before anything else is done to it. Without a
    compaction that is to be ended it takes two requests and changes nothing.

    Raises:
        UserError: A file was damaged since.
    """
    if storage.exists(JOURNAL):
        record = json.loads(storage.read_bytes(JOURNAL))
        if record["merge"] is not None:
            _merge(**record["merge"]).resume(storage)
        storage.sweep([*record["outputs"], COMMITS])
        storage.delete(JOURNAL)
    # The journal itself may have been in the making.
    storage.sweep(["_job"])


def _merge(
    output: str, old: Mapping[str, dict[str, object]], new: Mapping[str, dict[str, object]]
) -> Merge:
    return Merge(output, _parts(old), _parts(new))


def _parts(records: Mapping[str, dict[str, object]]) -> dict[str, PartReport]:
    return {shard: PartReport(**part) for shard, part in records.items()}  # type: ignore[arg-type]
