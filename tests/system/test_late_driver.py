"""Drivers that stand still for longer than their lease lasts, while another one takes over."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobs.engine.lease import claims, lease
from jobs.engine.lease.claims import Periods
from jobs.messages.errors import UserError
from tests.servers.object_store import ObjectStore
from tests.system.late import Place, Stops, driver, without_ray

_LONG_S = 10_000.0  # more than a lease lasts
_FAST = Periods(renew_s=0.5, expiry_s=3.0, look_s=0.1)
_LIMIT_S = 100  # a hang, not a slow machine
_SEED = 20240607
_STOPS = 3  # of a process, in the default run
_MOMENTS = 36  # at least, of a retry of rows in a shared file


class Clock:
    """What drivers go by; time passes at once where it would have to be waited for."""

    def __init__(self) -> None:
        self._passed_s = 0.0
        self._now = claims.now

    def __call__(self) -> float:
        return self._now() + self._passed_s

    def passes(self) -> None:
        """More time than a lease lasts."""
        self._passed_s += _LONG_S


# What is there when the first driver begins.


def nothing(place: Place) -> None:
    """There is no output."""
    place.lose()
    place.find()


def done(place: Place) -> None:
    """The job is done; an item could not be read."""
    place.lose()
    place.find()
    place.plan()
    place.lose()
    place.run()


def grown(place: Place) -> None:
    """The job is done, and the input has new files."""
    done(place)
    place.add()


def found(place: Place) -> None:
    """The job is done, and the item that could not be read can be now."""
    done(place)
    place.find()


def compacted(place: Place) -> None:
    """The same, with all rows in one file."""
    done(place)
    place.compact()
    place.find()


@dataclass(frozen=True)
class Case:
    """Two drivers: the first stands still, the second takes over.

    Attributes:
        before: Brings about what is there.
        first: The command of the first.
        second: That of the second.
        finishes: Whether the job is done when that has ended; else it is run to its end afterwards.
    """

    before: Callable[[Place], None]
    first: str
    second: str
    finishes: bool = True

    def __str__(self) -> str:
        return f"{self.before.__name__}-{self.first}-{self.second}"


_DEFAULT = (
    Case(nothing, "run", "run"),
    Case(grown, "run", "run"),
    Case(compacted, "retry", "retry"),
    Case(done, "compact", "compact"),
)
_SLOW = (
    Case(grown, "run", "compact", finishes=False),
    Case(grown, "run", "retry", finishes=False),
    Case(found, "retry", "retry"),
    Case(found, "retry", "run"),
    Case(found, "retry", "compact"),
    Case(compacted, "retry", "run"),
    Case(compacted, "retry", "compact"),
    Case(done, "compact", "run"),
    Case(found, "compact", "retry"),
)
CASES = [*_DEFAULT, *(pytest.param(case, marks=pytest.mark.slow) for case in _SLOW)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An output in memory that is not there yet."""
    with without_ray():
        yield Place(f"memory://{uuid.uuid4().hex}/out", {}, tmp_path / "in", count=4)


def stopped(
    place: Place, case: Case, moment: int | None, *, counts: bool = True
) -> tuple[list[str], list[str]]:
    """What is wrong after the first driver stood still at a moment, and the moments it had.

    Args:
        place: The output.
        case: The drivers.
        moment: When; None is never.
        counts: Whether the clock of the first goes on meanwhile.
    """
    clock = Clock()
    known = set(claims._upheld)
    fine: set[str] = set()
    problems: list[str] = []

    def takes_over() -> None:
        if counts:
            clock.passes()
        claims._upheld.intersection_update(known)  # nobody stands by the claim of the first
        getattr(place, case.second)()
        fine.update(place.fine())
        if case.finishes:
            problems.extend(f"meanwhile: {each}" for each in place.problems(fine))

    stops = Stops({} if moment is None else {moment: takes_over})
    outcome = "ended"
    with pytest.MonkeyPatch.context() as patch, stops.of_this_thread():
        for module in (claims, lease):
            patch.setattr(module, "now", clock)
        try:
            getattr(place, case.first)()
        except UserError as error:  # among them that it has lost its lease
            outcome = f"{type(error).__name__}: {error}"
    if not case.finishes:
        place.run()
    problems += place.problems(fine)
    told = "" if moment is None else f"{moment} {stops.calls[moment]}, {outcome}: "
    return [told + problem for problem in problems], stops.calls


def all_problems(place: Place, case: Case, *, counts: bool = True) -> str:
    """What is wrong after the first driver stood still at any moment, in places beside one."""
    case.before(place)
    content = place.content()
    problems, calls = stopped(place.elsewhere().planted(content), case, None)
    for moment in range(len(calls)):
        here = place.elsewhere().planted(content)
        problems += stopped(here, case, moment, counts=counts)[0]
        here.remove()
    return "\n".join(problems)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_driver_that_comes_late_hurts_no_output_whichever_write_it_was_in(
    place: Place, case: Case
) -> None:
    problems = all_problems(place, case)
    assert not problems, problems


@pytest.mark.slow  # as in a virtual machine that is stopped from outside
@pytest.mark.parametrize("case", [c for c in (*_DEFAULT, *_SLOW) if c.finishes], ids=str)
def test_driver_whose_clock_stood_still_as_well_hurts_no_output(place: Place, case: Case) -> None:
    problems = all_problems(place, case, counts=False)
    assert not problems, problems


# The same with processes, and time that passes.


def _wait_until_stopped(process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + _LIMIT_S
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert process.poll() is None, f"it never stopped: {process.communicate()[0]}"
        assert time.monotonic() < end, "it hangs"
        time.sleep(0.02)


def _problems_of_process(place: Place, case: Case, moment: int) -> list[str]:
    with driver(place, case.first, moment, _FAST) as first:
        _wait_until_stopped(first)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lease, "PERIODS", _FAST)
            getattr(place, case.second)()
        fine = place.fine()
        os.kill(first.pid, signal.SIGCONT)
        told = first.communicate(timeout=_LIMIT_S)[0]
        assert first.returncode == 0, told
    return [f"{moment}, {told}: {problem}" for problem in place.problems(fine)]


def _stops(count: int) -> list[Any]:
    """Moments of a retry, all of them but some behind a mark."""
    rng, each = random.Random(_SEED), count // _STOPS
    chosen = {rng.randrange(start, start + each) for start in range(0, count, each)}
    return [
        pytest.param(moment, marks=[] if moment in chosen else pytest.mark.slow)
        for moment in range(count)
    ]


@pytest.mark.parametrize("moment", _stops(_MOMENTS))
def test_process_that_is_stopped_for_longer_than_its_lease_hurts_no_output_in_s3(
    s3: ObjectStore, tmp_path: Path, moment: int
) -> None:
    case = Case(compacted, "retry", "retry")
    place = Place(s3.folder(), s3.options, tmp_path / "in", count=4)
    with without_ray():
        case.before(place)
        assert not _problems_of_process(place, case, moment)
