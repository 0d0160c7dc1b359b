"""OpenVINO: R-Net and O-Net, in bfloat16 where asked for, and models in ``.xml`` files.

Precision bf16 computes R-Net and O-Net in bfloat16: WIDER FACE AP within 0.002; bf16-all P-Net too:
an AP up to 0.005 lower. Against ONNX Runtime they take 0.86 and 0.77 of the time a photo; machine
code of LLVM, in float32, half.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mtcnn_core.engines.engine import Device, Engine, Port, Runtime, StartedModel, StartedNetwork
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.engines.onnxruntime import CPU, DEVICES
from mtcnn_core.engines.tiles import FixedTiles
from mtcnn_core.weights.errors import ModelError, reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtcnn_core.weights import Network, Weights

_NAME = "openvino"
_F32 = Runtime(_NAME, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
_BF16 = Runtime(_NAME, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})

# ms a photo of WIDER FACE on one core with AVX512_BF16. In bfloat16 R-Net takes 8.7 for the 12.7
# of ONNX Runtime, O-Net 4.2 for 6.8, P-Net 14.5 for 18.4; in float32 no less than there, and P-Net
# more (26 for 22.6). R-Net in batches of 8 takes 1.15 of its time in batches of 32,
# O-Net in batches of 16 1.07 of that in batches of 4.
_DEVICE = replace(DEVICES["cpu"], crops={"rnet": 32, "onet": 4}, full_batches=True)
_TILES = FixedTiles(heights=(80, 20), widths=(192, 80, 32))

_OPTIONS = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    # Otherwise every worker process computes on the first core.
    "ENABLE_CPU_PINNING": False,
}
# The logits of P-Net in bfloat16 are off by 0.023 in place of 0.034 (root mean square near 0).
_CENTRE = 128


class OpenVino(Engine):
    """OpenVINO, which leaves P-Net to ONNX Runtime unless that is in bfloat16."""

    name = _NAME
    devices = ("cpu",)
    precisions = ("f32", "bf16", "bf16-all")
    formats = (".xml", ".onnx")
    packages = ("openvino",)
    install = "pip install 'mtcnn-ray[openvino]'"

    def problem(self) -> str | None:
        """Returns why OpenVINO cannot be imported; None where it can."""
        try:
            _core()
        except DeviceError as error:
            return reason(error)
        return None

    def device(self, name: str, precision: str) -> Device:
        """Returns the shapes that suit OpenVINO in a precision."""
        if precision == "bf16-all":
            runtimes = dict.fromkeys(("pnet", "rnet", "onet"), _BF16)
            return replace(_DEVICE, runtimes=runtimes, tiling=_TILES)
        crops = _BF16 if precision == "bf16" else _F32
        return replace(_DEVICE, runtimes={"pnet": CPU, "rnet": crops, "onet": crops})

    def start(self, network: Network, weights: Weights, runtime: Runtime) -> StartedNetwork:
        """Starts a network; see :meth:`mtcnn_core.engines.engine.Engine.start`."""
        return OpenVinoNetwork(network, weights, runtime)

    def open_model(
        self, graph: bytes, weights: bytes, runtime: Runtime, batch: int | None = None
    ) -> StartedModel:
        """Opens a model's file; see :meth:`mtcnn_core.engines.engine.Engine.open_model`."""
        return OpenVinoModel(graph, weights, runtime, batch)


