"""Files that a driver leaves for its workers below an output, called by their own digests.

A job whose rows depend on all of its input computes them before they are cut into shards, and lets
its workers do the rest: they publish and commit what is staged. At the end of a run in which all is
committed the files go; a record of what they were stays.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.records import RecordError, read_record, write_record
from jobs.storage.storage import Storage

STAGED = "_job/staged"
INDEX = f"{STAGED}/index.json"

_FIX = "delete it and run the job again"
_NAME = re.compile(r"[0-9a-f]{64}\.parquet")


@dataclass(frozen=True)
class StagedFile:
    """Rows that were computed for the members of an input.

    Attributes:
        key: Name of the member.
        sha256: Hexadecimal digest of the file, by which it is called.
        rows: Number of rows.
        bytes: Size of the file.
    """

    key: str
    sha256: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class StagedIndex:
    """What was staged last.

    Attributes:
        state: Digest of all that the rows were computed from.
        files: In the order of the members.
        figures: What the job has to say of all rows, as JSON has it.
    """

    state: str
    files: list[StagedFile]
    figures: Mapping[str, Any] = field(default_factory=dict)


def staged_path(sha256: str) -> str:
    """Where the file with a digest is."""
    return f"{STAGED}/{sha256}.parquet"


def stage(storage: Storage | None, key: str, rows: pa.Table) -> StagedFile:
    """Stages rows for a member.

    Args:
        storage: The output; None only tells what the file would be.
        key: Name of the member.
        rows: Its rows; their metadata is left out.
    """
    buffer = io.BytesIO()
    pq.write_table(rows.replace_schema_metadata(None), buffer, compression="zstd")
    data = buffer.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    if storage is not None:
        storage.publish_bytes(data, staged_path(sha256))
    return StagedFile(key, sha256, rows.num_rows, len(data))


def open_staged(storage: Storage, sha256: str) -> BinaryIO:
    """Opens a staged file.

    Raises:
        FileNotFoundError: It is not there.
    """
    return storage.open(staged_path(sha256))


def write_index(storage: Storage, index: StagedIndex) -> None:
    """Records what is staged, once all of it is there."""
    write_record(storage, INDEX, asdict(index))


def read_index(storage: Storage) -> StagedIndex | None:
    """What was staged last; None if nothing was, or the record of it is damaged: it is made anew.

    Raises:
        OutputError: The output cannot be read.
    """
    try:
        return read_record(storage, INDEX, StagedIndex, _FIX)
    except (FileNotFoundError, RecordError):
        return None


def check_index(storage: Storage) -> None:
    """Raises a `RecordError` if there is a record of what was staged, and it is damaged."""
    if storage.exists(INDEX):
        read_record(storage, INDEX, StagedIndex, _FIX)


def staged_names(storage: Storage) -> list[str]:
    """Paths of the staged files that are there."""
    names = filter(_NAME.fullmatch, storage.names(STAGED))
    return [f"{STAGED}/{name}" for name in names]


def is_whole(storage: Storage, index: StagedIndex) -> bool:
    """Whether all that was staged is there, as far as a listing tells."""
    sizes = storage.sizes(STAGED)
    return all(
        sizes.get(f"{file.sha256}.parquet", -1) in (None, file.bytes) for file in index.files
    )


def is_staged(name: str) -> bool:
    """Whether a file is called like one that is staged, or like the record of them."""
    return name == INDEX.rpartition("/")[2] or _NAME.fullmatch(name) is not None
