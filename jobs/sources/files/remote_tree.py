"""A tree of files behind fsspec, walked in key order and read by key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs.engine.credentials import public_url
from jobs.engine.errors import UserError
from jobs.engine.members import Member
from jobs.engine.retry import PATIENCE, Patience, ask, said
from jobs.sources.files.entry import Entry
from jobs.sources.files.pattern import Pattern
from jobs.sources.files.reading import ReadError, changed, over_limit, reason
from jobs.sources.files.s3_listing import is_s3, list_s3

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

    def read(self, member: Member, max_bytes: int | None) -> bytes | ReadError:
        """Read a whole object, trying again after errors that pass."""
        path = _joined(self.root, member.key)
        try:
            size = self._size(path) if member.size is None else member.size
            wrong = None if size is None else over_limit(size, max_bytes)
            if wrong is not None:
                return wrong
            data = self._content(path)
            if size is not None and len(data) < size:
                # A body that was cut short looks like this if its length was not sent with it.
                data = self._content(path)
        except Exception as error:  # each file system has its own classes; the row names them
            return ReadError("unreadable", reason(error))
        if size is None:
            return over_limit(len(data), max_bytes) or data
        return changed(size, len(data)) or data

    def _size(self, path: str) -> int | None:
        """The size of an object that was not listed; web servers often do not tell."""
        if path.startswith(("http://", "https://")):
            return None
        size = self._ask("info", path, timeout_s=self.timeout_s).get("size")
        return None if size is None else int(size)

    def _content(self, path: str) -> bytes:
        return bytes(self._ask("cat_file", path, timeout_s=self.timeout_s))

    def _ask(self, method: str, *arguments: object, timeout_s: float, **keywords: Any) -> Any:
        call = getattr(self.fs, method)
        return ask(call, *arguments, timeout_s=timeout_s, patience=self.patience, **keywords)

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
        # Listings that were cached are old, and over a data lake they are gigabytes.
        self.fs.invalidate_cache()
        self.fs.dircache.clear()  # which the line above forgets for web servers
        try:
            infos = self._ask("ls", path, detail=True, timeout_s=self.timeout_s * _PAGES)
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
            size = info.get("size")
            children.append(
                Entry(name + "/", None, "")
                if is_folder
                else Entry(name, None if size is None else int(size), version_of(info))
            )
        return sorted(children, key=lambda child: child.key)


def version_of(info: dict[str, Any]) -> str:
    """ETag, checksum or modification time of an fsspec entry; empty if it has none."""
    for name in ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created"):
        value = info.get(name)
        if value is not None:
            return value.isoformat() if hasattr(value, "isoformat") else str(value).strip('"')
    return ""


def _joined(root: str, key: str) -> str:
    return f"{root}/{key}" if root and key else root or key
