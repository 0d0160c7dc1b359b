"""A file system of fsspec that says what a test tells it to."""

from __future__ import annotations

import io
from typing import Any

from fsspec import AbstractFileSystem

Answer = bytes | int | Exception


class Scripted(AbstractFileSystem):  # type: ignore[misc]
    """Answers as it is told, the last one for ever; sizes to `info`, bytes to `cat_file`.

    Attributes:
        asked: The methods that were called.
    """

    cachable = False

    def __init__(self, sizes: list[Answer], contents: list[Answer], version: str = "v1") -> None:
        super().__init__()
        self.asked: list[str] = []
        self._answers = {"info": list(sizes), "cat_file": list(contents)}
        self._version = version

    def _next(self, method: str) -> Any:
        self.asked.append(method)
        answers = self._answers[method]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def info(self, path: str, **keywords: Any) -> dict[str, Any]:
        return {"name": path, "size": self._next("info"), "type": "file", "ETag": self._version}

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **keywords: Any
    ) -> bytes:
        data: bytes = self._next("cat_file")
        return data[start or 0 : end]

    def open(self, path: str, mode: str = "rb", **keywords: Any) -> io.BytesIO:
        return io.BytesIO(self._next("cat_file"))
