"""TIFF files as Pillow reads them, where it reads them right."""

from typing import cast

from PIL import ExifTags
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile

from mtcnn_core.images.errors import ImageTooLarge, UnsupportedImage

_MOST_STRIPS = 100_000  # one a row in the highest of photos
_TAGS = ExifTags.Base
_COMPRESSION = int(_TAGS.Compression)
_UNCOMPRESSED, _DEFLATE = 1, 8
_JPEGS = (6, 7)  # libjpeg reads them, colours included
_PLANES, _LOWEST_BIT_FIRST, _SIGNED = 2, 2, 2
_YCBCR = 6
_COLOURS = {2: 3, 5: 4, _YCBCR: 3, 8: 3}  # RGB, CMYK, YCbCr, LAB; others have one


class TiffFile(TiffImageFile):
    """A TIFF whose samples come out as they are, or that is refused."""

    def _setup(self) -> None:
        # Pillow makes 250 bytes of the four that a strip or tile takes in the file.
        for tag in (_TAGS.StripOffsets, _TAGS.TileOffsets):
            offsets = self.tag_v2.get(tag, ())
            if isinstance(offsets, tuple) and len(offsets) > _MOST_STRIPS:
                raise ImageTooLarge(
                    f"this TIFF has more than {_MOST_STRIPS} strips or tiles; convert it"
                )
        self._check_samples()
        if self._first(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED and self._needs_libtiff():
            self.tag_v2[_COMPRESSION] = _DEFLATE  # for Pillow only: libtiff goes by the file
        try:
            super()._setup()
        except SyntaxError as error:
            if "pixel mode" not in str(error):
                raise
            raise UnsupportedImage(
                "this TIFF has a kind of pixels that is not read here; convert it to 8-bit RGB"
            ) from error

    def _needs_libtiff(self) -> bool:
        """Whether Pillow's own reader of what is not compressed mistakes the samples."""
        return (
            self._first(_TAGS.PlanarConfiguration, 1) == _PLANES
            or self._first(_TAGS.FillOrder, 1) == _LOWEST_BIT_FIRST
            or self._subsampling != (1, 1)
        )

    def _check_samples(self) -> None:
        """Refuses what libtiff mistakes, or Pillow without it being damaged."""
        compression = self._first(_COMPRESSION, _UNCOMPRESSED)
        if compression not in COMPRESSION_INFO:
            raise UnsupportedImage(
                f"this TIFF is compressed in a way that is not read here ({compression});"
                " convert it"
            )
        bits = self._first(_TAGS.BitsPerSample, 1)
        if bits == 8 and self._first(_TAGS.SampleFormat, 1) == _SIGNED:
            raise UnsupportedImage(
                "signed pixels have no agreed look; convert the TIFF to 8-bit RGB"
            )
        if compression not in _JPEGS and self._subsampling[1:] == (4,):
            raise UnsupportedImage(
                "this TIFF has one colour for four rows, which is not read here; convert it to"
                " 8-bit RGB"
            )
        if self._first(_TAGS.PlanarConfiguration, 1) != _PLANES:
            return
        # libtiff is asked for one plane a colour, and for one more in RGB.
        extras = cast("tuple[int, ...]", self.tag_v2.get(_TAGS.ExtraSamples, ()))
        colours = _COLOURS.get(self._first(_TAGS.PhotometricInterpretation, 0), 1)
        if any(extras) and (colours != 3 or len(extras) > 1):
            raise UnsupportedImage(
                "this TIFF keeps transparency in a plane of its own, which is not read here;"
                " convert it to 8-bit RGB"
            )

    @property
    def _subsampling(self) -> tuple[int, ...]:
        """Columns and rows that have one colour together."""
        if self._first(_TAGS.PhotometricInterpretation, 0) != _YCBCR:
            return (1, 1)
        return cast("tuple[int, ...]", self.tag_v2.get(_TAGS.YCbCrSubSampling, (2, 2)))

    def _first(self, tag: int, default: int) -> int:
        value = self.tag_v2.get(tag, default)
        value = value[0] if isinstance(value, tuple) and value else value
        return value if isinstance(value, int) else default
