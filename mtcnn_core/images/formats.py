"""Which image formats are read, how their files begin, and what reads them.

An allow-list: JPEG (MPO included: its first picture), PNG, WEBP, GIF, BMP, TIFF, PPM/PGM/PBM,
JPEG2000, and AVIF where Pillow has it. Left out on purpose: EPS and PDF (reading them runs a
program), ICO (it nests whole files of other sizes than it declares), TGA and headerless DIB (no
signature, so any bytes could be one), PPM written in decimal digits (P1 to P3: no photo is, and
10 MB of its comments keep Pillow busy for over a minute).
"""

import re
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import cast

from PIL import features
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.WebPImagePlugin import WebPImageFile

from mtcnn_core.images.errors import UndecodableImage, UnsupportedImage
from mtcnn_core.images.gif_file import GifFile
from mtcnn_core.images.tiff_file import TiffFile
from mtcnn_core.images.tiff_pages import Pages
from mtcnn_core.settings.images import ImageLimits

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "PPM": rb"P[4-6]\s",
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
# Cameras' own formats that are no TIFF: Canon, Fujifilm, Minolta, Olympus, Panasonic, Sigma.
_RAW = re.compile(
    rb"II\x1a\0\0\0HEAPCCDR|.{4}ftypcrx |FUJIFILMCCD-RAW|\0MRM|II(?:RO|RS)|MMOR|IIU\0|FOVb",
    re.DOTALL,
)
# Of those that are.
_RAW_EXTENSION = re.compile(
    r"\.(3fr|arw|cr2|dcr|dng|erf|fff|iiq|k25|kdc|mef|mos|nef|nrw|pef|ptx|rwl|sr2|srf|srw)"
)


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
    "BMP": BmpImageFile,
    "TIFF": TiffFile,
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


def recognise(data: bytes, name: str = "") -> str:
    """Tells the format from a file's first bytes.

    Args:
        data: The file, or at least its beginning.
        name: Only its extension is used: bytes without a known signature are a damaged image when
            the name ends like one, and no image at all otherwise.

    Returns:
        One of `JPEG`, `PNG`, `WEBP`, `GIF`, `BMP`, `TIFF`, `PPM`, `JPEG2000`, `AVIF`.

    Raises:
        UndecodableImage: Empty, or named like an image that it is not.
        UnsupportedImage: Not a format that is read here.
    """
    match = _SIGNATURE.match(data)
    if match is not None:
        return cast(str, match.lastgroup)
    if _RAW.match(data):
        raise raw_photo()
    if not data:
        raise UndecodableImage("the file is empty; fetch it again or leave it out")
    extension = PurePosixPath(name).suffix.lower()
    if _EXTENSION.fullmatch(extension):
        raise UndecodableImage(
            f"the name ends in {extension} but the bytes begin like none of {_FORMATS};"
            " fetch the file again or leave it out"
        )
    raise UnsupportedImage(f"not a format that is read here; convert it to one of {_FORMATS}")


def check_raw(pages: Pages, name: str) -> None:
    """Refuses a camera's raw photo within a TIFF: what can be read of it is a preview.

    Args:
        pages: What the TIFF holds.
        name: Only its extension is used: where it is a raw photo's, a TIFF that does not say of
            its first picture that it is a preview may not know.

    Raises:
        UnsupportedImage: It is one.
    """
    is_named_so = _RAW_EXTENSION.fullmatch(PurePosixPath(name).suffix.lower()) is not None
    if pages.is_raw or (is_named_so and not pages.has_preview):
        raise raw_photo()


def raw_photo() -> UnsupportedImage:
    """What is said of a camera's raw photo."""
    return UnsupportedImage(
        "this is a camera's RAW photo, whose pixels are not read here; develop it to JPEG or TIFF"
    )


def reader(file_format: str, limits: ImageLimits) -> Callable[[BytesIO], ImageFile]:
    """Returns what opens a file of a format; it reads the header and no pixels.

    Args:
        file_format: See `recognise`.
        limits: What a GIF is held to while it is opened.

    Raises:
        UnsupportedImage: This Pillow was built without the format.
    """
    if file_format == "GIF":
        return partial(GifFile, limits=limits)
    if file_format not in _READERS:
        raise UnsupportedImage(f"install a Pillow built with {file_format} to read this image")
    return _READERS[file_format]
