"""One worker, stage by stage, on real photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs.extract import times as times_module
from jobs.extract.config import load_config
from jobs.extract.job import ExtractJob
from jobs.extract.times import (
    OTHER,
    STAGES,
    WorkerTimes,
    time_sample,
    time_worker,
)
from jobs.messages.errors import UserError
from jobs.photos.sample import Pick
from jobs.sources.source import open_source
from mtcnn_core.weights.original import load_default


def _job(url: str) -> ExtractJob:
    config = load_config(None)
    return ExtractJob(open_source(url, config.input), config, dict(load_default().digests))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="module")
def demo(cache_folder: Path, parts: Path) -> WorkerTimes:
    pytest.importorskip("skimage")
    job = _job("demo:")
    photos = list(map(Pick, job.source.list()))
    return time_worker(job, photos, photos, str(parts))


def test_every_stage_is_there_in_order(demo: WorkerTimes) -> None:
    assert all(list(photo.seconds) == [*STAGES, OTHER] for photo in demo.photos)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in ("ssd", "detector")])
def test_every_stage_takes_time_on_photos_with_faces(demo: WorkerTimes, stage: str) -> None:
    assert all(photo.seconds[stage] > 0 for photo in demo.photos if photo.faces)


def test_no_time_is_counted_twice(demo: WorkerTimes) -> None:
    assert all(photo.seconds[OTHER] >= 0 for photo in demo.photos)


def test_a_broken_photo_is_counted_and_not_timed(demo: WorkerTimes) -> None:
    assert demo.left_out == {"undecodable": 1}
    assert len(demo.photos) == 12


def test_what_is_timed_is_written(demo: WorkerTimes, parts: Path) -> None:
    assert pq.read_table(parts / "images" / "part.parquet").num_rows == 13
    assert pq.read_table(parts / "faces" / "part.parquet").num_rows == demo.faces > 0


def test_rows_are_written_photo_by_photo(demo: WorkerTimes) -> None:
    assert len({photo.seconds["write"] for photo in demo.photos}) > 1


def test_photos_none_of_which_can_be_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("not a photo")
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    job = _job(str(tmp_path))
    photos = list(map(Pick, job.source.list()))
    with pytest.raises(UserError, match=r"1 unsupported, 1 undecodable"):
        time_worker(job, photos, photos, str(tmp_path / "out"))


def test_a_sample_is_timed_a_photo(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    for number, size in enumerate((40, 80)):
        Image.new("RGB", (size, size)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    job = _job(str(tmp_path))
    times = time_sample(job, list(job.source.list()))
    assert times is not None
    assert 0 < times.seconds < 10
    sizes = [(tmp_path / f"{number}.png").stat().st_size for number in range(2)]
    assert times.bytes == sum(sizes) / 2


def test_a_sample_is_a_few_photos_spread_over_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(48):
        Image.new("RGB", (40, 40)).save(tmp_path / f"{number:02d}.png")
    job = _job(str(tmp_path))
    members = list(job.source.list())
    taken: list[list[Pick]] = []

    def noted(job: ExtractJob, picks: list[Pick], *more: Any) -> WorkerTimes:
        taken.append(picks)
        return time_worker(job, picks, *more)

    monkeypatch.setattr(times_module, "time_worker", noted)
    assert time_sample(job, members) is not None
    assert taken == [[Pick(member, 1) for member in members[::4]]]


def test_a_sample_without_a_photo_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("not a photo")
    job = _job(str(tmp_path))
    assert time_sample(job, list(job.source.list())) is None
    assert time_sample(job, []) is None
