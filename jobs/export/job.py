"""The job `export`: its driver settles names, and its workers write the files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.identity import require_identity
from jobs.engine.parts.row_names import row_names
from jobs.engine.staged import open_staged
from jobs.export.batches import batch_of
from jobs.export.config import Config
from jobs.export.exporting import Exporting
from jobs.export.formats.face import Batch, Face
from jobs.export.formats.known import FORMATS
from jobs.export.kind import EXPORT
from jobs.export.schema import SCHEMA_VERSION, files_schema
from jobs.finished import open_finished
from jobs.kind.job_kind import Continued, Opened
from jobs.kind.stretches import StagedRow, stretches
from jobs.kind.tables_job import TablesJob
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.placed import taken
from jobs.storage.storage import Storage
from jobs.upstream import Upstream

_TABLES = {"extract": "faces", "feed": "feed"}


def open_job(source_url: str, going: Continued[Config]) -> Opened:
    """The job on a dataset of faces or a feed, and how it is to be run.

    Args:
        source_url: Where that is.
        going: Settings, and what is recorded of them.

    Raises:
        UserError: Something the user has to change.
    """
    config = going.config
    options = config.input.storage_options
    made_by = require_identity(Storage(source_url, options)).job
    if made_by not in _TABLES:
        raise UserError(
            f"'{source_url}' is an output of '{made_by}': give one of extract, or of feed"
        )
    source = open_finished(source_url, made_by, options)
    if made_by == "extract" and source.identity.config["crop"]["format"] == "none":
        raise UserError(
            f"'{source_url}' holds no crops (crop.format is none): extract them, and export those"
        )
    output = Storage(going.output, config.output.storage_options)
    exporting = Exporting(source, going, output)
    url = os.path.abspath(going.output) if output.local else going.output
    table = _TABLES[made_by]
    job = ExportJob(url, config, source.upstream, table, going.digest, going.schema)
    return Opened(
        job,
        exporting.members,
        config.run,
        {},
        {"faces": source.upstream.digest},
        check_input=exporting.check,
        decide=exporting.decide,
        conclude=exporting.conclude,
        lost=exporting.lost,
    )


@dataclass(frozen=True)
class ExportJob(TablesJob):
    """Staged names of faces -> files, and rows of `files`.

    Attributes:
        output: The output, in which they are staged, and the files are written.
        config: All settings.
        source: Where the crops are.
        table: In which table.
        config_digest: What the output records of the config.
        schema_version: Version of the table.
    """

    kind: ClassVar = EXPORT
    output: str
    config: Config
    source: Upstream
    table: str
    config_digest: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """Schema of `files`."""
        return {"files": files_schema(self.config_digest, self.schema_version)}

    def start(self) -> Exporter:
        """Makes what works on shards."""
        return Exporter(self)


class Exporter:
    """The job inside one worker process.

    All files of a batch are written before the first of its faces is an item: the same files, in
    the same order, however often that is done, and whatever is done about single faces.

    Args:
        job: The job.
    """

    def __init__(self, job: ExportJob) -> None:
        self._storage = Storage(job.output, job.config.output.storage_options)
        self._source, self._table = job.source, job.table
        self._format = FORMATS[job.config.export.format]
        self._schema = job.schemas["files"]

    def read(self, members: Sequence[Member]) -> Iterator[StagedRow]:
        """Yields the faces of some members; see :class:`jobs.engine.job.Processor`."""
        for member in members:
            with (
                open_staged(self._storage, member.version) as stream,
                pq.ParquetFile(stream) as file,
            ):
                staged = file.read()
            rows = self._write(member.key, staged)
            for index, name in enumerate(row_names(rows, ("key", "face_index"))):
                yield StagedRow(replace(member, key=name), rows, index)

    def rows(self, items: Iterator[StagedRow]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of items; see :class:`jobs.engine.job.Processor`."""
        for first, count in stretches(items):
            yield "files", first.rows.slice(first.index, count)

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the row of an item that is not touched."""
        key, _, index = member.key.rpartition("#")
        row: dict[str, Any] = {"key": key, "face_index": int(index), "status": status}
        yield "files", pa.RecordBatch.from_pylist([row], schema=self._schema)

    def _write(self, batch_key: str, staged: pa.Table) -> pa.RecordBatch:
        """Writes the files of a batch; returns its rows."""
        crops = taken(self._source, self._table, "crop", staged).field("bytes").to_pylist()
        names = ("key", "face_index", "identity", "class_id", "class_name", "stem", "box")
        columns = (staged[name].to_pylist() for name in names)
        faces = [Face(*values) for values in zip(*columns, crops, strict=True)]
        classes = json.loads(staged["classes"][0].as_py()) if self._format.tells_classes else []
        batch = Batch(*batch_of(batch_key), faces, classes)
        packed = self._format.write(self._storage, batch)
        digests = [hashlib.sha256(crop).hexdigest() for crop in crops]
        count = len(faces)
        table = pa.table(
            {
                **{name: staged[name] for name in names[:4]},
                "box": staged["box"],
                "split": pa.array([batch.split] * count).dictionary_encode(),
                "path": [self._format.place(batch, face) for face in faces],
                "member": pa.array(
                    [face.file_name if packed else None for face in faces], pa.string()
                ),
                "bytes": [len(crop) for crop in crops],
                "sha256": digests,
                "file_bytes": pa.array([packed.bytes if packed else None] * count, pa.int64()),
                "file_sha256": pa.array(
                    [packed.sha256 if packed else None] * count, pa.string()
                ).dictionary_encode(),
                "status": pa.array(["ok"] * count).dictionary_encode(),
            }
        )
        (rows,) = table.select(self._schema.names).cast(self._schema).combine_chunks().to_batches()
        return rows
