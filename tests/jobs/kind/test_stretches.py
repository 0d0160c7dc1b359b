from __future__ import annotations

import pyarrow as pa
import pytest

from jobs.kind.stretches import StagedRow, stretches
from jobs.members import Member

_ONE, _OTHER = (pa.RecordBatch.from_pydict({"n": list(range(9))}) for _ in range(2))


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], []),
        ([(_ONE, 0)], [(0, 1)]),
        ([(_ONE, 2), (_ONE, 3), (_ONE, 4)], [(2, 3)]),
        ([(_ONE, 2), (_ONE, 4), (_ONE, 5)], [(2, 1), (4, 2)]),  # one was left out
        ([(_ONE, 2), (_OTHER, 3)], [(2, 1), (3, 1)]),  # equal rows that are others
    ],
)
def test_rows_that_follow_one_another_are_one_stretch(
    items: list[tuple[pa.RecordBatch, int]], expected: list[tuple[int, int]]
) -> None:
    member = Member("key", "uri", None, "1", None)
    found = stretches(StagedRow(member, rows, index) for rows, index in items)
    assert [(first.index, count) for first, count in found] == expected
