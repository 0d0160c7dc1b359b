"""The files of an export as its table `files` has them: what should be there, and what is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from jobs.dataset import Dataset
from jobs.engine.ledger.heads import Heads
from jobs.export.formats.face import Format
from jobs.messages.errors import OutputError
from jobs.storage.digest import digest
from jobs.storage.storage import Storage

_COLUMNS = ["path", "bytes", "sha256", "file_bytes", "file_sha256", "split", "box"]
# Calls to remote storage at a time.
_THREADS = 16
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class File:
    """A file that should be there.

    Attributes:
        path: Where it is below the output.
        bytes: Its size.
        sha256: Hexadecimal digest of all of it.
    """

    path: str
    bytes: int
    sha256: str


class Written:
    """What an export has written, as it was committed when it was opened.

    Args:
        storage: The output.
        heads: Its committed shards.
        format_: Its format.
        folders: The folders that are recorded as its own.
    """

    def __init__(
        self, storage: Storage, heads: Heads, format_: Format, folders: Sequence[str]
    ) -> None:
        """Reads nothing yet."""
        self._storage = storage
        self._heads = heads
        self._format = format_
        self._recorded = folders

    @cached_property
    def folders(self) -> list[str]:
        """The folders that are its own, sorted: those of splits that have no face any more too."""
        splits = pc.unique(self._rows["split"].cast(pa.string())).drop_null().to_pylist()
        return sorted({*self._recorded, *map(self._format.folder, splits)})

    @cached_property
    def files(self) -> dict[str, File]:
        """Path -> each file that faces are in, and each with boxes."""
        found: dict[str, File] = {}
        for batch in self._rows.to_batches():
            columns = (batch.column(name).to_pylist() for name in _COLUMNS[:5])
            for path, size, sha256, file_size, file_sha256 in zip(*columns, strict=True):
                if path is not None and path not in found:
                    if file_sha256 is not None:
                        size, sha256 = file_size, file_sha256
                    found[path] = File(path, size, sha256)
        for path, data in self.boxes():
            found[path] = File(path, len(data), hashlib.sha256(data).hexdigest())
        return found

    def boxes(self) -> Iterator[tuple[str, bytes]]:
        """Yields the file of boxes of each split: its path, and a line a face.

        Lines are "path x1 y1 x2 y2" in whole pixels of the photo, as davidsandberg's
        `align_dataset_mtcnn` writes them.
        """
        if not self._format.has_boxes:
            return
        lines: dict[str, list[str]] = {}
        for batch in self._rows.to_batches():
            columns = (batch.column(name).to_pylist() for name in ("path", "split", "box"))
            for path, split, box in zip(*columns, strict=True):
                if path is not None and box is not None:
                    sides = " ".join(str(int(side)) for side in box)
                    lines.setdefault(split, []).append(f"{path} {sides}\n")
        for split, some in lines.items():
            yield f"{split}/bounding_boxes_00000.txt", "".join(some).encode()

    def strays(self) -> list[str]:
        """Files in the folders of the export that are no face's, half-written ones among them."""
        return [path for path in self._listed if path not in self.files]

    @property
    def is_right(self) -> bool:
        """Whether all is there, and nothing else, as listings tell."""
        return not (self.strays() or self.wrong_boxes() or self.lost())

    def wrong_boxes(self) -> dict[str, bytes]:
        """Path -> content of the files of boxes that are missing or others, as listings tell."""
        return {
            path: data
            for path, data in self.boxes()
            if self._listed.get(path, -1) not in (None, len(data))
            or self._wrong(self.files[path]) != ""
        }

    def lost(self) -> list[str]:
        """Parts of `files` with rows of files that are missing, or have not their size."""
        wrong = [
            path
            for path, file in self.files.items()
            if self._listed.get(path, -1) not in (None, file.bytes)
        ]
        if not wrong:
            return []
        is_wrong = pc.is_in(self._rows["path"], value_set=pa.array(wrong, pa.string()))
        found = set()
        start = 0
        for _, part in self._heads.parts("files"):
            if pc.any(is_wrong.slice(start, part.rows)).as_py():
                found.add(part.path)
            start += part.rows
        return sorted(found)

    def problems(self) -> list[str]:
        """What is wrong with the files, a sentence each."""
        found = [said for said in self._each(self.files.values()) if said]
        return found + [f"{path} belongs to no face; run the job again." for path in self.strays()]

    def _each(self, files: Iterable[File]) -> Iterator[str]:
        if self._storage.local:
            yield from map(self._wrong, files)
            return
        files = iter(files)
        with ThreadPoolExecutor(_THREADS) as threads:
            while some := list(islice(files, _AT_ONCE)):
                yield from threads.map(self._wrong, some)

    def _wrong(self, file: File) -> str:
        try:
            with self._storage.open(file.path) as stream:
                sha256, _ = digest(stream)
        except FileNotFoundError:
            return f"{file.path} is missing; run the job again, which makes it anew."
        except (OSError, OutputError) as error:
            return f"{file.path} cannot be read ({type(error).__name__})."
        if sha256 != file.sha256:
            return f"{file.path} is not as it was written; delete it and run the job again."
        return ""

    @cached_property
    def _rows(self) -> pa.Table:
        dataset = Dataset(self._storage, self._heads)
        if "files" in dataset.parts:
            return dataset.read("files", _COLUMNS)
        return pa.table({name: pa.array([], pa.string()) for name in _COLUMNS})

    @cached_property
    def _listed(self) -> dict[str, int | None]:
        """Path -> size of each file that lies in the folders, None where that is not told."""
        found: dict[str, int | None] = {}
        for above in self.folders:
            for folder in (above, *(f"{above}/{name}" for name in self._storage.folders(above))):
                sizes = self._storage.sizes(folder)
                found |= {f"{folder}/{name}": size for name, size in sizes.items()}
                found |= dict.fromkeys(self._storage.leftovers(folder), -1)
        return found
