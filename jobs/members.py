"""The members of an input: what a source lists, and a plan cuts into shards."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    key: str
    uri: str
    size: int | None
    version: str
    label: str | None
    items: int | None = 1
    start: int = 0
    stop: int | None = None

    @property
    def is_container(self) -> bool:
        """Whether it is read for the items in it; the key is then not theirs."""
        return self.items != 1 or self.stop is not None
