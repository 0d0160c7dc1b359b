"""The default model's thresholds on a few persons of Labeled Faces in the Wild."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mtcnn_core import FaceDetector, decode
from mtcnn_core.crops.crops import cut
from mtcnn_core.curation.columns import FaceColumns
from mtcnn_core.curation.curate import bearers, curate
from mtcnn_core.curation.thresholds import THRESHOLDS
from mtcnn_core.curation.verdicts import Reason
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.perceptual_hash import perceptual_hash
from mtcnn_core.settings.embedding import EmbeddingSettings
from tests.mtcnn_core.curation.made_up import by_center

pytest.importorskip("faiss", reason="the extra `curate` is not installed")
PERSONS, PHOTOS = 12, 6


@pytest.fixture(scope="module")
def faces(data_dir: Path) -> FaceColumns:
    try:
        embedder = Embedder(EmbeddingSettings())
    except EmbeddingError as error:
        pytest.skip(str(error))
    folders = [
        f for f in sorted((data_dir / "lfw_people").iterdir()) if len(list(f.iterdir())) >= PHOTOS
    ]
    detector = FaceDetector()
    rows = []
    for label, folder in enumerate(folders[:PERSONS]):
        for number, path in enumerate(sorted(folder.iterdir())[:PHOTOS]):
            image = decode(path.read_bytes())
            found = detector.detect(image)
            crops = np.array(
                [
                    cut(image, matrix, embedder.model.size)
                    for matrix in embedder.matrices(found.boxes, found.landmarks)
                ]
            )
            size = image.shape[1], image.shape[0]
            for vector, crop, near in zip(
                embedder(crops)[0], crops, by_center(found.boxes, size), strict=True
            ):
                bits = np.frombuffer(perceptual_hash(crop, 74), np.uint64)
                rows.append((vector, label * PHOTOS + number, label, near, bits))
    vectors, photo, labels, centrality, hashes = zip(*rows, strict=True)
    n = len(rows)
    return FaceColumns(
        np.array(vectors, np.float32),
        np.ones(n, np.bool_),
        np.array(photo, np.int64),
        np.array(labels, np.int32),
        np.array(centrality, np.float32),
        np.ones(n, np.float32),
        np.zeros((n, 2), np.uint64),
        np.array(hashes, np.uint64),
    )


def test_flipped_labels_are_found_among_real_faces(faces: FaceColumns) -> None:
    first = np.unique(faces.photo, return_index=True)[1]
    bearer = bearers(faces)[first]
    flipped = bearer[::PHOTOS][:4]
    label = faces.label.copy()
    label[flipped] = (label[flipped] + 5) % PERSONS
    faces = FaceColumns(
        **{**{name: getattr(faces, name) for name in faces.__dataclass_fields__}, "label": label}
    )
    verdicts = curate(faces, THRESHOLDS["dlib"])
    found = np.flatnonzero(verdicts.reason == Reason.not_like_identity)
    assert set(flipped) <= set(found)
    assert len(found) <= len(flipped) + 1
    others = np.setdiff1d(np.arange(len(faces)), bearer)
    assert (np.flatnonzero(verdicts.reason == Reason.other_face) == others).all()
