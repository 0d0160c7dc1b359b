"""WebDataset samples: the photos in a run of files with one name, and the label they share."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from jobs.storage.read_error import ReadError, over_limit

# Files that say something of the photos beside them.
_SIDES = frozenset({"cls", "json", "txt"})
_MOST_FILES = 64
# Held where there is no limit for single files.
_MOST_BYTES = 64 << 20
# Parsed, JSON takes 25 times as much. A label is in the row of every photo of its sample.
_LARGEST_SIDE = 4 << 20
_LONGEST_LABEL = 1 << 16


@dataclass(frozen=True)
class SampleFile:
    """A file of a sample.

    Attributes:
        name: In the archive; None for a gap.
        offset: In the archive.
        data: Its bytes, or why there are none.
    """

    name: str | None
    offset: int
    data: bytes | ReadError


@dataclass
class Sample:
    """Files of one sample, in order.

    Attributes:
        stem: What their names share; None for a gap.
        label_field: Field of a JSON file beside the photos that holds their label.
        max_bytes: Most bytes of a single file; None does not limit them.
    """

    stem: str | None
    label_field: str
    max_bytes: int | None
    _files: list[SampleFile] = field(default_factory=list)
    _bytes: int = 0

    def add(self, file: SampleFile) -> None:
        """Adds a file."""
        self._files.append(file)
        self._bytes += len(file.data) if isinstance(file.data, bytes) else 0

    @property
    def is_full(self) -> bool:
        """Whether no more may be held in memory."""
        most = _MOST_BYTES if self.max_bytes is None else self.max_bytes
        return len(self._files) >= _MOST_FILES or self._bytes > most

    def items(self) -> Iterator[tuple[SampleFile, str | None]]:
        """Yields the files that are items, with the label that files beside them give.

        Files beside photos are not items, unless nothing can be learned from them because they
        cannot be read. Without a photo all are items: no file vanishes.
        """
        sides = [file for file in self._files if _kind(file) is not None]
        if len(sides) == len(self._files):
            sides = []
        label, wrong = self._label(sides)
        swallowed = {file.offset for file in sides}
        for file in self._files:
            if file.offset in wrong:
                yield SampleFile(file.name, file.offset, wrong[file.offset]), None
            elif file.offset not in swallowed:
                yield file, label

    def _label(self, sides: list[SampleFile]) -> tuple[str | None, dict[int, ReadError]]:
        """The label that side files give, and what is wrong with those at which offsets."""
        labels: dict[str, str] = {}
        wrong: dict[int, ReadError] = {}
        for side in sides:
            kind = _kind(side)
            if isinstance(side.data, ReadError):
                wrong[side.offset] = side.data
            elif kind is not None and kind != "txt":  # a caption
                label = self._said(kind, side.data)
                if isinstance(label, ReadError):
                    wrong[side.offset] = label
                elif label:
                    labels.setdefault(kind, label)
        return labels.get("cls", labels.get("json")), wrong

    def _said(self, kind: str, data: bytes) -> str | ReadError:
        """The label that the content of a side file gives, empty if none, or what is wrong."""
        too_large = over_limit(len(data), _LARGEST_SIDE)
        if too_large is not None:
            return too_large
        label: str | None = None
        with contextlib.suppress(ValueError, RecursionError):
            label = self._json_label(data) if kind == "json" else _text(data)
        if label is None or len(label) > _LONGEST_LABEL:
            what = "JSON" if kind == "json" else "text"
            return ReadError("unsupported", f"the label is not valid {what}")
        return label

    def _json_label(self, data: bytes) -> str:
        value = json.loads(data)
        label = value.get(self.label_field) if isinstance(value, dict) else None
        if isinstance(label, bool) or not isinstance(label, (str, int, float)):
            return ""
        # JSON can spell halves of characters, which are no text.
        return str(label).encode(errors="replace").decode()


def _kind(file: SampleFile) -> str | None:
    """Which kind of side file it is; None if it is an item."""
    if file.name is None:
        return None
    stem, dot, ending = file.name.rpartition("/")[2].rpartition(".")
    return ending.lower() if stem and dot and ending.lower() in _SIDES else None


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig").strip()
