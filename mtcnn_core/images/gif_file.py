"""GIFs as Pillow reads them, within the limits while they are opened too."""

from dataclasses import replace
from io import BytesIO

from PIL.GifImagePlugin import GifImageFile

from mtcnn_core.images.errors import ImageHeader, ImageTooLarge
from mtcnn_core.images.limits import check_size
from mtcnn_core.settings.images import ImageLimits

_MOST_BLOCKS = 100_000  # of 255 bytes


class GifFile(GifImageFile):
    """A GIF whose canvas stays within the limits.

    Pillow allocates what a frame leaves behind as soon as it finds the frame, and a frame may
    enlarge the canvas; 4.8 kB took 275 MiB before anybody could ask for the size.

    Args:
        file: The file.
        limits: What its canvas is held to.
    """

    def __init__(self, file: BytesIO, limits: ImageLimits) -> None:
        # A canvas is too small only when the first frame has had its say.
        self._limits = replace(limits, min_side=1)
        self._canvas = (0, 0)
        self._blocks = 0
        super().__init__(file)

    @property
    def _size(self) -> tuple[int, int]:
        return self._canvas

    @_size.setter
    def _size(self, size: tuple[int, int]) -> None:
        if size[0] and size[1]:
            check_size(ImageHeader("GIF", *size, None), self._limits)
        self._canvas = size

    def _seek(self, frame: int, update_image: bool = True) -> None:
        self._blocks = 0
        super()._seek(frame, update_image)

    def data(self) -> bytes | None:
        """A block; called for those of comments and extensions, which Pillow keeps one by one."""
        self._blocks += 1
        if self._blocks > _MOST_BLOCKS:
            raise ImageTooLarge(
                f"this GIF has more than {_MOST_BLOCKS} blocks before its pixels; convert it"
            )
        return super().data()
