"""Parts of committed shards give way to others, and nobody ever sees some of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from jobs.engine.commit import COMMITS, write_commit
from jobs.engine.errors import UserError
from jobs.engine.exchange.staging import STAGING
from jobs.engine.files.digest import digest
from jobs.engine.files.storage import Storage
from jobs.engine.records import parse_record, write_record
from jobs.engine.shards import PartReport, ShardReport

EXCHANGE = "_job/redo.json"

_FIX = (
    "restore it from a copy, or delete it and the commits of the shards whose parts are then found "
    "to be wrong by verify, and run the job again"
)
# Remote storage takes several at once.
_THREADS = 8


@dataclass(frozen=True)
class Exchange:
    """Some parts are replaced, and with them the commits of all shards that have rows there.

    Attributes:
        files: Path of a part -> what takes its place, which lies elsewhere.
        commits: Of all shards with rows in them, as they are to be.
    """

    files: Mapping[str, PartReport]
    commits: Sequence[ShardReport]

    def carry_out(self, storage: Storage) -> None:
        """Notes what is to be done, and does it; a process that is killed can be followed up."""
        write_record(storage, EXCHANGE, asdict(self), indent=None)
        self.complete(storage)

    def complete(self, storage: Storage) -> None:
        """Does it; may be repeated, as nothing that it needs is gone before all is done.

        Raises:
            UserError: What was to take the place of a part was damaged since.
        """

        def withdraw(report: ShardReport) -> None:
            storage.delete(f"{COMMITS}/{report.shard}.json")

        def put(path: str) -> None:
            self._put(storage, path)

        def commit(report: ShardReport) -> None:
            write_commit(storage, report)

        with ThreadPoolExecutor(_THREADS) as threads:
            # As long as there is a commit, the parts are what it says: first they go, then the
            # parts change, then they come back.
            list(threads.map(withdraw, self.commits))
            list(threads.map(put, self.files))
            list(threads.map(commit, self.commits))
        storage.delete(EXCHANGE)

    def _put(self, storage: Storage, path: str) -> None:
        new = self.files[path]
        with storage.spool(path) as spool:
            try:
                with storage.open(new.path) as file, storage.writing(), spool.open("wb") as copy:
                    found = digest(file, copy)
            except FileNotFoundError:
                found = None
            if found != (new.sha256, new.bytes):
                raise UserError(
                    f"'{new.path}' was damaged while a retry was interrupted; restore it, or "
                    f"delete {EXCHANGE} and run the job again, which then processes "
                    f"{len(self.commits):,} shards anew."
                )
            storage.publish_file(spool, path)


def finish_exchange(storage: Storage) -> None:
    """Ends an exchange that was killed. To be called with the output's lease held.

    What is staged and waits for its exchange stays; the next retry takes it from there.

    Raises:
        UserError: A file was damaged since.
    """
    storage.sweep([STAGING])
    if not storage.exists(EXCHANGE):
        return
    exchange = parse_record(storage.read_bytes(EXCHANGE), EXCHANGE, Exchange, _FIX)
    exchange.complete(storage)
    storage.sweep([COMMITS, "_job", *{path.rpartition("/")[0] for path in exchange.files}])
