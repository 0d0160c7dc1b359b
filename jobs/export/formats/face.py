"""A face that is exported, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from jobs.storage.storage import Storage

_PNG = b"\x89PNG"


@dataclass(frozen=True)
class Face:
    """A face that is exported.

    Attributes:
        key: Key of its photo.
        face_index: Its number in the photo.
        identity: Whose it is; None if nobody has said.
        class_id: Number of the class.
        class_name: Name of the class's folder.
        stem: Name of the file, without its ending.
        box: x1, y1, x2, y2 in pixels of the photo; None where that is not known.
        crop: Its file.
    """

    key: str
    face_index: int
    identity: str | None
    class_id: int
    class_name: str
    stem: str
    box: Sequence[float] | None
    crop: bytes

    @property
    def file_name(self) -> str:
        """What its file is called; the ending is what the crop is."""
        return self.stem + self.ending

    @property
    def ending(self) -> str:
        """The ending of its file, with the dot."""
        return ".png" if self.crop.startswith(_PNG) else ".jpg"


@dataclass(frozen=True)
class Batch:
    """Faces of one split that are written together.

    Attributes:
        split: Their split.
        number: Number of the batch in the split, six digits.
        faces: In order.
        classes: Names of all classes, by id, for formats that tell them.
    """

    split: str
    number: str
    faces: Sequence[Face]
    classes: Sequence[str] = ()


@dataclass(frozen=True)
class Packed:
    """A file that holds many faces.

    Attributes:
        path: Where it is below the output.
        bytes: Its size.
        sha256: Hexadecimal digest of all of it.
    """

    path: str
    bytes: int
    sha256: str


class Format(Protocol):
    """How faces become files.

    Attributes:
        is_numbered: Whether files are called by their class and a number.
        tells_classes: Whether each file holds the names of all classes.
        has_boxes: Whether the boxes of all faces of a split stand in a file of their own.
    """

    is_numbered: bool
    tells_classes: bool
    has_boxes: bool

    def folder(self, split: str) -> str:
        """The folder below the output that holds a split, and nothing else."""
        ...

    def place(self, batch: Batch, face: Face) -> str:
        """The path of the file that a face is in."""
        ...

    def write(self, storage: Storage, batch: Batch) -> Packed | None:
        """Publishes all files of a batch.

        Returns:
            The file that all of them are in; None if each has its own.
        """
        ...
