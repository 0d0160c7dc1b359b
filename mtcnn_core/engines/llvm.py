"""Machine code for the processor at hand, compiled by LLVM: the fastest on a CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtcnn_core.engines.engine import Device, Engine, Runtime, StartedNetwork
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.engines.onnxruntime import DEVICES
from mtcnn_core.engines.tiles import Strips
from mtcnn_core.kernels import presence
from mtcnn_core.weights.errors import reason

if TYPE_CHECKING:
    from mtcnn_core.weights import Network, Weights

_NAME = "llvm"
# A strip repeats four rows of P-Net's first two layers of the one before, and bounds the memory of
# large photos. Batches of 4 take R-Net 1.3 times as long a crop as batches of 48, O-Net 1.06 times.
_DEVICE = replace(
    DEVICES["cpu"],
    runtimes=dict.fromkeys(("pnet", "rnet", "onet"), Runtime(_NAME, "CPU")),
    tiling=Strips(cells=200_000),
    crops={"rnet": 48, "onet": 16},
)


class Llvm(Engine):
    """The programs of :mod:`mtcnn_core.kernels`."""

    name = _NAME
    devices = ("cpu",)
    automatic = ("cpu",)
    packages = ("llvmlite",)
    install = "pip install --force-reinstall llvmlite"

    def problem(self) -> str | None:
        """Returns why programs cannot be compiled here; None where they can."""
        return presence.problem()

    def device(self, name: str, precision: str) -> Device:
        """Returns the shapes that suit the programs, which know one device and precision."""
        return _DEVICE

    def start(self, network: Network, weights: Weights, runtime: Runtime) -> StartedNetwork:
        """Starts a network; see :meth:`mtcnn_core.engines.engine.Engine.start`."""
        if problem := self.problem():
            raise self._failure(problem)
        from mtcnn_core.kernels.networks import start  # which imports llvmlite

        try:
            return start(network, weights)
        except RuntimeError as error:  # the compiler's word for whatever it does not like
            raise self._failure(reason(error)) from error

    def _failure(self, problem: str) -> DeviceError:
        return DeviceError(
            f"llvm cannot compute here ({problem}): {self.install}, or leave --engine away"
        )
