"""What `phash` does: the faces of a dataset -> a row with the hash of each crop."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jobs.phash.kind import PHASH, Config
from PIL import Image

from jobs.dataset import open_dataset
from jobs.kind.job_kind import Continued, Opened
from jobs.kind.tables_job import TablesJob
from jobs.members import Member
from jobs.storage.storage import Storage

STATUS = pa.dictionary(pa.int32(), pa.string())
HASHES = pa.schema([("key", pa.string()), ("status", STATUS), ("hash", pa.string())])


def open_job(source_url: str, going: Continued[Config]) -> Opened:
    job = HashJob(source_url, going.config)
    return Opened(job, job.members, going.config.run)


@dataclass(frozen=True)
class HashJob(TablesJob):
    kind: ClassVar = PHASH
    schemas: ClassVar = {"hashes": HASHES}
    dataset: str
    config: Config

    def members(self) -> Iterator[Member]:
        """A member is a committed file of faces."""
        for part in open_dataset(self.dataset, self.config.input.storage_options).parts["faces"]:
            name, rows = part.path, part.rows
            yield Member(name, name, None, str(rows), None, items=rows, stop=rows)

    def start(self) -> Hasher:
        return Hasher(self)


@dataclass(frozen=True)
class Crop:
    member: Member
    file: bytes | None


class Hasher:
    def __init__(self, job: HashJob) -> None:
        self._storage = Storage(job.dataset, job.config.input.storage_options)
        self._side = job.config.phash.side

    def read(self, members: Sequence[Member]) -> Iterator[Crop]:
        for member in members:
            with self._storage.open(member.uri) as stream, pq.ParquetFile(stream) as file:
                for batch in file.iter_batches(64, columns=["key", "face_index", "crop"]):
                    for row in batch.to_pylist():
                        key = f"{row['key']}#{row['face_index']}"
                        yield Crop(replace(member, key=key), (row["crop"] or {}).get("bytes"))

    def rows(self, items: Iterator[Crop]) -> Iterator[tuple[str, pa.RecordBatch]]:
        for item in items:
            if item.file is None:
                yield from self.failed(item.member, "no_crop")
            else:
                yield _row(item.member.key, "ok", self._hash(item.file))

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        yield _row(member.key, status, None)

    def _hash(self, file: bytes) -> str:
        """The difference hash: whether each pixel is brighter than its neighbour to the right."""
        grey = Image.open(io.BytesIO(file)).convert("L").resize((self._side + 1, self._side))
        values = np.asarray(grey, dtype=np.int16)
        return np.packbits(values[:, :-1] > values[:, 1:]).tobytes().hex()


def _row(key: str, status: str, hashed: str | None) -> tuple[str, pa.RecordBatch]:
    row = {"key": key, "status": status, "hash": hashed}
    return "hashes", pa.RecordBatch.from_pylist([row], schema=HASHES)
