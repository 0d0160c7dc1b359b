"""How usable a face is."""

from __future__ import annotations

from mtcnn_core.faces import Faces


def quality(norm: float, face: Faces, sharpness: float) -> float:
    """Provisional."""
    return norm
