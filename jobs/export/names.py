"""Names of files and folders that are safe on every file system, and tell things apart."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

# Bytes of a name; most file systems allow 255, and an ending and a digest come behind it.
_LONGEST = 120
_DIGEST = 8
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}
)


def safe(text: str) -> str:
    """A text as a name: letters, digits, ``-`` and ``_`` stay, all else becomes ``_``.

    Letters are those of Unicode, composed (NFC). What would be empty, longer than 120 bytes, or a
    name that Windows keeps for itself, is made one that is not; it does not tell texts apart.
    """
    composed = unicodedata.normalize("NFC", text)
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in composed)
    name = name.encode()[:_LONGEST].decode(errors="ignore") or "_"
    return f"_{name}" if name.casefold() in _RESERVED else name


def names_of(texts: Sequence[str]) -> list[str]:
    """A name for each of several texts, no two of which are the same on any file system.

    Where two would differ in nothing or only in case, each gets a digest of its text behind it.
    """
    names = list(map(safe, texts))
    met = Counter(name.casefold() for name in names)
    return [
        f"{name}-{_digest(text)}" if met[name.casefold()] > 1 else name
        for name, text in zip(names, texts, strict=True)
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def stem_of(key: str, face_index: int) -> str:
    """What a face is called after: the key without its ending, and its number if it is not 0."""
    folder, slash, name = key.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return f"{folder}{slash}{stem}" + (f"-{face_index}" if face_index else "")


def as_names(texts: Sequence[str]) -> Mapping[str, str]:
    """Each text with its name; see :func:`names_of`."""
    several = list(dict.fromkeys(texts))
    return dict(zip(several, names_of(several), strict=True))
