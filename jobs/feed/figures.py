"""What is fed, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.feed.candidates import Counts
from jobs.kind.figures import Cell, Figures


def figures_of(counts: Counts, faces: NDArray[np.int64], splits: Sequence[str]) -> Figures:
    """What became of all faces, and what the splits hold.

    Args:
        counts: What became of the faces.
        faces: int64 ``(classes,)``: of each class.
        splits: The split of each class.
    """
    rows = list(_rows(counts, faces, np.array(splits)))
    return Figures("feed", "Faces", ("", "faces", "identities", "of one face"), rows)


def _rows(
    counts: Counts, faces: NDArray[np.int64], splits: NDArray[np.str_]
) -> Iterator[tuple[Cell, ...]]:
    yield "in the dataset", counts.faces, None, None
    for name, count in (
        ("not kept by extract", counts.not_kept),
        ("dropped by verdicts", counts.dropped),
        ("left out by the condition", counts.unwanted),
        ("without an identity", counts.nameless),
    ):
        if count:
            yield f"  {name}", count, None, None
    for split in [None, *dict.fromkeys(sorted(splits.tolist()))]:
        own = faces if split is None else faces[splits == split]
        name = "fed" if split is None else f"  {split}"
        yield name, int(own.sum()), len(own), int((own == 1).sum())
