"""TIFF files whose first picture is the photo, in a layout that Pillow reads right."""

from __future__ import annotations

from contextlib import suppress

from PIL import ExifTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from mtcnn_core.images.errors import ImageTooLarge, UnsupportedImage

_Tag = ExifTags.Base
_SUBFILE_TYPE, _PLANAR, _SUB_IFDS, _DNG = 254, 284, 330, 50706
_REDUCED = 1  # "a reduced-resolution version of another image in this file"
_SEPARATE = 2
_UNCOMPRESSED = 1
_MOST_STRIPS = 100_000  # one a row in the highest of photos
_MOST_SUB_IFDS = 16
# Behind the eight bytes of TIFF: Canon's and Phase One's.
_RAW_MARKS = (b"CR", b"IIII", b"MMMM")
# Colour filter array and linear raw: one value a pixel, or of a sensor's own colours.
_SENSOR = frozenset({32803, 34892})
_NOT_READ = "this TIFF has {}, which is not read; convert it to 8-bit RGB"
_RAW = (
    "this is a camera's RAW file, in which only a preview could be read; convert it to JPEG or TIFF"
)


class TiffFile(TiffImageFile):
    """A TIFF as Pillow opens it, refused where Pillow would take something else for the photo.

    Raises:
        UnsupportedImage: A camera's RAW file, a first picture that is a thumbnail of another one,
            or a layout that Pillow does not know or gets wrong.
        ImageTooLarge: In absurdly many strips or tiles.
    """

    def _setup(self) -> None:
        tags = self.tag_v2
        # Pillow makes 250 bytes of the four that a strip or tile takes in the file.
        for tag in (_Tag.StripOffsets, _Tag.TileOffsets):
            offsets = tags.get(tag, ())
            if isinstance(offsets, tuple) and len(offsets) > _MOST_STRIPS:
                raise ImageTooLarge(
                    f"this TIFF has more than {_MOST_STRIPS} strips or tiles; convert it"
                )
        if self._is_raw() or self._is_thumbnail():
            raise UnsupportedImage(_RAW)
        layout = _layout(tags)
        if not _is_read_right(tags):
            raise UnsupportedImage(_NOT_READ.format(layout))
        try:
            super()._setup()
        except SyntaxError as error:
            if "unknown pixel mode" not in str(error):
                raise
            raise UnsupportedImage(_NOT_READ.format(layout)) from error

    def _is_raw(self) -> bool:
        assert self.fp is not None
        self.fp.seek(8)
        mark = self.fp.read(4)
        photometric = self.tag_v2.get(_Tag.PhotometricInterpretation)
        return mark.startswith(_RAW_MARKS) or _DNG in self.tag_v2 or photometric in _SENSOR

    def _is_thumbnail(self) -> bool:
        """Whether the first picture says so, or one below it is larger."""
        kind = self.tag_v2.get(_SUBFILE_TYPE, 0)
        if isinstance(kind, int) and kind & _REDUCED:
            return True
        below = self.tag_v2.get(_SUB_IFDS, ())
        offsets = below if isinstance(below, tuple) else (below,)
        return any(self._pixels_at(at) > _pixels(self.tag_v2) for at in offsets[:_MOST_SUB_IFDS])

    def _pixels_at(self, offset: int) -> int:
        """Pixels of a picture that another one names; 0 where there is none."""
        assert self.fp is not None
        self.fp.seek(0)
        tags = ImageFileDirectory_v2(self.fp.read(8))
        # What is damaged there is no reason not to read the first one.
        with suppress(Exception):
            self.fp.seek(offset)
            tags.load(self.fp)
        return _pixels(tags)


def _pixels(tags: ImageFileDirectory_v2) -> int:
    sides = tags.get(_Tag.ImageWidth), tags.get(_Tag.ImageLength)
    width, height = (side if isinstance(side, int) else 0 for side in sides)
    return width * height


def _samples(tags: ImageFileDirectory_v2) -> tuple[int, tuple[int, ...]]:
    """Samples a pixel, and the bits of each; as the standard has them where the file is silent."""
    bits = tags.get(_Tag.BitsPerSample, (1,))
    samples = tags.get(_Tag.SamplesPerPixel, 1)
    return samples, bits if isinstance(bits, tuple) else (bits,)


def _is_read_right(tags: ImageFileDirectory_v2) -> bool:
    """False where the samples lie in planes that Pillow 13 mixes up.

    Two of them, and, where it is not libtiff that reads them, all but three or four of 8 bits.
    """
    samples, bits = _samples(tags)
    if tags.get(_PLANAR) != _SEPARATE or samples == 1:
        return True
    by_libtiff = tags.get(_Tag.Compression, _UNCOMPRESSED) != _UNCOMPRESSED
    return samples > 2 and (by_libtiff or (set(bits) == {8} and samples <= 4))


def _layout(tags: ImageFileDirectory_v2) -> str:
    samples, bits = _samples(tags)
    planes = " in planes" if tags.get(_PLANAR) == _SEPARATE and samples != 1 else ""
    each = "/".join(str(bit) for bit in dict.fromkeys(bits))
    return f"{samples} samples of {each} bits{planes}"
