"""The pictures that a TIFF holds, told from its directories: which are photos, which previews."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import BytesIO

_MOST_ENTRIES = 1_000_000  # walked in 0.3 s
_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT = 254, 255, 256, 257
_PHOTOMETRIC, _SUBDIRECTORIES, _DNG_VERSION = 262, 330, 50706
_TAGS = frozenset(
    {_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _PHOTOMETRIC, _SUBDIRECTORIES, _DNG_VERSION}
)
_SENSOR = (32803, 34892)  # a colour a pixel, or linear ones
_REDUCED, _MASK = 1, 4
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # of those an offset or size may be
# Canon's and Phase One's mark follows the header.
_MARKS = (b"CR\2", b"IIII", b"MMMM")


@dataclass(frozen=True)
class Pages:
    """What a TIFF holds.

    Attributes:
        photos: Offsets of the directories of its photos, in order, without previews and masks;
            empty only where the first directory cannot be read.
        is_raw: Whether there is a camera's raw picture in it.
        has_preview: Whether its first picture is a preview of a photo that is there too.
        is_whole: Whether all directories were read.
    """

    photos: tuple[int, ...]
    is_raw: bool
    has_preview: bool
    is_whole: bool

    @property
    def count(self) -> int | None:
        """How many photos there are; None where that is not known."""
        return len(self.photos) if self.is_whole and self.photos else None


def read_pages(data: bytes) -> Pages:
    """Reads the directories of a TIFF, without their pixels."""
    return _Walk(data).pages()


def open_page(data: bytes, page: int) -> BytesIO:
    """The file as it would be if a directory, given by its offset, were the first."""
    order = "<" if data[:1] == b"I" else ">"
    at, layout = (8, order + "Q") if 43 in data[2:4] else (4, order + "I")
    pointer = struct.pack(layout, page)
    return BytesIO(data) if data.startswith(pointer, at) else _PageFile(data, at, pointer)


class _PageFile(BytesIO):
    """A file with other bytes in one place, and no copy of it for that: a TIFF has many pages."""

    def __init__(self, data: bytes, at: int, pointer: bytes) -> None:
        super().__init__(data)
        self._place = at
        self._pointer = pointer

    def read(self, size: int | None = -1, /) -> bytes:
        begin = self.tell()
        data = super().read(size)
        at = self._place - begin
        end = at + len(self._pointer)
        if at < 0 or end > len(data):
            return data
        return data[:at] + self._pointer + data[end:]


@dataclass
class _Directory:
    """What is of interest in a directory of a TIFF."""

    offset: int
    next: int = 0
    children: list[int] = field(default_factory=list)
    values: dict[int, int] = field(default_factory=dict)

    @property
    def is_preview(self) -> bool:
        """Whether it says of itself that it is a smaller copy, or a mask."""
        kind = self.values.get(_SUBFILE, 0)
        return bool(kind & (_REDUCED | _MASK)) or self.values.get(_OLD_SUBFILE) == 2

    @property
    def is_raw(self) -> bool:
        return self.values.get(_PHOTOMETRIC) in _SENSOR or _DNG_VERSION in self.values

    @property
    def area(self) -> int:
        return self.values.get(_WIDTH, 0) * self.values.get(_HEIGHT, 0)


class _Walk:
    """A way through all directories: each once, and only so many entries."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        order = "<" if data[:1] == b"I" else ">"
        big = 43 in data[2:4]
        self._offset = struct.Struct(order + ("Q" if big else "I"))
        self._count = struct.Struct(order + ("Q" if big else "H"))
        self._entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
        self._order = order
        self._first = 8 if big else 4
        self._seen: set[int] = set()
        self._left = _MOST_ENTRIES
        self._is_whole = True

    def pages(self) -> Pages:
        data = self._data
        is_raw = data.startswith(_MARKS, 8)
        pages: list[_Directory] = []
        at = first = self._number(self._offset, self._first)
        while at and (page := self._directory(at)):
            is_raw |= page.is_raw
            chosen = [page]
            for child in filter(None, map(self._directory, page.children)):
                is_raw |= child.is_raw
                # A page is no photo beside a larger one below it.
                if not child.is_preview and (page.is_preview or child.area > page.area):
                    chosen.append(child)
            pages += chosen[1:] if len(chosen) > 1 else chosen
            at = page.next
        photos = [page for page in pages if not page.is_preview]
        if not photos and pages:  # all are smaller copies: of what is not there
            photos = [max(pages, key=lambda page: page.area)]
        offsets = tuple(page.offset for page in photos)
        has_preview = bool(offsets) and offsets[0] != first
        return Pages(offsets, is_raw, has_preview, self._is_whole)

    def _directory(self, at: int) -> _Directory | None:
        """One that was not read before; None also where there is none."""
        if at in self._seen:
            return None
        self._seen.add(at)
        count = self._number(self._count, at)
        begin = at + self._count.size
        end = begin + count * self._entry.size
        self._left -= count + 1
        if not count or end > len(self._data) or self._left < 0:
            self._is_whole = False
            return None
        found = _Directory(at, next=self._number(self._offset, end))
        for tag, kind, number, value in self._entry.iter_unpack(self._data[begin:end]):
            if tag in _TAGS:
                values = self._values(kind, number if tag == _SUBDIRECTORIES else 1, value)
                if tag == _SUBDIRECTORIES:
                    found.children = list(values)
                elif values:
                    found.values.setdefault(tag, values[0])
        return found

    def _values(self, kind: int, number: int, value: bytes) -> tuple[int, ...]:
        self._left -= number
        if self._left < 0:
            self._is_whole = False
            return ()
        if kind not in _INTEGERS:
            return ()
        layout = struct.Struct(f"{self._order}{number}{_INTEGERS[kind]}")
        if layout.size <= len(value):
            return layout.unpack_from(value)
        (at,) = self._offset.unpack(value)
        return layout.unpack_from(self._data, at) if at + layout.size <= len(self._data) else ()

    def _number(self, layout: struct.Struct, at: int) -> int:
        """A number in the file, 0 where it ends before."""
        if at + layout.size > len(self._data):
            return 0
        return int(layout.unpack_from(self._data, at)[0])
