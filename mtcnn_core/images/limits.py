"""The limits on a picture's size, checked against its header."""

from PIL import ExifTags
from PIL.TiffImagePlugin import TiffImageFile

from mtcnn_core.images.errors import ImageHeader, ImageTooLarge, ImageTooSmall
from mtcnn_core.settings.images import ImageLimits


def check_size(header: ImageHeader, limits: ImageLimits) -> None:
    """Refuses a picture that is too large or too small.

    Raises:
        ImageTooLarge: Over `max_pixels`.
        ImageTooSmall: A side under `min_side`.
    """
    size = f"the image is {header.width}x{header.height}"
    if header.width * header.height > limits.max_pixels:
        raise ImageTooLarge(
            f"{size}; raise max_pixels ({limits.max_pixels}) or scale it down", header
        )
    if min(header.width, header.height) < limits.min_side:
        raise ImageTooSmall(f"{size}; lower min_side ({limits.min_side}) or leave it out", header)


def check_tile(file: TiffImageFile, header: ImageHeader, limits: ImageLimits) -> None:
    """Refuses a tile that is too large: it may be larger than its picture, and is decoded whole.

    Raises:
        ImageTooLarge: Over `max_pixels`.
    """
    width = file.tag_v2.get(ExifTags.Base.TileWidth, 1)
    height = file.tag_v2.get(ExifTags.Base.TileLength, 1)
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has tiles of {width}x{height}; raise max_pixels ({limits.max_pixels})"
            " or save it with smaller ones",
            header,
        )
