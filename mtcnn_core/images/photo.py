"""Image files as oriented RGB pixels: bytes in, a `Photo` or one typed error out."""

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.images.errors import ImageError
from mtcnn_core.images.frames import SHRINKS, Frames, Photo
from mtcnn_core.settings.images import ImageLimits

__all__ = ["ImageError", "Photo", "decode", "largest_shrink", "read_photo"]

_LIMITS = ImageLimits()
_NO_MINIMUM = ImageLimits(min_side=1)


def read_photo(
    data: bytes, *, limits: ImageLimits = _LIMITS, name: str = "", shrink: int = 1
) -> Photo:
    """Decodes the first picture of a file, upright and in RGB.

    Transparency is laid over white, CMYK follows Adobe's inverted convention, 16-bit samples keep
    their high byte. Nothing is printed and no warning escapes. Safe to call from many threads.

    Args:
        data: The whole file.
        limits: Checked against the header, so the full size, before a pixel is decoded.
        name: Only its extension is used: bytes without a known signature are a damaged image when
            the name ends like one, and no image at all otherwise.
        shrink: 1, 2, 4 or 8: a JPEG is decoded at this fraction of its size, which takes less time
            and memory; each side then has `ceil(side / shrink)` pixels. One with a side shorter
            than `shrink` is shrunk less, every other format not at all.

    Raises:
        UndecodableImage: Damaged, cut off, or empty.
        UnsupportedImage: Not a format that is read here, or float, LAB or 32-bit integer samples.
        ImageTooLarge: Over `max_bytes` or `max_pixels`, or in absurdly many pieces (a JPEG of more
            than 100 scans, a PNG of more than 1,000 chunks, ...).
        ImageTooSmall: A side under `min_side`.
        MemoryError: The picture is within the limits and does not fit into memory.
        ValueError: `shrink` is another number.
    """
    return Frames(data, limits, name).read(shrink=shrink)


def decode(data: bytes, *, limits: ImageLimits = _NO_MINIMUM) -> NDArray[np.uint8]:
    """Decodes the first picture of a file: the pixels of `read_photo`, with no minimum size.

    Returns:
        `(h, w, 3)` uint8 RGB, C-contiguous, writable, upright.

    Raises:
        ImageError: One of its four kinds, as for `read_photo`.
    """
    return read_photo(data, limits=limits).pixels


def largest_shrink(min_face: float, needed: float) -> int:
    """Tells how far a photo can be shrunk for the faces wanted in it.

    Args:
        min_face: Side of the smallest face wanted, in pixels of the full photo.
        needed: Pixels that its side must still have in the shrunk one.

    Returns:
        1, 2, 4 or 8, for `read_photo`; 1 also where the face is too small in the full photo.
    """
    return max(shrink for shrink in SHRINKS if shrink == 1 or min_face >= needed * shrink)
