"""The list of engines, and the only way to them.

A new engine is one file in this folder, with a class that fills in
:class:`mtcnn_core.engines.engine.Engine`, and one line in ``ENGINES``. All else follows from its
entry: what ``--engine``, ``--device`` and ``--precision`` take, what goes together, what ``auto``
picks, which engine opens a model's file, what ``bench --against`` compares with and which message
tells how to install the library. A library that pip has to install is a line in pyproject.toml.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from mtcnn_core.engines.engine import Device, Engine, Runtime, StartedNetwork
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.engines.llvm import Llvm
from mtcnn_core.engines.onnxruntime import OnnxRuntime
from mtcnn_core.engines.openvino import OpenVino

if TYPE_CHECKING:
    from mtcnn_core.weights import Network, Weights

# "auto" takes the first that may serve the device and can compute here.
ENGINES: tuple[Engine, ...] = (
    Llvm(),
    OnnxRuntime(),
    OpenVino(),
)
AUTO = "auto"
# The precision that every engine computes in.
EXACT = "f32"

_log = logging.getLogger(__name__)

# What the settings take: each word once, in the order of the engines.
ENGINE_NAMES = (AUTO, *(engine.name for engine in ENGINES))
DEVICE_NAMES = tuple(dict.fromkeys(name for engine in ENGINES for name in engine.devices))
PACKAGES = tuple(name for engine in ENGINES for name in engine.packages)
PRECISION_NAMES = tuple(dict.fromkeys(name for engine in ENGINES for name in engine.precisions))

if TYPE_CHECKING:
    DeviceName = str
    EngineName = str
    Precision = str
else:
    DeviceName = Literal[DEVICE_NAMES]
    EngineName = Literal[ENGINE_NAMES]
    Precision = Literal[PRECISION_NAMES]


def variants() -> Mapping[str, tuple[EngineName, Precision]]:
    """Returns every engine in every precision, by a name such as "openvino-bf16"."""
    return {
        engine.name if precision == EXACT else f"{engine.name}-{precision}": (
            engine.name,
            precision,
        )
        for engine in ENGINES
        for precision in engine.precisions
    }


def find_engine(name: str) -> Engine:
    """Returns the engine of a name other than "auto"."""
    return next(engine for engine in ENGINES if engine.name == name)


def check_together(device: str, engine: str, precision: str) -> None:
    """Checks that an engine runs on a device and computes in a precision.

    Raises:
        ValueError: It does not; the sentence says what it needs.
    """
    if engine != AUTO and device not in find_engine(engine).devices:
        needed = " or ".join(find_engine(engine).devices)
        raise ValueError(f"engine {engine} needs device {needed}, not {device}")
    known = (EXACT,) if engine == AUTO else find_engine(engine).precisions
    if precision not in known:
        able = " or ".join(each.name for each in ENGINES if precision in each.precisions)
        raise ValueError(f"precision {precision} needs engine {able}")


def find_device(name: DeviceName, engine: EngineName, precision: Precision) -> Device:
    """Returns what computes the networks.

    Args:
        name: The device, such as "cpu".
        engine: The engine; "auto" is the first that may serve the device and can compute here.
        precision: The precision to compute in.
    """
    chosen = _automatic(name) if engine == AUTO else find_engine(engine)
    return chosen.device(name, precision)


def start_engine(network: Network, weights: Weights, runtime: Runtime) -> StartedNetwork:
    """Starts a network of the cascade on the engine that its runtime names.

    Args:
        network: The architecture.
        weights: Arrays of all three networks.
        runtime: What computes it.

    Raises:
        mtcnn_core.engines.errors.DeviceError: The library or the device is not there.
    """
    return find_engine(runtime.engine).start(network, weights, runtime)


def opener(ending: str) -> Engine:
    """Returns the engine that opens models whose files end so, such as ".onnx"."""
    return next(engine for engine in ENGINES if ending in engine.formats)


def find_opener(
    ending: str, engine: EngineName, device: DeviceName, precision: Precision
) -> Engine:
    """Returns the engine that computes a model's file.

    Args:
        ending: How the file's name ends, such as ".onnx".
        engine: The engine; "auto" is the first that opens such files, and computes there and so.
        device: What it is to run on.
        precision: What it is to compute in.

    Raises:
        mtcnn_core.engines.errors.DeviceError: There is none, or not that one.
    """
    openers = [each for each in ENGINES if ending in each.formats]
    for each in openers:
        fits = device in each.devices and precision in each.precisions
        if fits and engine in (AUTO, each.name):
            return each
    able = "; ".join(
        f"{each.name} on {' or '.join(each.devices)} in {' or '.join(each.precisions)}"
        for each in openers
    )
    chosen = "no engine computes" if engine == AUTO else f"engine {engine} does not compute"
    raise DeviceError(f"{chosen} {ending} files on {device} in {precision}: there is {able}")


def check_opens(engine: EngineName, device: DeviceName, precision: Precision) -> None:
    """Checks that models from files can be computed so.

    Raises:
        ValueError: No file can; the sentence says why.
    """
    if engine != AUTO and not find_engine(engine).formats:
        able = " or ".join(each.name for each in ENGINES if each.formats)
        raise ValueError(f"engine {engine} opens no files: it takes {able}")
    endings = {ending for each in ENGINES for ending in each.formats}
    failures = []
    for ending in sorted(endings):
        try:
            find_opener(ending, engine, device, precision)
        except DeviceError as error:
            failures.append(str(error))
        else:
            return
    raise ValueError(failures[0])


def _automatic(device: str) -> Engine:
    *others, last = (each for each in ENGINES if device in each.automatic)
    for engine in others:
        problem = engine.problem()
        if problem is None:
            return engine
        _warn(engine.name, problem, engine.install)
    return last


@functools.cache
def _warn(name: str, problem: str, install: str) -> None:
    """Says once that an engine is passed over."""
    _log.warning(
        "%s cannot compute here (%s), so another engine does, more slowly: %s",
        name,
        problem,
        install,
    )
