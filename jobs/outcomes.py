"""What became of a photo, and its rows of both tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs import tables
from jobs.members import Member
from mtcnn_core.crops.alignment import crop_matrices, kept_faces
from mtcnn_core.crops.crops import cut, encode, sharpness
from mtcnn_core.faces import Faces
from mtcnn_core.images.errors import ImageHeader
from mtcnn_core.settings.crops import CropSettings
from mtcnn_core.stopwatch import Stopwatch

# Of a row without a crop, about.
_BARE_ROW_BYTES = 400


@dataclass
class Outcome:
    """What is known of one photo; it becomes a row of ``images``.

    Attributes:
        member: The photo's place in the input.
        status: What became of it.
        error: Why it is not ``ok``, one sentence.
        sha256: Of the file, hexadecimal.
        bytes: Size of the file.
        header: What the file says about its picture, as far as that could be read.
        pixels: uint8 ``(h, w, 3)`` RGB, upright, possibly reduced; None where there is nothing to
            detect on.
        faces: What was found.
    """

    member: Member
    status: tables.Status = "no_face"
    error: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    header: ImageHeader | None = None
    pixels: NDArray[np.uint8] | None = None
    faces: Faces = field(default_factory=Faces.empty)

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the photo as displayed, (0, 0) where it is not known."""
        return (self.header.width, self.header.height) if self.header else (0, 0)

    def row(self) -> dict[str, Any]:
        """Its row of ``images``."""
        return {
            "key": self.member.key,
            "uri": self.member.uri,
            "label": self.member.label,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "width": self.header.width if self.header else None,
            "height": self.header.height if self.header else None,
            "orientation": self.header.orientation if self.header else None,
            "status": self.status,
            "error": self.error,
            "num_faces": len(self.faces),
        }


class FaceRows:
    """Rows of ``faces``, gathered over photos: an Arrow batch costs as much for one as for many.

    Args:
        crop: How faces become crops.
        schema: Of ``faces``.
        time: Told the time spent in ``align`` and ``encode``.

    Attributes:
        bytes: Of what was gathered; of rows with crops, the crops.
    """

    def __init__(self, crop: CropSettings, schema: pa.Schema, time: Stopwatch) -> None:
        self._crop = crop
        self._schema = schema
        self._time = time
        self._clear()

    def _clear(self) -> None:
        self.bytes = 0
        self._columns: dict[str, list[Any]] = {name: [] for name in self._schema.names}

    def __len__(self) -> int:
        return len(self._columns["key"])

    def add(self, outcome: Outcome) -> None:
        """Cuts the crops of a photo's faces.

        Raises:
            ValueError: The photo has faces and no pixels.
        """
        faces, image, n = outcome.faces, outcome.pixels, len(outcome.faces)
        if not n:
            return
        if image is None:
            raise ValueError(f"'{outcome.member.key}' was not decoded, so it has no crops")
        with self._time("align"):
            matrices = crop_matrices(faces, self._crop, outcome.size)
            crops = [cut(image, matrix, self._crop.size, outcome.size) for matrix in matrices]
            focus = [sharpness(each) for each in crops]
        with self._time("encode"):
            stored = [] if self._crop.format == "none" else [encode(x, self._crop) for x in crops]
        rows: dict[str, Any] = {
            "key": [outcome.member.key] * n,
            "uri": [outcome.member.uri] * n,
            "label": [outcome.member.label] * n,
            "face_index": range(n),
            "box": [faces.boxes],
            "score": faces.scores.tolist(),
            "landmarks": [faces.landmarks],
            "kept": kept_faces(faces, *outcome.size, self._crop.keep).tolist(),
            "matrix": [matrices],
            "sharpness": focus,
            "crop": [{"bytes": file, "path": None} for file in stored] or [None] * n,
        }
        for name, column in self._columns.items():
            column.extend(rows[name])
        self.bytes += sum(map(len, stored)) or n * _BARE_ROW_BYTES

    def take(self) -> pa.RecordBatch:
        """Returns what was gathered, and forgets it."""
        arrays = [
            _fixed_lists(values, field.type)
            if pa.types.is_fixed_size_list(field.type)
            else pa.array(values, field.type)
            for field, values in zip(self._schema, self._columns.values(), strict=True)
        ]
        self._clear()
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def _fixed_lists(parts: list[NDArray[np.float32]], kind: pa.DataType) -> pa.FixedSizeListArray:
    """``(n, ...)`` arrays, one after the other, as lists of the same length."""
    values = np.concatenate([part.reshape(-1) for part in parts])
    return pa.FixedSizeListArray.from_arrays(pa.array(values), type=kind)
