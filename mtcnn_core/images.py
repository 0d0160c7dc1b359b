"""Image files as oriented RGB pixels: bytes in, a `Photo` or one typed error out.

A file's first bytes decide what reads it, from an allow-list: JPEG (MPO included: its first
picture), PNG, WEBP, GIF, BMP, TIFF, PPM/PGM/PBM, JPEG2000, and AVIF where Pillow has it.
Left out on purpose: EPS and PDF (reading them runs a program), ICO (it nests whole files of other
sizes than it declares), TGA and headerless DIB (no signature, so any bytes could be one).
Colour profiles (ICC) are not applied.
"""

import ctypes
import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import PurePosixPath
from threading import Lock
from types import TracebackType
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, _imaging, features
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pydantic import ConfigDict, PositiveInt
from pydantic.dataclasses import dataclass as validated

__all__ = [
    "ImageError",
    "ImageHeader",
    "ImageLimits",
    "ImageTooLarge",
    "ImageTooSmall",
    "Photo",
    "UndecodableImage",
    "UnsupportedImage",
    "decode",
    "read_photo",
]


class _JpegFile(JpegImageFile):
    def _open(self) -> None:
        # With a resolution known, Pillow does not look for one in EXIF, where damage ends the read.
        self.info["dpi"] = (72, 72)
        super()._open()


# Readers are called directly, not through Image.open: its pixel limit is a process-wide setting.
# The JPEG reader reads MPO too, without its index, which is often broken while the JPEG is fine.
_READERS: dict[str, Callable[[BytesIO], ImageFile]] = {
    "JPEG": _JpegFile,
    "PNG": PngImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "PPM": PpmImageFile,
}
if features.check("webp"):
    _READERS["WEBP"] = WebPImageFile
if features.check("jpg_2000"):
    _READERS["JPEG2000"] = Jpeg2KImageFile
try:
    from PIL.AvifImagePlugin import AvifImageFile
except ImportError:  # Pillow before 11.3
    pass
else:
    if features.check("avif"):
        _READERS["AVIF"] = AvifImageFile

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "PPM": rb"P[1-6]\s",
    "JPEG2000": rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n",
    # The brand, or among the compatible brands of a file whose main one is generic (mif1).
    "AVIF": rb"....ftyp(.{4}){0,12}?avi[fs]",
}
_SIGNATURE = re.compile(
    b"|".join(b"(?P<%s>%s)" % (name.encode(), each) for name, each in _SIGNATURES.items()),
    re.DOTALL,
)
_EXTENSION = re.compile(
    r"\.(jpe?g|jpe|jfif|mpo|a?png|webp|gif|bmp|dib|tiff?|p[pgbn]m|jp2|j2[kc]|jp[cx]|avifs?)"
)
_FORMATS = ", ".join(_SIGNATURES)

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_STRIP_BYTES = 1 << 20
_PLAIN_MODES = frozenset({"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"})

# Pillow reports some damage to a logger that prints to stderr where nobody has configured logging.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class ImageHeader:
    """What a file says about its picture before a pixel is decoded.

    Attributes:
        format: One of the names in the module's list, as in `JPEG`; MPO files are `JPEG`.
        width: Pixels, as displayed: after the orientation has been applied.
        height: Pixels, as displayed.
        orientation: EXIF value 1..8 (or XMP's, where EXIF has none); None when absent or invalid.
    """

    format: str
    width: int
    height: int
    orientation: int | None


class ImageError(ValueError):
    """One image could not be used; `str()` is one sentence, the same for the same bytes.

    Attributes:
        status: The image's status in the `images` table.
        header: What could be read of the header, None where it could not.
    """

    status: ClassVar[str]

    def __init__(self, message: str, header: ImageHeader | None = None) -> None:
        """Keeps the sentence and what is known of the image."""
        super().__init__(message)
        self.header = header


class UndecodableImage(ImageError):
    """The bytes claim to be an image that is read here, and are damaged, cut off or empty."""

    status: ClassVar[str] = "undecodable"


class UnsupportedImage(ImageError):
    """Not a format that is read here, or a kind of pixel without an agreed look (float, LAB)."""

    status: ClassVar[str] = "unsupported"


class ImageTooLarge(ImageError):
    """More bytes or pixels than the limits allow."""

    status: ClassVar[str] = "too_large"


class ImageTooSmall(ImageError):
    """A side shorter than the limits allow."""

    status: ClassVar[str] = "too_small"


