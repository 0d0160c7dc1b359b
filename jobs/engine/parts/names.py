"""How the Parquet files of an output are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

_NAME = re.compile(r"part-([0-9]{3,}-[0-9]{6,})(\.[0-9]+)?(~[0-9]+)?\.parquet")


def part_names(output: str, shard: str, epoch: int = 0) -> Iterator[str]:
    """Paths that a part may have, the first that is free or holds the same bytes already.

    None is ever used for two contents: what is committed under one is never overwritten, and a
    name that carries an epoch belongs to the driver of that epoch.

    Args:
        output: The output it is a part of.
        shard: The shard with its first row.
        epoch: Epoch of the driver that replaces other parts with it; 0 of a first part.
    """
    stem = f"{output}/part-{shard}" + (f".{epoch}" if epoch else "")
    yield f"{stem}.parquet"
    yield from (f"{stem}~{number}.parquet" for number in count(2))


def shard_of(name: str) -> str | None:
    """The shard with the first row of a part, given the file's name; None if that is no part's."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None
