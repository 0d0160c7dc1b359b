"""WebDataset samples: the photos in a run of files with one name, and the labels beside them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from jobs.storage.read_error import ReadError, over_limit

Labels: TypeAlias = dict[str, str]  # kind of side file -> label

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
    """Files whose names share all up to the first `.`, in order.

    A side file belongs to the photos of its own name, up to the last `.`: keys may have dots. Where
    a photo has none, one whose name is a beginning of its own is for it (`a.cls` for `a.left.jpg`),
    or, if it is called like the sample, any that is no other photo's (`a.meta.json` for `a.jpg`).
    Side files of one name that is no photo's are for all, where there are no others
    (`a.meta.json` for `a.left.jpg`).

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
    # Kind -> label that a file called like the sample gave before.
    _shared: dict[str, str] = field(default_factory=dict)
    _is_rest: bool = False

    def add(self, file: SampleFile) -> None:
        """Adds a file."""
        self._files.append(file)
        self._bytes += len(file.data) if isinstance(file.data, bytes) else 0

    def takes(self, stem: str | None, name: str | None) -> bool:
        """Whether the next file of the archive belongs to it and may be held in memory too.

        Files of one name stay together, as far as twice the memory goes.

        Args:
            stem: What the names of its sample share; None for a gap.
            name: Its name; None for a gap.
        """
        if stem != self.stem:
            return False
        goes_on = bool(self._files) and _stem(name) == _stem(self._files[-1].name)
        most = (2 if goes_on else 1) * (_MOST_BYTES if self.max_bytes is None else self.max_bytes)
        return len(self._files) < (2 if goes_on else 1) * _MOST_FILES and self._bytes <= most

    def rest(self) -> Sample:
        """An empty sample for the files of this one that it does not take any more."""
        labels, _ = self._labels(self._sides())
        shared = {**labels.get(self.stem or "", {}), **self._shared}
        return Sample(self.stem, self.label_field, self.max_bytes, _shared=shared, _is_rest=True)

    def items(self) -> Iterator[tuple[SampleFile, str | None]]:
        """Yields the files that are items, with the label that files beside them give.

        Files beside photos are not items, unless nothing can be learned from them because they
        cannot be read, or because none of the photos is theirs: no file vanishes.
        """
        sides = self._sides()
        labels, wrong = self._labels(sides)
        beside = {file.offset for file in sides}
        photos = {_stem(file.name) for file in self._files if file.offset not in beside}
        stems = {_stem(file.name) for file in sides}
        # The sample's, whatever it is called, or else of photos that are not here.
        is_alone = len(stems) == 1 and not (stems & photos or self._is_rest)
        alone = stems if is_alone else set()
        free = {stem: said for stem, said in labels.items() if stem not in photos - {self.stem}}
        for file in self._files:
            stem = _stem(file.name)
            if file.offset in wrong:
                yield SampleFile(file.name, file.offset, wrong[file.offset]), None
            elif file.offset not in beside:
                is_for_all = stem == self.stem or alone
                said = self._said_of(stem, labels, free if is_for_all else {})
                yield file, said.get("cls", said.get("json"))
            elif stem not in alone and self.stem not in photos and not _is_of(stem, photos):
                yield file, None

    def _sides(self) -> list[SampleFile]:
        sides = [file for file in self._files if _kind(file) is not None]
        return [] if len(sides) == len(self._files) else sides

    def _said_of(
        self, photo: str, labels: Mapping[str, Labels], free: Mapping[str, Labels]
    ) -> Labels:
        """What is said of a photo by its stem: by its own side files, else by shared ones."""
        if photo in labels:
            return labels[photo]
        begun = [stem for stem in labels if photo.startswith(f"{stem}.")]
        if begun:
            return labels[max(begun, key=len)]
        if free:  # the first of each kind counts
            return {
                kind: label for said in list(free.values())[::-1] for kind, label in said.items()
            }
        return self._shared

    def _labels(self, sides: list[SampleFile]) -> tuple[dict[str, Labels], dict[int, ReadError]]:
        """What side files of which stems say, and what is wrong with those at which offsets."""
        labels: dict[str, Labels] = {}
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
                    labels.setdefault(_stem(side.name), {}).setdefault(kind, label)
        return labels, wrong

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
        label = self._field(value) if isinstance(value, dict) else None
        if isinstance(label, bool) or not isinstance(label, (str, int, float)):
            return ""
        # JSON can spell halves of characters, which are no text.
        return str(label).encode(errors="replace").decode()

    def _field(self, value: Mapping[str, object]) -> object:
        """What is in the label's field, or else in the only one that is spelled otherwise."""
        wanted = self.label_field.strip().casefold()
        alike = [name for name in value if name.strip().casefold() == wanted]
        return value.get(alike[0] if len(alike) == 1 else self.label_field)


def _is_of(side: str, photos: Iterable[str]) -> bool:
    """Whether a side file is that of a photo, by their stems."""
    return any(photo == side or photo.startswith(f"{side}.") for photo in photos)


def _stem(name: str | None) -> str:
    """The name of a file up to its last `.`, with the folders before it."""
    folder, slash, last = (name or "").rpartition("/")
    return folder + slash + (last.rpartition(".")[0] or last)


def _kind(file: SampleFile) -> str | None:
    """Which kind of side file it is; None if it is an item."""
    if file.name is None:
        return None
    stem, dot, ending = file.name.rpartition("/")[2].rpartition(".")
    return ending.lower() if stem and dot and ending.lower() in _SIDES else None


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig").strip()
