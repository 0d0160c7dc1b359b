from __future__ import annotations

import asyncio
import errno
import threading

import pytest
from fsspec.asyn import get_loop, sync_wrapper
from fsspec.exceptions import FSTimeoutError
from fsspec.implementations.local import LocalFileSystem
from tenacity import wait_none

from jobs.storage.patience import (
    ATTEMPTS,
    CutOffError,
    Patience,
    ask,
    is_absent,
    is_transient,
    retrying,
    said,
)


class ServerError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncio.TimeoutError(),
        FSTimeoutError(),
        OSError(errno.EIO, "EIO"),
        OSError(errno.EBUSY, "SlowDown"),
        ServerError(503),
        ServerError(429),
    ],
    ids=repr,
)
def test_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "no"),
        PermissionError(errno.EACCES, "no"),
        OSError(errno.ENOSPC, "full"),
        ServerError(404),
        ValueError(),
    ],
    ids=repr,
)
def test_lasting(error: Exception) -> None:
    assert not is_transient(error)


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


def test_the_server_errors_of_s3_pass() -> None:
    assert is_transient(OSError(errno.EREMOTEIO, "InternalError"))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "transient", "absent"),
    [
        (caused(FileNotFoundError("http://a"), ServerError(503)), True, False),
        (caused(FileNotFoundError("http://a"), ServerError(401)), False, False),
        (caused(FileNotFoundError("http://a"), ServerError(404)), False, True),
        (FileNotFoundError("http://a"), False, True),
        (caused(FileNotFoundError("/a"), KeyError("/a")), False, True),
        (caused(RuntimeError("failed"), ConnectionResetError()), True, False),
        (caused(ValueError("a bug"), ConnectionResetError()), False, False),
    ],
    ids=str,
)
def test_what_is_wrapped_counts(error: Exception, transient: bool, absent: bool) -> None:
    assert (is_transient(error), is_absent(error)) == (transient, absent)


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


def test_what_a_synchronous_call_raises_is_raised_here() -> None:
    with pytest.raises(FileNotFoundError):
        ask(open, "/nowhere", timeout_s=60.0)


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


def test_the_reason_is_one_line_without_secrets() -> None:
    assert said(ValueError("http://me:pass@host/a\nat line 3")) == "http://***@host/a"
    assert said(ConnectionResetError()) == "ConnectionResetError"
