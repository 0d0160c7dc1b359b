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
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from jobs.upstream import Upstream


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

    @cached_property
    def versions(self) -> dict[str, str]:
        """Shard -> a version, which changes when its rows are made anew."""
        return {head.shard: str(head.made) for head in self.heads.all()}

    @cached_property
    def planned(self) -> dict[str, str]:
        """Key of each member of its input -> the version of that as it was planned."""
        plan = Plan(self.storage, self.heads.revisions())
        return {member.key: member.version for each in plan.planned() for member in each.members}

    def rows_by_shard(self, table: str) -> Iterator[tuple[str, int]]:
        """Each shard with the number of its rows in a table, in their order."""
        return ((shard, part.rows) for shard, part in self.heads.parts(table))

    @cached_property
    def state(self) -> str:
        """Hexadecimal digest of what it is, and of the versions of its shards."""
        text = json.dumps([self.upstream.digest, sorted(self.versions.items())])
        return hashlib.sha256(text.encode()).hexdigest()


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
