"""A manifest: a table whose rows name the photos, wherever they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.members import Member
from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.sources.labels import label_of
from jobs.sources.read_ahead import read_ahead
from jobs.sources.settings import InputSettings
from jobs.sources.tables.manifest_file import read_rows
from jobs.sources.tables.manifest_rows import Row
from jobs.sources.tables.uris import (
    folder_of,
    guard_of,
    is_same_store,
    is_web,
    path_of,
    refusal,
    resolved,
    scheme_of,
    store_of,
    without_dots,
)
from jobs.storage.entry import Entry
from jobs.storage.filesystem import open_filesystem
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.names.file_name import text_of
from jobs.storage.place import local_path
from jobs.storage.read_error import ReadError
from jobs.storage.remote.remote_tree import RemoteTree


@dataclass(frozen=True)
class ManifestSource:
    """The photos that a `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.parquet` file lists.

    The column `uri` says where a photo is, relative to the manifest's folder if it is neither a
    URL nor an absolute path. The key is the column `key` or else the `uri` as it is written. The
    columns `label`, `size` or `bytes`, and `version` or `etag` are used where they are there.

    Attributes:
        url: An fsspec URL or an absolute path of the manifest.
        settings: How it is read.
    """

    url: str
    settings: InputSettings

    def list(self) -> Iterator[Member]:
        """Yields the members in the order of the rows; the photos themselves are not looked at.

        Raises:
            UserError: The manifest cannot be read, is empty, or something is wrong in a row.
        """
        place = self._place()
        folder = folder_of(place)
        opened: set[str] = set()
        empty = True
        for row in read_rows(self.url, self.settings):
            empty = False
            member = self._member(row, folder)
            # What cannot be opened is better known now than on a worker, hours later.
            store = store_of(member.uri)
            if store not in opened and _is_remote(member.uri, place):
                self._store(member.uri, place)
                opened.add(store)
            yield member
        if empty:
            raise UserError(f"there are no rows in '{place}': list some photos in it")

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yields members with their bytes, in the order given, reading ahead on threads.

        Args:
            members: As listed, some time ago and perhaps on another machine.
            max_bytes: Larger files are not read.

        Raises:
            UserError: A kind of storage cannot be opened on this machine.
        """
        place = self._place()
        # Opened here: fsspec keeps a file system for every thread that opens it, for ever.
        stores: dict[tuple[str, bool], RemoteTree] = {}
        for member in members:
            store = store_of(member.uri), is_same_store(member.uri, place)
            if store not in stores and _is_remote(member.uri, place):
                stores[store] = self._store(member.uri, place)

        def read(member: Member) -> bytes | ReadError:
            wrong = refusal(member.uri, place)
            if wrong is not None:
                return ReadError("unsupported", wrong)
            if not scheme_of(member.uri):
                return _read_local(member, max_bytes)
            tree = stores[store_of(member.uri), is_same_store(member.uri, place)]
            return tree.read(Entry(tree.key_of(member.uri), member.size, member.version), max_bytes)

        return read_ahead(members, read, self.settings)

    def holds(self, member: Member) -> bool:
        """Whether a member can be read: it is read from where its row said it is."""
        return not member.is_container and refusal(member.uri, self._place()) is None

    def has_same(self, member: Member) -> bool:
        """Never: a row does not say what is in a photo; see `Source`."""
        return False

    def _place(self) -> str:
        """Path or URL of the manifest, without credentials."""
        path = local_path(self.url)
        return public_url(self.url) if path is None else path

    def _member(self, row: Row, folder: str) -> Member:
        key = row.key or without_dots(row.uri)
        if not key:
            raise UserError(f"the uri '{row.uri}' in '{self._place()}' names no file: correct it")
        label = row.label
        if label is None:
            label = label_of(path_of(key), self.settings, key=key)
        uri = resolved(row.uri, folder)
        return Member(key, text_of(uri), row.size, row.version, label)

    def _store(self, uri: str, place: str) -> RemoteTree:
        """All of the file system that a remote photo is on."""
        url, options = store_of(uri), self.settings.storage_options
        # A manifest on the web must not have the credentials for its host sent to another.
        if scheme_of(place):
            url, options = (self.url, options) if is_same_store(uri, place) else (url, {})
            if is_web(uri):
                guard = guard_of(uri, place, self.settings.private_networks)
                options = guard.options(options)
        fs, _ = open_filesystem(url, options)
        return RemoteTree(fs, "", timeout_s=self.settings.timeout_s)


def _is_remote(uri: str, place: str) -> bool:
    return scheme_of(uri) != "" and refusal(uri, place) is None


def _read_local(member: Member, max_bytes: int | None) -> bytes | ReadError:
    tree = LocalTree("/")
    path = tree.path_of(member.uri)
    entry = tree.entry(path)
    if entry is None:
        return ReadError("unreadable", "the file is no longer there")
    size = entry.size if member.size is None else member.size
    return tree.read(Entry(path, size, member.version), max_bytes)
