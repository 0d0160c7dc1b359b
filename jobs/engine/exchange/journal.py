"""What a compaction is about to change, so that one that was killed can be finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from jobs.engine.commit import COMMITS, read_commits, write_commit
from jobs.engine.errors import UserError
from jobs.engine.exchange.exchange import EXCHANGE, finish_exchange
from jobs.engine.files.digest import digest
from jobs.engine.files.storage import Storage
from jobs.engine.records import read_record, write_record
from jobs.engine.shards import PartReport, ShardReport

JOURNAL = "_job/compaction.json"

_FIX = (
    "restore it from a copy, or delete it and the commits of the shards whose parts are then found "
    "to be wrong by verify, and run the job again"
)
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


@dataclass(frozen=True)
class _Journal:
    """The outputs that are compacted, and what is being done to one of them."""

    outputs: list[str]
    merge: Merge | None


def write_journal(storage: Storage, outputs: Iterable[str], merge: Merge | None) -> None:
    """Notes that a compaction is under way, and what it is about to change."""
    write_record(storage, JOURNAL, asdict(_Journal(list(outputs), merge)), indent=None)


def finish_changes(storage: Storage) -> None:
    """Ends a compaction or a retry that was killed while it changed what is committed.

    To be called with the output's lock held, before anything else is done to it.

    Raises:
        UserError: A file was damaged since.
    """
    finish_exchange(storage)
    finish_compaction(storage)


def change_under_way(storage: Storage) -> str | None:
    """A sentence about a compaction or a retry that is under way or was killed, if there is one."""
    for path, what in ((JOURNAL, "compaction"), (EXCHANGE, "retry")):
        if storage.exists(path):
            return f"A {what} is under way or was killed; wait for it, or run it or the job again."
    return None


def finish_compaction(storage: Storage) -> None:
    """Ends a compaction, also one that was killed: afterwards every row is there once.

    To be called with the output's lock held, before anything else is done to it. Without a
    compaction that is to be ended it takes two requests and changes nothing.

    Raises:
        UserError: A file was damaged since.
    """
    if storage.exists(JOURNAL):
        journal = read_record(storage, JOURNAL, _Journal, _FIX)
        if journal.merge is not None:
            journal.merge.resume(storage)
        storage.sweep([*journal.outputs, COMMITS])
        storage.delete(JOURNAL)
    # The journal itself may have been in the making, or the mark of a job that is complete.
    storage.sweep(["_job", ""])
