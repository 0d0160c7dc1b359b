"""A folder, a glob or one file, on this machine or anywhere fsspec reaches."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.labels import label_of
from jobs.sources.read_ahead import read_tree
from jobs.sources.settings import InputSettings
from jobs.storage.entry import Entry
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.names.file_name import text_of
from jobs.storage.names.pattern import Pattern, split_glob
from jobs.storage.place import Place, Tree
from jobs.storage.read_error import ReadError
from jobs.storage.remote.remote_tree import RemoteTree, entry_of

# The tree, and what of it is meant: all, what a pattern matches, or a single file.
_Opened = tuple[Tree, Pattern | None, Entry | None]


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
        """Yields the members in order, one folder's names in memory at a time.

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
        """Yields members with their bytes, in the order given, reading ahead on threads.

        Args:
            members: As listed, some time ago and perhaps on another machine.
            max_bytes: Larger files are not read.

        Raises:
            UserError: The folder itself is not there any more.
        """
        tree, _, _ = self._open()
        return read_tree(tree, members, self.settings, max_bytes)

    def _open(self) -> _Opened:
        settings = self.settings
        place = Place.of(self.url, settings.storage_options, settings.timeout_s)
        return _open_local(place.path) if place.fs is None else _open_remote(place)


def _open_local(path: str) -> _Opened:
    if os.path.isdir(path):
        return LocalTree(path), None, None
    if os.path.lexists(path):
        tree = LocalTree(os.path.dirname(path))
        return tree, None, tree.entry(os.path.basename(path))
    base, pattern = split_glob(path)
    if pattern is None or not os.path.isdir(base):
        raise UserError(f"there is no file or folder '{text_of(base)}': check the path")
    return LocalTree(base), pattern, None


def _open_remote(place: Place) -> _Opened:
    root, pattern = split_glob(place.path.rstrip("/"), place.wildcards)
    if pattern is not None or root == "" or place.path.endswith("/"):
        return place.tree(root), pattern, None
    folder, _, name = root.rpartition("/")
    tree = RemoteTree(place.fs, folder, place.inner, place.timeout_s)
    info = tree.look(name, "file or folder", place.shown)
    # A web server has no folders, only pages with links.
    if info["type"] == "directory" or info.get("mimetype") == "text/html":
        return place.tree(root), None, None
    return tree, None, entry_of(name, info)
