"""Verdicts as rows of the table: numbers of rows become keys, numbers of identities names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.curate.kind import REASONS, STATUSES, VERDICTS
from jobs.curate.schema import EVIDENCE, LEAK, LEAKS
from jobs.curate.schema import VERDICTS as SCHEMA

# In the order of the numbers that the columns have.
_REASONS = (None, *REASONS)
_STATUSES = list(STATUSES)


@dataclass(frozen=True, eq=False)
class Leaks:
    """Faces of persons who are also among other vectors.

    Attributes:
        against: Where those vectors are.
        rows: Rows of the faces, int64 ``(k,)``, ascending.
        score: float32 ``(k,)``.
        keys: Key of the photo of the nearest other face, string ``(k,)``.
        face_index: Its number in that, int16 ``(k,)``.
    """

    against: str
    rows: NDArray[np.int64]
    score: NDArray[np.float32]
    keys: pa.Array
    face_index: NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class VerdictColumns:
    """Verdicts on all faces of a dataset.

    Attributes:
        keys: Keys of the photos, large_string ``(n,)``.
        face_index: int16 ``(n,)``.
        label: Number of the label, int32 ``(n,)``; -1 for none.
        identity: Number of the identity, int32 ``(n,)``; -1 for none.
        names: Names of labels and identities, by their numbers.
        verdict: Numbers in `jobs.curate.kind.VERDICTS`, int8 ``(n,)``.
        reason: 0, or the number in `jobs.curate.kind.REASONS` from 1; int8 ``(n,)``.
        score: float32 ``(n,)``; NaN where nothing was measured.
        evidence: Rows that speak for it, int64 ``(n, k)``; -1 where there are no more.
        leaks: What was found against other vectors.
    """

    keys: pa.Array
    face_index: NDArray[np.int16]
    label: NDArray[np.int32]
    identity: NDArray[np.int32]
    names: list[str]
    verdict: NDArray[np.int8]
    reason: NDArray[np.int8]
    score: NDArray[np.float32]
    evidence: NDArray[np.int64]
    leaks: Sequence[Leaks] = ()

    def __len__(self) -> int:
        return len(self.face_index)

    def table(self, start: int, stop: int) -> pa.Table:
        """Some of the verdicts as rows."""
        rows = slice(start, stop)
        names = pa.array(self.names, pa.string())
        words = {
            "key": self.keys[rows].cast(pa.string()),
            "face_index": pa.array(self.face_index[rows]),
            "label": _taken(names, self.label[rows]),
            "status": _statuses(self.verdict[rows], self.reason[rows]),
            "identity": _taken(names, self.identity[rows]),
            "verdict": _taken(pa.array(VERDICTS), self.verdict[rows]),
            "reason": _taken(pa.array(_REASONS, pa.string()), self.reason[rows]),
            "score": pa.array(self.score[rows], from_pandas=True),
            "evidence": self._evidence(rows),
            "leaks": self._leaks(start, stop),
        }
        return pa.table(words, schema=SCHEMA)

    def _evidence(self, rows: slice) -> pa.Array:
        evidence = self.evidence[rows]
        there = evidence >= 0
        flat = evidence[there]
        faces = pa.StructArray.from_arrays(
            [self.keys.take(pa.array(flat)).cast(pa.string()), pa.array(self.face_index[flat])],
            fields=list(EVIDENCE.value_type),
        )
        return _lists(there.sum(axis=1), faces, EVIDENCE)

    def _leaks(self, start: int, stop: int) -> pa.Array:
        """The leaks of some rows, in the order of the rows and of what they are against."""
        found = [(each, *np.searchsorted(each.rows, [start, stop])) for each in self.leaks]
        owners = np.concatenate(
            [np.empty(0, np.int64), *(each.rows[low:high] - start for each, low, high in found)]
        )
        structs = pa.concat_arrays(
            [pa.array([], LEAK), *(_leak(each, low, high) for each, low, high in found)]
        )
        order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=stop - start)
        return _lists(counts, structs.take(pa.array(order)), LEAKS)


def _leak(each: Leaks, low: int, high: int) -> pa.Array:
    columns = [
        pa.repeat(each.against, high - low),
        pa.array(each.score[low:high]),
        each.keys[low:high].cast(pa.string()),
        pa.array(each.face_index[low:high]),
    ]
    return pa.StructArray.from_arrays(columns, fields=list(LEAK))


def _lists(counts: NDArray[np.int64], values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Lists of so many values each, one after the other."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=kind)


def _taken(names: pa.Array, numbers: NDArray[np.integer]) -> pa.Array:
    """Names by their numbers, null for -1."""
    return names.take(pa.array(numbers.astype(np.int64), mask=numbers < 0))


def _statuses(verdict: NDArray[np.int8], reason: NDArray[np.int8]) -> pa.Array:
    places = np.array([[_place(v, r) for r in range(len(_REASONS))] for v in range(len(VERDICTS))])
    return pa.DictionaryArray.from_arrays(pa.array(places[verdict, reason], pa.int32()), _STATUSES)


def _place(verdict: int, reason: int) -> int:
    """Place of a status in their list; a verdict for no reason is as it is labelled."""
    return _STATUSES.index(f"{VERDICTS[verdict]} {_REASONS[reason]}" if reason else VERDICTS[0])
