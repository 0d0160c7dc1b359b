"""The cascade once more: plain, slow, obviously right. What the fast one is compared with.

It shares nothing with the package but the weights and the result type. Every number is float64,
every convolution is the sum over its kernel's positions, every PReLU, pooling window and softmax
is written out, boxes are handled one at a time. Only the two resampling operations, which define
the pixels the networks see, are OpenCV's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.faces import Faces
from mtcnn_core.weights import NETWORKS, Network
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Overlap = Callable[[Floats, Floats], Floats]

_PNET_STRIDE, _PNET_CELL = 2, 12
_BLOCK_ROWS = 256  # of P-Net cells: bounds the memory of a large level


@dataclass(frozen=True)
class Settings:
    """As the paper's, with the design's defaults."""

    min_face: float = 20
    factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    nms_level: float = 0.5
    nms_proposals: float = 0.7
    nms_refined: float = 0.7
    nms_output: float = 0.7
    min_neighbours: int = 4
    mirror: str = "unsure"
    turns: tuple[float, ...] = ()
    turned_min_face: float = 32
    pooling: str = "strongest"
    min_score: float = 0
    # Moves every crop by so many pixels, as rounding does: a sound decision survives it.
    nudge: float = 0


@dataclass(frozen=True)
class Candidate:
    """A box (x1, y1, x2, y2) on its way through the cascade."""

    box: Floats
    score: float
    offsets: Floats
    view: int = 0


class Oracle:
    """The three networks and the cascade around them."""

    def __init__(self, weights: Weights | None = None) -> None:
        weights = weights or load_default()
        self.networks = {n.name: PlainNetwork(n, weights) for n in NETWORKS}

    def detect(self, photo: Pixels, settings: Settings | None = None) -> Faces:
        """Finds the faces of an RGB photo ``(h, w, 3)``."""
        s = settings or Settings()
        width = photo.shape[1]
        found = self._candidates(photo, s, s.min_face)
        views = 1
        turned_views = {}
        if s.mirror == "photo":
            views += 1
            mirrored = np.ascontiguousarray(photo[:, ::-1])
            for c in self._candidates(mirrored, s, s.min_face):
                x1, y1, x2, y2 = c.box
                found.append(replace(c, box=np.array([width - x2, y1, width - x1, y2])))
        for degrees in s.turns:
            views += 1
            turned, matrix = turn(photo, degrees)
            turned_views[views] = turned, matrix
            back = np.linalg.inv(matrix)
            for c in self._candidates(turned, s, s.turned_min_face):
                x1, y1, x2, y2 = c.box
                x, y, _ = back @ ((x1 + x2) / 2, (y1 + y2) / 2, 1)
                w, h = x2 - x1, y2 - y1
                box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
                found.append(replace(c, box=box, view=views))
        faces = [f for f in pool(found, s, views) if f.score >= s.min_score]
        if not faces:
            return Faces.empty()
        _, ladder = pyramid(photo, s.min_face, s.factor)
        points = []
        for f in faces:
            if f.view in turned_views:
                points.append(self._turned_landmarks(f.box, *turned_views[f.view], s))
            else:
                points.append(self._landmarks(f.box, ladder, photo, s))
        return Faces(
            np.array([f.box for f in faces], np.float32),
            np.array([f.score for f in faces], np.float32),
            np.array(points, np.float32),
        )

    def _turned_landmarks(self, box: Floats, turned: Pixels, matrix: Floats, s: Settings) -> Floats:
        """The landmarks of a face as they are seen in the view that it was found in."""
        x1, y1, x2, y2 = box
        w, h = x2 - x1, y2 - y1
        x, y, _ = matrix @ ((x1 + x2) / 2, (y1 + y2) / 2, 1)
        seen = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
        _, ladder = pyramid(turned, s.turned_min_face, s.factor)
        points = self._landmarks(seen, ladder, turned, s)
        back = np.linalg.inv(matrix)
        return np.array([(back @ (px, py, 1))[:2] for px, py in points])

    def _landmarks(self, box: Floats, ladder: list[Pixels], photo: Pixels, s: Settings) -> Floats:
        """What O-Net says of a square nine tenths as large as that about a face."""
        x1, y1, x2, y2 = square(box)
        side, x, y = 0.9 * (x2 - x1), (x1 + x2) / 2, (y1 + y2) / 2
        seen = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
        _, _, points = self._answers(
            "onet", crop(ladder, photo, seen, 48), s.mirror in ("crops", "photo")
        )
        return seen[:2] + points * side

    def _candidates(self, photo: Pixels, s: Settings, min_face: float) -> list[Candidate]:
        """What O-Net takes for faces in one view of the photo."""
        scanned, ladder = pyramid(photo, min_face, s.factor)

        proposals: list[Candidate] = []
        passed = [self._scan(level, s.thresholds[0]) for level in scanned]
        for index, level in enumerate(scanned):
            # In pixels of the level, where overlaps are exact: cells two strides apart share
            # exactly half of their union, so in pixels of the photo rounding would decide.
            kept = suppress(passed[index], s.nms_level, intersection_over_union)
            scale = np.tile(exact_scale(level, photo), 2)
            proposals += [
                replace(c, box=c.box / scale)
                for c in kept
                if has_neighbours(c, index, passed, scanned, photo, s)
            ]
        proposals = suppress(proposals, s.nms_proposals, intersection_over_union)
        boxes = [square(regress(p.box, p.offsets)) for p in proposals]
        boxes = [box + s.nudge for box in boxes if touches(box, photo)]

        refined = self._look(boxes, "rnet", ladder, photo, s.thresholds[1])
        refined = suppress(refined, s.nms_refined, intersection_over_union)
        boxes = [square(regress(r.box, r.offsets)) for r in refined]
        boxes = [box + s.nudge for box in boxes if touches(box, photo)]

        faces = self._look(boxes, "onet", ladder, photo, s.thresholds[2], s.mirror)
        return [replace(f, box=regress(f.box, f.offsets)) for f in faces]

    def _scan(self, level: Pixels, threshold: float) -> list[Candidate]:
        """P-Net on one level: the cells that pass, in pixels of the level."""
        found = []
        for start, heads in self.networks["pnet"].row_blocks(level):
            probability = softmax(heads["score"])[0, :, :, 1]
            for row, column in np.argwhere(probability >= threshold):
                corner = _PNET_STRIDE * np.array([column, start + row])
                box = np.concatenate([corner, corner + _PNET_CELL]).astype(np.float64)
                offsets = heads["boxes"][0, row, column]
                found.append(Candidate(box, float(probability[row, column]), offsets))
        return found

    def _look(
        self,
        boxes: list[Floats],
        name: str,
        ladder: list[Pixels],
        photo: Pixels,
        threshold: float,
        mirror: str = "none",
    ) -> list[Candidate]:
        network = self.networks[name]
        found = []
        for box in boxes:
            pixels = crop(ladder, photo, box, network.side)
            logit, offsets, _ = self._answers(name, pixels, mirror in ("crops", "photo"))
            if mirror == "unsure" and 1 - threshold < 1 / (1 + math.exp(-logit)) < threshold:
                logit, offsets, _ = self._answers(name, pixels, True)
            score = 1 / (1 + math.exp(-logit))
            if score < threshold:
                continue
            found.append(Candidate(box, score, offsets))
        return found

    def _answers(self, name: str, pixels: Floats, mirrored: bool) -> tuple[float, Floats, Floats]:
        """Logit, offsets and landmarks; with ``mirrored`` the mean of both mirrors."""
        logit, offsets, points = self._answer(name, pixels)
        if mirrored:
            logit2, (x1, y1, x2, y2), points2 = self._answer(name, pixels[:, ::-1])
            logit = (logit + logit2) / 2
            offsets = (offsets + np.array([-x2, y1, -x1, y2])) / 2
            points = (points + [(1 - x, y) for x, y in swap_sides(points2)]) / 2
        return logit, offsets, points

    def _answer(self, name: str, pixels: Floats) -> tuple[float, Floats, Floats]:
        """Logit, offsets and landmarks (fractions of the crop, x and y) of one crop."""
        heads = self.networks[name](pixels[None])
        background, face = heads["score"][0]
        fractions = heads.get("landmarks", np.zeros((1, 10)))[0]  # five x, then five y
        return float(face - background), heads["boxes"][0], fractions.reshape(2, 5).T


class PlainNetwork:
    """One network, layer after layer as in the paper's Caffe files."""

    def __init__(self, network: Network, weights: Weights) -> None:
        self.network = network
        self.side = network.side
        self.arrays = {k: v.astype(np.float64) for k, v in weights[network.name].items()}

    def __call__(self, images: Pixels | Floats) -> dict[str, Floats]:
        """Computes the heads (raw scores, box offsets, landmarks) of images ``(n, h, w, 3)``."""
        x = (images.astype(np.float64) - 127.5) / 128
        for layer in self.network.body:
            x = self._linear(x, layer.name)
            slope = self.arrays[f"{layer.name}.slope"]
            x = np.where(x > 0, x, slope * x)
            if layer.pool:
                x = max_pool(x, layer.pool)
        return {head.name: self._linear(x, head.name) for head in self.network.heads}

    def row_blocks(self, level: Pixels) -> list[tuple[int, dict[str, Floats]]]:
        """P-Net over a level in blocks of cell rows: the first row and the heads of each.

        Row ``r`` of cells sees the pixel rows ``2 r`` to ``2 r + 12``, cut at the lower edge.
        """
        blocks = []
        rows = math.ceil((level.shape[0] - 2) / 2) - 4
        for start in range(0, rows, _BLOCK_ROWS):
            end = min(start + _BLOCK_ROWS, rows)
            pixels = level[_PNET_STRIDE * start : _PNET_STRIDE * (end - 1) + _PNET_CELL]
            blocks.append((start, self(pixels[None])))
        return blocks

    def _linear(self, x: Floats, name: str) -> Floats:
        weight, bias = self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]
        if weight.ndim == 4:
            return convolve(x, weight) + bias
        if x.ndim == 4:  # dense weights expect (channel, row, column)
            x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        dense: Floats = x @ weight.T + bias
        return dense


