"""A photo's rows of both tables."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.photos.detect import Found
from mtcnn_core.crops.alignment import crop_matrices, kept_faces
from mtcnn_core.crops.crops import cut, encode, sharpness
from mtcnn_core.settings.crops import CropSettings
from mtcnn_core.stopwatch import Stopwatch

# As many as ``face_index`` can number.
MOST_FACES = int(np.iinfo(np.int16).max)
# What a row without a crop takes, about.
_BARE_ROW_BYTES = 400


def image_row(found: Found, left_out: Set[int] = frozenset()) -> dict[str, Any]:
    """The row of ``images`` of a photo that was looked at.

    Args:
        found: The photo.
        left_out: Numbers of faces that have no rows.
    """
    faces = min(len(found.faces), MOST_FACES)
    photo, failure, header = found.photo, found.photo.failure, found.photo.header
    return {
        "key": photo.member.key,
        "uri": photo.member.uri,
        "label": photo.member.label,
        "sha256": photo.sha256,
        "bytes": photo.bytes,
        "width": header.width if header else None,
        "height": header.height if header else None,
        "orientation": header.orientation if header else None,
        "status": found.status,
        "error": failure.error if failure else _left_out(len(found.faces)),
        "num_faces": faces - sum(face < faces for face in left_out),
        "frames": header.frames if header else None,
    }


def _left_out(faces: int) -> str | None:
    """What is said of a photo of which not all faces are stored."""
    if faces <= MOST_FACES:
        return None
    return f"{faces} faces were found, of which the {MOST_FACES} surest are stored"


class FaceRows:
    """Rows of ``faces``, gathered over photos: an Arrow batch costs as much for one as for many.

    Args:
        crop: How faces become crops.
        schema: Schema of ``faces``.
        time: Told the time spent in ``align`` and ``encode``.

    Attributes:
        bytes: Bytes of what was gathered; of rows with crops, the crops.
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

    def add(self, found: Found, left_out: Set[int] = frozenset()) -> None:
        """Cuts the crops of a photo's faces, and takes the rows of both.

        Args:
            found: The photo.
            left_out: Numbers of faces that have no rows.
        """
        photo, every = found.photo, found.faces[:MOST_FACES]
        numbers = np.array([face for face in range(len(every)) if face not in left_out], np.intp)
        image, member, n = photo.pixels, photo.member, len(numbers)
        if image is None or not n:
            return
        # The one that is kept is chosen among all: of the others nothing changes.
        faces, kept = every[numbers], kept_faces(every, *photo.size, self._crop.keep)[numbers]
        with self._time("align"):
            matrices = crop_matrices(faces, self._crop, photo.size)
        focus: list[float] = []
        stored: list[bytes] = []
        for matrix in matrices:  # one by one: the crops of a crowd are gigabytes
            with self._time("align"):
                crop = cut(image, matrix, self._crop.size, photo.size)
                focus.append(sharpness(crop))
            if self._crop.format != "none":
                with self._time("encode"):
                    stored.append(encode(crop, self._crop))
        rows: dict[str, Any] = {
            "key": [member.key] * n,
            "uri": [member.uri] * n,
            "label": [member.label] * n,
            "face_index": numbers.tolist(),
            "box": [faces.boxes],
            "score": faces.scores.tolist(),
            "landmarks": [faces.landmarks],
            "kept": kept.tolist(),
            "matrix": [matrices],
            "sharpness": focus,
            "image_width": [photo.size[0]] * n,
            "image_height": [photo.size[1]] * n,
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
