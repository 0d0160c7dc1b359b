"""`wider_face_val_bbx_gt.txt`."""

from pathlib import Path

import pytest

from jobs.messages.errors import UserError
from jobs.truth.wider_text import read_wider_text

FACE = "1 2 3 4 0 0 0 0 0 0"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "wider_face_val_bbx_gt.txt"


def test_faces_may_have_fractions_and_invalid_ones_do_not_count(file: Path) -> None:
    file.write_text("0--Parade/a.jpg\n2\n1.5 2 3 4 0 0 0 1 0 0 \n5 6 7.25 8 2 1 1 0 2 1\n")
    annotation = read_wider_text(file)["0--Parade/a.jpg"]
    assert annotation.boxes.tolist() == [[1.5, 2, 4.5, 6], [5, 6, 12.25, 14]]
    assert annotation.invalid.tolist() == [True, False]
    assert annotation.counted["all"].tolist() == [1]


@pytest.mark.parametrize("padding", ["", "0 0 0 0 0 0 0 0 0 0 \n", "0.0 0 0 0 0 0 0 0 0 0\n"])
def test_a_photo_without_a_face_may_have_a_line_of_zeros(file: Path, padding: str) -> None:
    file.write_text(f"a.jpg\n0\n{padding}b.jpg\n1\n{FACE}\n")
    truth = read_wider_text(file)
    assert [len(annotation.boxes) for annotation in truth.values()] == [0, 1]


def test_windows_line_ends_and_a_byte_order_mark(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa.jpg\r\n1\r\n" + FACE.encode() + b"\r\n")
    assert list(read_wider_text(file)) == ["a.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg\n", "line 2 of .* number of faces"),
        ("a.jpg\nb.jpg\n", "line 2 of .* number of faces"),
        ("a.jpg\n-1\n", "line 2 of .* number of faces"),
        (f"a.jpg\n2\n{FACE}\n", "ends in the middle of a photo"),
        (f"a.jpg\n{'9' * 5000}\n{FACE}\n", "ends in the middle of a photo"),
        ("a.jpg\n1\n1 2 3 4\n", "line 3 of .* should have 10 numbers"),
        (f"a.jpg\n1\n{FACE.replace('1', 'x')}\n", "line 3 of .* should be numbers"),
        (f"a.jpg\n1\n{FACE.replace('1', 'nan')}\n", "correct the faces of 'a.jpg'"),
        (f"a.jpg\n1\n{FACE}\na.jpg\n1\n{FACE}\n", "line 4 of .* once more"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        read_wider_text(file)


def test_what_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(UserError, match="not a text in UTF-8"):
        read_wider_text(file)
