"""What became of a photo, and its rows of both tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs import tables
from jobs.engine.plan import Member
from mtcnn_core.alignment import CropSettings, crop_matrices, kept_faces
from mtcnn_core.crops import cut, encode, sharpness
from mtcnn_core.faces import Faces
from mtcnn_core.images import ImageHeader
from mtcnn_core.stopwatch import Stopwatch


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

    def face_rows(self, crop: CropSettings, schema: pa.Schema, time: Stopwatch) -> pa.RecordBatch:
        """Its rows of ``faces``, crops included.

        Args:
            crop: How faces become crops.
            schema: Of ``faces``.
            time: Told the time spent in ``align`` and ``encode``.

        Raises:
            ValueError: The photo was not decoded.
        """
        faces, image, n = self.faces, self.pixels, len(self.faces)
        if image is None:
            raise ValueError(f"'{self.member.key}' was not decoded, so it has no crops")
        with time("align"):
            matrices = crop_matrices(faces, crop)
            crops = [cut(image, matrix, crop.size, self.size) for matrix in matrices]
            focus = [sharpness(each) for each in crops]
        with time("encode"):
            files = [encode(each, crop) for each in crops]
        columns = {
            "key": [self.member.key] * n,
            "uri": [self.member.uri] * n,
            "label": [self.member.label] * n,
            "face_index": np.arange(n, dtype=np.int16),
            "box": _fixed_lists(faces.boxes),
            "score": faces.scores,
            "landmarks": _fixed_lists(faces.landmarks),
            "kept": kept_faces(faces, *self.size, crop.keep),
            "matrix": _fixed_lists(matrices),
            "sharpness": np.array(focus, np.float32),
            "crop": [{"bytes": file, "path": None} for file in files],
        }
        arrays = [
            values if isinstance(values, pa.Array) else pa.array(values, schema.field(name).type)
            for name, values in columns.items()
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _fixed_lists(values: NDArray[np.float32]) -> pa.FixedSizeListArray:
    """``(n, ...)`` -> n lists of the same length."""
    return pa.FixedSizeListArray.from_arrays(
        pa.array(values.reshape(-1)), type=tables.floats(values[0].size)
    )
