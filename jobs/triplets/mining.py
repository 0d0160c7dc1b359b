"""What the driver does: it finds the triplets of all anchors, and stages them for its workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
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
from jobs.triplets.schema import OTHERS, STAGED
from mtcnn_core.curation.errors import CurationError
from mtcnn_core.curation.triplets import Mining, Triplets, mine

# To be raised when the same input comes to other triplets.
_VERSION = 1
_NAMES = ["key", "face_index"]


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
        found = _Anchors(faces.take(pa.array(at)), self._mined(vectors, faces, at))
        files: list[StagedFile] = []
        start = 0
        with bar("writing", "anchors", len(faces)) as advance:
            for shard, rows in self._shards(faces):
                piece = faces.slice(start, rows)
                if rows:
                    files.append(stage(output, shard, found.staged(piece, at, start)))
                start += rows
                advance(rows)
        return files, {}

    def _faces(self) -> pa.Table:
        """The faces of the split, in the order of the feed."""
        names = [*_NAMES, "class_id", "split", "status"]
        rows = self._feed.dataset.read("feed", names)
        counts = [rows for _, rows in self._feed.rows_by_shard("feed")]
        rows = rows.append_column("shard", pa.array(np.repeat(np.arange(len(counts)), counts)))
        is_in = np.array(rows["status"].to_pylist()) == "ok"
        if self._settings.split is not None:
            is_in &= np.array(rows["split"].to_pylist()) == self._settings.split
        rows = rows.filter(pa.array(is_in))
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
            for batch in dataset.batches("embeddings", [*_NAMES, "embedding"]):
                rows = pa.Table.from_batches([batch])
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
        lengths = np.linalg.norm(whole[at], axis=1, keepdims=True)
        return at, (whole[at] / np.maximum(lengths, 1e-12)).astype(np.float32)

    def _mined(
        self, vectors: NDArray[np.float32], faces: pa.Table, at: NDArray[np.int64]
    ) -> Triplets:
        said = self._settings
        mining = Mining(said.margin, said.per_anchor, said.seed)
        of = faces["class_id"].to_numpy()[at]
        blocks = []
        try:
            with bar("mining", "anchors", len(vectors)) as advance:
                done = 0
                for block in mine(vectors, of, mining, said.threads or usable_cpus()):
                    blocks.append(block)
                    last = int(block.anchor[-1]) + 1 if len(block.anchor) else done
                    advance(last - done)
                    done = last
        except CurationError as error:
            raise UserError(str(error)) from error
        return Triplets(*(np.concatenate(part) for part in zip(*blocks, strict=True)))

    def _shards(self, faces: pa.Table) -> list[tuple[str, int]]:
        """Each shard of the feed with the number of its faces here."""
        names = [shard for shard, _ in self._feed.rows_by_shard("feed")]
        counts = np.bincount(faces["shard"].to_numpy(), minlength=len(names))
        return list(zip(names, counts.tolist(), strict=True))


class _Anchors:
    """Triplets as they are staged."""

    def __init__(self, faces: pa.Table, triplets: Triplets) -> None:
        self._names = faces.select(_NAMES)
        self._triplets = triplets

    def staged(self, piece: pa.Table, at: NDArray[np.int64], start: int) -> pa.Table:
        """What is staged of some faces, which begin at a row."""
        stop = start + len(piece)
        low, high = np.searchsorted(at, [start, stop])
        has = np.zeros(len(piece), np.bool_)
        has[at[low:high] - start] = True
        first, last = np.searchsorted(self._triplets.anchor, [low, high])
        counts = np.zeros(len(piece), np.int64)
        own = np.bincount(self._triplets.anchor[first:last] - low, minlength=high - low)
        counts[has] = own
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        values = pa.StructArray.from_arrays(
            [
                self._named(self._triplets.positive[first:last]),
                self._named(self._triplets.negative[first:last]),
                pa.array(self._triplets.to_positive[first:last]),
                pa.array(self._triplets.to_negative[first:last]),
            ],
            fields=OTHERS,
        )
        lists = pa.ListArray.from_arrays(offsets, values, type=STAGED.field("triplets").type)
        columns = {
            "key": piece["key"],
            "face_index": piece["face_index"],
            "class_id": piece["class_id"],
            "status": pa.array(np.where(has, "ok", "no_vector").tolist(), pa.string()),
            "triplets": lists,
        }
        return pa.table(columns, schema=STAGED)

    def _named(self, rows: NDArray[np.int64]) -> pa.StructArray:
        taken = self._names.take(pa.array(rows))
        columns = [taken[name].combine_chunks() for name in _NAMES]
        return pa.StructArray.from_arrays(columns, fields=list(OTHERS[0].type))
