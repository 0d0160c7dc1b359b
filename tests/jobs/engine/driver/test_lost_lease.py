"""Drivers that were taken for dead while they were at work."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.engine.driver.compact import compact
from jobs.engine.driver.preview import preview
from jobs.engine.driver.run import run
from jobs.engine.lease import lease as lease_module
from jobs.engine.lease.claims import CLAIMS, Periods
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.log import Log
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.plans import plan as plan_module
from jobs.engine.plans.index import PlanFile
from jobs.engine.plans.plan import PLAN
from jobs.engine.settings import RunSettings
from jobs.members import Member
from jobs.messages.errors import LeaseLostError
from jobs.storage.storage import Storage
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
    """Elsewhere, where there are no locks."""
    return Storage(f"memory://{uuid.uuid4().hex}")


def lose(storage: Storage) -> None:
    """Does as a run that takes this one for dead, and waits until it is noticed."""
    (name,) = storage.names(CLAIMS)
    storage.delete(f"{CLAIMS}/{name}")
    time.sleep(10 * FAST.renew_s)


def test_run_that_loses_its_lease_while_it_lists_stops_listing(storage: Storage) -> None:
    planned = [Member("planned", "/a", 1, "v", None)]
    preview(planned, storage.url, NO_RAY, IDENTITY, store=True)
    before = storage.names(PLAN)
    listed = []

    def listing() -> Iterator[Member]:
        for number in range(20_000):
            if number == 5_000:
                lose(storage)
            listed.append(number)
            yield Member(f"{number:05d}", "/a", 1, "v", None)

    with pytest.raises(LeaseLostError, match="another run has removed its claim"):
        run(ChecksumJob(), listing, storage.url, RunSettings(min_free_bytes=0), IDENTITY)
    assert len(listed) < 15_000
    assert storage.names(PLAN) == before


def test_generation_counts_only_if_the_lease_was_held_to_its_end(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        ledger = Ledger(storage, lease, ["files"])
        ledger.begin()
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / ".a.0.tmp").write_bytes(b"of another run's worker")
        lose(storage)
        ledger.sweep()
    assert (tmp_path / "files" / ".a.0.tmp").exists()


def test_compaction_that_loses_its_lease_stops_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = finished_output(tmp_path, members=60)
    before = part_digests(output)
    storage = Storage(str(output))
    take = Lease.take

    def take_and_lose(lease: Lease, *arguments: Any) -> None:
        take(lease, *arguments)
        lose(storage)

    monkeypatch.setattr(Lease, "take", take_and_lose)
    with pytest.raises(LeaseLostError):
        compact(str(output))
    assert part_digests(output) == before
    assert [entry.kind for entry in Log(storage).after(0)] == ["begin"]
