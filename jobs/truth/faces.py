"""Ground truth of faces, boxes or landmarks or both, in any of the forms it comes in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from jobs.dataset import open_dataset
from jobs.engine.identity import JOB, require_identity
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from jobs.truth.landmarks import ENDINGS, read_landmarks
from jobs.truth.names import Names
from jobs.truth.wider import read_wider
from mtcnn_core.samples.truth import Doubles, TrueFaces

_FORMS = (
    "name the folder of wider_face_val.mat, a _bbx_gt.txt, a .jsonl with boxes, a .csv, .xml or "
    ".json with landmarks, or an output of extract or train label"
)
_FOUND = ("key", "box", "score", "landmarks")


@dataclass(frozen=True)
class GroundTruth:
    """What is known of photos; pickled to the workers.

    Attributes:
        faces: Photo, as the ground truth calls it, -> its faces.
        digest: SHA-256 over all of it, hexadecimal.
    """

    faces: Mapping[str, TrueFaces]
    digest: str

    @property
    def names(self) -> Names:
        """The photos it names, to be found by the keys of an input."""
        return Names(self.faces)


def read_ground_truth(path: str) -> GroundTruth:
    """Reads what is known of the faces of photos.

    Args:
        path: Boxes as :func:`jobs.truth.wider.read_wider` reads them, landmarks as
            :func:`jobs.truth.landmarks.read_landmarks` does, or an output of `extract`, whose
            detections are taken for faces, as surely as their scores say.

    Raises:
        UserError: There is nothing of the kind, or it is not what it should be.
    """
    place = Path(path)
    if (place / JOB).is_file():
        faces = _of_output(path)
    elif place.suffix.lower() in ENDINGS:
        faces = {
            photo: TrueFaces.of(some.boxes, some.points)
            for photo, some in read_landmarks(path).items()
        }
    elif place.exists():
        faces = {
            photo: TrueFaces.of(some.boxes, ignored=some.invalid)
            for photo, some in read_wider(path).items()
        }
    else:
        raise UserError(f"there is no ground truth at '{path}': {_FORMS}")
    return GroundTruth(faces, _digest(faces))


def _of_output(path: str) -> dict[str, TrueFaces]:
    """The detections of an output of `extract`; photos without any are there too."""
    made = require_identity(Storage(path, {})).job
    if made != "extract":
        raise UserError(f"'{path}' is an output of '{made}': {_FORMS}")
    dataset = open_dataset(path)
    seen = dataset.read("images", ("key", "status"))
    faces = {
        key: TrueFaces.of(np.empty((0, 4)))
        for key, status in zip(
            seen.column("key").to_pylist(), seen.column("status").to_pylist(), strict=True
        )
        if status in ("ok", "no_face")
    }
    rows = dataset.read("faces", _FOUND)
    keys = rows.column("key").to_pylist()
    boxes, landmarks = (_floats(rows.column(name)) for name in ("box", "landmarks"))
    scores = rows.column("score").to_numpy().astype(np.float32)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    by_photo: dict[str, list[int]] = {}
    for row in order:
        by_photo.setdefault(keys[row], []).append(row)
    for key, some in by_photo.items():
        faces[key] = TrueFaces.of(
            boxes[some], landmarks[some].reshape(-1, 5, 2), scores=scores[some]
        )
    return faces


def _floats(column: pa.ChunkedArray) -> Doubles:
    width = column.type.list_size
    values = [np.asarray(chunk.flatten()) for chunk in column.chunks]
    joined = np.concatenate(values) if values else np.empty(0)
    return joined.astype(np.float64).reshape(-1, width)


def _digest(faces: Mapping[str, TrueFaces]) -> str:
    digest = hashlib.sha256()
    for photo, some in sorted(faces.items()):
        digest.update(photo.encode() + b"\0")
        for array in (some.boxes, some.landmarks, some.ignored, some.scores):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
