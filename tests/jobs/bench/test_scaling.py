"""The whole job against a plain loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.bench import scaling
from jobs.bench.scaling import Scale, time_scale, worker_counts
from jobs.extract.config import load_config
from jobs.kind.run import run_job
from jobs.messages.errors import UserError
from jobs.sources.source import open_source
from mtcnn_core.detectors import make_detector
from mtcnn_core.settings.detector import DetectorSettings

_SCALE = Scale(
    workers=4,
    photos=100,
    shards=5,
    called=1000.0,
    begun=1003.0,
    committed=1008.0,
    returned=1010.0,
    shard_seconds=15.0,
    shard_cpu_seconds=19.0,
    loop_seconds=20.0,
)


def test_times_are_those_between_the_moments() -> None:
    assert (_SCALE.seconds, _SCALE.start_seconds, _SCALE.work_seconds) == (10, 3, 5)


def test_busy_is_the_part_of_the_workers_time_spent_on_shards() -> None:
    assert _SCALE.busy == 0.75


def test_cpu_is_the_part_of_the_workers_cores_that_was_used() -> None:
    assert _SCALE.cpu == 0.95


def test_ratios_are_to_as_many_loops_as_workers() -> None:
    assert _SCALE.loop_photos_per_s == 5
    assert (_SCALE.photos_per_s, _SCALE.ratio) == (10, 0.5)
    assert (_SCALE.working_photos_per_s, _SCALE.working_ratio) == (20, 1)


@pytest.mark.parametrize(("text", "counts"), [("1", [1]), ("1,2,16", [1, 2, 16]), ("2, 1", [2, 1])])
def test_worker_counts(text: str, counts: list[int]) -> None:
    assert worker_counts(text) == counts


@pytest.mark.parametrize("text", ["", "0", "1,0", "-1", "1,", "two", "1.5", "1;2"])
def test_what_is_no_list_of_worker_counts(text: str) -> None:
    with pytest.raises(UserError, match="--scaling takes numbers of workers such as 1,2,4"):
        worker_counts(text)


@pytest.fixture(scope="module")
def timed(cache_folder: Path) -> tuple[Scale, list[str]]:
    """What was found, and in which order photos of the loop and the job had their turn."""
    pytest.importorskip("skimage")
    config = load_config(None, {"detect.min_face": 60.0}, ["run.shards.first=5"])
    source = open_source("demo:", config.input)
    turns: list[str] = []

    def noted(turn: str, do: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: (turns.append(turn), do(*arguments))[1]

    def noting_detector(settings: DetectorSettings) -> object:
        return SimpleNamespace(detect=noted("photo", make_detector(settings).detect))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaling, "make_detector", noting_detector)
        patch.setattr(scaling, "run_job", noted("job", run_job))
        found = time_scale("demo:", source, list(source.list()), config, 1)
    return found, turns


@pytest.fixture(scope="module")
def scale(timed: tuple[Scale, list[str]]) -> Scale:
    return timed[0]


def test_half_of_the_loop_comes_before_the_job_and_half_after(
    timed: tuple[Scale, list[str]],
) -> None:
    assert timed[1] == ["photo"] * 6 + ["job"] + ["photo"] * 6


def test_every_photo_that_can_be_decoded_is_counted(scale: Scale) -> None:
    assert (scale.workers, scale.photos) == (1, 12)


def test_shards_are_those_of_the_config(scale: Scale) -> None:
    assert scale.shards == 3


def test_moments_are_in_order(scale: Scale) -> None:
    assert scale.called < scale.begun < scale.committed < scale.returned


def test_one_worker_has_one_shard_at_a_time(scale: Scale) -> None:
    # File systems keep times to a few milliseconds.
    assert 0 < scale.shard_seconds <= scale.work_seconds + 0.02


def test_the_loop_is_detection_alone(scale: Scale) -> None:
    assert 0 < scale.loop_seconds < scale.seconds
