"""What cuts the crops that R-Net and O-Net see: a compiled program, or else NumPy."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.kernels import presence
from mtcnn_core.kernels.places import between

_COLOURS = 3

Floats = NDArray[np.float32]


class Cutting(Protocol):
    """A way of cutting square crops out of images: bilinear, black outside."""

    def prepare(self, side: int) -> None:
        """Makes what cuts crops of that side, so that the first photo need not wait for it."""

    def image(self, pixels: NDArray[np.uint8]) -> Any:
        """Returns an image that crops are cut from.

        Args:
            pixels: uint8 ``(h, w, 3)``.
        """

    def cut(
        self,
        images: Sequence[Any],
        index: NDArray[np.intp],
        first: NDArray[np.float64],
        step: NDArray[np.float64],
        side: int,
    ) -> Floats:
        """Cuts crops out of images.

        Args:
            images: What :meth:`image` returns.
            index: ``(n,)`` the image of each crop.
            first: ``(n, 2)`` x, y of the centre of its first pixel, counted from that of the
                image's.
            step: ``(n, 2)`` from one of its pixels to the next.
            side: Side of the crops.

        Returns:
            float32 ``(n, side, side, 3)``, 0 to 255.
        """


@functools.cache
def cutting() -> Cutting:
    """Returns what cuts crops here: the compiled program wherever one can be compiled."""
    return PlainCutting() if presence.problem() else CompiledCutting()


class CompiledCutting:
    """The program of :mod:`mtcnn_core.kernels.cutting`."""

    def __init__(self) -> None:
        from mtcnn_core.kernels import cutting as kernel  # which imports llvmlite

        self.image = kernel.Image
        self.cut = kernel.cut
        self._program = kernel.cutter

    def prepare(self, side: int) -> None:
        """Compiles the program for crops of that side."""
        self._program(side)


class PlainCutting:
    """NumPy. Values differ from the compiled program's by rounding, less than 1e-3 of 255.

    Crops of 48 pixels take some 20 times as long.
    """

    def prepare(self, side: int) -> None:
        """Does nothing: NumPy is ready for crops of any side."""

    def image(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the pixels themselves."""
        return pixels

    def cut(
        self,
        images: Sequence[NDArray[np.uint8]],
        index: NDArray[np.intp],
        first: NDArray[np.float64],
        step: NDArray[np.float64],
        side: int,
    ) -> Floats:
        """Cuts crops out of images; see :class:`Cutting`."""
        sizes = np.array([image.shape[1::-1] for image in images]).reshape(-1, 2)[index]
        pixels, weights = between(sizes, first, step, side)
        crops = np.empty((len(index), side, side, _COLOURS), np.float32)
        for number in np.unique(index):
            of_image = index == number
            crops[of_image] = _bilinear(images[number], pixels[of_image], weights[:, of_image])
        return crops


def _bilinear(image: NDArray[np.uint8], pixels: NDArray[np.int64], weights: Floats) -> Floats:
    """Crops of one image, from the pixels before each place and their weights."""
    height, width = image.shape[:2]
    columns, rows = pixels[:, 0], pixels[:, 1]
    right, below = np.minimum(columns + 1, width - 1), np.minimum(rows + 1, height - 1)

    def column(x: NDArray[np.int64]) -> Floats:
        upper, lower = (image[y[:, :, None], x[:, None, :]] for y in (rows, below))
        shares = weights[:, :, 1, :, None, None]
        blend: Floats = upper * shares[0] + lower * shares[1]
        return blend

    shares = weights[:, :, 0, None, :, None]
    crops: Floats = column(columns) * shares[0] + column(right) * shares[1]
    return crops
