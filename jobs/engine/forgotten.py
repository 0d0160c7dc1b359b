"""What was forgotten in an output: tombstones, which tell it when it is met and name nobody."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from jobs.engine.records import RecordError, create_record, parse_record, read_record
from jobs.members import Member
from jobs.storage.storage import Storage

FORGOTTEN = "_job/forgotten"
_SECRET = f"{FORGOTTEN}/secret.json"

_FIX = "restore it from a copy, or use another output"
_STONES = re.compile(r"tombstones-[0-9]+\.json")
_UNFINISHED = re.compile(r"unfinished-[0-9]+\.json")
_FRAME = re.compile(r"(.*)(#[0-9]+)", re.DOTALL)

# Of a photo that is to have no rows at all.
ALL: None = None


@dataclass(frozen=True)
class Tombstone:
    """Something that was forgotten; all texts are keyed hashes.

    Attributes:
        key: Hash of the photo's key.
        digest: Hash of the SHA-256 of its file and of which picture of it it is; None where those
            are not known.
        face: Number of the one face that is meant; None is all of the photo.
        frames: Whether `key` is that of a file, and all pictures in it are meant.
    """

    key: str
    digest: str | None = None
    face: int | None = None
    frames: bool = False


@dataclass(frozen=True)
class _Secret:
    """What the hashes of an output are keyed with, hexadecimal."""

    secret: str


@dataclass(frozen=True)
class _Stones:
    """The tombstones that one command has set."""

    tombstones: Sequence[Tombstone] = field(default_factory=list)


class Forgotten:
    """The tombstones of an output.

    Args:
        secret: What the hashes are keyed with; None is a new one.
        tombstones: What was forgotten.
    """

    def __init__(self, secret: bytes | None = None, tombstones: Iterable[Tombstone] = ()) -> None:
        self.secret = secret or secrets.token_bytes(32)
        self._keys: dict[str, set[int] | None] = {}
        self._digests: dict[str, set[int] | None] = {}
        self._files: set[str] = set()
        self.add(tombstones)

    @classmethod
    def read(cls, storage: Storage) -> Forgotten:
        """The tombstones of an output.

        Raises:
            RecordError: A record of them is damaged or missing.
        """
        names = storage.names(FORGOTTEN)
        if not any(map(_STONES.fullmatch, names)):
            return cls(_read_secret(storage) if _SECRET.rpartition("/")[2] in names else None)
        found = cls(_read_secret(storage))
        paths = [f"{FORGOTTEN}/{name}" for name in names if _STONES.fullmatch(name)]
        for path in paths:
            found.add(parse_record(storage.read_bytes(path), path, _Stones, _FIX).tombstones)
        return found

    def __bool__(self) -> bool:
        """Whether anything was forgotten."""
        return bool(self._keys)

    def __eq__(self, other: object) -> bool:
        """Whether the same was forgotten."""
        return isinstance(other, Forgotten) and self._keys == other._keys

    __hash__ = None  # type: ignore[assignment]  # it grows

    def add(self, tombstones: Iterable[Tombstone]) -> None:
        """Takes some more tombstones."""
        for stone in tombstones:
            _put(self._keys, stone.key, stone.face)
            if stone.digest:
                _put(self._digests, stone.digest, stone.face)
            if stone.frames:
                self._files.add(stone.key)

    def tombstone(
        self, key: str, sha256: str | None = None, face: int | None = None, frames: bool = False
    ) -> Tombstone:
        """The tombstone of a photo or a face."""
        found = self._digest(key, sha256) if sha256 else None
        return Tombstone(self._hash("key", key), found, face, frames)

    def has_photo(self, key: str) -> bool:
        """Whether all of a photo was forgotten, or of the file that it is a picture of."""
        if not self._keys:
            return False
        if self._keys.get(self._hash("key", key), ()) is ALL:
            return True
        frame = _FRAME.fullmatch(key) if self._files else None
        return bool(frame and self._hash("key", frame[1]) in self._files)

    def without(self, members: Iterable[Member]) -> Iterator[Member]:
        """Yields the members that were not forgotten."""
        return (member for member in members if not self.has_photo(member.key))

    def has_face(self, key: str, face: int) -> bool:
        """Whether a face was forgotten, or all of its photo."""
        return face in (self._keys.get(self._hash("key", key)) or ()) or self.has_photo(key)

    def has_item(self, name: str, of_faces: bool) -> bool:
        """Whether an item was forgotten.

        Args:
            name: The key of a photo; or of a face, `KEY#INDEX`.
            of_faces: Whether items are faces.
        """
        if not of_faces:
            return self.has_photo(name)
        key, _, face = name.rpartition("#")
        return self.has_face(key, int(face)) if key and face.isdecimal() else self.has_photo(name)

    def has_file(self, key: str, sha256: str | None) -> bool:
        """Whether all of a photo with these bytes was forgotten, under whatever key."""
        if sha256 is None or not self._digests:
            return False
        whole = self._digests.get(self._digest("", sha256), ())
        return whole is ALL or self._digests.get(self._digest(key, sha256), ()) is ALL

    def left_out(self, key: str, sha256: str | None) -> frozenset[int] | None:
        """Numbers of the faces of a photo that are to have no rows; `ALL` is the photo itself.

        Of a photo that has changed since a face of it was forgotten nobody knows which one that is:
        then it is all of the photo.

        Args:
            key: Key of the photo.
            sha256: Of its file, hexadecimal.
        """
        if self.has_photo(key) or self.has_file(key, sha256):
            return ALL
        of_digest = self._digests.get(self._digest(key, sha256), ()) if sha256 else ()
        of_key = self._keys.get(self._hash("key", key), ())
        return ALL if of_key and not of_digest else frozenset(of_digest or ())

    def mask(self, keys: Sequence[str], faces: Sequence[int] | None) -> npt.NDArray[np.bool_]:
        """Which rows are of something that was forgotten, shape `(rows,)`.

        Args:
            keys: Key of each row's photo.
            faces: Number of each row's face; None where rows are of photos.
        """
        photos: dict[str, tuple[bool, set[int]]] = {}
        for key in set(keys):
            some = self._keys.get(self._hash("key", key)) or set()
            if (whole := self.has_photo(key)) or (some and faces is not None):
                photos[key] = whole, some
        found = np.zeros(len(keys), np.bool_)
        if photos:
            for row, key in enumerate(keys):
                if key in photos:
                    whole, some = photos[key]
                    found[row] = whole or (faces is not None and faces[row] in some)
        return found

    def _digest(self, key: str, sha256: str) -> str:
        # All pictures of a file have its digest; which one it is stands at the end of the key.
        frame = _FRAME.fullmatch(key)
        return self._hash("sha256", sha256 + (frame[2] if frame else ""))

    def _hash(self, what: str, text: str) -> str:
        keyed = hashlib.blake2b(f"{what}\0{text}".encode(), digest_size=16, key=self.secret)
        return keyed.hexdigest()


@runtime_checkable
class Forgets(Protocol):
    """A processor that finds faces itself, and is to leave out those that were forgotten."""

    def forget(self, forgotten: Forgotten) -> None:
        """Takes note of what was forgotten in the output; called before any item is read."""
        ...


def begin_forgetting(
    storage: Storage, forgotten: Forgotten, tombstones: Sequence[Tombstone], epoch: int
) -> None:
    """Sets tombstones; from now on nothing of what they stand for comes into the output.

    Until :func:`end_forgetting` only forgetting goes on in the output.

    Args:
        storage: The output.
        forgotten: Has the secret that they are made with.
        tombstones: What is to be forgotten.
        epoch: Epoch of the driver.
    """
    create_record(storage, f"{FORGOTTEN}/unfinished-{epoch}.json", {"epoch": epoch})
    if not tombstones:
        return
    secret = {"secret": forgotten.secret.hex()}
    if not create_record(storage, _SECRET, secret):
        raise RecordError(_SECRET, "it is another one than was there", "run the same command again")
    stones = {"tombstones": [asdict(stone) for stone in tombstones]}
    create_record(storage, f"{FORGOTTEN}/tombstones-{epoch}.json", stones)


def is_forgetting(storage: Storage) -> bool:
    """Whether a forgetting is under way, or was stopped before its end."""
    return any(map(_UNFINISHED.fullmatch, storage.names(FORGOTTEN)))


def end_forgetting(storage: Storage) -> None:
    """Takes note that nothing of what has a tombstone is in the output any more."""
    names = filter(_UNFINISHED.fullmatch, storage.names(FORGOTTEN))
    storage.delete(*(f"{FORGOTTEN}/{name}" for name in names))


def is_of_forgotten(name: str) -> bool:
    """Whether a file in the folder of the tombstones is called as one there is."""
    known = f"{FORGOTTEN}/{name}" == _SECRET
    return known or bool(_STONES.fullmatch(name) or _UNFINISHED.fullmatch(name))


def pictures_of(key: str, keys: Iterable[str]) -> list[str]:
    """Those of some keys that are of pictures of the file with a key."""
    found = ((each, _FRAME.fullmatch(each)) for each in keys)
    return [each for each, frame in found if frame and frame[1] == key]


def _read_secret(storage: Storage) -> bytes:
    try:
        return bytes.fromhex(read_record(storage, _SECRET, _Secret, _FIX).secret)
    except (FileNotFoundError, ValueError) as error:
        raise RecordError(_SECRET, "it is missing or no secret", _FIX) from error


def _put(found: dict[str, set[int] | None], name: str, face: int | None) -> None:
    before = found.get(name, set())
    found[name] = ALL if face is None or before is ALL else before | {face}
