"""How much each face is like its own label's faces, and like those of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import Floats, Names, Rows
from mtcnn_core.curation.neighbours import Neighbours, in_blocks

# Of a label with more faces, so many at even distances stand for all.
_MOST = 512
_LABELS_A_BLOCK = 256
_NEAREST = 2


@dataclass(frozen=True, eq=False)
class Others:
    """The nearest faces of other labels.

    Attributes:
        cosine: float32 ``(n,)``: mean cosine of the two nearest; of the one, where there are no
            more faces at all. NaN where the neighbours hold fewer: the face is among its own.
        label: int32 ``(n,)``: label of the nearest; -1 where the neighbours hold none.
        rows: int64 ``(n, 2)``: the two; -1 where the neighbours hold fewer.
    """

    cosine: Floats
    label: Names
    rows: Rows


def likeness(
    vectors: Floats,
    label: Names,
    rows: Rows,
    asked: Names,
    group: Names | None = None,
    threads: int = 1,
) -> Floats:
    """Compares faces with labels: the mean cosine of the nearer half of a label's faces.

    The nearer half stands for a trimmed centre: faces that are wrong under the label, or turned
    away, are in the other half.

    Args:
        vectors: float32 ``(n, d)`` of length 1.
        label: int32 ``(n,)``: the label of each face that counts; -1 for those that do not.
        rows: int64 ``(m,)``: the faces to compare.
        asked: int32 ``(m,)``: the label to compare each with, -1 for none.
        group: int32 ``(n,)``: faces of one group (copies of a picture) are not compared with each
            other; -1 for faces of none.
        threads: How many blocks are computed at a time. The result does not depend on it.

    Returns:
        float32 ``(m,)``; NaN where the label has no other face.
    """
    members = np.argsort(label, kind="stable")
    bounds = np.searchsorted(label[members], np.arange(int(label.max(initial=-1)) + 2))
    order = np.argsort(asked, kind="stable")
    wanted = np.unique(asked[asked >= 0])
    starts = np.searchsorted(asked[order], wanted)
    ends = np.searchsorted(asked[order], wanted, side="right")
    found = np.full(len(rows), np.nan, np.float32)

    def some(start: int, end: int) -> None:
        for number, low, high in zip(
            wanted[start:end], starts[start:end], ends[start:end], strict=True
        ):
            whole = members[bounds[number] : bounds[number + 1]]
            step = -(-len(whole) // _MOST) or 1
            places = order[low:high]
            found[places] = _nearer_half(vectors, rows[places], whole[::step], group)

    in_blocks(some, len(wanted), threads, block=_LABELS_A_BLOCK)
    return found


def _nearer_half(
    vectors: Floats, rows: Rows, members: NDArray[np.intp], group: Names | None
) -> Floats:
    cosines = vectors[rows] @ vectors[members].T
    counts = rows[:, None] != members
    if group is not None:
        counts &= (group[rows][:, None] != group[members]) | (group[members] < 0)
    cosines[~counts] = -np.inf
    cosines = -np.sort(-cosines, axis=1)
    half = (counts.sum(axis=1) + 1) // 2
    taken = np.arange(cosines.shape[1]) < half[:, None]
    sums = np.where(taken, cosines, 0).sum(axis=1)
    return np.where(half > 0, sums / np.maximum(half, 1), np.nan).astype(np.float32)


def others(label: Names, neighbours: Neighbours, group: Names, threads: int = 1) -> Others:
    """Finds the nearest faces of other labels among the neighbours.

    Args:
        label: int32 ``(n,)``: the label of each face that counts; -1 for those that do not.
        neighbours: The nearest faces of each.
        group: int32 ``(n,)``: copies of a picture, as in :func:`likeness`.
        threads: How many blocks are computed at a time. The result does not depend on it.
    """
    n = len(label)
    cosine = np.full(n, np.nan, np.float32)
    nearest = np.full(n, -1, np.int32)
    rows = np.full((n, _NEAREST), -1, np.int64)

    def some(start: int, end: int) -> None:
        near, cosines = neighbours.rows[start:end], neighbours.cosines[start:end]
        theirs, mine = label[near], label[start:end, None]
        copies = (group[near] == group[start:end, None]) & (group[near] >= 0)
        differ = (near >= 0) & (theirs >= 0) & (theirs != mine) & ~copies
        place = differ.cumsum(axis=1)
        values = np.empty((end - start, _NEAREST), np.float32)
        for k in range(_NEAREST):
            here = differ & (place == k + 1)
            at, has = here.argmax(axis=1), here.any(axis=1)
            one = np.arange(end - start)
            values[:, k] = np.where(has, cosines[one, at], np.nan)
            rows[start:end, k] = np.where(has, near[one, at], -1)
            if k == 0:
                nearest[start:end] = np.where(has, theirs[one, at], -1)
        all_there = near[:, -1] < 0
        values[all_there, 1] = np.where(
            np.isnan(values[all_there, 1]), values[all_there, 0], values[all_there, 1]
        )
        cosine[start:end] = values.mean(axis=1)

    in_blocks(some, n, threads)
    return Others(cosine, nearest, rows)


@dataclass(frozen=True, eq=False)
class Suspicion:
    """How much more each face is like another label than like its own.

    Attributes:
        margin: float32 ``(n,)``: likeness to the other minus likeness to its own; NaN where one of
            them is not known.
        own: float32 ``(n,)``: likeness to its own label, see :func:`likeness`.
        others: The nearest faces of other labels.
    """

    margin: Floats
    own: Floats
    others: Others


def suspicion(
    vectors: Floats, label: Names, neighbours: Neighbours, group: Names, threads: int = 1
) -> Suspicion:
    """Compares each face with its own label, and with that of the nearest other face.

    Likeness to the other is the mean of two: the cosine of the two nearest faces of other labels,
    which tells most where labels have few faces, and likeness to the nearest one's label, which a
    face of the same person that is itself under a wrong label does not raise.

    Args:
        vectors: float32 ``(n, d)`` of length 1.
        label: int32 ``(n,)``; -1 for none.
        neighbours: The nearest faces of each.
        group: int32 ``(n,)``: copies of a picture, as in :func:`likeness`.
        threads: How many blocks are computed at a time. The result does not depend on it.
    """
    rows = np.arange(len(label))
    other = others(label, neighbours, group, threads)
    own = likeness(vectors, label, rows, label, group, threads)
    claim = likeness(vectors, label, rows, other.label, group, threads)
    margin = ((other.cosine + claim) / 2 - own).astype(np.float32)
    return Suspicion(margin, own, other)
