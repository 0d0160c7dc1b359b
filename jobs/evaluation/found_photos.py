"""What an extraction found, read back from its dataset."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from PIL import Image

from jobs.dataset import open_dataset
from mtcnn_core.faces import Faces

_FOUND = ["key", "box", "score", "landmarks"]


@dataclass(frozen=True, eq=False)
class FoundPhoto:
    """What became of one photo.

    Attributes:
        key: Its key in the dataset.
        uri: Where it lies.
        status: What became of it.
        faces: What was found, in pixels of the displayed photo.
    """

    key: str
    uri: str
    status: str
    faces: Faces

    @property
    def was_seen(self) -> bool:
        """Whether the detector saw the photo."""
        return self.status in ("ok", "no_face")


class FoundPhotos:
    """A dataset whose job has ended; only committed parts are read.

    Args:
        url: Its folder.
        options: Keyword arguments of its fsspec file system.

    Raises:
        UserError: A commit record is damaged.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._committed = open_dataset(url, options)

    def keys(self) -> Iterator[str]:
        """Yields the key of every photo."""
        for batch in self._batches("images", ["key"]):
            yield from batch.column("key").to_pylist()

    def photos(self, keys: Collection[str]) -> dict[str, FoundPhoto]:
        """Key -> what became of the photo; without those that have no row.

        Args:
            keys: Keys of the photos wanted.
        """
        faces = self._faces(keys)
        found = {}
        for batch in self._batches("images", ["key", "uri", "status"], keys):
            for row in batch.to_pylist():
                some = faces.get(row["key"], Faces.empty())
                found[row["key"]] = FoundPhoto(row["key"], row["uri"], row["status"], some)
        return found

    def kept_crops(self, keys: Collection[str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Yields the stored crop of each kept face, with the key of its photo.

        Args:
            keys: Keys of the photos wanted.

        Yields:
            Key and uint8 ``(h, w, 3)`` RGB.
        """
        for batch in self._batches("faces", ["key", "kept", "crop"], keys):
            kept = batch.filter(batch.column("kept"))
            for key, crop in zip(kept.column("key"), kept.column("crop"), strict=True):
                with Image.open(io.BytesIO(crop["bytes"].as_py())) as picture:
                    yield key.as_py(), np.asarray(picture.convert("RGB"))

    def _faces(self, keys: Collection[str]) -> dict[str, Faces]:
        batches = list(self._batches("faces", _FOUND, keys))
        if not batches:
            return {}
        rows = pa.Table.from_batches(batches).combine_chunks()
        of_photo = rows.column("key").combine_chunks().dictionary_encode()
        # Faces of a photo follow one another by falling score, and stay so.
        photo = np.asarray(of_photo.indices)
        order = np.argsort(photo, kind="stable")
        ends = np.cumsum(np.bincount(photo, minlength=len(of_photo.dictionary)))
        boxes, landmarks = (_numbers(rows.column(name), order) for name in ("box", "landmarks"))
        scores = rows.column("score").to_numpy()[order]
        starts = [0, *ends[:-1].tolist()]
        return {
            key: Faces(boxes[start:end], scores[start:end], landmarks[start:end].reshape(-1, 5, 2))
            for key, start, end in zip(
                of_photo.dictionary.to_pylist(), starts, ends.tolist(), strict=True
            )
        }

    def _batches(
        self, table: str, columns: Sequence[str], keys: Collection[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Some columns of a table, a row group in memory at a time; of some photos or of all."""
        wanted = None if keys is None else pa.array(sorted(keys), pa.string())
        for batch in self._committed.batches(table, columns):
            if wanted is None:
                yield batch
            else:
                yield batch.filter(pc.is_in(batch.column("key"), value_set=wanted))


def _numbers(column: pa.ChunkedArray, order: NDArray[np.intp]) -> NDArray[np.float32]:
    """Fixed-size lists as the rows of an array, in another order."""
    chunk = column.combine_chunks()
    values: NDArray[np.float32] = np.asarray(chunk.flatten())
    return values.reshape(len(chunk), -1)[order]
