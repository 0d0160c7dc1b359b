from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.engine.lease import lease as lease_module
from jobs.engine.lease.claim import Claim
from jobs.engine.lease.claims import CLAIMS, Periods
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.lock import FolderLock
from jobs.engine.lease.log import Log, LogEntry
from jobs.messages.errors import LeaseLostError, OutputError, UserError
from jobs.storage.storage import Storage

FAST = Periods(renew_s=0.05, expiry_s=0.6, look_s=0.02)
OWN = Claim.own(locked=False)
ELSEWHERE = replace(OWN, host="elsewhere", boot="another boot")


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    local = request.param == "local"
    return Storage(str(tmp_path / "out") if local else f"memory://{uuid.uuid4().hex}")


def unlocked(storage: Storage, periods: Periods = FAST) -> Lease:
    """As on a disk without locks, or anywhere else."""
    return Lease(storage, periods, lock=False)


def leave(storage: Storage, claim: Claim, name: str = "other.json") -> None:
    storage.publish_bytes(claim.written(), f"{CLAIMS}/{name}")


@contextlib.contextmanager
def moving(storage: Storage, claim: Claim) -> Iterator[None]:
    """A claim that is renewed."""
    stop = threading.Event()

    def renew(claim: Claim) -> None:
        while not stop.wait(FAST.renew_s):
            claim = claim.renewed()
            leave(storage, claim)

    leave(storage, claim)
    thread = threading.Thread(target=renew, args=(claim,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ended_process() -> subprocess.Popen[bytes]:
    """One that has been waited for, so that nothing of it is left."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process


def test_claim_is_gone_afterwards(storage: Storage) -> None:
    with unlocked(storage) as lease:
        lease.take()
        assert len(storage.names(CLAIMS)) == 1
    assert storage.names(CLAIMS) == []


def test_claim_says_whose_it_is(storage: Storage) -> None:
    with unlocked(storage) as lease:
        lease.take()
        (name,) = storage.names(CLAIMS)
        claim = json.loads(storage.read_bytes(f"{CLAIMS}/{name}"))
        assert (claim["pid"], claim["host"]) == (os.getpid(), OWN.host)


def test_claim_is_renewed(storage: Storage) -> None:
    with unlocked(storage) as lease:
        lease.take()
        (name,) = storage.names(CLAIMS)
        before = storage.read_bytes(f"{CLAIMS}/{name}")
        end = time.monotonic() + 60
        while storage.read_bytes(f"{CLAIMS}/{name}") == before:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_lease_lasts_longer_than_its_expiry(storage: Storage) -> None:
    # A disk that is busy may stall a renewal for longer than the others' expiry.
    periods = replace(FAST, expiry_s=4)
    with unlocked(storage, periods) as lease:
        lease.take()
        time.sleep(periods.expiry_s + 0.2)
        assert lease.held
        lease.check()


def test_nothing_is_written_before_it_is_taken(tmp_path: Path) -> None:
    with Lease(Storage(str(tmp_path))) as lease:
        lease.check()
        assert not lease.held
        assert list(tmp_path.iterdir()) == []


def test_output_of_a_driver_that_had_nothing_to_write_is_as_it_was(tmp_path: Path) -> None:
    with Lease(Storage(str(tmp_path / "a/out"))):
        pass
    assert list(tmp_path.rglob("out")) == []


def test_begin_and_end_are_logged(storage: Storage) -> None:
    with unlocked(storage) as lease:
        lease.take()
        assert lease.epoch == 1
        lease.append("end", summary={"a": 1})
    with unlocked(storage) as lease:
        lease.take()
        assert lease.epoch == 3
    entries = list(Log(storage).after(0))
    assert [(each.number, each.kind, each.epoch) for each in entries] == [
        (1, "begin", 1),
        (2, "end", 1),
        (3, "begin", 3),
        (4, "end", 3),
    ]


def test_end_of_a_driver_that_was_stopped_tells_nothing(storage: Storage) -> None:
    with pytest.raises(KeyboardInterrupt), unlocked(storage) as lease:
        lease.take()
        raise KeyboardInterrupt
    end = Log(storage).read(2)
    assert (end.kind, end.summary) == ("end", None)


def begin(storage: Storage) -> LogEntry:
    """What another driver does that takes this one for dead."""
    number = Log(storage).last() + 1
    entry = LogEntry(number, "begin", number, "another")
    assert Log(storage).create(entry)
    return entry


def test_driver_that_was_taken_for_dead_appends_nothing(storage: Storage) -> None:
    with unlocked(storage) as lease:
        lease.take()
        other = begin(storage)
        with pytest.raises(LeaseLostError):
            lease.append("change")
        assert not lease.held
    assert Log(storage).last() == other.number
    assert Log(storage).read(other.number).nonce == other.nonce


def test_driver_that_is_second_to_log_its_begin_looks_again(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Log.create

    def too_late(log: Log, entry: LogEntry) -> bool:
        monkeypatch.undo()
        begin(storage)
        assert len(storage.names(CLAIMS)) == 1  # stored before the entry
        return create(log, entry)

    monkeypatch.setattr(Log, "create", too_late)
    with unlocked(storage) as lease:
        lease.take()
        assert lease.epoch == 2
        assert len(storage.names(CLAIMS)) == 1


def test_claim_is_gone_though_the_end_cannot_be_logged(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(log: Log, entry: LogEntry) -> bool:
        raise OutputError("gone")

    with unlocked(storage) as lease:
        lease.take()
        monkeypatch.setattr(Log, "create", fail)
    assert storage.names(CLAIMS) == []


def test_storage_that_does_not_refuse_late_writes_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {
        "path": str(tmp_path),
        "target_protocol": "file",
        "target_options": {"auto_mkdir": True},
    }
    with unlocked(Storage("dir://out", options)) as lease:
        lease.take()
    [warning] = caplog.records
    assert "does not refuse writes that come too late" in warning.getMessage()


def test_storage_that_refuses_late_writes_is_not_warned_about(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    with unlocked(storage) as lease:
        lease.take()
    assert caplog.records == []


def test_second_in_the_same_process_is_refused(storage: Storage) -> None:
    with unlocked(storage) as first:
        first.take()
        before = storage.names(CLAIMS)
        with (
            unlocked(storage) as second,
            pytest.raises(UserError, match=rf"another run \(process {os.getpid()} on .* since "),
        ):
            second.take()
        assert storage.names(CLAIMS) == before
        first.check()


def test_claim_that_moves_is_refused(storage: Storage) -> None:
    with (
        moving(storage, ELSEWHERE),
        unlocked(storage) as lease,
        pytest.raises(UserError, match=r"another run \(process \d+ on elsewhere, since .*\) is wr"),
    ):
        lease.take()
    assert storage.names(CLAIMS) == ["other.json"]


@pytest.mark.parametrize("since", ["1999-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"])
def test_no_clock_of_another_machine_matters(storage: Storage, since: str) -> None:
    skewed = replace(ELSEWHERE, since=since)
    with (
        moving(storage, skewed),
        unlocked(storage) as lease,
        pytest.raises(UserError, match="is writing to"),
    ):
        lease.take()
    leave(storage, skewed)
    began = time.monotonic()
    with unlocked(storage) as lease:
        lease.take()
        assert time.monotonic() - began > FAST.expiry_s
        lease.check()


def test_claim_that_does_not_move_expires(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    leave(storage, ELSEWHERE)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING), unlocked(storage) as lease:
        lease.take()
        assert time.monotonic() - began > FAST.expiry_s
        assert "other.json" not in storage.names(CLAIMS)
    waiting, dead = (record.getMessage() for record in caplog.records)
    assert "on elsewhere" in waiting and "waiting up to" in waiting
    assert "taken for dead" in dead


def test_claim_that_cannot_be_read_expires_too(storage: Storage) -> None:
    storage.publish_bytes(b'{"host": "a', f"{CLAIMS}/other.json")
    with unlocked(storage) as lease:
        lease.take()
        lease.check()


def test_claim_of_a_process_that_is_gone_is_removed_at_once(storage: Storage) -> None:
    slow = Periods(expiry_s=3600.0)
    leave(storage, replace(OWN, pid=ended_process().pid))
    with unlocked(storage, slow) as lease:
        lease.take()
        lease.check()


def test_process_number_that_was_given_again_is_another_process(storage: Storage) -> None:
    slow = Periods(expiry_s=3600.0)
    leave(storage, replace(OWN, process_started="1"))
    with unlocked(storage, slow) as lease:
        lease.take()


def test_process_of_another_container_is_not_looked_up(storage: Storage) -> None:
    there = replace(OWN, pid=ended_process().pid, namespace="pid:[1]")
    with (
        moving(storage, there),
        unlocked(storage) as lease,
        pytest.raises(UserError, match="is writing to"),
    ):
        lease.take()


def test_own_lock_proves_that_another_of_this_machine_has_ended(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    leave(storage, replace(OWN, namespace="pid:[1]", locked=True))
    with Lease(storage, Periods(expiry_s=3600.0)) as lease:
        lease.take()


def test_claim_left_by_this_process_is_removed_at_once(storage: Storage) -> None:
    leave(storage, OWN)
    with unlocked(storage, Periods(expiry_s=3600.0)) as lease:
        lease.take()


def test_holder_whose_claim_was_removed_stops(storage: Storage) -> None:
    with unlocked(storage) as lease:
        lease.take()
        for name in storage.names(CLAIMS):
            storage.delete(f"{CLAIMS}/{name}")
        end = time.monotonic() + 60
        while lease.held:
            assert time.monotonic() < end
            time.sleep(0.01)
        with pytest.raises(LeaseLostError, match="another run has removed its claim"):
            lease.check()
        with pytest.raises(LeaseLostError):
            lease.take()
    assert storage.names(CLAIMS) == []


def test_holder_that_cannot_renew_stops(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    with unlocked(storage) as lease:
        lease.take()
        monkeypatch.setattr(lease._claims, "write", lambda name, claim: time.sleep(2))
        time.sleep(FAST.expiry_s + FAST.renew_s + 0.3)
        with pytest.raises(LeaseLostError, match="no sign of life for"):
            lease.check()


def test_leftovers_of_killed_writers_of_claims_are_removed(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.publish_bytes(b"", "a")
    leave(storage, replace(OWN, process_started="1"))
    (tmp_path / CLAIMS / ".other.json.0.tmp").write_bytes(b"")
    with Lease(storage) as lease:
        lease.take()
    assert storage.leftovers(CLAIMS) == storage.names(CLAIMS) == []
    assert storage.exists("a")


def test_lock_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom jobs.engine.lease.lease import Lease\n"
        "from jobs.storage.storage import Storage\n"
        "with Lease(Storage(sys.argv[1])) as lease:\n    lease.take()\n"
        "    print('taken', flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"taken\n"
        with (
            pytest.raises(UserError, match=rf"another run \(process {other.pid} on .*\) is wri"),
            Lease(Storage(str(tmp_path))),
        ):
            pass
        other.kill()
    with Lease(Storage(str(tmp_path)), Periods(expiry_s=3600.0)) as lease:
        lease.take()


def test_disk_without_locks_goes_by_the_claims_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("jobs.engine.lease.lock.fcntl.flock", refuse)
    storage = Storage(str(tmp_path))
    with Lease(storage, FAST) as first, Lease(storage, FAST) as second:
        first.take()
        with pytest.raises(UserError, match="is writing to"):
            second.take()


def test_lock_makes_no_folder_that_stays(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "out")
    assert lock.take() and lock.held
    lock.release()
    assert list(tmp_path.iterdir()) == []


CONTENDER = """
import os, random, sys, time
from jobs.engine.lease.claims import Periods
from jobs.messages.errors import UserError
from jobs.engine.lease.lease import Lease
from jobs.storage.storage import Storage
folder, seed = sys.argv[1:]
draw = random.Random(seed)
for _ in range(10):
    time.sleep(draw.uniform(0, 0.03))
    try:
        with Lease(Storage(folder), Periods(0.05, 5.0, 0.02), lock=False) as lease:
            lease.take()
            os.mkdir(folder + "/held")  # fails if another holds
            time.sleep(draw.uniform(0, 0.03))
            os.rmdir(folder + "/held")
            print("held")
    except UserError as error:
        assert "is writing to" in str(error) or "start on" in str(error), error
"""


def test_several_processes_never_hold_together(tmp_path: Path, rng: np.random.Generator) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", CONTENDER, str(tmp_path)]
    processes = [
        subprocess.Popen(
            [*command, str(seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for seed in rng.integers(2**32, size=3)
    ]
    outcomes = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outcomes
    assert sum(printed.count("held") for printed, _ in outcomes) >= 3


def test_several_at_once_never_hold_together(
    storage: Storage, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "random", random.Random(int(rng.integers(2**32))))
    holding = threading.Lock()
    together: list[str] = []
    held: list[int] = []

    def contend(number: int, delays: list[float]) -> None:
        for delay in delays:
            time.sleep(delay)
            with contextlib.suppress(UserError), unlocked(storage) as lease:
                lease.take()
                if not holding.acquire(blocking=False):
                    together.append(f"{number} beside another")
                    continue
                held.append(number)
                time.sleep(delay)
                holding.release()

    threads = [
        threading.Thread(target=contend, args=(number, rng.uniform(0, 0.03, 8).tolist()))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == []
    assert len(held) >= 5
    assert storage.names(CLAIMS) == []
