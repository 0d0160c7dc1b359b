"""The output of another job as an input: whole, of the right job, and in which state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jobs.dataset import Dataset
from jobs.engine.identity import Identity, read_identity
from jobs.engine.lease.log import Log
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class Upstream:
    """A finished output of another job, as it was when it was opened.

    Attributes:
        address: Local path or fsspec URL.
        storage: Its folder.
        identity: What it was made with.
        heads: Its committed shards.
        dataset: Its rows.
    """

    address: str
    storage: Storage
    identity: Identity
    heads: Heads
    dataset: Dataset

    @cached_property
    def versions(self) -> dict[str, str]:
        """Shard -> a version, which changes when rows of the shard were made anew.

        Merging leaves it as it is.
        """
        versions = {head.shard: "0" for head in self.heads.all()}
        for entry in Log(self.storage).after(0):
            for report in entry.retried:
                versions[report.shard] = str(entry.number)
        return versions

    @cached_property
    def members(self) -> dict[str, str]:
        """Key of each member of its input -> the version that was planned."""
        plan = Plan(self.storage, self.heads.revisions())
        return {member.key: member.version for each in plan.planned() for member in each.members}

    def rows_by_shard(self, table: str) -> Iterator[tuple[str, int]]:
        """Each shard with the number of its rows in a table, in their order."""
        return ((shard, part.rows) for shard, part in self.heads.parts(table))

    @cached_property
    def state(self) -> str:
        """Hexadecimal digest of what it was made with, and of the versions of its shards."""
        of_identity = [self.identity.digest, dict(self.identity.models), self.identity.schema]
        text = json.dumps([of_identity, sorted(self.versions.items())], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def open_upstream(address: str, job: str, options: Mapping[str, Any] | None = None) -> Upstream:
    """Opens an output as an input of another job.

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
            f"'{address}' is an output of '{identity.job}', and one of '{job}' is wanted here: "
            "check the order of the arguments"
        )
    heads = Heads.read(storage)
    dataset = Dataset(storage, heads)
    if not dataset.is_finished:
        raise UserError(
            f"'{address}' is not finished: run 'mtcnn-ray {job}' on it again until it is"
        )
    return Upstream(address, storage, identity, heads, dataset)
