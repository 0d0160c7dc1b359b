"""Image files as oriented RGB pixels: bytes in, a `Photo` or one typed error out."""

import re
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from mtcnn_core.images.colours import to_rgb
from mtcnn_core.images.errors import (
    ImageError,
    ImageHeader,
    ImageTooLarge,
    UndecodableImage,
    UnsupportedImage,
)
from mtcnn_core.images.formats import check_raw, reader, recognise
from mtcnn_core.images.headers import read_header
from mtcnn_core.images.limits import check_size, check_tile
from mtcnn_core.images.pieces import check_pieces
from mtcnn_core.images.pixels import rgb_pixels
from mtcnn_core.images.quiet_pillow import quiet_pillow, silence_libtiff
from mtcnn_core.images.tiff_pages import open_page, read_pages
from mtcnn_core.settings.images import ImageLimits

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SHRINKS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Photo:
    """A decoded picture.

    Attributes:
        pixels: `(h, w, 3)` uint8 RGB, C-contiguous, writable, upright (orientation applied). They
            cover the picture exactly, edge to edge, however many they are.
        header: Its size is the picture's in full: that of `pixels` unless it was read with
            `shrink`.
    """

    pixels: NDArray[np.uint8]
    header: ImageHeader


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
    if shrink not in _SHRINKS:
        raise ValueError(f"shrink is one of {_SHRINKS}, not {shrink}")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"the file has {len(data)} bytes; raise max_bytes ({limits.max_bytes}) or shrink it"
        )
    file_format = recognise(data, name)
    open_file = reader(file_format, limits)
    check_pieces(data, file_format)
    header: ImageHeader | None = None
    try:
        with quiet_pillow:
            file = open_file(_picture(data, file_format, name))
            header = read_header(file, file_format)
            check_size(header, limits)
            if isinstance(file, TiffImageFile):
                check_tile(file, header, limits)
            image = _load(file, shrink)
            if isinstance(file, PngImageFile):  # its EXIF may come after the pixels
                header = read_header(file, file_format)
            upright = to_rgb(image, header)
            # Pillow turns a TIFF while loading it.
            if header.orientation in _UPRIGHT and file_format != "TIFF":
                upright = upright.transpose(_UPRIGHT[header.orientation])
            return Photo(rgb_pixels(upright), header)
    except (MemoryError, ImageError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(
            f"this {file_format} has more pixels than Pillow's limit; scale it down", header
        ) from error
    # Broad because Pillow's readers trust their input: damaged bytes come out as whatever the
    # parsing code tripped over (OSError, SyntaxError, struct.error, KeyError, zlib.error, ...).
    except Exception as error:
        raise UndecodableImage(
            f"this {file_format} cannot be decoded ({_reason(error)});"
            " fetch it again, convert it or leave it out",
            header,
        ) from error


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
    return max(shrink for shrink in _SHRINKS if shrink == 1 or min_face >= needed * shrink)


def _picture(data: bytes, file_format: str, name: str) -> BytesIO:
    """The file with its photo first: a TIFF may begin with a preview."""
    if file_format != "TIFF":
        return BytesIO(data)
    silence_libtiff()
    if data.startswith(b"MM\0+"):  # which Pillow takes for one with small offsets
        raise UnsupportedImage("this is a big-endian BigTIFF, which is not read here; convert it")
    pages = read_pages(data)
    check_raw(pages, name)
    return open_page(data, pages.photos[0]) if pages.photos else BytesIO(data)


def _load(file: ImageFile, shrink: int) -> Image.Image:
    """Decodes, a JPEG through its scaled inverse DCT: 12 megapixels in 68, 32, 23, 19 ms.

    The last scaled column or row may lie partly outside the picture. What is inside is stretched
    to the whole size, or every coordinate would be up to a pixel off: in 90 faces of WIDER at 1/4
    the landmarks then were 0.007 to 0.012 of the face's width farther from those at full size.
    """
    if shrink == 1:
        file.load()
        return file
    # Rounded down, as Pillow takes the strongest scale that leaves at least this size.
    least = (max(1, file.width // shrink), max(1, file.height // shrink))
    drafted = file.draft(None, least)  # does nothing in other formats
    file.load()
    if drafted is None:
        return file
    inside = drafted[1]
    if inside[2:] == file.size:
        return file
    return file.resize(file.size, Image.Resampling.BICUBIC, box=inside)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return re.sub(r" (object )?at 0x[0-9a-fA-F]+", "", text)[:200]
