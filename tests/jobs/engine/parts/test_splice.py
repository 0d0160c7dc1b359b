from __future__ import annotations

from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine.parts.splice import Choice, NewRows, Stretch, splice
from jobs.engine.parts.stored import StoredRows
from jobs.messages.errors import JobError

SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("kind", pa.dictionary(pa.int8(), pa.string())),
    ]
)


def batch(names: list[str], kind: str = "a") -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"name": names, "kind": [kind] * len(names)}, SCHEMA)


def chosen(keys: str, again: str, found: str) -> tuple[str, list[Stretch]]:
    """Of the items found, those that are wanted; each key is a letter."""
    choice = Choice(list(keys), [key in again for key in keys])
    wanted = "".join(key for key in found if choice.wants(key))
    assert choice.wanted == len(wanted)
    return wanted, choice.stretches()


def test_only_rows_to_be_replaced_are_wanted() -> None:
    assert chosen("abcdef", "bcf", "abcdef") == (
        "bcf",
        [
            Stretch(False, 0, 1),
            Stretch(True, 0, 2),
            Stretch(False, 3, 2),
            Stretch(True, 2, 1),
        ],
    )


def test_what_was_cut_off_is_wanted_now() -> None:
    # z stood for all that could not be read.
    assert chosen("abz", "z", "abcd") == ("cd", [Stretch(False, 0, 2), Stretch(True, 0, 2)])


def test_item_that_was_not_there_is_wanted() -> None:
    wanted, stretches = chosen("abc", "b", "aXbc")
    assert wanted == "Xb"
    assert stretches == [Stretch(False, 0, 1), Stretch(True, 0, 2), Stretch(False, 2, 1)]


def test_keys_that_repeat_are_told_by_their_place() -> None:
    choice = Choice(["a", "a", "a"], [False, True, False])
    assert [choice.wants("a") for _ in range(3)] == [False, True, False]


def test_failure_that_is_gone_leaves_no_row() -> None:
    assert chosen("abc", "bc", "a") == ("", [Stretch(False, 0, 1)])


@pytest.mark.parametrize("found", ["a", "ab", ""])
def test_row_that_is_to_stay_must_be_found(found: str) -> None:
    with pytest.raises(JobError, match="is not found again, so the rows of its shard stay"):
        chosen("abc", "b", found)


def test_spliced_rows_are_those_of_all_items_in_their_order(rng: np.random.Generator) -> None:
    items = 50
    again = rng.random(items) < 0.3
    before, after = rng.integers(0, 4, (2, items)).tolist()
    rows = [[f"{item} old {n}" for n in range(before[item])] for item in range(items)]
    fresh = [[f"{item} new {n}" for n in range(after[item])] for item in range(items)]
    expected = list(chain.from_iterable(fresh[i] if again[i] else rows[i] for i in range(items)))
    table = pa.Table.from_batches([batch(["other shard"] * 3 + list(chain(*rows)))])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=7)
    choice = Choice([str(item) for item in range(items)], again.tolist())
    with NewRows(SCHEMA) as new:
        for item in range(items):
            if choice.wants(str(item)) and fresh[item]:
                new.write(batch(fresh[item], kind=str(item)))
        old = StoredRows(pq.ParquetFile(sink.getvalue()), "part", SCHEMA)
        counts = [after[item] for item in range(items) if again[item]]
        spliced = pa.Table.from_batches(
            splice(choice.stretches(), old, 3, before, new, counts), SCHEMA
        )
    assert spliced.column("name").to_pylist() == expected
    assert spliced.column("kind").to_pylist() == [
        name.split()[0] if "new" in name else "a" for name in expected
    ]


def test_new_rows_come_in_any_portions() -> None:
    with NewRows(SCHEMA) as new:
        new.write(batch(["a", "b", "c"], "x"))
        new.write(batch([]))
        new.write(batch(["d", "e"], "y"))
        taken = [
            [name for part in new.take(count) for name in part.column("name").to_pylist()]
            for count in (1, 0, 3, 1)
        ]
    assert taken == [["a"], [], ["b", "c", "d"], ["e"]]
