from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from fsspec.asyn import get_loop, sync_wrapper
from fsspec.implementations.local import LocalFileSystem
from tenacity import wait_none

from jobs.storage.faults import CutOffError
from jobs.storage.patience import ATTEMPTS, Patience, ask, retrying


def failing(error: Exception, times: int, calls: list[int]) -> str:
    calls.append(1)
    if len(calls) <= times:
        raise error
    return "answer"


def test_transient_errors_are_waited_out() -> None:
    calls: list[int] = []
    policy = retrying().copy(wait=wait_none())
    assert policy(failing, ConnectionResetError(), 3, calls) == "answer"
    assert len(calls) == 4


def test_lasting_errors_are_not_repeated() -> None:
    calls: list[int] = []
    with pytest.raises(PermissionError):
        retrying().copy(wait=wait_none())(failing, PermissionError(), 3, calls)
    assert len(calls) == 1


def test_last_error_is_raised_after_all_attempts() -> None:
    calls: list[int] = []
    with pytest.raises(ConnectionResetError):
        retrying().copy(wait=wait_none())(failing, ConnectionResetError(), 99, calls)
    assert len(calls) == ATTEMPTS


def test_patience_is_a_parameter() -> None:
    calls: list[int] = []
    hurried = Patience(attempts=2, first_wait_s=0.0, longest_wait_s=0.0)
    with pytest.raises(ConnectionResetError):
        retrying(hurried)(failing, ConnectionResetError(), 99, calls)
    assert len(calls) == 2


def test_waits_grow_up_to_their_bound() -> None:
    slept: list[float] = []
    policy = retrying(Patience(attempts=40, first_wait_s=1.0, longest_wait_s=3.0))
    with pytest.raises(ConnectionResetError):
        policy.copy(sleep=slept.append)(failing, ConnectionResetError(), 99, [])
    assert 0.5 <= slept[0] <= 1.0 < max(slept) <= 3.0
    assert min(slept[3:]) >= 1.5  # half of each at least, or a short outage is not waited out
    assert len(set(slept)) > 30  # and the other half random


class Slow:
    """What fsspec makes of an asynchronous file system."""

    def __init__(self) -> None:
        self.loop = get_loop()
        self.cancelled = 0

    async def _cat_file(self, seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "answer"

    cat_file = sync_wrapper(_cat_file)


def test_a_call_past_its_deadline_is_cancelled_and_tried_again() -> None:
    slow = Slow()
    hurried = Patience(attempts=3, first_wait_s=0.0, longest_wait_s=0.0)
    with pytest.raises(asyncio.TimeoutError):
        ask(slow.cat_file, 60.0, timeout_s=0.05, patience=hurried)
    assert slow.cancelled == 3


def test_a_call_within_its_deadline_answers() -> None:
    assert ask(Slow().cat_file, 0.0, timeout_s=60.0) == "answer"


def test_a_call_that_cannot_be_cancelled_is_given_up() -> None:
    calls: list[int] = []
    resume = threading.Event()

    def hang() -> None:
        calls.append(1)
        resume.wait(60)

    hurried = Patience(attempts=3, first_wait_s=0.0, longest_wait_s=0.0)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        ask(hang, timeout_s=0.05, patience=hurried)
    resume.set()
    assert len(calls) == 3


def test_what_a_synchronous_call_raises_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(open, str(tmp_path / "nowhere"), timeout_s=60.0)


class Disk(LocalFileSystem):  # type: ignore[misc]
    def cat_file(self, *arguments: object, **keywords: object) -> threading.Thread:
        return threading.current_thread()


def test_a_local_disk_has_no_deadline() -> None:
    assert ask(Disk().cat_file, "/a", timeout_s=60.0) is threading.current_thread()


def test_an_answer_that_is_cut_off_is_asked_for_again() -> None:
    answers = iter([b"a", b"ab", b"abc"])
    hurried = Patience(attempts=3, first_wait_s=0.0, longest_wait_s=0.0)
    found = ask(
        lambda: next(answers), timeout_s=60.0, patience=hurried, whole=lambda data: len(data) == 3
    )
    assert found == b"abc"


def test_an_answer_that_is_always_cut_off_is_an_error() -> None:
    hurried = Patience(attempts=3, first_wait_s=0.0, longest_wait_s=0.0)
    with pytest.raises(CutOffError):
        ask(lambda: b"", timeout_s=60.0, patience=hurried, whole=bool)
