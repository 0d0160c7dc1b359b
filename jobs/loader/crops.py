"""Crops by their places: compressed in memory, decoded into the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.loader.index import TABLE, Block, FeedIndex
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

Bytes = NDArray[np.uint8]

# Crops lie as they are to be seen.
_DECODED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# Where less of a block is left, that is copied out of it, so that the rest can go.
_COPIED = 0.25


class StoredCrops:
    """The crops of open blocks, as they are stored; each is given once.

    In memory are the blocks that some were given of and others are left of: whole, until a quarter
    is left.

    Args:
        url: Where the feed is.
        options: Keyword arguments of its fsspec file system.
        index: Its blocks.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None, index: FeedIndex) -> None:
        self._storage = Storage(url, options)
        self._index = index
        self._open: dict[int, _OpenBlock] = {}
        self._left: dict[int, NDArray[np.bool_]] = {}

    @property
    def bytes(self) -> int:
        """Bytes of all that is in memory."""
        return sum(len(block.data) for block in self._open.values())

    def take(self, places: NDArray[np.int64]) -> Iterator[Bytes]:
        """Yields the files of crops; those places are not asked for again.

        Raises:
            UserError: A part cannot be read, or has changed.
        """
        numbers, rows = self._located(places)
        for number, row in zip(numbers.tolist(), rows.tolist(), strict=True):
            yield self._block(number).crop(row)
        self.skip(places)

    def skip(self, places: NDArray[np.int64]) -> None:
        """Takes note of places that will not be asked for."""
        numbers, rows = self._located(places)
        for number in np.unique(numbers).tolist():
            left = self._of_split(number)
            left[rows[numbers == number]] = False
            block = self._open.get(number)
            count = int(left.sum())
            if not count:
                self._left.pop(number)
                self._open.pop(number, None)
            elif block is not None and count < _COPIED * block.rows:
                self._open[number] = block.reduced(np.flatnonzero(left).tolist())

    def _located(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Block of each place, and row in it."""
        numbers = self._index.blocks_of(places)
        return numbers, places - self._index.starts[numbers]

    def _of_split(self, number: int) -> NDArray[np.bool_]:
        """Which rows of a block are left."""
        if number not in self._left:
            left = np.zeros(self._index.blocks[number].rows, np.bool_)
            places = self._index.places_of(self._index.runs_of(number))
            left[places - self._index.starts[number]] = True
            self._left[number] = left
        return self._left[number]

    def _block(self, number: int) -> _OpenBlock:
        if number not in self._open:
            self._open[number] = _OpenBlock.read(self._storage, self._index.blocks[number])
        return self._open[number]


@dataclass(frozen=True, eq=False)
class _OpenBlock:
    """Crops of a block.

    Attributes:
        data: All of their bytes.
        bounds: Where each begins, and where the last one ends.
        rows: Rows that are there.
        places: Row of the block -> place here; None where all are there.
    """

    data: Bytes
    bounds: NDArray[np.int64]
    rows: int
    places: Mapping[int, int] | None = None

    def crop(self, row: int) -> Bytes:
        place = row if self.places is None else self.places[row]
        return self.data[self.bounds[place] : self.bounds[place + 1]]

    def reduced(self, rows: list[int]) -> _OpenBlock:
        """Only some rows."""
        crops = [self.crop(row) for row in rows]
        bounds = np.cumsum([0, *map(len, crops)]).astype(np.int64)
        places = {row: place for place, row in enumerate(rows)}
        return _OpenBlock(np.concatenate(crops), bounds, len(rows), places)

    @classmethod
    def read(cls, storage: Storage, block: Block) -> _OpenBlock:
        """Reads all of its crops."""
        try:
            with storage.open(block.path) as stream, pq.ParquetFile(stream) as file:
                table = file.read_row_group(block.number, ["crop"], use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"'{block.path}' in '{storage.url}' cannot be read: run 'mtcnn-ray verify' on it"
            ) from error
        column = table["crop"].combine_chunks().field("bytes").cast(pa.large_binary())
        if len(column) != block.rows:
            raise UserError(
                f"'{block.path}' in '{storage.url}' has changed meanwhile: open the feed anew"
            )
        _, offsets, data = column.buffers()
        bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
        whole = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
        return cls(whole, bounds, len(column))


def decode_into(out: NDArray[np.uint8], file: Bytes, part: Part) -> None:
    """Decodes a crop, and brings a part of it to the size of a batch.

    Args:
        out: uint8 ``(size, size, 3)``, RGB; it is written to.
        file: A JPEG or PNG file.
        part: Which part, and whether it is mirrored.

    Raises:
        UserError: The file cannot be decoded.
    """
    size = out.shape[0]
    pixels = cv2.imdecode(file, _DECODED)
    if pixels is None:
        raise UserError(f"a crop in the table '{TABLE}' is damaged: run 'mtcnn-ray verify' on it")
    height, width = pixels.shape[:2]
    rows, columns = _side(height, part.window), _side(width, part.window)
    top, left = round(part.down * (height - rows)), round(part.right * (width - columns))
    piece = pixels[top : top + rows, left : left + columns]
    if (rows, columns) != (size, size):
        shrinks = rows > size
        piece = cv2.resize(
            piece, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
    if part.is_mirrored:
        cv2.flip(piece, 1, out)  # ten times as fast as a copy from right to left
    else:
        out[...] = piece


@dataclass(frozen=True)
class Part:
    """Which part of a crop is seen.

    Attributes:
        window: Its side, as a fraction of the crop's.
        down: Where it lies, from 0, the top, to 1, the bottom.
        right: Likewise from left to right.
        is_mirrored: Whether left and right change places.
    """

    window: float = 1.0
    down: float = 0.5
    right: float = 0.5
    is_mirrored: bool = False


def _side(whole: int, window: float) -> int:
    return max(1, round(whole * window))
