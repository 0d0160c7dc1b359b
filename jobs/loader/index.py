"""Which faces of a feed are where: a few bytes for each identity, and no crop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.dataset import Dataset, open_dataset
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

TABLE = "feed"

# Where `feed` says how the crops were made.
_CROP = b"mtcnn_ray.crop"


@dataclass(frozen=True)
class Block:
    """A row group of a feed: whole identities, unless a single one fills it.

    Attributes:
        path: Its file, relative to the feed.
        number: Number of the row group in the file.
        rows: How many rows it has.
        bytes: Bytes of its crops, about.
    """

    path: str
    number: int
    rows: int
    bytes: int


@dataclass(frozen=True, eq=False)
class FeedIndex:
    """The faces of a split of a feed.

    A face's place is the number of its row, counted over all blocks.

    Attributes:
        blocks: All row groups.
        starts: int64 ``(blocks + 1,)``: place of the first row of each block.
        class_id: int32 ``(runs,)``: the identity of each run of neighbours.
        first: int64 ``(runs,)``: place of its first face.
        faces: int32 ``(runs,)``: how many there are.
        classes: One more than the highest class id of all splits.
        crop: How the crops were made: the section `crop` of `extract`.
    """

    blocks: list[Block]
    starts: NDArray[np.int64]
    class_id: NDArray[np.int32]
    first: NDArray[np.int64]
    faces: NDArray[np.int32]
    classes: int
    crop: Mapping[str, Any]

    def runs_of(self, block: int) -> slice:
        """The runs in a block."""
        low, high = np.searchsorted(self.first, self.starts[block : block + 2])
        return slice(int(low), int(high))

    def blocks_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The block that each face lies in."""
        return (np.searchsorted(self.starts, places, side="right") - 1).astype(np.int64)

    def places_of(self, runs: slice) -> NDArray[np.int64]:
        """The places of all faces of runs, in order."""
        faces = self.faces[runs].astype(np.int64)
        within = np.arange(faces.sum()) - np.repeat(np.cumsum(faces) - faces, faces)
        places: NDArray[np.int64] = np.repeat(self.first[runs], faces) + within
        return places

    @property
    def total(self) -> int:
        """Faces of the split."""
        return int(self.faces.sum())

    @property
    def identities(self) -> int:
        """Identities of the split."""
        return len(np.unique(self.class_id))

    @property
    def largest(self) -> int:
        """Faces of the identity that has most."""
        return int(np.bincount(self.class_id, self.faces).max())


def read_index(output: str, split: str, options: Mapping[str, Any] | None = None) -> FeedIndex:
    """Reads which faces of a split are where.

    Args:
        output: Local path or fsspec URL of the feed.
        split: Its name.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: There is no feed, or the split has no face.
    """
    dataset = open_dataset(output, options)
    if TABLE not in dataset.parts:
        raise UserError(f"'{output}' is no feed: give an output of 'mtcnn-ray feed'")
    storage = Storage(output, options)
    blocks: list[Block] = []
    ids, firsts, counts = [], [], []
    start, highest = 0, -1
    splits: set[str] = set()
    for block, rows in _blocks(storage, dataset):
        class_id = np.asarray(rows["class_id"])
        names = rows["split"].to_pylist()
        splits.update(names)
        is_in = np.array([name == split for name in names], np.bool_)
        is_in &= np.array([status == "ok" for status in rows["status"].to_pylist()], np.bool_)
        highest = max(highest, int(class_id.max(initial=-1)))
        # A run ends where another identity begins, or a face that is not in.
        turns = np.flatnonzero((class_id[1:] != class_id[:-1]) | (is_in[1:] != is_in[:-1])) + 1
        bounds = np.concatenate([[0], turns, [len(class_id)]])
        for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            if low < high and is_in[low]:
                ids.append(int(class_id[low]))
                firsts.append(start + low)
                counts.append(high - low)
        blocks.append(block)
        start += block.rows
    if not ids:
        known = ", ".join(sorted(splits - {""})) or "none"
        raise UserError(f"the feed '{output}' has no face in the split '{split}': it has {known}")
    said = (dataset.schema(TABLE).metadata or {}).get(_CROP)
    return FeedIndex(
        blocks,
        np.cumsum([0, *(block.rows for block in blocks)]).astype(np.int64),
        np.array(ids, np.int32),
        np.array(firsts, np.int64),
        np.array(counts, np.int32),
        highest + 1,
        json.loads(said) if said else {},
    )


def _blocks(storage: Storage, dataset: Dataset) -> Iterator[tuple[Block, Any]]:
    """Each row group, with the columns that tell whose its faces are."""
    for part in dataset.parts[TABLE]:
        with storage.open(part.path) as stream, pq.ParquetFile(stream) as file:
            if part.stretches != ((0, file.metadata.num_rows),):
                raise UserError(
                    f"a retry of '{storage.url}' is under way or was stopped: run it again"
                )
            for number in range(file.num_row_groups):
                rows = file.read_row_group(number, ["class_id", "split", "status"])
                group = file.metadata.row_group(number)
                yield Block(part.path, number, group.num_rows, group.total_byte_size), rows
