"""What was made, in numbers, and what the ground truth knows of that was not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

import pyarrow.compute as pc

from jobs.dataset import Dataset
from jobs.kind.figures import Cell, Figures
from jobs.samples.schema import COUNTS

_SHOWN = 5
_MEANINGS = {
    "num_negatives": "not a face",
    "num_parts": "part of one",
    "num_positives": "a face",
    "num_landmarks": "for the five points",
    "num_faces": "that were learned from",
    "num_ignored": "too small, or not to be learned from",
    "num_unusable": "boxes without an area in the photo: they were left out",
    "num_doubtful": "faces whose landmarks are not where the cascade sees them: left out",
    "num_missed": "faces that the cascade did not show the network",
}


def figures_of(dataset: Dataset, names: Collection[str]) -> Figures:
    """Samples by kind, faces, and what does not fit together.

    Args:
        dataset: The output.
        names: Photos that the ground truth names.
    """
    images = dataset.read("images", ("truth", *COUNTS))
    given = Counter(name for name in images.column("truth").to_pylist() if name is not None)
    rows: list[tuple[Cell, ...]] = [
        (name.removeprefix("num_"), pc.sum(images.column(name)).as_py() or 0, meaning)
        for name, meaning in _MEANINGS.items()
    ]
    missing = sorted(set(names) - given.keys())
    twice = sorted(name for name, count in given.items() if count > 1)
    rows += _row("not in the input", "photos of the ground truth", missing)
    rows += _row("several times", "photos of the ground truth are in the input", twice)
    return Figures("samples", "Samples", ("", "count", "what"), rows)


def _row(title: str, what: str, names: list[str]) -> Iterator[tuple[Cell, ...]]:
    if names:
        others = ", ..." if len(names) > _SHOWN else ""
        yield title, len(names), f"{what}: {', '.join(names[:_SHOWN])}{others}"
