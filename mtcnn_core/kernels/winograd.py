"""Kernels for convolutions of 3 x 3: several places of a row at once, see `correlation`.

A row is first transformed: in place of every m pixels there are m + 2 products' worth of them,
``(tile, product, channel)``. Each transformed row then serves the three rows of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from mtcnn_core.kernels.blocks import Block
from mtcnn_core.kernels.correlation import Correlation, correlation
from mtcnn_core.kernels.filters import each_vector
from mtcnn_core.kernels.function_writer import FunctionWriter, Value
from mtcnn_core.kernels.processor import Processor

# Numbers in a vector that holds the colours of a pixel.
_COLOUR_LANES = 4


def write_transform(
    module: ir.Module, name: str, processor: Processor, places: int, channels: int
) -> ir.Function:
    """Writes ``(pixels, out, tiles)``: a row of pixels of so many channels, transformed.

    Three colours are no whole vector: what is written after them is written over by the next.
    """
    if channels < processor.lanes:
        processor = replace(processor, lanes=_COLOUR_LANES)
    code = FunctionWriter(module, name, processor, pointers=2, numbers=1)
    (pixels, out), (tiles,) = code.pointers, code.numbers
    scheme = correlation(places)
    with code.loop(tiles) as tile:
        here = code.at(pixels, code.times(tile, places * channels))
        there = code.at(out, code.times(tile, scheme.products * channels))
        for lane in range(0, channels, code.lanes):
            row = [code.load(here, i * channels + lane) for i in range(scheme.products)]
            for i, each in enumerate(_before(code, scheme, row)):
                code.store(each, there, i * channels + lane)
    return code.finished()


def write_winograd(
    module: ir.Module, name: str, processor: Processor, block: Block, channels: int, tile: int
) -> ir.Function:
    """Writes ``(top, middle, bottom, block, out, tiles)``: a convolution of 3 x 3 and its PReLU.

    Args:
        module: Where it belongs.
        name: Name of the function.
        processor: What it is written for.
        block: The layer.
        channels: From one transformed pixel to the next; those of the block come first.
        tile: Tiles computed at once, each in m + 2 registers; the last ones may reach beyond
            ``tiles``.
    """
    code = FunctionWriter(module, name, processor, pointers=5, numbers=1)
    *rows, numbers, out = code.pointers
    (tiles,) = code.numbers
    scheme = correlation(block.places)
    per_row = block.products * block.channels * code.lanes
    with each_vector(code, block, numbers) as filters, code.loop(tiles, tile) as start:
        begin = [code.constant(0)] * block.products
        begin[scheme.everywhere] = filters.bias
        sums = [[code.variable(each) for each in begin] for _ in range(tile)]
        for number, row in enumerate(rows):
            here = code.at(row, code.times(start, block.products * channels))
            taps = code.at(filters.weights, number * per_row)
            with code.loop(block.channels) as channel:
                inputs = code.at(here, channel)
                factors = code.at(taps, code.times(channel, block.products * code.lanes))
                for product in range(block.products):
                    factor = code.load(factors, product * code.lanes)
                    for which, totals in enumerate(sums):
                        source = which * block.products + product
                        x = code.load_equal(inputs, source * channels)
                        code.accumulate(x, factor, totals[product])
        for which, totals in enumerate(sums):
            pixel = code.times(code.add(start, which), block.places)
            there = code.at(out, code.add(code.times(pixel, block.filters), filters.first))
            results = _after(code, scheme, [code.value(total) for total in totals])
            for place, y in enumerate(results):
                code.store(code.prelu(y, filters.excess), there, place * block.filters)
    return code.finished()


def _before(code: FunctionWriter, scheme: Correlation, row: Sequence[Value]) -> list[Value]:
    """Applies ``before``; opposite points share their even and odd parts."""
    matrix = scheme.before.copy()
    for a, b in scheme.pairs:
        matrix[[a, b]] = _halves(scheme.before[a], scheme.before[b])
    results = _applied(code, matrix, row)
    for a, b in scheme.pairs:
        results[a], results[b] = _sum_and_difference(code, results[a], results[b])
    return results


def _after(code: FunctionWriter, scheme: Correlation, products: list[Value]) -> list[Value]:
    """Applies ``after``; opposite points share their even and odd parts."""
    matrix = scheme.after.copy()
    for a, b in scheme.pairs:
        matrix[:, [a, b]] = np.transpose(_halves(scheme.after[:, a], scheme.after[:, b]))
        products[a], products[b] = _sum_and_difference(code, products[a], products[b])
    return _applied(code, matrix, products)


def _halves(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (a + b) / 2, (a - b) / 2


def _sum_and_difference(code: FunctionWriter, a: Value, b: Value) -> tuple[Value, Value]:
    return code.sum(a, b), code.difference(a, b)


def _applied(
    code: FunctionWriter, matrix: NDArray[np.float64], vectors: Sequence[Value]
) -> list[Value]:
    return [_weighted(code, zip(row.tolist(), vectors, strict=True)) for row in matrix]


def _weighted(code: FunctionWriter, terms: Iterable[tuple[float, Value]]) -> Value:
    """The sum of vectors, each times a factor, of which many are 0 and 1."""
    total: Value | None = None
    for factor, vector in terms:
        if not factor:
            continue
        if total is None:
            total = vector if factor == 1 else code.product(vector, code.constant(factor))
        elif factor == 1:
            total = code.sum(total, vector)
        elif factor == -1:
            total = code.difference(total, vector)
        else:
            total = code.product_sum(vector, code.constant(factor), total)
    assert total is not None, "a row of zeros"
    return total
