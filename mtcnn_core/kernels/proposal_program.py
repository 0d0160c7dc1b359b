"""P-Net over an image of any size, row by row, so that what lies between two layers stays in cache.

Of what goes into a convolution, the last rows are kept, transformed: four of the image, since the
pooling takes the first convolution's rows in pairs, and three of the others.
"""

from __future__ import annotations

from itertools import accumulate

from llvmlite import ir

from mtcnn_core.kernels.correlation import TAPS
from mtcnn_core.kernels.function_writer import BYTE, FunctionWriter, Value
from mtcnn_core.kernels.image_rows import (
    write_clearing,
    write_convolution,
    write_normalise,
    write_planes,
    write_pooling,
)
from mtcnn_core.kernels.processor import Processor
from mtcnn_core.kernels.steps import COLOURS, Step
from mtcnn_core.kernels.winograd import write_transform, write_winograd

RUN = "run"
# Pixels that a kernel may read or write beyond the end of a row: less than a tile of each.
_SLACK = 96
# Rows of the image that a pair of rows of the first convolution is computed from.
_SEEN = TAPS + 1


def pitch(width: int) -> int:
    """Returns how many pixels a row of an image of this width takes in the scratch memory."""
    return -(-(width + _SLACK) // 32) * 32


def scratch_numbers(steps: list[Step]) -> int:
    """Returns how many numbers of scratch memory each pixel of a pitch takes."""
    return sum(_row_numbers(steps).values())


def write(processor: Processor, steps: list[Step]) -> str:
    """Writes ``run(image, heads, scratch, numbers, height, width, pitch)`` in LLVM's language.

    The image is uint8 ``(height, width, 3)``, both at least 12, the heads float32 ``(5, rows,
    columns)``.

    Args:
        processor: What it is written for.
        steps: Steps of P-Net.
    """
    module = ir.Module()
    *convolutions, heads = steps
    normalise = write_normalise(module, "normalise", processor, uint8=True)
    first, second, third = (_Kernels(module, processor, step) for step in convolutions)
    pool = write_pooling(module, "pool", processor, first.step.pool, first.step.block.filters)
    tile = [(i, i) for i in range(processor.pixels)]
    answer = write_convolution(module, "answer", processor, heads.block, tile)
    planes = write_planes(module, "planes", processor, heads.block.outputs, heads.block.filters)

    code = FunctionWriter(module, RUN, processor, pointers=4, numbers=3, public=True)
    image, out, scratch, numbers = code.pointers
    height, width, pixels = code.numbers
    blocks = [code.at(numbers, step.start) for step in steps]
    sizes = _row_numbers(steps)
    starts = accumulate(sizes.values(), initial=0)
    memory = {
        name: code.at(scratch, code.times(pixels, start))
        for name, start in zip(sizes, starts, strict=False)
    }

    full_width = code.add(width, 1 - TAPS)
    pooled_width, pooled_height = (
        code.units(code.add(side, 1 - TAPS), 2) for side in (width, height)
    )
    second_width = code.add(pooled_width, 1 - TAPS)
    columns = code.add(second_width, 1 - TAPS)
    plane = code.times(columns, code.add(pooled_height, 2 - 2 * TAPS))

    def kept(name: str, length: int, newest: Value, count: int) -> list[Value]:
        """The last rows of a ring of that length."""
        row = code.times(pixels, sizes[name] // length)
        numbers = (code.remainder(code.add(newest, length - i), length) for i in range(count))
        return [code.at(memory[name], code.times(row, each)) for each in numbers][::-1]

    def see(y: Value) -> None:
        """Takes a row of the image, or its last one again."""
        source = code.times(code.smaller(y, code.add(height, -1)), width)
        pixel = code.at(image, code.times(source, COLOURS), BYTE)
        code.call(normalise, pixel, memory["colours"], code.times(width, COLOURS))
        (target,) = kept("seen", _SEEN, y, 1)
        first.transform(code, memory["colours"], target, full_width)

    first.clear(code, memory["colours"], width)
    for y in range(_SEEN - 2):
        see(code.number(y))
    with code.loop(pooled_height) as y:
        top = code.times(y, 2)
        pair = [memory["full"], code.at(memory["full"], code.times(pixels, sizes["full"] // 2))]
        for i, made in enumerate(pair):
            see(code.add(top, _SEEN - 2 + i))
            rows = kept("seen", _SEEN, code.add(top, TAPS - 1 + i), TAPS)
            first.convolve(code, rows, blocks[0], made, full_width)
        # The last pair of an odd height has one row only.
        other = code.either(code.add(top, TAPS), height, *pair)
        code.call(pool, pair[0], other, memory["pooled"], pooled_width, full_width)
        second.clear(code, memory["pooled"], pooled_width)
        rows = kept("second", TAPS, y, TAPS)
        second.transform(code, memory["pooled"], rows[-1], second_width)
        with code.when_at_least(y, TAPS - 1):
            second.convolve(code, rows, blocks[1], memory["made"], second_width)
            third.clear(code, memory["made"], second_width)
            rows = kept("third", TAPS, y, TAPS)
            third.transform(code, memory["made"], rows[-1], columns)
            with code.when_at_least(y, 2 * TAPS - 2):
                third.convolve(code, rows, blocks[2], memory["last"], columns)
                code.call(answer, memory["last"], blocks[3], memory["answers"], columns)
                row = code.times(columns, code.add(y, 2 - 2 * TAPS))
                code.call(planes, memory["answers"], code.at(out, row), columns, plane)
    code.finished()
    return str(module)


def _row_numbers(steps: list[Step]) -> dict[str, int]:
    """The scratch memory: rows of each kind, in numbers for each pixel of a pitch.

    After the pooling there are half as many pixels; transformed ones are 6 in place of 4.
    """
    first, second, third, heads = steps
    return {
        "colours": COLOURS,
        "seen": _SEEN * -(-first.filled * first.block.products // first.block.places),
        "full": 2 * first.block.filters,
        "pooled": first.block.filters // 2,
        "second": TAPS * second.filled * second.block.products // second.block.places // 2,
        "made": second.block.filters // 2,
        "third": TAPS * third.filled * third.block.products // third.block.places // 2,
        "last": third.block.filters // 2,
        "answers": heads.block.filters // 2,
    }


class _Kernels:
    """What computes one convolution, row by row."""

    def __init__(self, module: ir.Module, processor: Processor, step: Step) -> None:
        self.step = step
        block, filled = step.block, step.filled
        tiles = processor.tiles(block.products)
        self._transform = write_transform(
            module, f"{step.name}.row", processor, block.places, filled
        )
        self._convolve = write_winograd(module, step.name, processor, block, filled, tiles)
        # A tile at the end of a row reaches beyond it, and rounding would show what lies there.
        self._clear = write_clearing(
            module, f"{step.name}.clear", processor, filled, block.products
        )

    def clear(self, code: FunctionWriter, row: Value, width: Value) -> None:
        """Blackens what follows a row of the convolution's input."""
        code.call(self._clear, row, width)

    def transform(self, code: FunctionWriter, row: Value, out: Value, width: Value) -> None:
        """Transforms a row of the convolution's input, for an output of so many pixels."""
        code.call(self._transform, row, out, code.units(width, self.step.block.places))

    def convolve(
        self, code: FunctionWriter, rows: list[Value], block: Value, out: Value, width: Value
    ) -> None:
        """Computes a row of so many pixels from three transformed ones."""
        code.call(self._convolve, *rows, block, out, code.units(width, self.step.block.places))
