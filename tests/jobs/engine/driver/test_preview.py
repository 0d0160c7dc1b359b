from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.engine.driver.preview import Preview, preview
from jobs.engine.identity import Identity
from jobs.engine.plans.growth import Growth
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.members import Member
from jobs.messages.errors import UserError
from tests.jobs.engine.outputs import IDENTITY, finished_output
from tests.jobs.engine.stand_in import list_folder, make_folder

SETTINGS = RunSettings(shards=ShardSizes(first=4, max_members=4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", 10)


def look(folder: Path, output: Path, *, store: bool = False) -> Preview:
    return preview(list_folder(folder), str(output), SETTINGS, IDENTITY, store=store)


def test_dry_run_counts_what_a_run_would_do(folder: Path, tmp_path: Path) -> None:
    found = look(folder, tmp_path / "out")
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert (found.growth, found.shards) == (Growth(10, 10), 3)
    assert (found.items, found.bytes) == (10, size)


def test_dry_run_writes_nothing(folder: Path, tmp_path: Path) -> None:
    look(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_stored_plan_is_what_the_dry_run_said(folder: Path, tmp_path: Path) -> None:
    dry = look(folder, tmp_path / "out")
    stored = look(folder, tmp_path / "out", store=True)
    assert replace(stored, examples=dry.examples) == dry
    assert len(list((tmp_path / "out/_job/plan").glob("*.json"))) == 1


def test_what_is_committed_is_not_to_be_done(tmp_path: Path) -> None:
    output = finished_output(tmp_path, members=20)
    make_folder(tmp_path / "in", 3, start=20)
    found = look(tmp_path / "in", output)
    assert (found.growth.members, found.shards, found.items) == (3, 1, 3)


def test_what_was_planned_before_and_is_not_done_counts(folder: Path, tmp_path: Path) -> None:
    look(folder, tmp_path / "out", store=True)
    make_folder(folder, 2, start=10)
    found = look(folder, tmp_path / "out")
    assert (found.growth.members, found.shards, found.items) == (2, 4, 12)


def test_items_of_containers_are_not_known(tmp_path: Path) -> None:
    container = Member("a.tar", "/in/a.tar", 1000, "v", None, items=None)
    found = preview([container], str(tmp_path / "out"), SETTINGS, IDENTITY, store=False)
    assert (found.items, found.bytes) == (None, 1000)


def test_examples_come_from_all_over_the_input(tmp_path: Path) -> None:
    members = [Member(f"{n:05d}", f"/in/{n}", 1, "v", None) for n in range(5000)]
    found = preview(members, str(tmp_path / "out"), SETTINGS, IDENTITY, store=False)
    places = [int(member.key) for member in found.examples]
    assert 30 <= len(places) <= 64
    assert max(b - a for a, b in zip(places, [*places[1:], 5000], strict=True)) <= 200


def test_output_of_another_config_is_refused(folder: Path, tmp_path: Path) -> None:
    look(folder, tmp_path / "out", store=True)
    other = Identity({"detect": {"min_face": 40}}, "other", input="in")
    with pytest.raises(UserError, match="min_face"):
        preview(list_folder(folder), str(tmp_path / "out"), SETTINGS, other, store=False)
