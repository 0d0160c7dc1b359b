"""Which arrays are which: by shape, by order, and by names only where nothing else tells."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.importing.arrange import Parts, arrangements
from mtcnn_core.weights import NETWORKS, ONET, PNET, RNET, Network, WeightsError
from mtcnn_core.weights.original import load_default
from mtcnn_core.weights.pickles.tensors import Tensor
from tests.mtcnn_core.importing.layouts import laid_out, tensors

NETWORK = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def _right(network: Network, parts: list[Parts]) -> bool:
    arrays = load_default()[network.name]
    return all(
        np.array_equal(each.bias, arrays[f"{each.layer.name}.bias"])
        and (each.slope is None or np.array_equal(each.slope, arrays[f"{each.layer.name}.slope"]))
        for each in parts
    )


def _some_right(network: Network, found: list[Tensor]) -> bool:
    return any(_right(network, parts) for parts in arrangements(network, found))


@NETWORK
def test_the_order_of_the_layers(network: Network) -> None:
    found = [Tensor(("file", str(n)), t.array) for n, t in enumerate(_tensors(network))]
    assert _right(network, next(arrangements(network, found)))


@NETWORK
@pytest.mark.parametrize(
    "order",
    [
        pytest.param(lambda found: found[::-1], id="reversed"),
        pytest.param(lambda found: sorted(found, key=lambda t: t.path), id="by name"),
        pytest.param(lambda found: sorted(found, key=lambda t: t.array.ndim), id="by rank"),
    ],
)
def test_names_tell_where_the_order_does_not(
    network: Network, order: Callable[[list[Tensor]], list[Tensor]]
) -> None:
    assert _some_right(network, order(_tensors(network)))


def test_numbers_are_sorted_as_numbers() -> None:
    found = _tensors(ONET)
    slopes = [t for t in found if "prelu" in t.path[1]]
    renamed = {id(t): ("onet", f"p_{n}", "a") for n, t in enumerate(slopes, 8)}
    assert len(slopes) == 5  # 8 to 12
    found = [Tensor(renamed.get(id(t), t.path), t.array) for t in found]
    assert _some_right(ONET, found[::-1])


def test_all_three_networks_in_one_list() -> None:
    arrays = [t.array for network in NETWORKS[::-1] for t in _tensors(network)]
    found = [Tensor(("file", str(n)), array) for n, array in enumerate(arrays)]
    for network in NETWORKS:
        assert _right(network, next(arrangements(network, found)))


def test_a_slope_for_all_channels() -> None:
    found = [
        Tensor(t.path, np.full(1, 0.25, np.float32)) if "prelu" in t.path[1] else t
        for t in _tensors(RNET)
    ]
    parts = next(arrangements(RNET, found))
    slopes = [each.slope for each in parts if each.slope is not None]
    assert [slope.tolist() for slope in slopes] == [[0.25] * n for n in (28, 48, 64, 128)]


def test_what_training_leaves_behind_is_left_alone() -> None:
    found = _tensors(PNET)
    moments = [Tensor(("f", "optimizer", *t.path[1:]), t.array * 0.1) for t in found]
    model = [Tensor(("f", "model", *t.path[1:]), t.array) for t in found]
    assert _right(PNET, next(arrangements(PNET, moments + model)))


@pytest.mark.parametrize("place", [0, 2, 13])
def test_landmarks_of_the_first_networks_are_left_alone(place: int) -> None:
    extra = [
        Tensor(("pnet", "conv4_3", "weight"), np.ones((10, 32, 1, 1), np.float32)),
        Tensor(("pnet", "conv4_3", "bias"), np.ones(10, np.float32)),
    ]
    found = _tensors(PNET)
    found[place:place] = extra  # after the first bias, which is as long as that of landmarks
    assert _right(PNET, next(arrangements(PNET, found)))


def _without(network: Network, *path: str) -> list[Tensor]:
    return [t for t in _tensors(network) if t.path[1:] != path]


def test_a_missing_weight_is_named() -> None:
    with pytest.raises(WeightsError, match=r"no array has the shape \(16, 10, 3, 3\) of .* conv2"):
        list(arrangements(PNET, _without(PNET, "conv2", "weight")))


def test_a_missing_bias_is_named() -> None:
    with pytest.raises(WeightsError, match="hold no bias for pnet's boxes"):
        list(arrangements(PNET, _without(PNET, "boxes", "bias")))


def test_a_missing_slope_is_named() -> None:
    found = [t for t in _tensors(PNET) if t.path[1] != "prelu2"]
    with pytest.raises(WeightsError, match="hold no slope for pnet's conv2"):
        list(arrangements(PNET, found))


def test_two_weights_for_one_layer_are_refused() -> None:
    found = _tensors(PNET)
    other: NDArray[np.float32] = found[0].array + 1
    with pytest.raises(WeightsError, match=r"both .* and .* could be pnet's conv1"):
        list(arrangements(PNET, [*found, Tensor(("other", "x"), other)]))


def _tensors(network: Network) -> list[Tensor]:
    return tensors(network, laid_out(network))
