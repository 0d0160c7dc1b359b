"""The same photos in every kind of input, wherever it lies, give the same rows."""

from __future__ import annotations

import csv
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.extract.config import load_config
from jobs.extract.job import ExtractJob
from jobs.sources.demo import demo_folder
from jobs.sources.source import open_source
from mtcnn_core.weights.original import load_default
from tests.command import mtcnn_ray
from tests.servers.object_store import ObjectStore
from tests.system.outputs import rows

Rows = dict[str, list[dict[str, Any]]]


def keys_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def as_folder(photos: Path, folder: Path) -> str:
    shutil.copytree(photos, folder / "photos")
    return "photos"


def as_tar(photos: Path, folder: Path) -> str:
    with tarfile.open(folder / "photos.tar", "w") as archive:
        for key in keys_in(photos):
            archive.add(photos / key, f"./{key}")
    return "photos.tar"


def as_compressed_tar(photos: Path, folder: Path) -> str:
    with tarfile.open(folder / "photos.tgz", "w:gz") as archive:
        for key in keys_in(photos):
            archive.add(photos / key, key)
    return "photos.tgz"


def as_parquet(photos: Path, folder: Path) -> str:
    pictures = [{"bytes": (photos / key).read_bytes(), "path": key} for key in keys_in(photos)]
    pq.write_table(pa.table({"image": pictures}), folder / "photos.parquet", row_group_size=3)
    return "photos.parquet"


def as_manifest(photos: Path, folder: Path) -> str:
    shutil.copytree(photos, folder, dirs_exist_ok=True)
    with (folder / "photos.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["uri"], *([key] for key in keys_in(photos))])
    return "photos.csv"


KINDS: Mapping[str, Callable[[Path, Path], str]] = {
    "folder": as_folder,
    "tar": as_tar,
    "tgz": as_compressed_tar,
    "parquet": as_parquet,
    "manifest": as_manifest,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """Some of the demo's, one of them broken and one with a name that is not ASCII."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("photos")
    for key in ("faces/rotated.jpg", "faces/two.jpg", "scenes/cat.jpg", "broken/truncated.jpg"):
        (folder / key).parent.mkdir(exist_ok=True)
        shutil.copy(demo_folder() / key, folder / key)
    (folder / "faces" / "rotated.jpg").rename(folder / "faces" / "früh, 1.jpg")
    return folder


def extracted(url: str, options: Mapping[str, Any] | None = None) -> Rows:
    """The rows without what tells where the photos are, in this process."""
    config = load_config(None, {"input.storage_options": dict(options or {})})
    source = open_source(url, config.input)
    job = ExtractJob(source, config, dict(load_default().digests))
    found: Rows = {"images": [], "faces": []}
    extractor = job.start()
    for name, batch in extractor.rows(extractor.read(list(source.list()))):
        found[name] += [{**row, "uri": None} for row in batch.to_pylist()]
    return found


@pytest.fixture(scope="module")
def expected(photos: Path) -> Rows:
    found = extracted(str(photos))
    assert len(found["images"]) == 4
    assert len(found["faces"]) >= 3
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_same_from_this_disk(
    photos: Path, expected: Rows, tmp_path: Path, kind: str
) -> None:
    name = KINDS[kind](photos, tmp_path)
    assert extracted(str(tmp_path / name)) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["s3", "azure"])
def test_rows_are_the_same_from_an_object_store(
    request: pytest.FixtureRequest,
    photos: Path,
    expected: Rows,
    tmp_path: Path,
    kind: str,
    where: str,
) -> None:
    store = request.getfixturevalue(where)
    assert isinstance(store, ObjectStore)
    name = KINDS[kind](photos, tmp_path)
    assert extracted(f"{store.upload(tmp_path)}/{name}", store.options) == expected


@pytest.mark.parametrize("kind", ["tar", "parquet", "manifest"])
def test_whole_job_on_a_container(photos: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "in").mkdir()
    name = KINDS[kind](photos, tmp_path / "in")
    done = mtcnn_ray("extract", tmp_path / "in" / name, tmp_path / "out", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert [row["key"] for row in rows(tmp_path / "out", "images")] == keys_in(photos)
    assert mtcnn_ray("verify", tmp_path / "out").returncode == 0
    again = mtcnn_ray("extract", tmp_path / "in" / name, tmp_path / "out")
    assert "nothing was left to do" in again.stdout
