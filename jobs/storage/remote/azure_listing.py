"""The blobs of a container of Azure, a page of 5,000 at a time."""

from collections.abc import Callable, Iterator
from typing import Any

from fsspec.asyn import sync_wrapper

from jobs.storage.entry import Entry
from jobs.storage.remote.object_page import ObjectPage

_PAGE = 5000


def is_azure(fs: Any) -> bool:
    """Whether a file system of fsspec is adlfs for blobs."""
    return hasattr(fs, "service_client")


def azure_pages(
    fs: Any, container: str, prefix: str, delimiter: str, call: Callable[..., Any]
) -> Iterator[ObjectPage]:
    """Yields what Azure has under a prefix; accounts with real folders have an order of their own.

    Args:
        fs: A file system of adlfs.
        container: Its name.
        prefix: What the names begin with.
        delimiter: Names are cut off behind it, and are folders then.
        call: Asks storage.
    """
    ask_page = sync_wrapper(_page, obj=fs)
    after = None
    while True:
        page, after = call(ask_page, fs, container, prefix, delimiter, after)
        yield page
        if not after:
            return


async def _page(
    fs: Any, container: str, prefix: str, delimiter: str, after: str | None
) -> tuple[ObjectPage, str | None]:
    """A page, and what to ask for the next one with."""
    found = ObjectPage([], [])
    async with fs.service_client.get_container_client(container=container) as client:
        blobs = client.walk_blobs(
            name_starts_with=prefix,
            include=["metadata"],
            delimiter=delimiter,
            results_per_page=_PAGE,
        )
        pages = blobs.by_page(continuation_token=after)
        async for blob in await anext(pages):
            if not blob.has_key("size"):
                found.folders.append(blob.name)
            elif not _is_folder(blob):
                found.objects.append(Entry(blob.name, blob.size, blob.etag.strip('"')))
        return found, pages.continuation_token


def _is_folder(blob: Any) -> bool:
    """Whether a blob only stands for a folder, as Hadoop and accounts with real folders do it."""
    said = {name.lower(): value for name, value in (blob.metadata or {}).items()}
    return "true" in (said.get("hdi_isfolder"), said.get("is_directory"))
