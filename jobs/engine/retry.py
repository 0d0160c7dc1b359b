"""Which storage errors pass by themselves, and how to wait for that."""

from __future__ import annotations

import asyncio
import errno

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

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


def is_transient(error: BaseException) -> bool:
    """Whether asking the storage again may help: an allow-list, so that nothing else is retried."""
    # asyncio.TimeoutError is another class than TimeoutError before Python 3.11.
    if isinstance(error, (ConnectionError, TimeoutError, asyncio.TimeoutError)):
        return True
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return True
    for attribute in ("status", "code", "status_code"):
        if getattr(error, attribute, None) in _HTTP_STATUSES:
            return True
    return any(base.__name__ in _NAMES for base in type(error).__mro__)


def retrying(attempts: int = ATTEMPTS) -> Retrying:
    """A policy to call remote storage with: `retrying()(function, *arguments)`.

    Waits up to 0.5, 1, 2, ... 20 s, each time a random part of it, and raises the last error.
    """
    return Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_random_exponential(multiplier=0.5, max=20.0),
        stop=stop_after_attempt(attempts),
        reraise=True,
    )
