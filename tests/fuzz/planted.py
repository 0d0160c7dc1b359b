"""Decoders with a bug: each fails on files with two headers, which only damage makes."""

from __future__ import annotations

import ctypes
import re
import sys

from tests.fuzz.decode import check


def _rare(data: bytes) -> bool:
    return data.startswith(b"\x89PNG") and len(re.findall(b"IHDR", data)) == 2


def raises(data: bytes) -> str | None:
    return [check(data)][1 if _rare(data) else 0]


def spins(data: bytes) -> str | None:
    while _rare(data):
        pass
    return check(data)


def eats(data: bytes) -> str | None:
    held = [b"\1" * (1 << 20) for _ in range(2000 if _rare(data) else 0)]
    return check(data) if not held else "too late"


def crashes(data: bytes) -> str | None:
    if _rare(data):
        ctypes.string_at(0)
    return check(data)


def prints(data: bytes) -> str | None:
    if _rare(data):
        print("a header too many", file=sys.stderr)
    return check(data)


def lies(data: bytes) -> str | None:
    return "not the size it says" if _rare(data) else check(data)
