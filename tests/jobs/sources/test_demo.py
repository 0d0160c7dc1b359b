"""The demo photos: what is there, that it is built once, and what is missing without it."""

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from jobs.messages.errors import UserError
from jobs.sources.demo import demo_folder
from jobs.sources.settings import InputSettings
from jobs.sources.source import open_source

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    pytest.importorskip("skimage", reason="needs the extra 'demo'")
    monkeypatch.setenv("MTCNN_RAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def photos(label: str = "folder") -> dict[str, bytes]:
    source = open_source("demo:", InputSettings.model_validate({"label": label}))
    read = dict(source.stream(list(source.list())))
    return {member.key: data for member, data in read.items() if isinstance(data, bytes)}


def pixels(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.asarray(upright.convert("RGB"), np.int16)


@pytest.mark.usefixtures("cache")
def test_there_are_faces_scenes_and_a_broken_photo() -> None:
    source = open_source("demo:", InputSettings())
    labels = [member.label for member in source.list()]
    assert (labels.count("faces"), labels.count("scenes"), labels.count("broken")) == (6, 6, 1)


@pytest.mark.usefixtures("cache")
def test_members_are_sorted_and_tell_uri_size_and_hash() -> None:
    members = list(open_source("demo:", InputSettings()).list())
    data = photos()
    assert [member.key for member in members] == sorted(data)
    for member in members:
        content = data[member.key]
        assert member.uri == f"demo:{member.key}"
        assert member.size == len(content)
        assert member.version == hashlib.sha256(content).hexdigest()


@pytest.mark.usefixtures("cache")
def test_no_labels_on_request() -> None:
    source = open_source("demo:", InputSettings(label="none"))
    assert {member.label for member in source.list()} == {None}


@pytest.mark.usefixtures("cache")
def test_all_but_the_broken_one_decode() -> None:
    for key, data in photos().items():
        if key == "broken/truncated.jpg":
            with pytest.raises(OSError, match="truncated"):
                pixels(data)
        else:
            assert pixels(data).shape[2] == 3


@pytest.mark.usefixtures("cache")
def test_the_rotated_photo_is_upright_once_its_orientation_is_applied() -> None:
    data = photos()
    assert Image.open(io.BytesIO(data["faces/rotated.jpg"])).getexif()[0x0112] == 6
    difference = pixels(data["faces/rotated.jpg"]) - pixels(data["faces/astronaut.jpg"])
    assert np.abs(difference).mean() < 2


@pytest.mark.usefixtures("cache")
def test_the_grey_photo_is_grey() -> None:
    assert Image.open(io.BytesIO(photos()["faces/grey.png"])).mode == "L"


@pytest.mark.usefixtures("cache")
def test_a_file_over_the_limit_is_not_read() -> None:
    source = open_source("demo:", InputSettings())
    read = [data for _, data in source.stream(list(source.list()), max_bytes=100_000)]
    assert sum(not isinstance(data, bytes) for data in read) == 5


def test_it_is_built_once_and_leaves_nothing_else(cache: Path) -> None:
    folder = demo_folder()
    before = folder.stat()
    assert demo_folder() == folder
    assert folder.stat().st_ino == before.st_ino
    assert list(cache.iterdir()) == [folder]


def test_processes_that_build_it_at_once_agree(cache: Path) -> None:
    # Each waits for a line, so that all start together.
    script = "input(); from jobs.sources.demo import demo_folder; print(demo_folder())"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[0].strip() for process in processes]
    assert len(set(said)) == 1
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert list(cache.iterdir()) == [Path(said[0])]
    assert len(photos()) == 13


def test_without_scikit_image_it_says_what_to_install(tmp_path: Path) -> None:
    # -S and -I leave out site-packages' own finder; what is left has everything but skimage.
    script = (
        "import sys, importlib.machinery as m\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'skimage': return None\n"
        "        return m.PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[:] = [*sys.meta_path[:2], Without()]\n"
        "from jobs.sources.demo import demo_folder\n"
        "demo_folder()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "MTCNN_RAY_CACHE": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr.splitlines()[-1] == (
        f"{UserError.__module__}.UserError: "
        "demo: needs scikit-image's pictures: pip install 'mtcnn-ray[demo]'"
    )
