"""Photos in a column of Parquet files: of one file, of a glob, or of braces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.keys import digest
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.containers import Containers
from jobs.sources.labels import label_of
from jobs.sources.read_ahead import ahead
from jobs.sources.settings import InputSettings
from jobs.sources.tables.column_names import say_unused
from jobs.sources.tables.columns import ParquetColumns, image_columns
from jobs.sources.tables.limits import check_footer
from jobs.sources.tables.manifest_rows import has_uri
from jobs.sources.tables.photos import CHANGED, ParquetPhotos, TablePhoto, row_name
from jobs.storage.read_error import ReadError

# What a file's footer tells: the columns that are read, and the file's members.
_Footer = tuple[ParquetColumns, list[Member]]


@dataclass(frozen=True)
class ParquetSource:
    """Photos in Parquet files; a member is a range of a file's rows, whole row groups of it.

    Keys come from the key column (the one named "key" if the settings name none), or else from
    the paths stored with the pictures; where that is null or empty, the key is the number of the
    row in the file. A key that comes again has `#` and the number of its row behind it; a file in
    which one does is a single member, however large it is, and to know that its names are read.

    Attributes:
        url: Path or fsspec URL of one file, with a glob or braces for several.
        settings: How it is read.
    """

    url: str
    settings: InputSettings

    @staticmethod
    def recognises(url: str, settings: InputSettings) -> bool:
        """Whether a Parquet file, or the first of several, is one with photos and no manifest.

        Raises:
            UserError: There is no such file.
        """
        if settings.image_column is not None:
            return True
        containers = Containers.of(url, settings)
        first = next(containers.list())
        file = containers.tree.open_ranges(first.key, first.size)
        if isinstance(file, ReadError):
            return True  # which then says what is wrong with it
        with closing(file):
            try:
                check_footer(file)
                schema = pq.read_schema(file)
            except (pa.ArrowException, OSError, UserError):
                return True
        return bool(image_columns(schema)) or not has_uri(schema)

    def list(self) -> Iterator[Member]:
        """Yields ranges of rows in order; of the photos nothing is read.

        A file whose footer cannot be read is one member with an unknown number of items, and says
        what is wrong when it is streamed.

        Raises:
            UserError: There is nothing to read, the only file cannot be read, or it is not clear
                which column holds the photos.
        """
        containers = Containers.of(self.url, self.settings)
        first: tuple[str, str] | None = None
        empty = True
        look = partial(self._footer, containers)
        for file, footer in ahead(containers.list(), look, threads=self.settings.threads):
            if isinstance(footer, ReadError):
                if containers.single:
                    raise UserError(
                        f"{footer.message}: give another file than '{containers.shown}'"
                    )
                empty = False
                yield file
                continue
            columns, parts = footer
            image = columns.image
            if first is None and columns.label is None:
                say_unused(columns.others, self.settings, file.uri)
            first = first or (image, file.uri)
            if image != first[0]:
                raise UserError(
                    f"the photos are in the column '{first[0]}' of '{first[1]}' but in '{image}' "
                    f"of '{file.uri}': say which with --set input.image_column=NAME"
                )
            empty = empty and not parts
            yield from parts
        if empty:
            raise UserError(
                f"there are no rows in '{containers.shown}': give a Parquet file with photos"
            )

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yields every photo of the given ranges, in the order of the rows.

        Held in memory are a page of each column and some 16 photos. A row that cannot be read has
        its number as its key; the other row groups of the file are not touched by that.

        Args:
            members: As listed, some time ago and perhaps on another machine.
            max_bytes: Larger photos are passed over.
        """
        containers = Containers.of(self.url, self.settings)
        for file, group in groupby(members, key=containers.container_key):
            parts = list(group)
            with ExitStack() as opened:
                # That of the file where it is all of it.
                photos = self._open(containers, file, parts[0].size)
                if isinstance(photos, ParquetPhotos):
                    opened.callback(photos.close)
                for part in parts:
                    for name, photo in _named(_read(photos, part, max_bytes)):
                        key = file if name is None else containers.item_key(file, name)
                        yield self._item(photo, key, name or "", part.uri), photo.data

    def holds(self, member: Member) -> bool:
        """Whether a member is a part of one of the files; see `Source`."""
        return Containers.of(self.url, self.settings).hold(member)

    def has_same(self, member: Member) -> bool:
        """Whether the same file is there; see `Source`."""
        return Containers.of(self.url, self.settings).have_same(member)

    def _open(
        self, containers: Containers, file: str, told: int | None, where: str | None = None
    ) -> ParquetPhotos | ReadError:
        """Opens a file to read it; to list it, `where` says what to call it in errors.

        Its size is perhaps the one that was `told`.
        """
        ranges = containers.tree.open_ranges(file, told)
        if isinstance(ranges, ReadError):
            return ranges
        try:
            return ParquetPhotos.open(ranges, self.settings, where or file)
        except UserError:
            if where is not None:
                raise
            return ReadError("unreadable", CHANGED)

    def _footer(self, containers: Containers, file: Member) -> _Footer | ReadError:
        photos = self._open(containers, file.key, file.size, file.uri)
        if isinstance(photos, ReadError):
            return photos
        with closing(photos):
            ranges = list(photos.ranges(self.settings.split_bytes))
            if len(ranges) > 1 and photos.repeats_names():
                # A range does not know the names in the others, and could not number those.
                ranges = [(0, ranges[-1][1], sum(size for *_, size in ranges))]
            parts = [
                replace(
                    file,
                    key=f"{file.key}#{start}" if start else file.key,
                    size=size,
                    items=stop - start,
                    start=start,
                    stop=stop,
                )
                for start, stop, size in ranges
            ]
        return photos.columns, parts

    def _item(self, photo: TablePhoto, key: str, name: str, file: str) -> Member:
        label = photo.label
        if label is None:
            label = label_of(name, self.settings, key=key)
        uri = file if photo.row is None else f"{file}#{photo.row}"
        size = len(photo.data) if isinstance(photo.data, bytes) else None
        return Member(key, uri, size, "", label)


def _read(
    photos: ParquetPhotos | ReadError, part: Member, max_bytes: int | None
) -> Iterator[TablePhoto]:
    """The photos of a part, or as many errors if its file cannot be opened."""
    if isinstance(photos, ParquetPhotos):
        return photos.read(part.start, part.stop, part.size, max_bytes)
    rows = [None] if part.stop is None else range(part.start, part.stop)
    return (TablePhoto(row, photos) for row in rows)


def _named(photos: Iterator[TablePhoto]) -> Iterator[tuple[str | None, TablePhoto]]:
    """Photos with names that differ; None stands for the whole file."""
    names: set[bytes] = set()  # hashed: they can be long
    for photo in photos:
        if photo.row is None:
            yield None, photo
            continue
        name = photo.name or row_name(photo.row)
        while (hashed := digest(name)) in names:
            name = f"{name}#{photo.row}"
        names.add(hashed)
        yield name, photo
