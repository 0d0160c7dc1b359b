from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.engine.errors import LeaseLostError, UserError
from jobs.engine.exchange.compact import compact
from jobs.engine.exchange.journal import JOURNAL
from jobs.engine.files.storage import Storage
from jobs.engine.lease import lease as lease_module
from jobs.engine.lease.claims import CLAIMS, Periods
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.rest import is_at_rest, is_finished, take_late
from jobs.engine.plans import plan as plan_module
from jobs.engine.plans.index import PlanFile
from jobs.engine.plans.members import Member
from jobs.engine.plans.plan import PLAN, Plan
from jobs.engine.plans.preview import preview
from jobs.engine.run import run, swept
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.engine.status import SUCCESS
from tests.jobs.engine.outputs import IDENTITY, finished_output, part_digests
from tests.jobs.engine.stand_in import ChecksumJob

FAST = Periods(renew_s=0.05, expiry_s=5.0, look_s=0.02)
# Nobody answers there: a run with it passes only if it does not get as far as Ray.
NO_RAY = RunSettings(ray_address="127.0.0.1:1", min_free_bytes=0)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "PERIODS", FAST)


@pytest.fixture
def storage() -> Storage:
    """Elsewhere, where there are no locks, with a plan and the mark of a job that is complete."""
    storage = Storage(f"memory://{uuid.uuid4().hex}")
    Plan(storage).extend([Member("a", "/a", 1, "v", None)], ShardSizes())
    storage.publish_bytes(b"", SUCCESS)
    return storage


def lose(storage: Storage) -> None:
    """Does as a run that takes this one for dead, and waits until it is noticed."""
    (name,) = storage.names(CLAIMS)
    storage.delete(f"{CLAIMS}/{name}")
    time.sleep(10 * FAST.renew_s)


def test_output_that_nobody_has_is_at_rest(storage: Storage) -> None:
    assert is_at_rest(storage) and is_finished(storage)


@pytest.mark.parametrize("path", [f"{CLAIMS}/a.json", JOURNAL])
def test_output_that_somebody_has_or_left_undone_is_not(storage: Storage, path: str) -> None:
    storage.publish_bytes(b"{}", path)
    assert not is_at_rest(storage) and not is_finished(storage)


@pytest.mark.parametrize("folder", [CLAIMS, "_job"])
def test_output_with_leftovers_is_not(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    assert is_at_rest(Storage(str(tmp_path)))
    (tmp_path / folder / ".a.json.0.tmp").write_bytes(b"")
    assert not is_at_rest(Storage(str(tmp_path)))


def test_output_without_its_mark_is_not_finished(storage: Storage) -> None:
    storage.delete(SUCCESS)
    assert is_at_rest(storage) and not is_finished(storage)


def test_lease_is_taken_late(storage: Storage) -> None:
    with Lease(storage) as lease:
        take_late(lease, storage, Plan(storage))
        assert lease.held


def test_lease_is_not_taken_late_if_another_run_has_planned_meanwhile(storage: Storage) -> None:
    plan = Plan(storage)
    Plan(storage).extend([Member("b", "/b", 1, "v", None)], ShardSizes())
    with (
        Lease(storage) as lease,
        pytest.raises(UserError, match=r"Another run has added to .*; run the same command again"),
    ):
        take_late(lease, storage, plan)


def test_lease_is_not_taken_late_if_another_run_has_begun_meanwhile(storage: Storage) -> None:
    plan = Plan(storage)
    storage.delete(SUCCESS)
    with Lease(storage) as lease, pytest.raises(UserError, match="Another run has added to"):
        take_late(lease, storage, plan)


def test_run_that_loses_its_lease_while_it_lists_stops_listing() -> None:
    storage = Storage(f"memory://{uuid.uuid4().hex}")
    listed = []

    def listing() -> Iterator[Member]:
        for number in range(20_000):
            if number == 5_000:
                lose(storage)
            listed.append(number)
            yield Member(f"{number:05d}", "/a", 1, "v", None)

    with pytest.raises(LeaseLostError, match="another run has removed its claim"):
        run(ChecksumJob(), listing, storage.url, NO_RAY, IDENTITY)
    assert len(listed) < 15_000
    assert storage.names(PLAN) == []


def test_generation_counts_only_if_the_lease_was_held_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = Storage(f"memory://{uuid.uuid4().hex}")
    write = plan_module.write_files

    def write_and_lose(*arguments: Any) -> Iterator[PlanFile]:
        yield from write(*arguments)
        lose(storage)

    monkeypatch.setattr(plan_module, "write_files", write_and_lose)
    members = [Member("a", "/a", 1, "v", None)]
    with pytest.raises(LeaseLostError):
        preview(members, storage.url, NO_RAY, IDENTITY, store=True)
    assert [name for name in storage.names(PLAN) if name.endswith(".json")] == []


def test_leftovers_of_others_are_not_swept_without_the_lease(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with Lease(storage) as lease:
        lease.take()
        with swept(storage, ChecksumJob(), lease):
            (tmp_path / "files").mkdir()
            (tmp_path / "files" / ".a.0.tmp").write_bytes(b"of another run's worker")
            lose(storage)
    assert (tmp_path / "files" / ".a.0.tmp").exists()


def test_compaction_that_loses_its_lease_stops_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = finished_output(tmp_path, members=60)
    before = part_digests(output)
    storage = Storage(str(output))
    take = Lease.take

    def take_and_lose(lease: Lease) -> None:
        take(lease)
        lose(storage)

    monkeypatch.setattr(Lease, "take", take_and_lose)
    with pytest.raises(LeaseLostError):
        compact(str(output))
    assert part_digests(output) == before
    assert not storage.exists(JOURNAL)
