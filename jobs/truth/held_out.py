"""Photos of a ground truth that nothing is learned from."""

from __future__ import annotations

import zlib

_WHOLE = 2**32


def is_held_out(name: str, share: float, purpose: str = "") -> bool:
    """Tells whether a photo is among a share of all, by its name alone.

    Args:
        name: What it is called.
        share: The share.
        purpose: What for; another one holds out others.
    """
    return zlib.crc32(f"{purpose}{name}".encode()) < share * _WHOLE
