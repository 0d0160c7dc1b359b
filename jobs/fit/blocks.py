"""The samples of an output, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.finished import Finished, open_finished
from jobs.messages.errors import UserError
from jobs.sample_table import TABLE, samples_of, side_of
from jobs.truth.held_out import is_held_out
from mtcnn_core.samples.samples import IGNORE, Samples

JOB = "samples"
# Not those that a cascade is compared on.
_TRIAL = "trial "


@dataclass(frozen=True)
class Block:
    """Rows that are read together: those of a row group that count.

    Attributes:
        path: File, relative to the output.
        group: Number of the row group in it.
        first: First row in the group.
        rows: How many.
        bytes: What they take in memory, about.
    """

    path: str
    group: int
    first: int
    rows: int
    bytes: int


class SampleBlocks:
    """The samples of a finished output.

    Args:
        url: Local path or fsspec URL.
        options: Keyword arguments of its fsspec file system.
        held_out: Share of its photos that are not learned from.

    Attributes:
        blocks: All of them, in their order.
        side: Side of the crops in pixels.
        state: What changes when any of it does.

    Raises:
        UserError: It is none, not finished, or empty.
    """

    def __init__(self, url: str, options: Mapping[str, Any], held_out: float) -> None:
        finished = open_finished(url, JOB, options)
        self._finished = finished
        self._held_out = held_out
        if not finished.dataset.rows.get(TABLE):
            raise UserError(f"there are no samples in '{url}': make them of photos with faces")
        self.side = side_of(finished.dataset.schema(TABLE))
        self.blocks = list(_blocks(finished))
        self.state = finished.state

    def read(self, blocks: Sequence[Block], held_out: bool = False) -> Samples:
        """The samples of some blocks, without those to be ignored.

        Args:
            blocks: Which.
            held_out: Whether those of photos that are held out are wanted, and not the others.
        """
        parts = [Samples.empty(self.side)]
        for path, some in groupby(blocks, key=lambda block: block.path):
            with self._finished.storage.open(path) as stream, pq.ParquetFile(stream) as file:
                for block in some:
                    rows = file.read_row_group(block.group, use_threads=False)
                    rows = rows.slice(block.first, block.rows)
                    samples = samples_of(rows)
                    wanted = self._is_held_out(rows.column("key")) == held_out
                    parts.append(samples[wanted & (samples.kinds != IGNORE)])
        return Samples.joined(parts)

    def _is_held_out(self, keys: pa.ChunkedArray) -> NDArray[np.bool_]:
        encoded = keys.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        keys_there = encoded.dictionary.to_pylist()
        out = np.array([is_held_out(key, self._held_out, _TRIAL) for key in keys_there], np.bool_)
        held: NDArray[np.bool_] = out[np.asarray(encoded.indices)]
        return held


def _blocks(finished: Finished) -> Iterator[Block]:
    for part in finished.dataset.parts[TABLE]:
        with finished.storage.open(part.path) as stream, pq.ParquetFile(stream) as file:
            start = 0
            for group in range(file.num_row_groups):
                told = file.metadata.row_group(group)
                for first, rows in part.stretches:
                    low, high = max(first, start), min(first + rows, start + told.num_rows)
                    if low < high:
                        share = told.total_byte_size * (high - low) // told.num_rows
                        yield Block(part.path, group, low - start, high - low, share)
                start += told.num_rows
