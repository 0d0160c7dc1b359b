"""The figures of the stages: each on its own, and all of them together."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.bench.stages import share, stages, stages_json, total
from jobs.extract.config import load_config
from jobs.extract.job import ExtractJob
from jobs.extract.times import OTHER, STAGES, PhotoTimes, WorkerTimes, time_worker
from jobs.photos.sample import Pick
from jobs.sources.source import open_source
from mtcnn_core.weights.original import load_default


@pytest.fixture(scope="module")
def demo(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> WorkerTimes:
    """Of real photographs."""
    pytest.importorskip("skimage")
    config = load_config(None)
    source = open_source("demo:", config.input)
    job = ExtractJob(source, config, dict(load_default().digests))
    photos = list(map(Pick, source.list()))
    return time_worker(job, photos, photos, str(tmp_path_factory.mktemp("parts")))


def test_every_stage_is_there_in_order(demo: WorkerTimes) -> None:
    assert list(stages(demo)) == list(stages_json(demo)["stages"]) == [*STAGES, OTHER]


def test_shares_add_up_to_the_whole(demo: WorkerTimes) -> None:
    assert sum(share(demo, stage) for stage in (*STAGES, OTHER)) == pytest.approx(1)


def test_means_of_the_stages_add_up_to_the_mean_of_a_photo(demo: WorkerTimes) -> None:
    values = stages_json(demo)
    means = sum(stage["mean_ms"] for stage in values["stages"].values())
    assert means == pytest.approx(values["total"]["mean_ms"], rel=1e-3)


def test_rates_are_those_of_the_total(demo: WorkerTimes) -> None:
    values = stages_json(demo)
    seconds = values["photos"] * values["total"]["mean_ms"] / 1e3
    assert values["photos_per_s"] == pytest.approx(values["photos"] / seconds, rel=1e-3)
    assert values["faces_per_s"] == pytest.approx(values["faces"] / seconds, rel=1e-3)


def test_json_says_how_many_photos_and_what_became_of_the_others(demo: WorkerTimes) -> None:
    values = stages_json(demo)
    assert (values["photos"], values["left_out"]) == (12, {"undecodable": 1})
    assert values["faces"] == demo.faces > 0


def test_a_share_is_of_all_photos_together() -> None:
    def photo(read: float, pnet: float) -> PhotoTimes:
        return PhotoTimes(1, dict.fromkeys((*STAGES, OTHER), 0.0) | {"read": read, "pnet": pnet})

    times = WorkerTimes([photo(1, 1), photo(0, 2), photo(2, 2)], {})
    assert share(times, "read") == 3 / 8
    assert share(times, "pnet") == 5 / 8
    assert stages(times)["pnet"].median == 2
    assert total(times).mean == 8 / 3
