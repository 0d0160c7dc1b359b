"""A committed shard of which some items are processed again: what a worker does beside."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.commit import read_commits
from jobs.engine.errors import JobError, UserError
from jobs.engine.exchange.neighbours import DamagedPartError, Part
from jobs.engine.exchange.staging import Staged, staged_part
from jobs.engine.files.storage import Storage
from jobs.engine.job import Job, count_column
from jobs.engine.parts.layout import Layout
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.splice import Choice, NewRows, splice
from jobs.engine.parts.stored import StoredRows, open_checked
from jobs.engine.plans.members import Member
from jobs.engine.shards import PartReport, ShardReport, ShardSpec


class Redo:
    """Takes the new rows of a shard, and puts them between those that stay.

    Row groups are cut anew, so that the parts are what they would be if all items had been
    processed together. The shard's parts themselves are not touched: see
    :mod:`jobs.engine.exchange.staging`.

    Args:
        storage: The output.
        job: Whose rows they are.
        spec: The shard; `redo` names the statuses of the items to process again.

    Raises:
        UserError: A part is damaged, or was written by another version.
    """

    def __init__(self, storage: Storage, job: Job, spec: ShardSpec) -> None:
        """Reads which rows there are."""
        self._storage = storage
        self._job = job
        [self._old] = read_commits(storage, [spec.shard])
        with self._stored(job.primary) as rows:
            part = self._old.parts[job.primary]
            batches = list(rows.take(part.first_row, part.rows))
            self._items = pa.Table.from_batches(batches, job.schemas[job.primary])
        self._keys: list[str] = self._items.column("key").to_pylist()
        self._statuses: list[str] = self._items.column("status").to_pylist()
        self._again = [status in spec.redo for status in self._statuses]
        self.choice = Choice(self._keys, self._again)
        self._secondary = [name for name in job.schemas if name != job.primary]
        self._new_counts: dict[str, list[int]] = {name: [] for name in self._secondary}
        self._opened = contextlib.ExitStack()
        self._new = {
            name: self._opened.enter_context(NewRows(schema))
            for name, schema in job.schemas.items()
        }

    def __enter__(self) -> Redo:
        return self

    def __exit__(self, *failure: object) -> None:
        self._opened.close()

    def members(self, planned: Sequence[Member]) -> list[Member]:
        """What is to be read: all, if one of them is a container, whose items are chosen then."""
        if any(member.is_container for member in planned):
            return list(planned)
        return [member for member in planned if self.choice.wants(member.key)]

    def write(self, output: str, batch: pa.RecordBatch) -> None:
        """Takes new rows."""
        self._new[output].write(batch)
        if output == self._job.primary:
            for name, counts in self._new_counts.items():
                counts += batch.column(count_column(name)).to_pylist()

    def publish(self) -> dict[str, PartReport]:
        """Writes all rows of the shard to the staging place.

        Raises:
            JobError: Rows are missing, or a row that is to stay has no item any more.
            UserError: A part is damaged.
        """
        return {name: self._publish(name) for name in self._job.schemas}

    def staged(self, report: ShardReport) -> Staged:
        """What to note, given a report of the items that were processed again."""
        stays = {key for key, again in zip(self._keys, self._again, strict=True) if not again}
        statuses = Counter(report.statuses)
        statuses.update(
            status for status, again in zip(self._statuses, self._again, strict=True) if not again
        )
        verdicts = {key: status for key, status in self._old.verdicts.items() if key in stays}
        whole = replace(
            report,
            members=statuses.total(),
            statuses=dict(sorted(statuses.items())),
            failed=sum(statuses[status] for status in self._job.failed_statuses),
            verdicts={**verdicts, **report.verdicts},
            retried=report.members,
        )
        return Staged(whole, self._old.parts)

    def _publish(self, name: str) -> PartReport:
        job, part, new = self._job, self._old.parts[name], self._new[name]
        if name == job.primary:
            old_counts, new_counts = [1] * len(self._keys), [1] * self.choice.wanted
        else:
            old_counts = self._items.column(count_column(name)).to_pylist()
            new_counts = self._new_counts[name]
        if sum(old_counts) != part.rows:
            raise DamagedPartError(part.path)
        if sum(new_counts) != new.rows:
            raise JobError(f"{new.rows} rows in '{name}' for items that tell of {sum(new_counts)}")
        path = staged_part(self._old.shard, name)
        options = job.writer_options(name)
        schema = job.schemas[name]
        with (
            self._stored(name) as old,
            PartWriter(self._storage, path, schema, job.row_group_bytes, options) as writer,
        ):
            for batch in splice(
                self.choice.stretches(), old, part.first_row, old_counts, new, new_counts
            ):
                writer.write(batch)
            return writer.publish()

    @contextlib.contextmanager
    def _stored(self, name: str) -> Generator[StoredRows, None, None]:
        """The rows of an output that there are."""
        part, schema = self._old.parts[name], self._job.schemas[name]
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(self._open(part))
            except (OSError, pa.ArrowException) as error:
                raise DamagedPartError(part.path) from error
            if file.metadata.num_rows < part.first_row + part.rows:
                raise DamagedPartError(part.path)
            if not Layout.of(file).schema.equals(schema, check_metadata=True):
                raise UserError(
                    f"'{part.path}' was written by another version of this program, whose rows "
                    "do not go together with those of this one; use that version, or extract to "
                    "another output."
                )
            yield StoredRows(file, part.path, schema)

    @contextlib.contextmanager
    def _open(self, part: PartReport) -> Generator[pq.ParquetFile, None, None]:
        if part.own_bytes is None:
            with open_checked(self._storage, Part({self._old.shard: part})) as file:
                yield file
            return
        # One that shards share is checked as a whole when it is written anew.
        with self._storage.open(part.path) as stored:
            yield pq.ParquetFile(stored)