def has_neighbours(
    cell: Candidate,
    index: int,
    passed: list[list[Candidate]],
    scanned: list[Pixels],
    photo: Pixels,
    s: Settings,
) -> bool:
    """Whether enough cells have passed about a cell, on its level and the two next to it."""
    count = room = 0
    for other in (index - 1, index, index + 1):
        if not 0 <= other < len(scanned):
            continue
        reach = math.floor(2.5 / s.factor) if other < index else 2  # steps
        ratio = exact_scale(scanned[other], photo) / exact_scale(scanned[index], photo)
        near = np.ones(len(passed[other]), bool)
        cells = 1
        for axis in (0, 1):  # x, y
            last = math.ceil((scanned[other].shape[1 - axis] - 2) / 2) - 4 - 1
            centre = (cell.box[axis] / 2 + 3) * ratio[axis]
            nearest = min(max(round(centre - 3), 0), last)
            steps = np.array([c.box[axis] / 2 for c in passed[other]]) - nearest
            near &= np.abs(steps) <= reach
            cells *= sum(abs(place - nearest) <= reach for place in range(last + 1))
        count += int(near.sum())
        room += cells
    return count >= min(s.min_neighbours, room / 10)


def swap_sides(landmarks: Floats) -> Floats:
    """Left and right eye, left and right mouth corner change their names in a mirror."""
    return landmarks[[1, 0, 2, 4, 3]]


