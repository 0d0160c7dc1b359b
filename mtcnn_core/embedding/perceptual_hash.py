"""Perceptual hashes of crops: near-duplicates differ in few bits."""

from __future__ import annotations

from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mtcnn_core.embedding.errors import EmbeddingError

_SIDE = 16
# The square that ImageHash takes frequencies of.
_PIXELS = 4 * _SIDE
HASH_BYTES = _SIDE * _SIDE // 8


def library() -> ModuleType:
    """ImageHash.

    Raises:
        EmbeddingError: It is not installed.
    """
    try:
        import imagehash
    except ModuleNotFoundError as error:
        raise EmbeddingError(
            "the package ImageHash is missing: install it with `pip install 'mtcnn-ray[embed]'`"
        ) from error
    module: ModuleType = imagehash
    return module


def perceptual_hash(crop: NDArray[np.uint8], axis: float | None = None) -> bytes:
    """Hashes a crop: which of its 16 x 16 lowest frequencies are above their median (ImageHash).

    Args:
        crop: uint8 ``(h, w, 3)`` RGB.
        axis: x of the line about which faces lie evenly, by default the middle. Columns that have
            none opposite are left out, so that a mirrored photo gives the mirrored crop: with
            dlib's template, which is a pixel beside the middle, 40 bits of its hash were others
            instead of 22 (the middle of 250 photos of LFW, 2026-12-01).

    Returns:
        256 bits, row by row, the highest bit of a byte first.
    """
    if axis is not None:
        half = min(axis, crop.shape[1] - axis)
        crop = crop[:, round(axis - half) : round(axis + half)]
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    # What ImageHash would do itself, in a third of the time.
    small = cv2.resize(grey, (_PIXELS, _PIXELS), interpolation=cv2.INTER_AREA)
    bits = library().phash(Image.fromarray(small), hash_size=_SIDE).hash
    return np.packbits(bits).tobytes()
