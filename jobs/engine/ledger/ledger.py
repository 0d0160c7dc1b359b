"""What a driver that has the lease writes beside its workers: changes, checkpoints, the end."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine.blame.traces import ATTEMPTS
from jobs.engine.forgotten import FORGOTTEN, is_forgetting
from jobs.engine.identity import upgrade
from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.log import LOG, Log
from jobs.engine.ledger.checkpoints import (
    CHECKPOINTS,
    SCHEMA,
    delete_checkpoints,
    row_of,
    write_checkpoint,
)
from jobs.engine.ledger.commits import COMMITS, QUARANTINE
from jobs.engine.ledger.ending import SUCCESS, show_ending
from jobs.engine.ledger.heads import Heads
from jobs.engine.parts.names import shard_of
from jobs.engine.plans.index import PLAN, indexed
from jobs.engine.plans.revisions import is_revision
from jobs.engine.reports import Merged, Revision, ShardReport
from jobs.engine.staged import STAGED, staged_names
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

# A reader of an output in the making reads no more small records than these.
_CHECKPOINT_SHARDS = 4096
_LEAST_SHARDS = 256


class Ending(Protocol):
    """How a command has ended."""

    def as_record(self) -> dict[str, Any]:
        """The summary as it is stored; with `status.success`, whether every shard is committed."""
        ...


S = TypeVar("S", bound=Ending)


class Ledger:
    """The writing side of an output's records; nothing is touched before `begin`.

    Whatever is removed here was listed before it was seen that the lease is held, and has a name
    that is never used again, so that a driver that was stopped in between removes nothing of those
    that came after it.

    Args:
        storage: The output.
        lease: Lease of this driver.

        outputs: Names of the job's outputs, where nothing may be committed yet.
        forgets: Whether this driver ends a forgetting that was stopped, which others wait for.

    Attributes:
        heads: What was committed when this driver began, and what it has replaced since.
    """

    def __init__(
        self,
        storage: Storage,
        lease: Lease,
        outputs: Iterable[str] = (),
        *,
        forgets: bool = False,
    ) -> None:
        """Reads the heads."""
        self._forgets = forgets
        self._storage = storage
        self._lease = lease
        self._log = Log(storage)
        self._last = self._log.last()
        self.heads = Heads.read(storage)
        self.outputs = sorted({*outputs, *self.heads.outputs()})
        self._commits: list[ShardReport] = []

    @property
    def is_new(self) -> bool:
        """Whether nobody has ever written to the output."""
        return not (self._last or len(self.heads) or indexed(self._storage))

    @property
    def epoch(self) -> int:
        """Number of the entry with which this driver began; 0 before it did."""
        return self._lease.epoch

    @property
    def is_held(self) -> bool:
        """Whether this driver may write."""
        return self._lease.held

    def check(self) -> None:
        """Raises a `LeaseLostError` if the lease was taken and is lost."""
        self._lease.check()

    def begin(self, after: int | None = None) -> None:
        """Takes the lease, and removes what drivers that were killed have left.

        Args:
            after: The last entry of the log that this driver knows of, if it has gone by that.

        Raises:
            UserError: Another driver has it, or has had it since; or a forgetting is to be ended.
            LeaseLostError: This one had it.
        """
        if self.epoch:
            self.check()
            return
        self._refuse_half_forgotten()
        clean = self._storage.exists(SUCCESS)
        self._lease.take(after)
        self._refuse_half_forgotten()
        upgrade(self._storage)
        show_ending(self._storage, self._log)
        self.sweep()
        self.heads = Heads.read(self._storage)
        if not self.heads.has_checkpoints:
            delete_checkpoints(self._storage)
        if not clean:
            self.remove_garbage()

    def begin_late(self) -> None:
        """Begins after the plan was read, without the lease, of an output that was finished.

        Raises:
            UserError: Another driver has it, or had it since.
        """
        self.begin(self._last)

    def _refuse_half_forgotten(self) -> None:
        if not self._forgets and is_forgetting(self._storage):
            raise UserError(
                f"a forget of '{self._storage.url}' was stopped half-way: run 'mtcnn-ray forget' "
                "on it again, which ends that"
            )

    def committed(self, report: ShardReport) -> None:
        """Takes note of a first commit, which a worker has made."""
        self._commits.append(report)
        if len(self._commits) >= _CHECKPOINT_SHARDS:
            self._store()

    def refresh(self) -> None:
        """Reads the heads again, after workers have committed shards."""
        self.heads = Heads.read(self._storage)
        self._commits = []  # they are among those that no checkpoint has

    def replace(
        self,
        retried: Sequence[ShardReport] = (),
        merged: Sequence[Merged] = (),
        revised: Mapping[str, Revision] = MappingProxyType({}),
    ) -> None:
        """Lets new parts take the place of others, all at once, and removes those.

        Args:
            retried: Shards whose rows are other ones now.
            merged: Files in which rows stand now.
            revised: Shard -> where its members stand now; they and its rows are the same.

        Raises:
            LeaseLostError: Another driver has the lease; everything stays as it is.
        """
        shards = [*(report.shard for report in retried), *(s for m in merged for s in m.shards)]
        before = {part.path for head in self.heads.of(set(shards)) for part in head.parts.values()}
        entry = self._lease.append("change", retried=retried, merged=merged, revised=dict(revised))
        self.heads.apply(entry)
        after = self.heads.paths()
        gone = pc.invert(pc.is_in(paths := pa.array(sorted(before), pa.string()), value_set=after))
        self._storage.delete(*paths.filter(gone).to_pylist())

    def sweep(self) -> None:
        """Removes what writers that were killed have left half written, and traces of attempts."""
        storage = self._storage
        records = (PLAN, COMMITS, QUARANTINE, ATTEMPTS, LOG, CHECKPOINTS, CLAIMS)
        folders = ("", "_job", *records, FORGOTTEN, STAGED)
        names = [path for folder in (*folders, *self.outputs) for path in storage.leftovers(folder)]
        names += [f"{ATTEMPTS}/{name}" for name in storage.names(ATTEMPTS)]
        if self._lease.held:
            storage.delete(*names)

    def end(self, summarise: Callable[[Heads], S]) -> S:
        """Says how the job stands, in the log and where users look; returns what it says.

        Args:
            summarise: Given all that is committed now.
        """
        self._store(least=_LEAST_SHARDS)
        self.heads = Heads.read(self._storage)
        summary = summarise(self.heads)
        staged = staged_names(self._storage)
        record = summary.as_record()
        self._lease.append("end", summary=record)
        # After that, as workers that come later see that nobody waits for them.
        self.remove_garbage()
        if record["status"]["success"]:  # else the next run has a use for them
            self._storage.delete(*staged)
        show_ending(self._storage, self._log)
        return summary

    def _store(self, least: int = 1) -> None:
        """Writes a checkpoint of the shards that no checkpoint has, if they are worth one."""
        new = pa.Table.from_pylist([row_of(report) for report in self._commits], SCHEMA)
        rows = pa.concat_tables([self.heads.fresh(), new])
        if rows.num_rows < least:
            return
        self.check()
        write_checkpoint(self._storage, rows, self.heads.position, self.epoch)
        self.heads.mark_stored()
        self._commits = []

    def remove_garbage(self) -> None:
        """Removes parts that no shard has, of those shards that nobody will commit any more.

        And files with members that no shard has.
        """
        revised = [f"{PLAN}/{name}" for name in self._storage.names(PLAN) if is_revision(name)]
        names = {output: self._storage.names(output) for output in self.outputs}
        self.heads = Heads.read(self._storage)
        kept = self.heads.paths()
        garbage = []
        for output in self.outputs:
            paths = pa.array([f"{output}/{name}" for name in names[output]], pa.string())
            for path in paths.filter(pc.invert(pc.is_in(paths, value_set=kept))).to_pylist():
                if (shard := shard_of(posixpath.basename(path))) and self.heads.has(shard):
                    garbage.append(path)
        used = {revision.file for revision in self.heads.revisions().values()}
        garbage += [path for path in revised if path not in used]
        self.check()
        self._storage.delete(*garbage)
