"""The file of a manifest: opened on this machine or behind fsspec, and read by its suffix."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.sources.folder import local_path
from jobs.sources.settings import InputSettings
from jobs.sources.tables.manifest_rows import Columns, Row, csv_rows, json_rows, parquet_rows
from jobs.sources.tables.uris import path_of
from jobs.storage.filesystem import open_filesystem
from jobs.storage.local.local_tree import text_of
from jobs.storage.local.regular_file import open_regular
from jobs.storage.patience import is_absent, said
from jobs.storage.remote.remote_file import open_remote
from jobs.storage.remote.remote_path import RemotePath, size_of

_READERS: dict[str, Callable[[BinaryIO, str, Columns], Iterator[Row]]] = {
    ".csv": partial(csv_rows, delimiter=","),
    ".tsv": partial(csv_rows, delimiter="\t"),
    ".jsonl": json_rows,
    ".ndjson": json_rows,
    ".parquet": parquet_rows,
}
SUFFIXES = tuple(_READERS)


def read_rows(url: str, settings: InputSettings) -> Iterator[Row]:
    """Yield the rows of a manifest, in bounded memory.

    Only a web server that knows no ranges has its file held as a whole.

    Args:
        url: Path or fsspec URL; its suffix tells what it is.
        settings: Names of columns, and how remote storage is read.

    Raises:
        UserError: It is not there, cannot be read, or something is wrong in it.
    """
    path = local_path(url)
    suffix = os.path.splitext(path_of(url) if path is None else path)[1].lower()
    shown = public_url(url) if path is None else text_of(path)
    if suffix not in _READERS:
        raise UserError(
            f"'{shown}' is not a kind of manifest that is known: "
            f"its name must end in one of {', '.join(SUFFIXES)}"
        )
    file = _remote(url, settings) if path is None else _local(path)
    with file:
        yield from _READERS[suffix](file, shown, Columns(settings))


def _local(path: str) -> BinaryIO:
    try:
        return open_regular(path)
    except FileNotFoundError as error:  # or something else in its place
        raise UserError(f"there is no file '{text_of(path)}': check the path") from error
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise UserError(f"cannot read '{text_of(path)}' ({why}): make it readable") from error


def _remote(url: str, settings: InputSettings) -> BinaryIO:
    fs, path = open_filesystem(url, settings.storage_options)
    shown = public_url(url)
    file = RemotePath(fs, path, settings.timeout_s)
    whole: list[bytes] = []

    def asked(method: Callable[..., Any], *arguments: int) -> Any:
        try:
            return method(*arguments)
        except Exception as error:  # each file system has its own classes
            if is_absent(error):
                raise UserError(f"there is no file '{shown}': check the address") from error
            raise UserError(f"cannot read '{shown}': {said(error)}") from error

    def read(start: int, stop: int) -> bytes:
        if not whole:
            data: bytes = asked(file.part, start, stop)
            if len(data) == stop - start:
                return data
            if len(data) != size:
                raise UserError(f"'{shown}' changed while it was read: run the command again")
            whole.append(data)  # asked for a part, got all of it
        return whole[0][start:stop]

    # Of a size that is too small the last rows would be missing.
    size = size_of(asked(file.sure_info))
    if size is None:
        whole.append(asked(file.content))
        size = len(whole[0])
    return open_remote(size, read)
