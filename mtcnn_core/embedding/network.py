"""An embedding model, started: crops -> the numbers that it gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.embedding.errors import EmbeddingError, UnfitModel
from mtcnn_core.embedding.feed import fed, settled
from mtcnn_core.embedding.files import EmbeddingFiles
from mtcnn_core.embedding.model import UNRECORDED, EmbeddingModel, Feeding
from mtcnn_core.embedding.normalise import Normaliser
from mtcnn_core.embedding.ports import CropInput, shown
from mtcnn_core.engines.engine import StartedModel
from mtcnn_core.engines.registry import find_opener
from mtcnn_core.settings.embedding import EmbeddingSettings
from mtcnn_core.weights.errors import ModelError

Floats = NDArray[np.float32]


class EmbeddingNetwork:
    """A model on the calling thread, in the engine that the settings name.

    It computes the same number of crops at once, filled up with black, so that no vector depends
    on how many there are.

    Args:
        files: The model.
        settings: What computes it, and how it is fed.

    Attributes:
        model: What its vectors depend on.
        batch: Crops that are computed at once.

    Raises:
        EmbeddingError: It cannot embed faces, or is to be fed otherwise than it wants.
        mtcnn_core.engines.errors.DeviceError: The device or the engine is not there.
    """

    def __init__(self, files: EmbeddingFiles, settings: EmbeddingSettings) -> None:
        self._name = files.name
        feeding = fed(files.name, files.known, settings)
        try:
            self._started, image = _start(files, settings, feeding)
            self._feeding = settled(files.name, feeding, settings, image)
            self.batch = self._feeding.batch or 1
            self._dtype = image.dtype
            self._normaliser = Normaliser(self._feeding)
            # Seen to fail now rather than after hours of detection.
            size = self._feeding.size or 0
            width = self(np.zeros((1, size, size, 3), np.uint8)).shape[1]
        except EmbeddingError:
            raise
        except ModelError as error:
            raise UnfitModel(f"the model '{files.name}' cannot embed faces: {error}") from error
        self.model = _model(files, self._feeding, settings, width)

    def __call__(self, crops: NDArray[np.uint8]) -> Floats:
        """Computes crops.

        Args:
            crops: uint8 ``(n, size, size, 3)`` RGB.

        Returns:
            float32 ``(n, width)``, as the model gives them.

        Raises:
            EmbeddingError: The model fails on the crops, or gives something else than a vector of
                each.
        """
        step = self.batch
        parts = []
        # No crops are shown one that is black, so that there are vectors of none.
        for start in range(0, max(len(crops), 1), step):
            some = crops[start : start + step]
            filled = np.zeros((step, *crops.shape[1:]), np.uint8)
            filled[: len(some)] = some
            parts.append(self._run(filled)[: len(some)])
        return np.concatenate(parts)

    def _run(self, crops: NDArray[np.uint8]) -> Floats:
        blob = self._normaliser(crops).astype(self._dtype, copy=False)
        try:
            found = np.asarray(self._started.run(blob), np.float32)
        except ModelError as error:
            raise UnfitModel(
                f"the model '{self._name}' cannot embed faces, for it fails on a crop: {error}"
            ) from error
        # A vector may have sides of length 1 about it.
        sides = [side for side in found.shape[1:] if side != 1]
        if found.shape[:1] != (len(crops),) or found.ndim < 2 or len(sides) > 1 or not found.size:
            raise UnfitModel(
                f"the model '{self._name}' cannot embed faces, for {len(crops)} crops give "
                f"{shown(found.shape)} numbers: it must give one vector a crop"
            )
        return found.reshape(len(crops), -1)


def _start(
    files: EmbeddingFiles, settings: EmbeddingSettings, feeding: Feeding
) -> tuple[StartedModel, CropInput]:
    """The model in its engine, and what it takes."""
    engine = find_opener(files.ending, settings.engine, settings.device, settings.precision)
    runtime = engine.device(settings.device, settings.precision).runtimes["onet"]
    started = engine.open_model(files.graph, files.weights, runtime, feeding.batch)
    return started, CropInput.of(started.inputs, started.outputs, feeding.layout or "model")


def _model(
    files: EmbeddingFiles, feeding: Feeding, settings: EmbeddingSettings, width: int
) -> EmbeddingModel:
    known = files.known
    feed = {
        key: getattr(feeding, key)
        for key in ("template", "margin", "size", "normalise", "mean", "scale", "colours")
    }
    # Measured thresholds hold for the faces that they were measured on: cut and fed like that.
    as_known = known is not None and all(
        getattr(known.feeding, key) in (None, value) for key, value in feed.items()
    )
    return EmbeddingModel(
        name=files.name,
        digest=files.digest,
        licence=known.licence if known else UNRECORDED,
        width=width,
        flip=settings.flip,
        window=feeding.window or 1.0,
        norm_tells=bool(known and known.norm_tells),
        thresholds=known.thresholds if known and as_known else None,
        **feed,
    )
