"""Tar archives, compressed or not, with or without WebDataset's labels beside the photos."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, pairwise

from jobs.keys import KeySet, digest
from jobs.members import Member
from jobs.sources.containers import Containers
from jobs.sources.labels import label_of
from jobs.sources.settings import InputSettings
from jobs.sources.tars.samples import Sample, SampleFile
from jobs.sources.tars.stream import TarEntry, TarStream
from jobs.storage.entry import Entry
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.read_error import ReadError
from jobs.storage.streams.byte_stream import ByteStream, StreamError
from jobs.storage.streams.inflated_file import MAGIC_BYTES, InflatedFile
from jobs.storage.streams.steady_file import SteadyFile

_HASHED_TOGETHER = 4096


@dataclass(frozen=True)
class TarSource:
    """Every file in one or more tar archives; gzip, bzip2 and xz are told by their content.

    Files are items, except those that give the label of photos beside them (see `Sample`).
    An item's key is its name in the archive, behind the key of the archive if the URL can name
    several; the second of a name gets `#2`. What cannot be read in an archive is an item too,
    under `<archive>#<offset>`.

    Attributes:
        url: Path or fsspec URL of an archive, with `{000..099}`, `{a,b}` and globs.
        settings: How it is read.
    """

    url: str
    settings: InputSettings

    def list(self) -> Iterator[Member]:
        """Yields the archives, large ones on this machine in parts if they are not compressed.

        Nothing of the others is read.

        Raises:
            UserError: An archive that is named is not there, or no file matches.
        """
        for archive in self._containers.list():
            starts = self._starts(archive)
            for start, stop in pairwise([*starts, None]):
                yield _part(archive, start or 0, stop)

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yields the items of archives and parts, in order, one sample in memory at a time.

        Args:
            members: As listed, some time ago and perhaps on another machine.
            max_bytes: Larger items are passed over.
        """
        for member in members:
            archive = self._containers.container_key(member)
            keys = _Keys()
            for file, label in self._files(member, max_bytes):
                key = keys.unique(self._key(archive, file.name, file.offset))
                yield self._item(member, key, file, label), file.data

    def holds(self, member: Member) -> bool:
        """Whether a member is one of the archives, or a part of one; see `Source`."""
        return self._containers.hold(member)

    def has_same(self, member: Member) -> bool:
        """Whether the same archive is there; see `Source`."""
        return self._containers.have_same(member)

    @cached_property
    def _containers(self) -> Containers:
        return Containers.of(self.url, self.settings)

    def _key(self, archive: str, name: str | None, offset: int) -> str:
        if name is None:
            return f"{archive}#{offset}" if offset else archive
        return self._containers.item_key(archive, name)

    def _item(self, member: Member, key: str, file: SampleFile, label: str | None) -> Member:
        uri, size = member.uri, len(file.data) if isinstance(file.data, bytes) else None
        if file.name is None:
            return Member(key, f"{uri}#{file.offset}" if file.offset else uri, size, "", None)
        if label is None:
            label = label_of(file.name, self.settings, key=key)
        return Member(key, f"{uri}#{file.name}", size, "", label)

    def _files(
        self, member: Member, max_bytes: int | None
    ) -> Iterator[tuple[SampleFile, str | None]]:
        """The items of an archive or a part, with the labels that files beside them give."""
        file = self._containers.open(member)
        if isinstance(file, ReadError):
            yield SampleFile(None, member.start, file), None
            return
        with contextlib.closing(file):
            sample: Sample | None = None
            for entry, data in _contents(file, member, max_bytes):
                if sample is not None and not sample.takes(entry.sample, entry.name):
                    yield from sample.items()
                    sample = sample.rest() if entry.sample == sample.stem else None
                if sample is None:
                    label_field = self.settings.label_column or "label"
                    sample = Sample(entry.sample, label_field, max_bytes)
                sample.add(SampleFile(entry.name, entry.offset, data))
                del data
            if sample is not None:
                yield from sample.items()

    def _starts(self, archive: Member) -> Sequence[int]:
        """Where the parts of an archive begin: offsets of headers, the first is 0."""
        tree, size = self._containers.tree, archive.size
        if not isinstance(tree, LocalTree) or size is None or size <= self.settings.split_bytes:
            return [0]
        # Of a photo and its header, only the header.
        file = tree.open_stream(Entry(archive.key, size, archive.version), buffering=512)
        if isinstance(file, ReadError):  # whoever reads the archive says so
            return [0]
        with contextlib.closing(file):
            return self._cut(archive, file)

    def _cut(self, archive: Member, file: SteadyFile) -> Sequence[int]:
        try:
            begin = file.read(MAGIC_BYTES)
        except StreamError:  # whoever reads the archive says so
            return [0]
        if InflatedFile.reads(begin):
            return [0]
        keys = KeySet()
        starts = [0]
        sample: str | None = None
        sample_start = 0
        entries = iter(TarStream(file, begin=begin))
        while together := list(islice(entries, _HASHED_TOGETHER)):
            keys.add(self._key(archive.key, entry.name, entry.offset) for entry in together)
            for entry in together:
                if entry.sample != sample:
                    _cut_before(sample_start, entry.offset, starts, self.settings.split_bytes)
                    sample, sample_start = entry.sample, entry.offset
        _cut_before(sample_start, archive.size or 0, starts, self.settings.split_bytes)
        # A part does not know the names in the others, and could not number those that repeat.
        return [0] if len(keys.repeated()) else starts


class _Keys:
    """Keys given out, as hashes."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._repeated: Counter[bytes] = Counter()

    def unique(self, key: str) -> str:
        """The key, with a number behind it if it was given out before."""
        result, first = key, digest(key)
        hashed = first
        while hashed in self._known:
            self._repeated[first] += 1
            result = f"{key}#{self._repeated[first] + 1}"
            hashed = digest(result)
        self._known.add(hashed)
        return result


def _contents(
    file: SteadyFile, member: Member, max_bytes: int | None
) -> Iterator[tuple[TarEntry, bytes | ReadError]]:
    """The entries of an archive or a part, with their bytes or why there are none."""
    stream: ByteStream = file
    begin = b""
    if member.start == 0:
        try:
            begin = file.read(MAGIC_BYTES)
        except StreamError as error:
            lost = ReadError("unreadable", str(error))
            yield TarEntry(0, None, 0, lost), lost
            return
        if InflatedFile.reads(begin):
            stream, begin = InflatedFile(file, begin), b""
    archive = TarStream(stream, member.start, member.stop, begin)
    for entry in archive:
        yield entry, entry.error or archive.read(max_bytes)


def _cut_before(start: int, stop: int, starts: list[int], most: int) -> None:
    """Begins a part where a sample does, if with all of the sample the last one is too large."""
    if stop - starts[-1] > most and start > starts[-1]:
        starts.append(start)


def _part(archive: Member, start: int, stop: int | None) -> Member:
    """A part of an archive, or all of it."""
    if start == 0 and stop is None:
        return archive
    key = f"{archive.key}#{start}" if start else archive.key
    end = archive.size if stop is None else stop
    size = None if end is None else end - start
    return replace(archive, key=key, size=size, start=start, stop=stop)
