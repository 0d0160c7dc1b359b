"""Asking remote storage: which errors pass by themselves, how to wait for that, and how long."""

from __future__ import annotations

import asyncio
import errno
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random_exponential,
)

from jobs.messages.credentials import redacted

ATTEMPTS = 6

_ERRNOS = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,  # s3fs: SlowDown
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EIO,
        errno.EPIPE,
        errno.ESTALE,
        errno.ETIMEDOUT,
        getattr(errno, "EREMOTEIO", errno.EIO),  # s3fs: InternalError
    }
)
_HTTP_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
# By name, because the packages they come from are optional.
_NAMES = frozenset(
    {
        "ClientConnectionError",  # aiohttp
        "ClientPayloadError",  # aiohttp: the body ended early
        "ConnectionClosedError",  # botocore
        "EndpointConnectionError",  # botocore
        "HTTPClientError",  # botocore: includes its read and connect timeouts
        "IncompleteReadError",  # botocore
        "ServiceRequestError",  # azure: the request was not sent
        "ServiceResponseError",  # azure: no answer
    }
)

# They answer at once or never.
_NEAR = (LocalFileSystem, MemoryFileSystem)

T = TypeVar("T")


class CutOffError(ConnectionError):
    """Storage has sent or taken only a part of something, and has not said so."""


@dataclass(frozen=True)
class Patience:
    """How often storage is asked, and how long to wait in between.

    Attributes:
        attempts: Times to ask in all.
        first_wait_s: Longest wait after the first error; doubles with every further one.
        longest_wait_s: Bound of that. Half of each wait is random, so that many workers do not
            come back at once.
    """

    attempts: int = ATTEMPTS
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0


PATIENCE = Patience()


def is_transient(error: BaseException) -> bool:
    """Whether asking the storage again may help: an allow-list, so that nothing else is retried."""
    return _passes(_actual(error))


def is_absent(error: BaseException) -> bool:
    """Whether there is no such file, which is no failure of the storage."""
    actual = _actual(error)
    return isinstance(actual, FileNotFoundError) or http_status(actual) == 404


def is_denied(error: BaseException) -> bool:
    """Whether the credentials are not good enough."""
    actual = _actual(error)
    return isinstance(actual, PermissionError) or http_status(actual) in (401, 403)


def http_status(error: BaseException) -> int | None:
    """The status that a web server or object store answered with, if the error has one."""
    for attribute in ("status", "code", "status_code"):  # aiohttp, gcsfs, azure
        status = getattr(error, attribute, None)
        if isinstance(status, int):
            return status
    return None


def retrying(patience: Patience = PATIENCE) -> Retrying:
    """A policy to call remote storage with: `retrying()(function, *arguments)`.

    Waits up to 0.5, 1, 2, ... 20 s, and raises the last error. At least half of it each time, so
    that storage that is down altogether for 7 s is waited for.
    """
    half, most = patience.first_wait_s / 2, patience.longest_wait_s / 2
    return Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_exponential(half, most) + wait_random_exponential(half, most),
        stop=stop_after_attempt(patience.attempts),
        reraise=True,
    )


def ask(
    method: Callable[..., T],
    *arguments: object,
    timeout_s: float,
    patience: Patience = PATIENCE,
    whole: Callable[[T], bool] | None = None,
    **keywords: Any,
) -> T:
    """Calls a method of an fsspec file system, again after errors that pass.

    Args:
        method: Such as `filesystem.cat_file`.
        arguments: For it.
        timeout_s: Deadline of each call. One that is late counts as an error that passes; it is
            cancelled if the file system is asynchronous underneath, and else left to itself. Local
            disks have no deadline.
        patience: How often and how slowly to try again.
        whole: Whether an answer is all there; one that is not counts as an error that passes.
        keywords: For the method.
    """
    call = _in_time(method, timeout_s)

    def once() -> T:
        answer = call(*arguments, **keywords)
        if whole is not None and not whole(answer):
            raise CutOffError("storage sent only a part of it")
        return answer

    return retrying(patience)(once)


def _in_time(method: Callable[..., T], timeout_s: float) -> Callable[..., T]:
    if inspect.iscoroutinefunction(inspect.unwrap(method)):
        # Taken by `fsspec.asyn.sync`, which such a method is a call of.
        return partial(method, timeout=timeout_s)
    if isinstance(getattr(method, "__self__", None), _NEAR):
        return method
    return partial(_on_a_thread, method, timeout_s)


def _on_a_thread(
    method: Callable[..., T], timeout_s: float, *arguments: object, **keywords: Any
) -> T:
    """A call that may hang for ever; its thread then does so too, and ends with the process."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(method(*arguments, **keywords))
        except BaseException as error:  # raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    wait([future], timeout_s)
    if not future.done():
        raise TimeoutError(f"no answer within {timeout_s:g} s")
    return future.result()


def said(error: BaseException) -> str:
    """The first line of what a storage error says, without credentials, or else its class."""
    actual = _actual(error)
    text = redacted(str(actual)).strip()
    line = text.splitlines()[0] if text else type(actual).__name__
    return f"permission denied, {line}" if is_denied(error) else line


def _actual(error: BaseException) -> BaseException:
    """What went wrong, where fsspec's web client says "not found" of it, or adlfs wraps it."""
    cause = error.__cause__
    if type(error) not in (FileNotFoundError, RuntimeError) or cause is None:
        return error
    return cause if http_status(cause) is not None or _passes(cause) else error


def _passes(error: BaseException) -> bool:
    # asyncio.TimeoutError is another class than TimeoutError before Python 3.11.
    if isinstance(error, (ConnectionError, TimeoutError, asyncio.TimeoutError)):
        return True
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return True
    return http_status(error) in _HTTP_STATUSES or any(
        base.__name__ in _NAMES for base in type(error).__mro__
    )
