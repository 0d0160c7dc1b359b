"""Which kind of input a path or URL names."""

from contextlib import closing
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.messages.errors import UserError
from jobs.sources.containers import Containers
from jobs.sources.folder import is_folder, local_path
from jobs.sources.settings import InputSettings
from jobs.sources.tables.columns import image_columns
from jobs.sources.tables.limits import check_footer
from jobs.sources.tables.manifest_file import SUFFIXES as _MANIFESTS
from jobs.sources.tables.manifest_rows import has_uri
from jobs.sources.tables.uris import path_of
from jobs.storage.names.braces import expand
from jobs.storage.read_error import ReadError
from jobs.storage.streams.range_file import open_ranges

Kind = Literal["folder", "tar", "parquet", "manifest"]

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def kind_of(url: str, settings: InputSettings) -> Kind:
    """The kind of an input: by its name, or by its columns where that ends in `.parquet`.

    Args:
        url: Path or fsspec URL, with globs and braces.
        settings: `kind` has the last word.

    Raises:
        UserError: A Parquet file is not there.
    """
    if settings.kind != "auto":
        return settings.kind
    if is_folder(url):
        return "folder"
    path = local_path(url)
    name = next(expand(path_of(url) if path is None else path)).lower()
    if name.endswith(_TARS):
        return "tar"
    if name.endswith(".parquet"):
        return "parquet" if _has_pictures(url, settings) else "manifest"
    return "manifest" if name.endswith(_MANIFESTS) else "folder"


def _has_pictures(url: str, settings: InputSettings) -> bool:
    """Whether a Parquet file, or the first of several, is one with photos and no manifest."""
    if settings.image_column is not None:
        return True
    containers = Containers.of(url, settings)
    first = next(containers.list())
    file = open_ranges(containers.tree, containers.path_of(first.key), first.size)
    if isinstance(file, ReadError):
        return True  # which then says what is wrong with it
    with closing(file):
        try:
            check_footer(file)
            schema = pq.read_schema(file)
        except (pa.ArrowException, OSError, UserError):
            return True
    return bool(image_columns(schema)) or not has_uri(schema)
