"""Which files a path or URL names: all below a folder, those a glob matches, or a single one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.messages.errors import UserError
from jobs.storage.entry import Entry
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.names.file_name import text_of
from jobs.storage.names.pattern import Pattern, split_glob
from jobs.storage.place import Place, Tree
from jobs.storage.remote.remote_tree import RemoteTree, entry_of


@dataclass(frozen=True)
class NamedFiles:
    """Files of a tree.

    Attributes:
        tree: The tree that has them.
        pattern: Only those that match it, if there is one.
        single: The only one, where one is named.
    """

    tree: Tree
    pattern: Pattern | None = None
    single: Entry | None = None

    @staticmethod
    def of(place: Place) -> NamedFiles:
        """What a place names: a folder, a glob below its deepest folder without, or a file.

        Raises:
            UserError: There is nothing, or the storage does not say.
        """
        return _local(place.path) if place.fs is None else _remote(place)

    def entries(self) -> Iterator[Entry]:
        """Yields the files in the order of their keys.

        Raises:
            UserError: A folder cannot be listed.
        """
        return self.tree.walk(self.pattern) if self.single is None else iter([self.single])


def _local(path: str) -> NamedFiles:
    if os.path.isdir(path):
        return NamedFiles(LocalTree(path))
    if os.path.lexists(path):
        tree = LocalTree(os.path.dirname(path))
        return NamedFiles(tree, single=tree.entry(os.path.basename(path)))
    base, pattern = split_glob(path)
    if pattern is None or not os.path.isdir(base):
        raise UserError(f"there is no file or folder '{text_of(base)}': check the path")
    return NamedFiles(LocalTree(base), pattern)


def _remote(place: Place) -> NamedFiles:
    root, pattern = split_glob(place.path.rstrip("/"), place.wildcards)
    below = RemoteTree(place.fs, root, place.inner, place.timeout_s)
    whole = NamedFiles(below, pattern)
    if pattern is not None or root == "" or place.path.endswith("/"):
        return whole
    if place.is_folder and below.objects is not None:
        return whole
    folder, _, name = root.rpartition("/")
    tree = RemoteTree(place.fs, folder, place.inner, place.timeout_s)
    info = tree.look(name, "file or folder", place.shown)
    # A web server has no folders, only pages with links.
    if info["type"] == "directory" or info.get("mimetype") == "text/html":
        return whole
    file = entry_of(name, info)
    # Of an object store, both can have the name.
    if not below.is_folder_of_objects():
        return NamedFiles(tree, single=file)
    if file.size == 0:  # the marker of a folder
        return whole
    raise UserError(
        f"'{place.shown}' is both an object and a folder: write '{place.shown}/' for the folder, "
        f"or '{place.shown[:-1]}[{place.shown[-1]}]' for the object"
    )
