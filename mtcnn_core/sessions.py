"""The three networks as ONNX Runtime sessions, fed in the shapes that suit the device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mtcnn_core.devices import Device, DeviceError
from mtcnn_core.graphs import graph_bytes
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import PNET, Network, Weights

_PNET_STRIDE = 2


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
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is fatal is raised
        # Shapes vary, so a plan of the memory for each of them would only pile up.
        options.enable_mem_pattern = False
        self.network = network
        self._device = device
        self._time = stopwatch
        if device.provider not in ort.get_available_providers():
            raise DeviceError(f"{device.provider} is not there: {device.install}")
        self._session = ort.InferenceSession(
            graph_bytes(network, weights),
            options,
            providers=[(device.provider, dict(device.options))],
        )
        # Where a provider cannot start, ONNX Runtime takes the CPU without a word.
        if self._session.get_providers()[0] != device.provider:
            raise DeviceError(f"{device.provider} does not start here: {device.install}")

    def _run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        with self._time(self.network.name):
            heads: NDArray[np.float32] = self._session.run(["heads"], {"image": images})[0]
        return heads


class ProposalSession(NetworkSession):
    """P-Net over whole pyramid levels."""

    def __init__(self, weights: Weights, device: Device, stopwatch: Stopwatch) -> None:
        super().__init__(PNET, weights, device, stopwatch)

    def __call__(self, level: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Runs P-Net over one level, in strips of rows.

        The result does not depend on the strips: the last rows of a strip are computed from the
        same pixels as in the whole image.

        Args:
            level: uint8 ``(h, w, 3)`` RGB, both sides at least 12.

        Returns:
            float32 ``(5, rows, columns)``: face logit and box offsets of each cell.
        """
        rows, columns = _cells(level.shape[0]), _cells(level.shape[1])
        level = self._in_bucket(level)
        height = level.shape[0]
        step = max(8, self._device.strip_cells // columns)
        overlap = PNET.side - _PNET_STRIDE
        strips = []
        for start in range(0, rows, step):
            last = start + step >= rows
            end = height if last else _PNET_STRIDE * (start + step) + overlap
            strips.append(self._run(level[None, _PNET_STRIDE * start : end])[0])
        heads = strips[0] if len(strips) == 1 else np.concatenate(strips, axis=1)
        return heads[:, :rows, :columns]

    def _in_bucket(self, level: NDArray[np.uint8]) -> NDArray[np.uint8]:
        bottom, right = (-side % self._device.bucket for side in level.shape[:2])
        if not bottom and not right:
            return level
        return np.pad(level, ((0, bottom), (0, right), (0, 0)))


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
        channels = sum(head.shape[0] for head in self.network.heads) - 1
        heads = np.empty((count, channels), np.float32)
        for start in range(0, count, self._device.cut):
            part = slice(start, min(start + self._device.cut, count))
            heads[part] = self._in_batches(crops(part), channels)
        return heads

    def _in_batches(self, crops: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
        size = self._device.crops[self.network.name]
        heads = np.empty((len(crops), channels), np.float32)
        for start in range(0, len(crops), size):
            batch = crops[start : start + size]
            missing = size - len(batch)
            if missing and self._device.full_batches:
                batch = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))
            heads[start : start + size] = self._run(batch)[: len(heads) - start]
        return heads


def _cells(side: int) -> int:
    """Number of P-Net cells along a side: a 3-convolution, a ceil-mode pooling, two more."""
    return -(-(side - 2) // 2) - 4
