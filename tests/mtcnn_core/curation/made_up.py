"""Faces with made-up vectors: persons around random centres."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import FaceColumns
from mtcnn_core.curation.thresholds import Thresholds

# For vectors of `make_faces`: mean cosine 0.7 within a person, about 0 between persons.
THRESHOLDS = Thresholds(
    margin=0.05,
    claim=0.35,
    person=0.35,
    same_person=-0.1,
    two_persons=0.25,
    leak=-0.1,
    duplicate_bits=60,
    duplicate_distance=0.1,
    same_cosine=0.98,
    own=0.7,
    other=0.0,
)


def vectors_of(
    person: NDArray[np.integer], d: int = 64, seed: int = 0, spread: float = 0.6
) -> NDArray[np.float32]:
    """Unit vectors around a random centre for each person; seeds give other photos of the same."""
    centres = np.random.default_rng(99).standard_normal((int(person.max(initial=0)) + 1, d))
    noise = np.random.default_rng(seed).standard_normal((len(person), d))
    vectors = (centres[person] + spread * noise).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_faces(
    person: NDArray[np.integer],
    label: NDArray[np.integer] | None = None,
    seed: int = 0,
    d: int = 64,
    spread: float = 0.6,
) -> FaceColumns:
    """A face a photo, each with hashes of its own."""
    n = len(person)
    rng = np.random.default_rng([seed, 1])
    return FaceColumns(
        embeddings=vectors_of(person, d, seed, spread),
        has_vector=np.ones(n, np.bool_),
        photo=np.arange(n, dtype=np.int64),
        label=(person if label is None else label).astype(np.int32),
        centrality=np.zeros(n, np.float32),
        quality=np.ones(n, np.float32),
        content=rng.integers(1, 2**63, (n, 2), dtype=np.uint64),
        phash=rng.integers(1, 2**63, (n, 4), dtype=np.uint64),
    )


def made_up_dataset(
    count: int, persons: int, d: int = 128, seed: int = 0
) -> tuple[FaceColumns, NDArray[np.int64]]:
    """Many faces with every kind of error, and who each shows.

    2 % flipped labels, 1 % copies, 10 % without a label, 1 % other faces in labelled photos; 2 % of
    the persons have two labels, and 2 % of the labels two persons.
    """
    rng = np.random.default_rng(seed)
    person = rng.integers(persons, size=count)
    label = person.copy()
    twice = (person % 50 == 0) & (rng.random(count) < 0.5)
    label[twice] += persons
    label = np.where(person % 50 == 1, person + 1, label)
    flipped = rng.random(count) < 0.02
    label[flipped] = rng.integers(persons, size=int(flipped.sum()))
    label[rng.random(count) < 0.1] = -1
    faces = make_faces(person, label, seed, d, spread=0.6)
    copied = rng.choice(count, count // 100, replace=False)
    source = rng.integers(count, size=len(copied))
    for column in (faces.embeddings, faces.phash, faces.content, person, faces.label):
        column[copied] = column[source]
    beside = rng.choice(count - 1, count // 100, replace=False)
    faces.photo[beside + 1] = faces.photo[beside]
    faces.centrality[beside] = 1
    names = np.unique(faces.label, return_inverse=True)[1] - 1
    return replace(faces, label=names.astype(np.int32)), person


def by_center(boxes: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float32]:
    """How central boxes are in a photo of a size, as `FaceColumns.centrality`."""
    offset = (boxes[:, :2] + boxes[:, 2:]) / 2 - np.array(size) / 2
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return (area - 2 * (offset**2).sum(axis=1)).astype(np.float32)
