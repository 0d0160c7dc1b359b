"""The output of another job as an input: each of its committed shards is a member."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.identity import Identity, another_job, require_identity
from jobs.engine.ledger.heads import Head, Heads
from jobs.engine.parts.layout import Layout
from jobs.engine.parts.stored import StoredRows
from jobs.engine.plans.index import origins_of, read_indices
from jobs.engine.plans.plan import Plan, PlanReader
from jobs.members import Member, Origin
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

_log = logging.getLogger(__name__)


class Upstream:
    """An output that another job reads, shard by shard; pickled to the workers.

    Args:
        url: Local path or fsspec URL of the output.
        options: Keyword arguments of its fsspec file system.
        job: Name of the job that must have made it.

    Attributes:
        url: Where it is.
    """

    def __init__(self, url: str, options: Mapping[str, Any], job: str) -> None:
        """Reads nothing yet."""
        self.url = url
        self._options = dict(options)
        self._job = job

    def __getstate__(self) -> dict[str, Any]:
        """What a worker gets; all else it reads itself."""
        return {"url": self.url, "_options": self._options, "_job": self._job}

    @cached_property
    def identity(self) -> Identity:
        """What it was made with.

        Raises:
            UserError: There is no job, or it is another one.
        """
        identity = require_identity(self._storage)
        if identity.job != self._job:
            raise another_job(self.url, identity.job, self._job)
        return identity

    @cached_property
    def digest(self) -> str:
        """What tells it from other outputs, wherever it lies: SHA-256, hexadecimal."""
        made = self.identity
        parts = [made.job, made.digest, dict(made.models), made.input, dict(made.upstream)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def state(self) -> str:
        """What changes when any of its rows is made anew: SHA-256, hexadecimal."""
        made = [[head.shard, head.made] for head in self._heads.all()]
        return hashlib.sha256(json.dumps([self.digest, made]).encode()).hexdigest()

    @cached_property
    def origins(self) -> tuple[tuple[Origin, ...], bool]:
        """The inputs that it was planned from, and whether those are all."""
        return origins_of(read_indices(self._storage), self.identity.input)

    def members(self, table: str) -> Iterator[Member]:
        """Yields its committed shards, in plan order, as containers of the rows of a table.

        The version of one changes when its rows are made anew, and not when they come to lie in
        another file.

        Raises:
            UserError: Nothing is committed yet.
        """
        count = 0
        for head in self._heads.all():
            part = head.parts[table]
            count += 1
            yield Member(
                key=head.shard,
                uri=f"{table}/{head.shard}",
                size=part.size,
                version=str(head.made),
                label=None,
                items=part.rows,
                stop=part.rows,
            )
        if not count:
            raise UserError(f"nothing is committed in '{self.url}' yet: run its job first")
        if count < len(self._plan):
            _log.warning(
                "%s of the %s planned shards of '%s' are committed: run this again when its job "
                "has ended.",
                f"{count:,}",
                f"{len(self._plan):,}",
                self.url,
            )

    def planned(self, shard: str) -> list[Member]:
        """The members that a shard of it was made of, in order."""
        return self._plan_reader.members(self._plan.named(shard))

    def rows(self, member: Member, table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yields some columns of a shard's rows in a table, in order.

        Args:
            member: The shard, as it was listed.
            table: Any of its tables.
            columns: Those wanted.

        Raises:
            UserError: The shard was made anew since it was listed, or its part cannot be read.
        """
        with self._part(member, table) as (head, file):
            part = head.parts[table]
            schema = Layout.of(file).schema
            wanted = [name for name in columns if name in schema.names]
            rows = StoredRows(file, part.path, schema, wanted)
            yield from rows.take(part.first_row, part.rows)

    def take(
        self, member: Member, table: str, columns: Sequence[str], rows: npt.NDArray[np.int64]
    ) -> pa.Table:
        """Some rows of a shard in a table; row groups that hold none of them are not read.

        Args:
            member: The shard, as it was listed.
            table: Any of its tables.
            columns: Those wanted.
            rows: Numbers of the rows within the shard, rising.

        Raises:
            UserError: The shard was made anew since it was listed, or its part cannot be read.
        """
        with self._part(member, table) as (head, file):
            wanted = rows + head.parts[table].first_row
            found: list[pa.Table] = []
            start = 0
            for number in range(file.num_row_groups):
                stop = start + file.metadata.row_group(number).num_rows
                low, high = np.searchsorted(wanted, [start, stop])
                if low < high:
                    group = file.read_row_group(number, columns, use_threads=False)
                    found.append(group.take(pa.array(wanted[low:high] - start)))
                start = stop
            return pa.concat_tables(found)

    def check_same(
        self, member: Member, found: pa.Table, expected: pa.Table, names: Sequence[str]
    ) -> None:
        """Raises a `UserError` unless rows are those that were listed."""
        if any(not found[name].equals(expected[name]) for name in names):
            raise self._changed(member)

    @contextlib.contextmanager
    def _part(
        self, member: Member, table: str
    ) -> Generator[tuple[Head, pq.ParquetFile], None, None]:
        path = ""
        try:
            for is_last in (False, True):
                head = self._head(member)
                path = head.parts[table].path
                try:
                    stream = self._storage.open(path)
                    break
                except FileNotFoundError:  # merged with others since the records were read
                    if is_last:
                        raise
                    self.__dict__.pop("_heads", None)
            with stream, pq.ParquetFile(stream) as file:
                yield head, file
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"'{path}' in '{self.url}' cannot be read: run 'mtcnn-ray verify' on it"
            ) from error

    def _head(self, member: Member) -> Head:
        if self._heads.has(member.key):
            [head] = self._heads.of([member.key])
            if str(head.made) == member.version:
                return head
        raise self._changed(member)

    def _changed(self, member: Member) -> UserError:
        return UserError(
            f"shard {member.key} of '{self.url}' has changed meanwhile: run the same command again"
        )

    @cached_property
    def _storage(self) -> Storage:
        return Storage(self.url, self._options)

    @cached_property
    def _heads(self) -> Heads:
        return Heads.read(self._storage)

    @cached_property
    def _plan_reader(self) -> PlanReader:
        return PlanReader(self._storage)

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self._storage, self._heads.revisions())
