"""Which split an identity belongs to: its name tells, whatever else there is."""

from __future__ import annotations

import hashlib
import re
from itertools import accumulate

_PART = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=([0-9]*\.?[0-9]+)")
_TOLERANCE = 1e-6


def read_splits(text: str) -> list[tuple[str, float]]:
    """Reads shares such as ``train=.9,val=.1``.

    Returns:
        Name and share of each, in their order.

    Raises:
        ValueError: They are not that, or do not sum up to 1.
    """
    found = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"must be shares such as train=.9,val=.1, and '{part}' is none")
        found.append((match[1], float(match[2])))
    if len({name for name, _ in found}) < len(found):
        raise ValueError("must name each split once")
    total = sum(share for _, share in found)
    if abs(total - 1) > _TOLERANCE:
        raise ValueError(f"must be shares that sum up to 1, and these sum up to {total:g}")
    return found


class Splits:
    """Deals identities out to splits.

    Args:
        text: As :func:`read_splits` reads it.
        seed: Another one deals otherwise.

    Attributes:
        names: Names of the splits, in their order.
    """

    def __init__(self, text: str, seed: int) -> None:
        shares = read_splits(text)
        self.names = [name for name, _ in shares]
        self._ends = list(accumulate(share for _, share in shares))
        self._seed = seed

    def of(self, identity: str) -> str:
        """The split of an identity: others that come or go do not change it."""
        digest = hashlib.sha256(f"{self._seed}/{identity}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        return next(
            (name for name, end in zip(self.names, self._ends, strict=True) if place < end),
            self.names[-1],
        )