def turn(photo: Pixels, degrees: float) -> tuple[Pixels, Floats]:
    """The photo turned clockwise on a canvas that holds all of it, and the 3x3 matrix there."""
    height, width = photo.shape[:2]
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    canvas = (
        math.ceil(abs(width * cos) + abs(height * sin)),
        math.ceil(abs(width * sin) + abs(height * cos)),
    )
    to_centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    from_centre = np.array([[1, 0, canvas[0] / 2], [0, 1, canvas[1] / 2], [0, 0, 1]])
    matrix = from_centre @ rotation @ to_centre
    # OpenCV counts from the centre of the first pixel.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    turned = cv2.warpAffine(photo, (np.linalg.inv(half) @ matrix @ half)[:2], canvas)
    return np.asarray(turned, np.uint8), matrix


def pool(found: list[Candidate], s: Settings, views: int) -> list[Candidate]:
    """Overlapping candidates become one face."""
    if s.pooling == "strongest":
        return suppress(found, s.nms_output, intersection_over_smaller)
    ranked = []
    for c in found:
        support = sum(o.score for o in found if overlap(c, o) > 0.5) * 2 / views
        evidence = math.log(c.score / (1 - c.score)) + 3 * math.log(1 + support)
        ranked.append(replace(c, score=1 / (1 + math.exp(-0.57 * (evidence - 7.6)))))
    return [
        replace(kept, box=vote(kept, found))
        for kept in suppress(ranked, s.nms_output, intersection_over_union)
    ]


