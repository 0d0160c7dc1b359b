"""A network in OpenVINO."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.devices import DeviceError, Runtime
from mtcnn_core.graphs import graph_bytes
from mtcnn_core.weights import Network, Weights

_OPTIONS = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    # Otherwise every worker process computes on the first core.
    "ENABLE_CPU_PINNING": False,
}
# The logits of P-Net in bfloat16 are off by 0.023 in place of 0.034 (root mean square near 0).
_CENTRE = 128


class OpenVino:
    """One network, compiled anew for each shape of images, of which there should be few.

    A fixed shape is worth its 23 ms of compiling: with shapes left open, a strip takes P-Net in
    bfloat16 2.5 ms in place of 1.7, and one of a new shape 0.6 ms more.

    Args:
        network: The architecture.
        weights: Its weights.
        runtime: What computes it.

    Raises:
        DeviceError: OpenVINO is not installed, or the processor has no bfloat16.
    """

    def __init__(self, network: Network, weights: Weights, runtime: Runtime) -> None:
        self._core = start_core(runtime)
        self._runtime = runtime
        self._graph = graph_bytes(network, weights, centre=_CENTRE)
        self._requests: dict[tuple[int, ...], Any] = {}

    def run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the network; see :class:`mtcnn_core.engines.Engine`."""
        request = self._requests.get(images.shape)
        if request is None:
            request = self._requests[images.shape] = self._compiled(images.shape)
        # Shared: neither the images nor the heads are copied.
        heads: NDArray[np.float32] = request.infer(
            {"image": images}, share_inputs=True, share_outputs=True
        )[0]
        return heads

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        model = self._core.read_model(self._graph, b"")
        model.reshape({"image": list(shape)})
        return compiled(self._core, model, self._runtime)


def start_core(runtime: Runtime) -> Any:
    """Returns OpenVINO itself.

    Raises:
        DeviceError: It is not installed, or the processor has no bfloat16.
    """
    core = _core()
    wanted = str(runtime.options.get("INFERENCE_PRECISION_HINT", "f32")).upper()
    able = core.get_property(runtime.provider, "OPTIMIZATION_CAPABILITIES")
    if wanted == "BF16" and wanted not in able:
        raise DeviceError("this processor does not compute in bfloat16: use --precision f32")
    return core


def compiled(core: Any, model: Any, runtime: Runtime) -> Any:
    """Returns what runs a model on the calling thread."""
    options = {**_OPTIONS, **runtime.options}
    return core.compile_model(model, runtime.provider, options).create_infer_request()


@functools.cache
def _core() -> Any:
    """OpenVINO itself, once a process."""
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise DeviceError("OpenVINO is not there: pip install 'mtcnn-ray[openvino]'") from error
    return openvino.Core()
