"""Verdicts of one's own, which come before all others."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.curate.faces import Vectors
from jobs.curate.kind import VERDICTS
from jobs.messages.errors import UserError
from jobs.storage.place import Place

_COLUMNS = ("key", "face_index", "verdict", "identity")
_NEEDED = ("key", "verdict")
_EXAMPLES = 3
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class OwnVerdict:
    """A line of a file of verdicts.

    Attributes:
        line: Its number in the file, from 1.
        key: Key of the photo.
        face_index: Which of its faces; None is every one.
        verdict: One of keep, drop, move, merge.
        identity: The label that the face is to bear; None is that of the photo.
    """

    line: int
    key: str
    face_index: int | None
    verdict: str
    identity: str | None


@dataclass(frozen=True, eq=False)
class OwnRows:
    """Verdicts of one's own on rows of a dataset.

    Attributes:
        rows: int64 ``(k,)``, ascending.
        verdicts: Number of the verdict of each, as in `jobs.curate.kind.VERDICTS`, int8 ``(k,)``.
        identities: The label that each is to bear; None is that of the photo.
    """

    rows: NDArray[np.int64]
    verdicts: NDArray[np.int8]
    identities: list[str | None]

    @classmethod
    def none(cls) -> OwnRows:
        """No verdicts."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int8), [])


def read_own(address: str, options: Mapping[str, Any]) -> list[OwnVerdict]:
    """Reads a CSV with the columns `key`, `verdict`, and if wanted `face_index` and `identity`.

    Args:
        address: Path or fsspec URL.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: It is not there, not in UTF-8, or something is wrong in it.
    """
    with Place.of(address, options, _TIMEOUT_S).open() as file:
        data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"'{address}' is not a text in UTF-8: save it as one") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _check_columns(address, reader.fieldnames or ())
        return [_verdict(address, reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise UserError(f"'{address}' is no CSV ({error}): correct it") from None


def _check_columns(address: str, names: Iterable[str]) -> None:
    unknown = [name for name in names if name not in _COLUMNS]
    missing = [name for name in _NEEDED if name not in names]
    if unknown or missing:
        what = f"a column '{unknown[0]}'" if unknown else f"no column '{missing[0]}'"
        raise UserError(
            f"'{address}' has {what}: give it key and verdict, and if wanted face_index and "
            "identity"
        )


def _verdict(address: str, line: int, row: Mapping[str, Any]) -> OwnVerdict:
    where = f"line {line} of '{address}'"
    if None in row or None in row.values():
        raise UserError(f"{where} has another number of cells than the first: correct it")
    cells = {name: str(value).strip() for name, value in row.items() if name != "key"}
    key, verdict = str(row["key"]), cells["verdict"]
    index, identity = cells.get("face_index", ""), cells.get("identity", "") or None
    if verdict not in VERDICTS:
        raise UserError(f"{where} has the verdict '{verdict}': give one of {', '.join(VERDICTS)}")
    if index and not (index.isascii() and index.isdecimal() and len(index) < 6):
        raise UserError(f"{where} has the face_index '{index}': give a whole number, or none")
    if verdict in ("move", "merge") and identity is None:
        raise UserError(f"{where} says {verdict} and not where to: give it an identity")
    if verdict == "drop" and identity is not None:
        raise UserError(f"{where} says drop and has an identity: leave that empty")
    return OwnVerdict(line, key, int(index) if index else None, verdict, identity)


def rows_of(address: str, own: list[OwnVerdict], vectors: Vectors) -> OwnRows:
    """Finds the rows that verdicts are on.

    One on a single face comes before one on every face of its photo; of equals the later line.

    Raises:
        UserError: There is no such face.
    """
    keys = pa.array(sorted({each.key for each in own}), pa.large_string())
    found = np.flatnonzero(np.asarray(pc.is_in(vectors.keys, value_set=keys)))
    by_photo: dict[str, dict[int, int]] = {}
    names = vectors.keys.take(pa.array(found)).to_pylist()
    for key, row in zip(names, found.tolist(), strict=True):
        by_photo.setdefault(key, {})[int(vectors.face_index[row])] = row
    _check_known(address, own, by_photo)
    chosen: dict[int, OwnVerdict] = {}
    for each in sorted(own, key=lambda each: each.face_index is not None):
        faces = by_photo[each.key]
        rows = faces.values() if each.face_index is None else [faces[each.face_index]]
        chosen.update(dict.fromkeys(rows, each))
    rows = sorted(chosen)
    numbers = [VERDICTS.index(chosen[row].verdict) for row in rows]
    return OwnRows(
        np.array(rows, np.int64),
        np.array(numbers, np.int8),
        [chosen[row].identity for row in rows],
    )


def _check_known(
    address: str, own: list[OwnVerdict], by_photo: Mapping[str, Mapping[int, int]]
) -> None:
    unknown = [
        each.key if each.face_index is None else f"{each.key}#{each.face_index}"
        for each in own
        if each.key not in by_photo
        or (each.face_index is not None and each.face_index not in by_photo[each.key])
    ]
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown[:_EXAMPLES])
        raise UserError(
            f"'{address}' has verdicts on faces that are not in the dataset ({len(unknown):,}, "
            f"such as {names}): correct or remove those lines"
        )
