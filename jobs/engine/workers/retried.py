"""A committed shard of which some items are processed again: what a worker does beside."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from jobs.engine.job import Job, count_column
from jobs.engine.parts.layout import Layout
from jobs.engine.parts.names import part_names
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.row_names import naming_columns, row_names
from jobs.engine.parts.splice import Choice, NewRows, splice
from jobs.engine.parts.stored import DamagedPartError, StoredRows, open_checked
from jobs.engine.reports import PartReport, ShardReport
from jobs.engine.shards import Retry, ShardSpec
from jobs.members import Member
from jobs.messages.errors import JobError, UserError
from jobs.storage.storage import Storage


class RetriedParts:
    """Takes the new rows of a shard, and puts them between those that stay.

    Row groups are cut anew, so that the parts are what they would be if all items had been
    processed together. The parts that there are stay as they are; the driver lets the new ones
    take their place.

    Args:
        storage: The output.
        job: Whose rows they are.
        spec: The shard.
        retry: Which of its items to process again, and the rows that it has.
        before: The members that those rows are of.
        planned: Its members as they are now: one that is another is processed again, one that is
            not there any more loses its rows.

    Attributes:
        members: What is to be read: all, if one of them is a container, whose items are chosen
            then.
        choice: Tells which items are processed again.

    Raises:
        UserError: A part is damaged, or was written by another version.
    """

    def __init__(
        self,
        storage: Storage,
        job: Job,
        spec: ShardSpec,
        retry: Retry,
        before: Sequence[Member],
        planned: Sequence[Member],
    ) -> None:
        """Reads which rows there are."""
        self._storage = storage
        self._job = job
        self._spec = spec
        self._retry = retry
        with self._stored(job.primary) as rows:
            part = retry.parts[job.primary]
            batches = list(rows.take(part.first_row, part.rows))
            self._items = pa.Table.from_batches(batches, job.schemas[job.primary])
        self._named_by = naming_columns(job.schemas[job.primary])
        self._keys = row_names(self._items, self._named_by)
        self._statuses: list[str] = self._items.column("status").to_pylist()
        now = {member.key: member for member in planned}
        self._others = {member.key for member in before if now.get(member.key) != member}
        self._again = [
            status in retry.statuses or key in self._others
            for key, status in zip(self._keys, self._statuses, strict=True)
        ]
        self.choice = Choice(self._keys, self._again)
        is_container = any(member.is_container for member in planned)
        self.members = [each for each in planned if is_container or self.choice.wants(each.key)]
        self._new_items: list[tuple[str, str]] = []  # key and status
        self._new_counts: dict[str, list[int]] = {
            name: [] for name in job.schemas if name != job.primary
        }
        self._opened = contextlib.ExitStack()
        self._new = {
            name: self._opened.enter_context(NewRows(schema))
            for name, schema in job.schemas.items()
        }

    def __enter__(self) -> RetriedParts:
        return self

    def __exit__(self, *failure: object) -> None:
        self._opened.close()

    def write(self, output: str, batch: pa.RecordBatch) -> None:
        """Takes new rows."""
        self._new[output].write(batch)
        if output == self._job.primary:
            names = row_names(batch, self._named_by)
            self._new_items += zip(names, batch.column("status").to_pylist(), strict=True)
            for name, counts in self._new_counts.items():
                counts += batch.column(count_column(name)).to_pylist()

    def publish(self) -> Iterator[tuple[str, PartReport]]:
        """Writes all rows of the shard, one output after the other.

        Raises:
            JobError: Rows are missing, or a row that is to stay has no item any more.
            UserError: A part is damaged.
        """
        return ((name, self._publish(name)) for name in self._job.schemas)

    def whole(self, report: ShardReport) -> ShardReport:
        """What is to be recorded of the shard, given a report of the items processed again."""
        kept = {place for place in self._kept() if place is not None}
        old = {*kept, *(place for place, again in enumerate(self._again) if not again)}
        came = {key for key, _ in self._new_items} - {self._keys[place] for place in kept}
        statuses = Counter(self._statuses[place] for place in old)
        statuses.update(status for key, status in self._new_items if key in came)
        stays = {self._keys[place] for place in old}
        verdicts = {key: status for key, status in self._retry.verdicts.items() if key in stays}
        verdicts |= {key: status for key, status in report.verdicts.items() if key in came}
        return replace(
            report,
            members=statuses.total(),
            statuses=dict(sorted(statuses.items())),
            failed=sum(statuses[status] for status in self._job.failed_statuses),
            verdicts=verdicts,
            retried=report.members,
        )

    def _kept(self) -> list[int | None]:
        """Of each item that was processed again the old row, if that stays: it knows more.

        That is where an item had not failed, and has now, although the member is the same.
        """
        failed = self._job.failed_statuses
        return [
            old
            if old is not None
            and status in failed
            and self._statuses[old] not in failed
            and key not in self._others
            else None
            for old, (key, status) in zip(self.choice.replaced, self._new_items, strict=True)
        ]

    def _publish(self, name: str) -> PartReport:
        job, part, new = self._job, self._retry.parts[name], self._new[name]
        if name == job.primary:
            old_counts, new_counts = [1] * len(self._keys), [1] * self.choice.wanted
        else:
            old_counts = self._items.column(count_column(name)).to_pylist()
            new_counts = self._new_counts[name]
        if sum(old_counts) != part.rows:
            raise DamagedPartError(part.path)
        if sum(new_counts) != new.rows:
            raise JobError(f"{new.rows} rows in '{name}' for items that tell of {sum(new_counts)}")
        names = part_names(name, self._spec.shard, self._spec.epoch)
        options = job.writer_options(name)
        schema = job.schemas[name]
        with (
            self._stored(name) as old,
            PartWriter(self._storage, names, schema, job.row_group_bytes, options) as writer,
        ):
            for batch in splice(
                self.choice.stretches(self._kept()),
                old,
                part.first_row,
                old_counts,
                new,
                new_counts,
            ):
                writer.write(batch)
            return replace(writer.publish(), stale_in=self._retry.stale_in(name))

    @contextlib.contextmanager
    def _stored(self, name: str) -> Generator[StoredRows, None, None]:
        """The rows of an output that there are."""
        part, schema = self._retry.parts[name], self._job.schemas[name]
        with open_checked(self._storage, part) as file:
            if not Layout.of(file).schema.equals(schema, check_metadata=True):
                raise UserError(
                    f"'{part.path}' was written by another version of this program, whose rows "
                    "do not go together with those of this one: use that version, or extract to "
                    "another output"
                )
            yield StoredRows(file, part.path, schema)
