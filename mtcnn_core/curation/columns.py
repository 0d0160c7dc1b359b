"""The faces of a dataset as columns: what is known of each before it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.errors import CurationError

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
# Rows of the columns, or -1 for none.
Rows = NDArray[np.int64]
# Numbers of labels or identities, or -1 for none.
Names = NDArray[np.int32]
# Told the name of a stage, and how many of its steps are done of how many.
Progress = Callable[[str, int, int], None]

_SHAPES = {
    "embeddings": (np.float32, (-1,)),
    "has_vector": (np.bool_, ()),
    "photo": (np.int64, ()),
    "label": (np.int32, ()),
    "centrality": (np.float32, ()),
    "quality": (np.float32, ()),
    "content": (np.uint64, (2,)),
    "phash": (np.uint64, (4,)),
}


@dataclass(frozen=True, eq=False)
class FaceColumns:
    """All faces of a dataset, a row each; no array is copied or written to.

    Attributes:
        embeddings: float32 ``(n, d)`` of length 1; rows without a vector hold anything finite.
        has_vector: bool ``(n,)``.
        photo: int64 ``(n,)``: a number a photo, shared by its faces.
        label: int32 ``(n,)``: the label of the face's photo as a number from 0 in the labels'
            order; -1 where it has none.
        centrality: float32 ``(n,)``: area of the box minus twice the squared distance of its centre
            from the photo's, as the policy ``center`` of `mtcnn_core.crops.alignment.kept_faces`.
        quality: float32 ``(n,)``, larger is better; NaN where it is not known.
        content: uint64 ``(n, 2)``: 128 bits of a hash of the photo's bytes and the face's box, so
            that equal means the same face of the same file; zeros where it is not known.
        phash: uint64 ``(n, 4)``: the 256 bits of `imagehash.phash(hash_size=16)` of the aligned
            crop, packed row by row (`numpy.packbits`); zeros where it is not known.

    Raises:
        CurationError: The columns do not belong together.
    """

    embeddings: Floats
    has_vector: Bools
    photo: NDArray[np.int64]
    label: Names
    centrality: Floats
    quality: Floats
    content: NDArray[np.uint64]
    phash: NDArray[np.uint64]

    def __post_init__(self) -> None:
        n = len(self.embeddings)
        for name, (dtype, rest) in _SHAPES.items():
            column = getattr(self, name)
            fits = column.ndim == 1 + len(rest) and len(column) == n
            if column.dtype != dtype or not fits or (rest > (0,) and column.shape[1:] != rest):
                shape = (n, *("d" if side < 0 else side for side in rest))
                raise CurationError(
                    f"the column {name} is {column.dtype} {column.shape} where {np.dtype(dtype)} "
                    f"{shape} is wanted: give one row a face"
                )

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def labels(self) -> int:
        """How many labels there are: one more than the largest."""
        return int(self.label.max(initial=-1)) + 1

    def select(self, rows: Rows | Bools) -> FaceColumns:
        """Copies some rows, in the order given; labels keep their numbers."""
        return FaceColumns(**{name: getattr(self, name)[rows] for name in _SHAPES})

    def joined(self, others: FaceColumns) -> FaceColumns:
        """Copies these faces and others behind them; photos and labels keep their numbers."""
        return FaceColumns(
            **{
                name: np.concatenate([getattr(self, name), getattr(others, name)])
                for name in _SHAPES
            }
        )
