"""The 512-byte headers of tar archives, and the records of those that only describe the next."""

import tarfile
from dataclasses import dataclass

BLOCK = 512
# Of tar archives since 1988; older ones are read, but not found again behind damage.
_MAGIC = b"ustar"
_MAGIC_AT = 257
_LARGEST = 1 << 62
# In bytes; no system takes longer ones, and every row of a sample would repeat it.
_LONGEST_NAME = 1 << 16

GNU_LONG_NAME, GNU_LONG_LINK = b"L", b"K"
PAX, PAX_SOLARIS, PAX_GLOBAL = b"x", b"X", b"g"
EXTENSIONS = frozenset({GNU_LONG_NAME, GNU_LONG_LINK, PAX, PAX_SOLARIS, PAX_GLOBAL})
# What no file belongs to: folders, those of GNU's incremental archives, the archive's own name.
SKIPPED = frozenset({b"5", b"D", b"V"})
SPARSE = b"S"
# These have no data, whatever their size says.
LINKS_AND_DEVICES = {
    b"1": "hard link",
    b"2": "symbolic link",
    b"3": "device",
    b"4": "device",
    b"6": "FIFO",
}
_OTHERS = {SPARSE: "sparse file", b"M": "part of a file that begins in another archive"}


@dataclass
class TarHeader:
    """What the headers of one entry say.

    Attributes:
        kind: Type flag.
        name: As written, undecodable bytes as surrogates.
        size: Bytes of data.
        unusual: What the entry is, if not a regular file.
    """

    kind: bytes
    name: str
    size: int
    unusual: str | None

    @property
    def data_size(self) -> int:
        """Bytes of data that follow the header, without the padding."""
        return 0 if self.kind in LINKS_AND_DEVICES or self.kind == b"5" else self.size

    def extend(self, kind: bytes, data: bytes) -> bool:
        """Applies an extension header that came before; False if it is not a valid one."""
        if kind == GNU_LONG_NAME:
            return self._rename(data.partition(b"\0")[0])
        if kind not in (PAX, PAX_SOLARIS):
            return True
        records = _records(data)
        if records is None:
            return False
        if any(name.startswith(b"GNU.sparse.") for name in records):
            self.unusual = "sparse file"
        name = records.get(b"GNU.sparse.name") or records.get(b"path")
        size = records.get(b"size", b"")
        if size and not (size.isdigit() and len(size) < 19):
            return False
        self.size = int(size) if size else self.size
        return self._rename(name) if name else True

    def _rename(self, name: bytes) -> bool:
        if len(name) > _LONGEST_NAME:
            return False
        self.name = name.decode("utf-8", "surrogateescape")
        return True


def parse(block: bytes) -> TarHeader | None:
    """The header in a block; None if it is none, or is damaged."""
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None
    if not 0 <= info.size < _LARGEST:
        return None
    unusual = LINKS_AND_DEVICES.get(info.type) or _OTHERS.get(info.type)
    return TarHeader(info.type, info.name, info.size, unusual)


def find(data: bytes) -> int:
    """Where in whole blocks the first header is; -1 if none has one."""
    at = data.find(_MAGIC)
    while at >= 0:
        start = at - _MAGIC_AT
        if start % BLOCK == 0 and parse(data[start : start + BLOCK]) is not None:
            return start
        at = data.find(_MAGIC, at + 1)
    return -1


def _records(data: bytes) -> dict[bytes, bytes] | None:
    """The records of a pax header: `<length> <name>=<value>` and a line feed, each."""
    records = {}
    data = data.rstrip(b"\0")
    start = 0
    while start < len(data):
        digits, space, _ = data[start : start + 21].partition(b" ")
        if not (space and digits.isdigit()):
            return None
        stop = start + int(digits)
        name, equals, value = data[start + len(digits) + 1 : stop].partition(b"=")
        if not equals or not value.endswith(b"\n") or stop > len(data):
            return None
        records[name] = value[:-1]
        start = stop
    return records
