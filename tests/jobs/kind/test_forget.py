"""The command `forget` on photos with faces, in this process."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from jobs.dataset import open_dataset
from jobs.engine.driver import working
from jobs.engine.driver.forget import Forgot
from jobs.engine.driver.summary import Summary
from jobs.engine.driver.verify import verify
from jobs.extract.config import load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.config import JobConfig
from jobs.kind.forget import forget_in
from jobs.kind.retry import retry
from jobs.kind.run import run_job
from jobs.messages.errors import UserError
from jobs.sources.demo import demo_folder
from tests.jobs.engine.outputs import part_digests
from tests.jobs.engine.retries import run_here
from tests.jobs.engine.traces_of import holding

SETS = ("run.shards.first=2", "run.shards.max_members=2", "detect.min_face=40", "run.workers=1")
TWO = "b-two.jpg"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(working, "dispatched", run_here)


@pytest.fixture
def folder(tmp_path: Path, cache_folder: Path) -> Path:
    """Three photos in two shards; one has two faces."""
    pytest.importorskip("skimage")
    (tmp_path / "in").mkdir()
    names = {"a.jpg": "faces/small.jpg", TWO: "faces/two.jpg", "c.jpg": "scenes/cat.jpg"}
    for name, picture in names.items():
        shutil.copy(demo_folder() / picture, tmp_path / "in" / name)
    return tmp_path / "in"


@pytest.fixture
def output(tmp_path: Path, folder: Path) -> str:
    extract(folder, str(tmp_path / "out"))
    return str(tmp_path / "out")


def extract(folder: Path, output: str, *sets: str) -> Summary:
    return run_job(EXTRACT, str(folder), output, load_config(None, sets=[*SETS, *sets]))


def forget(output: str, *keys: str, face: int | None = None) -> Forgot:
    return forget_in({output: EXTRACT}, keys, face, JobConfig())


def faces(output: str, key: str = TWO) -> list[dict[str, Any]]:
    return [row for row in rows(output, "faces") if row["key"] == key]


def rows(output: str, table: str) -> list[dict[str, Any]]:
    return open_dataset(output).read(table).to_pylist()


def photo(output: str, key: str) -> dict[str, Any]:
    [found] = (row for row in rows(output, "images") if row["key"] == key)
    return found


def names_of(folder: Path, output: str) -> list[str | bytes]:
    """All by which the photo of two is known, its crops among them."""
    data = (folder / TWO).read_bytes()
    crops = [face["crop"]["bytes"] for face in faces(output)]
    assert len(crops) == 2
    return [TWO, str(folder / TWO), hashlib.sha256(data).hexdigest(), *crops]


def test_a_photo_with_all_its_crops_is_gone_and_the_others_stay(folder: Path, output: str) -> None:
    names, others = names_of(folder, output), faces(output, "a.jpg")
    assert len(holding(output, *names)) == 3
    forget(output, TWO)
    assert holding(output, *names) == []
    assert faces(output, "a.jpg") == others
    assert verify(output) == []


def test_its_bytes_under_another_name_are_not_looked_at(folder: Path, output: str) -> None:
    forget(output, TWO)
    shutil.copy(folder / TWO, folder / "renamed.jpg")
    extract(folder, output)
    found = photo(output, "renamed.jpg")
    assert (found["status"], found["sha256"], found["num_faces"]) == ("forgotten", None, 0)
    assert faces(output, "renamed.jpg") == []
    assert verify(output) == []


def test_a_face_that_is_detected_again_stays_away(folder: Path, output: str) -> None:
    first, second = faces(output)
    forget(output, TWO, face=0)
    assert faces(output) == [second]
    assert photo(output, TWO)["num_faces"] == 1
    before = part_digests(Path(output))
    assert retry(EXTRACT, output, "ok").summary.processed == 2
    assert part_digests(Path(output)) == before
    assert holding(output, first["crop"]["bytes"]) == []
    assert verify(output) == []


def test_a_copy_of_its_photo_is_without_that_face_too(folder: Path, output: str) -> None:
    first, second = faces(output)
    forget(output, TWO, face=0)
    shutil.copy(folder / TWO, folder / "renamed.jpg")
    extract(folder, output)
    assert [face["crop"] for face in faces(output, "renamed.jpg")] == [second["crop"]]
    assert holding(output, first["crop"]["bytes"]) == []


def test_a_photo_that_has_changed_since_is_not_looked_at(folder: Path, output: str) -> None:
    forget(output, TWO, face=0)
    Image.open(folder / TWO).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / TWO)
    extract(folder, output, "run.changed=redo")
    assert photo(output, TWO)["status"] == "forgotten"
    assert faces(output) == []
    assert verify(output) == []


def test_all_pictures_of_a_file_are_its_photo(folder: Path, tmp_path: Path) -> None:
    picture = Image.open(folder / TWO).convert("RGB").resize((300, 200))
    pages = [picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    pages[0].save(folder / "pages.tiff", save_all=True, append_images=pages[1:])
    output = str(tmp_path / "pages")
    extract(folder, output, "input.frames=all")
    keys = [row["key"] for row in rows(output, "images")]
    assert {"pages.tiff#1", "pages.tiff#2"} < set(keys)
    forget(output, "pages.tiff")
    assert [row["key"] for row in rows(output, "images")] == [
        key for key in keys if not key.startswith("pages")
    ]
    assert holding(output, "pages.tiff") == []
    assert extract(folder, output, "input.frames=all").processed == 0
    assert verify(output) == []


def test_a_face_of_several_photos_is_refused(output: str) -> None:
    with pytest.raises(UserError, match=r"^--face is the number of a face of one photo: give its"):
        forget(output, TWO, "a.jpg", face=0)
