"""The file system that a URL and its storage options stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fsspec

from jobs.messages.credentials import in_options, public_url, remember
from jobs.messages.errors import UserError
from jobs.storage.faults import said

_EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
    "adl": "azure",
    "az": "azure",
    "http": "http",
    "https": "http",
}


def open_filesystem(url: str, options: Mapping[str, Any] | None = None) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    What is secret in the URL and the options is hidden from errors and records from now on, and
    the path holds nothing of it.

    Raises:
        UserError: The scheme is unknown, or the package for it is not installed.
    """
    scheme = url.split("::")[-1].partition("://")[0] if "://" in url else "file"
    shown = public_url(url)
    url, options = in_options(url, options or {})
    remember(options)
    try:
        filesystem, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        if scheme in _EXTRAS:
            fix = f"pip install 'mtcnn-ray[{_EXTRAS[scheme]}]'"
            raise UserError(f"reading {scheme}:// needs another package: {fix}") from error
        raise UserError(f"reading {scheme}:// needs another package: {error}") from error
    except ValueError as error:
        if scheme in fsspec.available_protocols():
            raise UserError(f"cannot open the URL '{shown}' ({said(error)}): correct it") from error
        raise UserError(
            f"'{scheme}://' in '{shown}' is not a known kind of storage: "
            "use a local path, s3://, gs://, az:// or another fsspec URL"
        ) from error
    return filesystem, str(path)
