"""Groups of faces that are one picture: by bytes, by look, or by vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import Bools, FaceColumns, Floats, Names
from mtcnn_core.curation.neighbours import Neighbours, library
from mtcnn_core.curation.thresholds import Thresholds

_Edges = NDArray[np.int64]
# The columns of the transform that change their sign where a picture is mirrored are the odd ones.
_ODD_COLUMNS = np.uint64(0x5555555555555555)
_BLOCK = 1 << 16


def mirrored_hash(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns hashes of the mirrored pictures, uint64 ``(n, 4)`` both.

    Exact but for coefficients about as small as their median: a few bits differ from the hash that
    is computed of the mirrored picture.
    """
    mirrored: NDArray[np.uint64] = hashes ^ _ODD_COLUMNS
    return mirrored


def hash_distance(
    some: NDArray[np.uint64], others: NDArray[np.uint64], mirrored: bool = False
) -> NDArray[np.int64]:
    """Counts the bits that differ between perceptual hashes.

    Args:
        some: uint64 ``(n, 4)``.
        others: uint64 ``(n, 4)``.
        mirrored: Whether the others are mirrored first, see :func:`mirrored_hash`.

    Returns:
        int64 ``(n,)``, 0 to 256.
    """
    differ = some ^ (mirrored_hash(others) if mirrored else others)
    counts: NDArray[np.int64] = np.bitwise_count(differ).sum(axis=1, dtype=np.int64)
    return counts


def duplicate_groups(
    faces: FaceColumns, neighbours: Neighbours, usable: Bools, thresholds: Thresholds
) -> Names:
    """Finds groups of faces that are one picture.

    Two faces of one photo are never one picture.

    Args:
        faces: The faces.
        neighbours: Their nearest faces.
        usable: bool ``(n,)``: which of them take part.
        thresholds: ``duplicate_bits``, ``duplicate_distance`` and ``same_cosine`` are used.

    Returns:
        int32 ``(n,)``: the number of each face's group; -1 for faces of none.
    """
    n = len(faces)
    edges = np.concatenate([_same_bytes(faces), _alike(faces, neighbours, thresholds)])
    a, b = edges.T
    edges = edges[(faces.photo[a] != faces.photo[b]) & usable[a] & usable[b]]
    matrix = library("scipy.sparse").coo_array(
        (np.ones(len(edges), np.bool_), (edges[:, 0], edges[:, 1])), shape=(n, n)
    )
    _, part = library("scipy.sparse.csgraph").connected_components(matrix, directed=False)
    large = np.bincount(part)[part] > 1
    groups = np.full(n, -1, np.int32)
    groups[large] = np.unique(part[large], return_inverse=True)[1]
    return groups


def _same_bytes(faces: FaceColumns) -> _Edges:
    order = np.lexsort((faces.content[:, 1], faces.content[:, 0]))
    known = np.any(faces.content != 0, axis=1)
    a, b = order[:-1], order[1:]
    same = np.all(faces.content[a] == faces.content[b], axis=1) & known[a]
    return np.stack([a[same], b[same]], axis=1)


def _alike(faces: FaceColumns, neighbours: Neighbours, thresholds: Thresholds) -> _Edges:
    close = 1 - neighbours.cosines <= thresholds.duplicate_distance
    rows = np.nonzero(close)[0]
    edges = np.stack([rows, neighbours.rows[close].astype(np.int64)], axis=1)
    cosines = neighbours.cosines[close]
    same = cosines >= thresholds.same_cosine
    known = np.any(faces.phash != 0, axis=1)
    for start in range(0, len(edges), _BLOCK):
        a, b = edges[start : start + _BLOCK].T
        share = copy_share(
            faces.phash[a], faces.phash[b], cosines[start : start + _BLOCK], thresholds
        )
        part = same[start : start + _BLOCK]
        part[:] = np.where(known[a] & known[b], share <= 1, part)
    return edges[same]


def copy_share(
    some: NDArray[np.uint64], others: NDArray[np.uint64], cosines: Floats, thresholds: Thresholds
) -> Floats:
    """Measures how far two faces are from being copies; at most 1 for those that are.

    Bits and cosines add up, as copies that are hard for the one are easy for the other: a small
    copy of a picture is far in cosine, a mirrored one far in bits.

    Args:
        some: Hashes, uint64 ``(n, 4)``.
        others: Hashes, uint64 ``(n, 4)``.
        cosines: float32 ``(n,)``.
        thresholds: ``duplicate_bits`` and ``duplicate_distance`` are used.

    Returns:
        float32 ``(n,)``.
    """
    bits = np.minimum(hash_distance(some, others), hash_distance(some, others, mirrored=True))
    share = bits / thresholds.duplicate_bits + (1 - cosines) / thresholds.duplicate_distance
    return share.astype(np.float32)
