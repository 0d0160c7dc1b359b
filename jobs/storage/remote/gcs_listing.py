"""The objects of a bucket of Google Cloud Storage, a page of 1,000 at a time."""

from collections.abc import Callable, Iterator
from typing import Any

from jobs.storage.entry import Entry
from jobs.storage.remote.object_page import ObjectPage
from jobs.storage.remote.remote_path import size_of, version_of

_PAGE = 1000


def is_gcs(fs: Any) -> bool:
    """Whether a file system of fsspec is gcsfs."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    return "gs" in protocols and hasattr(fs, "call")


def gcs_pages(
    fs: Any, bucket: str, prefix: str, delimiter: str, call: Callable[..., Any]
) -> Iterator[ObjectPage]:
    """Yields what Google Cloud Storage has under a prefix, in the order of UTF-8.

    Args:
        fs: A gcsfs file system.
        bucket: Its name.
        prefix: What the names begin with.
        delimiter: Names are cut off behind it, and are folders then; empty cuts none.
        call: Asks storage.
    """
    below = {"prefix": prefix or None, "delimiter": delimiter or None, "maxResults": _PAGE}
    after = None
    while True:
        page = call(fs.call, "GET", "b/{}/o", bucket, json_out=True, pageToken=after, **below)
        yield ObjectPage(
            [
                Entry(found["name"], size_of(found), version_of(found))
                for found in page.get("items") or []
            ],
            page.get("prefixes") or [],
        )
        after = page.get("nextPageToken")
        if not after:
            return
