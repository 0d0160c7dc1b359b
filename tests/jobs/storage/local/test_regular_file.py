"""Only regular files are opened, and nothing that stands in their place is waited for."""

import os
from pathlib import Path

import pytest

from jobs.storage.local.regular_file import NotRegularError, open_regular


def test_a_file_is_opened_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    (tmp_path / "link").symlink_to("a")
    with open_regular(str(tmp_path / "link")) as file:
        assert file.read() == b"data"


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")  # opening it would wait for a writer
    for path, kind in ((tmp_path / "fifo", "FIFO"), ("/dev/zero", "device"), (tmp_path, "folder")):
        with pytest.raises(NotRegularError, match=f"not a regular file but a {kind}"):
            open_regular(str(path))


def test_a_device_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", None)
    with pytest.raises(NotRegularError):
        open_regular("/dev/null")


@pytest.mark.timeout(60)
def test_a_fifo_that_comes_at_the_last_moment_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"data")
    really_open = os.open

    def open_late(path: str, flags: int) -> int:
        file.unlink()
        os.mkfifo(file)
        return really_open(path, flags)

    monkeypatch.setattr(os, "open", open_late)
    open_files = len(os.listdir("/dev/fd"))
    with pytest.raises(NotRegularError, match="FIFO"):
        open_regular(str(file))
    assert len(os.listdir("/dev/fd")) == open_files
