"""Checkpoints: what many small records say, in few columns, so that nobody reads them all.

They hold nothing that the records do not; without them, or where one is damaged or missing, the
records are read.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.reports import PartReport, ShardReport
from jobs.engine.shards import shard_number
from jobs.storage.storage import Storage

CHECKPOINTS = "_job/checkpoints"

_PART = pa.struct(
    [
        pa.field("output", pa.string()),
        pa.field("path", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("sha256", pa.string()),
        pa.field("first_row", pa.int64()),
        pa.field("own_bytes", pa.int64()),
        pa.field("stale_in", pa.string()),
    ]
)
_REVISION = pa.struct(
    [
        pa.field("file", pa.string()),
        pa.field("row_group", pa.int32()),
        pa.field("items", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("sha256", pa.string()),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("generation", pa.int32()),
        pa.field("index", pa.int32()),
        # Number of the entry of the log that says so; of a commit record, the epoch.
        pa.field("position", pa.int64()),
        pa.field("members", pa.int64()),
        pa.field("failed", pa.int64()),
        pa.field("statuses", pa.map_(pa.string(), pa.int64())),
        pa.field("parts", pa.list_(_PART)),
        pa.field("verdicts", pa.map_(pa.string(), pa.string())),
        pa.field("revision", _REVISION),
        # As `position`, but not raised by a merge: rows are as they were made then.
        pa.field("made", pa.int64()),
    ]
)

_BELOW = b"mtcnn_ray.below"  # names of the checkpoints that one adds to, as JSON

_NAME = re.compile(r"[0-9]{8}-[0-9]{8}-[0-9]{6}-[0-9a-f]{16}\.parquet")

_log = logging.getLogger(__name__)


def row_of(report: ShardReport, position: int | None = None) -> dict[str, Any]:
    """A shard as a row.

    Args:
        report: What is committed of it.
        position: Number of the entry of the log that says so; None for its commit record.
    """
    generation, index = shard_number(report.shard) or (0, 0)
    made = report.epoch if position is None else position
    return {
        "generation": generation,
        "index": index,
        "position": made,
        "members": report.members,
        "failed": report.failed,
        "statuses": list(report.statuses.items()),
        "parts": [part_row(output, part) for output, part in report.parts.items()],
        "verdicts": list(report.verdicts.items()),
        "revision": vars(report.revision) if report.revision else None,
        "made": made,
    }


def part_row(output: str, part: PartReport) -> dict[str, Any]:
    """A shard's rows in one output, as a row has them."""
    return {"output": output, **vars(part)}


def write_checkpoint(storage: Storage, rows: pa.Table, position: int, epoch: int) -> None:
    """Stores some rows.

    Args:
        storage: The output.
        rows: What no other checkpoint has.
        position: Number of the last entry of the log that they take into account, with what lies
            below them.
        epoch: Epoch of the driver.
    """
    names = sorted(filter(is_checkpoint, storage.names(CHECKPOINTS)))
    buffer = io.BytesIO()
    stamped = rows.replace_schema_metadata({_BELOW: json.dumps(names).encode()})
    pq.write_table(stamped, buffer, compression="zstd")
    data = buffer.getvalue()
    name = f"{position:08d}-{epoch:08d}-{len(names):06d}-{_digest(data)}.parquet"
    storage.create_bytes(data, f"{CHECKPOINTS}/{name}")


def read_checkpoints(storage: Storage) -> tuple[pa.Table, int] | None:
    """All rows that are stored, several of a shard among them, and which entries they cover.

    Returns:
        Rows, and the number of the last entry of the log that they take into account; None if a
        checkpoint is damaged or missing.
    """
    names = sorted(filter(is_checkpoint, storage.names(CHECKPOINTS)))
    if not names:
        return SCHEMA.empty_table(), 0
    tables = []
    below: set[str] = set()
    try:
        for name in names:
            data = storage.read_bytes(f"{CHECKPOINTS}/{name}")
            if not name.endswith(f"-{_digest(data)}.parquet"):
                raise ValueError(f"'{name}' has other content than was written")
            # Not `read_table`, which loads what reads data sets of many files.
            table = pq.ParquetFile(io.BytesIO(data)).read()
            below.update(json.loads((table.schema.metadata or {})[_BELOW]))
            completed = _completed(table.replace_schema_metadata(None))
            tables.append(completed.select(SCHEMA.names).cast(SCHEMA))
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        _log.warning("A checkpoint cannot be used (%s); the records are read instead.", error)
        return None
    if not below <= set(names):
        _log.warning("A checkpoint is missing; the records are read instead.")
        return None
    return pa.concat_tables(tables), int(names[-1].partition("-")[0])


def checkpoint_verdicts(storage: Storage) -> Iterator[str]:
    """Names of the items that checkpoints have verdicts on."""
    for name in filter(is_checkpoint, storage.names(CHECKPOINTS)):
        data = storage.read_bytes(f"{CHECKPOINTS}/{name}")
        verdicts = pq.ParquetFile(io.BytesIO(data)).read(["verdicts"])["verdicts"]
        for chunk in verdicts.chunks:
            yield from chunk.keys.to_pylist()


def _completed(table: pa.Table) -> pa.Table:
    """The rows of a checkpoint of any version, with the columns that came later."""
    if "revision" not in table.schema.names:
        table = table.append_column("revision", pa.nulls(table.num_rows, _REVISION))
    if "made" not in table.schema.names:
        table = table.append_column("made", table["position"])
    return table


def is_checkpoint(name: str) -> bool:
    """Whether a file is called like a checkpoint."""
    return _NAME.fullmatch(name) is not None


def delete_checkpoints(storage: Storage) -> None:
    """Removes all checkpoints; the records tell the same."""
    names = filter(is_checkpoint, storage.names(CHECKPOINTS))
    storage.delete(*(f"{CHECKPOINTS}/{name}" for name in names))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
