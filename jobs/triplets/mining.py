"""What the driver does: it finds the triplets of all anchors, and stages them for its workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.engine.staged import StagedFile, stage
from jobs.engine.usable import usable_cpus
from jobs.finished import Finished
from jobs.kind.job_kind import Continued, Show
from jobs.kind.staging import Staging
from jobs.messages.bar import bar
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from jobs.triplets.config import Config
from jobs.triplets.pieces import pieces
from mtcnn_core.curation.errors import CurationError
from mtcnn_core.curation.triplets import Mining, mine

# To be raised when the same input comes to other triplets.
_VERSION = 2
_NAMES = ["key", "face_index"]
# Vectors that are read before they are looked up among the faces.
_JOINED = 2**15


class TripletMining(Staging):
    """The triplets of an output, computed when that is needed.

    Args:
        feed: The feed.
        vectors: Vectors of its faces.
        going: Settings that the output goes on with.
        output: The output.
    """

    def __init__(
        self, feed: Finished, vectors: Finished, going: Continued[Config], output: Storage
    ) -> None:
        super().__init__(output, "triplets")
        self._feed, self._vectors = feed, vectors
        self._settings, self._digest = going.config.triplets, going.digest

    def settle(self, show: Show, store: bool) -> str:
        """Tells from what they are computed; see :meth:`Staging.settle`."""
        parts = [_VERSION, self._digest, self._feed.state, self._vectors.state]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def compute(self, output: Storage | None) -> tuple[list[StagedFile], Mapping[str, Any]]:
        """Finds all triplets; see :meth:`Staging.compute`."""
        faces = self._faces()
        at, vectors = self._read_vectors(faces)
        mining = Mining(self._settings.margin, self._settings.per_anchor, self._settings.seed)
        of = faces["class_id"].to_numpy()[at]
        found = mine(vectors, of, mining, self._settings.threads or usable_cpus())
        files: list[StagedFile] = []
        try:
            with bar("mining", "anchors", len(faces)) as advance:
                for key, rows in pieces(faces, at, found, self._shards(faces)):
                    files.append(stage(output, key, rows))
                    advance(len(rows))
        except CurationError as error:
            raise UserError(str(error)) from error
        return files, {}

    def _faces(self) -> pa.Table:
        """The faces of the split, in the order of the feed."""
        names = [*_NAMES, "class_id", "split", "status"]
        rows = self._feed.dataset.read("feed", names)
        counts = [rows for _, rows in self._feed.rows_by_shard("feed")]
        rows = rows.append_column("shard", pa.array(np.repeat(np.arange(len(counts)), counts)))
        is_in = pc.equal(rows["status"].cast(pa.string()), "ok")
        if self._settings.split is not None:
            own = pc.equal(rows["split"].cast(pa.string()), self._settings.split)
            is_in = pc.and_(is_in, own)
        rows = rows.filter(is_in)
        if not len(rows):
            raise UserError(
                f"the feed '{self._feed.address}' has no face in the split "
                f"'{self._settings.split}': set triplets.split"
            )
        return rows.select([*_NAMES, "class_id", "shard"]).combine_chunks()

    def _read_vectors(self, faces: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of the faces that have a vector, rising, and their vectors."""
        dataset = self._vectors.dataset
        width = dataset.schema("embeddings").field("embedding").type.list_size
        whole = np.zeros((len(faces), width), np.float32)
        has = np.zeros(len(faces), np.bool_)
        own = faces.select(_NAMES).append_column("at", pa.array(np.arange(len(faces))))
        with bar("reading", "vectors", dataset.rows.get("embeddings", 0)) as advance:
            for rows in _gathered(dataset.batches("embeddings", [*_NAMES, "embedding"])):
                keys = rows.select(_NAMES).append_column("row", pa.array(np.arange(len(rows))))
                met = own.join(keys, _NAMES, join_type="inner")
                vectors = rows["embedding"].combine_chunks().take(met["row"].combine_chunks())
                there = np.asarray(vectors.is_valid())
                flat = vectors.drop_null().flatten().to_numpy(zero_copy_only=False)
                places = met["at"].to_numpy()[there]
                whole[places], has[places] = flat.reshape(-1, width), True
                advance(len(rows))
        at = np.flatnonzero(has)
        if not len(at):
            raise UserError(
                f"no face of '{self._feed.address}' has a vector in '{self._vectors.address}': "
                "embed the faces that the feed was made of"
            )
        vectors = whole if len(at) == len(whole) else whole[at]
        for start in range(0, len(vectors), _JOINED):
            some = vectors[start : start + _JOINED]
            some /= np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-12)
        return at, vectors

    def _shards(self, faces: pa.Table) -> list[tuple[str, int]]:
        """Each shard of the feed with the number of its faces here."""
        names = [shard for shard, _ in self._feed.rows_by_shard("feed")]
        counts = np.bincount(faces["shard"].to_numpy(), minlength=len(names))
        return list(zip(names, counts.tolist(), strict=True))


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Rows in fewer and larger pieces: each is looked up among all faces."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += len(batch)
        if count >= _JOINED:
            yield pa.Table.from_batches(held)
            held, count = [], 0
    if held:
        yield pa.Table.from_batches(held)
