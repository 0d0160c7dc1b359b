"""Files that hold many items: which ones a path, a glob or braces name, and under which keys."""

import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jobs.config import InputSettings
from jobs.engine.credentials import public_url
from jobs.engine.errors import UserError
from jobs.engine.members import Member
from jobs.engine.retry import ask, is_absent, said
from jobs.engine.storage import open_filesystem
from jobs.sources.files.braces import common_folder, expand
from jobs.sources.files.entry import Entry
from jobs.sources.files.local_tree import LocalTree
from jobs.sources.files.pattern import Pattern, split_glob
from jobs.sources.files.reading import ReadError, changed, reason
from jobs.sources.files.remote_tree import RemoteTree, version_of
from jobs.sources.files.steady_file import SteadyFile, is_page, open_local, open_remote
from jobs.sources.folder import local_path

# In the URL of a web page `?` begins the query.
_HTTP_WILDCARDS = "*["
_WILDCARDS = "*?["
_ASKED_TOGETHER = 64
_ASKING = 16


@dataclass(frozen=True)
class Containers:
    """The files that a path or URL names, all below one folder.

    Attributes:
        tree: The deepest folder that all of them are below, however the URL is expanded.
        path: What the file system calls them, with braces and globs.
        wildcards: The characters that make a name a glob; none if the file exists as written.
        single: The URL names one file exactly.
        shown: The URL without credentials.
    """

    tree: LocalTree | RemoteTree
    path: str
    wildcards: str
    single: bool
    shown: str

    @staticmethod
    def of(url: str, settings: InputSettings) -> "Containers":
        """The containers of an input; touches no remote storage.

        Args:
            url: Path or fsspec URL, with `{000..099}`, `{a,b}` and globs. In chained URLs (with
                `::`) braces stand for themselves.
            settings: Of these, the storage options.

        Raises:
            UserError: The URL's scheme or its glob is not valid.
        """
        path = local_path(url)
        inner = ""
        fs: Any = None
        wildcards = _WILDCARDS
        if path is None:
            fs, path = open_filesystem(url, settings.storage_options)
            inner = "".join(f"::{part}" for part in url.split("::")[1:])
            wildcards = _HTTP_WILDCARDS if path.startswith("http") else _WILDCARDS
        exact = os.path.lexists(path) if fs is None else False
        braces = not (exact or inner) and next(expand(path)) != path
        folder = common_folder(expand(path)) if braces else path.rpartition("/")[0]
        base = folder if exact else split_glob(folder, wildcards)[0]
        single = exact or not (braces or any(char in path for char in wildcards))
        tree: LocalTree | RemoteTree = LocalTree(base or "/")
        if fs is not None:
            tree = RemoteTree(fs, base, inner, settings.timeout_s)
        return Containers(tree, path, "" if exact else wildcards, single, public_url(url))

    def list(self) -> Iterator[Member]:
        """Yield a member for each file, in the order of the braces, then of the keys.

        How many items each holds is not known.

        Raises:
            UserError: A file that is named is not there or is a folder, or nothing matches.
        """
        paths = iter([self.path]) if self.single else expand(self.path)
        names = (path.removeprefix(self.tree.root).removeprefix("/") for path in paths)
        empty = True
        while together := list(islice(names, _ASKED_TOGETHER)):
            for entry in self._entries(together):
                empty = False
                uri = self.tree.uri(entry.key)
                yield Member(entry.key, uri, entry.size, entry.version, None, items=None)
        if empty:
            raise UserError(f"no files match '{self.shown}': write ** to reach into folders")

    def item_key(self, container: str, name: str) -> str:
        """The key of an item: its name, behind the key of its container if there are several."""
        return name if self.single else f"{container}/{name}"

    def container_key(self, member: Member) -> str:
        """The key of the file that a member is, or is a part of."""
        return member.key.removesuffix(f"#{member.start}") if member.start else member.key

    def path_of(self, key: str) -> str:
        """Where a file is, as its file system names it."""
        if isinstance(self.tree, LocalTree):
            return self.tree.path_of(key)
        return f"{self.tree.root}/{key}" if self.tree.root else key

    def open(self, member: Member) -> SteadyFile | ReadError:
        """Open a file where a part of it begins, or tell why it cannot be read.

        Args:
            member: As listed, or a part with `start`, `stop` and `size` in bytes.
        """
        path = self.path_of(self.container_key(member))
        try:
            size = self._size(path)
        except Exception as error:  # each file system has its own classes; the row names them
            return ReadError("unreadable", reason(error))
        if isinstance(size, ReadError):
            return size
        if size is not None and member.size is not None:
            end = member.start + member.size
            more_follows = member.stop is not None and size > end
            wrong = None if more_follows else changed(end, size)
            if wrong is not None:
                return wrong
        if isinstance(self.tree, LocalTree):
            return SteadyFile(open_local(path), size, member.start)
        open_at = open_remote(self.tree.fs, path, size, self.tree.timeout_s)
        return SteadyFile(open_at, size, member.start, self.tree.patience)

    def _size(self, path: str) -> int | ReadError | None:
        """Bytes in a file; None if only reading it tells."""
        if isinstance(self.tree, LocalTree):
            info = os.stat(path)
            if not stat.S_ISREG(info.st_mode):  # a FIFO would not open
                return ReadError("unsupported", "not a regular file")
            return info.st_size
        return None if is_page(path) else _size_in(self._info(path))

    def _entries(self, names: Sequence[str]) -> Iterator[Entry]:
        # Their sizes are a request each: a thousand of them one by one take a minute.
        with ThreadPoolExecutor(_ASKING, thread_name_prefix="containers") as pool:
            asked = {
                name: pool.submit(self._entry, name)
                for name in names
                if not any(char in name for char in self.wildcards)
            }
            for name in names:
                if name in asked:
                    yield asked[name].result()
                else:
                    yield from self.tree.walk(Pattern(name))

    def _entry(self, name: str) -> Entry:
        uri = self.tree.uri(name)
        if isinstance(self.tree, LocalTree):
            entry = self.tree.entry(name)
            if entry is None:
                raise UserError(f"there is no file '{uri}': check the path")
            is_folder = os.path.isdir(os.path.join(self.tree.root, name))
        else:
            try:
                info = self._info(self.path_of(name))
            except Exception as error:  # each file system has its own classes
                if is_absent(error):
                    raise UserError(f"there is no file '{uri}': check the address") from None
                raise UserError(f"cannot open '{uri}': {said(error)}") from error
            is_folder = info["type"] == "directory"
            entry = Entry(name, _size_in(info), version_of(info))
        if is_folder:
            raise UserError(f"'{uri}' is a folder: name the files in it, such as '{uri}/*'")
        return entry

    def _info(self, path: str) -> dict[str, Any]:
        assert isinstance(self.tree, RemoteTree)
        tree = self.tree
        info: dict[str, Any] = ask(
            tree.fs.info, path, timeout_s=tree.timeout_s, patience=tree.patience
        )
        return info


def _size_in(info: dict[str, Any]) -> int | None:
    size = info.get("size")
    return None if size is None else int(size)
