"""R-Net or O-Net over crops: the convolutions of each crop, then the dense layers of all."""

from __future__ import annotations

from llvmlite import ir

from mtcnn_core.kernels.blocks import whole
from mtcnn_core.kernels.correlation import TAPS
from mtcnn_core.kernels.crop_layers import CropLayer, input_memory
from mtcnn_core.kernels.function_writer import FunctionWriter, Value
from mtcnn_core.kernels.image_rows import write_convolution, write_normalise, write_pooling
from mtcnn_core.kernels.processor import Processor
from mtcnn_core.kernels.steps import COLOURS, Step
from mtcnn_core.kernels.winograd import write_transform, write_winograd

RUN = "run"
# Crops whose dense layers are computed at once: 8 registers hide the latency of the additions, and
# few crops do not pay for many.
_CROPS = 8


def filled_crops(count: int) -> int:
    """Returns for how many crops the program answers, the last ones without meaning."""
    return whole(count, _CROPS)


def scratch_numbers(processor: Processor, steps: list[Step]) -> tuple[int, int]:
    """Returns how many numbers of scratch memory it needs: once, and for each crop."""
    layers, dense = _parts(processor, steps)
    once = input_memory(steps[0]) + sum(sum(layer.memory) for layer in layers)
    return once, sum(step.block.channels for step in dense)


def write(processor: Processor, steps: list[Step]) -> str:
    """Writes ``run(crops, heads, scratch, numbers, count, filled)`` in LLVM's language.

    The crops are float32 ``(count, side, side, 3)``; the heads float32 ``(filled, filters)`` with
    ``filled`` from :func:`filled_crops`, of which ``(count, outputs)`` are wanted.

    Args:
        processor: What it is written for.
        steps: Steps of R-Net or O-Net.
    """
    module = ir.Module()
    layers, dense = _parts(processor, steps)
    size = steps[0].side ** 2 * COLOURS
    normalise = write_normalise(module, "normalise", processor, uint8=False)
    writers = [_LayerWriter(module, layer) for layer in layers]
    one_crop = [(crop, crop) for crop in range(_CROPS)]
    kernels = [
        write_convolution(module, step.name, processor, step.block, one_crop) for step in dense
    ]

    code = FunctionWriter(module, RUN, processor, pointers=4, numbers=2, public=True)
    crops, out, scratch, numbers = code.pointers
    count, filled = code.numbers
    begin = input_memory(steps[0])
    places = []
    for layer in layers:
        places.append(begin)
        begin += sum(layer.memory)
    flat = code.at(scratch, begin)
    with code.loop(count) as crop:
        given = scratch
        code.call(normalise, code.at(crops, code.times(crop, size)), given, size)
        for writer, place in zip(writers, places, strict=True):
            block = code.at(numbers, writer.layer.step.start)
            target = None
            if writer is writers[-1]:
                target = code.at(flat, code.times(crop, dense[0].block.channels))
            given = writer.write(code, given, block, code.at(scratch, place), target)
    given = flat
    for step, kernel, following in zip(dense, kernels, [*dense[1:], None], strict=True):
        made = code.at(given, code.times(filled, step.block.channels)) if following else out
        code.call(kernel, given, code.at(numbers, step.start), made, count)
        given = made
    code.finished()
    return str(module)


class _LayerWriter:
    """Kernels of a layer, and the code that calls them for a crop."""

    def __init__(self, module: ir.Module, layer: CropLayer) -> None:
        self.layer = layer
        step, processor = layer.step, layer.processor
        if layer.is_fast:
            self._transform = write_transform(
                module, step.name + ".rows", processor, step.block.places, step.filled
            )
            self._convolve = write_winograd(
                module, step.name, processor, step.block, step.filled, layer.tiles
            )
        else:
            self._convolve = write_convolution(module, step.name, processor, step.block, layer.tile)
        if step.pool:
            self._pool = write_pooling(
                module, step.name + ".pool", processor, step.pool, step.block.filters
            )

    def write(
        self, code: FunctionWriter, given: Value, block: Value, scratch: Value, target: Value | None
    ) -> Value:
        """Writes the calls for one crop.

        Args:
            code: The program.
            given: The input of the layer.
            block: Its numbers.
            scratch: Memory of the layer.
            target: Where its output belongs; by default that is in its memory.

        Returns:
            Where its output is.
        """
        step = self.layer.step
        transformed, made, _ = self.layer.memory
        out = code.at(scratch, transformed)
        if not step.pool and target is not None:
            out = target
        if self.layer.is_fast:
            self._write_fast(code, given, block, scratch, out)
        else:
            self._write_rows(code, given, block, out)
        if not step.pool:
            return out
        pooled = target if target is not None else code.at(scratch, transformed + made)
        self._write_pooling(code, out, pooled)
        return pooled

    def _write_fast(
        self, code: FunctionWriter, given: Value, block: Value, scratch: Value, out: Value
    ) -> None:
        step, length = self.layer.step, self.layer.transformed
        with code.loop(step.side) as y:
            row = code.at(given, code.times(y, step.side * step.filled))
            code.call(
                self._transform, row, code.at(scratch, code.times(y, length)), self.layer.row_tiles
            )
        rows = [code.at(scratch, i * length) for i in range(TAPS)]
        # The rows lie one after the other, so all their tiles are one long row.
        code.call(self._convolve, *rows, block, out, self.layer.row_tiles * step.out_side)

    def _write_rows(self, code: FunctionWriter, given: Value, block: Value, out: Value) -> None:
        step = self.layer.step
        length = step.side * step.filled
        if self.layer.is_small:
            rows = [code.at(given, i * length) for i in range(step.block.rows)]
            code.call(self._convolve, *rows, block, out, 1)
            return
        with code.loop(step.out_side) as y:
            rows = [
                code.at(given, code.times(code.add(y, i), length)) for i in range(step.block.rows)
            ]
            made = code.at(out, code.times(y, self.layer.pitch * step.block.filters))
            code.call(self._convolve, *rows, block, made, step.out_side)

    def _write_pooling(self, code: FunctionWriter, made: Value, out: Value) -> None:
        step = self.layer.step
        channels = step.block.filters
        with code.loop(step.pooled_side) as y:
            rows = []
            for i in range(step.pool):
                row = code.smaller(code.add(code.times(y, 2), i), step.out_side - 1)
                rows.append(code.at(made, code.times(row, self.layer.pitch * channels)))
            there = code.at(out, code.times(y, step.pooled_side * channels))
            code.call(self._pool, *rows, there, step.pooled_side, step.out_side)


def _parts(processor: Processor, steps: list[Step]) -> tuple[list[CropLayer], list[Step]]:
    """Its convolutions, and the layers that see the whole crop."""
    convolutions = [CropLayer(step, processor) for step in steps if step.block.rows > 1]
    return convolutions, steps[len(convolutions) :]
