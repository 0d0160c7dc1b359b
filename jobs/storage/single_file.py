"""One file, on this machine or anywhere fsspec reaches, opened to be read by seeking."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, BinaryIO

from jobs.messages.errors import UserError
from jobs.storage.faults import is_absent, said
from jobs.storage.local.regular_file import open_regular
from jobs.storage.place import Place
from jobs.storage.remote.remote_file import open_remote


def open_single(place: Place) -> BinaryIO:
    """The file at a place; reading it raises the same error as opening it.

    Only of a web server that knows no ranges all of it is held.

    Raises:
        UserError: It is not there, or cannot be read.
    """
    if place.fs is None:
        return _open_local(place)

    def call(method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except Exception as error:  # each file system has its own classes
            if is_absent(error):
                raise UserError(f"there is no file '{place.shown}': check the address") from error
            raise UserError(f"cannot read '{place.shown}': {said(error)}") from error

    return open_remote(place.remote_path(), call)


def _open_local(place: Place) -> BinaryIO:
    try:
        return open_regular(place.path)
    except FileNotFoundError as error:  # or something else in its place
        raise UserError(f"there is no file '{place.shown}': check the path") from error
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise UserError(f"cannot read '{place.shown}' ({why}): make it readable") from error
