"""What every container of weights is reduced to: a list of arrays with their paths in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.errors import WeightsError

# The three networks are 2 MB, a face network with the classes of its training 116 MB.
MAX_BYTES = 128 << 20
MAX_TENSORS = 10_000
_MAX_DEPTH = 12


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array somewhere in a file.

    Attributes:
        path: Names of the groups around the array, then its own.
        array: The array, of any shape and floating-point type.
    """

    path: tuple[str, ...]
    array: NDArray[Any]

    @property
    def parent(self) -> tuple[str, ...]:
        """Path of the group that the array is in, as a rule that of one layer."""
        return self.path[:-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array without the sides of length 1."""
        return tuple(side for side in self.array.shape if side != 1)


class Deferred:
    """An array that can be made only when the whole file has been read."""

    def array(self) -> NDArray[Any]:
        """Returns the array."""
        raise NotImplementedError


def split(name: str) -> tuple[str, ...]:
    """Returns a name such as ``pnet/conv1.weight:0`` as a path."""
    return tuple(re.split(r"[./]", re.sub(r":\d+$", "", name)))


def collect(value: Any, path: tuple[str, ...]) -> Iterator[Tensor]:
    """Yields the arrays in nested mappings and lists, in their order, each once.

    Raises:
        WeightsError: They are nested too deeply.
    """
    seen: set[int] = set()

    def walk(value: Any, path: tuple[str, ...], depth: int) -> Iterator[Tensor]:
        if isinstance(value, Deferred):
            value = value.array()
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "f" and value.size:
                yield Tensor(path, value)
            return
        if not isinstance(value, (Mapping, list, tuple)) or id(value) in seen:
            return
        if depth > _MAX_DEPTH:
            raise WeightsError(f"{path[0]} is nested too deeply to be weights")
        seen.add(id(value))  # what refers to itself, or many times to the same, is read once
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in pairs:
            yield from walk(item, (*path, *split(str(key)[:200])), depth + 1)

    yield from walk(value, path, 0)
