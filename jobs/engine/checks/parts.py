"""A part against the commits of the shards whose rows are in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.checks.shard_rows import ShardRows, shard_rows
from jobs.engine.parts.layout import Layout
from jobs.engine.parts.names import shard_of
from jobs.engine.parts.row_names import naming_columns
from jobs.engine.reports import PartReport, ShardReport, rows_shared
from jobs.engine.shards import shard_number
from jobs.storage.local_copy import read_once
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class PartCheck:
    """What was found in a part.

    Attributes:
        problems: What is wrong, a sentence each.
        rows: Shard -> its rows; empty if the file is not what was committed.
        schema: Schema of the rows, with its metadata; None if the file is not what was committed.
    """

    problems: Sequence[str] = ()
    rows: Mapping[str, ShardRows] = field(default_factory=dict)
    schema: pa.Schema | None = None


def check_part(storage: Storage, output: str, reports: Sequence[ShardReport]) -> PartCheck:
    """Checks one file; reads it once.

    Args:
        storage: Where it is.
        output: The output it is a part of.
        reports: Commits of the shards that share it, in plan order.
    """
    parts = [report.parts[output] for report in reports]
    path = parts[0].path
    folder, _, name = path.rpartition("/")
    shard = shard_of(name)
    if folder != output or shard is None or shard_number(shard) is None:
        return PartCheck([f"Shard {reports[0].shard} names '{path}', which is no part of it."])
    if any((part.bytes, part.sha256) != (parts[0].bytes, parts[0].sha256) for part in parts):
        return PartCheck([f"The commits that share {path} disagree about its content."])
    try:
        with read_once(storage, path) as (file, sha256, size):
            if size != parts[0].bytes:
                return PartCheck([f"{path} has {size} bytes instead of {parts[0].bytes}."])
            if sha256 != parts[0].sha256:
                return PartCheck(
                    [
                        f"{path} has other content than was committed (SHA-256 differs); delete it "
                        "and run the job again."
                    ]
                )
            return _check_content(file, output, reports, parts)
    except FileNotFoundError:
        return PartCheck([f"{path} is missing; run the job again."])
    except OSError as error:
        return PartCheck([f"{path} cannot be read ({error})."])


def _check_content(
    file: BinaryIO, output: str, reports: Sequence[ShardReport], parts: Sequence[PartReport]
) -> PartCheck:
    path = parts[0].path
    try:
        parquet = pq.ParquetFile(file)
        expected = rows_shared(parts)
        if expected is None or any(part.rows < 0 for part in parts):
            return PartCheck(
                [f"The commits that share {path} leave out some of its rows or count them twice."]
            )
        if parquet.metadata.num_rows != expected:
            return PartCheck(
                [f"{path} has {parquet.metadata.num_rows} rows instead of {expected}."]
            )
        if shard_of(path.rpartition("/")[2]) != reports[0].shard:
            return PartCheck([f"{path} has the rows of shard {reports[0].shard}."])
        schema = Layout.of(parquet).schema
        is_primary = output == reports[0].primary
        named_by = naming_columns(schema) if is_primary else ()
        for name in ("key", *named_by):
            if name not in schema.names:
                return PartCheck([f"{path} has no column '{name}'."])
        others = [
            {name: part.rows for name, part in report.parts.items() if output == report.primary}
            for report in reports
        ]
        found = shard_rows(parquet, [part.rows for part in parts], others, named_by)
    except (OSError, pa.ArrowException) as error:
        return PartCheck([f"{path} is not a Parquet file ({error})."])
    if any(rows.rows != part.rows for rows, part in zip(found, parts, strict=True)):
        return PartCheck([f"{path} has fewer rows than its footer says."])
    names = [report.shard for report in reports]
    return PartCheck(rows=dict(zip(names, found, strict=True)), schema=schema)
