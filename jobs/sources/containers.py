"""Files that hold many items: which ones a path, a glob or braces name, and under which keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.read_ahead import ahead, has_same
from jobs.sources.settings import InputSettings
from jobs.storage.entry import Entry
from jobs.storage.names.braces import common_folder, expand
from jobs.storage.names.pattern import Pattern, split_glob
from jobs.storage.place import Place, Tree
from jobs.storage.read_error import ReadError
from jobs.storage.streams.steady_file import SteadyFile

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

    tree: Tree
    path: str
    wildcards: str
    single: bool
    shown: str

    @staticmethod
    def of(url: str, settings: InputSettings) -> Containers:
        """The containers of an input; touches no remote storage.

        Args:
            url: Path or fsspec URL, with `{000..099}`, `{a,b}` and globs. In chained URLs (with
                `::`) braces stand for themselves.
            settings: How the input is read; the storage options and the time limit are used.

        Raises:
            UserError: The URL's scheme or its glob is not valid.
        """
        place = Place.of(url, settings.storage_options, settings.timeout_s)
        path, wildcards = place.path, "" if place.is_there else place.wildcards
        braces = not (place.is_there or place.inner) and next(expand(path)) != path
        folder = common_folder(expand(path)) if braces else path.rpartition("/")[0]
        base = split_glob(folder, wildcards)[0]
        single = not (braces or any(char in path for char in wildcards))
        return Containers(place.tree(base), path, wildcards, single, place.shown)

    def list(self) -> Iterator[Member]:
        """Yields a member for each file, in the order of the braces, then of the keys.

        How many items each holds is not known.

        Raises:
            UserError: A file that is named is not there or is a folder, or nothing matches.
        """
        paths = iter([self.path]) if self.single else expand(self.path)
        names = (path.removeprefix(self.tree.root).removeprefix("/") for path in paths)
        empty = True
        # Sizes of files that are named are a request each: a thousand one by one take a minute.
        for _, entries in ahead(names, self._entries, threads=_ASKING):
            for entry in entries:
                empty = False
                uri = self.tree.uri(entry.key)
                yield Member(entry.key, uri, entry.size, entry.version, None, items=None)
        if empty:
            raise UserError(f"no files match '{self.shown}': write ** to reach into folders")

    def hold(self, member: Member) -> bool:
        """Whether a member is, or is a part of, the file that would have its key here."""
        key = self.container_key(member)
        is_named = not self.single or key == self.path.rpartition("/")[2]
        return is_named and self.tree.uri(key) == member.uri

    def have_same(self, member: Member) -> bool:
        """Whether the same file is here; see `Source`."""
        return has_same(self.tree, member)

    def item_key(self, container: str, name: str) -> str:
        """The key of an item: its name, behind the key of its container if there are several."""
        return name if self.single else f"{container}/{name}"

    def container_key(self, member: Member) -> str:
        """The key of the file that a member is, or is a part of."""
        return member.key.removesuffix(f"#{member.start}") if member.start else member.key

    def open(self, member: Member) -> SteadyFile | ReadError:
        """The file of a member, open where a part of it begins, or why it cannot be read.

        Args:
            member: As listed, or a part with `start`, `stop` and `size` in bytes.
        """
        end = None if member.size is None else member.start + member.size
        file = Entry(self.container_key(member), end, member.version)
        return self.tree.open_stream(file, member.start, member.stop)

    def _entries(self, name: str) -> Iterable[Entry]:
        if any(char in name for char in self.wildcards):
            return self.tree.walk(Pattern(name))
        return [self.tree.named(name)]
