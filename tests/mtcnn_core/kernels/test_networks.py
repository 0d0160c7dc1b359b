"""The networks as machine code: against plain NumPy, in any shape, reading nothing beyond."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.kernels.networks import LlvmCrops, LlvmProposals
from mtcnn_core.kernels.processor import Processor
from mtcnn_core.weights import ONET, PNET, RNET, Network
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.kernels.programs import processors
from tests.oracle import PlainNetwork

PROCESSORS = processors()
Heads = NDArray[np.float32]


@pytest.fixture(scope="module", params=PROCESSORS)
def processor(request: pytest.FixtureRequest) -> Processor:
    return PROCESSORS[request.param]


@pytest.fixture(scope="module")
def pnet(processor: Processor) -> LlvmProposals:
    return LlvmProposals(load_default(), processor)


def _plain(network: Network, weights: Weights, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """One logit, boxes, landmarks; channels second."""
    heads = PlainNetwork(network, weights)(images)
    parts = [heads["score"][..., 1:] - heads["score"][..., :1], heads["boxes"]]
    if "landmarks" in heads:
        parts.append(heads["landmarks"])
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)


def _other_weights(rng: np.random.Generator) -> Weights:
    """As if trained anew: slopes below 0 and above 1, and every number another."""
    return Weights(
        {
            name: {
                key: array * rng.uniform(0.5, 1.5, array.shape).astype(np.float32)
                for key, array in arrays.items()
            }
            for name, arrays in load_default().arrays.items()
        }
    )


@pytest.mark.parametrize(
    "shape",
    [(12, 12), (13, 12), (12, 13), (14, 15), (15, 17), (12, 301), (222, 13), (64, 97), (40, 1279)],
    ids=str,
)
def test_pnet(shape: tuple[int, int], pnet: LlvmProposals, rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (2, *shape, 3), np.uint8)
    expected = _plain(PNET, load_default(), images)
    np.testing.assert_allclose(pnet.run(images), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("network", [RNET, ONET], ids=lambda network: network.name)
@pytest.mark.parametrize("count", [1, 7, 8, 9, 33])
def test_crops(
    network: Network, count: int, processor: Processor, rng: np.random.Generator
) -> None:
    crops = rng.integers(0, 256, (count, network.side, network.side, 3), np.uint8)
    found = LlvmCrops(network, load_default(), processor).run(crops.astype(np.float32))
    expected = _plain(network, load_default(), crops)
    np.testing.assert_allclose(found, expected.reshape(count, -1), rtol=1e-5, atol=1e-4)


def test_other_weights(processor: Processor, rng: np.random.Generator) -> None:
    weights = _other_weights(rng)
    images = rng.integers(0, 256, (1, 30, 45, 3), np.uint8)
    found = LlvmProposals(weights, processor).run(images)
    np.testing.assert_allclose(found, _plain(PNET, weights, images), rtol=1e-4, atol=1e-3)
    for network in (RNET, ONET):
        crops = rng.integers(0, 256, (3, network.side, network.side, 3), np.uint8)
        heads = LlvmCrops(network, weights, processor).run(crops.astype(np.float32))
        expected = _plain(network, weights, crops).reshape(3, -1)
        np.testing.assert_allclose(heads, expected, rtol=1e-4, atol=1e-3)


def test_a_large_image_after_a_small_one_and_back(
    pnet: LlvmProposals, rng: np.random.Generator
) -> None:
    # The memory between the layers grows and is then used in part.
    small, large = (rng.integers(0, 256, (1, 20, w, 3), np.uint8) for w in (30, 9000))
    first = pnet.run(small)
    expected = _plain(PNET, load_default(), large)
    np.testing.assert_allclose(pnet.run(large), expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(pnet.run(small), first)


def test_a_row_does_not_depend_on_the_rows_above(
    pnet: LlvmProposals, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (1, 80, 77, 3), np.uint8)
    whole = pnet.run(image)
    for skipped in (1, 3, 10):
        np.testing.assert_array_equal(pnet.run(image[:, 2 * skipped :]), whole[:, :, skipped:])


@pytest.mark.parametrize("network", [RNET, ONET], ids=lambda network: network.name)
def test_a_crop_does_not_depend_on_its_neighbours(
    network: Network, processor: Processor, rng: np.random.Generator
) -> None:
    engine = LlvmCrops(network, load_default(), processor)
    crops = rng.uniform(0, 255, (11, network.side, network.side, 3)).astype(np.float32)
    together = engine.run(crops).copy()
    alone = np.concatenate([engine.run(crop[None]) for crop in crops])
    np.testing.assert_array_equal(together, alone)


def test_a_part_of_a_larger_image(pnet: LlvmProposals, rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (1, 60, 80, 3), np.uint8)
    part = image[:, 3:43, 5:65]
    np.testing.assert_array_equal(pnet.run(part), pnet.run(part.copy()))


def test_detectors_in_threads_do_not_disturb_each_other(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (4, 1, 200, 300, 3), np.uint8)
    expected = [LlvmProposals(load_default()).run(image) for image in images]
    found: list[list[Heads]] = [[] for _ in images]

    def work(number: int) -> None:
        engine = LlvmProposals(load_default())
        found[number] = [engine.run(images[number]) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, all_of_it in zip(expected, found, strict=True):
        assert len(all_of_it) == 20
        for heads in all_of_it:
            np.testing.assert_array_equal(heads, one)


# The images end where the next page of memory cannot be read.
GUARDED = """
import numpy as np
from mtcnn_core.kernels.networks import LlvmCrops, LlvmProposals
from mtcnn_core.weights import RNET
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.kernels.programs import at_the_end_of_a_page, processors

rng = np.random.default_rng(0)
for processor in processors().values():
    pnet = LlvmProposals(load_default(), processor)
    for shape in ((12, 12), (13, 17), (31, 40), (64, 641)):
        image = rng.integers(0, 256, (1, *shape, 3), np.uint8)
        assert (pnet.run(at_the_end_of_a_page(image)) == pnet.run(image)).all()
    rnet = LlvmCrops(RNET, load_default(), processor)
    crops = rng.uniform(0, 255, (3, 24, 24, 3)).astype(np.float32)
    assert (rnet.run(at_the_end_of_a_page(crops)) == rnet.run(crops)).all()
print("read to the end and no further")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="protects memory as Linux does")
def test_nothing_is_read_beyond_the_image() -> None:
    done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "read to the end and no further\n"), done.stderr
