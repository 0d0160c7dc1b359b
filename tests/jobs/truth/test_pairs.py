"""Pairs of photos: tables, and the pairs.txt of Labeled Faces in the Wild."""

from pathlib import Path

import pytest

from jobs.messages.errors import UserError
from jobs.truth.pairs import read_pairs

ROWS = "a,b,same\nx.jpg,y.jpg,1\nx.jpg,z.jpg,0\ny.jpg, z.jpg,false\nz.jpg,w.jpg,True\n"
FOLD = "Ann_Li\t1\t2\nBo\t3\t40\nAnn_Li\t1\tBo\t2\nBo\t1\tAnn_Li\t2\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "pairs.csv"


@pytest.fixture
def lfw(tmp_path: Path) -> Path:
    return tmp_path / "pairs.txt"


def test_table(table: Path) -> None:
    table.write_text(ROWS)
    pairs = read_pairs(str(table))
    assert len(pairs) == 4
    assert pairs.a == ["x.jpg", "x.jpg", "y.jpg", "z.jpg"]
    assert pairs.b == ["y.jpg", "z.jpg", "z.jpg", "w.jpg"]
    assert pairs.same.tolist() == [True, False, False, True]
    assert pairs.folds is None


def test_table_with_folds(table: Path) -> None:
    table.write_text("fold,a,b,same\n1,x,y,1\n1,x,z,0\n2,y,z,0\n2,z,w,1\n")
    folds = read_pairs(str(table)).folds
    assert folds is not None
    assert folds.tolist() == [1, 1, 2, 2]


def test_lfw(lfw: Path) -> None:
    lfw.write_text("2\t2\n" + FOLD + FOLD)
    pairs = read_pairs(str(lfw))
    assert pairs.a[1:3] == ["Bo/Bo_0003.jpg", "Ann_Li/Ann_Li_0001.jpg"]
    assert pairs.b[1:3] == ["Bo/Bo_0040.jpg", "Bo/Bo_0002.jpg"]
    assert pairs.same.tolist() == [True, True, False, False] * 2
    assert pairs.folds is not None
    assert pairs.folds.tolist() == [0] * 4 + [1] * 4


def test_lfw_of_a_single_set_has_no_folds(lfw: Path) -> None:
    lfw.write_text("2\n" + FOLD)
    assert read_pairs(str(lfw)).folds is None


def test_the_shared_pairs_are_200(data_dir: Path) -> None:
    pairs = read_pairs(str(data_dir / "lfw_pairs" / "pairs.csv"))
    assert (len(pairs), int(pairs.same.sum())) == (200, 100)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ROWS.replace("same", "label"), "no column same"),
        (ROWS.replace("false", "maybe"), "'y.jpg, z.jpg, maybe' .* is no pair"),
        (ROWS.replace("w.jpg", ""), "is no pair"),
        (ROWS.replace("False", "1").replace("false", "1"), "two of different persons"),
        ("a,b,same\n", "two pairs"),
        (ROWS.replace("\n", ",1\n").replace("same,1", "same,fold"), "one fold"),
        ("a,b,same,fold\nx,y,1,1\nx,z,0,\ny,z,0,2\nz,w,1,2\n", "not every fold"),
    ],
)
def test_tables_that_are_not_as_they_should_be_are_refused(
    table: Path, text: str, message: str
) -> None:
    table.write_text(text)
    with pytest.raises(UserError, match=message):
        read_pairs(str(table))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with"),
        ("x.jpg y.jpg 1\n", "does not begin with"),
        ("2 2\n" + FOLD, "has 4 pairs where its first line says 8"),
        ("1 2\n" + FOLD.replace("Bo\t3\t40", "Bo\t3"), "is no pair"),
        ("1 2\n" + FOLD.replace("\t40", "\tx"), "is no pair"),
        ("2\n" + "Bo\t1\t2\n" * 4, "two of different persons"),
    ],
)
def test_lists_of_lfw_that_are_not_as_they_should_be_are_refused(
    lfw: Path, text: str, message: str
) -> None:
    lfw.write_text(text)
    with pytest.raises(UserError, match=message):
        read_pairs(str(lfw))


@pytest.mark.parametrize("name", ["gone.csv", "gone.txt"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="there is no file"):
        read_pairs(str(tmp_path / name))
