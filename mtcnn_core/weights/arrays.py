"""The arrays of the three networks, checked against their architecture."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.architecture import NETWORKS, Network
from mtcnn_core.weights.errors import WeightsError

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Weights:
    """The arrays of all three networks, checked against the architecture.

    Attributes:
        arrays: Network name -> array name -> float32 array.
    """

    arrays: Mapping[str, Arrays]

    def __post_init__(self) -> None:
        for network in NETWORKS:
            _check(network, self.arrays.get(network.name, {}))

    def __getitem__(self, network: str) -> Arrays:
        return self.arrays[network]

    def __reduce__(self) -> tuple[type[Weights], tuple[dict[str, dict[str, NDArray[np.float32]]]]]:
        # A view of a dict, such as the default weights are, cannot be pickled.
        return Weights, ({name: dict(arrays) for name, arrays in self.arrays.items()},)

    @functools.cached_property
    def digests(self) -> Mapping[str, str]:
        """Network name -> SHA-256 over the names, shapes and bytes of its arrays.

        Two files of different formats that hold the same weights have the same digest.
        """
        return MappingProxyType({network.name: self._digest(network) for network in NETWORKS})

    def _digest(self, network: Network) -> str:
        digest = hashlib.sha256()
        for name, array in sorted(self[network.name].items()):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        return digest.hexdigest()


def _check(network: Network, arrays: Arrays) -> None:
    expected = {}
    for layer in network.layers:
        expected[f"{layer.name}.weight"] = layer.shape
        expected[f"{layer.name}.bias"] = layer.shape[:1]
        if layer in network.body:
            expected[f"{layer.name}.slope"] = layer.shape[:1]
    found = {name: array.shape for name, array in arrays.items()}
    if found != expected:
        wrong = sorted(found.items() ^ expected.items())
        raise WeightsError(f"the arrays do not fit {network.name}: {wrong[0][0]} {wrong[0][1]}")
    for name, array in arrays.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise WeightsError(f"{network.name} {name} is not a finite float32 array")
