from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest

from jobs.engine.shards import ShardSpec, Trace

SPEC = ShardSpec("000-000001", "_job/plan/generation-000-00000.parquet", 1, 1024, 10**9)


CAREFUL = replace(SPEC, careful=True)


def trace(item: int | None, **more: Any) -> Trace:
    return Trace(attempt=1, item=item, **more)


def test_shard_that_killed_its_worker_is_tried_again_with_care() -> None:
    again = SPEC.after_death(None, max_attempts=4)
    assert again == replace(SPEC, attempt=2, deaths=1, careful=True)


def test_item_in_hand_becomes_the_suspect() -> None:
    again = CAREFUL.after_death(trace(7), max_attempts=4)
    assert again == replace(CAREFUL, attempt=2, deaths=1, suspect=7, suspicions=1)


def test_third_death_with_the_suspect_in_hand_convicts_it() -> None:
    suspicious = replace(CAREFUL, attempt=4, deaths=3, suspect=7, suspicions=2)
    again = suspicious.after_death(trace(7, status="timeout"), max_attempts=4)
    assert again == replace(CAREFUL, attempt=5, verdicts={7: "timeout"})


def test_second_death_with_the_suspect_in_hand_speaks_against_it() -> None:
    again = replace(CAREFUL, suspect=7, suspicions=1).after_death(trace(7), max_attempts=4)
    assert again is not None
    assert (again.suspect, again.suspicions, dict(again.verdicts)) == (7, 2, {})


@pytest.mark.parametrize(
    ("found", "suspicions"),
    [(trace(8), 1), (trace(None), 0), (None, 0), (trace(7, cleared=True), 1)],
)
def test_other_deaths_clear_a_suspect(found: Trace | None, suspicions: int) -> None:
    again = replace(CAREFUL, suspect=7, suspicions=2).after_death(found, max_attempts=4)
    assert again is not None
    assert (again.suspicions, dict(again.verdicts)) == (suspicions, {})


def test_earlier_verdicts_stay() -> None:
    suspicious = replace(CAREFUL, verdicts={3: "crashed"}, suspect=7, suspicions=2)
    again = suspicious.after_death(trace(7), max_attempts=4)
    assert again is not None
    assert dict(again.verdicts) == {3: "crashed", 7: "crashed"}


@pytest.mark.parametrize("max_attempts", [1, 4])
def test_shard_is_given_up_after_its_last_attempt(max_attempts: int) -> None:
    assert attempts_until_given_up([None] * 100, max_attempts) == max_attempts


def test_deaths_with_progress_do_not_count_until_they_are_too_many() -> None:
    ever_others = [trace(item) for item in range(100)]
    assert attempts_until_given_up(ever_others, max_attempts=4) == 40


def attempts_until_given_up(found: list[Trace | None], max_attempts: int) -> int:
    spec: ShardSpec | None = SPEC
    attempts = 0
    for each in found:
        attempts += 1
        assert spec is not None
        spec = spec.after_death(each, max_attempts)
        if spec is None:
            break
    return attempts


def test_loss_of_a_node_blames_nobody() -> None:
    spec = replace(CAREFUL, suspect=7, suspicions=2, deaths=3)
    assert spec.after_loss(max_attempts=4) == replace(spec, attempt=2)


def test_shard_that_always_loses_its_node_is_given_up() -> None:
    assert replace(SPEC, attempt=39).after_loss(max_attempts=4) is not None
    assert replace(SPEC, attempt=40).after_loss(max_attempts=4) is None


def test_spec_with_many_verdicts_stays_small() -> None:
    spec = replace(SPEC, verdicts=dict.fromkeys(range(200), "crashed"))
    assert len(pickle.dumps(spec)) < 10_000
