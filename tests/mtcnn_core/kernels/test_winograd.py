"""Convolutions several places at once against plain ones in NumPy."""

import numpy as np
import pytest

from mtcnn_core.kernels.blocks import Block
from mtcnn_core.kernels.correlation import PLACES, correlation
from mtcnn_core.kernels.processor import Processor
from mtcnn_core.kernels.winograd import write_transform, write_winograd
from tests.mtcnn_core.kernels.programs import Floats, function, memory, processors

PROCESSORS = processors()


@pytest.fixture(params=PROCESSORS)
def processor(request: pytest.FixtureRequest) -> Processor:
    return PROCESSORS[request.param]


def _pixels(rng: np.random.Generator, *shape: int) -> Floats:
    array = memory(*shape)
    array[:] = rng.normal(size=shape)
    return array


@pytest.mark.parametrize("places", PLACES)
def test_transform(places: int, processor: Processor, rng: np.random.Generator) -> None:
    scheme, channels, tiles = correlation(places), 2 * processor.lanes, 3
    row = _pixels(rng, places * tiles + 2, channels)
    out = memory(tiles, scheme.products, channels)
    run = function(
        processor,
        lambda module: write_transform(module, "f", processor, places, channels),
        2,
        1,
    )
    run(row, out, tiles)
    for tile in range(tiles):
        plain = scheme.before @ row[places * tile : places * tile + scheme.products]
        np.testing.assert_allclose(out[tile], plain, rtol=0, atol=1e-4)


@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("outputs", [16, 40])
@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_convolution(
    places: int, outputs: int, at_once: int, processor: Processor, rng: np.random.Generator
) -> None:
    # More channels in a pixel than the layer has.
    channels, filled, tiles = 10, 4 * processor.lanes, 4
    block = Block(3, 3, channels, outputs, processor.lanes, places)
    rows = _pixels(rng, 3, places * tiles + 2, filled)
    weight = rng.normal(size=(outputs, channels, 3, 3)).astype(np.float32)
    bias, slope = rng.normal(size=(2, outputs)).astype(np.float32)
    numbers = memory(block.size)
    numbers[:] = block.pack(weight, bias, slope)
    transform = function(
        processor,
        lambda module: write_transform(module, "f", processor, places, filled),
        2,
        1,
    )
    convolve = function(
        processor,
        lambda module: write_winograd(module, "f", processor, block, filled, at_once),
        5,
        1,
    )
    transformed = memory(3, tiles, block.products, filled)
    for row, each in zip(rows, transformed, strict=True):
        transform(row, each, tiles)
    out = memory(tiles * places, block.filters)
    convolve(*transformed, numbers, out, tiles)

    windows = np.lib.stride_tricks.sliding_window_view(rows[..., :channels], 3, axis=1)
    plain = np.einsum("yxck,ocyk->xo", windows.astype(np.float64), weight) + bias
    plain = np.where(plain > 0, plain, plain * slope)
    np.testing.assert_allclose(out[:, :outputs], plain, rtol=0, atol=2e-4)
    assert not out[:, outputs:].any()
