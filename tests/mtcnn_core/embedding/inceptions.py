"""Made-up weights of facenet-pytorch's Inception-ResNet-v1, of the right names and shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.float32]]


def _shapes() -> dict[str, tuple[int, ...]]:
    """Name of a convolution with batch normalisation -> its shape."""
    shapes: dict[str, tuple[int, ...]] = {
        "conv2d_1a": (32, 3, 3, 3),
        "conv2d_2a": (32, 32, 3, 3),
        "conv2d_2b": (64, 32, 3, 3),
        "conv2d_3b": (80, 64, 1, 1),
        "conv2d_4a": (192, 80, 3, 3),
        "conv2d_4b": (256, 192, 3, 3),
        "mixed_6a.branch0": (384, 256, 3, 3),
        "mixed_6a.branch1.0": (192, 256, 1, 1),
        "mixed_6a.branch1.1": (192, 192, 3, 3),
        "mixed_6a.branch1.2": (256, 192, 3, 3),
        "mixed_7a.branch0.0": (256, 896, 1, 1),
        "mixed_7a.branch0.1": (384, 256, 3, 3),
        "mixed_7a.branch1.0": (256, 896, 1, 1),
        "mixed_7a.branch1.1": (256, 256, 3, 3),
        "mixed_7a.branch2.0": (256, 896, 1, 1),
        "mixed_7a.branch2.1": (256, 256, 3, 3),
        "mixed_7a.branch2.2": (256, 256, 3, 3),
    }
    for i in range(5):
        for branch, depth in (("branch0", 0), ("branch1", 2), ("branch2", 3)):
            name = f"repeat_1.{i}.{branch}"
            shapes[name if not depth else f"{name}.0"] = (32, 256, 1, 1)
            for place in range(1, depth):
                shapes[f"{name}.{place}"] = (32, 32, 3, 3)
    for i in range(10):
        shapes |= _crossed(f"repeat_2.{i}", 896, 128, 7)
    for name in [*(f"repeat_3.{i}" for i in range(5)), "block8"]:
        shapes |= _crossed(name, 1792, 192, 3)
    return shapes


def _crossed(name: str, channels: int, filters: int, side: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.branch0": (filters, channels, 1, 1),
        f"{name}.branch1.0": (filters, channels, 1, 1),
        f"{name}.branch1.1": (filters, filters, 1, side),
        f"{name}.branch1.2": (filters, filters, side, 1),
    }


def inception_arrays(rng: np.random.Generator) -> Arrays:
    """Random arrays that keep values in bounds, and the classes of a training beside them."""
    arrays: Arrays = {}

    def norm(name: str, channels: int) -> None:
        arrays[f"{name}.weight"] = rng.uniform(0.8, 1.6, channels).astype(np.float32)
        arrays[f"{name}.bias"] = rng.normal(0, 0.1, channels).astype(np.float32)
        arrays[f"{name}.running_mean"] = rng.normal(0, 0.1, channels).astype(np.float32)
        arrays[f"{name}.running_var"] = rng.uniform(0.5, 1.5, channels).astype(np.float32)

    def weight(name: str, shape: tuple[int, ...]) -> None:
        spread = float(np.prod(shape[1:])) ** -0.5
        arrays[name] = (rng.standard_normal(shape, np.float32) * spread).astype(np.float32)

    for name, shape in _shapes().items():
        weight(f"{name}.conv.weight", shape)
        norm(f"{name}.bn", shape[0])
    residuals = [*((f"repeat_1.{i}", 256, 96) for i in range(5))]
    residuals += [(f"repeat_2.{i}", 896, 256) for i in range(10)]
    residuals += [(f"repeat_3.{i}", 1792, 384) for i in range(5)] + [("block8", 1792, 384)]
    for name, out, channels in residuals:
        weight(f"{name}.conv2d.weight", (out, channels, 1, 1))
        arrays[f"{name}.conv2d.bias"] = rng.normal(0, 0.1, out).astype(np.float32)
    weight("last_linear.weight", (512, 1792))
    norm("last_bn", 512)
    weight("logits.weight", (10, 512))
    return arrays
