import pyarrow as pa
import pytest

from jobs.messages.errors import UserError

pytest.importorskip("duckdb", reason="DuckDB is not installed")

from jobs.where import Where

_BOXES = [[0.0, 0.0, 10.0, 20.0], [5.0, 5.0, 50.0, 50.0]]
_ROWS = pa.table(
    {
        "box": pa.array(_BOXES, pa.list_(pa.float32(), 4)),
        "score": pa.array([0.9, None], pa.float32()),
        "label": ["Ann", "Bob"],
    }
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("box_width >= 40", [False, True]),
        ("box_height = 20", [True, False]),
        ("label in ('Ann') or score > .5", [True, False]),
        ("score > 0.5", [True, False]),  # what is not known is not true
        ("score > 0.5 -- surely", [True, False]),
        ("true", [True, True]),
    ],
)
def test_it_tells_of_each_row(expression: str, expected: list[bool]) -> None:
    assert Where(expression).mask(_ROWS).to_pylist() == expected


@pytest.mark.parametrize(
    "expression",
    [
        "sharpness > 3",
        "score >",
        "label > 3 + ",
        "true) from rows_; drop table x; select (true",
        "count(*) > 0",
        "exists (select 1 from read_text('/etc/passwd'))",
        "(select count(*) from '/etc/passwd') > 0",
        "getenv('HOME') = ''",
    ],
)
def test_what_cannot_be_evaluated_is_told_in_a_sentence(expression: str) -> None:
    with pytest.raises(UserError) as told:
        Where(expression).mask(_ROWS)
    assert "\n" not in str(told.value)


def test_rows_without_a_box_are_told_by_their_own_columns() -> None:
    assert Where("label = 'Bob'").mask(_ROWS.select(["label"])).to_pylist() == [False, True]
