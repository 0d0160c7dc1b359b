"""YuNet or SCRFD, ready to look at images."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.dense.families import points, sure
from mtcnn_core.dense.grids import Grids, cells_of, find_grids, rows_of
from mtcnn_core.engines.engine import StartedModel
from mtcnn_core.engines.registry import ENGINES
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.ssd.files import ModelFiles
from mtcnn_core.ssd.session import runtime_of
from mtcnn_core.weights.errors import ModelError

# Sides of the black image that a network without a size of its own is tried on: 3 cells of the
# largest stride of its family.
_TRIED = 384
# Types of numbers that a network may take.
_TYPES = tuple(map(np.dtype, (np.float32, np.float16)))


class DenseSession:
    """A network on one thread.

    It runs once on black, so that what is none of these fails here.

    Args:
        model: The model's file.
        settings: Engine, device, precision, threshold and overlap.

    Attributes:
        family: Name of its family.
        fixed: Width and height of the images that it takes; None if it takes any.

    Raises:
        ModelError: The file holds no such network.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
    """

    def __init__(self, model: ModelFiles, settings: DetectorSettings) -> None:
        self._settings = settings
        openers = [each for each in ENGINES if model.path.suffix in each.formats]
        engine = next((each for each in openers if each.name == settings.engine), openers[0])
        runtime = runtime_of(engine, model, settings.device, settings.precision)
        try:
            self._model: StartedModel = engine.open_model(model.graph, model.weights, runtime)
            self.fixed = _sides(self._model)
            width, height = self.fixed or (_TRIED, _TRIED)
            self._grids = self._tried(width, height)
        except ModelError as error:
            raise ModelError(f"'{model.path}' cannot be the detector: {error}") from error
        self.family = self._grids.family.name

    def look(self, image: NDArray[np.uint8], longest: int | None) -> Faces:
        """Finds faces in an image.

        Args:
            image: uint8 ``(h, w, 3)`` RGB.
            longest: Side in pixels that its longer one is brought to; None leaves it. A network for
                images of one size is shown it as large as that allows.

        Returns:
            Faces by falling score, in pixels of the image.
        """
        seen, scale = self._fitted(image, longest)
        height, width = seen.shape[:2]
        outputs = self._run(self._grids.family.blob(seen))
        parts = []
        for grid in self._grids.grids:
            each = [rows_of(outputs[number])[:, 0] for number in grid.scores]
            scores = sure(each, self._grids.are_logits)
            passed = np.flatnonzero(scores >= self._settings.dense.threshold)
            cells = cells_of(grid, width, height)[passed]
            numbers = rows_of(outputs[grid.boxes])[passed]
            boxes = self._grids.family.boxes(cells, numbers, grid.stride)
            marks = points(cells, rows_of(outputs[grid.points])[passed], grid.stride)
            parts.append(_possible(Faces(boxes, scores[passed], marks)))
        return suppressed(joined(parts), self._settings.dense.nms).scaled(1 / scale)

    def _tried(self, width: int, height: int) -> Grids:
        black = np.zeros((1, 3, height, width), np.float32)
        return find_grids(self._run(black), width, height)

    def _run(self, blob: NDArray[np.float32]) -> list[NDArray[Any]]:
        dtype = self._model.inputs[0].dtype
        return self._model.run_all(blob.astype(dtype, copy=False))

    def _fitted(
        self, image: NDArray[np.uint8], longest: int | None
    ) -> tuple[NDArray[np.uint8], float]:
        """The image as the network takes it, black to the right and below, and its scale."""
        height, width = image.shape[:2]
        if self.fixed is not None:
            scale = min(self.fixed[0] / width, self.fixed[1] / height)
        else:
            scale = 1.0 if longest is None else longest / max(width, height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        seen = image
        if size != (width, height):
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            seen = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
        multiple = self._grids.multiple
        wanted = self.fixed or tuple(-(-side // multiple) * multiple for side in size)
        filled = cv2.copyMakeBorder(
            seen, 0, wanted[1] - size[1], 0, wanted[0] - size[0], cv2.BORDER_CONSTANT
        )
        return np.asarray(filled, np.uint8), scale


def joined(parts: list[Faces]) -> Faces:
    """Faces of several looks at one image."""
    return Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
    )


def suppressed(faces: Faces, overlap: float) -> Faces:
    """The surest of faces that overlap, by falling score."""
    return faces[bx.nms(faces.boxes, faces.scores, overlap)]


def _possible(faces: Faces) -> Faces:
    """Those of finite numbers whose boxes have an area."""
    numbers = np.concatenate([faces.boxes, faces.landmarks.reshape(-1, 10)], axis=1)
    has_area = (faces.boxes[:, 2:] > faces.boxes[:, :2]).all(axis=1)
    return faces[np.flatnonzero(np.isfinite(numbers).all(axis=1) & has_area)]


def _sides(model: StartedModel) -> tuple[int, int] | None:
    """Width and height of the images that a network takes; None where both are open."""
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ModelError("it takes other things than one image")
    if model.inputs[0].dtype not in _TYPES:
        raise ModelError(f"it takes {model.inputs[0].dtype}: export it for float32 or float16")
    batch, channels, height, width = model.inputs[0].shape
    if batch not in (1, None) or channels not in (3, None):
        raise ModelError(f"it takes {batch} x {channels} x {height} x {width}, and no single image")
    if height and width:
        return width, height
    if height or width:
        raise ModelError("one side of its images is fixed and the other open: export both alike")
    return None
