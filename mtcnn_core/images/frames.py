"""The pictures of an image file, decoded one at a time: a `Photo` each, or one typed error."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
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
from mtcnn_core.images.frame_count import count_frames
from mtcnn_core.images.headers import read_header
from mtcnn_core.images.limits import check_size, check_tile
from mtcnn_core.images.pieces import check_pieces
from mtcnn_core.images.pixels import rgb_pixels
from mtcnn_core.images.quiet_pillow import quiet_pillow, silence_libtiff
from mtcnn_core.images.tiff_pages import Pages, open_page, read_pages
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
SHRINKS = (1, 2, 4, 8)


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


class Frames:
    """The pictures of one file: the frames of an animation, the pages of a TIFF, or one.

    Nothing is printed and no warning escapes. In memory are the file and the picture in hand. Read
    in order each costs its own decoding; a frame of an animation builds on those before it.

    Args:
        data: The whole file.
        limits: Checked against the header, so the full size, before a pixel is decoded.
        name: Only its extension is used: bytes without a known signature are a damaged image when
            the name ends like one, and no image at all otherwise.
    """

    def __init__(self, data: bytes, limits: ImageLimits, name: str = "") -> None:
        self._data = data
        self._limits = limits
        self._name = name
        self._file: ImageFile | None = None
        self._at = 0
        self._failed: tuple[int, ImageError] | None = None

    @cached_property
    def count(self) -> int | None:
        """How many there are, told without decoding; None where that is not known."""
        if self._pages is not None:
            return self._pages.count
        try:
            return count_frames(self._data, self._format)
        except ImageError:
            return None

    def read(self, frame: int = 0, shrink: int = 1) -> Photo:
        """Decodes one of them, upright and in RGB; see `mtcnn_core.images.photo.read_photo`.

        Args:
            frame: Which, from 0.
            shrink: As for `read_photo`.

        Raises:
            ImageError: One of its four kinds. In an animation those after it are then the same.
            MemoryError: The picture is within the limits and does not fit into memory.
            ValueError: `shrink` is another number.
        """
        if shrink not in SHRINKS:
            raise ValueError(f"shrink is one of {SHRINKS}, not {shrink}")
        if self._failed and frame > self._failed[0]:
            before = self._failed[1]
            raise type(before)(str(before), before.header)
        try:
            return self._read(frame, shrink)
        except ImageError as error:
            if error.header is not None:
                error.header = replace(error.header, frames=self.count)
            if self._pages is None:
                self._failed = frame, error.with_traceback(None)
            raise

    @cached_property
    def _format(self) -> str:
        return recognise(self._data, self._name)

    @cached_property
    def _pages(self) -> Pages | None:
        """Those of a TIFF."""
        is_tiff = self._data[:4] in (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+")
        return read_pages(self._data) if is_tiff else None

    def _read(self, frame: int, shrink: int) -> Photo:
        data, limits = self._data, self._limits
        if len(data) > limits.max_bytes:
            raise ImageTooLarge(
                f"the file has {len(data)} bytes; raise max_bytes ({limits.max_bytes}) or shrink it"
            )
        file_format = self._format
        open_file = reader(file_format, limits)
        header: ImageHeader | None = None
        try:
            with quiet_pillow:
                file = self._file
                if file is None or self._pages is not None or frame <= self._at:
                    check_pieces(data, file_format)
                    file = open_file(self._picture(frame))
                    header = self._header(file)
                    self._file, self._at = file, 0
                if frame and self._pages is None:
                    file.seek(frame)
                    self._at = frame
                    header = self._header(file)
                image = _load(file, shrink)
                if isinstance(file, PngImageFile):  # its EXIF may come after the pixels
                    header = read_header(file, file_format, self.count)
                assert header is not None
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

    def _header(self, file: ImageFile) -> ImageHeader:
        """What a file says of the picture it is at, if that is within the limits."""
        header = read_header(file, self._format, self.count)
        check_size(header, self._limits)
        if isinstance(file, TiffImageFile):
            check_tile(file, header, self._limits)
        return header

    def _picture(self, frame: int) -> BytesIO:
        """The file as its reader is to see it, of a TIFF with a page first."""
        pages = self._pages
        if pages is None:
            return BytesIO(self._data)
        silence_libtiff()
        if self._data.startswith(b"MM\0+"):  # which Pillow takes for one with small offsets
            raise UnsupportedImage(
                "this is a big-endian BigTIFF, which is not read here; convert it"
            )
        check_raw(pages, self._name)
        return open_page(self._data, pages.photos[frame]) if pages.photos else BytesIO(self._data)


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
