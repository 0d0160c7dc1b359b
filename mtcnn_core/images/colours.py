"""Pixels of any kind as 8-bit RGB. Colour profiles (ICC) are not applied."""

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from mtcnn_core.images.errors import ImageHeader, UnsupportedImage

_PLAIN_MODES = frozenset({"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"})


def to_rgb(image: Image.Image, header: ImageHeader) -> Image.Image:
    """Returns a loaded image in mode RGB: itself where it is.

    Transparency is laid over white, CMYK follows Adobe's inverted convention, 16-bit samples keep
    their high byte.

    Args:
        image: The image, its pixels loaded.
        header: Header of the image's file.

    Raises:
        UnsupportedImage: Float, LAB or 32-bit integer samples.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and header.format in ("PNG", "PPM")):
        return _high_byte(image).convert("RGB")
    if image.mode == "La":  # which Pillow converts to nothing but this
        image = image.convert("LA")
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
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