def vote(face: Candidate, found: list[Candidate]) -> Floats:
    """Mean box of the candidates that overlap a face by half, by their scores."""
    near = [c for c in found if overlap(face, c) > 0.5]
    total = sum(c.score for c in near)
    return np.asarray(sum(c.score / total * c.box for c in near))


def overlap(a: Candidate, b: Candidate) -> float:
    """Intersection over union."""
    return float(intersection_over_union(a.box, b.box[None])[0])


def convolve(x: Floats, kernel: Floats) -> Floats:
    """Valid convolution of ``(n, h, w, c)`` with a kernel ``(out, c, kh, kw)``, stride 1."""
    out, _, kh, kw = kernel.shape
    n, height, width, _ = x.shape
    result = np.zeros((n, height - kh + 1, width - kw + 1, out))
    for dy in range(kh):
        for dx in range(kw):
            shifted = x[:, dy : dy + result.shape[1], dx : dx + result.shape[2]]
            result += shifted @ kernel[:, :, dy, dx].T
    return result


def max_pool(x: Floats, side: int) -> Floats:
    """Max pooling with stride 2; the last window may hang over the edge (Caffe's ceil mode)."""
    n, height, width, channels = x.shape
    rows, columns = (math.ceil((length - side) / 2) + 1 for length in (height, width))
    result = np.full((n, rows, columns, channels), -np.inf)
    for dy in range(side):
        for dx in range(side):
            part = x[:, dy::2, dx::2][:, :rows, :columns]
            covered = result[:, : part.shape[1], : part.shape[2]]
            np.maximum(covered, part, out=covered)
    return result


