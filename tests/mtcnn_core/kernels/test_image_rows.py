"""Kernels over rows against NumPy, with vectors of every length that this processor has."""

import numpy as np
import pytest

from mtcnn_core.kernels.blocks import Block
from mtcnn_core.kernels.image_rows import (
    write_clearing,
    write_convolution,
    write_normalise,
    write_planes,
    write_pooling,
)
from mtcnn_core.kernels.processor import Processor
from tests.mtcnn_core.kernels.programs import Floats, function, memory, processors

PROCESSORS = processors()


@pytest.fixture(params=PROCESSORS)
def processor(request: pytest.FixtureRequest) -> Processor:
    return PROCESSORS[request.param]


def _filled(values: Floats) -> Floats:
    array = memory(*values.shape)
    array[:] = values
    return array


@pytest.mark.parametrize("count", [36, 37, 64])
@pytest.mark.parametrize("uint8", [True, False])
def test_normalise(count: int, uint8: bool, processor: Processor, rng: np.random.Generator) -> None:
    run = function(
        processor, lambda module: write_normalise(module, "f", processor, uint8=uint8), 2, 1
    )
    pixels = rng.integers(0, 256, count, np.uint8)
    out = memory(count + 1)
    run(pixels if uint8 else _filled(pixels.astype(np.float32)), out, count)
    np.testing.assert_allclose(out[:-1], (pixels - 127.5) / 128, rtol=0, atol=1e-6)
    assert np.isnan(out[-1])


@pytest.mark.parametrize("outputs", [5, 16, 40])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 3)], ids=str)
def test_convolution(
    kernel: tuple[int, int], outputs: int, processor: Processor, rng: np.random.Generator
) -> None:
    (rows, columns), channels, count = kernel, 3 * processor.lanes, 9
    block = Block(rows, columns, channels, outputs, processor.lanes)
    pixels = _filled(rng.normal(size=(rows, count + columns, channels)).astype(np.float32))
    weight = rng.normal(size=(outputs, channels, rows, columns)).astype(np.float32)
    bias, slope = rng.normal(size=(2, outputs)).astype(np.float32)
    out = memory(count, block.filters)
    tile = [(i, i) for i in range(3)]
    run = function(
        processor,
        lambda module: write_convolution(module, "f", processor, block, tile),
        rows + 2,
        1,
    )
    run(*pixels, _filled(block.pack(weight, bias, slope)), out, count)

    windows = np.lib.stride_tricks.sliding_window_view(pixels, columns, axis=1)[:, :count]
    plain = np.einsum("yxck,ocyk->xo", windows.astype(np.float64), weight) + bias
    plain = np.where(plain > 0, plain, plain * slope)
    np.testing.assert_allclose(out[:, :outputs], plain, rtol=0, atol=1e-4)
    # What fills up the vectors is 0, so that the next layer may read it.
    assert not out[:, outputs:].any()


def test_a_layer_without_slopes_is_linear(processor: Processor, rng: np.random.Generator) -> None:
    block = Block(1, 1, processor.lanes, 1, processor.lanes)
    pixels = _filled(rng.normal(size=(4, processor.lanes)).astype(np.float32))
    weight = rng.normal(size=(1, processor.lanes, 1, 1)).astype(np.float32)
    out = memory(4, block.filters)
    run = function(
        processor,
        lambda module: write_convolution(module, "f", processor, block, [(0, 0)]),
        3,
        1,
    )
    run(pixels, _filled(block.pack(weight, np.zeros(1, np.float32), None)), out, 4)
    np.testing.assert_allclose(out[:, 0], pixels @ weight[0, :, 0, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [2, 3])
@pytest.mark.parametrize("width", [6, 7, 8])
def test_pooling(side: int, width: int, processor: Processor, rng: np.random.Generator) -> None:
    channels = 2 * processor.lanes
    pixels = _filled(rng.normal(size=(side, width, channels)).astype(np.float32))
    count = -(-(width - side) // 2) + 1
    out = memory(count, channels)
    run = function(
        processor,
        lambda module: write_pooling(module, "f", processor, side, channels),
        side + 1,
        2,
    )
    run(*pixels, out, count, width)
    plain = [pixels[:, 2 * i : 2 * i + side].max(axis=(0, 1)) for i in range(count)]
    np.testing.assert_array_equal(out, plain)


def test_clearing(processor: Processor, rng: np.random.Generator) -> None:
    channels = 2 * processor.lanes
    pixels = _filled(rng.normal(size=(9, channels)).astype(np.float32))
    expected = pixels.copy()
    expected[3:7] = 0
    run = function(
        processor, lambda module: write_clearing(module, "f", processor, channels, 4), 1, 1
    )
    run(pixels, 3)
    np.testing.assert_array_equal(pixels, expected)


def test_planes(processor: Processor, rng: np.random.Generator) -> None:
    pixels = _filled(rng.normal(size=(7, 8)).astype(np.float32))
    out = memory(5, 20)
    run = function(processor, lambda module: write_planes(module, "f", processor, 5, 8), 2, 2)
    run(pixels, out, 7, 20)
    np.testing.assert_array_equal(out[:, :7], pixels[:, :5].T)
    assert np.isnan(out[:, 7:]).all()
