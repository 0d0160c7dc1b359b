"""An input, and those that an output was planned from before: each member is read from its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from jobs.members import Member, Origin
from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings
from jobs.sources.source import Source, open_source
from jobs.storage.names.file_name import text_of
from jobs.storage.place import local_path
from jobs.storage.read_error import ReadError


def recorded(url: str) -> str:
    """The address of an input as it is recorded: without credentials, absolute on this machine."""
    return text_of(public_url(_absolute(url)))


def origin_of(url: str, was: str | None, origins: Sequence[Origin]) -> Origin | None:
    """Which of the inputs of an output a place is now; None if it was called otherwise then.

    Args:
        url: Where the input is.
        was: Where it was, if that was elsewhere.
        origins: The inputs that the output was planned from.
    """
    names = {recorded(each) for each in (url, was) if each}
    return next((origin for origin in origins if origin.input in names), None)


def _absolute(url: str) -> str:
    """An address that is the same in another folder, as workers are in."""
    return url if url.startswith("demo:") else local_path(url) or url


def open_inputs(
    url: str, settings: InputSettings, origins: Sequence[Origin] = (), *, is_only: bool = False
) -> Source:
    """The input that a URL names, which reads members that were planned from other ones too.

    Args:
        url: As for `open_source`.
        settings: How it is read, what stands before its keys, and where it was before.
        origins: The inputs that an output was planned from so far.
        is_only: Whether all that was planned is in this input now, wherever it was then.

    Raises:
        UserError: The URL is not one that can be opened.
    """
    was = _absolute(settings.moved_from) if settings.moved_from else None
    first = NamedInput(_absolute(url), settings.key_prefix or "", settings, was, is_only)
    source = first.source  # what is wrong with it is better known now than on a worker
    others = [NamedInput(o.input, o.prefix, settings) for o in origins if o != first.origins[0]]
    return Inputs(first, tuple(others)) if origins or first.prefix else source


@dataclass(frozen=True)
class NamedInput:
    """An input whose keys have something in front.

    Attributes:
        url: Where it is.
        prefix: What stands before its keys, with a slash between; empty if nothing does.
        settings: How it is read.
        was: Where it was when members of it were planned, if that was elsewhere.
        is_only: Whether all members are in it, wherever they were planned.
    """

    url: str
    prefix: str
    settings: InputSettings
    was: str | None = None
    is_only: bool = False

    @cached_property
    def source(self) -> Source:
        """The input itself, opened when it is first asked for."""
        return open_source(self.url, self.settings)

    @cached_property
    def origins(self) -> list[Origin]:
        """What it is recorded as, and was when it was elsewhere."""
        return [Origin(recorded(url), self.prefix) for url in (self.url, self.was) if url]

    @cached_property
    def source_before(self) -> Source | None:
        """The input where it was before."""
        return open_source(self.was, self.settings) if self.was else None

    def outside(self, member: Member) -> Member:
        """A member of the input as a member of the output."""
        return replace(member, key=f"{self.prefix}/{member.key}") if self.prefix else member

    def inside(self, member: Member) -> Member:
        """A member of the output as a member of the input."""
        if not self.prefix:  # a key may begin with a slash of its own
            return member
        return replace(member, key=member.key.removeprefix(f"{self.prefix}/"))

    def is_origin_of(self, member: Member) -> bool:
        """Whether it is recorded that a member was planned from this input."""
        return self.is_only or member.origin in self.origins

    def reads_like(self, other: NamedInput, member: Member) -> bool:
        """Whether the items of a member have the same keys as in another input."""
        names = (each.url.rpartition("/")[2] for each in (self, other))
        return not member.is_container or len(set(names)) == 1

    def holds(self, member: Member) -> bool:
        """Whether a member was planned from this input, by its key and its place."""
        if not self._may_hold(member):
            return False
        inside = self.inside(member)
        before = self.source_before
        return self.source.holds(inside) or bool(before and before.holds(inside))

    def has_same(self, member: Member) -> bool:
        """Whether the same file is here, under the same key, that was elsewhere when planned."""
        return self._may_hold(member) and self.source.has_same(self.inside(member))

    def _may_hold(self, member: Member) -> bool:
        return not self.prefix or member.key.startswith(f"{self.prefix}/")


@dataclass(frozen=True)
class Inputs:
    """An input that is listed, and those that were listed before.

    Attributes:
        first: The one that is listed.
        others: The others.
    """

    first: NamedInput
    others: tuple[NamedInput, ...]

    def list(self) -> Iterator[Member]:
        """Yields the members of the first; see `Source`."""
        return map(self.first.outside, self.first.source.list())

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yields the items of members of any of them; see `Source`.

        Raises:
            UserError: A member is of none of them, or its own cannot be read.
        """
        for holder, group in groupby(members, self._holder):
            inside = [holder.inside(member) for member in group]
            for member, data in holder.source.stream(inside, max_bytes):
                yield holder.outside(member), data

    def check(self, member: Member) -> None:
        """Raises a `UserError` if the input that a member was planned from is not there."""
        next(iter(self._holder(member).source.list()))

    def holds(self, member: Member) -> bool:
        """Whether a member was planned from the first; see `Source`."""
        return self.first.holds(member)

    def has_same(self, member: Member) -> bool:
        """Whether the first has the same file; see `Source`."""
        return self.first.has_same(member)

    def _holder(self, member: Member) -> NamedInput:
        """The input to read a member from: never another one that has the same key.

        If the member was planned elsewhere, and the same file is in the first, that was moved.
        """
        first = self.first
        if first.is_origin_of(member) or (member.origin is None and first.holds(member)):
            return first
        own = next((each for each in self.others if each.is_origin_of(member)), None)
        is_elsewhere = not first.holds(member) and (own is None or first.reads_like(own, member))
        if is_elsewhere and first.has_same(member):
            return first
        for each in [own] if own else self.others:
            if own or each.holds(member):
                return each
        raise UserError(
            f"'{member.uri}' was planned from an input that is not known here: name it with "
            "--input, or as INPUT of the job"
        )
