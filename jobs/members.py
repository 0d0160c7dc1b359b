"""The members of an input: what a source lists, and a plan cuts into shards; and whose they are."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Origin:
    """The input that members were listed in, as a plan records it.

    Attributes:
        input: Its path or URL, without credentials; absolute on this machine.
        prefix: What stands before the keys that it lists; empty if nothing does.
    """

    input: str
    prefix: str = ""


@dataclass(frozen=True)
class Member:
    """One member of the input: an item, or a part of a container that holds many.

    Attributes:
        key: Unique name within the input.
        uri: Where it is.
        size: Bytes; None where that is not known.
        version: ETag or modification time.
        label: Class of the item, if it has one.
        items: How many items it holds; None for a container that tells only when it is read.
        start: Where a part of a container begins, in the container's own unit; 0 for others.
        stop: Where it ends, itself not included; None is the end of the container.
        origin: The input that it was planned from, of one that was, as far as that is recorded.
    """

    key: str
    uri: str
    size: int | None
    version: str
    label: str | None
    items: int | None = 1
    start: int = 0
    stop: int | None = None
    origin: Origin | None = field(default=None, compare=False)

    @property
    def file_key(self) -> str:
        """The key of its file: that of a container, which is its first part's, for a part."""
        return self.key.removesuffix(f"#{self.start}") if self.start else self.key

    @property
    def is_container(self) -> bool:
        """Whether it is read for the items in it; the key is then not theirs."""
        return self.items != 1 or self.stop is not None
