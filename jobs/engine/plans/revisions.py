"""Shards whose members are others than were planned first: written, and named by the log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jobs.engine.plans.generation import write_files
from jobs.engine.plans.index import PLAN
from jobs.engine.reports import Revision
from jobs.members import Member
from jobs.storage.storage import Storage

_NAME = re.compile(r"revision-[0-9]+-[0-9]+\.parquet")


def write_revisions(
    storage: Storage, epoch: int, shards: Iterable[list[Member]]
) -> Iterator[Revision]:
    """Stores the members that shards are to have; they count when the log says so.

    Args:
        storage: The output.
        epoch: Epoch of the driver, which the files are called by.
        shards: The members of each.
    """
    for file in write_files(storage, f"{PLAN}/revision-{epoch}", iter(shards)):
        for group, (items, size) in enumerate(zip(file.items, file.bytes, strict=True)):
            yield Revision(file.path, group, items, size, file.sha256 or "")


def is_revision(name: str) -> bool:
    """Whether a file of the plan holds members that shards have been given later."""
    return _NAME.fullmatch(name) is not None
