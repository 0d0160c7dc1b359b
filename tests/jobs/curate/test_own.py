"""Verdicts of one's own: the file, and the rows that they are on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.curate.faces import Vectors
from jobs.curate.own import read_own, rows_of
from jobs.messages.errors import UserError


def vectors(*names: str) -> Vectors:
    """Faces by the names of their rows."""
    count = len(names)
    parts = [name.rpartition("#") for name in names]
    return Vectors(
        pa.array([key for key, _, _ in parts], pa.large_string()),
        np.array([int(index) for _, _, index in parts], np.int16),
        pa.chunked_array([pa.nulls(count, pa.string())]),
        np.zeros((count, 2), np.float32),
        np.ones(count, np.bool_),
        np.zeros(count, np.float32),
        np.zeros((count, 4), np.uint64),
    )


def write(tmp_path: Path, text: str) -> str:
    file = tmp_path / "own.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("key,verdikt\na,keep\n", "a column 'verdikt'", id="unknown column"),
        pytest.param("key,identity\na,b\n", "no column 'verdict'", id="missing column"),
        pytest.param("", "no column 'key'", id="empty"),
        pytest.param("key,verdict\na,delete\n", "line 2 of .* 'delete': give one of", id="verdict"),
        pytest.param("key,verdict\na,move\n", "says move and not where to", id="move nowhere"),
        pytest.param("key,verdict,identity\na,drop,b\n", "leave that empty", id="drop somewhere"),
        pytest.param("key,face_index,verdict\na,-1,keep\n", "give a whole number", id="index"),
        pytest.param("key,verdict\na\n", "another number of cells", id="short line"),
        pytest.param("key,verdict\na,keep,b\n", "another number of cells", id="long line"),
        pytest.param('key,verdict\n"a,keep\n', "is no CSV", id="open quote"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_own(write(tmp_path, text), {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        read_own(str(tmp_path / "none.csv"), {})


def test_a_file_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    text = "\ufeffverdict,key,identity\r\nmove,  a b.jpg,Zoë \r\n"
    [own] = read_own(write(tmp_path, text), {})
    assert (own.key, own.face_index, own.verdict, own.identity) == (
        "  a b.jpg",
        None,
        "move",
        "Zoë",
    )


def test_a_verdict_without_a_face_is_on_every_face_of_the_photo(tmp_path: Path) -> None:
    own = read_own(write(tmp_path, "key,verdict\nb,drop\n"), {})
    assert rows_of("", own, vectors("a#0", "b#0", "b#1", "c#0")).rows.tolist() == [1, 2]


def test_a_single_face_comes_first_and_of_equals_the_later_line(tmp_path: Path) -> None:
    text = "key,face_index,verdict\nb,1,keep\nb,,drop\na,0,drop\na,0,keep\n"
    found = rows_of("", read_own(write(tmp_path, text), {}), vectors("a#0", "b#0", "b#1"))
    assert found.rows.tolist() == [0, 1, 2]
    assert found.verdicts.tolist() == [0, 1, 0]


@pytest.mark.parametrize("line", ["z,,keep", "a,1,keep"], ids=["photo", "face"])
def test_a_face_that_is_not_there_is_named(tmp_path: Path, line: str) -> None:
    own = read_own(write(tmp_path, f"key,face_index,verdict\n{line}\na,0,keep\n"), {})
    name = "z" if line.startswith("z") else "a#1"
    with pytest.raises(UserError, match=rf"not in the dataset \(1, such as '{name}'\)"):
        rows_of("own.csv", own, vectors("a#0"))
