"""What a tree of files is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One file of a tree.

    Attributes:
        key: Path relative to the tree's root, with `/`.
        size: Bytes; None where it is not a regular file or the storage does not say.
        version: ETag or modification time; empty where the storage has neither.
    """

    key: str
    size: int | None
    version: str
