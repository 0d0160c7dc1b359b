"""The layout of a network is found by what it says of a face; all other layouts are rejected."""

from itertools import permutations, product

import numpy as np
import pytest

from mtcnn_core.importing.arrange import arrangements
from mtcnn_core.importing.layouts import BOXES, LANDMARKS, PIXELS, Orientation, arranged
from mtcnn_core.importing.orient import Reading, oriented, readings
from mtcnn_core.importing.recognise import examine
from mtcnn_core.weights import NETWORKS, ONET, PNET, RNET, Network
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.errors import UnprovenError
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.importing.layouts import OWN, laid_out, perturbed, tensors


def _read(
    network: Network, orientation: Orientation = OWN, weights: Weights | None = None
) -> Reading:
    layers = laid_out(network, orientation, weights)
    return oriented(network, arrangements(network, tensors(network, layers)))


def _assert_found(network: Network, orientation: Orientation) -> None:
    found = _read(network, orientation)
    arrays = arranged(network, found.parts, found.orientation)
    weights = Weights({**load_default().arrays, network.name: arrays})
    assert weights.digests == load_default().digests, found.orientation


@pytest.mark.parametrize("kernel", ["".join(axes) for axes in permutations("oihw")])
def test_the_axes_of_kernels(kernel: str) -> None:
    _assert_found(PNET, Orientation(kernel))


@pytest.mark.parametrize("network", [RNET, ONET], ids=lambda network: network.name)
@pytest.mark.parametrize("flatten", ["".join(axes) for axes in permutations("chw")])
def test_the_order_of_the_dense_layers_input(network: Network, flatten: str) -> None:
    _assert_found(network, Orientation("whio", flatten))


@pytest.mark.parametrize(
    "orientation",
    [
        *(Orientation(boxes=order) for order in BOXES),
        *(Orientation(landmarks=order) for order in LANDMARKS),
        Orientation(face=0),
        Orientation(colours="BGR"),
        Orientation("ohwi", "hwc", "BGR", face=0, boxes="y1 x1 y2 x2", landmarks="5 times y x"),
    ],
    ids=str,
)
def test_colours_and_heads(orientation: Orientation) -> None:
    for network in NETWORKS:
        _assert_found(network, orientation)


def test_negative_slopes_are_turned_round() -> None:
    _assert_found(PNET, Orientation(slope=-1))


@pytest.mark.parametrize("pixels", list(PIXELS)[1:])
def test_pixels_of_another_scale(pixels: str) -> None:
    found = _read(PNET, Orientation(pixels=pixels))
    assert found.orientation.pixels == pixels
    arrays = arranged(PNET, found.parts, found.orientation)
    for name, array in load_default()["pnet"].items():
        np.testing.assert_allclose(arrays[name], array, rtol=1e-5, atol=1e-5)


def test_a_dense_layer_written_as_a_convolution() -> None:
    layers = laid_out(RNET, Orientation("whio"))
    weight = laid_out(RNET)["dense"][0].reshape(128, 64, 3, 3)
    layers["dense"][0] = weight.transpose(3, 2, 1, 0)
    found = oriented(RNET, arrangements(RNET, tensors(RNET, layers)))
    arrays = arranged(RNET, found.parts, found.orientation)
    np.testing.assert_array_equal(arrays["dense.weight"], load_default()["rnet"]["dense.weight"])


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_the_right_reading_is_clearly_the_best(network: Network) -> None:
    """Of weights after more training, whose answers are not quite those of the original ones."""
    weights = perturbed(np.random.default_rng(7), 0.05)
    layers = laid_out(network, OWN, weights)
    found = sorted(
        readings(network, arrangements(network, tensors(network, layers))),
        key=lambda reading: reading.loss,
    )
    best = found[0]
    assert best.orientation == OWN
    assert len(found) == 2 * len(PIXELS) * 2 * 2 * (1 if network is PNET else 6)
    others = [reading.loss for reading in found[1:] if reading.geometry != best.geometry]
    assert best.loss < 0.5 * min(others)
    assert best.loss < found[1].loss  # other colours, pixels or slopes


_WRONG_HEADS = [
    Orientation(face=0),
    Orientation(boxes="y1 x1 y2 x2"),
    *(Orientation(landmarks=order) for order in list(LANDMARKS)[1:]),
]
_WRONG_BODIES = [
    Orientation(kernel, flatten)
    for kernel, flatten in product(("oihw", "oiwh"), map("".join, permutations("chw")))
    if (kernel, flatten) != ("oihw", "chw")
]


_WRONG = [
    (network, wrong)
    for network, wrong in product(NETWORKS, [*_WRONG_HEADS, *_WRONG_BODIES])
    # Only O-Net has landmarks, and P-Net has no dense layer.
    if network is ONET or wrong.landmarks == OWN.landmarks
    if network is not PNET or wrong.flatten == OWN.flatten
]


@pytest.mark.parametrize(("network", "wrong"), _WRONG)
def test_the_check_rejects_every_wrong_geometry(network: Network, wrong: Orientation) -> None:
    parts = next(arrangements(network, tensors(network, laid_out(network, wrong))))
    arrays = arranged(network, parts, OWN)  # as if it were in the order used here
    found = examine(Weights({**load_default().arrays, network.name: arrays}))
    assert found.misread == (network.name,)
    assert not found.passed


def test_a_network_that_answers_in_no_order_is_refused(rng: np.random.Generator) -> None:
    layers = laid_out(RNET)
    for parts in layers.values():
        rng.shuffle(parts[0].reshape(-1))
    with pytest.raises(UnprovenError, match="fit rnet by their shapes, but in no order"):
        oriented(RNET, arrangements(RNET, tensors(RNET, layers)))


def test_numbers_that_are_none_are_refused() -> None:
    layers = laid_out(PNET)
    layers["conv1"][0] = np.full_like(layers["conv1"][0], np.nan)
    with pytest.raises(UnprovenError):
        oriented(PNET, arrangements(PNET, tensors(PNET, layers)))
