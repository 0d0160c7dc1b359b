"""The job `triplets`: its driver finds them, and its workers write what it has staged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.parts.row_names import row_names
from jobs.engine.staged import open_staged
from jobs.finished import open_finished
from jobs.kind.job_kind import Continued, Opened
from jobs.kind.stretches import StagedRow, stretches
from jobs.kind.tables_job import TablesJob
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from jobs.triplets.config import Config
from jobs.triplets.kind import TRIPLETS
from jobs.triplets.mining import TripletMining
from jobs.triplets.pairs import Pairs
from jobs.triplets.schema import SCHEMA_VERSION, schemas

_NAMES = ("key", "face_index")
# Anchors that are held at once; each may have some thousand negatives.
_READ = 256


def open_job(source_url: str, going: Continued[Config]) -> Opened:
    """The job on vectors and a feed, and how it is to be run.

    Args:
        source_url: Where the vectors are.
        going: Settings, and what is recorded of them.

    Raises:
        UserError: Something the user has to change.
    """
    config = going.config
    options = config.input.storage_options
    if config.triplets.feed is None:
        raise UserError("the feed is not named: set triplets.feed")
    feed = open_finished(config.triplets.feed, "feed", options)
    vectors = open_finished(source_url, "embed", options)
    output = Storage(going.output, config.output.storage_options)
    mining = TripletMining(feed, vectors, going, output)
    url = os.path.abspath(going.output) if output.local else going.output
    models = dict(vectors.identity.models)
    return Opened(
        TripletJob(url, config, models, going.digest, going.schema),
        mining.members,
        config.run,
        models,
        {"feed": feed.upstream.digest, "vectors": vectors.upstream.digest},
        check_input=mining.check,
        decide=mining.decide,
        conclude=mining.conclude,
    )


@dataclass(frozen=True)
class TripletJob(TablesJob):
    """Staged triplets -> rows of `anchors` and `triplets`.

    Attributes:
        output: The output, in which they are staged.
        config: All settings.
        model_digests: Model -> digest, for the schemas' metadata.
        config_digest: What the output records of the config.
        schema_version: Version of the tables.
    """

    kind: ClassVar = TRIPLETS
    output: str
    config: Config
    model_digests: Mapping[str, str] = field(default_factory=dict)
    config_digest: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """Schemas of both tables."""
        return schemas(self.config_digest, self.model_digests, self.schema_version)

    def start(self) -> TripletWriter:
        """Makes what works on shards."""
        return TripletWriter(self)


class TripletWriter:
    """The job inside one worker process.

    Args:
        job: The job.
    """

    def __init__(self, job: TripletJob) -> None:
        self._storage = Storage(job.output, job.config.output.storage_options)
        self._schemas = job.schemas

    def read(self, members: Sequence[Member]) -> Iterator[StagedRow]:
        """Yields the anchors that are staged; see :class:`jobs.engine.job.Processor`."""
        for member in members:
            with (
                open_staged(self._storage, member.version) as stream,
                pq.ParquetFile(stream) as file,
            ):
                for batch in file.iter_batches(_READ, use_threads=False):
                    for index, name in enumerate(row_names(batch, _NAMES)):
                        yield StagedRow(replace(member, key=name), batch, index)

    def rows(self, items: Iterator[StagedRow]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of items; see :class:`jobs.engine.job.Processor`."""
        for first, count in stretches(items):
            yield from self._written(first.rows.slice(first.index, count))

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the row of an item that is not touched."""
        key, _, index = member.key.rpartition("#")
        row: dict[str, Any] = {"key": key, "face_index": int(index), "status": status}
        schema = self._schemas["anchors"]
        yield "anchors", pa.RecordBatch.from_pylist([{**row, "num_triplets": 0}], schema=schema)

    def _written(self, staged: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        pairs = Pairs(staged)
        anchors = {
            **{name: staged.column(name) for name in (*_NAMES, "class_id")},
            "status": staged.column("status").dictionary_encode(),
            "num_triplets": pa.array(pairs.by_anchor),
        }
        yield "anchors", _batch(anchors, self._schemas["anchors"])
        for triplets in pairs.triplets(self._schemas["triplets"]):
            yield "triplets", triplets


def _batch(columns: Mapping[str, pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [columns[name].cast(schema.field(name).type) for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
