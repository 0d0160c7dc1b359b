"""The job `curate`: its driver judges, and its workers write what it has staged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.curate.config import Config
from jobs.curate.curation import Curation
from jobs.curate.kind import CURATE
from jobs.curate.schema import SCHEMA_VERSION, verdicts_schema
from jobs.curate.settling import check_begun
from jobs.curate.upstreams import open_upstreams
from jobs.engine.parts.row_names import naming_columns, row_names
from jobs.engine.staged import open_staged
from jobs.kind.job_kind import Continued, Opened
from jobs.kind.stretches import StagedRow, stretches
from jobs.kind.tables_job import TablesJob
from jobs.members import Member
from jobs.storage.storage import Storage

_BATCH_ROWS = 2**14


def open_job(source_url: str, going: Continued[Config]) -> Opened:
    """The job on vectors and their faces, and how it is to be run.

    Args:
        source_url: Where the vectors are.
        going: Settings, and what is recorded of them.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
    """
    config = going.config
    upstreams = open_upstreams(source_url, config.curate, config.input.storage_options)
    output = Storage(going.output, config.output.storage_options)
    check_begun(output, upstreams)
    curation = Curation(upstreams, going, output)
    models = upstreams.models
    url = os.path.abspath(going.output) if output.local else going.output
    job = CurateJob(url, config, models, going.digest, going.schema)
    return Opened(
        job,
        curation.members,
        config.run,
        models,
        upstreams.digests,
        check_input=curation.check,
        decide=curation.decide,
        conclude=curation.conclude,
    )


@dataclass(frozen=True)
class CurateJob(TablesJob):
    """Staged verdicts -> rows of ``verdicts``.

    Attributes:
        output: The output, in which they are staged.
        config: All settings.
        model_digests: Model -> digest, for the schema's metadata.
        config_digest: What the output records of the config.
        schema_version: Version of the table.
    """

    kind: ClassVar = CURATE
    output: str
    config: Config
    model_digests: Mapping[str, str] = field(default_factory=dict)
    config_digest: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """Schema of ``verdicts``."""
        schema = verdicts_schema(self.config_digest, self.model_digests, self.schema_version)
        return {"verdicts": schema}

    def start(self) -> Copier:
        """Makes what works on shards."""
        return Copier(self)


class Copier:
    """The job inside one worker process.

    Args:
        job: The job.
    """

    def __init__(self, job: CurateJob) -> None:
        self._storage = Storage(job.output, job.config.output.storage_options)
        self._schema = job.schemas["verdicts"]

    def read(self, members: Sequence[Member]) -> Iterator[StagedRow]:
        """Yields the rows that are staged; see :class:`jobs.engine.job.Processor`."""
        for member in members:
            with (
                open_staged(self._storage, member.version) as stream,
                pq.ParquetFile(stream) as file,
            ):
                for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
                    rows = batch.cast(self._schema)
                    for index, name in enumerate(row_names(rows, naming_columns(self._schema))):
                        yield StagedRow(replace(member, key=name), rows, index)

    def rows(self, items: Iterator[StagedRow]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of items; see :class:`jobs.engine.job.Processor`."""
        for first, count in stretches(items):
            yield "verdicts", first.rows.slice(first.index, count)

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the row of an item that is not touched."""
        key, _, index = member.key.rpartition("#")
        row: dict[str, Any] = {
            "key": key,
            "face_index": int(index),
            "status": status,
            "verdict": "drop",
            "evidence": [],
            "leaks": [],
        }
        yield "verdicts", pa.RecordBatch.from_pylist([row], schema=self._schema)
