"""Where weights come from: the original ones of Zhang et al. (2016), as named arrays.

The arrays of one network are named ``<layer>.weight``, ``<layer>.bias`` and ``<layer>.slope``
(PReLU). Kernels are ``(out, in, h, w)`` for upright images, dense weights ``(out, in)`` with the
input flattened as (channel, row, column), heads in the order class, boxes, landmarks. Whatever
format the weights are read from, they end as exactly this and are checked against it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import joblib
import lz4.frame
import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.float32]]


class WeightsError(RuntimeError):
    """The weights are missing, damaged or not those of the cascade."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network: what it computes and the pooling that follows it.

    Attributes:
        name: Prefix of its arrays.
        shape: Of the weight: ``(out, in, h, w)`` for a convolution, ``(out, in)`` for a dense
            layer.
        pool: Side of the max-pooling window after the activation (stride 2, ceil), 0 for none.
    """

    name: str
    shape: tuple[int, ...]
    pool: int = 0


@dataclass(frozen=True)
class Network:
    """The architecture of one stage.

    Attributes:
        name: ``pnet``, ``rnet`` or ``onet``.
        side: Input side in pixels.
        body: Layers in order, each followed by a PReLU.
        heads: Layers that read the body's output; no activation.
    """

    name: str
    side: int
    body: tuple[Layer, ...]
    heads: tuple[Layer, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Body and heads."""
        return self.body + self.heads


PNET = Network(
    "pnet",
    12,
    body=(
        Layer("conv1", (10, 3, 3, 3), pool=2),
        Layer("conv2", (16, 10, 3, 3)),
        Layer("conv3", (32, 16, 3, 3)),
    ),
    heads=(Layer("score", (2, 32, 1, 1)), Layer("boxes", (4, 32, 1, 1))),
)
RNET = Network(
    "rnet",
    24,
    body=(
        Layer("conv1", (28, 3, 3, 3), pool=3),
        Layer("conv2", (48, 28, 3, 3), pool=3),
        Layer("conv3", (64, 48, 2, 2)),
        Layer("dense", (128, 576)),
    ),
    heads=(Layer("score", (2, 128)), Layer("boxes", (4, 128))),
)
ONET = Network(
    "onet",
    48,
    body=(
        Layer("conv1", (32, 3, 3, 3), pool=3),
        Layer("conv2", (64, 32, 3, 3), pool=3),
        Layer("conv3", (64, 64, 3, 3), pool=2),
        Layer("conv4", (128, 64, 2, 2)),
        Layer("dense", (256, 1152)),
    ),
    heads=(Layer("score", (2, 256)), Layer("boxes", (4, 256)), Layer("landmarks", (10, 256))),
)
NETWORKS = (PNET, RNET, ONET)

# SHA-256 of the files in the `mtcnn` 1.0.0 wheel. They are pickles: nothing else is unpickled.
_WHEEL_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}


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


@functools.cache
def load_default() -> Weights:
    """Reads the original weights from the installed ``mtcnn`` 1.0.0 wheel.

    The package itself is not imported (that needs TensorFlow).

    Raises:
        WeightsError: The wheel is not installed or its files are not the pinned ones.
    """
    return Weights(MappingProxyType({n.name: _read_wheel(n) for n in NETWORKS}))


def _read_wheel(network: Network) -> Arrays:
    try:
        wheel = importlib.metadata.distribution("mtcnn")
    except importlib.metadata.PackageNotFoundError as error:
        raise WeightsError(
            "the weights are missing: install them with `pip install 'mtcnn==1.0.0'`"
        ) from error
    path = Path(str(wheel.locate_file(f"mtcnn/assets/weights/{network.name}.lz4")))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"cannot read the weights {path}: reinstall them with `pip install 'mtcnn==1.0.0'`"
        ) from error
    if hashlib.sha256(data).hexdigest() != _WHEEL_SHA256[network.name]:
        raise WeightsError(
            f"{path} is not the file of mtcnn 1.0.0: reinstall it with "
            "`pip install --force-reinstall --no-deps 'mtcnn==1.0.0'`"
        )
    return _from_keras_order(network, joblib.load(io.BytesIO(lz4.frame.decompress(data))))


def _from_keras_order(network: Network, values: list[NDArray[np.float32]]) -> Arrays:
    """Names the wheel's list of arrays: weight, bias, slope a layer; HWIO; heads boxes first."""
    remaining = iter(values)
    arrays: dict[str, NDArray[np.float32]] = {}
    previous = network.body[0]
    heads = sorted(network.heads, key=lambda h: ("boxes", "landmarks", "score").index(h.name))
    for layer in (*network.body, *heads):
        weight = next(remaining)
        if weight.ndim == 4:
            weight = weight.transpose(3, 2, 0, 1)
        else:
            if len(previous.shape) == 4:  # the wheel flattens as (column, row, channel)
                channels = previous.shape[0]
                side = round((len(weight) / channels) ** 0.5)
                weight = weight.reshape(side, side, channels, -1).transpose(2, 1, 0, 3)
            weight = weight.reshape(-1, weight.shape[-1]).T
        arrays[f"{layer.name}.weight"] = np.ascontiguousarray(weight)
        arrays[f"{layer.name}.bias"] = next(remaining)
        if layer in network.body:
            arrays[f"{layer.name}.slope"] = next(remaining).reshape(-1)
        previous = layer
    return MappingProxyType(arrays)
