"""A file of the output is fetched once, and read and counted from there."""

from __future__ import annotations

import errno
import hashlib
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest

from jobs.messages.errors import UserError
from jobs.storage.local_copy import read_once
from jobs.storage.storage import Storage


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_file_comes_with_its_digest_and_size(tmp_path: Path, kind: str) -> None:
    url = str(tmp_path) if kind == "local" else f"memory://{uuid.uuid4().hex}"
    storage = Storage(url)
    storage.publish_bytes(b"0123456789", "a/b")
    with read_once(storage, "a/b") as (file, sha256, size):
        assert (file.read(), size) == (b"0123456789", 10)
        assert sha256 == hashlib.sha256(b"0123456789").hexdigest()
        assert isinstance(file.seek(3), int) and file.read() == b"3456789"


def test_a_full_temporary_folder_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(f"memory://{uuid.uuid4().hex}")
    storage.publish_bytes(b"0123456789", "a/b")
    really = tempfile.TemporaryFile

    def full(*arguments: Any, **keywords: Any) -> Any:
        file = really(*arguments, **keywords)

        def write(data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(file, "write", write, raising=False)
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(UserError) as caught, read_once(storage, "a/b"):
        pass
    assert str(caught.value) == (
        f"there is no room in '{tempfile.gettempdir()}' for a copy of a file of the output: "
        "make some, or set TMPDIR to a folder that has it"
    )
