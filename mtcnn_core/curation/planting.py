"""Errors that are planted into a sample of faces, to count how many of them are found."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import Bools, FaceColumns, Floats, Names, Rows
from mtcnn_core.curation.duplicates import mirrored_hash

# Copies as they were measured on photos that were encoded again (quality 40), made smaller (3/4),
# mirrored, and cropped by 3 % at each side, 500 each: bits that differ between the hashes, distance
# of the vectors as a share of that of two photos of one person, whether it was mirrored. Of each
# kind the quantiles .02 .1 .3 .5 .7 .9 .98 .995; figures and command in README.md.
_KINDS = (
    ((6, 0.16), (12, 0.13), (16, 0.16), (18, 0.23), (20, 0.31), (22, 0.49), (36, 0.46), (48, 0.29)),
    ((2, 0.1), (8, 0.07), (12, 0.08), (10, 0.21), (22, 0.07), (18, 0.33), (44, 0.1), (42, 0.29)),
    ((10, 0.14), (16, 0.12), (16, 0.27), (22, 0.27), (30, 0.26), (42, 0.29), (60, 0.35), (68, 0.5)),
    ((2, 0.04), (4, 0.08), (8, 0.08), (14, 0.03), (16, 0.09), (28, 0.05), (38, 0.12), (54, 0.09)),
)
_QUANTILES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.995)
_MIRRORED = 2


class Planted(NamedTuple):
    """Labels with planted errors.

    Attributes:
        label: int32 ``(n,)``.
        is_planted: bool ``(n,)``: whose label was changed.
    """

    label: Names
    is_planted: Bools


def flips(label: Names, share: float, rng: np.random.Generator) -> Planted:
    """Gives a share of the faces the label of another person, chosen at random among all."""
    names = np.unique(label)
    chosen = rng.choice(len(label), round(share * len(label)), replace=False)
    shift = rng.integers(1, len(names), len(chosen))
    changed = label.copy()
    changed[chosen] = names[(np.searchsorted(names, label[chosen]) + shift) % len(names)]
    return Planted(changed, changed != label)


def splits(label: Names, share: float, rng: np.random.Generator, least: int = 2) -> Planted:
    """Gives half the faces of a share of the persons a new label, one a person.

    Args:
        label: int32 ``(n,)``.
        share: Share of the persons that can be split.
        rng: Chooses persons and faces.
        least: How many faces each half has at least.
    """
    changed = label.copy()
    names, sizes = np.unique(label, return_counts=True)
    able = names[sizes >= 2 * least]
    chosen = rng.choice(able, min(len(able), max(1, round(share * len(able)))), replace=False)
    for number, name in enumerate(np.sort(chosen)):
        rows = np.flatnonzero(label == name)
        changed[rng.permutation(rows)[: len(rows) // 2]] = names[-1] + 1 + number
    return Planted(changed, changed != label)


def joins(label: Names, share: float, rng: np.random.Generator, least: int = 3) -> Planted:
    """Puts persons under the labels of others, two persons a label.

    Args:
        label: int32 ``(n,)``.
        share: Share of the persons that are joined with another.
        rng: Chooses persons.
        least: How many faces each of the two has at least.
    """
    changed = label.copy()
    names, sizes = np.unique(label, return_counts=True)
    able = names[sizes >= least]
    count = min(len(able) // 2, max(1, round(share * len(able))))
    chosen = rng.choice(able, 2 * count, replace=False)
    for name, other in zip(chosen[:count], chosen[count:], strict=True):
        changed[label == other] = name
    return Planted(changed, changed != label)


def copies(
    faces: FaceColumns, share: float, distance: float, rng: np.random.Generator
) -> tuple[FaceColumns, Rows]:
    """Makes copies of a share of the faces, as changed as encoded, mirrored and cropped ones are.

    Args:
        faces: Faces with vectors.
        share: Share of them that is copied.
        distance: One minus the cosine of two photos of one person, in the middle.
        rng: Chooses faces and changes.

    Returns:
        The copies, each in a photo of its own, and int64 ``(k,)``: the row of each one's original.
    """
    rows = np.sort(rng.choice(len(faces), round(share * len(faces)), replace=False))
    kind, at = rng.integers(len(_KINDS), size=len(rows)), rng.random(len(rows))
    bits, far = np.empty(len(rows)), np.empty(len(rows))
    for number, measured in enumerate(_KINDS):
        here = kind == number
        table = np.array(measured)
        bits[here] = np.interp(at[here], _QUANTILES, table[:, 0])
        far[here] = np.interp(at[here], _QUANTILES, table[:, 1]) * distance
    some = faces.select(rows)
    hashes = np.where((kind == _MIRRORED)[:, None], mirrored_hash(some.phash), some.phash)
    # Faces whose hash is not known have copies whose hash is not known.
    known = np.any(some.phash != 0, axis=1)[:, None]
    made = replace(
        some,
        embeddings=_beside(some.embeddings, far, rng),
        photo=int(faces.photo.max(initial=-1)) + 1 + np.arange(len(rows), dtype=np.int64),
        content=np.zeros_like(some.content),
        phash=np.where(known, hashes ^ _flipped(bits.round().astype(np.int64), rng), some.phash),
    )
    return made, rows


def _beside(vectors: Floats, far: NDArray[np.float64], rng: np.random.Generator) -> Floats:
    """Unit vectors at some distances (one minus cosine) from others, in random directions."""
    across = rng.standard_normal(vectors.shape)
    across -= (across * vectors).sum(axis=1, keepdims=True) * vectors
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    cosine = 1 - far[:, None]
    moved: Floats = (cosine * vectors + np.sqrt(1 - cosine**2) * across).astype(np.float32)
    return moved


def _flipped(bits: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint64]:
    """Masks of 256 bits with so many set, uint64 ``(n, 4)``."""
    order = rng.random((len(bits), 256)).argsort(axis=1).argsort(axis=1)
    return np.packbits(order < bits[:, None], axis=1).view(np.uint64)
