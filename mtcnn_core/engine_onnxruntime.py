"""A network in ONNX Runtime."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.devices import DeviceError, Runtime
from mtcnn_core.graphs import graph_bytes
from mtcnn_core.weights import Network, Weights

# Else ONNX Runtime 1.29 and newer report their use to their makers, and leave a file with an
# identifier in the temporary folder. Read when it is imported; whoever wants it sets 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort


class OnnxRuntime:
    """One network, for images of any shape.

    Args:
        network: The architecture.
        weights: Its weights.
        runtime: What computes it.

    Raises:
        DeviceError: The device is not there.
    """

    def __init__(self, network: Network, weights: Weights, runtime: Runtime) -> None:
        self._session = start_session(graph_bytes(network, weights), runtime)

    def run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the network; see :class:`mtcnn_core.engines.Engine`."""
        heads: NDArray[np.float32] = self._session.run(["heads"], {"image": images})[0]
        return heads


def start_session(graph: bytes, runtime: Runtime) -> ort.InferenceSession:
    """Starts ONNX Runtime on one thread.

    Args:
        graph: A model.
        runtime: What computes it.

    Raises:
        DeviceError: The device is not there.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is fatal is raised
    # Shapes vary, so a plan of the memory for each of them would only pile up.
    options.enable_mem_pattern = False
    if runtime.provider not in ort.get_available_providers():
        raise DeviceError(f"{runtime.provider} is not there: {runtime.install}")
    session = ort.InferenceSession(
        graph, options, providers=[(runtime.provider, dict(runtime.options))]
    )
    # Where a provider cannot start, ONNX Runtime takes the CPU without a word.
    if session.get_providers()[0] != runtime.provider:
        raise DeviceError(f"{runtime.provider} does not start here: {runtime.install}")
    return session
