"""All of a page of a web server, unless it is too long; only its end tells how long it is."""

from typing import Any

from fsspec.asyn import sync_wrapper

_READ_BYTES = 1 << 20


async def _read_page(fs: Any, url: str, most: int) -> bytes:
    """At most one byte more than `most`, of servers that do not stop too."""
    session = await fs.set_session()
    data = bytearray()
    async with session.get(fs.encode_url(url), **fs.kwargs) as response:
        fs._raise_not_found_for_status(response, url)
        async for piece in response.content.iter_chunked(_READ_BYTES):
            data += piece
            if len(data) > most:
                break
    return bytes(data[: most + 1])


# Of a file system of fsspec, to be asked with a deadline.
read_page = sync_wrapper(_read_page)


def is_page(path: str) -> bool:
    """Whether a web server gives the file."""
    return path.startswith(("http://", "https://"))
