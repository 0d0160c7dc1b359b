"""The arrays of the networks: checked, and told apart by digests."""

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.weights import NETWORKS, Network, WeightsError
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_must_be_finite(network: Network, value: float) -> None:
    weight = load_default()[network.name]["conv1.weight"].copy()
    weight[0, 0, 0, 0] = value
    with pytest.raises(WeightsError, match=rf"{network.name} conv1.weight is not a finite float32"):
        _with(network, **{"conv1.weight": weight})


def test_arrays_must_be_float32() -> None:
    network = NETWORKS[0]
    weight = load_default()["pnet"]["conv1.weight"].astype(np.float64)
    with pytest.raises(WeightsError, match=r"pnet conv1.weight is not a finite float32 array"):
        _with(network, **{"conv1.weight": weight})  # type: ignore[arg-type]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_shapes_must_fit(network: Network) -> None:
    weight = load_default()[network.name]["conv2.weight"]
    with pytest.raises(WeightsError, match=rf"do not fit {network.name}: conv2.weight \("):
        _with(network, **{"conv2.weight": np.ascontiguousarray(weight.swapaxes(0, 1))})


def test_an_unknown_array_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"do not fit rnet: conv9.bias"):
        _with(NETWORKS[1], **{"conv9.bias": np.zeros(3, np.float32)})


def test_a_missing_array_is_refused() -> None:
    arrays = dict(load_default()["onet"])
    del arrays["dense.slope"]
    with pytest.raises(WeightsError, match=r"do not fit onet: dense.slope"):
        Weights({**load_default().arrays, "onet": arrays})


def test_a_missing_network_is_refused() -> None:
    with pytest.raises(WeightsError, match="do not fit onet"):
        Weights({name: load_default()[name] for name in ("pnet", "rnet")})


def test_the_digest_is_of_the_numbers_not_of_their_order_in_memory() -> None:
    arrays = {
        name: np.asfortranarray(array)
        for name, array in reversed(list(load_default()["pnet"].items()))
    }
    assert Weights({**load_default().arrays, "pnet": arrays}).digests == load_default().digests


def test_weights_travel() -> None:
    """As a part of a job, to other machines."""
    found = pickle.loads(pickle.dumps(load_default()))
    assert isinstance(found, Weights)
    assert found.digests == load_default().digests


def test_one_changed_number_changes_one_digest() -> None:
    bias = load_default()["rnet"]["score.bias"].copy()
    bias[0] = np.nextafter(bias[0], np.float32(1))
    changed = _with(NETWORKS[1], **{"score.bias": bias}).digests
    differing = [name for name, digest in load_default().digests.items() if digest != changed[name]]
    assert differing == ["rnet"]


def _with(network: Network, **arrays: NDArray[np.float32]) -> Weights:
    default = load_default()
    return Weights({**default.arrays, network.name: {**default[network.name], **arrays}})
