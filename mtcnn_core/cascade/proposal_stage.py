"""The first stage: P-Net on every level, and which of its answers are worth a closer look."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.cell_nms import Indices, nms_cells
from mtcnn_core.cascade.neighbours import Answers, have_neighbours
from mtcnn_core.cascade.pyramid import Level, Pyramid
from mtcnn_core.cascade.scores import logit
from mtcnn_core.cascade.sessions import ProposalSession
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import PNET
from mtcnn_core.weights.architecture import STRIDE


class _Scan(NamedTuple):
    """What P-Net says of a level: of all cells whether they pass; of those the place and heads."""

    answers: Answers
    rows: Indices
    columns: Indices
    heads: NDArray[np.float32]


class ProposalStage:
    """P-Net, the first network, on every level of the pyramid.

    Args:
        session: P-Net.
        settings: The first threshold, ``nms_level``, ``nms_proposals`` and ``min_neighbours``.
        stopwatch: Told the time spent in ``nms``.
    """

    def __init__(
        self, session: ProposalSession, settings: DetectorSettings, stopwatch: Stopwatch
    ) -> None:
        self._session = session
        self._settings = settings
        self._time = stopwatch

    def propose(self, pyramid: Pyramid) -> bx.Boxes:
        """Finds squares that may hold a face, in pixels of the photo."""
        cells, heads = self._kept(pyramid)
        overlap = max(self._settings.nms_level, pyramid.largest_overlap)
        if overlap > self._settings.nms_proposals:
            with self._time("nms"):
                keep = bx.nms(cells, heads[:, 0], self._settings.nms_proposals)
            cells, heads = cells[keep], heads[keep]
        return pyramid.visible(bx.square(bx.regress(cells, heads[:, 1:])))

    def cells(self, pyramid: Pyramid) -> tuple[bx.Boxes, bx.Scores]:
        """Finds cells that may hold a face, where they are, and their logits.

        Returns:
            float32 ``(n, 4)`` in pixels of the photo, and ``(n,)``.
        """
        cells, heads = self._kept(pyramid)
        return cells, heads[:, 0]

    def _kept(self, pyramid: Pyramid) -> tuple[bx.Boxes, NDArray[np.float32]]:
        """The cells that pass and are the best of their neighbours, with their heads."""
        if not pyramid.levels:
            return np.empty((0, 4), np.float32), np.empty((0, 5), np.float32)
        scans = [self._scan(level) for level in pyramid.levels]
        level = np.repeat(np.arange(len(scans)), [len(scan.rows) for scan in scans])
        rows, columns, heads = (
            np.concatenate(parts, -1)
            for parts in zip(*((s.rows, s.columns, s.heads) for s in scans), strict=True)
        )
        # Suppressed on the grid, where overlaps are exact: cells two steps apart in one direction
        # overlap by just 0.5, and in pixels of the photo rounding would decide which of them stay.
        # All levels at once, one below the other, so that no cell reaches into the next.
        tops = np.cumsum([0, *(math.ceil(len(each.pixels) / STRIDE) for each in pyramid.levels)])
        with self._time("nms"):
            keep = nms_cells(rows + tops[level], columns, heads[0], self._settings.nms_level)
            keep = self._accompanied(scans, level, rows, columns, keep)
        corners = STRIDE * np.stack([columns[keep], rows[keep]], axis=1)
        scales = np.array([2 * each.scale for each in pyramid.levels])[level[keep]]
        squares = np.concatenate([corners, corners + PNET.side], axis=1)
        return (squares / scales).astype(np.float32), heads[:, keep].T

    def _scan(self, level: Level) -> _Scan:
        heads = self._session(level.pixels)
        passed = heads[0] >= logit(self._settings.thresholds[0])
        # On flat arrays: 0.1 ms a photo in place of 0.3.
        places = np.flatnonzero(passed)
        rows, columns = np.divmod(places, heads.shape[2])
        return _Scan(Answers(passed, level.scale), rows, columns, heads.reshape(5, -1)[:, places])

    def _accompanied(
        self, scans: list[_Scan], level: Indices, rows: Indices, columns: Indices, keep: Indices
    ) -> Indices:
        least, factor = self._settings.min_neighbours, self._settings.factor
        if not least:
            return keep
        answers = [scan.answers for scan in scans]
        cells = level[keep], rows[keep], columns[keep]
        return keep[have_neighbours(answers, *cells, least, factor)]
