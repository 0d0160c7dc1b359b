"""Networks computed the plain, slow way in NumPy, from the arrays of their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

# Filters of dlib's blocks, and whether a block halves the map.
DLIB_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False), (256, True)],
)


def convolution(
    x: Doubles, weight: Doubles, stride: int = 1, padding: tuple[int, int] = (0, 0)
) -> Doubles:
    """``(in, h, w)`` -> ``(out, h, w)``."""
    rows, columns = padding
    x = np.pad(x, ((0, 0), (rows, rows), (columns, columns)))
    views = sliding_window_view(x, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(weight, views, axes=([1, 2, 3], [0, 3, 4]))


def pooled(x: Doubles, side: int, how: str) -> Doubles:
    """Windows of a side, two apart."""
    views = sliding_window_view(x, (side, side), axis=(1, 2))[:, ::2, ::2]
    result: Doubles = views.max(axis=(3, 4)) if how == "max" else views.mean(axis=(3, 4))
    return result


def relu(x: Doubles) -> Doubles:
    return np.maximum(x, 0)


class DlibArrays:
    """All float arrays of dlib's file, found by what dlib writes before them."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> Doubles:
        for at in range(self._at, len(self._data)):
            # version 2, then a number of one to four bytes
            if self._data[at : at + 2] != b"\x01\x02":
                continue
            sides, place = [], at + 2
            for _ in range(4):
                length = self._data[place] & 15
                sides.append(int.from_bytes(self._data[place + 1 : place + 1 + length], "little"))
                place += 1 + length
            if int(np.prod(sides)) == count:
                self._at = place + 4 * count
                return np.frombuffer(self._data, "<f4", count, place).astype(np.float64)
        raise AssertionError(f"no array of {count} numbers")

    def layer(self, x: Doubles, out: int, side: int, stride: int, padding: int) -> Doubles:
        """A convolution and the affine layer behind it."""
        count = out * len(x) * side * side
        numbers = self.take(count + out)
        gamma, beta = self.take(2 * out).reshape(2, out, 1, 1)
        weight = numbers[:count].reshape(out, len(x), side, side)
        y = convolution(x, weight, stride, (padding, padding)) + numbers[count:, None, None]
        return gamma * y + beta


def _grown(x: Doubles, shape: Sequence[int]) -> Doubles:
    return np.pad(x, [(0, want - side) for side, want in zip(x.shape, shape, strict=True)])


def dlib_vector(data: bytes, crop: NDArray[np.uint8]) -> Doubles:
    """What dlib's network makes of a crop of 150 pixels, uint8 ``(150, 150, 3)`` RGB."""
    arrays = DlibArrays(data)
    x = ((crop.astype(np.float64) - (122.782, 117.001, 104.298)) / 256).transpose(2, 0, 1)
    x = pooled(relu(arrays.layer(x, 32, 7, 2, 0)), 3, "max")
    for filters, halves in DLIB_BLOCKS:
        y = relu(arrays.layer(x, filters, 3, 2 if halves else 1, 0 if halves else 1))
        y = arrays.layer(y, filters, 3, 1, 1)
        shortcut = pooled(x, 2, "mean") if halves else x
        shape = np.maximum(y.shape, shortcut.shape).tolist()
        x = relu(_grown(y, shape) + _grown(shortcut, shape))
    vector: Doubles = x.mean(axis=(1, 2)) @ arrays.take(256 * 128).reshape(256, 128)
    return vector


class Inception:
    """facenet-pytorch's network, layer by layer as its source has them."""

    def __init__(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._arrays = {name: array.astype(np.float64) for name, array in arrays.items()}

    def vector(self, x: Doubles) -> Doubles:
        """``(3, 160, 160)`` -> 512 numbers, before they are normalised."""
        x = self._conv(x, "conv2d_1a", 2)
        x = self._conv(self._conv(x, "conv2d_2a"), "conv2d_2b", 1, (1, 1))
        x = self._conv(self._conv(pooled(x, 3, "max"), "conv2d_3b"), "conv2d_4a")
        x = self._conv(x, "conv2d_4b", 2)
        for i in range(5):
            x = relu(self._residual(x, f"repeat_1.{i}", 0.17, [[], [(1, 1)], [(1, 1), (1, 1)]]))
        deep = self._conv(self._conv(x, "mixed_6a.branch1.0"), "mixed_6a.branch1.1", 1, (1, 1))
        x = np.concatenate(
            [
                self._conv(x, "mixed_6a.branch0", 2),
                self._conv(deep, "mixed_6a.branch1.2", 2),
                pooled(x, 3, "max"),
            ]
        )
        for i in range(10):
            x = relu(self._residual(x, f"repeat_2.{i}", 0.1, [[], [(0, 3), (3, 0)]]))
        a = self._conv(self._conv(x, "mixed_7a.branch0.0"), "mixed_7a.branch0.1", 2)
        b = self._conv(self._conv(x, "mixed_7a.branch1.0"), "mixed_7a.branch1.1", 2)
        c = self._conv(self._conv(x, "mixed_7a.branch2.0"), "mixed_7a.branch2.1", 1, (1, 1))
        c = self._conv(c, "mixed_7a.branch2.2", 2)
        x = np.concatenate([a, b, c, pooled(x, 3, "max")])
        for i in range(5):
            x = relu(self._residual(x, f"repeat_3.{i}", 0.2, [[], [(0, 1), (1, 0)]]))
        x = self._residual(x, "block8", 1.0, [[], [(0, 1), (1, 0)]])
        return self._norm(self._arrays["last_linear.weight"] @ x.mean(axis=(1, 2)), "last_bn")

    def _norm(self, x: Doubles, name: str) -> Doubles:
        parts = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, variance = (
            self._arrays[f"{name}.{part}"].reshape(-1, *[1] * (x.ndim - 1)) for part in parts
        )
        return gamma * (x - mean) / np.sqrt(variance + 0.001) + beta

    def _conv(
        self, x: Doubles, name: str, stride: int = 1, padding: tuple[int, int] = (0, 0)
    ) -> Doubles:
        y = convolution(x, self._arrays[f"{name}.conv.weight"], stride, padding)
        return relu(self._norm(y, f"{name}.bn"))

    def _residual(
        self, x: Doubles, name: str, scale: float, branches: list[list[tuple[int, int]]]
    ) -> Doubles:
        """Branches of a convolution of 1 x 1 and more of these paddings."""
        found = [self._conv(x, f"{name}.branch0")]
        for number, paddings in enumerate(branches[1:], 1):
            y = self._conv(x, f"{name}.branch{number}.0")
            for place, padding in enumerate(paddings, 1):
                y = self._conv(y, f"{name}.branch{number}.{place}", 1, padding)
            found.append(y)
        y = convolution(np.concatenate(found), self._arrays[f"{name}.conv2d.weight"])
        return scale * (y + self._arrays[f"{name}.conv2d.bias"][:, None, None]) + x
