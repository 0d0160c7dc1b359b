"""Asking remote storage: each time with a deadline, and again after errors that pass."""

from __future__ import annotations

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

from jobs.storage.faults import CutOffError, is_transient

ATTEMPTS = 6

# They answer at once or never.
_NEAR = (LocalFileSystem, MemoryFileSystem)

T = TypeVar("T")


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
