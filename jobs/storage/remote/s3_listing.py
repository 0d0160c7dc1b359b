"""The objects of a bucket of S3, a page of 1,000 at a time."""

from collections.abc import Callable, Iterator
from typing import Any

from jobs.storage.entry import Entry
from jobs.storage.remote.object_page import ObjectPage


def is_s3(fs: Any) -> bool:
    """Whether a file system of fsspec is s3fs."""
    return hasattr(fs, "call_s3")


def s3_pages(
    fs: Any, bucket: str, prefix: str, delimiter: str, call: Callable[..., Any]
) -> Iterator[ObjectPage]:
    """Yields what S3 has under a prefix, in the order of UTF-8, which is that of the keys.

    Args:
        fs: An s3fs file system.
        bucket: Its name.
        prefix: What the names begin with.
        delimiter: Names are cut off behind it, and are folders then; empty cuts none.
        call: Asks storage.
    """
    below = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter}
    after: dict[str, Any] = {}
    while True:
        page = call(fs.call_s3, "list_objects_v2", **below, **after, **fs.req_kw)
        yield ObjectPage(
            [
                Entry(found["Key"], int(found["Size"]), found["ETag"].strip('"'))
                for found in page.get("Contents", [])
            ],
            [found["Prefix"] for found in page.get("CommonPrefixes", [])],
        )
        if not page["IsTruncated"]:
            return
        after = {"ContinuationToken": page["NextContinuationToken"]}
