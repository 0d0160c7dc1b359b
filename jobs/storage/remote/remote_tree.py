"""A tree of files behind fsspec, walked in key order and read by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.storage.entry import Entry
from jobs.storage.faults import is_absent, is_denied, said, user_error
from jobs.storage.names.pattern import Pattern
from jobs.storage.patience import PATIENCE, Patience
from jobs.storage.read_error import ReadError, changed, over_limit, reason
from jobs.storage.remote.bucket import missing_bucket
from jobs.storage.remote.objects import Objects
from jobs.storage.remote.remote_path import RemotePath, is_other, size_of, version_of
from jobs.storage.remote.remote_stream import remote_stream
from jobs.storage.remote.web_page import is_page
from jobs.storage.streams.range_file import RangeFile
from jobs.storage.streams.steady_file import SteadyFile

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

    @property
    def objects(self) -> Objects | None:
        """The objects below the path, if it is one of an object store."""
        return Objects.below(self.fs, self.root, timeout_s=self.timeout_s, patience=self.patience)

    def is_folder_of_objects(self) -> bool:
        """Whether an object store has objects below the path that may be listed.

        Raises:
            UserError: The storage does not say.
        """
        objects = self.objects
        try:
            return objects is not None and objects.is_any()
        except Exception as error:  # each file system has its own classes
            if is_denied(error) or is_absent(error):
                return False
            raise self._refusal(self.root, error) from error

    def uri(self, key: str) -> str:
        """The URL that fsspec opens, given the credentials that are left out of it."""
        return public_url(str(self.fs.unstrip_protocol(_joined(self.root, key))) + self.inner)

    def key_of(self, uri: str) -> str:
        """The key of a file that a URL names, in a tree of all of the file system."""
        return str(self.fs._strip_protocol(uri))

    def walk(self, pattern: Pattern | None) -> Iterator[Entry]:
        """Yields every file that the pattern matches, in the order of the keys.

        One folder's listing is in memory at a time; of S3 and Google Cloud Storage, where all is
        wanted, one page of it. Objects have the keys that the store itself gives them.

        Raises:
            UserError: A folder cannot be listed.
        """
        objects = self.objects
        if pattern is None and objects is not None and objects.in_order:
            yield from self._all(objects)
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
                levels.append((folder, iter(self._children(folder))))

    def look(self, key: str, what: str = "file", shown: str | None = None) -> dict[str, Any]:
        """What the storage says of a file or folder that somebody has named by its key.

        Raises:
            UserError: There is no such `what`, or the storage does not say; it is `shown` as that,
                or else as its URI.
        """
        shown = self.uri(key) if shown is None else shown
        try:
            return self._path(key).info()
        except Exception as error:  # each file system has its own classes
            if is_absent(error):
                missing = self._missing_bucket(key) or f"{what} '{shown}'"
                raise UserError(f"there is no {missing}: check the address") from None
            raise user_error(f"cannot open '{shown}': {said(error)}", error) from error

    def named(self, key: str) -> Entry:
        """The file that somebody has named by its key.

        Raises:
            UserError: There is none, it is a folder, or the storage does not say.
        """
        info, uri = self.look(key), self.uri(key)
        if info["type"] == "directory":
            raise UserError(f"'{uri}' is a folder: name the files in it, such as '{uri}/*'")
        return entry_of(key, info)

    def read(self, file: Entry, max_bytes: int | None) -> bytes | ReadError:
        """All of an object, asked for again after errors that pass.

        Its bytes are believed if there are as many as were listed, or else as many as the storage
        says now, which it is asked only then.
        """
        path, size = self._path(file.key), file.size
        try:
            if size is None and not is_page(path.path):  # web servers often do not tell
                size = size_of(path.info())
            if size is not None and over_limit(size, max_bytes):
                size = size_of(path.sure_info(size))
            wrong = None if size is None else over_limit(size, max_bytes)
            if wrong is not None:
                return wrong
            data = path.content(most=max_bytes)
            if max_bytes is not None and len(data) > max_bytes and is_page(path.path):
                return ReadError(
                    "too_large", f"the file has more than the {max_bytes} bytes allowed"
                )
            if size is None or len(data) == size > 0:
                return over_limit(len(data), max_bytes) or data
            # Only what was listed can have changed since.
            version = "" if file.size is None else file.version
            return _read_again(path, size, version, max_bytes, data)
        except Exception as error:  # each file system has its own classes; the row names them
            return ReadError("unreadable", reason(error))

    def open_ranges(self, key: str, told: int | None) -> RangeFile | ReadError:
        """A file for readers that seek; a size that it was told to have and has is believed."""
        path = self._path(key)
        try:
            # With a wrong size the footer would be looked for in the wrong place, as if damaged.
            size = size_of(path.sure_info(told))
        except Exception as error:  # each file system has its own classes; the row names them
            return ReadError("unreadable", reason(error))
        if size is None:
            return ReadError("unreadable", "the storage does not tell how long the file is")
        return RangeFile(size, path.part)

    def open_stream(
        self, file: Entry, start: int = 0, stop: int | None = None
    ) -> SteadyFile | ReadError:
        """A file that is read from front to back; never in parts, so `stop` is not looked at."""
        path = self._path(file.key)
        size = None
        if not is_page(path.path):
            try:
                info = path.sure_info(file.size)
            except Exception as error:  # each file system has its own classes; the row names them
                return ReadError("unreadable", reason(error))
            size = size_of(info)
            # Another size than was listed is a wrong one, unless the file is another one.
            if size is not None and file.size is not None and is_other(info, file.version):
                wrong = changed(file.size, size)
                if wrong is not None:
                    return wrong
        return SteadyFile(remote_stream(path, size), size, start, self.patience)

    def _path(self, key: str) -> RemotePath:
        return RemotePath(self.fs, _joined(self.root, key), self.timeout_s, self.patience)

    def _all(self, objects: Objects) -> Iterator[Entry]:
        try:
            yield from objects.all()
        except Exception as error:  # each file system has its own classes
            raise self._refusal(self.root, error) from error

    def _refusal(self, path: str, error: Exception) -> UserError:
        shown = self.fs.unstrip_protocol(path)
        if is_absent(error):
            missing = self._missing_bucket("") or f"folder '{shown}'"
            return UserError(f"there is no {missing}: check the address")
        return user_error(f"cannot list '{shown}': {said(error)}", error)

    def _missing_bucket(self, key: str) -> str | None:
        return missing_bucket(self.fs, _joined(self.root, key), self.timeout_s, self.patience)

    def _children(self, folder: str) -> list[Entry]:
        """What lies directly in a folder, sorted; keys are names, those of folders end in `/`."""
        path, objects = _joined(self.root, folder[:-1]), self.objects
        try:
            if objects is not None:
                return objects.children(folder)
            infos = self._path(folder[:-1]).children(self.timeout_s * _PAGES)
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
            children.append(Entry(name + "/", None, "") if is_folder else entry_of(name, info))
        return sorted(children, key=lambda child: child.key)


def entry_of(key: str, info: dict[str, Any]) -> Entry:
    """A file, as an fsspec entry tells of it."""
    return Entry(key, size_of(info), version_of(info))


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
        least = size
        data = file.content(lambda data: len(data) >= least)
    return changed(size, len(data)) or data


def _joined(root: str, key: str) -> str:
    return f"{root}/{key}" if root and key else root or key
