"""Photos for whole jobs, and finished jobs that several tests look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from jobs.sources.demo import demo_folder
from tests.command import mtcnn_ray
from tests.servers.fixtures import azure, bad_http, gcs, s3
from tests.system.outputs import Finished

__all__ = ["azure", "bad_http", "gcs", "s3"]

SHARDS = ("--set", "run.shards.first=3", "--set", "run.shards.step=100")
FOLDERS = ("plain", "bright", "mirrored", "small")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """33 photos in four folders, made of the demo's: enough for eleven shards of three."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("photos")
    demo = demo_folder()
    pictures = [
        Image.open(demo / name).convert("RGB")
        for name in (
            "faces/astronaut.jpg",
            "faces/two.jpg",
            "faces/mirrored.jpg",
            "scenes/coffee.jpg",
            "scenes/cat.jpg",
            "scenes/rocket.jpg",
            "scenes/grass.png",
            "faces/small.jpg",
        )
    ]
    for name in FOLDERS:
        (folder / name).mkdir()
        for number, picture in enumerate(pictures):
            if name == "bright":
                picture = ImageEnhance.Brightness(picture).enhance(1.3)
            if name == "mirrored":
                picture = ImageOps.mirror(picture)
            if name == "small":
                picture = ImageOps.scale(picture, 0.6)
            picture.save(folder / name / f"{number}.jpg", quality=92)
    broken = (demo / "broken" / "truncated.jpg").read_bytes()
    (folder / "plain" / "broken.jpg").write_bytes(broken)
    return folder


@pytest.fixture(scope="session")
def many_photos(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """330 photos in ten folders."""
    folder = tmp_path_factory.mktemp("many")
    for copy in range(10):
        for file in sorted(photos.glob("*/*.jpg")):
            target = folder / f"{copy:02d}" / f"{file.parent.name}-{file.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
    return folder


@pytest.fixture(scope="session")
def demo_job(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Finished:
    """The demo, run to its end by two workers."""
    pytest.importorskip("skimage")
    output = tmp_path_factory.mktemp("demo") / "out"
    return Finished(output, mtcnn_ray("extract", "demo:", output, "--workers", 2))


@pytest.fixture(scope="session")
def one_worker(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Finished:
    """The photos, run to their end by one worker that nothing disturbed."""
    output = tmp_path_factory.mktemp("one") / "out"
    return Finished(output, mtcnn_ray("extract", photos, output, "--workers", 1, *SHARDS))
