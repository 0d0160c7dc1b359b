"""A public-domain photo with a face, and what is known of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.samples.truth import TrueFaces

data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")

# Eileen Collins' face in `skimage.data.astronaut`, by eye, in pixels.
BOX = np.array([[173.0, 62.0, 274.0, 193.0]])


def astronaut() -> NDArray[np.uint8]:
    return np.asarray(data.astronaut(), np.uint8)


def truth(**more: NDArray[np.float64]) -> TrueFaces:
    return TrueFaces.of(BOX, **more)  # type: ignore[arg-type]
