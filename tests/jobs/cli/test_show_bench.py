"""A benchmark as people see it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from jobs.bench.benchmark import Benchmark
from jobs.bench.duel import Duel, Side
from jobs.bench.scaling import Scale
from jobs.cli.show_bench import tables
from jobs.extract.times import OTHER, STAGES, PhotoTimes, WorkerTimes

_TIMES = {"ssd": 0.0, "detector": 0.0, "pnet": 0.08, OTHER: 0.02}
_PHOTO = PhotoTimes(3, {**dict.fromkeys(STAGES, 0.01), **_TIMES})
_FOUND = Benchmark(
    input="photos",
    listed=500,
    machine={"cpu": "Abacus 9", "cores": 8},
    config={},
    worker=WorkerTimes([_PHOTO, _PHOTO], {"undecodable": 1}),
    duels=[
        Duel(
            "other",
            {"other": "2.0", "torch": "9.9"},
            Side([0.1, 0.3], 0.4, 1000),
            Side([0.5, 0.7], 1.8, 2),
            failed=1,
            failure="IndexError: no",
        )
    ],
    scaling=[
        Scale(
            workers=2,
            photos=400,
            shards=9,
            called=1000.0,
            begun=1003.21,
            committed=1035.21,
            returned=1040.0,
            shard_seconds=48.0,
            shard_cpu_seconds=47.0,
            loop_seconds=50.0,
        )
    ],
)


def _text(found: Benchmark) -> str:
    text = io.StringIO()
    Console(file=text, width=200).print(*tables(found), sep="\n")
    # Without the frame, whichever characters it is drawn with.
    lines = text.getvalue().replace("│", " ").replace("┃", " ").splitlines()
    return "\n".join(" ".join(line.split()) for line in lines)


@pytest.mark.parametrize(
    "line",
    [
        "stage median ms share min max",
        "P-Net 80.00 40.0% 80.00 80.00",
        "write 10.00 5.0% 10.00 10.00",
        "a photo 200.00 100.0% 200.00 200.00",
        "mtcnn-ray 200.0 200.0 1.00 1,000",
        "other 600.0 600.0 1.50 2",
        "ratio 3.00 x 3.00 x",
        "2 8.0 10.0 (0.62) 12.5 (0.78) 75% 73% 3.2",
    ],
)
def test_tables_hold(line: str) -> None:
    assert line in _text(_FOUND).split("\n")


def test_stages_of_another_detector_are_left_out() -> None:
    assert "SSD" not in _text(_FOUND)


@pytest.mark.parametrize(
    "caption",
    [
        "2 photos, 1 undecodable; 5.0 photos/s, 15.0 faces/s; Abacus 9, 8 cores",
        "2 photos; it failed on 1 more (IndexError: no); other 2.0, torch 9.9",
        "400 photos in 9 shards;",
    ],
)
def test_captions_hold(caption: str) -> None:
    assert caption in _text(_FOUND).replace("\n", " ")  # they wrap


def test_only_what_was_asked_for_is_shown() -> None:
    assert len(list(tables(replace(_FOUND, duels=[], scaling=[])))) == 1
