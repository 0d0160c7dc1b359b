"""Verdicts as rows of the table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from jobs.curate.kind import REASONS, STATUSES
from jobs.curate.kind import VERDICTS as WORDS
from jobs.curate.schema import VERDICTS
from jobs.curate.verdict_rows import Leaks, VerdictColumns
from mtcnn_core.curation.verdicts import Reason, Verdict

_ = -1


@pytest.fixture
def columns() -> VerdictColumns:
    leaks = [
        Leaks(
            "one",
            np.array([1, 2]),
            np.array([0.5, 0.25], np.float32),
            pa.array(["x", "y"]),
            np.array([0, 3], np.int16),
        ),
        Leaks("two", np.array([1]), np.ones(1, np.float32), pa.array(["z"]), np.zeros(1, np.int16)),
    ]
    return VerdictColumns(
        keys=pa.array(["a", "b", "b", "c"], pa.large_string()),
        face_index=np.array([0, 0, 1, 0], np.int16),
        label=np.array([0, 1, 1, _], np.int32),
        identity=np.array([0, 0, _, 2], np.int32),
        names=["anna", "mia", "unnamed"],
        verdict=np.array([0, 2, 1, 0], np.int8),
        reason=np.array([0, 2, 6, 7], np.int8),
        score=np.array([0.5, 0.25, np.nan, np.nan], np.float32),
        evidence=np.array([[1, 3], [0, _], [_, _], [_, _]]),
        leaks=leaks,
    )


def test_words_are_those_of_the_core_and_one_more() -> None:
    assert tuple(verdict.name for verdict in Verdict) == WORDS
    assert list(REASONS) == [*(reason.name for reason in list(Reason)[1:]), "own"]


def test_numbers_become_words(columns: VerdictColumns) -> None:
    table = columns.table(0, 4)
    assert table.schema.equals(VERDICTS)
    assert table["status"].to_pylist() == [
        "keep",
        "move not_like_identity",
        "drop quality",
        "keep own",
    ]
    assert set(table["status"].to_pylist()) <= STATUSES.keys()
    assert table["label"].to_pylist() == ["anna", "mia", "mia", None]
    assert table["identity"].to_pylist() == ["anna", "anna", None, "unnamed"]
    assert table["reason"].to_pylist() == [None, "not_like_identity", "quality", "own"]
    assert table["score"].to_pylist() == [0.5, 0.25, None, None]


def test_evidence_is_named_across_shards(columns: VerdictColumns) -> None:
    evidence = columns.table(0, 2)["evidence"].to_pylist()
    assert evidence[0] == [{"key": "b", "face_index": 0}, {"key": "c", "face_index": 0}]
    assert evidence[1] == [{"key": "a", "face_index": 0}]


def test_leaks_stand_in_their_rows_in_the_order_of_what_they_are_against(
    columns: VerdictColumns,
) -> None:
    found = [row["against"] for row in columns.table(1, 2)["leaks"].to_pylist()[0]]
    assert found == ["one", "two"]
    assert columns.table(2, 4)["leaks"].to_pylist() == [
        [{"against": "one", "score": 0.25, "key": "y", "face_index": 3}],
        [],
    ]


def test_rows_do_not_depend_on_where_they_are_cut(columns: VerdictColumns) -> None:
    parts = [columns.table(start, start + 1) for start in range(4)]
    assert pa.concat_tables(parts).to_pylist() == columns.table(0, 4).to_pylist()
