"""A path behind fsspec, and what is believed of a storage that errs now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jobs.storage.patience import PATIENCE, Patience, ask, is_transient
from jobs.storage.read_error import ContradictionError
from jobs.storage.remote.web_page import is_page, read_page

_VERSIONS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")


@dataclass(frozen=True)
class RemotePath:
    """A file or folder of a file system of fsspec.

    Errors that pass are waited for; of what does not pass, such as that there is no such file, the
    storage is asked a second time before it is believed.

    Attributes:
        fs: The file system.
        path: As it names it.
        timeout_s: Deadline of each request.
        patience: How often a request is tried again.
    """

    fs: Any = field(repr=False)
    path: str
    timeout_s: float
    patience: Patience = PATIENCE

    def info(self) -> dict[str, Any]:
        """What the storage says of a file, right or wrong; one request."""
        info: dict[str, Any] = self._ask("info")
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
            self.forget_listings()
            info = self.info()
            size = size_of(info)
            if size is None or size in heard:
                return info
            heard.add(size)
        raise ContradictionError(f"no two sizes of '{self.path}' agree")

    def content(self, least: int = 0, most: int | None = None) -> bytes:
        """All of a file; what has fewer bytes than `least` counts as an error that passes.

        Of a page of a web server, one byte more than `most` is the most that is read.
        """
        if most is None or not is_page(self.path):
            return bytes(self._ask("cat_file", least))
        return bytes(self._asked(read_page, (self.fs, self.path, most), least, self.timeout_s))

    def part(self, start: int, stop: int) -> bytes:
        """A part of a file; more than that from storage that does not know ranges.

        Raises:
            CutOffError: It gives less, however often it is asked.
        """
        return bytes(self._ask("cat_file", stop - start, start=start, end=stop))

    def children(self, timeout_s: float) -> list[dict[str, Any]]:
        """What lies directly in a folder."""
        self.forget_listings()
        children: list[dict[str, Any]] = self._ask("ls", detail=True, timeout_s=timeout_s)
        return children

    def forget_listings(self) -> None:
        """Listings that fsspec keeps are old, and over a data lake they are gigabytes."""
        self.fs.invalidate_cache()
        self.fs.dircache.clear()  # which the line above forgets for web servers

    def _ask(
        self, method: str, least: int = 0, timeout_s: float | None = None, **keywords: Any
    ) -> Any:
        call = getattr(self.fs, method)
        return self._asked(call, (self.path,), least, timeout_s or self.timeout_s, **keywords)

    def _asked(
        self,
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        least: int,
        timeout_s: float,
        **keywords: Any,
    ) -> Any:
        def asked() -> Any:
            return ask(
                call,
                *arguments,
                timeout_s=timeout_s,
                patience=self.patience,
                whole=lambda answer: len(answer) >= least,
                **keywords,
            )

        try:
            return asked()
        except Exception as error:
            if is_transient(error):
                raise
            return asked()


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
