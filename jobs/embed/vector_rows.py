"""Rows of `embeddings`, gathered until there are enough crops for the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.embed.face_items import FaceItem, Lost
from jobs.members import Member
from mtcnn_core.crops.templates import TEMPLATES
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.perceptual_hash import perceptual_hash
from mtcnn_core.embedding.quality import quality

_CROPS = 64
_ROWS = 512
_NO_DIRECTION = Lost("no_direction", "the model gives zeros for this face, or no numbers")


class VectorRows:
    """Rows that wait for their vectors.

    Args:
        schema: Schema of ``embeddings``.
        embedder: Turns crops into vectors.
    """

    def __init__(self, schema: pa.Schema, embedder: Embedder) -> None:
        self._schema = schema
        self._embedder = embedder
        model = embedder.model
        template = TEMPLATES.get(model.template)
        self._axis = None if template is None else float(template.scaled(model.size)[:, 0].mean())
        self._clear()

    def _clear(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._crops: list[NDArray[np.uint8]] = []
        self._of: list[int] = []  # the row of each crop
        self._faces: list[FaceItem] = []

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def is_full(self) -> bool:
        """Whether it is time to take what was gathered."""
        return len(self._crops) >= _CROPS or len(self._rows) >= _ROWS

    def add(self, item: FaceItem) -> None:
        """Cuts the crop of a face and takes its row."""
        crop = item.photo.crop(item.place)
        if isinstance(crop, Lost):
            self.add_lost(item.member, crop)
            return
        row = _row(item.member)
        row["phash"] = perceptual_hash(crop, self._axis)
        self._of.append(len(self._rows))
        self._rows.append(row)
        self._crops.append(crop)
        self._faces.append(item)

    def add_lost(self, member: Member, why: Lost) -> None:
        """Takes the row of a face that there is no crop of."""
        self._rows.append({**_row(member), "status": why.status, "error": why.error})

    def take(self) -> pa.RecordBatch:
        """Embeds what was gathered and returns its rows."""
        width = self._embedder.model.width
        vectors = np.zeros((len(self._rows), width), np.float32)
        has_vector = np.zeros(len(self._rows), np.bool_)
        if self._crops:
            found, norms = self._embedder(np.stack(self._crops))
            for number, (place, item) in enumerate(zip(self._of, self._faces, strict=True)):
                row = self._rows[place]
                if not norms[number]:
                    row |= {
                        "status": _NO_DIRECTION.status,
                        "error": _NO_DIRECTION.error,
                        "phash": None,
                    }
                    continue
                vectors[place], has_vector[place] = found[number], True
                faces = item.photo.found
                row["norm"] = float(norms[number])
                score = float(faces.faces.scores[item.place])
                row["quality"] = quality(self._embedder.model, float(norms[number]), score)
        batch = self._batch(vectors, has_vector)
        self._clear()
        return batch

    def _batch(self, vectors: NDArray[np.float32], has_vector: NDArray[np.bool_]) -> pa.RecordBatch:
        kind = self._schema.field("embedding").type
        numbers = vectors.astype(kind.value_type.to_pandas_dtype()).reshape(-1)
        embeddings = pa.FixedSizeListArray.from_arrays(
            pa.array(numbers, kind.value_type), type=kind, mask=pa.array(~has_vector)
        )
        columns = [
            embeddings
            if field.name == "embedding"
            else pa.array([row[field.name] for row in self._rows], field.type)
            for field in self._schema
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


def _row(member: Member) -> dict[str, Any]:
    key, _, index = member.key.rpartition("#")
    return {
        "key": key,
        "face_index": int(index),
        "label": member.label,
        "status": "ok",
        "error": None,
        "norm": None,
        "quality": None,
        "phash": None,
    }
