"""What the stages of one worker took, as figures to show."""

from __future__ import annotations

from typing import Any

from jobs.bench.spread import Spread
from jobs.extract.times import OTHER, STAGES, WorkerTimes


def stages(times: WorkerTimes) -> dict[str, Spread]:
    """Seconds a photo by stage, in the order of the work."""
    return {
        stage: Spread.of([photo.seconds[stage] for photo in times.photos])
        for stage in (*STAGES, OTHER)
    }


def total(times: WorkerTimes) -> Spread:
    """Seconds a photo, all stages together."""
    return Spread.of([photo.total for photo in times.photos])


def share(times: WorkerTimes, stage: str) -> float:
    """A stage's part of the time of all photos together, from 0 to 1."""
    return sum(photo.seconds[stage] for photo in times.photos) / times.seconds


def stages_json(times: WorkerTimes) -> dict[str, Any]:
    """The stages of one worker as JSON values."""
    return {
        "photos": len(times.photos),
        "left_out": dict(times.left_out),
        "faces": times.faces,
        "photos_per_s": round(len(times.photos) / times.seconds, 4),
        "faces_per_s": round(times.faces / times.seconds, 4),
        "stages": {
            stage: {**spread.as_json(), "share": round(share(times, stage), 6)}
            for stage, spread in stages(times).items()
        },
        "total": total(times).as_json(),
    }
