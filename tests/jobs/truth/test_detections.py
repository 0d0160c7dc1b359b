"""Detections in the form of submissions to WIDER FACE."""

from pathlib import Path

import pytest

from jobs.messages.errors import UserError
from jobs.truth.detections import read_detections


def write(folder: Path, text: str) -> None:
    (folder / "0--Parade").mkdir(exist_ok=True)
    (folder / "0--Parade" / "a.txt").write_text(text)


def test_boxes_and_scores(tmp_path: Path) -> None:
    write(tmp_path, "0--Parade/a.jpg\n2\n1.5 2 3 4 0.9\n5 6 7 8 -1.25 \n\n")
    (tmp_path / "1--Handshaking").mkdir()
    (tmp_path / "1--Handshaking" / "b.txt").write_text("b\n0\n")
    (tmp_path / "readme.txt").write_text("not an event")
    found = read_detections(str(tmp_path))
    assert list(found) == ["0--Parade/a.jpg", "1--Handshaking/b.jpg"]
    assert found["0--Parade/a.jpg"].boxes.tolist() == [[1.5, 2, 4.5, 6], [5, 6, 12, 14]]
    assert found["0--Parade/a.jpg"].scores.tolist() == [0.9, -1.25]
    assert len(found["1--Handshaking/b.jpg"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "incomplete"),
        ("a.jpg\n", "incomplete"),
        ("a.jpg\n2\n1 2 3 4 0.9\n", "incomplete"),
        ("a.jpg\n0\n1 2 3 4 0.9\n", "incomplete"),
        ("a.jpg\nmany\n1 2 3 4 0.9\n", "incomplete"),
        ("a.jpg\n1\n1 2 3 4\n", "other than five numbers"),
        ("a.jpg\n1\n1 2 3 4 high\n", "should be numbers"),
        ("a.jpg\n1\n1 2 3 4 inf\n", "not a finite number"),
        ("a.jpg\n1\n1 2 3 nan 1\n", "not a finite number"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, text)
    with pytest.raises(UserError, match=message):
        read_detections(str(tmp_path))


def test_a_folder_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        read_detections(str(tmp_path / "gone"))
    with pytest.raises(UserError, match="no detections"):
        read_detections(str(tmp_path))
