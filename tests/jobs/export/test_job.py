"""Each format is read back as its own readers read it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.dataset import open_dataset
from jobs.engine.driver.verify import verify
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
    """Exports in batches of some faces."""
    said = {f"export.{name}": value for name, value in settings.items()}
    flags = {"export.format": format_, "export.shard_bytes": 5000, "run.min_free_bytes": 0, **said}
    return run_job(EXPORT, str(source), str(output), load(EXPORT.config, None, flags))


def files(output: Path) -> dict[str, str]:
    """All files but the tables and the record of how they were made."""
    return {
        name: digest
        for name, digest in digests(output).items()
        if not name.startswith("files/") and name != "_SUCCESS"
    }


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


@pytest.mark.parametrize("format_", FORMATS)
def test_all_splits_as_datasets_reads_them(format_: str, fed: Fed, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    export(fed.output, tmp_path / "out", format_)
    read = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    counts = {name: 0 for name in ("train", "val")}
    for row in fed.rows():
        counts[row["split"]] += 1
    assert read.num_rows == counts


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
    # get_dataset: every folder of the folder is a class; get_image_paths: every file a photo.
    classes = sorted(name for name in os.listdir(root) if os.path.isdir(root / name))
    assert "Ann_B_" in classes and "unlabelled" in classes
    for name in classes:
        paths = sorted(os.listdir(root / name))
        # lfw.py: name + '_' + '%04d' % number, with .jpg or .png.
        assert paths == [f"{name}_{number:04d}.jpg" for number in range(1, len(paths) + 1)]
    (boxes,) = root.glob("bounding_boxes_*.txt")
    lines = [line.split(" ") for line in boxes.read_text().splitlines()]
    files = sorted(str(path.relative_to(tmp_path)) for path in root.glob("*/*"))
    assert sorted(path for path, *_ in lines) == files
    assert {tuple(map(int, sides)) for _, *sides in lines} == {(80, 80, 120, 120)}


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_bytes_again_and_nothing_to_do(format_: str, fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path / "one", format_)
    export(fed.output, tmp_path / "two", format_)
    before = digests(tmp_path / "one")
    assert digests(tmp_path / "two") == before
    assert export(fed.output, tmp_path / "one", format_).processed == 0
    assert digests(tmp_path / "one") == before


def problems(output: Path) -> list[str]:
    return job_of(str(output), {}).problems(str(output), {})


@pytest.mark.parametrize("format_", FORMATS)
def test_a_damaged_or_strange_file_is_found(format_: str, fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path, format_)
    assert problems(tmp_path) == []
    file = tmp_path / open_dataset(str(tmp_path)).read("files", ["path"])["path"][0].as_py()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    (file.parent / "stranger.jpg").write_bytes(b"x")
    name = file.relative_to(tmp_path)
    assert problems(tmp_path) == [
        f"{name} is not as it was written; delete it and run the job again.",
        f"{name.parent}/stranger.jpg belongs to no face; run the job again.",
    ]


def test_a_class_that_was_altered_in_a_tar_is_found(fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path, "webdataset")
    file = min(tmp_path.glob("train/*.tar"))
    data = file.read_bytes()
    place = data.index(b".cls")
    file.write_bytes(data[: place + 512] + b"9" + data[place + 513 :])
    assert len(problems(tmp_path)) == 1


@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_that_is_lost_is_made_anew(format_: str, fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path, format_)
    before = files(tmp_path)
    file = tmp_path / open_dataset(str(tmp_path)).read("files", ["path"])["path"][0].as_py()
    file.unlink()
    assert [str(file.relative_to(tmp_path)) in problem for problem in problems(tmp_path)] == [True]
    done = export(fed.output, tmp_path, format_)
    assert 0 < done.processed < len(fed.rows())
    assert files(tmp_path) == before
    assert verify(str(tmp_path)) == problems(tmp_path) == []


def test_boxes_that_are_lost_are_written_anew(fed: Fed, tmp_path: Path) -> None:
    export(fed.made.faces, tmp_path, "facenet")
    before = files(tmp_path)
    (boxes,) = tmp_path.glob("train/*.txt")
    boxes.write_text(boxes.read_text().replace("120", "121"))
    assert len(problems(tmp_path)) == 1
    export(fed.made.faces, tmp_path, "facenet")
    assert files(tmp_path) == before


@pytest.mark.parametrize("format_", FORMATS)
def test_files_of_who_is_forgotten_go(format_: str, tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, [*people(3, 3), *people(1, 1, "alone")])
    output = tmp_path / "out"
    export(fed.made.faces, output, format_)
    rows = open_dataset(str(output)).read("files").to_pylist()
    key = "alone000/0.jpg"
    (crop,) = [row["crop"]["bytes"] for row in faces(fed.made.faces) if row["key"] == key]
    assert any(crop in path.read_bytes() for path in output.rglob("*") if path.is_file())
    forget_in({str(fed.made.faces): job_of(str(fed.made.faces), {})}, [key], None, JobConfig())
    export(fed.made.faces, output, format_)
    assert verify(str(output)) == problems(output) == []
    assert len(open_dataset(str(output)).read("files")) == len(rows) - 1
    for path in output.rglob("*"):
        assert "alone" not in path.name
        content = b"" if path.is_dir() else path.read_bytes()
        assert crop not in content and b"alone" not in content


def faces(output: Path) -> list[dict[str, Any]]:
    return open_dataset(str(output)).read("faces").to_pylist()


def test_after_photos_were_added_it_is_as_if_they_had_been_there(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(3, 3))
    export(fed.made.faces, tmp_path / "out", "facenet")
    # In the middle, so that later files are called otherwise.
    photos = [*people(3, 3), Photo("p001/3.jpg", "p001", (Face("p1", 3),))]
    fed.made.make(photos)
    export(fed.made.faces, tmp_path / "out", "facenet")
    export(fed.made.faces, tmp_path / "new", "facenet")
    assert digests(tmp_path / "out" / "train") == digests(tmp_path / "new" / "train")
    assert problems(tmp_path / "out") == []


def test_forgetting_in_an_export_is_refused(fed: Fed, tmp_path: Path) -> None:
    export(fed.output, tmp_path, "imagefolder")
    with pytest.raises(UserError, match="run 'mtcnn-ray export' again"):
        forget_in({str(tmp_path): job_of(str(tmp_path), {})}, ["x"], None, JobConfig())


def test_a_condition_leaves_out(fed: Fed, tmp_path: Path) -> None:
    export(fed.made.faces, tmp_path, "imagefolder", where="label = 'p002'")
    assert [entry.name for entry in (tmp_path / "train").iterdir()] == ["p002"]


def test_faces_that_are_not_kept_stay_out(tmp_path: Path) -> None:
    two = Photo("p000/x.jpg", "p000", (Face("p0", 7), Face("p0", 8, is_kept=False)))
    fed = Fed.of(tmp_path, [*people(2, 2), two])
    export(fed.made.faces, tmp_path / "out", "imagefolder")
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 5


def test_a_split_that_comes_later_is_in_the_card(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(1, 2), split="train=.5,val=.5")
    export(fed.output, tmp_path / "out", "huggingface")
    fed.made.make(people(6, 2))
    fed.run(split="train=.5,val=.5")
    export(fed.output, tmp_path / "out", "huggingface")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "split: train" in card and "split: val" in card


def test_what_a_killed_worker_left_is_removed(fed: Fed, tmp_path: Path) -> None:
    class Killed(BaseException):
        """Stands for a kill."""

    replaced = os.replace

    def replace(source: str, target: str) -> None:
        if str(target).endswith("p002_3.jpg"):
            shutil.copy(source, f"{source}.tmp")  # a kill would leave it, an exception does not
            raise Killed
        replaced(source, target)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr(os, "replace", replace)
        export(fed.made.faces, tmp_path / "one", "imagefolder")
    assert list(tmp_path.rglob(".*.tmp"))
    export(fed.made.faces, tmp_path / "one", "imagefolder")
    export(fed.made.faces, tmp_path / "two", "imagefolder")
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_folder_with_files_of_others_is_refused(fed: Fed, tmp_path: Path) -> None:
    mine = tmp_path / "train" / "mine" / "x.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"x")
    with pytest.raises(UserError, match="'train' that is not empty"):
        export(fed.output, tmp_path, "imagefolder")
    assert mine.exists()


def test_what_lies_beside_the_splits_is_left_alone(fed: Fed, tmp_path: Path) -> None:
    mine = tmp_path / "models" / "mine" / "x.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"x")
    (tmp_path / "README.md").write_text("mine")
    export(fed.output, tmp_path, "imagefolder")
    assert mine.exists() and problems(tmp_path) == []
    assert (tmp_path / "README.md").read_text() == "mine"


def test_files_that_come_into_its_folders_later_are_removed_and_told(
    fed: Fed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    export(fed.output, tmp_path, "imagefolder")
    (tmp_path / "train" / "x.jpg").write_bytes(b"x")
    export(fed.output, tmp_path, "imagefolder")
    assert not (tmp_path / "train" / "x.jpg").exists()
    assert "(1, such as 'train/x.jpg')" in caplog.text


def test_a_split_that_is_called_like_the_table_is_refused(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(3, 2), split="files=1")
    with pytest.raises(UserError, match="cannot be called 'files'"):
        export(fed.output, tmp_path / "out", "imagefolder")


def test_vectors_are_refused(fed: Fed, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give one of extract, or of feed"):
        export(fed.made.vectors, tmp_path, "imagefolder")
