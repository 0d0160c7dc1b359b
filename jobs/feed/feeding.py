"""What the driver does: it settles which face is of which class, and where that is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.engine.staged import StagedFile, stage
from jobs.feed.candidates import Candidates, read_candidates, shards_of
from jobs.feed.classes import Begun, cut, give_ids, member_key, read_begun
from jobs.feed.config import Config
from jobs.feed.figures import figures_of
from jobs.feed.schema import STAGED
from jobs.feed.splits import Splits
from jobs.feed.upstreams import Upstreams
from jobs.kind.job_kind import Continued, Show
from jobs.kind.staging import Staging
from jobs.messages.bar import bar
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from jobs.where import Where
from mtcnn_core.curation.packing import order_by_likeness

# To be raised when the same input comes to be fed otherwise.
_VERSION = 1


@dataclass(frozen=True, eq=False)
class _Classes:
    """Faces in the order of the feed, and what is known of their classes.

    Attributes:
        rows: As they are staged.
        class_id: int64 ``(n,)``: of each face.
        ids: int64 ``(classes,)``: class ids, rising.
        counts: int64 ``(classes,)``: faces of each.
        splits: The split of each.
    """

    rows: pa.Table
    class_id: NDArray[np.int64]
    ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    splits: list[str]

    def members(self, firsts: list[int]) -> Iterator[tuple[str, pa.Table]]:
        """Yields each member that has faces: its name and its rows."""
        bounds = np.searchsorted(self.class_id, [*firsts, np.iinfo(np.int64).max])
        for first, start, stop in zip(firsts, bounds, bounds[1:], strict=False):
            if start < stop:
                yield member_key(first), self.rows.slice(start, stop - start)


class Feeding(Staging):
    """The order of a feed, computed when that is needed.

    Args:
        upstreams: What it is computed from.
        going: Settings that the output goes on with.
        output: The output.
    """

    def __init__(self, upstreams: Upstreams, going: Continued[Config], output: Storage) -> None:
        super().__init__(output, "feed")
        self._upstreams = upstreams
        self._settings = going.config.feed
        self._digest = going.digest

    def settle(self, show: Show, store: bool) -> str:
        """Tells from what the order is computed; see :meth:`Staging.settle`."""
        parts = [_VERSION, self._digest, *self._upstreams.states]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def compute(self, output: Storage | None) -> tuple[list[StagedFile], Mapping[str, Any]]:
        """Settles all of it; see :meth:`Staging.compute`."""
        faces = self._upstreams.faces
        where = Where(self._settings.where) if self._settings.where else None
        with bar("reading", "faces", faces.dataset.rows.get("faces", 0)) as advance:
            found = read_candidates(faces, self._upstreams.verdicts, where, advance)
        if not found.rows.num_rows:
            raise UserError(
                f"no face of '{faces.address}' has an identity and is wanted: label the photos, "
                "curate them, or change the condition"
            )
        names = found.rows.select(["key", "face_index", "identity"])
        names = names.set_column(2, "identity", names["identity"].cast(pa.string()))
        begun = read_begun(self._output, self._output.options, names)
        classes = self._classes(found, begun)
        firsts = cut(classes.ids, classes.counts, begun, self._limit())
        files = []
        with bar("planning", "faces", len(classes.class_id)) as advance:
            for key, rows in classes.members(firsts):
                files.append(stage(output, key, rows))
                advance(len(rows))
        figures = figures_of(found.counts, classes.counts, classes.splits)
        return files, {figures.name: figures.as_record()}

    def _classes(self, found: Candidates, begun: Begun) -> _Classes:
        """Each face with its class, in the order of the feed."""
        rows = found.rows.combine_chunks()
        column = rows["identity"].combine_chunks()
        identities = column.dictionary.to_pylist()
        of_face = column.indices.to_numpy(zero_copy_only=False).astype(np.intp)
        splits = Splits(self._settings.split, self._settings.seed)
        split = [splits.of(identity) for identity in identities]
        order = self._order(identities, rows, of_face)
        # The splits one after the other, so that whoever reads one reads little of the others.
        ranks = np.array([splits.names.index(name) for name in split])
        ids = give_ids(identities, order[np.argsort(ranks[order], kind="stable")], begun)
        # Faces of an identity stay in the order of the dataset.
        in_order = np.argsort(ids[of_face], kind="stable")
        of_face = of_face[in_order]
        names = [shard for shard, _ in shards_of(self._upstreams.faces)]
        versions = [version for _, version in shards_of(self._upstreams.faces)]
        rows = rows.take(pa.array(in_order))
        shard = rows["shard"].combine_chunks()
        counts = np.bincount(of_face, minlength=len(identities))
        table = pa.table(
            {
                "key": rows["key"],
                "face_index": rows["face_index"],
                "class_id": pa.array(ids[of_face], pa.int32()),
                "identity": pa.array(identities, pa.string()).take(pa.array(of_face)),
                "count": pa.array(counts[of_face], pa.int32()),
                "split": pa.array(split, pa.string()).take(pa.array(of_face)),
                "shard": pa.array(names, pa.string()).take(shard),
                "version": pa.array(versions, pa.string()).take(shard),
                "row": rows["row"],
            },
            schema=STAGED,
        )
        by_id = np.argsort(ids)
        return _Classes(
            table, ids[of_face], ids[by_id], counts[by_id], [split[index] for index in by_id]
        )

    def _order(
        self, identities: list[str], rows: pa.Table, of_face: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """In which new identities get their class ids."""
        by_name = np.array(
            sorted(range(len(identities)), key=lambda index: identities[index].encode()), np.intp
        )
        if self._settings.group == "identity":
            return by_name
        centres = self._upstreams.centres(rows, of_face, len(identities))
        return by_name[order_by_likeness(centres[by_name])]

    def _limit(self) -> float:
        """Faces of a member, by the mean size of a stored one."""
        parts = [part for _, part in self._upstreams.faces.heads.parts("faces")]
        size, rows = (
            sum(part.size or part.bytes for part in parts),
            sum(part.rows for part in parts),
        )
        return max(1.0, self._settings.shard_bytes * rows / max(1, size))
