"""A whole job from and to Google Cloud Storage, with objects of odd names."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.sources.demo import demo_folder
from jobs.storage.storage import Storage
from tests.command import mtcnn_ray
from tests.servers.object_store import ObjectStore
from tests.system.outputs import rows

_TOLERANT = ("--set", "run.max_failed_fraction=0.5")
_LOST = "two.jpg"
# Key -> the demo's photo, and its status.
_PHOTOS = {
    "/small.jpg": ("faces/small.jpg", "ok"),
    "odd//two.jpg": ("faces/two.jpg", "ok"),
    "odd/cat.jpg": ("scenes/cat.jpg", "no_face"),
    "truncated.jpg": ("broken/truncated.jpg", "undecodable"),
    _LOST: ("faces/two.jpg", "ok"),
}


@pytest.fixture(scope="module")
def output(gcs: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that ended when one photo could not be read, tried again when it could; its copy."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("gcs")
    source, there, filesystem = gcs.folder(), gcs.folder(), gcs.filesystem()
    for key, (photo, _) in _PHOTOS.items():
        filesystem.pipe_file(f"{source}/{key}", (demo_folder() / photo).read_bytes())
    config = ("--config", gcs.config(folder / "config.yaml"))

    def run(*arguments: object) -> None:
        done = mtcnn_ray(*arguments, *config, env=gcs.env)
        assert done.returncode == 0, done.stderr

    run("plan", source, there)
    filesystem.rm_file(f"{source}/{_LOST}")
    run("extract", source, there, "--workers", 1, *_TOLERANT)
    before = rows(gcs.download(there, folder / "before"), "images")
    assert {row["key"] for row in before if row["status"] == "unreadable"} == {_LOST}
    photo = demo_folder() / _PHOTOS[_LOST][0]
    filesystem.pipe_file(f"{source}/{_LOST}", photo.read_bytes())
    run("retry", there, "--workers", 1)
    run("verify", there)
    return gcs.download(there, folder / "after")


def test_every_object_is_a_row(output: Path) -> None:
    found = {row["key"]: row["status"] for row in rows(output, "images")}
    assert found == {key: status for key, (_, status) in _PHOTOS.items()}


def test_a_photo_that_was_tried_again_has_the_faces_of_one_that_was_not(output: Path) -> None:
    faces: dict[str, list[bytes]] = {_LOST: [], "odd//two.jpg": []}
    for row in rows(output, "faces"):
        if row["key"] in faces:
            faces[row["key"]].append(row["crop"]["bytes"])
    assert faces[_LOST] == faces["odd//two.jpg"] != []


def test_the_uri_is_where_the_photo_is(output: Path, gcs: ObjectStore) -> None:
    filesystem = gcs.filesystem()
    for row in rows(output, "images"):
        photo = demo_folder() / _PHOTOS[row["key"]][0]
        assert filesystem.cat_file(row["uri"]) == photo.read_bytes()


def test_of_two_that_create_a_file_the_storage_refuses_the_second(gcs: ObjectStore) -> None:
    first = Storage(gcs.folder(), gcs.options)
    second = Storage(first.url, gcs.options)
    assert first.fenced
    assert first.create_bytes(b"first", "a")
    assert not second.create_bytes(b"second", "a")
    assert first.read_bytes("a") == b"first"
