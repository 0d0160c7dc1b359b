"""Crops in, one vector a face out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.exactness import check_alone, check_precision
from mtcnn_core.embedding.files import EmbeddingFiles, read_model
from mtcnn_core.embedding.network import EmbeddingNetwork
from mtcnn_core.embedding.places import places
from mtcnn_core.engines.registry import AUTO, EXACT
from mtcnn_core.settings.embedding import EmbeddingSettings

Floats = NDArray[np.float32]
# What takes part in a job's digests.
EMBEDDING = "embedding"


class Embedder:
    """A face recognition network, and how faces are shown to it; on the calling thread.

    A face's vector does not depend on what other faces it is computed with.

    Args:
        settings: Which model, and how it is fed.
        files: The model, already read; None reads that of the settings.

    Attributes:
        settings: Which model, and how it is fed.
        model: What its vectors depend on.

    Raises:
        EmbeddingError: The model is not there, cannot embed faces, or wants to be fed otherwise
            than the settings say; or too little is said of how it is fed.
        mtcnn_core.engines.errors.DeviceError: The device or the engine is not there.
    """

    def __init__(self, settings: EmbeddingSettings, files: EmbeddingFiles | None = None) -> None:
        self.settings = settings
        files = files or read_model(settings.model)
        self._network = EmbeddingNetwork(files, settings)
        self.model = self._network.model
        check_alone(self._network)
        if settings.precision != EXACT:
            usual = replace(settings, engine=AUTO, precision=EXACT)
            check_precision(self._network, EmbeddingNetwork(files, usual), settings.precision)

    @property
    def digests(self) -> Mapping[str, str]:
        """The model's name among the digests of a job -> its digest."""
        return {EMBEDDING: self.model.digest}

    def matrices(self, boxes: Floats, landmarks: Floats) -> Floats:
        """Returns where the crop of each face lies.

        Args:
            boxes: float32 ``(n, 4)``: x1, y1, x2, y2 in continuous pixels.
            landmarks: float32 ``(n, 5, 2)``: eyes, nose, corners of the mouth, left ones first.

        Returns:
            float32 ``(n, 2, 3)``, image -> crop, continuous pixels.
        """
        return places(self.model, boxes, landmarks)

    def __call__(self, crops: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Embeds crops.

        Args:
            crops: uint8 ``(n, size, size, 3)`` RGB.

        Returns:
            Vectors, float32 ``(n, width)`` of length 1; and their lengths before, float32 ``(n,)``.
            Where the model gives no direction, for its numbers are all 0 or not finite, both are 0.

        Raises:
            EmbeddingError: The model fails on the crops.
        """
        found = self._network(crops)
        if self.settings.flip:
            found = found + self._network(crops[:, :, ::-1])
        # In float64, so that the lengths of large numbers are finite.
        norms = np.sqrt(np.square(found, dtype=np.float64).sum(axis=1))
        usable = np.isfinite(norms) & (norms > 0)
        norms = np.where(usable, norms, 0)
        vectors = np.zeros_like(found)
        np.divide(found, norms[:, None], out=vectors, where=usable[:, None], casting="same_kind")
        return vectors, norms.astype(np.float32)


def check_directions(norms: Floats, name: str) -> None:
    """Checks that every crop has a vector.

    Args:
        norms: Lengths, as :class:`Embedder` gives them.
        name: What the model is called.

    Raises:
        EmbeddingError: One is 0.
    """
    if not norms.all():
        raise EmbeddingError(
            f"the model '{name}' cannot embed faces, for it gives vectors that are zero or not "
            "finite: give another model, or feed it otherwise"
        )