class OpenVinoNetwork:
    """One network, compiled anew for each shape of images, of which there should be few.

    A fixed shape is worth its 23 ms of compiling: with shapes left open, a strip takes P-Net in
    bfloat16 2.5 ms in place of 1.7, and one of a new shape 0.6 ms more.

    Args:
        network: The architecture.
        weights: Arrays of all three networks.
        runtime: What computes it.

    Raises:
        DeviceError: OpenVINO is not installed, or the processor has no bfloat16.
    """

    def __init__(self, network: Network, weights: Weights, runtime: Runtime) -> None:
        # Imported here: it reads the cache, which whoever only asks for names need not have.
        from mtcnn_core.engines.graphs import graph_bytes

        self._core = _start_core(runtime)
        self._runtime = runtime
        self._graph = graph_bytes(network, weights, centre=_CENTRE)
        self._requests: dict[tuple[int, ...], Any] = {}

    def run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the network; see :class:`mtcnn_core.engines.engine.StartedNetwork`."""
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
        return _compiled(self._core, model, self._runtime)


class OpenVinoModel:
    """A model from a file, compiled when it is run for the first time.

    Args:
        graph: Contents of the ``.xml`` or ``.onnx`` file.
        weights: Contents of the ``.bin`` file beside an ``.xml``.
        runtime: What computes it.
        batch: First side of its only input, where the model takes another than its own.

    Attributes:
        inputs: What it takes.
        outputs: How many arrays it gives.

    Raises:
        ModelError: The files hold no model.
        DeviceError: OpenVINO is not installed, or the processor has no bfloat16.
    """

    def __init__(
        self, graph: bytes, weights: bytes, runtime: Runtime, batch: int | None = None
    ) -> None:
        import numpy as np

        self._core = _start_core(runtime)
        self._runtime = runtime
        try:
            self._model = self._core.read_model(graph, weights)
        except RuntimeError as error:
            raise ModelError("OpenVINO cannot read it; get both of its files again") from error
        if batch is not None and len(self._model.inputs) == 1:
            self._model = _rebatched(self._core, self._model, (graph, weights), batch)
        self.inputs: Sequence[Port] = [
            Port(_sides(port.get_partial_shape()), np.dtype(port.get_element_type().to_dtype()))
            for port in self._model.inputs
        ]
        self.outputs = len(self._model.outputs)

    @functools.cached_property
    def _request(self) -> Any:
        return _compiled(self._core, self._model, self._runtime)

    def run(self, blob: NDArray[Any]) -> NDArray[Any]:
        """Runs the model; see :class:`mtcnn_core.engines.engine.StartedModel`."""
        return self.run_all(blob)[0]

    def run_all(self, blob: NDArray[Any]) -> list[NDArray[Any]]:
        """Runs the model; see :class:`mtcnn_core.engines.engine.StartedModel`."""
        try:
            # The blob is not copied.
            found = self._request.infer([blob], share_inputs=True)
        except RuntimeError as error:
            raise ModelError("OpenVINO cannot compute it; give another model") from error
        return [found[number] for number in range(self.outputs)]


def _start_core(runtime: Runtime) -> Any:
    """Returns OpenVINO itself; raises a DeviceError where it cannot compute what is asked for."""
    core = _core()
    wanted = str(runtime.options.get("INFERENCE_PRECISION_HINT", "f32")).upper()
    able = core.get_property(runtime.provider, "OPTIMIZATION_CAPABILITIES")
    if wanted == "BF16" and wanted not in able:
        raise DeviceError("this processor does not compute in bfloat16: use --precision f32")
    return core


def _rebatched(core: Any, model: Any, files: tuple[bytes, bytes], batch: int) -> Any:
    """Returns a model for so many images at once; as it is where its operations forbid that."""
    shape = model.input().get_partial_shape()
    if shape.rank.is_dynamic or not len(shape):
        return model
    shape[0] = batch
    try:
        model.reshape(shape)
    except RuntimeError:
        return core.read_model(*files)  # the failure leaves a model that is half reshaped
    return model


def _compiled(core: Any, model: Any, runtime: Runtime) -> Any:
    """Returns what runs a model on the calling thread."""
    options = {**_OPTIONS, **runtime.options}
    return core.compile_model(model, runtime.provider, options).create_infer_request()


@functools.cache
def _core() -> Any:
    """Returns OpenVINO itself, once a process."""
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise DeviceError(f"OpenVINO is not there: {OpenVino.install}") from error
    return openvino.Core()


def _sides(shape: Any) -> list[int | None]:
    """Returns the sides of a shape, None where one is left open."""
    if shape.rank.is_dynamic:
        return []
    return [None if side.is_dynamic else side.get_length() for side in shape]