def softmax(scores: Floats) -> Floats:
    """Probabilities over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def pyramid(photo: Pixels, min_face: float, factor: float) -> tuple[list[Pixels], list[Pixels]]:
    """The levels P-Net scans, and the ladder crops are cut from: photo, halvings and levels.

    A level has ``ceil(side * scale)`` pixels a side and is a bilinear reduction of the level
    before it, of which no step is larger than 2.
    """
    height, width = photo.shape[:2]
    scanned: list[Pixels] = []
    ladder = [photo]

    def reduce(scale: float) -> Pixels:
        size = (math.ceil(width * scale), math.ceil(height * scale))
        pixels = cv2.resize(ladder[-1], size, interpolation=cv2.INTER_LINEAR)
        return pixels.astype(np.uint8, copy=False)

    scale = _PNET_CELL / min_face
    # 47 * (12 / 47) is less than 12 in floating point.
    while min(height, width) * scale >= _PNET_CELL * (1 - 1e-9):
        while scale < ladder[-1].shape[1] / width / 2:
            ladder.append(reduce(ladder[-1].shape[1] / width / 2))
        scanned.append(reduce(scale))
        ladder.append(scanned[-1])
        scale *= factor
    return scanned, ladder


def exact_scale(level: Pixels, photo: Pixels) -> Floats:
    """Size of a level over the size of the photo: x, y."""
    return np.array([level.shape[1] / photo.shape[1], level.shape[0] / photo.shape[0]])


def crop(ladder: list[Pixels], photo: Pixels, box: Floats, side: int) -> Floats:
    """One affine warp from the smallest level on which the box is as large as the crop.

    The crop's pixel ``i`` covers the ``i``-th of ``side`` equal parts of the box, so its centre
    lies at ``x1 + (i + 0.5) * step`` of the photo. OpenCV counts from pixel centres.
    """
    step = (box[2] - box[0]) / side
    level = photo
    for candidate in ladder:
        if exact_scale(candidate, photo).min() * step >= 1:
            level = candidate
    sx, sy = exact_scale(level, photo)
    matrix = np.array(
        [
            [step * sx, 0, (box[0] + 0.5 * step) * sx - 0.5],
            [0, step * sy, (box[1] + 0.5 * step) * sy - 0.5],
        ]
    )
    return warp(level, matrix, side)


def warp(level: Pixels, matrix: Floats, side: int) -> Floats:
    """``cv2.remap`` on just the part of the level the crop can see, black around it.

    OpenCV holds source coordinates in 16 bits, so it cannot be given a wider photo as it is.
    """
    reach = matrix @ np.array([[-1, -1, 1], [side, side, 1]]).T
    x0, y0 = (math.floor(v) - 2 for v in reach[:, 0])
    x1, y1 = (math.ceil(v) + 3 for v in reach[:, 1])
    window = np.zeros((y1 - y0, x1 - x0, 3), np.float32)
    height, width = level.shape[:2]
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left < right and top < bottom:
        window[top - y0 : bottom - y0, left - x0 : right - x0] = level[top:bottom, left:right]
    at = np.arange(side)
    x, y = matrix[0, 0] * at + matrix[0, 2] - x0, matrix[1, 1] * at + matrix[1, 2] - y0
    columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    pixels = cv2.remap(window, columns, rows, cv2.INTER_LINEAR)
    return pixels.astype(np.float64)


def regress(box: Floats, offsets: Floats) -> Floats:
    """Moves each edge by a fraction of the width or height."""
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    return np.array(
        [x1 + offsets[0] * w, y1 + offsets[1] * h, x2 + offsets[2] * w, y2 + offsets[3] * h]
    )


def square(box: Floats) -> Floats:
    """The square about the same centre with the longer side."""
    x1, y1, x2, y2 = box
    half = max(x2 - x1, y2 - y1) / 2
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return np.array([x - half, y - half, x + half, y + half])


def touches(box: Floats, photo: Pixels) -> bool:
    """Whether a part of the box lies in the photo."""
    height, width = photo.shape[:2]
    x1, y1, x2, y2 = box
    return bool(min(x2, width) > max(x1, 0) and min(y2, height) > max(y1, 0))


def suppress(candidates: list[Candidate], threshold: float, overlap: Overlap) -> list[Candidate]:
    """Greedy NMS: by falling score, a box stays unless it overlaps one that stayed too much."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        if not kept or overlap(candidate.box, np.array([k.box for k in kept])).max() <= threshold:
            kept.append(candidate)
    return kept


def intersection_over_union(box: Floats, others: Floats) -> Floats:
    """Overlap of one box with others ``(n, 4)``."""
    shared = _shared(box, others)
    overlap: Floats = shared / (_area(box[None]) + _area(others) - shared)
    return overlap


def intersection_over_smaller(box: Floats, others: Floats) -> Floats:
    """Overlap as a part of the smaller of the two boxes."""
    overlap: Floats = _shared(box, others) / np.minimum(_area(box[None]), _area(others))
    return overlap


def _shared(box: Floats, others: Floats) -> Floats:
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared: Floats = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def _area(boxes: Floats) -> Floats:
    area: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area
