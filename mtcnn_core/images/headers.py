"""The displayed size and the orientation of an open image file."""

from PIL import ExifTags
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from mtcnn_core.images.errors import ImageHeader

_HEX_EXIF, _MOST_HEX = "Raw profile type exif", 1 << 20


def read_header(image: ImageFile, file_format: str, frames: int | None) -> ImageHeader:
    """Reads the header without decoding a pixel.

    A PNG may hold its orientation after its pixels: ask again when they are loaded.

    Args:
        image: As its reader opened it; the size is the file's, not that of a draft.
        file_format: See `mtcnn_core.images.formats.recognise`.
        frames: See `mtcnn_core.images.frame_count.count_frames`.
    """
    width, height = image.size
    if isinstance(image, TiffImageFile):  # later Pillows have the displayed size in image.size
        tags = image.tag_v2
        width, height = tags[ExifTags.Base.ImageWidth], tags[ExifTags.Base.ImageLength]
    orientation = _orientation(image)
    if orientation is not None and orientation >= 5:
        width, height = height, width
    return ImageHeader(file_format, width, height, orientation, frames)


def _orientation(image: ImageFile) -> int | None:
    if isinstance(image, PngImageFile) and image.tile:
        return None  # asking a PNG for its EXIF decodes it
    if len(image.info.get(_HEX_EXIF, "")) > _MOST_HEX:
        return None  # Pillow takes 27 times its memory to read it
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except MemoryError:
        raise
    except Exception:  # a broken EXIF block, in as many ways as a broken image, is no orientation
        return None
    return value if isinstance(value, int) and 1 <= value <= 8 else None
