"""What computes a network: one interface, one file an engine."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.devices import Runtime
from mtcnn_core.weights import PNET, Network, Weights


class Engine(Protocol):
    """One network, ready to run on one thread."""

    def run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the network.

        Args:
            images: As :func:`mtcnn_core.networks.build_graph` says.

        Returns:
            Its heads; they may be overwritten by the next run.
        """


def start_engine(network: Network, weights: Weights, runtime: Runtime) -> Engine:
    """Starts a network.

    Args:
        network: The architecture.
        weights: Its weights.
        runtime: What computes it.

    Raises:
        DeviceError: The device is not there.
    """
    # Imported here: one of them is enough, and OpenVINO need not be installed.
    if runtime.engine == "openvino":
        from mtcnn_core.engine_openvino import OpenVino

        return OpenVino(network, weights, runtime)
    if runtime.engine == "llvm":
        from mtcnn_core.engine_llvm import LlvmCrops, LlvmProposals

        return LlvmProposals(weights) if network is PNET else LlvmCrops(network, weights)
    from mtcnn_core.engine_onnxruntime import OnnxRuntime

    return OnnxRuntime(network, weights, runtime)
