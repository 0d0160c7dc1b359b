"""The job `embed` as users run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import mtcnn_ray
from tests.system.outputs import Finished, committed, contents
from tests.system.processes import kill_driver, running, wait_until

SHARDS = ("--set", "run.shards.first=4", "--set", "run.shards.step=100")


@pytest.fixture(scope="module")
def embedded(one_worker: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The vectors of all faces, by the model that is there without being named."""
    output = tmp_path_factory.mktemp("vectors") / "out"
    return Finished(output, mtcnn_ray("embed", one_worker.output, output, "--workers", 1, *SHARDS))


def test_every_face_has_its_vector(embedded: Finished, one_worker: Finished) -> None:
    assert embedded.done.returncode == 0, embedded.done.stderr
    count = len(one_worker.rows("faces"))
    assert f"{count} of {count} faces, 0 failed" in embedded.done.stderr
    found = [(row["key"], row["face_index"]) for row in embedded.rows("embeddings")]
    assert found == [(row["key"], row["face_index"]) for row in one_worker.rows("faces")]
    assert mtcnn_ray("verify", embedded.output).returncode == 0


def test_killed_and_resumed_by_two_workers_it_is_the_same(
    embedded: Finished, one_worker: Finished, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = ("embed", one_worker.output, output, "--workers", 2, *SHARDS)
    with running(*command) as process:
        wait_until(lambda: bool(committed(output)), process)
        kill_driver(process)
    resumed = mtcnn_ray(*command)
    assert resumed.returncode == 0, resumed.stderr
    assert contents(output) == contents(embedded.output)
