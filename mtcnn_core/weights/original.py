"""The original weights of Zhang et al. (2016), from the installed ``mtcnn`` 1.0.0 wheel."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.architecture import NETWORKS, Network
from mtcnn_core.weights.arrays import Arrays, Weights
from mtcnn_core.weights.errors import WeightsError

# SHA-256 of the files in the wheel: `import` takes other files too, the default only these.
_WHEEL_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}


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
            f"cannot read the weights '{path}': reinstall them with `pip install 'mtcnn==1.0.0'`"
        ) from error
    if hashlib.sha256(data).hexdigest() != _WHEEL_SHA256[network.name]:
        raise WeightsError(
            f"'{path}' is not the file of mtcnn 1.0.0: reinstall it with "
            "`pip install --force-reinstall --no-deps 'mtcnn==1.0.0'`"
        )
    # Imported here: imported weights are read without it.
    from mtcnn_core.weights.pickles.joblib_lz4 import read_lz4

    return _from_keras_order(network, [tensor.array for tensor in read_lz4(data, path.name)])


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
