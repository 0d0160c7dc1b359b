"""Samples that a network can learn: faces are bright, and where they are shows."""

from __future__ import annotations

import numpy as np

from mtcnn_core.samples.samples import LANDMARK, NEGATIVE, PART, POSITIVE, Samples


def made_up(count: int, side: int = 24, seed: int = 0, kinds: tuple[int, ...] = ()) -> Samples:
    """Samples of some kinds in turn: negatives, parts and positives unless said."""
    rng = np.random.default_rng(seed)
    wanted = kinds or (NEGATIVE, PART, POSITIVE)
    kind = np.array([wanted[n % len(wanted)] for n in range(count)], np.int8)
    is_face = kind != NEGATIVE
    pixels = rng.integers(0, 90, (count, side, side, 3))
    boxes = np.full((count, 4), np.nan, np.float32)
    boxes[is_face] = rng.uniform(-0.2, 0.2, (int(is_face.sum()), 4))
    for number in np.flatnonzero(is_face):
        x1, y1, x2, y2 = (np.array([0, 0, 1, 1]) + boxes[number]) * side
        pixels[number, max(0, round(y1)) : round(y2), max(0, round(x1)) : round(x2)] += 120
    landmarks = np.full((count, 5, 2), np.nan, np.float32)
    landmarks[kind == LANDMARK] = rng.uniform(0.3, 0.7, (int((kind == LANDMARK).sum()), 5, 2))
    boxes[kind == LANDMARK] = np.nan
    return Samples(
        pixels.astype(np.uint8),
        kind,
        rng.uniform(0, 500, (count, 4)).astype(np.float32),
        boxes,
        landmarks,
        rng.uniform(0, 1, count).astype(np.float32),
        rng.uniform(12, 200, count).astype(np.float32),
        rng.normal(0, 2, count).astype(np.float32),
        (kind == POSITIVE).astype(np.float32),
    )
