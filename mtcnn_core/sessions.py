"""The three networks as ONNX Runtime sessions, fed in pieces that fit a core's caches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mtcnn_core.graphs import graph_bytes
from mtcnn_core.weights import PNET, Network, Weights

# Median of 15 runs on a 720x378 level, one AVX-512 core: whole image 10.3 ms, strips of 8 rows
# 9.8 ms, of 16 to 64 rows 8.9 to 8.3 ms. Strips also keep the memory of a large photo bounded.
_STRIP_CELLS = 32 * 360
# Same core, 256 crops for R-Net: chunks of 16 5.7 ms, of 256 7.2 ms; 48 for O-Net: 6.8 and 8.3.
_CHUNK = {"rnet": 16, "onet": 8}
_PNET_STRIDE = 2


class NetworkSession:
    """One network, ready to run on one thread.

    Args:
        network: The architecture.
        weights: Its weights.
    """

    def __init__(self, network: Network, weights: Weights) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.network = network
        self._session = ort.InferenceSession(
            graph_bytes(network, weights), options, providers=["CPUExecutionProvider"]
        )

    def _run(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        heads: NDArray[np.float32] = self._session.run(["heads"], {"image": images})[0]
        return heads


class ProposalSession(NetworkSession):
    """P-Net over whole pyramid levels."""

    def __init__(self, weights: Weights) -> None:
        super().__init__(PNET, weights)

    def __call__(self, level: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Runs P-Net over one level, in strips of rows.

        The result does not depend on the strips: the last rows of a strip are computed from the
        same pixels as in the whole image.

        Args:
            level: uint8 ``(h, w, 3)`` RGB, both sides at least 12.

        Returns:
            float32 ``(5, rows, columns)``: face logit and box offsets of each cell.
        """
        height, width = level.shape[:2]
        rows = _cells(height)
        step = max(8, _STRIP_CELLS // _cells(width))
        overlap = PNET.side - _PNET_STRIDE
        strips = []
        for start in range(0, rows, step):
            last = start + step >= rows
            end = height if last else _PNET_STRIDE * (start + step) + overlap
            strips.append(self._run(level[None, _PNET_STRIDE * start : end])[0])
        return strips[0] if len(strips) == 1 else np.concatenate(strips, axis=1)


class CropSession(NetworkSession):
    """R-Net or O-Net over square crops."""

    def __call__(
        self, count: int, crops: Callable[[slice], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Runs the network over crops, in chunks.

        Args:
            count: Number of crops.
            crops: Cuts the crops of a slice: float32 ``(m, side, side, 3)`` RGB, 0 to 255.

        Returns:
            float32 ``(count, c)``: face logit, box offsets and, for O-Net, landmarks.
        """
        step = _CHUNK[self.network.name]
        channels = sum(head.shape[0] for head in self.network.heads) - 1
        heads = np.empty((count, channels), np.float32)
        for start in range(0, count, step):
            chunk = slice(start, min(start + step, count))
            heads[chunk] = self._run(crops(chunk))
        return heads


def _cells(side: int) -> int:
    """Number of P-Net cells along a side: a 3-convolution, a ceil-mode pooling, two more."""
    return -(-(side - 2) // 2) - 4
