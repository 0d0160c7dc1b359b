"""What the errors of storage mean: which pass by themselves, which are a no, what they say."""

from __future__ import annotations

import asyncio
import errno

from jobs.messages.credentials import redacted
from jobs.messages.errors import NotNowError, UserError

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
# Those of a machine or a mount, which are the same whatever is asked of it.
_CONDITIONS = frozenset(
    {
        errno.EDQUOT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOLCK,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.ENOTCONN,
        errno.EROFS,
    }
)
FULL = frozenset({errno.EDQUOT, errno.ENOSPC})
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


class CutOffError(ConnectionError):
    """Storage has sent or taken only a part of something, and has not said so."""


class ContradictionError(OSError):
    """Storage says another size of a file each time."""


class NoRangesError(OSError):
    """Storage gives all of a file where a part was asked for."""


class PrivateAddressError(OSError):
    """A file that somebody else has named is where only this machine or its network reaches."""


def is_transient(error: BaseException) -> bool:
    """Whether asking the storage again may help: an allow-list, so that nothing else is retried."""
    return _passes(_actual(error))


def is_condition(error: BaseException) -> bool:
    """Whether the same request may succeed at another time: asking again at once need not help."""
    actual = _actual(error)
    return _passes(actual) or getattr(actual, "errno", None) in _CONDITIONS


def is_absent(error: BaseException) -> bool:
    """Whether there is no such file, which is no failure of the storage."""
    actual = _actual(error)
    return isinstance(actual, FileNotFoundError) or http_status(actual) == 404


def is_denied(error: BaseException) -> bool:
    """Whether the credentials are not good enough."""
    actual = _actual(error)
    return isinstance(actual, PermissionError) or http_status(actual) in (401, 403)


def is_private(error: BaseException) -> bool:
    """Whether a guard has refused the address."""
    return isinstance(_actual(error), PrivateAddressError)


def user_error(message: str, error: BaseException) -> UserError:
    """The error to end with where storage has said no, by what it said."""
    return NotNowError(message) if is_condition(error) else UserError(message)


def http_status(error: BaseException) -> int | None:
    """The status that a web server or object store answered with, if the error has one."""
    for attribute in ("status", "code", "status_code"):  # aiohttp, gcsfs, azure
        status = getattr(error, attribute, None)
        if isinstance(status, int):
            return status
    return None


def said(error: BaseException) -> str:
    """The first line of what a storage error says, without credentials, or else its class."""
    actual = _actual(error)
    text = redacted(str(actual)).strip()
    line = text.splitlines()[0] if text else type(actual).__name__
    return f"permission denied, {line}" if is_denied(error) else line


def _actual(error: BaseException) -> BaseException:
    """What went wrong, where a web client says "not found" of it, or adlfs wraps it."""
    cause = error.__cause__
    if isinstance(cause, PrivateAddressError):
        return cause
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
