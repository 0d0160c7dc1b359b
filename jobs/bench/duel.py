"""Two detectors on the same photos, in turn."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.bench.rivals import Detect
from jobs.bench.spread import Spread
from jobs.messages.errors import UserError


@dataclass
class Side:
    """One of the two detectors.

    Attributes:
        seconds: A photo's time each.
        cpu_seconds: CPU seconds of all threads of the process, over all photos.
        faces: Found in all photos.
    """

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    faces: int = 0

    @property
    def cores(self) -> float:
        """Cores kept busy on average; 1 is one thread."""
        return self.cpu_seconds / sum(self.seconds)

    def add(self, lap: _Lap) -> None:
        """Adds the time of one photo."""
        self.seconds.append(lap.seconds)
        self.cpu_seconds += lap.cpu_seconds
        self.faces += lap.faces

    def as_json(self) -> dict[str, Any]:
        """The times of one detector as JSON values."""
        return {
            **Spread.of(self.seconds).as_json(),
            "faces": self.faces,
            "cores": round(self.cores, 3),
        }


@dataclass(frozen=True)
class Duel:
    """Two detectors on the same photos, in turn.

    Attributes:
        rival: Name of the other package.
        versions: Package -> version, of the other.
        ours: Times of this package.
        theirs: Times of the other package.
        failed: Photos on which the other raised; they are in neither's times.
        failure: The first thing it raised.
    """

    rival: str
    versions: Mapping[str, str]
    ours: Side
    theirs: Side
    failed: int = 0
    failure: str | None = None

    @property
    def ratio_of_medians(self) -> float:
        """The median time of the other over ours: how often as fast this is on the usual photo."""
        return Spread.of(self.theirs.seconds).median / Spread.of(self.ours.seconds).median

    @property
    def ratio_of_sums(self) -> float:
        """The time of the other for all photos over ours."""
        return sum(self.theirs.seconds) / sum(self.ours.seconds)

    def as_json(self) -> dict[str, Any]:
        """The duel as JSON values."""
        return {
            "rival": self.rival,
            "versions": dict(self.versions),
            "photos": len(self.ours.seconds),
            "failed": self.failed,
            "failure": self.failure,
            "ours": self.ours.as_json(),
            "theirs": self.theirs.as_json(),
            "ratio_of_medians": round(self.ratio_of_medians, 4),
            "ratio_of_sums": round(self.ratio_of_sums, 4),
        }


def duel(
    rival: str,
    versions: Mapping[str, str],
    ours: Detect,
    theirs: Detect,
    photos: Iterable[NDArray[np.uint8]],
) -> Duel:
    """Times two detectors photo by photo, so that a slower minute of the machine hits both.

    Each sees the first photo once before, untimed.

    Args:
        rival: Name of the other package.
        versions: Versions of the other package.
        ours: This package's detector.
        theirs: The other's.
        photos: uint8 ``(h, w, 3)`` RGB each.

    Raises:
        UserError: The other fails on every photo.
    """
    our_side, their_side = Side(), Side()
    failures: list[str] = []
    for number, photo in enumerate(photos):
        try:
            if number == 0:
                theirs(photo)
            their_lap = _lap(theirs, photo)
        except Exception as error:  # each package has its own; counted and shown
            failures.append(f"{type(error).__name__}: {error}".partition("\n")[0])
            continue
        if not our_side.seconds:
            ours(photo)
        our_side.add(_lap(ours, photo))
        their_side.add(their_lap)
    if not our_side.seconds:
        raise UserError(
            f"{rival} fails on every photo ({failures[0] if failures else 'there is none'}): "
            "install another version of it or give other photos"
        )
    failure = failures[0] if failures else None
    return Duel(rival, versions, our_side, their_side, len(failures), failure)


@dataclass(frozen=True)
class _Lap:
    seconds: float
    cpu_seconds: float
    faces: int


def _lap(detect: Detect, photo: NDArray[np.uint8]) -> _Lap:
    began, cpu = time.perf_counter(), time.process_time()
    faces = detect(photo)
    return _Lap(time.perf_counter() - began, time.process_time() - cpu, faces)
