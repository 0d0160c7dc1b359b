from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from jobs.engine.compact import compact
from jobs.engine.errors import UserError
from jobs.engine.storage import Storage
from jobs.engine.verify import verify
from tests.jobs.engine.outputs import finished_output

PART = "files/part-000-000000.parquet"
COMMIT = "_job/commits/000-000000.json"


def edit_commit(output: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads((output / COMMIT).read_text())
    edit(record)
    (output / COMMIT).write_text(json.dumps(record))


def flip_a_byte(output: Path) -> None:
    data = bytearray((output / PART).read_bytes())
    data[len(data) // 2] ^= 1
    (output / PART).write_bytes(data)


def cut_short(output: Path) -> None:
    (output / PART).write_bytes((output / PART).read_bytes()[:-1])


def set_rows(output: Path) -> None:
    edit_commit(output, lambda record: record["parts"]["lines"].update(rows=1))


def set_primary_rows(output: Path) -> None:
    edit_commit(output, lambda record: record["parts"]["files"].update(rows=15))


def set_members(output: Path) -> None:
    edit_commit(output, lambda record: record.update(members=15))


def set_statuses(output: Path) -> None:
    edit_commit(output, lambda record: record.update(statuses={"ok": 15}))


def add_part(output: Path) -> None:
    (output / "lines/part-000-000009.parquet").write_bytes(b"")


def add_commit(output: Path) -> None:
    (output / "_job/commits/007-000000.json").write_text((output / COMMIT).read_text())


def quarantine(output: Path) -> None:
    (output / COMMIT).unlink()
    (output / "_job/quarantine").mkdir()
    (output / "_job/quarantine/000-000000.json").write_text("{}")


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (lambda output: (output / PART).unlink(), f"{PART} is missing."),
    (cut_short, f"{PART} has 1[0-9]* bytes instead of 1"),
    (flip_a_byte, f"{PART} has other content than was committed"),
    (set_rows, r"lines/part-000-000000.parquet has \d+ rows instead of 1\."),
    (set_primary_rows, "Shard 000-000000 has 15 rows in 'files' for 16 members."),
    (set_members, "The commit of shard 000-000000 has 15 members, the plan 16."),
    (set_statuses, "The statuses of shard 000-000000 do not add up to its members."),
    (add_part, "lines/part-000-000009.parquet belongs to no commit."),
    (lambda output: (output / COMMIT).unlink(), "Shard 000-000000 is not done yet."),
    (quarantine, "Shard 000-000000 is in quarantine."),
    (add_commit, "Shard 007-000000 is committed but not planned."),
]


def test_undamaged_output_has_no_problems(tmp_path: Path) -> None:
    assert verify(str(finished_output(tmp_path))) == []


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES, ids=[text for _, text in DAMAGES])
def test_damage_is_found(tmp_path: Path, damage: Callable[[Path], None], sentence: str) -> None:
    output = finished_output(tmp_path)
    damage(output)
    problems = verify(str(output))
    assert any(re.match(sentence, problem) for problem in problems), problems


def test_damage_to_one_shard_is_one_problem(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    flip_a_byte(output)
    assert len(verify(str(output))) == 1


@pytest.fixture
def compacted(tmp_path: Path) -> Path:
    """An output of two shards that share their parts."""
    output = finished_output(tmp_path)
    compact(str(output))
    assert [path.name for path in (output / "files").iterdir()] == ["part-000-000000.parquet"]
    return output


def shift(output: Path) -> None:
    edit_commit(output, lambda record: record["parts"]["files"].update(first_row=1))


def set_digest(output: Path) -> None:
    edit_commit(output, lambda record: record["parts"]["files"].update(sha256="0"))


def revive_a_part(output: Path) -> None:
    (output / "files/part-000-000001.parquet").write_bytes((output / PART).read_bytes())


SHARED: list[tuple[Callable[[Path], None], str]] = [
    (shift, f"The commits that share {PART} leave out some of its rows or count them twice."),
    (set_digest, f"The commits that share {PART} disagree about its content."),
    (flip_a_byte, f"{PART} has other content than was committed"),
    (set_rows, r"The commits that share lines/part-000-000000.parquet leave out"),
    (revive_a_part, "files/part-000-000001.parquet belongs to no commit."),
]


@pytest.mark.parametrize(("damage", "sentence"), SHARED, ids=[text for _, text in SHARED])
def test_damage_to_a_shared_part_is_one_problem(
    compacted: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    damage(compacted)
    (problem,) = verify(str(compacted))
    assert re.match(sentence, problem)


@pytest.mark.parametrize(
    ("shard", "problem"),
    [
        ("000-000000", f"The commits that share {PART} leave out"),
        ("000-000001", f"{PART} has 20 rows instead of 16."),
    ],
)
def test_rows_of_a_shard_that_is_no_longer_committed(
    compacted: Path, shard: str, problem: str
) -> None:
    (compacted / f"_job/commits/{shard}.json").unlink()
    problems = verify(str(compacted))
    assert problems[0] == f"Shard {shard} is not done yet."
    assert any(each.startswith(problem) for each in problems), problems


class Counting(MemoryFileSystem):  # type: ignore[misc]
    """An object store that counts what is read of each file."""

    protocol = "counting"
    read: ClassVar[Counter[str]] = Counter()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("counting://", "memory://")))

    def cat_file(self, path: str, *arguments: Any, **keywords: Any) -> bytes:
        data: bytes = super().cat_file(path, *arguments, **keywords)
        self.read[path] += len(data)
        return data


def test_shared_part_is_hashed_once(compacted: Path) -> None:
    fsspec.register_implementation("counting", Counting, clobber=True)
    output = f"counting://{compacted.parent.name}"
    for path in filter(Path.is_file, compacted.rglob("*")):
        Storage(output).publish_bytes(path.read_bytes(), str(path.relative_to(compacted)))
    Counting.read.clear()
    assert verify(output) == []
    size = (compacted / PART).stat().st_size
    (read,) = (count for path, count in Counting.read.items() if path.endswith(PART))
    assert read <= 2 * size  # to hash it, and for its footer


def test_no_job_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no job in"):
        verify(str(tmp_path))
