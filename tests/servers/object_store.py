"""An object store under test, whichever it is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import yaml


@dataclass(frozen=True)
class ObjectStore:
    """A store with one bucket, and who may use it.

    Attributes:
        bucket: URL of the bucket.
        options: Storage options that are accepted.
        wrong: The same with a secret that is not.
        secrets: What of both may never be shown.
        env: Variables that take the place of the options, where there are such.
    """

    bucket: str
    options: Mapping[str, Any]
    wrong: Mapping[str, Any]
    secrets: tuple[str, ...]
    env: Mapping[str, str]

    def folder(self) -> str:
        """URL of a folder that nobody else uses."""
        return f"{self.bucket}/{uuid.uuid4().hex}"

    def filesystem(self) -> Any:
        scheme = self.bucket.partition("://")[0]
        return fsspec.filesystem(scheme, **self.options)

    def config(self, file: Path, *, wrong: bool = False) -> Path:
        """Writes a config with the options of input and output."""
        options = dict(self.wrong if wrong else self.options)
        sections = {name: {"storage_options": options} for name in ("input", "output")}
        file.write_text(yaml.safe_dump(sections), encoding="utf-8")
        return file

    def upload(self, folder: Path) -> str:
        """Copies a local folder to one of its own; the URL of that."""
        url, filesystem = self.folder(), self.filesystem()
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            filesystem.pipe_file(f"{url}/{file.relative_to(folder)}", file.read_bytes())
        return url

    def download(self, url: str, folder: Path) -> Path:
        """Copies what lies below a URL to a local folder."""
        filesystem = self.filesystem()
        filesystem.invalidate_cache()
        root = filesystem._strip_protocol(url)
        for path in filesystem.find(root):
            file = folder / path[len(root) + 1 :]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(filesystem.cat_file(path))
        return folder
