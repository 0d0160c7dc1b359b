"""Where the output lives: a folder on any file system that fsspec knows."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import posixpath
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from jobs.engine.credentials import in_options, public_url, remember
from jobs.engine.errors import OutputError, UserError
from jobs.engine.remote_file import open_remote
from jobs.engine.retry import ask, is_absent, is_denied, said

_EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
    "adl": "azure",
    "az": "azure",
    "http": "http",
    "https": "http",
}
_READ_TOGETHER = 256
_NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
# A hang, not a slow network: no call of a driver or worker lasts so long, whatever the storage.
_DEADLINE_S = 600.0
_SLOWEST_BYTES_A_S = 100_000


def open_filesystem(url: str, options: Mapping[str, Any] | None = None) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    What is secret in the URL and the options is hidden from errors and records from now on, and
    the path holds nothing of it.

    Raises:
        UserError: The scheme is unknown, or the package for it is not installed.
    """
    scheme = url.split("::")[-1].partition("://")[0] if "://" in url else "file"
    shown = public_url(url)
    url, options = in_options(url, options or {})
    remember(options)
    try:
        filesystem, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        if scheme in _EXTRAS:
            fix = f"pip install 'mtcnn-ray[{_EXTRAS[scheme]}]'"
            raise UserError(f"Reading {scheme}:// needs another package: {fix}") from error
        raise UserError(f"Reading {scheme}:// needs another package: {error}") from error
    except ValueError as error:
        if scheme in fsspec.available_protocols():
            raise UserError(
                f"The URL '{shown}' cannot be opened ({said(error)}); correct it."
            ) from error
        raise UserError(
            f"'{scheme}://' in '{shown}' is not a known kind of storage; "
            "use a local path, s3://, gs://, az:// or another fsspec URL."
        ) from error
    return filesystem, str(path)


