"""Which image files are refused before they are decoded."""

from __future__ import annotations

from pydantic import ConfigDict, PositiveInt
from pydantic.dataclasses import dataclass as validated


@validated(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ImageLimits:
    """What is refused from the header, before a pixel is decoded.

    Attributes:
        max_pixels: Width times height, also of a single tile of a TIFF. Decoding needs 7 bytes a
            pixel, up to 16 where the picture is transparent, progressive or WEBP. In GIF, WEBP and
            TIFF Pillow's own limit (179 million unless it is changed there) holds as well.
        max_bytes: Length of the file.
        min_side: Pixels; the default is one cell of the proposal network.
    """

    max_pixels: PositiveInt = 200_000_000
    max_bytes: PositiveInt = 500_000_000
    min_side: PositiveInt = 12
