"""The import path of the command: what is installed comes before what is the user's."""

import os
import sys
from pathlib import Path

import mtcnn_ray
import pytest
from mtcnn_ray import installed_first

_HERE = Path(mtcnn_ray.__file__).parent
OWN = [str(_HERE)] if (_HERE / "jobs" / "cli").is_dir() else [str(_HERE.parents[1]), str(_HERE)]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script in a folder of its own, and nothing on PYTHONPATH."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin" / "mtcnn-ray")])
    monkeypatch.delenv("PYTHONPATH", raising=False)


def test_what_is_installed_stays_in_order() -> None:
    path = ["/python/zip", "/python", "/site", *OWN]
    assert installed_first(path) == path


def test_the_folder_of_the_script_is_left_out(tmp_path: Path) -> None:
    assert installed_first([str(tmp_path / "bin"), "/python", *OWN]) == ["/python", *OWN]


@pytest.mark.parametrize("name", ["", "."])
def test_the_working_folder_is_left_out(name: str) -> None:
    assert installed_first([name, "/python", *OWN]) == ["/python", *OWN]


def test_pythonpath_is_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/b", "", "/a"]))
    assert installed_first(["/b", "", "/a", "/python", *OWN]) == ["/python", *OWN, "/b", "/a"]


def test_the_working_folder_by_name_on_pythonpath_is_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert installed_first([str(tmp_path), "/python", *OWN]) == ["/python", *OWN, str(tmp_path)]


def test_more_folders_are_last() -> None:
    assert installed_first(["/x", "/python", *OWN], ["/x"]) == ["/python", *OWN, "/x"]


def test_this_program_may_be_on_pythonpath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/a", *OWN]))
    assert installed_first(["/a", *OWN, "/python"]) == [*OWN, "/python", "/a"]


def test_this_program_finds_itself() -> None:
    assert installed_first(["/python"]) == [*OWN, "/python"]


def test_a_whole_path_is_left_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    path = [os.path.dirname(os.__file__), "/site", *OWN, "/a"]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    assert installed_first([*path, "/python"]) == [*path, "/python"]


def test_a_working_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert installed_first(["", "/python", *OWN]) == ["/python", *OWN]
