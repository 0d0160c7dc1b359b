"""A folder, a glob or one file, on this machine or anywhere fsspec reaches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.labels import label_of
from jobs.sources.read_ahead import has_same, read_tree
from jobs.sources.settings import InputSettings
from jobs.storage.named_files import NamedFiles
from jobs.storage.names.pattern import split_glob
from jobs.storage.place import Place
from jobs.storage.read_error import ReadError


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
        named = self._named()
        empty = True
        for entry in named.entries():
            empty = False
            uri = named.tree.uri(entry.key)
            label = label_of(entry.key, self.settings)
            yield Member(entry.key, uri, entry.size, entry.version, label)
        if empty and named.pattern is not None:
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
        return read_tree(self._named().tree, members, self.settings, max_bytes)

    def holds(self, member: Member) -> bool:
        """Whether a member is below the folder, or beside the file; see `Source`."""
        place = self._place()
        root, pattern = split_glob(place.path.rstrip("/"), place.wildcards)
        roots = {root} if pattern else {root, root.rpartition("/")[0]}
        if place.is_there:  # wildcards and all
            roots |= {place.path}
        return any(place.tree(root).uri(member.key) == member.uri for root in roots)

    def has_same(self, member: Member) -> bool:
        """Whether the same file is there; see `Source`."""
        return has_same(self._named().tree, member)

    def _named(self) -> NamedFiles:
        return NamedFiles.of(self._place())

    def _place(self) -> Place:
        settings = self.settings
        return Place.of(self.url, settings.storage_options, settings.timeout_s)
