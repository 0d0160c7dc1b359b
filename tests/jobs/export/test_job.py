"""Each format is read back as its own readers read it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.dataset import open_dataset
from jobs.export.kind import EXPORT
from jobs.kind.config import JobConfig
from jobs.kind.forget import forget_in
from jobs.kind.loading import load
from jobs.kind.run import run_job
from jobs.messages.errors import UserError
from jobs.registry import job_of
from tests.jobs.curate.made_up import Face, Photo, people
from tests.jobs.feed.feeds import Fed

FORMATS = ("imagefolder", "webdataset", "huggingface", "facenet")


def export(source: Path, output: Path, format_: str, **settings: object) -> Any:
    said = {f"export.{name}": value for name, value in settings.items()}
    flags = {"export.format": format_, "run.min_free_bytes": 0, **said}
    return run_job(EXPORT, str(source), str(output), load(EXPORT.config, None, flags))


def digests(output: Path) -> dict[str, str]:
    """All files but the record of how they were made."""
    return {
        str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(output.rglob("*"))
        if path.is_file() and "_job" not in path.parts
    }


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Fed:
    folder = tmp_path_factory.mktemp("export")
    photos = [
        *people(6, 4),
        Photo("x.y/Ann B. 01.jpg", "Ann B.", (Face("ann"), Face("bob"))),
        Photo("nobody.jpg", None, (Face("nobody"),)),
    ]
    return Fed.of(folder, photos, split="train=.6,val=.4")


def _crops(fed: Fed) -> dict[tuple[str, int], tuple[str, bytes]]:
    """Key and number of each face of the feed -> identity and crop."""
    names = {row["class_id"]: row["identity"] for row in fed.rows("classes")}
    return {
        (row["key"], row["face_index"]): (names[row["class_id"]], row["crop"]["bytes"])
        for row in fed.rows()
    }


def _image_folder(root: Path) -> Iterator[tuple[str, bytes]]:
    """As torchvision's `ImageFolder` finds them: class and file."""
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    assert classes
    for name in classes:
        found = [
            os.path.join(folder, file)
            for folder, _, files in sorted(os.walk(root / name, followlinks=True))
            for file in sorted(files)
            if file.lower().endswith((".jpg", ".jpeg", ".png"))
        ]
        assert found, f"no valid file for the class {name}"
        yield from ((name, Path(file).read_bytes()) for file in found)


def test_image_folder(fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path, "imagefolder")
    found = [each for split in ("train", "val") for each in _image_folder(tmp_path / split)]
    expected = [(name.replace("Ann B.", "Ann_B_"), crop) for name, crop in _crops(fed).values()]
    assert sorted(found) == sorted(expected)


def test_image_folder_as_datasets_reads_it(fed: Fed, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    export(fed.output, tmp_path / "out", "imagefolder")
    read = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "out" / "train"), cache_dir=str(tmp_path / "cache")
    )["train"]
    splits = {row["identity"]: row["split"] for row in fed.rows("classes")}
    names = {n.replace("Ann B.", "Ann_B_") for n, split in splits.items() if split == "train"}
    assert set(read.features["label"].names) == names


def test_webdataset(fed: Fed, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    export(fed.output, tmp_path, "webdataset")
    urls = sorted(map(str, tmp_path.glob("*/*.tar")))
    samples = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False))
    ids = fed.classes()
    found = {}
    for sample in samples:
        about = json.loads(sample["json"])
        assert int(sample["cls"]) == about["class_id"] == ids[about["identity"]]
        found[about["key"], about["face_index"]] = about["identity"], sample["jpg"]
    assert found == _crops(fed)
    assert len({sample["__key__"] for sample in samples}) == len(samples)


