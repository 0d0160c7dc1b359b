"""What the networks run on, and how it wants to be fed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from mtcnn_core.tiles import Buckets, FixedTiles, Strips, Tiling

DeviceName = Literal["cpu", "cuda"]
EngineName = Literal["auto", "llvm", "onnxruntime", "openvino"]
Precision = Literal["f32", "bf16", "bf16-all"]


class DeviceError(RuntimeError):
    """The device asked for is not there."""


@dataclass(frozen=True)
class Runtime:
    """What computes a network.

    Attributes:
        engine: The library.
        provider: Execution provider of ONNX Runtime, or device of the others.
        options: Of the provider or device.
        install: What to do where it is missing; completes "... is not there: ".
    """

    engine: EngineName
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


_ORT_CPU = Runtime("onnxruntime", "CPUExecutionProvider")
_ORT_CUDA = Runtime(
    "onnxruntime",
    "CUDAExecutionProvider",
    # Not measured: a new shape costs a search unless it is heuristic.
    options={"cudnn_conv_algo_search": "HEURISTIC"},
    install="install onnxruntime-gpu in place of onnxruntime, and a CUDA driver",
)
_F32 = Runtime("openvino", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
_BF16 = Runtime("openvino", "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})

# With ONNX Runtime.
DEVICES: Mapping[DeviceName, Device] = MappingProxyType(
    {
        # Median of 15 runs on one AVX-512 core. P-Net on a 720x378 level: whole image 10.3 ms,
        # strips of 8 rows 9.8 ms, of 16 to 64 rows 8.9 to 8.3 ms; they also bound the memory of
        # large photos. 256 crops for R-Net: batches of 16 5.7 ms, of 256 7.2 ms; 48 for O-Net:
        # batches of 4 to 16 6.9 ms, of 48 8.3 ms. On a Zen 4, whose AVX-512 is half as wide: 16
        # 13.0 ms, 128 17.7; 4 16.3 ms, 8 18.4, 16 19.5; with all its cores at work, strips of
        # 12,000 cells take 0.93 of the time of 24,000: what lies between two layers is in reach.
        "cpu": Device(
            runtimes=dict.fromkeys(("pnet", "rnet", "onet"), _ORT_CPU),
            tiling=Strips(cells=12_000),
            crops={"rnet": 16, "onet": 4},
            cut=256,
        ),
        # Not measured: no such device was at hand. Small batches leave it idle, and levels fit as
        # a whole.
        "cuda": Device(
            runtimes=dict.fromkeys(("pnet", "rnet", "onet"), _ORT_CUDA),
            tiling=Buckets(cells=32, largest=4096),
            crops={"rnet": 1024, "onet": 256},
            full_batches=True,
            photos=16,
        ),
    }
)

# A strip repeats four rows of P-Net's first two layers of the one before, and bounds the memory of
# large photos. Batches of 4 take R-Net 1.3 times as long a crop as batches of 48, O-Net 1.06 times.
_LLVM = replace(
    DEVICES["cpu"],
    runtimes=dict.fromkeys(("pnet", "rnet", "onet"), Runtime("llvm", "CPU")),
    tiling=Strips(cells=200_000),
    crops={"rnet": 48, "onet": 16},
)

# ms a photo of WIDER FACE on one core with AVX512_BF16. In bfloat16 R-Net takes 8.7 for the 12.7
# of ONNX Runtime, O-Net 4.2 for 6.8, P-Net 14.5 for 18.4; in float32 no less than there, and P-Net
# more (26 for 22.6). R-Net in batches of 8 takes 1.15 of its time in batches of 32,
# O-Net in batches of 16 1.07 of that in batches of 4.
_OPENVINO = replace(DEVICES["cpu"], crops={"rnet": 32, "onet": 4}, full_batches=True)
_TILES = FixedTiles(heights=(80, 20), widths=(192, 80, 32))


def find_device(name: DeviceName, engine: EngineName, precision: Precision) -> Device:
    """Returns what computes the networks: with "auto" LLVM on the CPU, elsewhere ONNX Runtime."""
    if engine == "onnxruntime" or (engine, name) == ("auto", "cuda"):
        return DEVICES[name]
    if engine in ("auto", "llvm"):
        return _LLVM
    if precision == "bf16-all":
        runtimes = dict.fromkeys(("pnet", "rnet", "onet"), _BF16)
        return replace(_OPENVINO, runtimes=runtimes, tiling=_TILES)
    crops = _BF16 if precision == "bf16" else _F32
    return replace(_OPENVINO, runtimes={"pnet": _ORT_CPU, "rnet": crops, "onet": crops})
