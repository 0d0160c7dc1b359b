"""Whether vectors are what they should be: of one face alone, and the same in every precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.crops.crops import cut
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.network import EmbeddingNetwork
from mtcnn_core.embedding.places import places

Floats = NDArray[np.float32]
# How far a vector may be from the exact one: 1 less their cosine.
LARGEST_DISTANCE = 1e-3
# The face in the check photo: its box, and its landmarks.
_BOX = np.array([31.5, 15.7, 80.4, 77.7], np.float32)
_LANDMARKS = np.array([[46.1, 38.5], [69.3, 39.9], [57.4, 54.0], [44.5, 59.6], [68.3, 60.8]])
# What is done to them and to the photo: shift in pixels, scale, turn in degrees, light.
_VIEWS = ((0, 1, 0, 1), (1.5, 0.95, 8, 0.7), (-1.5, 1.08, -8, 1.3), (2, 1.1, 4, 0.4))


def check_alone(network: EmbeddingNetwork) -> None:
    """Checks that no vector depends on the crops that it is computed with.

    Raises:
        EmbeddingError: One does.
    """
    count, size = network.batch, network.model.size
    if count == 1:
        return
    crops = np.random.default_rng(0).integers(0, 256, (count, size, size, 3)).astype(np.uint8)
    if not np.array_equal(network(crops), np.roll(network(np.roll(crops, 1, axis=0)), -1, axis=0)):
        raise EmbeddingError(
            f"the model '{network.model.name}' gives a face another vector when it is computed "
            "with other faces: set batch to 1"
        )


def check_precision(network: EmbeddingNetwork, exact: EmbeddingNetwork, precision: str) -> None:
    """Checks that a model gives what it gives in float32, on faces that are always the same.

    Args:
        network: The model in the precision that is wanted.
        exact: The model in float32.
        precision: What it is called.

    Raises:
        EmbeddingError: A vector is too far off.
    """
    crops = fixed_faces(network)
    cosines = _cosines(network(crops), exact(crops))
    off = 1 - float(cosines.min())
    if not off <= LARGEST_DISTANCE:
        raise EmbeddingError(
            f"in {precision} a vector of the model '{network.model.name}' is off by {off:.4f} "
            f"(1 less the cosine), more than {LARGEST_DISTANCE:g}: leave precision away"
        )


def fixed_faces(network: EmbeddingNetwork) -> NDArray[np.uint8]:
    """Returns crops of one bundled face as a model wants them, seen in several ways.

    Returns:
        uint8 ``(n, size, size, 3)`` RGB, each also mirrored.
    """
    # Imported here: it loads the cascade, which whoever computes in float32 need not have.
    from mtcnn_core.importing.check import photo

    crops = []
    for shift, scale, turn, light in _VIEWS:
        centre = _LANDMARKS.mean(axis=0)
        angle = np.deg2rad(turn)
        moved = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        landmarks = ((_LANDMARKS - centre) @ moved.T + centre + shift).astype(np.float32)
        middle = np.tile((_BOX[:2] + _BOX[2:]) / 2, 2)
        box = (_BOX - middle) * np.float32(scale) + middle + np.float32(shift)
        (matrix,) = places(network.model, box[None], landmarks[None])
        seen = np.clip(photo() * light, 0, 255).astype(np.uint8)
        crop = cut(seen, matrix, network.model.size)
        crops += [crop, crop[:, ::-1]]
    return np.stack(crops)


def _cosines(a: Floats, b: Floats) -> NDArray[np.float64]:
    a, b = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines: NDArray[np.float64] = (a * b).sum(axis=1) / lengths
    return cosines
