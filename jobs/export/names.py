"""Names of files and folders that are safe on every file system, and tell things apart."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# Bytes of a name; most file systems allow 255, and an ending and a digest come behind it.
_LONGEST = 120
_DIGEST = 16
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))}
)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
# What a name with a digest ends like.
_DIGESTED = re.compile(rf"-[0-9a-f]{{{_DIGEST}}}$")


def safe(text: str) -> str:
    """A text as a name: letters, marks, digits, ``-`` and ``_`` stay, all else becomes ``_``.

    Letters are those of Unicode, composed (NFC). It begins with none of ``-`` and ``_``, which
    shells and `datasets` take for something else. What would be empty, longer than 120 bytes, or a
    name that Windows keeps for itself, is made one that is not; it does not tell texts apart.
    """
    if text.isascii():
        name = _UNSAFE.sub("_", text)
    else:
        composed = unicodedata.normalize("NFC", text)
        name = "".join(letter if _is_safe(letter) else "_" for letter in composed)
    name = name.lstrip("-_").encode()[:_LONGEST].decode(errors="ignore") or "_"
    return f"{name}_" if _folded(name) in _RESERVED else name


def names_of(texts: Sequence[str], things: Sequence[str] | None = None) -> list[str]:
    """A name for each of several things, no two of which are the same on any file system.

    Where two would differ in nothing, or only in case or in how letters are composed, each gets
    a digest of the thing behind it; and so does one that looks as if it had one.

    Args:
        texts: What each is to be called after.
        things: What tells each from all others; by default the texts do.
    """
    names = list(map(safe, texts))
    met = Counter(map(_folded, names))
    return [
        f"{name}-{_digest(thing)}" if met[_folded(name)] > 1 or _DIGESTED.search(name) else name
        for name, thing in zip(names, texts if things is None else things, strict=True)
    ]


def _is_safe(letter: str) -> bool:
    return letter in "-_" or unicodedata.category(letter)[0] in "LMN"


def _folded(name: str) -> str:
    """What file systems that ignore case, or compose letters, take a name for."""
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFKD", name).casefold()
    return unicodedata.normalize("NFKD", folded)


def _digest(thing: str) -> str:
    return hashlib.sha256(thing.encode()).hexdigest()[:_DIGEST]