@validated(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ImageLimits:
    """What is refused from the header, before a pixel is decoded.

    Attributes:
        max_pixels: Width times height. Decoding needs about 7 bytes a pixel. In GIF, WEBP and tiled
            TIFF Pillow's own limit (179 million unless it is changed there) holds as well.
        max_bytes: Length of the file.
        min_side: Pixels; the default is one cell of the proposal network.
    """

    max_pixels: PositiveInt = 200_000_000
    max_bytes: PositiveInt = 500_000_000
    min_side: PositiveInt = 12


@dataclass(frozen=True)
class Photo:
    """A decoded picture.

    Attributes:
        pixels: `(h, w, 3)` uint8 RGB, C-contiguous, writable, upright (orientation applied).
        header: Its size here equals that of `pixels`.
    """

    pixels: NDArray[np.uint8]
    header: ImageHeader


_LIMITS = ImageLimits()
_NO_MINIMUM = ImageLimits(min_side=1)


def read_photo(data: bytes, *, limits: ImageLimits = _LIMITS, name: str = "") -> Photo:
    """Decodes the first picture of a file, upright and in RGB.

    Transparency is laid over white, CMYK follows Adobe's inverted convention, 16-bit samples keep
    their high byte. Nothing is printed and no warning escapes. Safe to call from many threads.

    Args:
        data: The whole file.
        limits: Checked against the header before a pixel is decoded.
        name: Only its extension is used: bytes without a known signature are a damaged image when
            the name ends like one, and no image at all otherwise.

    Raises:
        UndecodableImage: Damaged, cut off, or empty.
        UnsupportedImage: Not a format that is read here, or float, LAB or 32-bit integer samples.
        ImageTooLarge: Over `max_bytes` or `max_pixels`.
        ImageTooSmall: A side under `min_side`.
        MemoryError: The picture is within the limits and does not fit into memory.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"the file has {len(data)} bytes; raise max_bytes ({limits.max_bytes}) or shrink it"
        )
    file_format = _file_format(data, name)
    if file_format not in _READERS:
        raise UnsupportedImage(f"install a Pillow built with {file_format} to read this image")
    header: ImageHeader | None = None
    try:
        with _quiet_pillow:
            if file_format == "TIFF":
                _silence_libtiff()
            image = _READERS[file_format](BytesIO(data))
            header = _header(image, file_format)
            _check_limits(header, limits)
            image.load()
            if isinstance(image, PngImageFile):  # its EXIF may come after the pixels
                header = _header(image, file_format)
            upright = _rgb(image, header)
            # Pillow turns a TIFF while loading it.
            if header.orientation in _UPRIGHT and file_format != "TIFF":
                upright = upright.transpose(_UPRIGHT[header.orientation])
            return Photo(_pixels(upright), header)
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


def _file_format(data: bytes, name: str) -> str:
    match = _SIGNATURE.match(data)
    if match is not None:
        return cast(str, match.lastgroup)
    if not data:
        raise UndecodableImage("the file is empty; fetch it again or leave it out")
    extension = PurePosixPath(name).suffix.lower()
    if _EXTENSION.fullmatch(extension):
        raise UndecodableImage(
            f"the name ends in {extension} but the bytes begin like none of {_FORMATS};"
            " fetch the file again or leave it out"
        )
    raise UnsupportedImage(f"not a format that is read here; convert it to one of {_FORMATS}")


def _header(image: ImageFile, file_format: str) -> ImageHeader:
    width, height = image.size
    if isinstance(image, TiffImageFile):  # later Pillows have the displayed size in image.size
        tags = image.tag_v2
        width, height = tags[ExifTags.Base.ImageWidth], tags[ExifTags.Base.ImageLength]
    orientation = _orientation(image)
    if orientation is not None and orientation >= 5:
        width, height = height, width
    return ImageHeader(file_format, width, height, orientation)


def _orientation(image: ImageFile) -> int | None:
    if isinstance(image, PngImageFile) and image.tile:
        return None  # asking a PNG for its EXIF decodes it
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except MemoryError:
        raise
    except Exception:  # a broken EXIF block, in as many ways as a broken image, is no orientation
        return None
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def _check_limits(header: ImageHeader, limits: ImageLimits) -> None:
    size = f"the image is {header.width}x{header.height}"
    if header.width * header.height > limits.max_pixels:
        raise ImageTooLarge(
            f"{size}; raise max_pixels ({limits.max_pixels}) or scale it down", header
        )
    if min(header.width, header.height) < limits.min_side:
        raise ImageTooSmall(f"{size}; lower min_side ({limits.min_side}) or leave it out", header)


def _rgb(image: Image.Image, header: ImageHeader) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and header.format in ("PNG", "PPM")):
        return _high_byte(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGB", layer.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    if image.mode not in _PLAIN_MODES:
        raise UnsupportedImage(
            f"{image.mode} pixels have no agreed look; convert the {header.format} to 8-bit RGB",
            header,
        )
    return image if image.mode == "RGB" else image.convert("RGB")


def _high_byte(image: Image.Image) -> Image.Image:
    """Reduces 16-bit grey as Pillow reduces 16-bit RGB; its own conversion would clip."""
    values = np.asarray(image)
    bits, white_is_zero = 16, False
    if isinstance(image, TiffImageFile):  # 12 bits come unscaled, negatives as they are
        bits = image.tag_v2[ExifTags.Base.BitsPerSample][0]
        white_is_zero = image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
    grey = (values >> (bits - 8)).astype(np.uint8)
    if white_is_zero:
        grey = 255 - grey
    if "transparency" in image.info:
        grey[values == image.info["transparency"]] = 255
    return Image.fromarray(grey)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Copies in strips that stay in the cache: 10 % faster than one copy, and half its memory."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_BYTES // (3 * width))
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return re.sub(r" (object )?at 0x[0-9a-fA-F]+", "", text)[:200]


@cache
def _silence_libtiff() -> None:
    """Stops libtiff printing errors to stderr, as Pillow itself stops it printing warnings."""
    set_handler = getattr(ctypes.CDLL(_imaging.__file__), "TIFFSetErrorHandler", None)
    if set_handler is not None:  # absent where Pillow was linked statically
        set_handler.restype = ctypes.c_void_p
        set_handler(None)


class _QuietPillow:
    """Drops Pillow's warnings while at least one thread is inside.

    `warnings.catch_warnings` is not for threads: one that leaves late undoes what others have set.
    This adds one entry to the filters and takes only that one away.
    """

    _entry = ("ignore", None, Warning, re.compile(r"PIL\."), 0)

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0

    def __enter__(self) -> None:
        filters = cast("list[object]", warnings.filters)
        with self._lock:
            self._inside += 1
            if filters[:1] != [self._entry]:
                filters.insert(0, self._entry)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        filters = cast("list[object]", warnings.filters)
        with self._lock:
            self._inside -= 1
            while not self._inside and self._entry in filters:
                filters.remove(self._entry)


_quiet_pillow = _QuietPillow()
