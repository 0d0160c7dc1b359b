"""Where paths and URLs lead, and what is said of a file that is not there."""

from __future__ import annotations

import io
import os
import uuid
import zipfile
from pathlib import Path

import fsspec
import pytest

from jobs.messages.errors import UserError
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.named_files import NamedFiles
from jobs.storage.place import Place
from jobs.storage.remote.remote_tree import RemoteTree


def place_of(url: object) -> Place:
    return Place.of(str(url), {}, 60.0)


def refusal(place: Place) -> str:
    with pytest.raises(UserError) as caught:
        place.open()
    return str(caught.value)


def test_a_path_is_on_this_machine_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for url in ("a/b", "~/a/b", f"file://{tmp_path}/a/b", f"{tmp_path}/a/b"):
        place = place_of(url)
        assert (place.path, place.fs) == (f"{tmp_path}/a/b", None)
        assert isinstance(place.tree(place.path), LocalTree)


def test_a_url_is_elsewhere_and_its_chain_is_kept() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a/b.jpg", b"b")
    inner = f"memory://{uuid.uuid4().hex}.zip"
    fsspec.filesystem("memory").pipe_file(inner, data.getvalue())
    place = place_of(f"zip://a/*.jpg::{inner}")
    tree = place.tree("a")
    assert isinstance(tree, RemoteTree)
    assert (place.inner, tree.uri("b.jpg")) == (f"::{inner}", f"zip://a/b.jpg::{inner}")


@pytest.mark.parametrize(
    ("url", "wildcards"), [("/a", "*?["), ("memory://a", "*?["), ("https://host/a?b=c", "*[")]
)
def test_in_a_web_address_a_question_mark_is_no_wildcard(url: str, wildcards: str) -> None:
    if url.startswith("http"):
        pytest.importorskip("aiohttp")
    assert place_of(url).wildcards == wildcards


def test_a_file_is_read_anywhere(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    url = f"memory://{uuid.uuid4().hex}/a"
    fsspec.filesystem("memory").pipe_file(url, b"0123456789")
    for place in (place_of(tmp_path / "a"), place_of(url)):
        with place.open() as file:
            file.seek(7)
            assert file.read() == b"789"


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "a"
    assert refusal(place_of(missing)) == f"there is no file '{missing}': check the path"
    assert refusal(place_of("memory://nowhere/a")) == (
        "there is no file 'memory://nowhere/a': check the address"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0)
    assert refusal(place_of(tmp_path / "a")) == (
        f"cannot read '{tmp_path / 'a'}' (permission denied): make it readable"
    )


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_what_is_named_is_a_folder_a_glob_or_a_file(tmp_path: Path, kind: str) -> None:
    root = str(tmp_path) if kind == "local" else f"memory://{uuid.uuid4().hex}"
    fs, path = fsspec.url_to_fs(root)
    for key in ("a/1.jpg", "a/2.png", "b.jpg"):
        fs.makedirs(f"{path}/a", exist_ok=True)
        fs.pipe_file(f"{path}/{key}", b"x")

    def keys(name: str) -> list[str]:
        return [entry.key for entry in NamedFiles.of(place_of(f"{root}/{name}")).entries()]

    assert keys("") == ["a/1.jpg", "a/2.png", "b.jpg"]
    assert keys("a") == ["1.jpg", "2.png"]
    assert keys("**/*.jpg") == ["a/1.jpg", "b.jpg"]
    assert keys("a/2.png") == ["2.png"]
    with pytest.raises(UserError, match="there is no file or folder"):
        keys("c.jpg")
