"""The file of a manifest: opened on this machine or behind fsspec, and read by its suffix."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings
from jobs.sources.tables.manifest_rows import Columns, Row, csv_rows, json_rows, parquet_rows
from jobs.sources.tables.uris import path_of
from jobs.storage.place import Place

_READERS: dict[str, Callable[[BinaryIO, str, Columns], Iterator[Row]]] = {
    ".csv": partial(csv_rows, delimiter=","),
    ".tsv": partial(csv_rows, delimiter="\t"),
    ".jsonl": json_rows,
    ".ndjson": json_rows,
    ".parquet": parquet_rows,
}
SUFFIXES = tuple(_READERS)


def read_rows(url: str, settings: InputSettings) -> Iterator[Row]:
    """Yields the rows of a manifest, in bounded memory.

    Only a web server that knows no ranges has its file held as a whole.

    Args:
        url: Path or fsspec URL; its suffix tells what it is.
        settings: Names of columns, and how remote storage is read.

    Raises:
        UserError: It is not there, cannot be read, or something is wrong in it.
    """
    place = Place.of(url, settings.storage_options, settings.timeout_s)
    name = place.path if place.fs is None else path_of(url)
    suffix, shown = os.path.splitext(name)[1].lower(), place.shown
    if suffix not in _READERS:
        raise UserError(
            f"'{shown}' is not a kind of manifest that is known: "
            f"its name must end in one of {', '.join(SUFFIXES)}"
        )
    with place.open() as file:
        yield from _READERS[suffix](file, shown, Columns(settings))
