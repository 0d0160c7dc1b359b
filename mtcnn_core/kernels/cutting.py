"""Square crops out of images, bilinear, black outside."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from mtcnn_core.kernels.compiler import Function, machine_code
from mtcnn_core.kernels.function_writer import BYTE, FunctionWriter
from mtcnn_core.kernels.places import between
from mtcnn_core.kernels.processor import Processor, this_processor

_COLOURS = 3
# Two pixels and two bytes more, which are read and have no weight.
_LANES = 8
_RUN = "run"

Floats = NDArray[np.float32]


class Image:
    """An image that crops are cut from.

    Args:
        pixels: uint8 ``(h, w, 3)``; the colours of a pixel and the pixels of a row lie side by
            side.

    Attributes:
        size: ``(width, height)``.
        addresses: Where the kernel finds the rows, the last row, and how many bytes and rows.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        height, width = pixels.shape[:2]
        if width * _COLOURS < _LANES:
            pixels = np.pad(pixels, ((0, 0), (0, _LANES), (0, 0)))
        # What is read after the other rows is the next one.
        if not pixels[0].flags.c_contiguous or pixels.strides[0] < width * _COLOURS:
            pixels = np.ascontiguousarray(pixels)
        self._pixels = pixels
        # The last row once more, so that what is read after its last pixel is there.
        self._last = np.append(pixels[-1].ravel(), np.zeros(_LANES, np.uint8))
        self.size = width, height
        self.addresses = (
            self._pixels.ctypes.data,
            self._last.ctypes.data,
            self._pixels.strides[0],
            height - 1,
        )


def cut(
    images: Sequence[Image],
    index: NDArray[np.intp],
    first: NDArray[np.float64],
    step: NDArray[np.float64],
    side: int,
) -> Floats:
    """Cuts crops out of images.

    Args:
        images: The images.
        index: ``(n,)`` the image of each crop.
        first: ``(n, 2)`` x, y of the centre of its first pixel, counted from that of the image's.
        step: ``(n, 2)`` from one of its pixels to the next.
        side: Side of the crops.

    Returns:
        float32 ``(n, side, side, 3)``, 0 to 255.
    """
    count = len(index)
    sizes = np.array([image.size for image in images]).reshape(-1, 2)[index]
    pixels, weights = between(sizes, first, step, side)
    table = np.array([image.addresses for image in images], np.int64)
    addresses = table.reshape(-1, 4)[index]
    crops = np.empty(count * side * side * _COLOURS + _LANES, np.float32)
    cutter(side)(
        crops.ctypes.data, addresses.ctypes.data, pixels.ctypes.data, weights.ctypes.data, count
    )
    return crops[:-_LANES].reshape(count, side, side, _COLOURS)


@functools.cache
def cutter(side: int) -> Function:
    """Returns what cuts crops of that side; made on first use."""
    processor = this_processor()
    code = machine_code(f"cut{side}", processor, lambda: write(processor, side))
    return code.function(_RUN, pointers=4, numbers=1)


def write(processor: Processor, side: int) -> str:
    """Writes ``run(crops, addresses, pixels, weights, count)`` in LLVM's language.

    Args:
        processor: What it is written for.
        side: Side of the crops.
    """
    module = ir.Module()
    code = FunctionWriter(
        module, _RUN, replace(processor, lanes=_LANES), pointers=4, numbers=1, public=True
    )
    crops, addresses, pixels, weights = code.pointers
    (count,) = code.numbers
    with code.loop(count) as crop:
        image = code.at(addresses, code.times(crop, 4), ir.IntType(64))
        rows, last = (code.load_pointer(image, i) for i in (0, 1))
        stride, last_row = (code.load_number(image, i) for i in (2, 3))
        x = code.times(crop, 2 * side)
        y = code.add(x, side)
        far = code.times(count, 2 * side)
        out = code.at(crops, code.times(crop, side * side * _COLOURS))
        with code.loop(side) as row:
            here = code.load_number(pixels, code.add(y, row))
            below = code.smaller(code.add(here, 1), last_row)
            seen = [
                code.either(each, last_row, last, code.at(rows, code.times(each, stride), BYTE))
                for each in (here, below)
            ]
            shares = [code.load_equal(weights, code.add(y, row, start)) for start in (0, far)]
            there = code.at(out, code.times(row, side * _COLOURS))
            with code.loop(side) as column:
                place = code.times(code.load_number(pixels, code.add(x, column)), _COLOURS)
                upper, lower = (code.load_bytes(code.at(each, place, BYTE)) for each in seen)
                pair = code.product_sum(lower, shares[1], code.product(upper, shares[0]))
                left, right = (
                    code.load_equal(weights, code.add(x, column, start)) for start in (0, far)
                )
                colour = code.product_sum(
                    code.moved(pair, _COLOURS), right, code.product(pair, left)
                )
                code.store(colour, there, code.times(column, _COLOURS))
    code.finished()
    return str(module)
