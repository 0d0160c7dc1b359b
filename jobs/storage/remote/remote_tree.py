"""A tree of files behind fsspec, walked in key order and read by key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs.members import Member
from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.storage.names.pattern import Pattern
from jobs.storage.patience import PATIENCE, Patience, said
from jobs.storage.read_error import ReadError, changed, over_limit, reason
from jobs.storage.remote.remote_path import RemotePath, is_other, size_of, version_of
from jobs.storage.remote.s3_listing import is_s3, list_s3
from jobs.storage.remote.web_page import is_page
from jobs.storage.tree import Entry

__all__ = ["RemoteTree", "said", "version_of"]

# Deadlines that a listing may take: an object store gives a large folder in thousands of pages.
_PAGES = 60


@dataclass(frozen=True)
class RemoteTree:
    """Files below a path of any fsspec file system.

    Attributes:
        fs: The file system.
        root: A path of that file system, without its protocol and without a trailing slash.
        inner: For chained URLs what follows the path, such as `::s3://bucket/photos.zip`.
        timeout_s: Deadline of each request.
        patience: How often a request is tried again.
    """

    fs: Any = field(repr=False)
    root: str
    inner: str = ""
    timeout_s: float = 60.0
    patience: Patience = PATIENCE

    def uri(self, key: str) -> str:
        """The URL that fsspec opens, given the credentials that are left out of it."""
        return public_url(str(self.fs.unstrip_protocol(_joined(self.root, key))) + self.inner)

    def walk(self, pattern: Pattern | None) -> Iterator[Entry]:
        """Yield every file in the order of the keys; see `LocalTree.walk`.

        One folder's listing is in memory at a time; of S3, where all is wanted, one page of it.
        """
        if pattern is None and is_s3(self.fs):
            yield from self._listed()
            return
        levels = [("", iter(self._children("")))]
        while levels:
            prefix, children = levels[-1]
            child = next(children, None)
            if child is None:
                levels.pop()
            elif not child.key.endswith("/"):
                key = prefix + child.key
                if pattern is None or pattern.matches(key):
                    yield Entry(key, child.size, child.version)
            elif pattern is None or pattern.enters(prefix + child.key[:-1]):
                folder = prefix + child.key
                levels.append((folder, iter(self._children(folder[:-1]))))

    def path(self, path: str) -> RemotePath:
        """A path of the file system, such as of one of the files."""
        return RemotePath(self.fs, path, self.timeout_s, self.patience)

    def read(self, member: Member, max_bytes: int | None) -> bytes | ReadError:
        """Read a whole object, trying again after errors that pass.

        Its bytes are believed if there are as many as were listed, or else as many as the storage
        says now, which it is asked only then.
        """
        file = self.path(_joined(self.root, member.key))
        try:
            size = _measured(file) if member.size is None else member.size
            if size is not None and over_limit(size, max_bytes):
                size = size_of(file.sure_info(size))
            wrong = None if size is None else over_limit(size, max_bytes)
            if wrong is not None:
                return wrong
            data = file.content(most=max_bytes)
            if max_bytes is not None and len(data) > max_bytes and is_page(file.path):
                return ReadError(
                    "too_large", f"the file has more than the {max_bytes} bytes allowed"
                )
            if size is None or len(data) == size > 0:
                return over_limit(len(data), max_bytes) or data
            # Only what was listed can have changed since.
            version = "" if member.size is None else member.version
            return _read_again(file, size, version, max_bytes, data)
        except Exception as error:  # each file system has its own classes; the row names them
            return ReadError("unreadable", reason(error))

    def _listed(self) -> Iterator[Entry]:
        try:
            yield from list_s3(self.fs, self.root, timeout_s=self.timeout_s, patience=self.patience)
        except Exception as error:  # s3fs has many classes
            raise self._refusal(self.root, error) from error

    def _refusal(self, path: str, error: Exception) -> UserError:
        shown = self.fs.unstrip_protocol(path)
        if isinstance(error, FileNotFoundError):
            return UserError(f"there is no folder '{shown}': check the address")
        return UserError(f"cannot list {shown}: {said(error)}")

    def _children(self, folder: str) -> list[Entry]:
        """What lies directly in a folder, sorted; keys are names, those of folders end in `/`."""
        path = _joined(self.root, folder)
        try:
            infos = self.path(path).children(self.timeout_s * _PAGES)
        except Exception as error:  # each file system has its own classes
            if folder and isinstance(error, FileNotFoundError):
                return []  # removed since its parent was listed
            raise self._refusal(path, error) from error
        children = []
        for info in infos:
            full = str(info["name"]).rstrip("/")
            name = full.rpartition("/")[2]
            # Object stores list a folder's own marker, web servers the links that sort a listing.
            if full == path.rstrip("/") or (full.startswith("http") and "?" in name):
                continue
            is_folder = info.get("type") == "directory" or str(info["name"]).endswith("/")
            children.append(
                Entry(name + "/", None, "")
                if is_folder
                else Entry(name, size_of(info), version_of(info))
            )
        return sorted(children, key=lambda child: child.key)


def _measured(file: RemotePath) -> int | None:
    """The size of an object that was not listed; web servers often do not tell."""
    return None if is_page(file.path) else size_of(file.info())


def _read_again(
    file: RemotePath, told: int, version: str, max_bytes: int | None, data: bytes
) -> bytes | ReadError:
    """An object of which not as many bytes came as were told: which of them is wrong?"""
    info = file.sure_info(told, len(data))
    size = size_of(info)
    if size is None:
        data = file.content()
        return changed(told, len(data)) or data
    # Another size is a wrong one, unless the object is another one.
    wrong = changed(told, size) if is_other(info, version) else None
    wrong = wrong or over_limit(size, max_bytes)
    if wrong is not None:
        return wrong
    if len(data) != size:
        data = file.content(least=size)
    return changed(size, len(data)) or data


def _joined(root: str, key: str) -> str:
    return f"{root}/{key}" if root and key else root or key
