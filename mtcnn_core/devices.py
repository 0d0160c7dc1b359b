"""What the networks run on, and how it wants to be fed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

DeviceName = Literal["cpu", "cuda"]


class DeviceError(RuntimeError):
    """The device asked for is not there."""


@dataclass(frozen=True)
class Device:
    """An execution provider of ONNX Runtime and the shapes that suit it.

    Attributes:
        provider: Its name in ONNX Runtime.
        options: Its options.
        install: What to do where it is missing; completes "... is not there: ".
        strip_cells: P-Net runs over strips of about so many cells.
        bucket: Pyramid levels are filled up with black to multiples of this, in pixels, so that
            few shapes occur; what P-Net sees there is dropped.
        crops: Network -> crops a batch.
        full_batches: Whether the last batch is filled up with black, so that one shape occurs.
        cut: Crops cut at once, a bound on their memory.
        photos: Photos whose crops share batches.
    """

    provider: str
    strip_cells: int
    crops: Mapping[str, int]
    options: Mapping[str, str] = field(default_factory=dict)
    install: str = ""
    bucket: int = 1
    full_batches: bool = False
    cut: int = 1024
    photos: int = 1


DEVICES: Mapping[DeviceName, Device] = MappingProxyType(
    {
        # Median of 15 runs on one AVX-512 core. P-Net on a 720x378 level: whole image 10.3 ms,
        # strips of 8 rows 9.8 ms, of 16 to 64 rows 8.9 to 8.3 ms; they also bound the memory of
        # large photos. 256 crops for R-Net: batches of 16 5.7 ms, of 256 7.2 ms; 48 for O-Net:
        # batches of 4 to 16 6.9 ms, of 48 8.3 ms.
        "cpu": Device(
            provider="CPUExecutionProvider",
            strip_cells=24_000,
            crops={"rnet": 16, "onet": 8},
            cut=256,
        ),
        # Not measured: no such device was at hand. A new shape costs a search unless it is
        # heuristic, small batches leave it idle, and levels fit as a whole.
        "cuda": Device(
            provider="CUDAExecutionProvider",
            options={"cudnn_conv_algo_search": "HEURISTIC"},
            install="install onnxruntime-gpu in place of onnxruntime, and a CUDA driver",
            strip_cells=1 << 24,
            crops={"rnet": 1024, "onet": 256},
            bucket=64,
            full_batches=True,
            photos=16,
        ),
    }
)
