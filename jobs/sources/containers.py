"""Files that hold many items: which ones a path, a glob or braces name, and under which keys."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jobs.members import Member
from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.sources.folder import local_path
from jobs.sources.settings import InputSettings
from jobs.storage.filesystem import open_filesystem
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.local.regular_file import NotRegularError, check_regular
from jobs.storage.names.braces import common_folder, expand
from jobs.storage.names.pattern import Pattern, split_glob
from jobs.storage.patience import is_absent, said
from jobs.storage.read_error import ReadError, changed, reason
from jobs.storage.remote.remote_path import is_other, size_of, version_of
from jobs.storage.remote.remote_tree import RemoteTree
from jobs.storage.remote.web_page import is_page
from jobs.storage.streams.steady_file import SteadyFile, open_local, open_remote
from jobs.storage.tree import Entry

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
        if isinstance(self.tree, RemoteTree):
            return _open_remote(self.tree, path, member)
        try:
            size = check_regular(os.stat(path)).st_size
        except NotRegularError as error:
            return ReadError("unsupported", str(error))
        except OSError as error:
            return ReadError("unreadable", reason(error))
        if member.size is not None:
            end = member.start + member.size
            more_follows = member.stop is not None and size > end
            wrong = None if more_follows else changed(end, size)
            if wrong is not None:
                return wrong
        return SteadyFile(open_local(path), size, member.start)

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
                info = self.tree.path(self.path_of(name)).info()
            except Exception as error:  # each file system has its own classes
                if is_absent(error):
                    raise UserError(f"there is no file '{uri}': check the address") from None
                raise UserError(f"cannot open '{uri}': {said(error)}") from error
            is_folder = info["type"] == "directory"
            entry = Entry(name, size_of(info), version_of(info))
        if is_folder:
            raise UserError(f"'{uri}' is a folder: name the files in it, such as '{uri}/*'")
        return entry


def _open_remote(tree: RemoteTree, path: str, member: Member) -> SteadyFile | ReadError:
    """Open a file behind fsspec, which is never read in parts."""
    size = None
    if not is_page(path):
        try:
            info = tree.path(path).sure_info(member.size)
        except Exception as error:  # each file system has its own classes; the row names them
            return ReadError("unreadable", reason(error))
        size = size_of(info)
        # Another size than was listed is a wrong one, unless the file is another one.
        if size is not None and member.size is not None and is_other(info, member.version):
            wrong = changed(member.size, size)
            if wrong is not None:
                return wrong
    return SteadyFile(open_remote(tree.fs, path, size, tree.timeout_s), size, 0, tree.patience)
