"""A folder, a glob or one file, on this machine or anywhere fsspec reaches."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobs.members import Member
from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.sources.labels import label_of
from jobs.sources.settings import InputSettings
from jobs.storage.filesystem import open_filesystem
from jobs.storage.local.local_tree import LocalTree, text_of
from jobs.storage.names.pattern import Pattern, split_glob
from jobs.storage.patience import ask, is_absent, said
from jobs.storage.read_error import ReadError, read_ahead
from jobs.storage.remote.remote_tree import RemoteTree, version_of
from jobs.storage.tree import Entry

# In the URL of a web page `?` begins the query.
_HTTP_WILDCARDS = "*["


@dataclass(frozen=True)
class FolderSource:
    """Every file below a folder, every file a glob matches, or one file.

    Keys are relative to the folder, of a glob to its deepest folder without a wildcard, and of
    one file to the folder it is in. They are sorted as plain strings.

    Attributes:
        url: An fsspec URL or a path; local ones are absolute, so that workers agree on them.
        settings: How it is read.
    """

    url: str
    settings: InputSettings

    def list(self) -> Iterator[Member]:
        """Yield the members in order, one folder's names in memory at a time.

        Raises:
            UserError: There is nothing there, it holds no file, it cannot be listed, or
                `label_pattern` is not valid.
        """
        tree, pattern, single = self._open()
        entries = tree.walk(pattern) if single is None else iter([single])
        empty = True
        for entry in entries:
            empty = False
            uri = tree.uri(entry.key)
            label = label_of(entry.key, self.settings)
            yield Member(entry.key, uri, entry.size, entry.version, label)
        if empty and pattern is not None:
            raise UserError(f"no files match '{self.url}': write ** to reach into folders")
        if empty:
            raise UserError(f"there are no files in '{self.url}': give a folder that holds some")

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yield members with their bytes, in the order given, reading ahead on threads.

        Args:
            members: As listed, some time ago and perhaps on another machine.
            max_bytes: Larger files are not read.

        Raises:
            UserError: The folder itself is not there any more.
        """
        tree, _, _ = self._open()
        return read_ahead(
            members,
            partial(tree.read, max_bytes=max_bytes),
            threads=self.settings.threads,
            max_bytes=self.settings.read_ahead_bytes,
        )

    def _open(self) -> tuple[LocalTree | RemoteTree, Pattern | None, Entry | None]:
        """The tree, and what of it is meant: all, what a pattern matches, or a single file."""
        path = local_path(self.url)
        return self._open_remote() if path is None else self._open_local(path)

    def _open_local(self, path: str) -> tuple[LocalTree, Pattern | None, Entry | None]:
        if os.path.isdir(path):
            return LocalTree(path), None, None
        if os.path.lexists(path):
            tree = LocalTree(os.path.dirname(path))
            return tree, None, tree.entry(os.path.basename(path))
        base, pattern = split_glob(path)
        if pattern is None or not os.path.isdir(base):
            raise UserError(f"there is no file or folder '{text_of(base)}': check the path")
        return LocalTree(base), pattern, None

    def _open_remote(self) -> tuple[RemoteTree, Pattern | None, Entry | None]:
        fs, path = open_filesystem(self.url, self.settings.storage_options)
        timeout_s = self.settings.timeout_s
        inner = "".join(f"::{part}" for part in self.url.split("::")[1:])
        wildcards = _HTTP_WILDCARDS if path.startswith("http") else "*?["
        root, pattern = split_glob(path.rstrip("/"), wildcards)
        if pattern is not None:
            return RemoteTree(fs, root, inner, timeout_s), pattern, None
        if root == "" or path.endswith("/"):
            return RemoteTree(fs, root, inner, timeout_s), None, None
        shown = public_url(self.url)
        try:
            info = ask(fs.info, root, timeout_s=timeout_s)
        except Exception as error:  # each file system has its own classes
            if is_absent(error):
                raise UserError(
                    f"there is no file or folder '{shown}': check the address"
                ) from None
            raise UserError(f"cannot open '{shown}': {said(error)}") from error
        # A web server has no folders, only pages with links.
        if info["type"] == "directory" or info.get("mimetype") == "text/html":
            return RemoteTree(fs, root, inner, timeout_s), None, None
        folder, _, name = root.rpartition("/")
        size = info.get("size")
        entry = Entry(name, None if size is None else int(size), version_of(info))
        return RemoteTree(fs, folder, inner, timeout_s), None, entry


def is_folder(url: str) -> bool:
    """Whether a URL or path names a folder on this machine."""
    path = local_path(url)
    return path is not None and os.path.isdir(path)


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


def check_apart(source: str, output: str) -> None:
    """Refuse an output that the next listing of the input would find, and the reverse.

    Args:
        source: The input, as given.
        output: The output folder, as given.

    Raises:
        UserError: One lies in the other, links resolved.
    """
    if "::" in source or source.startswith("demo:"):
        return
    below, pattern = _place(source)
    above, _ = _place(output, is_glob=False)
    if below == above or below.startswith(above + "/"):
        raise UserError(
            f"the input '{source}' is inside the output '{output}': choose another output folder"
        )
    inside = above.removeprefix(below.rstrip("/") + "/")
    if inside != above and (pattern is None or _reaches(pattern, inside)):
        raise UserError(
            f"the output '{output}' is inside the input '{source}': choose another output folder"
        )


def _reaches(pattern: Pattern, folder: str) -> bool:
    names = folder.split("/")
    return all(pattern.enters("/".join(names[: i + 1])) for i in range(len(names)))


def _place(url: str, is_glob: bool = True) -> tuple[str, Pattern | None]:
    """A name that is equal for equal places, without a trailing slash, and the glob below it."""
    path = local_path(url)
    if path is not None:
        pattern = None
        if is_glob and not os.path.lexists(path):
            path, pattern = split_glob(path)
        return str(Path(path).resolve()).rstrip("/"), pattern
    scheme, _, rest = url.partition("://")
    same = {"s3a": "s3", "gcs": "gs", "az": "abfs", "abfss": "abfs", "adl": "abfs"}
    place = f"{same.get(scheme, scheme)}://{rest.strip('/')}"
    return split_glob(place) if is_glob else (place, None)
