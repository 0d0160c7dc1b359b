from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

import pytest


def measured(what: str, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.system.scale", what, str(count)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(output)
    found: dict[str, Any] = json.loads(output)
    return found


def test_planning_holds_a_few_bytes_of_each_member() -> None:
    small, large = measured("plan", 20_000), measured("plan", 220_000)
    more = (large["peak_mb"] - small["peak_mb"]) * 2**20
    assert more / 200_000 < 300


@pytest.mark.slow
def test_two_million_members_are_planned_in_500_mb() -> None:
    assert measured("plan", 2_000_000)["peak_mb"] <= 500


@pytest.fixture(scope="module")
def dispatched() -> dict[str, Any]:
    return measured("dispatch", 20_000)


def test_driver_does_not_grow_with_the_shards_done(dispatched: dict[str, Any]) -> None:
    memory = dispatched["driver_mb_by_tenth"]
    assert memory[-1] - memory[0] <= 2  # with a list of the reports it is 16


def test_a_late_shard_costs_what_an_early_one_costs(dispatched: dict[str, Any]) -> None:
    rates = dispatched["shards_per_s_by_tenth"]
    # The first tenth holds the start; a list that is searched for every shard halves the last.
    assert statistics.median(rates[-4:]) > 0.6 * statistics.median(rates[1:5])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_shard_of_100_000_costs_what_one_of_1_000_costs() -> None:
    # In turn, for a machine that is busier in one minute than in the next.
    few = [measured("dispatch", 1_000)["shards_per_s_by_tenth"][1:] for _ in range(3)]
    many = measured("dispatch", 100_000)
    few += [measured("dispatch", 1_000)["shards_per_s_by_tenth"][1:] for _ in range(3)]
    usual = statistics.median(rate for rates in few for rate in rates)
    assert usual <= 1.2 * statistics.median(many["shards_per_s_by_tenth"])
    assert many["driver_mb_by_tenth"][-1] - many["driver_mb_by_tenth"][0] <= 10
