"""What a network of the cascade is shown of a photo, and what it says of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.squares import Squares
from mtcnn_core.cascade.stages import Stages
from mtcnn_core.engines.registry import find_device
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.samples import SampleSettings, Stage
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import NETWORKS, ONET, RNET, Network, Weights

_NETWORKS: dict[Stage, Network] = dict(zip(("p", "r", "o"), NETWORKS, strict=True))


def network_of(stage: Stage) -> Network:
    """Returns the network of a stage."""
    return _NETWORKS[stage]


@dataclass(frozen=True, eq=False)
class Shown:
    """Squares of a photo, and what the network says of them.

    Attributes:
        photo: The photo at all scales, with the squares, float32 ``(n, 4)``.
        scores: float32 ``(n,)``: the network's logits.
        found: float32 ``(n, 4)``: where it sees the faces; the squares themselves for P-Net.
        heads: What R-Net or O-Net says of other squares of the photo, and whether they are to be
            mirrored.
    """

    photo: Squares
    scores: NDArray[np.float32]
    found: bx.Boxes
    heads: Callable[[bx.Boxes, bool], NDArray[np.float32]]

    def crops(self, squares: bx.Boxes, side: int) -> NDArray[np.uint8]:
        """Cuts squares out as the detector does, rounded; uint8 ``(n, side, side, 3)`` RGB."""
        return np.rint(self.photo.pyramid.crops(squares, side)).astype(np.uint8)


class Cascade:
    """The cascade up to the network of one stage, which is shown all that comes that far.

    Args:
        settings: The stage, and the thresholds of the networks before it.
        detect: All other settings.
        weights: Arrays of the three networks.
        stopwatch: Told the time spent in its stages.

    Raises:
        mtcnn_core.engines.errors.DeviceError: The device is not there.
    """

    def __init__(
        self,
        settings: SampleSettings,
        detect: DetectorSettings,
        weights: Weights,
        stopwatch: Stopwatch,
    ) -> None:
        device = find_device(detect.device, detect.engine, detect.precision)
        low = replace(detect, thresholds=(*settings.thresholds, detect.thresholds[2]))
        self._stages = Stages(weights, device, low, stopwatch)
        self._min_face = detect.min_face
        ways: dict[Stage, Callable[[Squares], Shown]] = {
            "p": self._to_pnet,
            "r": self._to_rnet,
            "o": self._to_onet,
        }
        self._shown = ways[settings.stage]

    def shown(self, image: NDArray[np.uint8], size: tuple[int, int]) -> Shown:
        """Returns what the network is shown of a photo.

        Args:
            image: uint8 ``(h, w, 3)`` RGB.
            size: ``(width, height)`` of the photo, of which that may be a reduction.
        """
        return self._shown(self._stages.begin(image, size, self._min_face))

    def _to_pnet(self, photo: Squares) -> Shown:
        cells, scores = self._stages.cells(photo)
        photo.boxes = bx.square(cells)
        return Shown(photo, scores, photo.boxes, self._heads(RNET, photo))

    def _to_rnet(self, photo: Squares) -> Shown:
        self._stages.propose([photo])
        return self._asked(RNET, photo)

    def _to_onet(self, photo: Squares) -> Shown:
        self._stages.propose([photo])
        self._stages.refine([photo])
        return self._asked(ONET, photo)

    def _asked(self, network: Network, photo: Squares) -> Shown:
        ask = self._heads(network, photo)
        heads = ask(photo.boxes, False)
        return Shown(photo, heads[:, 0], bx.regress(photo.boxes, heads[:, 1:5]), ask)

    def _heads(
        self, network: Network, photo: Squares
    ) -> Callable[[bx.Boxes, bool], NDArray[np.float32]]:
        def ask(boxes: bx.Boxes, mirrored: bool) -> NDArray[np.float32]:
            return self._stages.heads(network, [Squares(photo.pyramid, boxes)], mirrored)[0]

        return ask
