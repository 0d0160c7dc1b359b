"""The three networks of the cascade, each on what the one before has let through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.cutting import cutting
from mtcnn_core.cascade.output_stage import OutputStage
from mtcnn_core.cascade.proposal_stage import ProposalStage
from mtcnn_core.cascade.pyramid import Pyramid
from mtcnn_core.cascade.scores import logit
from mtcnn_core.cascade.sessions import CropSession, ProposalSession
from mtcnn_core.cascade.squares import Squares, look
from mtcnn_core.engines.engine import Device
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET, RNET, Network, Weights


class Stages:
    """P-Net, R-Net and O-Net, ready to run on one thread.

    Args:
        weights: Arrays of the three networks.
        device: What computes them.
        settings: Thresholds, overlaps and the factor of the pyramid.
        stopwatch: Told the time spent in ``pyramid``, ``pnet``, ``nms``, ``crop``, ``rnet`` and
            ``onet``.

    Attributes:
        output: The last stage.

    Raises:
        mtcnn_core.engines.errors.DeviceError: The device is not there.
    """

    def __init__(
        self, weights: Weights, device: Device, settings: DetectorSettings, stopwatch: Stopwatch
    ) -> None:
        self._settings = settings
        self._time = stopwatch
        pnet = ProposalSession(weights, device, stopwatch)
        self._proposals = ProposalStage(pnet, settings, stopwatch)
        self._sessions = {
            network.name: CropSession(network, weights, device, stopwatch)
            for network in (RNET, ONET)
        }
        for network in (RNET, ONET):
            cutting().prepare(network.side)  # made here, not while the first photo is looked at
        self.output = OutputStage(
            self._sessions[ONET.name], settings.thresholds[2], settings.mirror, stopwatch
        )

    def begin(self, pixels: NDArray[np.uint8], size: tuple[int, int], min_face: float) -> Squares:
        """Returns a photo without any squares yet.

        Args:
            pixels: uint8 ``(h, w, 3)`` RGB.
            size: ``(width, height)`` of the photo, of which they may be a reduction.
            min_face: Side in pixels of the smallest face to find.
        """
        with self._time("pyramid"):
            return Squares(Pyramid(pixels, min_face, self._settings.factor, size))

    def cells(self, photo: Squares) -> tuple[bx.Boxes, bx.Scores]:
        """Returns what P-Net takes for faces: its cells in pixels of the photo, and their logits.

        Cells that a better one of their level covers are left out.
        """
        return self._proposals.cells(photo.pyramid)

    def propose(self, photos: Sequence[Squares]) -> None:
        """Runs P-Net on photos, for squares that R-Net is shown."""
        for photo in photos:
            photo.boxes = self._proposals.propose(photo.pyramid)

    def refine(self, photos: Sequence[Squares]) -> None:
        """Runs R-Net on 24 px crops, for fewer and better squares, which O-Net is shown."""
        for photo, heads in zip(photos, self.heads(RNET, photos), strict=True):
            passed = heads[:, 0] >= logit(self._settings.thresholds[1])
            boxes, heads = photo.boxes[passed], heads[passed]
            with self._time("nms"):
                keep = bx.nms(boxes, heads[:, 0], self._settings.nms_refined)
            squares = bx.square(bx.regress(boxes[keep], heads[keep, 1:5]))
            photo.boxes = photo.pyramid.visible(squares)

    def heads(
        self, network: Network, photos: Sequence[Squares], mirrored: bool = False
    ) -> list[NDArray[np.float32]]:
        """Returns what R-Net or O-Net says of the squares of each photo.

        Args:
            network: R-Net or O-Net.
            photos: The squares of each photo.
            mirrored: Whether it is shown the crops mirrored.

        Returns:
            float32 ``(n, c)`` of each: face logit, box offsets and, for O-Net, landmarks.
        """
        return look(self._sessions[network.name], photos, self._time, mirrored)
