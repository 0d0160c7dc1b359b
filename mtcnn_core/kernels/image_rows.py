"""Kernels that make a row of pixels from rows of pixels: normalising, convolving, pooling.

A pixel is its channels, one after the other, filled up with zeros to whole vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from mtcnn_core.kernels.blocks import Block
from mtcnn_core.kernels.filters import each_vector
from mtcnn_core.kernels.function_writer import BYTE, FunctionWriter
from mtcnn_core.kernels.processor import Processor


def write_normalise(
    module: ir.Module, name: str, processor: Processor, *, uint8: bool
) -> ir.Function:
    """Writes ``(pixels, out, count)``: count numbers, at least a vector, ``(x - 127.5) / 128``."""
    code = FunctionWriter(module, name, processor, pointers=2, numbers=1)
    (pixels, out), (count,) = code.pointers, code.numbers
    last = code.add(count, -code.lanes)
    with code.loop(count, code.lanes) as start:
        # The last vector overlaps the one before, so that nothing beyond the pixels is read.
        index = code.smaller(start, last)
        x = code.load_bytes(code.at(pixels, index, BYTE)) if uint8 else code.load(pixels, index)
        scaled = code.product_sum(x, code.constant(1 / 128), code.constant(-127.5 / 128))
        code.store(scaled, out, index)
    return code.finished()


def write_convolution(
    module: ir.Module,
    name: str,
    processor: Processor,
    block: Block,
    tile: Sequence[tuple[int, int]],
) -> ir.Function:
    """Writes ``(rows..., block, out, count)``: a convolution and its PReLU, a tile at a time.

    The kernel's rows are given one by one, so that they may lie anywhere. Each tile begins as many
    pixels after the one before as it has, in the input and in the output; the last one may reach
    beyond count.

    Args:
        module: Where it belongs.
        name: Name of the function.
        processor: What it is written for.
        block: The layer. The channels fill the pixels of its input.
        tile: Pixels computed at once, each in a register: where in the input, and in the output.
    """
    code = FunctionWriter(module, name, processor, pointers=block.rows + 2, numbers=1)
    *rows, numbers, out = code.pointers
    (count,) = code.numbers
    run = block.columns * block.channels
    with each_vector(code, block, numbers) as filters, code.loop(count, len(tile)) as pixel:
        sums = [code.variable(filters.bias) for _ in tile]
        for number, row in enumerate(rows):
            here = code.at(row, code.times(pixel, block.channels))
            taps = code.at(filters.weights, number * run * code.lanes)
            with code.loop(run) as k:
                inputs, factor = code.at(here, k), code.load(taps, code.times(k, code.lanes))
                for total, (source, _) in zip(sums, tile, strict=True):
                    x = code.load_equal(inputs, source * block.channels)
                    code.accumulate(x, factor, total)
        there = code.at(out, code.add(code.times(pixel, block.filters), filters.first))
        for total, (_, target) in zip(sums, tile, strict=True):
            y = code.prelu(code.value(total), filters.excess)
            code.store(y, there, target * block.filters)
    return code.finished()


def write_pooling(
    module: ir.Module, name: str, processor: Processor, side: int, channels: int
) -> ir.Function:
    """Writes ``(rows..., out, count, width)``: the maximum of windows two apart.

    Those at the end of the rows, ``width`` pixels long, may be partial, as in Caffe.
    """
    code = FunctionWriter(module, name, processor, pointers=side + 1, numbers=2)
    *rows, out = code.pointers
    count, width = code.numbers
    last = code.add(width, -1)
    with code.loop(count) as pixel:
        columns = [
            code.times(code.smaller(code.add(code.times(pixel, 2), column), last), channels)
            for column in range(side)
        ]
        there = code.at(out, code.times(pixel, channels))
        for lane in range(0, channels, code.lanes):
            best = code.load(rows[0], code.add(columns[0], lane))
            for row in rows:
                for column in columns:
                    best = code.maximum(best, code.load(row, code.add(column, lane)))
            code.store(best, there, lane)
    return code.finished()


def write_clearing(
    module: ir.Module, name: str, processor: Processor, channels: int, count: int
) -> ir.Function:
    """Writes ``(pixels, first)``: so many pixels from the first on become 0."""
    code = FunctionWriter(module, name, processor, pointers=1, numbers=1)
    (pixels,), (first,) = code.pointers, code.numbers
    start = code.times(first, channels)
    for place in range(0, count * channels, code.lanes):
        code.store(code.constant(0), pixels, code.add(start, place))
    return code.finished()


def write_planes(
    module: ir.Module, name: str, processor: Processor, channels: int, filled: int
) -> ir.Function:
    """Writes ``(pixels, out, count, plane)``: each channel of a row into its own plane."""
    code = FunctionWriter(module, name, processor, pointers=2, numbers=2)
    (pixels, out), (count, plane) = code.pointers, code.numbers
    with code.loop(count) as pixel:
        here = code.times(pixel, filled)
        for channel in range(channels):
            place = code.add(code.times(plane, channel), pixel)
            code.copy(code.at(pixels, code.add(here, channel)), code.at(out, place))
    return code.finished()
