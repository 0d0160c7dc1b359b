"""Where a path or URL leads: to a disk of this machine, or behind fsspec."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.messages.credentials import public_url
from jobs.storage.filesystem import open_filesystem
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.names.file_name import text_of
from jobs.storage.remote.remote_path import RemotePath
from jobs.storage.remote.remote_tree import RemoteTree

_WILDCARDS = "*?["
# In the URL of a web page `?` begins the query.
_WEB_WILDCARDS = "*["


@dataclass(frozen=True)
class Place:
    """A path in a file system, which need not be there.

    Attributes:
        path: As the file system names it, with braces and globs; absolute on this machine.
        shown: The path or URL as it may be shown and stored.
        fs: The file system of fsspec; None on this machine.
        inner: Of a chained URL what follows the path, such as `::s3://bucket/photos.zip`.
        timeout_s: Deadline of each request.
    """

    path: str
    shown: str
    fs: Any = field(default=None, repr=False)
    inner: str = ""
    timeout_s: float = 60.0

    @staticmethod
    def of(url: str, options: Mapping[str, Any], timeout_s: float) -> Place:
        """The place of a path or URL; touches no remote storage.

        Args:
            url: Path or fsspec URL.
            options: Keyword arguments of the fsspec file system.
            timeout_s: Deadline of each request.

        Raises:
            UserError: The scheme is unknown, or the package for it is not installed.
        """
        path = local_path(url)
        if path is not None:
            return Place(path, text_of(path))
        fs, path = open_filesystem(url, options)
        inner = "".join(f"::{part}" for part in url.split("::")[1:])
        return Place(path, public_url(url), fs, inner, timeout_s)

    @property
    def is_there(self) -> bool:
        """Whether something on this machine has the path, wildcards and all; else not looked."""
        return self.fs is None and os.path.lexists(self.path)

    @property
    def wildcards(self) -> str:
        """The characters that make a name in the path a glob."""
        is_web = self.fs is not None and self.path.startswith("http")
        return _WEB_WILDCARDS if is_web else _WILDCARDS

    def tree(self, root: str) -> LocalTree | RemoteTree:
        """The files below a path of the same file system."""
        return LocalTree(root or "/") if self.fs is None else self.remote_tree(root)

    def remote_tree(self, root: str) -> RemoteTree:
        """The files below a path of a file system behind fsspec."""
        return RemoteTree(self.fs, root, self.inner, self.timeout_s)

    def remote_path(self) -> RemotePath:
        """What is at the path, of a file system behind fsspec."""
        return RemotePath(self.fs, self.path, self.timeout_s)


def local_path(url: str) -> str | None:
    """The absolute path that a URL or path names on this machine; None if it is elsewhere."""
    if os.path.lexists(url):
        return os.path.abspath(url)
    scheme, separator, path = url.partition("://")
    if separator and scheme in {"file", "local"}:
        return os.path.abspath(path)
    if separator or "::" in url:
        return None
    return os.path.abspath(os.path.expanduser(url))


def is_folder(url: str) -> bool:
    """Whether a URL or path names a folder on this machine."""
    path = local_path(url)
    return path is not None and os.path.isdir(path)
