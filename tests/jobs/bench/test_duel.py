"""Two detectors in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.bench.duel import Duel, Side, duel
from jobs.bench.rivals import Detect
from jobs.messages.errors import UserError


def _photos(count: int) -> list[NDArray[np.uint8]]:
    """Photo i is i wide."""
    return [np.zeros((1, width, 3), np.uint8) for width in range(1, count + 1)]


def _recording(name: str, calls: list[str], fails: Sequence[int] = ()) -> Detect:
    """Finds as many faces as the photo is wide."""

    def detect(image: NDArray[np.uint8]) -> int:
        width = int(image.shape[1])
        calls.append(f"{name}{width}")
        if width in fails:
            raise IndexError(f"no crop for photo {width}\nand so on")
        return width

    return detect


def _run(count: int, fails: Sequence[int] = ()) -> tuple[Duel, list[str]]:
    calls: list[str] = []
    ours, theirs = _recording("o", calls), _recording("t", calls, fails)
    return duel("other", {}, ours, theirs, iter(_photos(count))), calls


def test_photos_go_to_both_in_turn() -> None:
    found, calls = _run(3)
    timed = [call for i, call in enumerate(calls) if call not in calls[:i] or call[1] != "1"]
    assert timed[-4:] == ["t2", "o2", "t3", "o3"]
    assert (len(found.ours.seconds), len(found.theirs.seconds)) == (3, 3)
    assert (found.ours.faces, found.theirs.faces) == (6, 6)


def test_both_see_the_first_photo_once_more_before() -> None:
    _, calls = _run(3)
    assert {call: calls.count(call) for call in calls} == {
        **{"t1": 2, "o1": 2},
        **{"t2": 1, "o2": 1, "t3": 1, "o3": 1},
    }


@pytest.mark.parametrize("fails", [[1], [2], [1, 3]])
def test_photos_the_other_fails_on_are_in_neither_side(fails: list[int]) -> None:
    found, _ = _run(4, fails)
    assert found.failed == len(fails)
    assert found.failure == f"IndexError: no crop for photo {fails[0]}"
    assert len(found.ours.seconds) == len(found.theirs.seconds) == 4 - len(fails)
    assert found.ours.faces == found.theirs.faces == 10 - sum(fails)


def test_the_other_failing_on_all_photos_is_an_error() -> None:
    with pytest.raises(UserError, match=r"fails on every photo \(IndexError: no crop"):
        _run(2, [1, 2])


def test_an_error_of_ours_is_not_hidden() -> None:
    with pytest.raises(IndexError):
        duel("other", {}, _recording("o", [], [2]), _recording("t", []), _photos(2))


def test_ratios_are_theirs_to_ours() -> None:
    ours, theirs = Side([0.1, 0.2, 0.6], 0.9, 4), Side([0.4, 0.8, 1.5], 2.7, 4)
    found = Duel("other", {}, ours, theirs)
    assert found.ratio_of_medians == pytest.approx(4)
    assert found.ratio_of_sums == pytest.approx(3)
    assert found.as_json()["ratio_of_medians"] == 4


def _busy(cpu_seconds: float) -> None:
    end = time.process_time() + cpu_seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(
    ("wait", "low", "high"), [(time.sleep, 0.0, 0.09), (_busy, 0.1, 1.2)], ids=["idle", "busy"]
)
def test_cores_are_cpu_time_over_time(
    wait: Callable[[float], None], low: float, high: float
) -> None:
    def theirs(image: NDArray[np.uint8]) -> int:
        wait(0.1)
        return 0

    found = duel("other", {}, lambda image: 0, theirs, _photos(2))
    assert low <= found.theirs.cores <= high
