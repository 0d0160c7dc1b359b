"""The three networks, fed in the shapes that suit the device."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.engines.engine import Device
from mtcnn_core.engines.registry import start_engine
from mtcnn_core.engines.tiles import Window
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import PNET, Network, Weights
from mtcnn_core.weights.architecture import STRIDE, count_cells
from mtcnn_core.weights.heads import count_heads


class NetworkSession:
    """One network, ready to run on one thread.

    Args:
        network: The architecture.
        weights: Its weights.
        device: What it runs on.
        stopwatch: Told the time spent in the network, under its name.

    Raises:
        DeviceError: The device is not there.
    """

    def __init__(
        self, network: Network, weights: Weights, device: Device, stopwatch: Stopwatch
    ) -> None:
        self.network = network
        self._device = device
        self._time = stopwatch
        self._engine = start_engine(network, weights, device.runtimes[network.name])
        self._heads = count_heads(network)

    def _run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        with self._time(self.network.name):
            return self._engine.run(images)


class ProposalSession(NetworkSession):
    """P-Net over whole pyramid levels."""

    def __init__(self, weights: Weights, device: Device, stopwatch: Stopwatch) -> None:
        super().__init__(PNET, weights, device, stopwatch)

    def __call__(self, level: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Runs P-Net over one level, in tiles.

        The result does not depend on the tiles: each cell is computed from the same pixels as in
        the whole image.

        Args:
            level: uint8 ``(h, w, 3)`` RGB, both sides at least 12.

        Returns:
            float32 ``(5, rows, columns)``: face logit and box offsets of each cell.
        """
        height, width = level.shape[:2]
        heads = np.empty((self._heads, count_cells(height), count_cells(width)), np.float32)
        for rows, columns in self._device.tiling.tiles(height, width):
            found = self._run(_pixels(level, rows, columns)[None])[0]
            heads[:, rows.start : rows.stop, columns.start : columns.stop] = found[
                :, _wanted(rows), _wanted(columns)
            ]
        return heads


class CropSession(NetworkSession):
    """R-Net or O-Net over square crops."""

    def __call__(
        self, count: int, crops: Callable[[slice], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Runs the network over crops, in batches.

        Args:
            count: Number of crops.
            crops: Cuts the crops of a slice: float32 ``(m, side, side, 3)`` RGB, 0 to 255.

        Returns:
            float32 ``(count, c)``: face logit, box offsets and, for O-Net, landmarks.
        """
        heads = np.empty((count, self._heads), np.float32)
        for start in range(0, count, self._device.cut):
            part = slice(start, min(start + self._device.cut, count))
            heads[part] = self._in_batches(crops(part))
        return heads

    def _in_batches(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        size = self._device.crops[self.network.name]
        heads = np.empty((len(crops), self._heads), np.float32)
        for start in range(0, len(crops), size):
            batch = crops[start : start + size]
            missing = size - len(batch)
            if missing and self._device.full_batches:
                batch = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))
            heads[start : start + size] = self._run(batch)[: len(heads) - start]
        return heads


def _pixels(level: NDArray[np.uint8], rows: Window, columns: Window) -> NDArray[np.uint8]:
    """A tile of a level, filled up with black where it reaches beyond."""
    (top, bottom), (left, right) = (
        (max(-window.begin, 0), max(window.begin + window.length - side, 0))
        for window, side in zip((rows, columns), level.shape[:2], strict=True)
    )
    part = level[
        rows.begin + top : rows.begin + rows.length,
        columns.begin + left : columns.begin + columns.length,
    ]
    if top or bottom or left or right:
        filled = cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT)
        return np.asarray(filled, np.uint8)
    return np.ascontiguousarray(part)


def _wanted(window: Window) -> slice:
    """The cells wanted, counted from the window's first."""
    first = window.begin // STRIDE
    return slice(window.start - first, window.stop - first)
