"""One worker, stage by stage, on real photographs."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.extract import ExtractJob
from jobs.extract.config import load_config
from jobs.extract.times import OTHER, STAGES, PhotoTimes, WorkerTimes, time_worker
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
    assert list(demo.stages()) == [*STAGES, OTHER]
    assert all(list(photo.seconds) == [*STAGES, OTHER] for photo in demo.photos)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "ssd"])
def test_every_stage_takes_time_on_photos_with_faces(demo: WorkerTimes, stage: str) -> None:
    assert all(photo.seconds[stage] > 0 for photo in demo.photos if photo.faces)


def test_no_time_is_counted_twice(demo: WorkerTimes) -> None:
    assert all(photo.seconds[OTHER] >= 0 for photo in demo.photos)


def test_shares_add_up_to_the_whole(demo: WorkerTimes) -> None:
    assert sum(map(demo.share, (*STAGES, OTHER))) == pytest.approx(1)


def test_means_of_the_stages_add_up_to_the_mean_of_a_photo(demo: WorkerTimes) -> None:
    values = demo.as_json()
    means = sum(stage["mean_ms"] for stage in values["stages"].values())
    assert means == pytest.approx(values["total"]["mean_ms"], rel=1e-3)


def test_rates_are_those_of_the_total(demo: WorkerTimes) -> None:
    values = demo.as_json()
    seconds = values["photos"] * values["total"]["mean_ms"] / 1e3
    assert values["photos_per_s"] == pytest.approx(values["photos"] / seconds, rel=1e-3)
    assert values["faces_per_s"] == pytest.approx(values["faces"] / seconds, rel=1e-3)


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


def test_a_share_is_of_all_photos_together() -> None:
    def photo(read: float, pnet: float) -> PhotoTimes:
        return PhotoTimes(1, dict.fromkeys((*STAGES, OTHER), 0.0) | {"read": read, "pnet": pnet})

    times = WorkerTimes([photo(1, 1), photo(0, 2), photo(2, 2)], {})
    assert times.share("read") == 3 / 8
    assert times.share("pnet") == 5 / 8
    assert times.stages()["pnet"].median == 2
    assert times.total().mean == 8 / 3
