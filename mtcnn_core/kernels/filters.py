"""The filters of a layer, as many at once as a vector has lanes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from mtcnn_core.kernels.blocks import Block
from mtcnn_core.kernels.function_writer import FunctionWriter, Value


class Filters(NamedTuple):
    """Filters of one vector.

    Attributes:
        first: The number of the first.
        weights: Where theirs begin.
        bias: One each.
        excess: Slope of the PReLU less 1, one each.
    """

    first: Value
    weights: Value
    bias: Value
    excess: Value


@contextlib.contextmanager
def each_vector(code: FunctionWriter, block: Block, numbers: Value) -> Iterator[Filters]:
    """Repeats the block of code for the filters of each vector.

    Args:
        code: The function being written.
        block: The layer.
        numbers: Where its numbers are.
    """
    with code.loop(block.filters, code.lanes) as first:
        group = code.times(first, block.group // code.lanes)
        yield Filters(
            first,
            code.at(numbers, code.add(block.weights, group)),
            code.load(numbers, first),
            code.load(numbers, code.add(first, block.filters)),
        )
