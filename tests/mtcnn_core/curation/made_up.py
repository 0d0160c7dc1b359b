"""Faces with made-up vectors: persons around random centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import FaceColumns
from mtcnn_core.curation.thresholds import Thresholds

# For vectors of `make_faces`: mean cosine 0.7 within a person, about 0 between persons.
THRESHOLDS = Thresholds(
    margin=0.0,
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
