"""A path behind fsspec, and what is believed of a storage that errs now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jobs.storage.faults import ContradictionError, is_transient
from jobs.storage.patience import PATIENCE, Patience, ask
from jobs.storage.remote.web_page import is_page, read_page

_VERSIONS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")


@dataclass(frozen=True)
class RemotePath:
    """A file or folder of a file system of fsspec.

    Errors that pass are waited for; of what does not pass, such as that there is no such file, the
    storage is asked again before it is believed.

    Attributes:
        fs: The file system.
        path: As it names it.
        timeout_s: Deadline of each request.
        patience: How often a request is tried again.
        refusals: How often it has to say no before that is believed.
    """

    fs: Any = field(repr=False)
    path: str
    timeout_s: float
    patience: Patience = PATIENCE
    refusals: int = 2

    def info(self) -> dict[str, Any]:
        """What the storage says of it now, right or wrong; one request."""
        self._forget_listings()
        info: dict[str, Any] = self._ask(self.fs.info, self.path)
        return info

    def sure_info(self, *told: int | None) -> dict[str, Any]:
        """What the storage says of a file, with a size that has been said twice.

        Args:
            told: Sizes that are known from elsewhere: one of them, said again, is enough, but 0.

        Raises:
            ContradictionError: It says another size each time.
        """
        heard = {size for size in told if size != 0}  # who knows nothing says 0
        for _ in range(max(2, self.patience.attempts)):
            info = self.info()
            size = size_of(info)
            if size is None or size in heard:
                return info
            heard.add(size)
        raise ContradictionError(f"no two sizes of '{self.path}' agree")

    def content(
        self, whole: Callable[[bytes], bool] | None = None, most: int | None = None
    ) -> bytes:
        """All of a file; what is not `whole` counts as an error that passes.

        Of a page of a web server, one byte more than `most` is the most that is read.
        """
        if most is None or not is_page(self.path):
            return bytes(self._ask(self.fs.cat_file, self.path, whole=whole))
        return bytes(self._ask(read_page, self.fs, self.path, most, whole=whole))

    def part(self, start: int, stop: int) -> bytes:
        """A part of a file; more than that from storage that does not know ranges.

        Raises:
            CutOffError: It gives less, however often it is asked.
        """

        def whole(data: bytes) -> bool:
            return len(data) >= stop - start

        return bytes(self._ask(self.fs.cat_file, self.path, start=start, end=stop, whole=whole))

    def children(self, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """What lies directly in a folder, as storage says now."""
        self._forget_listings()
        return list(self._ask(self.fs.ls, self.path, detail=True, timeout_s=timeout_s))

    def remove(self) -> None:
        """Removes a file."""
        self._ask(self.fs.rm_file, self.path)

    def _forget_listings(self) -> None:
        """Those that fsspec keeps are old, and over a data lake they are gigabytes."""
        self.fs.invalidate_cache()
        self.fs.dircache.clear()  # which the line above forgets for web servers

    def _ask(
        self,
        method: Callable[..., Any],
        *arguments: object,
        timeout_s: float | None = None,
        **keywords: Any,
    ) -> Any:
        keywords |= {"timeout_s": timeout_s or self.timeout_s, "patience": self.patience}
        for _ in range(self.refusals - 1):
            try:
                return ask(method, *arguments, **keywords)
            except Exception as error:
                if is_transient(error):
                    raise
        return ask(method, *arguments, **keywords)


def size_of(info: dict[str, Any]) -> int | None:
    """Bytes of an fsspec entry; None if the storage does not tell."""
    size = info.get("size")
    return None if size is None else int(size)


def version_of(info: dict[str, Any]) -> str:
    """ETag, checksum or modification time of an fsspec entry; empty if it has none."""
    return next(iter(_versions(info)), "")


def is_other(info: dict[str, Any], version: str) -> bool:
    """Whether an fsspec entry has another version than it was listed with, if it has any."""
    versions = _versions(info)
    return bool(version and versions) and version not in versions


def _versions(info: dict[str, Any]) -> list[str]:
    """All that tell a version; a listing need not give the same ones as a look at a file."""
    values = (info.get(name) for name in _VERSIONS)
    return [
        value.isoformat() if hasattr(value, "isoformat") else str(value).strip('"')
        for value in values
        if value is not None
    ]
