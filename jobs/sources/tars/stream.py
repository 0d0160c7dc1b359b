"""The entries of a tar archive, read from front to back past whatever is damaged."""

from collections.abc import Iterator
from dataclasses import dataclass

from jobs.sources.tars import headers
from jobs.sources.tars.headers import BLOCK, TarHeader
from jobs.storage.names.file_name import text_of
from jobs.storage.read_error import ReadError, over_limit
from jobs.storage.streams.byte_stream import ByteStream, StreamError

# Extension headers hold names; longer ones are damage, and so are many before one file.
_LONGEST_EXTENSION = 1 << 20
_MOST_EXTENSIONS = 16
_SEARCHED_TOGETHER = 1 << 16
_ZEROS = bytes(BLOCK)
_CUT = "the archive ends in the middle of it"


@dataclass(frozen=True)
class TarEntry:
    """A file in an archive, or a gap where damage hides what there was.

    Attributes:
        offset: Where its first header begins, or the gap.
        name: Name of the file, valid text, never empty; None for a gap.
        size: Bytes of the file.
        error: Why there is nothing to read.
    """

    offset: int
    name: str | None
    size: int
    error: ReadError | None = None

    @property
    def sample(self) -> str | None:
        """What the names of a WebDataset sample share: all up to the first `.` of the last one.

        Names that begin with a dot, and gaps, are samples by themselves.
        """
        if self.name is None:
            return None
        folder, slash, last = self.name.rpartition("/")
        stem = last.partition(".")[0]
        return folder + slash + stem if stem else self.name


class TarStream:
    """The files and gaps of an archive or a part of one, once, in order.

    Folders are passed over, and so are end-of-archive markers: in concatenated archives more
    entries follow.

    Args:
        stream: At `start`, or behind `begin`.
        start: Offset of a header.
        stop: Offset of a later one, or None for the end.
        begin: What has been read from `start` on.
    """

    def __init__(
        self, stream: ByteStream, start: int = 0, stop: int | None = None, begin: bytes = b""
    ) -> None:
        """Reads nothing yet."""
        self._stream = stream
        self._stop = stop
        self._position = self._first = start
        self._ahead = begin
        self._unread = 0
        self._padding = 0
        self._ended = False

    def __iter__(self) -> Iterator[TarEntry]:
        """Yields the entries; data that is not read is skipped."""
        try:
            yield from self._entries()
        except StreamError as error:
            yield self._gap(str(error))

    def read(self, max_bytes: int | None) -> bytes | ReadError:
        """Reads the entry yielded last, unless it is larger than `max_bytes`."""
        size, self._unread = self._unread, 0
        wrong = over_limit(size, max_bytes)
        if wrong is not None:
            self._unread = size
            return wrong
        try:
            data = self._take(size)
            if len(data) < size:
                raise StreamError(_CUT)
        except StreamError as error:
            self._ended = True
            return ReadError("unreadable", str(error))
        return data

    def _entries(self) -> Iterator[TarEntry]:
        extensions: list[tuple[bytes, bytes]] = []
        for header in self._headers(extensions):
            if isinstance(header, TarEntry):
                extensions.clear()
                yield header
                continue
            size = header.data_size
            if header.kind in headers.EXTENSIONS:
                held = sum(len(data) for _, data in extensions)
                if size + held > _LONGEST_EXTENSION or len(extensions) == _MOST_EXTENSIONS:
                    yield self._gap("the archive is damaged here: a name is too long")
                    self._unread, self._padding = size, -size % BLOCK
                    extensions.clear()
                    continue
                data = self._take(size + -size % BLOCK)[:size]
                # Global ones do not count: a part of an archive must not depend on those before.
                if header.kind != headers.PAX_GLOBAL:
                    extensions.append((header.kind, data))
                continue
            if not all(header.extend(kind, data) for kind, data in extensions):
                yield self._gap("the archive is damaged here: the next file may have another name")
            extensions.clear()
            size = header.data_size
            self._unread, self._padding = size, -size % BLOCK
            is_folder = header.kind == b"\0" and header.name.endswith("/")
            if header.kind not in headers.SKIPPED and not is_folder:
                yield self._entry(header)
                if self._ended:
                    return

    def _headers(self, extensions: list[tuple[bytes, bytes]]) -> Iterator[TarHeader | TarEntry]:
        """Yields headers, and gaps where there is none."""
        while True:
            if not extensions:
                self._first = self._position
            self._skip(self._unread + self._padding)
            self._unread = self._padding = 0
            if self._stop is not None and self._position >= self._stop:
                return
            if not extensions:
                self._first = self._position
            block = self._take(BLOCK)
            if len(block) < BLOCK:
                if self._position == 0:
                    yield self._gap("the file is empty")
                elif extensions or block.strip(b"\0"):
                    yield self._gap("the archive ends in the middle of a header")
                return
            if block == _ZEROS:
                continue
            header = headers.parse(block)
            if header is not None:
                self._skip_sparse_map(header, block)
                yield header
                continue
            found = self._find_header()
            nothing = self._first == 0 and not found
            yield self._gap("not a tar archive" if nothing else "the archive is damaged here")

    def _skip_sparse_map(self, header: TarHeader, block: bytes) -> None:
        """Passes over the blocks that follow the header of a file with many holes."""
        more = header.kind == headers.SPARSE and block[482]
        while more:
            block = self._take(BLOCK)
            more = len(block) == BLOCK and block[504]

    def _find_header(self) -> bool:
        """Goes to the next valid header, or to the end."""
        while True:
            data = self._take(_SEARCHED_TOGETHER)
            found = headers.find(data)
            if found >= 0:
                self._ahead = data[found:] + self._ahead
                self._position -= len(data) - found
                return True
            if len(data) < _SEARCHED_TOGETHER:
                return False

    def _entry(self, header: TarHeader) -> TarEntry:
        name = text_of(header.name.removeprefix("./")) or f"#{self._first}"
        error = None
        if header.unusual is not None:
            error = ReadError("unsupported", f"not a regular file but a {header.unusual}")
        return TarEntry(self._first, name, header.size, error)

    def _gap(self, message: str) -> TarEntry:
        return TarEntry(self._first, None, 0, ReadError("unreadable", message))

    def _take(self, size: int) -> bytes:
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        if len(data) < size:
            data += self._stream.read(size - len(data))
        self._position += len(data)
        return data

    def _skip(self, size: int) -> None:
        self._position += size
        ahead = min(size, len(self._ahead))
        self._ahead = self._ahead[ahead:]
        if size > ahead:
            self._stream.skip(size - ahead)