def test_hugging_face(fed: Fed, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    export(fed.output, tmp_path / "out", "huggingface")
    read = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert set(read) == {"train", "val"}
    names = read["train"].features["label"].names
    rows = [
        row
        for split in read.values()
        for row in split.cast_column("image", datasets.Image(decode=False))
    ]
    found = {
        (row["key"], row["face_index"]): (names[row["label"]], row["image"]["bytes"])
        for row in rows
    }
    assert found == _crops(fed)
    assert read["val"][0]["image"].size == (16, 16)


def test_facenet(fed: Fed, tmp_path: Path) -> None:
    """By the rules of davidsandberg's `get_dataset`, `get_image_paths` and `lfw.py`."""
    export(fed.made.faces, tmp_path, "facenet")
    root = tmp_path / "train"
    classes = sorted(name for name in os.listdir(root) if os.path.isdir(root / name))
    assert "Ann_B_" in classes and "unlabelled" in classes
    for name in classes:
        paths = sorted(os.listdir(root / name))
        # lfw.py: name + '_' + '%04d' % number, with .jpg or .png.
        assert paths == [f"{name}_{number:04d}.jpg" for number in range(1, len(paths) + 1)]
    boxes = min(root.glob("bounding_boxes_*.txt"))
    path, *sides = boxes.read_text().splitlines()[0].split(" ")
    assert (tmp_path / path).is_file()
    assert [int(side) for side in sides] == [80, 80, 120, 120]


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_bytes_again_and_nothing_to_do(format_: str, fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path / "one", format_)
    export(fed.output, tmp_path / "two", format_)
    before = digests(tmp_path / "one")
    assert digests(tmp_path / "two") == before
    assert export(fed.output, tmp_path / "one", format_).processed == 0
    assert digests(tmp_path / "one") == before


@pytest.mark.parametrize("format_", FORMATS)
def test_a_damaged_or_strange_file_is_found(format_: str, fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path, format_)
    kind = job_of(str(tmp_path), {})
    assert kind.problems(str(tmp_path), {}) == []
    rows = open_dataset(str(tmp_path)).read("files").to_pylist()
    file = tmp_path / rows[0]["path"]
    data = bytearray(file.read_bytes())
    crop = _crops(fed)[rows[0]["key"], rows[0]["face_index"]][1]
    data[bytes(data).index(crop) + len(crop) // 2] ^= 1
    file.write_bytes(data)
    (file.parent / "stranger.jpg").write_bytes(b"x")
    problems = kind.problems(str(tmp_path), {})
    assert any(rows[0]["path"] in problem for problem in problems)
    assert any("stranger.jpg" in problem for problem in problems)


@pytest.mark.parametrize("format_", FORMATS)
def test_files_of_who_is_forgotten_go(format_: str, tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(4, 3))
    output = tmp_path / "out"
    export(fed.made.faces, output, format_)
    key = "p001/1.jpg"
    rows = open_dataset(str(output)).read("files").to_pylist()
    (crop,) = [row["sha256"] for row in rows if row["key"] == key]
    forget_in({str(fed.made.faces): job_of(str(fed.made.faces), {})}, [key], None, JobConfig())
    export(fed.made.faces, output, format_)
    assert job_of(str(output), {}).problems(str(output), {}) == []
    left = open_dataset(str(output)).read("files").to_pylist()
    assert len(left) == 11 and crop not in {row["sha256"] for row in left}
    if format_ in {"imagefolder", "facenet"}:
        assert len([path for path in (output / "train").rglob("*.jpg")]) == 11
        assert crop not in digests(output).values()


def test_forgetting_in_an_export_is_refused(fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path, "imagefolder")
    with pytest.raises(UserError, match="run 'mtcnn-ray export' again"):
        forget_in({str(tmp_path): job_of(str(tmp_path), {})}, ["x"], None, JobConfig())


def test_a_condition_leaves_out(fed: Fed, tmp_path: Path) -> None:
    export(fed.made.faces, tmp_path, "imagefolder", where="label = 'p002'")
    assert [entry.name for entry in (tmp_path / "train").iterdir()] == ["p002"]


def test_what_a_killed_worker_left_is_removed(fed: Fed, tmp_path: Path) -> None:
    folder = tmp_path / "train" / "p000"
    folder.mkdir(parents=True)
    (folder / f".x.jpg.{'0' * 32}.tmp").write_bytes(b"half")
    export(fed.made.faces, tmp_path, "imagefolder")
    assert all(path.suffix == ".jpg" for path in folder.iterdir())


def test_vectors_are_refused(fed: Fed, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give one of extract, or of feed"):
        export(fed.made.vectors, tmp_path, "imagefolder")
