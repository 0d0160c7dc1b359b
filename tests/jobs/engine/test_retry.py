from __future__ import annotations

import asyncio
import errno

import pytest
from fsspec.exceptions import FSTimeoutError
from tenacity import wait_none

from jobs.engine.retry import ATTEMPTS, is_transient, retrying


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