class Storage:
    """The output folder; paths are relative to it, with forward slashes.

    What is published appears whole or not at all, also when the process is killed. Calls to
    remote storage have a deadline and are repeated on transient errors; all of them raise
    `OutputError` if that does not help.

    Args:
        url: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: The scheme is unknown, or the package for it is not installed.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        """Opens the file system; touches no file."""
        self.url = url
        self.options = dict(options or {})
        self._filesystem, self._root = open_filesystem(url, self.options)
        self.local = isinstance(self._filesystem, LocalFileSystem)

    def spool(self, path: str) -> Path:
        """A new local file name to write `path` to before it is published.

        Raises:
            OutputError: There is no place for it.
        """
        with self.writing():
            if self.local:
                return self._temporary_sibling(path)
            handle, name = tempfile.mkstemp(suffix=".tmp", prefix="mtcnn-ray-")
            os.close(handle)
            return Path(name)

    def publish_file(self, spool: Path, path: str) -> None:
        """Makes a spooled file appear as `path`, replacing what was there, and consumes it.

        Raises:
            OutputError: Storage does not take it.
        """
        with self.writing():
            if self.local:
                self._replace(spool, path)
                return
            deadline = _DEADLINE_S + spool.stat().st_size / _SLOWEST_BYTES_A_S
            self._ask("put_file", str(spool), self._full(path), timeout_s=deadline)
            spool.unlink()

    def publish_bytes(self, data: bytes, path: str) -> None:
        """Makes `data` appear as the file `path`, replacing what was there.

        Raises:
            OutputError: Storage does not take it.
        """
        with self.writing():
            if not self.local:
                self._ask("pipe_file", self._full(path), data)
                return
            spool = self._temporary_sibling(path)
            try:
                spool.write_bytes(data)
                self._replace(spool, path)
            finally:
                spool.unlink(missing_ok=True)

    def read_bytes(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: There is none.
        """
        return cast(bytes, self._ask("cat_file", self._full(path)))

    def read_many(self, paths: Iterable[str]) -> Iterator[bytes]:
        """The contents of many small files, in order, read concurrently where that is remote."""
        full = [self._full(path) for path in paths]
        for start in range(0, len(full), _READ_TOGETHER):
            together = full[start : start + _READ_TOGETHER]
            if self.local:
                yield from (Path(path).read_bytes() for path in together)
                continue
            contents = self._ask("cat", together)
            yield from (contents[path] for path in together)

    def open(self, path: str) -> BinaryIO:
        """A file to read from, seekable.

        Raises:
            FileNotFoundError: There is none.
        """
        full = self._full(path)
        if self.local:
            return open(full, "rb")

        def read(start: int, stop: int) -> bytes:
            return cast(bytes, self._ask("cat_file", full, start=start, end=stop))

        return open_remote(int(self._fresh("info", full)["size"]), read)

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        if self.local:
            return os.path.exists(self._full(path))
        # Not by `exists`, which takes a storage that does not answer for one without the file.
        try:
            self._fresh("info", self._full(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def names(self, folder: str) -> list[str]:
        """Names of the published files in a folder, sorted; none if there is no such folder."""
        return [name for name in self._all_names(folder) if not _is_temporary(name)]

    def delete(self, path: str) -> None:
        """Removes a file; it need not be there."""
        if self.exists(path):
            with contextlib.suppress(FileNotFoundError):
                self._ask("rm_file", self._full(path))

    def sweep(self, folders: Iterable[str]) -> None:
        """Removes what killed writers left behind. Nobody may be writing."""
        for folder in folders:
            for name in filter(_is_temporary, self._all_names(folder)):
                self.delete(posixpath.join(folder, name))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second driver on this machine away; ends with the process, leaves no file.

        Raises:
            UserError: Another run has the output.
        """
        if not self.local:
            yield
            return
        root = Path(self._root)
        created = not root.exists()
        with self.writing():
            root.mkdir(parents=True, exist_ok=True)
            handle = os.open(root, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"Another run is writing to '{self.url}'; wait for it or use another output."
                ) from error
            except OSError as error:
                # Some network file systems do not lock folders, and runs there go without.
                if error.errno not in _NO_LOCKS:
                    raise
            yield
        finally:
            os.close(handle)
            if created and not any(root.iterdir()):  # a run that was refused leaves nothing
                root.rmdir()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turns what the operating system or the object store says into an `OutputError`."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"The output '{self.url}' cannot be written ({said(error)}); "
                "correct that and run the same command again."
            ) from error

    def _full(self, path: str) -> str:
        return posixpath.join(self._root, path)

    def _ask(
        self, method: str, *arguments: object, timeout_s: float = _DEADLINE_S, **keywords: Any
    ) -> Any:
        """Calls a method of the file system; what is not there is the caller's to deal with."""
        call = getattr(self._filesystem, method)
        if self.local:
            return call(*arguments, **keywords)
        try:
            return ask(call, *arguments, timeout_s=timeout_s, **keywords)
        except NotADirectoryError:
            raise
        except Exception as error:  # each file system has its own classes
            if isinstance(error, FileNotFoundError) and is_absent(error):
                raise
            wrong = "its storage options" if is_denied(error) else "that"
            raise OutputError(
                f"The output '{self.url}' cannot be reached ({said(error)}); "
                f"correct {wrong} and run the same command again."
            ) from error

    def _fresh(self, method: str, *arguments: object, **keywords: Any) -> Any:
        # Other processes write here: a cached listing would hide their files.
        self._filesystem.invalidate_cache()
        return self._ask(method, *arguments, **keywords)

    def _all_names(self, folder: str) -> list[str]:
        try:
            entries = self._fresh("ls", self._full(folder), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        files = [entry["name"] for entry in entries if entry["type"] != "directory"]
        return sorted(posixpath.basename(name) for name in files)

    def _temporary_sibling(self, path: str) -> Path:
        target = Path(self._full(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")

    def _replace(self, spool: Path, path: str) -> None:
        target = Path(self._full(path))
        with spool.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(spool, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")
