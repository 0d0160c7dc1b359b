"""Stored faces that look like one in a picture, for who wants to forget a person."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.dataset import open_dataset
from jobs.detect import detect_photo
from jobs.embed.config import EmbedConfig
from jobs.embed.kind import EMBED
from jobs.engine.identity import another_job, require_identity
from jobs.extract.config import Config
from jobs.kind.loading import load
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from mtcnn_core.crops.crops import cut
from mtcnn_core.embedding.embedder import EMBEDDING, Embedder, check_directions

_COLUMNS = ("key", "face_index", "label", "embedding")


@dataclass(frozen=True, order=True)
class Alike:
    """A stored face, and how much it looks like one in the picture.

    Attributes:
        cosine: Cosine of its vector and that of the face in the picture which it is most like.
        key: Key of its photo.
        face: Its number there.
        label: Its label; empty if it has none.
    """

    cosine: float
    key: str
    face: int
    label: str


def faces_like(
    picture: str, vectors: str, config: Config, options: Mapping[str, Any], most: int = 100
) -> tuple[list[Alike], float | None]:
    """The stored faces that look most like those in a picture; compares with every vector.

    Args:
        picture: Path or fsspec URL of the picture.
        vectors: Output of `embed`, whose model is used.
        config: How the picture is read, and faces are found in it.
        options: Keyword arguments of the output's fsspec file system.
        most: As many are listed.

    Returns:
        The faces, the most alike first; and the cosine that they are all above, from which on two
        faces are one person's. It is None where the model has none: then they are just the first.

    Raises:
        jobs.messages.errors.UserError: There are no such vectors, or no face in the picture.
        mtcnn_core.embedding.errors.EmbeddingError: The model is not there.
        mtcnn_core.images.errors.ImageError: The picture cannot be decoded.
    """
    made = require_identity(Storage(vectors, options))
    if made.job != EMBED.name:
        raise another_job(vectors, made.job, EMBED.name)
    settings: EmbedConfig = load(EMBED.config, None, stored=made.config)
    embedder = Embedder(settings.embed)
    if embedder.digests[EMBEDDING] != made.models.get(EMBEDDING):
        raise UserError(
            f"the model '{embedder.model.name}' is not the one that made '{vectors}': put that in "
            "its place"
        )
    wanted = _embedded(picture, embedder, config)
    thresholds = embedder.model.thresholds
    least = thresholds.same if thresholds else None
    found: list[Alike] = []
    for batch in open_dataset(vectors, options).batches("embeddings", _COLUMNS):
        some = batch.filter(pc.is_valid(batch.column("embedding")))
        stored = np.asarray(some.column("embedding").flatten(), np.float32)
        cosines = (stored.reshape(some.num_rows, -1) @ wanted.T).max(axis=1, initial=-1)
        rows = np.argsort(-cosines, kind="stable")[:most]
        for row in rows[cosines[rows] > (-1 if least is None else least)].tolist():
            key, face, label = (some.column(name)[row].as_py() for name in _COLUMNS[:3])
            found.append(Alike(float(cosines[row]), key, face, label or ""))
        found = heapq.nlargest(most, found)
    return found, least


def _embedded(picture: str, embedder: Embedder, config: Config) -> NDArray[np.float32]:
    """The vectors of the faces in a picture, float32 ``(faces, width)`` of length 1."""
    found = detect_photo(picture, config)
    image, faces = found.photo.pixels, found.faces
    if image is None or not len(faces):
        raise UserError(f"there is no face in '{picture}': give a picture in which one is found")
    size = embedder.model.size
    matrices = embedder.matrices(faces.boxes, faces.landmarks)
    crops = [cut(image, matrix, size, found.photo.size) for matrix in matrices]
    vectors, norms = embedder(np.stack(crops))
    check_directions(norms, embedder.model.name)
    return vectors
