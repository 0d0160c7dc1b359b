"""Sets of keys too large for Python strings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

_BYTES = 16
_DTYPE = np.dtype(("S", _BYTES))


def digest(key: str) -> bytes:
    """The key's 128-bit hash."""
    return hashlib.blake2b(key.encode(), digest_size=_BYTES).digest()


class KeySet:
    """Keys as a sorted array of 128-bit hashes: 16 bytes each, whatever their length."""

    def __init__(self) -> None:
        self._chunks: list[npt.NDArray[np.bytes_]] = []
        self._sorted: npt.NDArray[np.bytes_] | None = None

    def __len__(self) -> int:
        return sum(len(chunk) for chunk in self._chunks)

    def add(self, keys: Iterable[str]) -> None:
        """Adds keys."""
        self._chunks.append(hashes(keys))
        self._sorted = None

    def update(self, other: KeySet) -> None:
        """Adds the keys of another set."""
        self._chunks += other._chunks
        self._sorted = None

    def contains(self, keys: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which of the keys are in the set, shape `(keys,)`."""
        return self.places(keys) >= 0

    def places(self, keys: Iterable[str]) -> npt.NDArray[np.intp]:
        """Where the keys are in the order of the hashes, -1 of one that is not; `(keys,)`.

        A key that was added more than once has one place; another one may come to be there when
        keys are added.
        """
        wanted = hashes(keys)
        known = self._in_order()
        if not len(known):
            return np.full(len(wanted), -1, np.intp)
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        return np.where(known[places] == wanted, places, -1)

    def repeated(self) -> KeySet:
        """The keys that were added more than once."""
        known = self._in_order()
        result = KeySet()
        result._chunks = [known[1:][known[1:] == known[:-1]]]
        return result

    def _in_order(self) -> npt.NDArray[np.bytes_]:
        if self._sorted is None:
            chunks = self._chunks or [np.empty(0, dtype=_DTYPE)]
            self._sorted = np.sort(np.concatenate(chunks))
            self._chunks = [self._sorted]
        return self._sorted


def hashes(keys: Iterable[str]) -> npt.NDArray[np.bytes_]:
    """The keys' 128-bit hashes, shape `(keys,)`."""
    return np.frombuffer(b"".join(map(digest, keys)), dtype=_DTYPE)
