"""Photos and faces looked for by name in the tables and the plan of an output."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.engine.erasing.columns import DIGEST, FACE, KEY, Naming
from jobs.engine.forgotten import Forgotten, Tombstone
from jobs.engine.ledger.heads import Heads
from jobs.engine.parts.stored import DamagedPartError
from jobs.engine.plans.plan import Plan
from jobs.storage.storage import Storage

_ROWS_AT_ONCE = 2**16
_FRAME = "#[0-9]+$"


@dataclass(frozen=True)
class Wanted:
    """What is to be forgotten.

    Attributes:
        keys: Keys of photos, or of files whose pictures are photos.
        face: Number of the one face of a single photo that is meant; None is all of them.
    """

    keys: tuple[str, ...] = ()
    face: int | None = None


@dataclass(frozen=True, order=True)
class Named:
    """Something that is to be forgotten, by the names that tombstones are made of.

    Attributes:
        key: Key of the photo, or of a file whose pictures are photos.
        sha256: Of its file, hexadecimal; empty where that is not known.
        frames: Whether `key` is that of a file, and all pictures in it are meant.
    """

    key: str
    sha256: str = ""
    frames: bool = False


@dataclass
class Met:
    """What an output has of what is wanted.

    Attributes:
        photos: Wanted keys that are those of photos.
        files: Wanted keys of files whose pictures are photos.
        faces: Wanted key -> numbers of its faces.
        digests: Wanted key -> SHA-256 of its file.
        planned: Wanted keys that are planned.
    """

    photos: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    faces: dict[str, set[int]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    planned: set[str] = field(default_factory=set)


def met(storage: Storage, heads: Heads, plan: Plan, keys: Collection[str]) -> Met:
    """Looks for keys; each table with names is read once, in few columns.

    An archive is no photo: its key is only met as long as nothing of it is committed, since it
    might be a file of pictures.

    Raises:
        UserError: A part or a file of the plan cannot be read.
    """
    found, wanted = Met(), pa.array(sorted(keys), pa.string())
    for batch in _named_rows(storage, heads, (KEY, FACE, DIGEST)):
        key = batch.column(KEY)
        is_photo = pc.is_in(key, value_set=wanted)
        bare = pc.replace_substring_regex(key, pattern=_FRAME, replacement="")
        is_frame = pc.and_not(pc.is_in(bare, value_set=wanted), is_photo)
        found.photos.update(key.filter(is_photo).to_pylist())
        found.files.update(bare.filter(is_frame).to_pylist())
        for name, into in ((FACE, found.faces), (DIGEST, found.digests)):
            if name in batch.schema.names:
                _take(batch, name, is_photo, into)
        if DIGEST in batch.schema.names:
            some = zip(bare.filter(is_frame), batch.column(DIGEST).filter(is_frame), strict=True)
            for file, sha256 in some:
                found.digests.setdefault(file.as_py(), sha256.as_py() or "")
    for planned in plan.planned():
        for member in planned.members:
            if member.key in keys and not (member.is_container and heads.has(planned.shard)):
                found.planned.add(member.key)
                if member.is_container:
                    found.files.add(member.key)
    found.files -= found.photos
    return found


def copies(storage: Storage, heads: Heads, names: Collection[Named]) -> set[Named]:
    """Photos with the bytes of some others, and another key.

    Args:
        storage: The output.
        heads: What is committed.
        names: Those others.
    """
    known = Forgotten()
    known.add(known.tombstone(each.key, each.sha256, None, each.frames) for each in names)
    digests = pa.array(sorted({each.sha256 for each in names if each.sha256}), pa.string())
    found: set[Named] = set()
    if not len(digests):
        return found
    for batch in _named_rows(storage, heads, (KEY, DIGEST)):
        if DIGEST in batch.schema.names:
            same = batch.filter(pc.is_in(batch.column(DIGEST), value_set=digests))
            rows = zip(same.column(KEY).to_pylist(), same.column(DIGEST).to_pylist(), strict=True)
            for key, sha256 in rows:
                if known.has_file(key, sha256) and not known.has_photo(key):
                    found.add(Named(key, sha256))
    return found


def tombstones(forgotten: Forgotten, names: Collection[Named], face: int | None) -> list[Tombstone]:
    """The tombstones of what has none yet, in an order that tells nothing."""
    new = [
        forgotten.tombstone(each.key, each.sha256 or None, face, each.frames)
        for each in names
        if not (
            forgotten.has_photo(each.key) if face is None else forgotten.has_face(each.key, face)
        )
    ]
    return sorted(new, key=lambda stone: stone.key)


def _take(
    batch: pa.RecordBatch, name: str, rows: pa.Array, into: dict[str, set[int]] | dict[str, str]
) -> None:
    values = batch.column(name).filter(rows).to_pylist()
    for key, value in zip(batch.column(KEY).filter(rows).to_pylist(), values, strict=True):
        if isinstance(value, int):
            into.setdefault(key, set()).add(value)  # type: ignore[arg-type,union-attr]
        elif value:
            into[key] = value


def _named_rows(
    storage: Storage, heads: Heads, columns: Collection[str]
) -> Iterator[pa.RecordBatch]:
    """The rows of all tables that name photos, with those of some columns that they have."""
    for path in dict.fromkeys(heads.paths().to_pylist()):
        try:
            with storage.open(path) as stream, pq.ParquetFile(stream) as file:
                naming = Naming.of(file.schema_arrow)
                if naming.has_key:
                    some = [name for name in naming.columns if name in columns]
                    yield from file.iter_batches(_ROWS_AT_ONCE, columns=some, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise DamagedPartError(path) from error
