"""What `feed` reads: faces, verdicts on them, and their vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.feed.config import FeedSettings
from jobs.finished import Finished, open_finished
from jobs.messages.bar import bar
from jobs.messages.errors import UserError


@dataclass(frozen=True)
class Upstreams:
    """All that a feed is made from.

    Attributes:
        faces: The dataset.
        verdicts: What `curate` made of it.
        vectors: What `embed` made of it.
    """

    faces: Finished
    verdicts: Finished | None
    vectors: Finished | None

    @property
    def digests(self) -> dict[str, str]:
        """What it is made from -> what identifies it."""
        return {name: each.upstream.digest for name, each in self._named()}

    @property
    def states(self) -> list[str]:
        """What changes when any row does that it is made from."""
        return [each.state for _, each in self._named()]

    @property
    def crop(self) -> dict[str, Any]:
        """How the crops were made: the section `crop` of `extract`."""
        return dict(self.faces.identity.config["crop"])

    def centres(
        self, rows: pa.Table, of_face: NDArray[np.intp], identities: int
    ) -> NDArray[np.float32]:
        """The mean vector of each identity, float32 ``(identities, d)``; zeros where none has one.

        Args:
            rows: The faces, with key and face_index.
            of_face: ``(n,)``: the identity of each.
            identities: How many there are.

        Raises:
            UserError: There are no vectors.
        """
        if self.vectors is None:
            raise UserError("feed.group neighbours needs vectors: give --vectors VECTORS")
        dataset = self.vectors.dataset
        width = dataset.schema("embeddings").field("embedding").type.list_size
        sums = np.zeros((identities, width), np.float64)
        keys = ["key", "face_index"]
        own = rows.select(keys).append_column("of", pa.array(of_face))
        with bar("reading", "vectors", dataset.rows.get("embeddings", 0)) as advance:
            for batch in dataset.batches("embeddings", [*keys, "embedding"]):
                table = pa.Table.from_batches([batch])
                places = table.select(keys).append_column("at", pa.array(np.arange(len(table))))
                found = own.join(places, keys, join_type="inner")
                vectors = table["embedding"].combine_chunks().take(found["at"].combine_chunks())
                there = np.asarray(vectors.is_valid())
                flat = vectors.drop_null().flatten().to_numpy(zero_copy_only=False)
                np.add.at(sums, found["of"].to_numpy()[there], flat.reshape(-1, width))
                advance(len(table))
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres: NDArray[np.float32] = (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
        return centres

    def _named(self) -> list[tuple[str, Finished]]:
        named = {"faces": self.faces, "verdicts": self.verdicts, "vectors": self.vectors}
        return [(name, each) for name, each in named.items() if each is not None]


def open_upstreams(
    source_url: str, settings: FeedSettings, options: Mapping[str, Any]
) -> Upstreams:
    """Opens all that a feed is made from.

    Args:
        source_url: Where the faces are.
        settings: Where the rest is.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: Something is not there, not finished, or holds no crops.
    """
    faces = open_finished(source_url, "extract", options)
    if faces.identity.config["crop"]["format"] == "none":
        raise UserError(
            f"'{source_url}' holds no crops (crop.format is none): extract them, and feed those"
        )
    verdicts = open_finished(settings.verdicts, "curate", options) if settings.verdicts else None
    vectors = None
    if settings.group == "neighbours":
        if settings.vectors is None:
            raise UserError("feed.group neighbours needs vectors: give --vectors VECTORS")
        vectors = open_finished(settings.vectors, "embed", options)
    elif settings.vectors is not None:
        raise UserError("vectors are for feed.group neighbours: give that, or no --vectors")
    return Upstreams(faces, verdicts, vectors)
