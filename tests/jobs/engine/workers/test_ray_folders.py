"""Where Ray keeps its files: as it chooses itself, where that serves."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from jobs.engine.workers.ray_folders import ray_folders
from jobs.messages.errors import NotNowError


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder is chosen, by variables or by Python."""
    for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_that_serves_is_left_to_ray(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    assert ray_folders() == {}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv(variable, folder)
        assert ray_folders() == {}
        monkeypatch.setenv(variable, f"{folder}/made/later")
        assert ray_folders() == {}


def test_a_path_too_long_for_sockets_gives_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / ("x" * 60)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    assert ray_folders() == {"_temp_dir": "/tmp/ray"}


def test_a_folder_that_cannot_be_made_gives_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", "/dev/null/here")
    assert ray_folders() == {"_temp_dir": "/tmp/ray"}


@pytest.mark.parametrize("folder", ["/dev/null/here", "/" + "x" * 90, "relative"])
def test_what_somebody_has_chosen_for_ray_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", folder)
    with pytest.raises(NotNowError, match="set RAY_TMPDIR to one that can be written and whose"):
        ray_folders()
