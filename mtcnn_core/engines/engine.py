"""What an engine has to say of itself and what it has to do.

Importing this module, and the module of any engine, imports no library that computes: the
configuration asks engines for their names and what they take.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from mtcnn_core.engines.tiles import Tiling
from mtcnn_core.weights.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtcnn_core.weights import Network, Weights


@dataclass(frozen=True)
class Runtime:
    """What computes a network.

    Attributes:
        engine: The engine's name.
        provider: Execution provider of ONNX Runtime, or device of the others.
        options: Options of the provider or device.
        install: What to do where it is missing; completes "... is not there: ".
    """

    engine: str
    provider: str
    options: Mapping[str, str] = field(default_factory=dict)
    install: str = ""


@dataclass(frozen=True)
class Device:
    """What computes the networks, and the shapes that suit it.

    Attributes:
        runtimes: Network -> what computes it.
        tiling: How P-Net's levels are cut.
        crops: Network -> crops a batch.
        full_batches: Whether the last batch is filled up with black, so that one shape occurs.
        cut: Crops cut at once, a bound on their memory.
        photos: Photos whose crops share batches.
    """

    runtimes: Mapping[str, Runtime]
    tiling: Tiling
    crops: Mapping[str, int]
    full_batches: bool = False
    cut: int = 1024
    photos: int = 1


class StartedNetwork(Protocol):
    """One network of the cascade, ready to run on one thread."""

    def run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the network.

        Args:
            images: As :func:`mtcnn_core.engines.networks.build_graph` says.

        Returns:
            The network's heads; they may be overwritten by the next run.
        """


class Port(NamedTuple):
    """One input of a model from a file.

    Attributes:
        shape: Sides of the array it takes, None where a side is left open.
        dtype: Type of the array.
    """

    shape: Sequence[int | None]
    dtype: np.dtype[Any]


class StartedModel(Protocol):
    """A model from a file, ready to run on one thread.

    Attributes:
        inputs: What it takes.
        outputs: How many arrays it gives.
    """

    inputs: Sequence[Port]
    outputs: int

    def run(self, blob: NDArray[Any]) -> NDArray[Any]:
        """Runs the model on its only input and returns its first output.

        Raises:
            mtcnn_core.weights.errors.ModelError: The model cannot be computed.
        """

    def run_all(self, blob: NDArray[Any]) -> list[NDArray[Any]]:
        """Runs the model on its only input and returns all outputs, in its order.

        Raises:
            mtcnn_core.weights.errors.ModelError: The model cannot be computed.
        """


class Engine(ABC):
    """A library that computes networks, as the list of engines knows it.

    Attributes:
        name: What users call it, as in ``--engine``.
        devices: What it runs on.
        precisions: What it computes in, the usual one first.
        automatic: Devices on which ``auto`` may take it.
        formats: Endings of the files whose models it opens.
        packages: Distributions whose versions decide what it computes.
        install: How to get the library.
    """

    name: ClassVar[str]
    devices: ClassVar[tuple[str, ...]]
    precisions: ClassVar[tuple[str, ...]] = ("f32",)
    automatic: ClassVar[tuple[str, ...]] = ()
    formats: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]]
    install: ClassVar[str]

    @abstractmethod
    def problem(self) -> str | None:
        """Returns why the engine cannot compute here, in a few words; None where it can."""

    @abstractmethod
    def device(self, name: str, precision: str) -> Device:
        """Returns what computes the three networks, and the shapes that suit it.

        Args:
            name: One of :attr:`devices`.
            precision: One of :attr:`precisions`.
        """

    @abstractmethod
    def start(self, network: Network, weights: Weights, runtime: Runtime) -> StartedNetwork:
        """Starts a network of the cascade.

        Args:
            network: The architecture.
            weights: Arrays of all three networks.
            runtime: What :meth:`device` says of the network.

        Raises:
            mtcnn_core.engines.errors.DeviceError: The library or the device is not there.
        """

    def open_model(
        self, graph: bytes, weights: bytes, runtime: Runtime, batch: int | None = None
    ) -> StartedModel:
        """Opens a model from a file.

        Args:
            graph: Contents of a file in one of :attr:`formats`.
            weights: Contents of the file beside it, if the format has one.
            runtime: What computes it.
            batch: Length of the input's first side, if the engine can change it; what became of it
                is in :attr:`StartedModel.inputs`. None leaves it as it is in the file.

        Raises:
            mtcnn_core.engines.errors.DeviceError: The library or the device is not there.
            mtcnn_core.weights.errors.ModelError: The file is damaged or no model.
        """
        raise ModelError(f"{self.name} opens no files; give another model")
