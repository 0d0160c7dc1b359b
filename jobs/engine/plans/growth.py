"""What a listing holds that the plan does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from jobs.engine.plans.members import read_members
from jobs.keys import KeySet
from jobs.members import Member
from jobs.messages.plain_text import plain
from jobs.storage.storage import Storage

_LOOKED_UP_TOGETHER = 4096


@dataclass(frozen=True)
class Growth:
    """What a listing of the input added to the plan.

    Attributes:
        members: New members.
        items: Items in them, as far as they are known.
        changed: Planned members that are not what they were when they were planned.
        example: Key of one of those.
    """

    members: int = 0
    items: int = 0
    changed: int = 0
    example: str = ""

    def sentence(self, members: str) -> str:
        """A warning of the members that have changed; `members` is what to call them."""
        return (
            f"{self.changed:,} of the planned {members} have changed since, such as "
            f"'{plain(self.example)}'; what was found in them before stays: "
            "use another output to have them read again."
        )


class News:
    """What of a listing is not planned yet, and what of the plan has changed since.

    Members are compared by hashes of 128 bits.

    Args:
        storage: The output.
        files: Files of the plan.

    Attributes:
        keys: Those of the new members.
    """

    def __init__(self, storage: Storage, files: Iterable[str]) -> None:
        """Reads the plan."""
        self.keys = KeySet()
        self._known, self._states = KeySet(), KeySet()
        for path in files:
            for members in read_members(storage, path):
                self._known.add(member.key for member in members)
                self._states.add(map(_state, members))
        self._changed = 0
        self._example = ""

    def among(self, members: Iterable[Member], listed: Callable[[int], None]) -> Iterator[Member]:
        """Yields those members of a listing that are not planned yet."""
        count = 0
        is_known = False
        stream = iter(members)
        while together := list(islice(stream, _LOOKED_UP_TOGETHER)):
            count += len(together)
            listed(count)
            known = self._known.contains(member.key for member in together)
            same = self._states.contains(map(_state, together))
            new = []
            for member, known_key, known_state in zip(together, known, same, strict=True):
                # The parts of a container share the fate of its first: where it is cut depends on
                # its content, and a part of a changed one may look new.
                is_known = bool(known_key) or (is_known and member.start > 0)
                if not is_known:
                    new.append(member)
                elif not known_state and member.start == 0:
                    self._changed += 1
                    self._example = self._example or member.key
            self.keys.add(member.key for member in new)
            yield from new

    def growth(self, items: int) -> Growth:
        """How the plan has grown, once `among` is at its end."""
        return Growth(len(self.keys), items, self._changed, self._example)


def _state(member: Member) -> str:
    return f"{member.key}\0{member.size}\0{member.version}"
