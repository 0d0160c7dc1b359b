"""The objects below a path of an object store, under the names that they have.

The store is asked itself: fsspec takes names for paths, and to it `a//b.jpg` lies in no folder that
it lists.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from jobs.messages.credentials import public_url
from jobs.storage.entry import Entry
from jobs.storage.patience import Patience, ask
from jobs.storage.remote.azure_listing import azure_pages, is_azure
from jobs.storage.remote.gcs_listing import gcs_pages, is_gcs
from jobs.storage.remote.object_page import ObjectPage
from jobs.storage.remote.s3_listing import is_s3, s3_pages

# Whether a file system is of a store, how it is listed, and whether that is in key order.
_STORES: tuple[tuple[Callable[[Any], bool], Callable[..., Iterator[ObjectPage]], bool], ...] = (
    (is_s3, s3_pages, True),
    (is_gcs, gcs_pages, True),
    (is_azure, azure_pages, False),
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Objects:
    """The objects below a path.

    Attributes:
        in_order: Whether the store can list all of them in the order of their keys.
    """

    _fs: Any
    _root: str
    _pages: Callable[..., Iterator[ObjectPage]]
    in_order: bool

    @staticmethod
    def below(fs: Any, root: str, *, timeout_s: float, patience: Patience) -> Objects | None:
        """The objects below a path; None if it is in no bucket.

        Args:
            fs: A file system of fsspec.
            root: Bucket and folder, without the trailing slash.
            timeout_s: Deadline of each page.
            patience: How often a page is tried again.
        """
        if not root:
            return None
        call = partial(ask, timeout_s=timeout_s, patience=patience)
        for is_store, pages, in_order in _STORES:
            if is_store(fs):
                return Objects(fs, root, partial(pages, call=call), in_order)
        return None

    def all(self) -> Iterator[Entry]:
        """Yields every object in key order, with one page in memory.

        Raises:
            Exception: Whatever the file system makes of an error; each has its own classes.
        """
        for page in self._under("", ""):
            for found in page.objects:
                yield from self._file(found, "")

    def children(self, folder: str) -> list[Entry]:
        """What lies directly in a folder, sorted; keys are names, those of folders end in `/`.

        Args:
            folder: Its path below the root, with a trailing `/`; empty is the root.
        """
        children: list[Entry] = []
        for page in self._under(folder, "/"):
            start = len(self._prefix + folder)
            children += [Entry(name[start:], None, "") for name in page.folders]
            children += [child for found in page.objects for child in self._file(found, folder)]
        return sorted(children, key=lambda child: child.key)

    def is_any(self) -> bool:
        """Whether there is one, as far as the first page tells."""
        page = next(self._under("", "/"))
        return bool(page.folders or [1 for found in page.objects if found.key != self._prefix])

    @property
    def _prefix(self) -> str:
        _, slash, folder = self._root.partition("/")
        return f"{folder}/" if slash else ""

    def _under(self, folder: str, delimiter: str) -> Iterator[ObjectPage]:
        bucket = self._root.partition("/")[0]
        return self._pages(self._fs, bucket, self._prefix + folder, delimiter)

    def _file(self, found: Entry, folder: str) -> Iterator[Entry]:
        """An object by its name in a folder, if it is more than the marker of one."""
        name = found.key[len(self._prefix + folder) :]
        if found.key.endswith("/") and found.size == 0:
            return
        if not folder and not name:
            where = public_url(str(self._fs.unstrip_protocol(self._root)))
            _log.warning(
                "the object '%s/' was left out: the folder that is read has its name", where
            )
            return
        yield Entry(name, found.size, found.version)
