"""Where a path or URL leads: to a disk of this machine, or behind fsspec."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.storage.faults import is_absent, said, user_error
from jobs.storage.filesystem import open_filesystem
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.local.regular_file import open_regular
from jobs.storage.names.file_name import text_of
from jobs.storage.patience import PATIENCE
from jobs.storage.remote.bucket import missing_bucket
from jobs.storage.remote.remote_file import open_remote
from jobs.storage.remote.remote_path import RemotePath
from jobs.storage.remote.remote_tree import RemoteTree

# Both list, read and open files alike, so that sources need not know which one it is.
Tree = LocalTree | RemoteTree


@dataclass(frozen=True)
class Place:
    """A path in a file system, which need not be there.

    Attributes:
        path: As the file system names it, with braces and globs; absolute on this machine.
        shown: The path or URL as it may be shown and stored.
        fs: The file system of fsspec; None on this machine.
        inner: What follows the path in a chained URL, such as `::s3://bucket/photos.zip`.
        timeout_s: Deadline of each request.
        is_folder: It was written with a slash at the end, which not all file systems keep.
    """

    path: str
    shown: str
    fs: Any = field(default=None, repr=False)
    inner: str = ""
    timeout_s: float = 60.0
    is_folder: bool = False

    @staticmethod
    def of(url: str, options: Mapping[str, Any], timeout_s: float) -> Place:
        """The place of a path or URL, with the options of its file system; asks it nothing.

        Raises:
            UserError: The scheme is unknown, or the package for it is not installed.
        """
        path = local_path(url)
        if path is not None:
            return Place(path, text_of(path))
        fs, path = open_filesystem(url, options)
        first, *others = url.split("::")
        inner = "".join(f"::{part}" for part in others)
        return Place(path, public_url(url), fs, inner, timeout_s, first.endswith("/"))

    @property
    def is_there(self) -> bool:
        """Whether something on this machine has the path, wildcards and all; else not looked."""
        return self.fs is None and os.path.lexists(self.path)

    @property
    def wildcards(self) -> str:
        """The characters that make a name a glob; in the URL of a web page `?` begins a query."""
        return "*[" if self.fs is not None and self.path.startswith("http") else "*?["

    def tree(self, root: str) -> Tree:
        """The files below a path of the same file system."""
        if self.fs is None:
            return LocalTree(root or "/")
        return RemoteTree(self.fs, root, self.inner, self.timeout_s)

    def open(self) -> BinaryIO:
        """The file, seekable; only of a web server that knows no ranges all of it is held.

        Raises:
            UserError: It is not there, or cannot be read; also raised when it is read.
        """
        if self.fs is None:
            return self._open_local()

        def call(method: Callable[..., Any], *arguments: Any) -> Any:
            try:
                return method(*arguments)
            except Exception as error:  # each file system has its own classes
                if is_absent(error):
                    missing = missing_bucket(self.fs, self.path, self.timeout_s, PATIENCE)
                    missing = missing or f"file '{self.shown}'"
                    raise UserError(f"there is no {missing}: check the address") from error
                raise user_error(f"cannot read '{self.shown}': {said(error)}", error) from error

        return open_remote(RemotePath(self.fs, self.path, self.timeout_s), call)

    def _open_local(self) -> BinaryIO:
        try:
            return open_regular(self.path)
        except FileNotFoundError as error:  # or something else in its place
            raise UserError(f"there is no file '{self.shown}': check the path") from error
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            sentence = f"cannot read '{self.shown}' ({why}): make it readable"
            raise user_error(sentence, error) from error


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
