"""The files of an export: whether they are as recorded, and those that are no face's any more."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.dataset import open_dataset
from jobs.engine.identity import require_identity
from jobs.export.config import FormatName
from jobs.export.formats import FORMATS, boxes_path
from jobs.messages.errors import OutputError
from jobs.storage.storage import Storage

_COLUMNS = ["path", "member", "bytes", "sha256", "split"]
_OWN = frozenset({"_job", "files"})


def problems(output: str, options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the files of an export, a sentence each.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.
    """
    storage = Storage(output, options)
    format_ = require_identity(storage).config["export"]["format"]
    rows = _rows(storage)
    found: list[str] = []
    for path, expected in _by_path(rows):
        found += _wrong(storage, format_, path, expected)
    return found + [f"{path} belongs to no face." for path in _strays(storage, format_, rows)]


def sweep(storage: Storage, format_: FormatName) -> None:
    """Removes files that are no face's any more, and what a killed worker has left."""
    storage.delete(*_strays(storage, format_, _rows(storage)))
    for folder in _folders(storage, format_):
        storage.delete(*storage.leftovers(folder))


def _rows(storage: Storage) -> pa.Table:
    rows = open_dataset(storage.url, storage.options).read("files", _COLUMNS)
    return rows.filter(pc.is_valid(rows["path"]))


def _by_path(rows: pa.Table) -> Iterator[tuple[str, dict[str | None, str]]]:
    """Each file, with what it holds: what a crop is called there -> its digest."""
    rows = rows.sort_by("path")
    path: str | None = None
    held: dict[str | None, str] = {}
    for batch in rows.to_batches():
        for own, member, digest in zip(
            *(batch.column(name).to_pylist() for name in ("path", "member", "sha256")), strict=True
        ):
            if path is not None and own != path:
                yield path, held
                held = {}
            path = own
            held[member] = digest
    if path is not None:
        yield path, held


def _wrong(
    storage: Storage, format_: FormatName, path: str, expected: Mapping[str | None, str]
) -> list[str]:
    try:
        found = {
            member: hashlib.sha256(data).hexdigest()
            for member, data in FORMATS[format_].read(storage, path)
            if member in expected
        }
    except FileNotFoundError:
        return [f"{path} is missing; run the job again with another output, or restore it."]
    except (OSError, pa.ArrowException, tarfile.TarError, OutputError) as error:
        return [f"{path} cannot be read ({type(error).__name__})."]
    if found != expected:
        return [f"{path} is not as it was written."]
    return []


def _strays(storage: Storage, format_: FormatName, rows: pa.Table) -> list[str]:
    """Files in the folders of the splits that are no face's."""
    own = set(pc.unique(rows["path"]).to_pylist())
    if format_ == "facenet":
        shards = {head for head in _shards(storage)}
        splits = set(pc.unique(rows["split"].cast(pa.string())).to_pylist())
        own |= {boxes_path(split, shard) for split in splits for shard in shards}
    return [
        path
        for folder in _folders(storage, format_)
        for name in storage.names(folder)
        if (path := f"{folder}/{name}") not in own
    ]


def _folders(storage: Storage, format_: FormatName) -> list[str]:
    """The folders that hold what was written."""
    splits = ["data"] if format_ == "huggingface" else storage.folders("")
    splits = [split for split in splits if split not in _OWN]
    return splits + [f"{split}/{name}" for split in splits for name in storage.folders(split)]


def _shards(storage: Storage) -> list[str]:
    """The shards of the input that were exported."""
    from jobs.upstream import Upstream

    own = Upstream(storage.url, storage.options, "export")
    return [member.key for shard in own.members("files") for member in own.planned(shard.key)]
