"""What can become of a photo, as the dataset's readers rely on it."""

from __future__ import annotations

from typing import get_args

from jobs.photos.statuses import FAILED_STATUSES, MEANINGS, Status

_STATUSES = [
    "ok",
    "no_face",
    "undecodable",
    "unsupported",
    "too_large",
    "too_small",
    "unreadable",
    "timeout",
    "crashed",
    "forgotten",
]


def test_statuses_are_the_contract() -> None:
    assert list(get_args(Status)) == _STATUSES
    assert set(_STATUSES) > FAILED_STATUSES


def test_what_may_be_better_another_time_counts_as_failed() -> None:
    assert {"unreadable", "timeout", "crashed"} == FAILED_STATUSES


def test_every_status_has_a_meaning() -> None:
    assert list(MEANINGS) == _STATUSES
    assert all(MEANINGS.values())
