"""What a listing holds that the plan does not, and what has become of what the plan holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from jobs.engine.plans.changes import Changes
from jobs.engine.plans.members import Planned
from jobs.keys import KeySet
from jobs.members import Member, Origin
from jobs.messages.credentials import public_url
from jobs.messages.errors import JobError
from jobs.messages.plain_text import plain

_LOOKED_UP_TOGETHER = 4096
_EXAMPLES = 3


class KeyClashError(JobError):
    """A key of the input is planned already, for something else."""


@dataclass(frozen=True)
class Growth:
    """What a listing of the input added to the plan, and what of that was other than planned.

    Attributes:
        members: New members.
        items: Items in them, as far as they are known.
        changed: Planned members that are not what they were when they were planned.
        changed_keys: Keys of a few of those.
        gone: Members that were planned from this input and are not in it any more.
        gone_keys: Keys of a few of those.
        moved: Members that were planned from another input and are the same in this one.
    """

    members: int = 0
    items: int = 0
    changed: int = 0
    changed_keys: tuple[str, ...] = ()
    gone: int = 0
    gone_keys: tuple[str, ...] = ()
    moved: int = 0


class News:
    """What of a listing is not planned yet, and what of the plan has changed or is gone.

    Members are compared by hashes of 128 bits. Two with the same key are the same if they are in
    the same place, or if size and time (or ETag) are the same, as in an input that was moved.

    Args:
        planned: The plan as it is now; read twice if something is gone.
        inputs: Names of the input that is listed, the first is to be recorded; what was planned
            under any of them was planned from this input. If there are none, all was.
        redo: Whether what has changed is to be processed again.

    Attributes:
        keys: Those of the new members.
        origin: The input that is listed.
        changes: What has changed or is gone.
    """

    def __init__(
        self,
        planned: Callable[[], Iterable[Planned]],
        inputs: Sequence[Origin] = (),
        redo: bool = False,
    ) -> None:
        """Reads the plan."""
        self.keys = KeySet()
        self.origin = inputs[0] if inputs else None
        self._planned, self._redo = planned, redo
        self._is_moved = len(inputs) > 1
        self._known, self._here = KeySet(), KeySet()
        self._states, self._places = KeySet(), KeySet()
        cut = KeySet()
        for each in planned():
            self._known.add(member.key for member in each.members)
            self._states.add(map(_state, each.members))
            cut.add(member.file_key for member in each.members if member.start)
            is_here = not inputs or each.origin in inputs
            if is_here:
                self._here.add(member.key for member in each.members if not member.start)
            # Where a member is matters only where it is not known by its time.
            untold = [one for one in each.members if not (is_here and one.version)]
            self._places.add(map(_place, untold))
        self.changes = Changes(self._here, cut)
        self._moved = self._clashes = 0
        self._clashing: list[tuple[str, str]] = []

    def among(self, members: Iterable[Member], listed: Callable[[int], None]) -> Iterator[Member]:
        """Yields those members of a listing that are not planned yet."""
        count = 0
        is_known = False
        stream = iter(members)
        while together := list(islice(stream, _LOOKED_UP_TOGETHER)):
            count += len(together)
            listed(count)
            known = self._known.contains(member.key for member in together)
            here = self.changes.see(together)
            same = self._states.contains(map(_state, together))
            new = []
            for place, member in enumerate(together):
                # The parts of a container share the fate of its first: where it is cut depends on
                # its content, and a part of a changed one may look new.
                is_known = bool(known[place]) or (is_known and member.start > 0)
                if not is_known:
                    new.append(member)
                elif member.start == 0:
                    self._compare(member, bool(here[place]), bool(same[place]))
            self.keys.add(member.key for member in new)
            yield from new

    def check(self) -> None:
        """To be called at the end of the listing, before what is new counts.

        Raises:
            KeyClashError: A key is planned already, for something else.
            UserError: What has changed is to be processed again, and cannot be.
        """
        if self._redo:
            self.changes.check()
        if self._clashes:
            names = ", ".join(f"'{plain(key)}'" for key, _ in self._clashing)
            _, uri = self._clashing[0]
            raise KeyClashError(
                f"keys of this input are planned already for what was in another one "
                f"({self._clashes:,}, such as {names}; the first is now '{plain(uri)}'): tell the "
                "inputs apart with --set input.key_prefix=NAME, or give --set "
                "input.moved_from=INPUT if it is the same input in another place"
            )

    def growth(self, items: int) -> Growth:
        """How the plan has grown, once `among` is at its end."""
        changes = self.changes
        return Growth(
            len(self.keys),
            items,
            changes.changed,
            changes.examples,
            changes.gone,
            tuple(self._gone_keys()) if changes.gone else (),
            self._moved,
        )

    def _compare(self, member: Member, here: bool, same: bool) -> None:
        """Takes note of a member with a key that is planned."""
        is_told = same and (member.version != "" or self._is_moved)
        if here and is_told:
            return
        stays = bool(self._places.contains([_place(member)])[0])
        if here or stays:
            if not (is_told or (same and stays)):
                self.changes.add(member)
        elif is_told:
            self._moved += 1
        else:
            self._clashes += 1
            if len(self._clashing) < _EXAMPLES:
                self._clashing.append((member.key, member.uri))

    def _gone_keys(self) -> Iterator[str]:
        found = (
            member.key
            for each in self._planned()
            for member, gone in zip(each.members, self.changes.are_gone(each.members), strict=True)
            if gone and not member.start
        )
        return islice(found, _EXAMPLES)


def _state(member: Member) -> str:
    return f"{member.key}\0{member.size}\0{member.version}"


def _place(member: Member) -> str:
    uri = public_url(member.uri) if "?" in member.uri else member.uri  # signatures change
    return f"{member.key}\0{uri}"
