"""What thresholds and quality rest on: `python -m tests.face_vectors DATA`.

DATA is the folder of test photographs. For each known model, on the middlemost faces of LFW:
cosines of pairs of two persons and of one; and how well several measures rank faces, in photos made
worse, by the cosine to the centre of the person's other faces (Spearman).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from mtcnn_core import FaceDetector, decode, kept_faces
from mtcnn_core.crops.alignment import crop_matrices
from mtcnn_core.crops.crops import cut, sharpness
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.quality import quality
from mtcnn_core.faces import Faces
from mtcnn_core.settings.crops import CropSettings
from mtcnn_core.settings.embedding import EmbeddingSettings
from tests.embedding_speed import models

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
_RATES = {"typical": None, "maybe_same": 1e-2, "same": 1e-3, "surely_same": 1e-5}
_WORSE = 700


class Seen(NamedTuple):
    """The middlemost face of a photo."""

    photo: Pixels
    face: Faces


def _seen(detector: FaceDetector, photo: Pixels) -> Seen | None:
    faces = detector.detect(photo)
    kept = kept_faces(faces, photo.shape[1], photo.shape[0], "center")
    return Seen(photo, faces[kept]) if len(faces) else None


def _crop(embedder: Embedder, seen: Seen) -> Pixels:
    (matrix,) = embedder.matrices(seen.face.boxes, seen.face.landmarks)
    return cut(seen.photo, matrix, embedder.model.size)


def worse(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """A photo smaller, blurred, darker, noisier, coarser, or as it is."""
    kind, amount = rng.integers(0, 6), rng.random()
    if kind == 1:
        size = tuple(int(side / (1 + 5 * amount)) for side in photo.shape[1::-1])
        return cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    if kind == 2:
        return cv2.GaussianBlur(photo, (0, 0), 0.5 + 5 * amount).astype(np.uint8)
    if kind == 3:
        return np.clip(photo * (1 - 0.9 * amount), 0, 255).astype(np.uint8)
    if kind == 4:
        return np.clip(photo + rng.normal(0, 60 * amount, photo.shape), 0, 255).astype(np.uint8)
    if kind == 5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(60 * (1 - amount)) + 2]
        _, data = cv2.imencode(".jpg", photo, quality)
        return cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.uint8)
    return photo


def _centres(vectors: Floats, persons: NDArray[np.intp]) -> NDArray[np.float64]:
    sums = np.zeros((persons.max() + 1, vectors.shape[1]))
    np.add.at(sums, persons, vectors)
    return sums


def show_pairs(vectors: Floats, persons: NDArray[np.intp]) -> None:
    """Prints the cosines that false accept rates ask for."""
    above = np.triu_indices(len(vectors), 1)
    cosines = (vectors @ vectors.T)[above]
    same = persons[above[0]] == persons[above[1]]
    print(f"  {same.sum():,} pairs of one person, {(~same).sum():,} of two")
    for name, rate in _RATES.items():
        at = np.median(cosines[same]) if rate is None else np.quantile(cosines[~same], 1 - rate)
        print(f"  {name:12} {at:.3f}: {np.mean(cosines[same] > at):.4f} of one person's above")


def show_quality(
    embedder: Embedder, vectors: Floats, persons: NDArray[np.intp], at: list[int], seen: list[Seen]
) -> None:
    """Prints how well each measure ranks the faces of photos made worse."""
    others = _centres(vectors, persons)[persons[at]] - vectors[at]
    found, norms = embedder(np.stack([_crop(embedder, each) for each in seen]))
    target = (found * others).sum(axis=1) / np.linalg.norm(others, axis=1)
    scores = np.array([each.face.scores[0] for each in seen])
    boxes = np.stack([each.face.boxes[0] for each in seen])
    measures = {
        "norm": norms,
        "score": scores,
        "sharpness": np.array([_sharpness(each) for each in seen]),
        "side": (boxes[:, 2:] - boxes[:, :2]).mean(axis=1),
        "quality": [
            quality(embedder.model, *map(float, pair)) for pair in zip(norms, scores, strict=True)
        ],
    }
    ranked = {name: spearmanr(values, target).statistic for name, values in measures.items()}
    print(f"  {len(seen)} photos:", *(f"{name} {value:.2f}" for name, value in ranked.items()))


def _sharpness(seen: Seen) -> float:
    settings = CropSettings()
    (matrix,) = crop_matrices(seen.face, settings, (seen.photo.shape[1], seen.photo.shape[0]))
    return sharpness(cut(seen.photo, matrix, settings.size))


def main(data: Path) -> None:
    """Prints all of it."""
    paths = sorted((data / "lfw_people").rglob("*.jpg"))
    detector = FaceDetector()
    persons = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    embedders = {name: Embedder(EmbeddingSettings(model=m)) for name, m in models(data).items()}
    rng = np.random.default_rng(1)
    counts = np.bincount(persons)[persons]
    chosen = set(rng.choice(np.flatnonzero(counts >= 4), _WORSE, replace=False).tolist())
    crops: dict[str, list[Pixels]] = {name: [] for name in embedders}
    places, made_worse, kept = [], [], []
    for number, path in enumerate(paths):
        photo = decode(path.read_bytes())
        seen = _seen(detector, photo)
        if seen is None:
            continue
        if number in chosen and (other := _seen(detector, worse(photo, rng))):
            places.append(len(kept))
            made_worse.append(other)
        kept.append(number)
        for name, embedder in embedders.items():
            crops[name].append(_crop(embedder, seen))
    persons = np.unique(persons[kept], return_inverse=True)[1]
    for name, embedder in embedders.items():
        whole, _ = embedder(np.stack(crops.pop(name)))
        print(name)
        show_pairs(whole, persons)
        show_quality(embedder, whole, persons, places, made_worse)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
