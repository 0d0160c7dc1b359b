"""Ray started on this machine listens to this machine only, and answers to a token of this run."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator

from ray import _raylet
from ray._private import ray_constants

_MODE = "RAY_AUTH_MODE"
_TOKEN = "RAY_AUTH_TOKEN"


@contextlib.contextmanager
def only_for_us() -> Iterator[None]:
    """Shuts to others the Ray that starts and ends within the block.

    Whoever sets RAY_AUTH_MODE decides about tokens themselves.
    """
    with _on_loopback(), _with_token():
        yield


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    # Ray listens on all addresses unless its own is 127.0.0.1, and makes the public one of that if
    # it is given, except where it takes clusters for impossible, as on macOS.
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextlib.contextmanager
def _with_token() -> Iterator[None]:
    """A token in the environment of Ray's processes, where this Ray knows tokens (2.52)."""
    if _MODE in os.environ or not hasattr(_raylet, "AuthenticationTokenLoader"):
        yield
        return
    before = os.environ.get(_TOKEN)
    os.environ[_MODE], os.environ[_TOKEN] = "token", secrets.token_hex(32)
    _read_again()
    try:
        yield
    finally:
        del os.environ[_MODE], os.environ[_TOKEN]
        if before is not None:
            os.environ[_TOKEN] = before
        _read_again()


def _read_again() -> None:
    """Lets this process know: Ray reads these variables once."""
    _raylet.Config.initialize("")  # type: ignore[attr-defined]
    _raylet.AuthenticationTokenLoader.instance().reset_cache()  # type: ignore[attr-defined]
