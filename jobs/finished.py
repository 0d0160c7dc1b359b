"""A finished output of another job: what was made, and in which state it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jobs.dataset import Dataset
from jobs.engine.identity import Identity, read_identity
from jobs.engine.ledger.heads import Head, Heads
from jobs.engine.plans.plan import Plan
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from jobs.upstream import Upstream

# Version of a shard as a member, and bytes of the part that its rows were first written to.
Version = tuple[str, int | None]


@dataclass(frozen=True)
class Finished:
    """An output as it was when it was opened.

    Attributes:
        address: Local path or fsspec URL.
        storage: Its folder.
        upstream: The output as an input.
        heads: Its committed shards.
        dataset: Its rows.
    """

    address: str
    storage: Storage
    upstream: Upstream
    heads: Heads
    dataset: Dataset

    @property
    def identity(self) -> Identity:
        """What it was made with."""
        return self.upstream.identity

    def shards(self, table: str) -> dict[str, Version]:
        """Shard -> what tells that its rows in a table were made anew, or are others."""
        return {head.shard: _version(head, table) for head in self.heads.all()}

    def planned(self) -> dict[str, Version]:
        """Key of each member of its input -> the same of that, as it was planned."""
        plan = Plan(self.storage, self.heads.revisions())
        members = (member for each in plan.planned() for member in each.members)
        return {member.key: (member.version, member.size) for member in members}

    def rows_by_shard(self, table: str) -> Iterator[tuple[str, int]]:
        """Each shard with the number of its rows in a table, in their order."""
        return ((shard, part.rows) for shard, part in self.heads.parts(table))

    @cached_property
    def state(self) -> str:
        """Hexadecimal digest of what it is, and of what tells its rows from others."""
        digest = hashlib.sha256(self.upstream.digest.encode())
        for head in self.heads.all():
            parts = sorted((table, part.rows, part.size) for table, part in head.parts.items())
            digest.update(json.dumps([head.shard, head.made, parts]).encode())
        return digest.hexdigest()


def open_finished(address: str, job: str, options: Mapping[str, Any]) -> Finished:
    """Opens an output of another job, which has to be finished.

    Args:
        address: Local path or fsspec URL.
        job: Name of the job that has to have made it.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: It is none, of another job, or not finished.
    """
    storage = Storage(address, options)
    identity = read_identity(storage)
    if identity is None:
        raise UserError(f"there is no output of '{job}' in '{address}': check the path")
    if identity.job != job:
        raise UserError(
            f"'{address}' is an output of '{identity.job}', and one of '{job}' is wanted there: "
            "check the order of the arguments"
        )
    heads = Heads.read(storage)
    dataset = Dataset(storage, heads)
    if not dataset.is_finished:
        raise UserError(f"'{address}' is not finished: run 'mtcnn-ray {job}' again until it is")
    return Finished(address, storage, Upstream(address, options, job), heads, dataset)


def _version(head: Head, table: str) -> Version:
    return str(head.made), head.parts[table].size
