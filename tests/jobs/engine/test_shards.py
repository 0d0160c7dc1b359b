from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from jobs.engine.shards import ShardSpec

SPEC = ShardSpec("000-000001", "_job/plan/generation-000-00000.parquet", 1, 1024, 10**9)


def test_shard_that_killed_its_worker_is_tried_again_with_care() -> None:
    again = SPEC.after_death(None, max_attempts=4)
    assert again is not None
    assert (again.attempt, again.careful, dict(again.verdicts)) == (2, True, {})


def test_one_death_convicts_nobody() -> None:
    again = replace(SPEC, careful=True).after_death(7, max_attempts=4)
    assert again is not None
    assert dict(again.verdicts) == {}


def test_second_death_with_the_same_member_in_hand_convicts_it() -> None:
    careful = replace(SPEC, careful=True, attempt=3, deaths=2, suspects={7: 1})
    again = careful.after_death(7, max_attempts=4)
    assert again == replace(
        SPEC, careful=True, attempt=4, deaths=0, suspects={}, verdicts={7: "crashed"}
    )


def test_deaths_with_different_members_in_hand_convict_nobody() -> None:
    again = replace(SPEC, careful=True, suspects={7: 1}).after_death(8, max_attempts=4)
    assert again is not None
    assert dict(again.verdicts) == {}


def test_earlier_verdicts_stay() -> None:
    careful = replace(SPEC, careful=True, verdicts={3: "crashed"}, suspects={7: 1})
    again = careful.after_death(7, max_attempts=4)
    assert again is not None
    assert dict(again.verdicts) == {3: "crashed", 7: "crashed"}


@pytest.mark.parametrize("max_attempts", [1, 4])
def test_shard_is_given_up_after_its_last_attempt(max_attempts: int) -> None:
    spec: ShardSpec | None = SPEC
    attempts = 0
    while spec is not None:
        attempts = spec.attempt
        spec = spec.after_death(None, max_attempts)
    assert attempts == max_attempts


def test_spec_with_many_verdicts_stays_small() -> None:
    spec = replace(SPEC, verdicts=dict.fromkeys(range(200), "crashed"))
    assert len(pickle.dumps(spec)) < 10_000
