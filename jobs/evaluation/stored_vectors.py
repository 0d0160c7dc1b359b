"""`evaluate verification --vectors`: vectors that `embed` has stored, compared pair by pair."""

from __future__ import annotations

import io
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.dataset import Dataset, open_dataset
from jobs.engine.interrupts import interrupts
from jobs.evaluation.plots import check_plots
from jobs.evaluation.results import Folder, Results
from jobs.evaluation.scored_pairs import score_pairs, those_with
from jobs.evaluation.selection import select_keys
from jobs.messages.errors import UserError
from jobs.truth.pairs import read_pairs
from jobs.upstream import Upstream
from mtcnn_core.crops.alignment import kept_faces
from mtcnn_core.faces import Faces
from mtcnn_core.settings.crops import Keep

_FACES = ("key", "face_index", "box", "score", "landmarks", "image_width", "image_height")


def evaluate_vectors(
    pairs_file: str,
    vectors: str,
    faces: str | None,
    output: str | None,
    keep: Keep,
    options: Mapping[str, Any],
) -> Results:
    """Compares the vectors of photos in pairs; nothing is extracted or embedded.

    Args:
        pairs_file: As for :func:`jobs.truth.pairs.read_pairs`.
        vectors: An output of `embed`.
        faces: The output of `extract` that it was made from; None is where it was then.
        output: Folder of the evaluation; None is one named for the vectors.
        keep: Which face of a photo is compared.
        options: Keyword arguments of the fsspec file systems.

    Raises:
        UserError: Something the user has to change.
    """
    check_plots()
    began = time.monotonic()
    with interrupts():
        pairs = read_pairs(pairs_file)
        embedded = Upstream(vectors, options, "embed")
        made = embedded.identity
        found = Upstream(faces or made.input, options, "extract")
        if found.digest != made.upstream.get("faces"):
            raise UserError(
                f"'{vectors}' was not made from '{found.url}': name its faces with --faces"
            )
        photos = open_dataset(found.url, options)
        all_keys = (key for batch in photos.batches("images", ["key"]) for key in _keys(batch))
        keys = select_keys(all_keys, {*pairs.a, *pairs.b}, None)
        chosen = _chosen(photos, set(keys.values()), keep)
        absent = len({*pairs.a, *pairs.b} - keys.keys())
        pairs = those_with(pairs, keys)
        name = PurePosixPath(vectors.rstrip("/")).name
        folder = Folder(output or f"evaluations/verification-{name}", options)
        figures = score_pairs(
            pairs,
            _vectors(open_dataset(vectors, options), chosen),
            keys,
            ChosenCrops(photos, chosen),
            folder,
        )
        metrics = {
            "evaluation": "verification",
            "ground_truth": pairs_file,
            "vectors": vectors,
            "input": made.input,
            "photos": {"scored": len(keys), "absent": absent},
            "models": made.models,
            "settings": made.config,
            **figures,
        }
        return folder.finish(metrics, time.monotonic() - began)


@dataclass(frozen=True, eq=False)
class ChosenCrops:
    """The stored crops of one face a photo.

    Attributes:
        photos: An output of `extract`.
        chosen: Key -> `face_index`.
    """

    photos: Dataset
    chosen: Mapping[str, int]

    def kept_crops(self, keys: Collection[str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Yields key and crop, uint8 ``(h, w, 3)`` RGB; none where none are stored."""
        for batch in self.photos.batches("faces", ["key", "face_index", "crop"]):
            for row in batch.to_pylist():
                key = row["key"]
                if key in keys and self.chosen.get(key) == row["face_index"] and row["crop"]:
                    with Image.open(io.BytesIO(row["crop"]["bytes"])) as picture:
                        yield key, np.asarray(picture.convert("RGB"))


def _keys(batch: Any) -> list[str]:
    keys: list[str] = batch.column("key").to_pylist()
    return keys


def _chosen(photos: Dataset, keys: Collection[str], keep: Keep) -> dict[str, int]:
    """Key -> `face_index` of the face that is compared, of photos that have faces."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for batch in photos.batches("faces", _FACES):
        for row in batch.to_pylist():
            if row["key"] in keys:
                rows.setdefault(row["key"], []).append(row)
    chosen = {}
    for key, some in rows.items():
        faces = Faces(
            np.array([row["box"] for row in some]),
            np.array([row["score"] for row in some]),
            np.array([row["landmarks"] for row in some]).reshape(-1, 5, 2),
        )
        size = some[0]["image_width"], some[0]["image_height"]
        chosen[key] = some[int(np.argmax(kept_faces(faces, *size, keep)))]["face_index"]
    return chosen


def _vectors(embedded: Dataset, chosen: Mapping[str, int]) -> dict[str, NDArray[np.float32]]:
    """Key -> vector of the chosen face, of those that have one."""
    found = {}
    for batch in embedded.batches("embeddings", ["key", "face_index", "embedding"]):
        for row in batch.to_pylist():
            if chosen.get(row["key"]) == row["face_index"] and row["embedding"] is not None:
                vector = np.array(row["embedding"], np.float32)
                found[row["key"]] = vector / np.linalg.norm(vector)
    return found
