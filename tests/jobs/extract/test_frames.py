"""What the job makes of files with several pictures."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardReport
from jobs.engine.settings import ShardSizes
from jobs.engine.workers.worker import Worker
from jobs.extract.config import Config, load_config
from jobs.photos.frames import as_containers
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import part_digests
from tests.jobs.extract.test_extractor import Rows, _job, _process

_ALL = [
    *("album.tif#1", "album.tif#2", "album.tif#3", "broken.gif"),
    *("fade_in.gif#1", "fade_in.gif#2", "one.png"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An animation and a TIFF that begin in black, a plain photo and a damaged file."""
    data = pytest.importorskip("skimage.data")
    folder = tmp_path_factory.mktemp("frames")
    photo = Image.fromarray(data.astronaut()).crop((60, 0, 420, 300))
    black = Image.new("RGB", photo.size)
    black.save(folder / "fade_in.gif", save_all=True, append_images=[photo])
    black.save(folder / "album.tif", save_all=True, append_images=[photo, photo])
    photo.save(folder / "one.png")
    (folder / "broken.gif").write_bytes(b"GIF89a")
    return folder


def _config(*sets: str) -> Config:
    return load_config(None, sets=["detect.min_face=60", "crop.format=none", *sets])


def _rows(
    photos: Path,
    config: Config,
    wants: Sequence[str] | None = None,
    verdicts: dict[int, str] | None = None,
    careful: bool = False,
) -> Rows:
    job = _job(photos, config)
    members = list(as_containers(job.source.list, config.input.frames)())
    chosen = None if wants is None else wants.__contains__
    return _process(job, members, verdicts, careful, wants=chosen)


@pytest.fixture(scope="module")
def rows(photos: Path, cache_folder: Path) -> Rows:
    return _rows(photos, _config("input.frames=all"))


def test_the_first_is_looked_at_and_the_row_says_of_how_many(photos: Path) -> None:
    found = _rows(photos, _config()).images.to_pylist()
    assert [(row["key"], row["status"], row["frames"]) for row in found] == [
        ("album.tif", "no_face", 3),
        ("broken.gif", "undecodable", None),
        ("fade_in.gif", "no_face", 2),
        ("one.png", "ok", 1),
    ]


def test_faces_know_the_size_of_their_photo(rows: Rows) -> None:
    found = rows.faces.to_pylist()
    assert {(row["image_width"], row["image_height"]) for row in found} == {(360, 300)}


def test_each_picture_is_a_row(rows: Rows) -> None:
    assert [(row["key"], row["num_faces"], row["frames"]) for row in rows.images.to_pylist()] == [
        *(("album.tif#1", 0, 3), ("album.tif#2", 1, 3), ("album.tif#3", 1, 3)),
        *(("broken.gif", 0, None), ("fade_in.gif#1", 0, 2), ("fade_in.gif#2", 1, 2)),
        ("one.png", 1, 1),
    ]
    (page,), (plain,) = rows.faces_of("album.tif#3"), rows.faces_of("one.png")
    assert page["box"] == plain["box"]


def test_so_many_as_were_asked_for(photos: Path) -> None:
    found = _rows(photos, _config("input.frames=2")).images.column("key").to_pylist()
    assert found == [key for key in _ALL if key != "album.tif#3"]


@pytest.mark.parametrize("careful", [False, True])
def test_a_picture_that_kills_its_worker_costs_no_other(
    photos: Path, rows: Rows, careful: bool
) -> None:
    config = _config("input.frames=all")
    found = _rows(photos, config, verdicts={1: "crashed"}, careful=careful)
    assert found.images.column("key").to_pylist() == _ALL
    for row in found.images.to_pylist():
        if row["key"] == "album.tif#2":
            assert row["status"] == "crashed"
        else:
            assert row == rows.image(row["key"])


@pytest.mark.parametrize("careful", [False, True])
def test_pictures_that_are_not_tried_again_are_passed_over(
    photos: Path, rows: Rows, careful: bool
) -> None:
    wanted = ["album.tif#3", "fade_in.gif#2"]
    found = _rows(photos, _config("input.frames=all"), wanted, careful=careful)
    assert found.images.to_pylist() == [rows.image(key) for key in wanted]


def test_parts_are_the_same_whether_pictures_are_in_hand_one_by_one_or_together(
    photos: Path, tmp_path: Path
) -> None:
    job = _job(photos, _config("input.frames=all"))
    written = []
    for careful in (False, True):
        storage = Storage(str(tmp_path / f"careful-{careful}"))
        plan = Plan(storage)
        plan.extend(as_containers(job.source.list, "all")(), ShardSizes())
        worker = Worker(storage.url, {}, ())
        worker.start(pickle.dumps(job))
        [spec] = plan.shards()
        report = worker.run(replace(spec, careful=careful))
        assert isinstance(report, ShardReport) and report.members == len(_ALL)
        written.append(part_digests(Path(storage.url)))
    assert written[0] == written[1] != {}
