"""Planned members that have changed or are gone, and shards as they are to be after that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.engine.plans.members import members_of, table_of
from jobs.keys import KeySet, hashes
from jobs.members import Member
from jobs.messages.errors import UserError

_EXAMPLES = 3
_STORED_TOGETHER = 4096


class Changes:
    """What a listing says of members that were planned from the same input.

    Args:
        keys: Keys of those members; of a container in parts only that of the first part.
        cut: Keys of containers that were planned in parts.

    Attributes:
        changed: How many have changed.
        examples: Keys of a few of those.
    """

    def __init__(self, keys: KeySet, cut: KeySet) -> None:
        self.changed = 0
        self.examples: tuple[str, ...] = ()
        self._keys = keys
        self._cut = cut
        self._seen = np.zeros(len(keys), np.bool_)
        self._tables: list[pa.Table] = []
        self._waiting: list[Member] = []

    @property
    def gone(self) -> int:
        """How many are not in the listing, once that is at its end."""
        return int((~self._seen).sum())

    def see(self, members: Sequence[Member]) -> npt.NDArray[np.bool_]:
        """Takes note that members are there; tells which were planned, shape `(members,)`."""
        places = self._keys.places(member.key for member in members)
        self._seen[places[places >= 0]] = True
        self._cut.add(member.file_key for member in members if member.start)
        return places >= 0

    def add(self, member: Member) -> None:
        """Takes note of a member that has changed, as it is now."""
        self.changed += 1
        if len(self.examples) < _EXAMPLES:
            self.examples += (member.key,)
        self._waiting.append(member)
        if len(self._waiting) == _STORED_TOGETHER:
            self._tables.append(table_of(self._waiting))
            self._waiting = []

    def are_gone(self, members: Sequence[Member]) -> npt.NDArray[np.bool_]:
        """Which planned members are not in the listing, shape `(members,)`."""
        places = self._keys.places(member.file_key for member in members)
        return (places >= 0) & ~self._seen[places] if len(self._seen) else places >= 0

    def check(self) -> None:
        """Raises a `UserError` if what has changed cannot be processed again."""
        keys = self._listed[0]["key"].to_pylist()
        for key, is_cut in zip(keys, self._cut.contains(keys), strict=True):
            if is_cut:
                raise UserError(
                    f"'{key}' has changed and is read in parts, of which none can be read again "
                    "alone: use another output, or leave out --changed redo"
                )

    def revised(self, members: list[Member], redo: bool, drop: bool) -> list[Member] | None:
        """The members of a shard as they are to be; None if they stay as they are.

        Args:
            members: As they are now.
            redo: Whether those that have changed are to be as the listing has them.
            drop: Whether those that are gone are to be left out.

        Raises:
            UserError: Only all of the shard can be processed again, and not all of it is there.
        """
        new = self._as_listed(members) if redo else members
        gone = self.are_gone(members)
        after = [
            member for member, is_gone in zip(new, gone, strict=True) if not (is_gone and drop)
        ]
        if after == members:
            return None
        if gone.any() and not drop and any(member.is_container for member in members):
            key = members[int(np.argmax(gone))].file_key
            raise UserError(
                f"'{key}' is gone, and goes together with others that have changed: give "
                "--gone drop too, or leave out --changed redo"
            )
        return after

    def _as_listed(self, members: list[Member]) -> list[Member]:
        table, ordered, rows = self._listed
        if not len(ordered):
            return members
        wanted = hashes(member.key for member in members)
        places = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
        found = np.flatnonzero(ordered[places] == wanted)
        result = list(members)
        changed = members_of(table.take(pa.array(rows[places[found]])))
        for place, member in zip(found.tolist(), changed, strict=True):
            result[place] = member
        return result

    @cached_property
    def _listed(self) -> tuple[pa.Table, npt.NDArray[np.bytes_], npt.NDArray[np.intp]]:
        """The members that have changed, the hashes of their keys in order, and the row of each."""
        table = pa.concat_tables([*self._tables, table_of(self._waiting)])
        found = hashes(table["key"].to_pylist())
        rows = np.argsort(found, kind="stable")
        return table, found[rows], rows
