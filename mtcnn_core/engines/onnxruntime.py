"""ONNX Runtime: on any processor and on CUDA, and for models in ``.onnx`` files."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mtcnn_core.engines.engine import Device, Engine, Port, Runtime, StartedModel, StartedNetwork
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.engines.tiles import Buckets, Strips
from mtcnn_core.weights.errors import ModelError, reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtcnn_core.weights import Network, Weights

_NAME = "onnxruntime"
CPU = Runtime(_NAME, "CPUExecutionProvider")
_CUDA = Runtime(
    _NAME,
    "CUDAExecutionProvider",
    # Not measured: a new shape costs a search unless it is heuristic.
    options={"cudnn_conv_algo_search": "HEURISTIC"},
    install="install onnxruntime-gpu in place of onnxruntime, and a CUDA driver",
)

DEVICES: Mapping[str, Device] = MappingProxyType(
    {
        # Median of 15 runs on one AVX-512 core. P-Net on a 720x378 level: whole image 10.3 ms,
        # strips of 8 rows 9.8 ms, of 16 to 64 rows 8.9 to 8.3 ms; they also bound the memory of
        # large photos. 256 crops for R-Net: batches of 16 5.7 ms, of 256 7.2 ms; 48 for O-Net:
        # batches of 4 to 16 6.9 ms, of 48 8.3 ms. On a Zen 4, whose AVX-512 is half as wide: 16
        # 13.0 ms, 128 17.7; 4 16.3 ms, 8 18.4, 16 19.5; with all its cores at work, strips of
        # 12,000 cells take 0.93 of the time of 24,000: what lies between two layers is in reach.
        "cpu": Device(
            runtimes=dict.fromkeys(("pnet", "rnet", "onet"), CPU),
            tiling=Strips(cells=12_000),
            crops={"rnet": 16, "onet": 4},
            cut=256,
        ),
        # Not measured: no such device was at hand. Small batches leave it idle, and levels fit as
        # a whole.
        "cuda": Device(
            runtimes=dict.fromkeys(("pnet", "rnet", "onet"), _CUDA),
            tiling=Buckets(cells=32, largest=4096),
            crops={"rnet": 1024, "onet": 256},
            full_batches=True,
            photos=16,
        ),
    }
)

# What ONNX Runtime calls the types that a model of images may take -> what NumPy calls them.
_TYPES: Mapping[str, str] = MappingProxyType(
    {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
)


class OnnxRuntime(Engine):
    """ONNX Runtime, which computes the graphs of :mod:`mtcnn_core.engines.networks`."""

    name = _NAME
    devices = tuple(DEVICES)
    automatic = devices
    formats = (".onnx",)
    packages = ("onnxruntime",)
    install = "pip install onnxruntime"

    def problem(self) -> str | None:
        """Returns why ONNX Runtime cannot be imported; None where it can."""
        try:
            library()
        except ImportError as error:
            return reason(error)
        return None

    def device(self, name: str, precision: str) -> Device:
        """Returns the shapes that suit ONNX Runtime on a device."""
        return DEVICES[name]

    def start(self, network: Network, weights: Weights, runtime: Runtime) -> StartedNetwork:
        """Starts a network; see :meth:`mtcnn_core.engines.engine.Engine.start`."""
        # Imported here: it reads the cache, which whoever only asks for names need not have.
        from mtcnn_core.engines.graphs import graph_bytes

        return OnnxNetwork(graph_bytes(network, weights), runtime)

    def open_model(
        self, graph: bytes, weights: bytes, runtime: Runtime, batch: int | None = None
    ) -> StartedModel:
        """Opens an ``.onnx`` file; see :meth:`mtcnn_core.engines.engine.Engine.open_model`.

        A first side that is open takes any batch, and one that is not is left as it is.
        """
        return OnnxModel(graph, runtime)


class OnnxNetwork:
    """One network of the cascade, for images of any shape.

    Args:
        graph: The network as :func:`mtcnn_core.engines.graphs.graph_bytes` gives it.
        runtime: What computes it.

    Raises:
        DeviceError: The device is not there.
    """

    def __init__(self, graph: bytes, runtime: Runtime) -> None:
        self._session = start_session(graph, runtime)

    def run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the network; see :class:`mtcnn_core.engines.engine.StartedNetwork`."""
        heads: NDArray[np.float32] = self._session.run(["heads"], {"image": images})[0]
        return heads


class OnnxModel:
    """A model from an ``.onnx`` file.

    Args:
        graph: Contents of the file.
        runtime: What computes it.

    Attributes:
        inputs: What it takes.
        outputs: How many arrays it gives.

    Raises:
        ModelError: The file holds no model.
        DeviceError: The device is not there.
    """

    def __init__(self, graph: bytes, runtime: Runtime) -> None:
        import numpy as np

        try:
            self._session = start_session(graph, runtime)
        except DeviceError:
            raise
        except Exception as error:  # of a class of its own for each reason
            raise ModelError("ONNX Runtime cannot read it; give another model") from error
        inputs = self._session.get_inputs()
        self.inputs: Sequence[Port] = [
            Port(
                [side if isinstance(side, int) else None for side in each.shape],
                np.dtype(_TYPES.get(each.type, "object")),
            )
            for each in inputs
        ]
        self.outputs = len(self._session.get_outputs())
        self._names = [each.name for each in inputs]

    def run(self, blob: NDArray[Any]) -> NDArray[Any]:
        """Runs the model; see :class:`mtcnn_core.engines.engine.StartedModel`."""
        return self.run_all(blob)[0]

    def run_all(self, blob: NDArray[Any]) -> list[NDArray[Any]]:
        """Runs the model; see :class:`mtcnn_core.engines.engine.StartedModel`."""
        try:
            outputs: list[NDArray[Any]] = self._session.run(None, {self._names[0]: blob})
        except Exception as error:
            raise ModelError("ONNX Runtime cannot compute it; give another model") from error
        return outputs


@functools.cache
def library() -> Any:
    """Returns ONNX Runtime itself; importing it takes a tenth of a second."""
    # Else ONNX Runtime 1.29 and newer report their use to their makers, and leave a file with an
    # identifier in the temporary folder. Read when it is imported; whoever wants it sets 0.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def start_session(graph: bytes, runtime: Runtime) -> Any:
    """Starts ONNX Runtime on one thread and returns its ``InferenceSession``.

    Args:
        graph: A model.
        runtime: What computes it.

    Raises:
        DeviceError: The library or the device is not there.
    """
    try:
        ort = library()
    except ImportError as error:
        raise DeviceError(
            f"onnxruntime cannot compute here ({reason(error)}): {OnnxRuntime.install}"
        ) from error
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
