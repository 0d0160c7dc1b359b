from __future__ import annotations

import asyncio
import errno

import pytest
from fsspec.exceptions import FSTimeoutError

from jobs.storage.faults import is_absent, is_transient, said


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


def test_the_reason_is_one_line_without_secrets() -> None:
    assert said(ValueError("http://me:pass@host/a\nat line 3")) == "http://***@host/a"
    assert said(ConnectionResetError()) == "ConnectionResetError"
