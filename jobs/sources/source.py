"""An input: it lists its members for the plan, and streams those of a shard to a worker."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from jobs.members import Member
from jobs.messages.credentials import in_options
from jobs.sources.kinds import KINDS, Kind
from jobs.sources.labels import check_label_pattern
from jobs.sources.settings import InputSettings
from jobs.sources.tables.uris import path_of
from jobs.storage.names.braces import expand
from jobs.storage.place import local_path
from jobs.storage.read_error import ReadError

__all__ = ["ReadError", "Source", "kind_of", "open_source"]


class Source(Protocol):
    """An input. It is pickled to the workers, and the same there as on the driver.

    A class for one kind is made of a URL and `InputSettings`, and touches nothing until it lists
    or streams.
    """

    def list(self) -> Iterator[Member]:
        """Yields every member once, always in the same order, in bounded memory.

        Raises:
            UserError: There is nothing to read; raised at the first `next`, or the last.
        """
        ...

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yields the items of the given members in order, with their bytes or why they have none.

        A member that is no container is itself the one item.

        Args:
            members: Some of those listed.
            max_bytes: Larger ones are not read and get kind "too_large"; None reads all.
        """
        ...

    def holds(self, member: Member) -> bool:
        """Whether a member is where this input has, or would have, the one with its key.

        Asks no storage: the input need not be there any more.
        """
        ...

    def has_same(self, member: Member) -> bool:
        """Whether this input has a file with a member's key, and its size and time or ETag."""
        ...


def open_source(url: str, settings: InputSettings) -> Source:
    """The input that a URL names; of remote storage, only a Parquet file is looked at.

    Args:
        url: `demo:`, or a path or fsspec URL of a folder, a glob, one file, tars, Parquet files
            or a manifest.
        settings: How it is read.

    Raises:
        UserError: The URL is not one that can be opened.
    """
    # Credentials in a URL become options: what follows stores URLs, and workers open them.
    url, options = in_options(url, settings.storage_options)
    check_label_pattern(settings)
    settings = settings.model_copy(update={"storage_options": dict(options)})
    kind = kind_of(url, settings)
    source: Source = _class_of(kind)(url if kind.url else local_path(url) or url, settings)
    return source


def kind_of(url: str, settings: InputSettings) -> Kind:
    """The kind of an input: by its name, or by its content where several kinds share the ending.

    Args:
        url: Path or fsspec URL, with globs and braces.
        settings: `kind` has the last word, but on inputs that have an address of their own.

    Raises:
        UserError: A file that has to be looked at is not there.
    """
    given = [kind for kind in KINDS if kind.url == url]
    given += [kind for kind in KINDS if kind.name == settings.kind]
    if given:
        return given[0]
    path = local_path(url)
    if path is not None and os.path.isdir(path):
        return KINDS[0]
    name = next(expand(path_of(url) if path is None else path)).lower()
    *others, last = [kind for kind in KINDS if name.endswith(kind.endings)] or KINDS[:1]
    return next((kind for kind in others if _class_of(kind).recognises(url, settings)), last)


def _class_of(kind: Kind) -> Any:
    module, _, name = kind.source.rpartition(".")
    return getattr(importlib.import_module(module), name)
