"""Groups of faces that are one picture: by bytes, by look, or by vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import Bools, FaceColumns, Names
from mtcnn_core.curation.neighbours import Neighbours, library
from mtcnn_core.curation.thresholds import Thresholds

_Edges = NDArray[np.int64]
# The columns of the transform that change their sign where a picture is mirrored are the odd ones.
_ODD_COLUMNS = np.uint64(0x5555555555555555)
_BLOCK = 1 << 16


def hash_distance(
    some: NDArray[np.uint64], others: NDArray[np.uint64], mirrored: bool = False
) -> NDArray[np.int64]:
    """Counts the bits that differ between perceptual hashes.

    Args:
        some: uint64 ``(n, 4)``.
        others: uint64 ``(n, 4)``.
        mirrored: Whether the others are mirrored first. That is exact but for coefficients about as
            large as their median, so a few bits differ between a picture and itself.

    Returns:
        int64 ``(n,)``, 0 to 256.
    """
    differ = some ^ (others ^ _ODD_COLUMNS if mirrored else others)
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
        thresholds: ``duplicate_bits``, ``duplicate_cosine`` and ``same_cosine`` are used.

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
    close = neighbours.cosines >= thresholds.duplicate_cosine
    rows = np.nonzero(close)[0]
    edges = np.stack([rows, neighbours.rows[close].astype(np.int64)], axis=1)
    same = neighbours.cosines[close] >= thresholds.same_cosine
    known = np.any(faces.phash != 0, axis=1)
    for start in range(0, len(edges), _BLOCK):
        a, b = edges[start : start + _BLOCK].T
        some, others = faces.phash[a], faces.phash[b]
        bits = np.minimum(hash_distance(some, others), hash_distance(some, others, mirrored=True))
        same[start : start + _BLOCK] |= (bits <= thresholds.duplicate_bits) & known[a] & known[b]
    return edges[same]
