from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.engine.commit import committed, read_commits
from jobs.engine.errors import OutputError, UserError
from jobs.engine.exchange.exchange import EXCHANGE, Exchange, finish_exchange
from jobs.engine.exchange.journal import change_under_way
from jobs.engine.files.storage import Storage
from jobs.engine.shards import ShardReport
from tests.jobs.engine.outputs import finished_output, part_digests, plan_folder, start_worker
from tests.jobs.engine.stand_in import ChecksumJob

SHARD = "000-000000"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return finished_output(tmp_path, 10)


@pytest.fixture
def exchange(output: Path, tmp_path: Path) -> Exchange:
    """What replaces both parts of its only shard by others, which lie beside them."""
    other = tmp_path / "other"
    (tmp_path / "in" / "00003.txt").write_bytes(b"other\ncontent\n")
    [spec] = plan_folder(other, tmp_path / "in").shards()
    report = start_worker(other, ChecksumJob()).run(spec)
    assert isinstance(report, ShardReport)
    files = {}
    for name, part in report.parts.items():
        (output / "aside").mkdir(exist_ok=True)
        os.replace(other / part.path, output / "aside" / name)
        files[part.path] = replace(part, path=f"aside/{name}")
    return Exchange(files, [report])


def test_parts_and_commit_are_replaced(output: Path, exchange: Exchange) -> None:
    storage = Storage(str(output))
    before = part_digests(output)
    exchange.carry_out(storage)
    after = part_digests(output)
    assert after.keys() == before.keys() and not set(after.values()) & set(before.values())
    assert list(read_commits(storage, [SHARD])) == list(exchange.commits)
    assert change_under_way(storage) is None


def test_without_commit_as_long_as_a_part_cannot_be_replaced(
    output: Path, exchange: Exchange
) -> None:
    storage = Storage(str(output))
    lines = output / f"lines/part-{SHARD}.parquet"
    lines.unlink()
    lines.mkdir()
    with pytest.raises(OutputError):
        exchange.carry_out(storage)
    assert committed(storage) == set()
    assert change_under_way(storage)
    lines.rmdir()
    finish_exchange(storage)
    assert committed(storage) == {SHARD}


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_what_was_damaged_takes_no_place(output: Path, exchange: Exchange, damage: object) -> None:
    storage = Storage(str(output))
    before = part_digests(output)
    damage(output / "aside/files")  # type: ignore[operator]
    sentence = rf"'aside/files' was damaged .* delete {EXCHANGE} and run the job again"
    for _ in range(2):
        with pytest.raises(UserError, match=sentence):
            exchange.carry_out(storage)
        path = f"files/part-{SHARD}.parquet"
        assert part_digests(output)[path] == before[path]
        assert committed(storage) == set()


def test_nothing_to_finish_changes_nothing(output: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    finish_exchange(Storage(str(output)))
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_damaged_record_is_one_sentence(output: Path) -> None:
    (output / EXCHANGE).write_bytes(b"")
    with pytest.raises(UserError, match=rf"'{EXCHANGE}' is damaged \(it is empty\); restore it"):
        finish_exchange(Storage(str(output)))
