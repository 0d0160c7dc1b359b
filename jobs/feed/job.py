"""The job `feed`: its driver settles the order, and its workers bring the crops into it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.parts.row_names import row_names
from jobs.engine.staged import open_staged
from jobs.feed.config import Config
from jobs.feed.feeding import Feeding
from jobs.feed.kind import FEED
from jobs.feed.schema import SCHEMA_VERSION, classes_schema, feed_schema
from jobs.feed.upstreams import open_upstreams
from jobs.kind.job_kind import Continued, Opened
from jobs.kind.stretches import stretches
from jobs.kind.tables_job import TablesJob
from jobs.members import Member
from jobs.placed import taken, turns
from jobs.storage.storage import Storage
from jobs.upstream import Upstream

_NAMES = ("key", "face_index")


def open_job(source_url: str, going: Continued[Config]) -> Opened:
    """The job on a dataset of faces, and how it is to be run.

    Args:
        source_url: Where the faces are.
        going: Settings, and what is recorded of them.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
    """
    config = going.config
    upstreams = open_upstreams(source_url, config.feed, config.input.storage_options)
    output = Storage(going.output, config.output.storage_options)
    feeding = Feeding(upstreams, going, output)
    url = os.path.abspath(going.output) if output.local else going.output
    crop = json.dumps(upstreams.crop, sort_keys=True)
    job = FeedJob(url, config, upstreams.faces.upstream, crop, going.digest, going.schema)
    return Opened(
        job,
        feeding.members,
        config.run,
        {},
        upstreams.digests,
        check_input=feeding.check,
        decide=feeding.decide,
        conclude=feeding.conclude,
    )


@dataclass(frozen=True)
class FeedJob(TablesJob):
    """Staged places of faces -> rows of `feed` and `classes`.

    Attributes:
        output: The output, in which they are staged.
        config: All settings.
        faces: Where the crops are.
        crop: How they were made, as JSON.
        config_digest: What the output records of the config.
        schema_version: Version of the tables.
    """

    kind: ClassVar = FEED
    output: str
    config: Config
    faces: Upstream
    crop: str
    config_digest: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """Schemas of `feed` and `classes`."""
        return {
            "feed": feed_schema(self.config_digest, self.crop, self.schema_version),
            "classes": classes_schema(self.config_digest, self.schema_version),
        }

    def writer_options(self, name: str) -> dict[str, Any]:
        """How a table is written: crops are compressed already, and none is like another."""
        options = super().writer_options(name)
        if name == "feed":
            options["use_dictionary"] = ["split", "status"]
        return options

    def start(self) -> Feeder:
        """Makes what works on shards."""
        return Feeder(self)


@dataclass(frozen=True)
class PlacedFace:
    """A face in the order of the feed, as an item.

    Attributes:
        member: The face as a member; its key is the row's name.
        rows: Rows of `feed` that it is among.
        classes: Rows of `classes` for those rows, in their order.
        index: Its place among the rows.
    """

    member: Member
    rows: pa.RecordBatch
    classes: pa.RecordBatch
    index: int


class Feeder:
    """The job inside one worker process.

    Args:
        job: The job.
    """

    def __init__(self, job: FeedJob) -> None:
        self._storage = Storage(job.output, job.config.output.storage_options)
        self._faces = job.faces
        self._schemas = job.schemas

    def read(self, members: Sequence[Member]) -> Iterator[PlacedFace]:
        """Yields the faces of some members; see :class:`jobs.engine.job.Processor`."""
        for member in members:
            with (
                open_staged(self._storage, member.version) as stream,
                pq.ParquetFile(stream) as file,
            ):
                staged = file.read()
            rows, classes = self._rows(staged), self._classes(staged)
            for index, name in enumerate(row_names(rows, _NAMES)):
                yield PlacedFace(replace(member, key=name), rows, classes, index)

    def rows(self, items: Iterator[PlacedFace]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of items; see :class:`jobs.engine.job.Processor`."""
        for first, count in stretches(items):
            yield from _cut(first, count)

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the row of an item that is not touched: of which class it is stays unknown."""
        key, _, index = member.key.rpartition("#")
        row: dict[str, Any] = {
            "key": key,
            "face_index": int(index),
            "class_id": -1,
            "split": "",
            "status": status,
            "num_classes": 0,
        }
        yield "feed", pa.RecordBatch.from_pylist([row], schema=self._schemas["feed"])

    def _rows(self, staged: pa.Table) -> pa.RecordBatch:
        """Rows of `feed`, with their crops."""
        crops = taken(self._faces, "faces", "crop", staged)
        is_first = turns(staged["class_id"])
        columns = {
            "key": staged["key"],
            "face_index": staged["face_index"],
            "class_id": staged["class_id"],
            "split": staged["split"].dictionary_encode(),
            "crop": crops,
            "status": pa.array(["ok"] * len(staged)).dictionary_encode(),
            "num_classes": pa.array(is_first.astype(np.int32)),
        }
        schema = self._schemas["feed"]
        table = pa.table(columns).select(schema.names).cast(schema)
        (batch,) = table.combine_chunks().to_batches()
        return batch

    def _classes(self, staged: pa.Table) -> pa.RecordBatch:
        schema = self._schemas["classes"]
        table = staged.filter(pa.array(turns(staged["class_id"]))).select(schema.names).cast(schema)
        (batch,) = table.combine_chunks().to_batches()
        return batch


def _cut(first: PlacedFace, count: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Rows of some items, and of the classes that begin among them."""
    begins = np.asarray(first.rows.column("num_classes"))
    before = int(begins[: first.index].sum())
    begun = int(begins[first.index : first.index + count].sum())
    yield "feed", first.rows.slice(first.index, count)
    if begun:
        yield "classes", first.classes.slice(before, begun)
