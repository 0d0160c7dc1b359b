"""Workers come with the nodes of a cluster, and go with them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from tests.command import mtcnn_ray, start
from tests.system.outputs import rows

_COPIES = 30


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False},
    )
    yield cluster
    cluster.shutdown()


@pytest.fixture
def many_photos(tmp_path: Path, photos: Path) -> Path:
    """The photos several times over."""
    folder = tmp_path / "many"
    for copy in range(_COPIES):
        for file in sorted(photos.glob("*/*.jpg")):
            target = folder / f"{copy:02d}" / f"{file.parent.name}-{file.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
    return folder


def wait_for_line(process: subprocess.Popen[str], part: str) -> None:
    """Reads progress lines up to one with this part."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if part in line:
            return
    pytest.fail(f"no '{part}' in:\n{''.join(seen)}")


def test_workers_come_and_go_with_nodes(
    cluster: Cluster, many_photos: Path, tmp_path: Path
) -> None:
    arguments = ("--set", "run.shards.max_members=8", "--set", "run.shards.first=8")
    output = tmp_path / "out"
    job = start(
        *("extract", many_photos, output, "--ray-address", cluster.address, *arguments),
        # Small faces take long enough for a node to come and go.
        *("--min-face", 12, "--set", "run.line_every_s=0.2"),
    )
    wait_for_line(job, " 1 workers")
    node = cluster.add_node(num_cpus=1)
    wait_for_line(job, " 2 workers")
    cluster.remove_node(node, allow_graceful=False)
    wait_for_line(job, " 1 workers")
    _, errors = job.communicate(timeout=200)
    assert job.returncode == 0, errors
    assert mtcnn_ray("verify", output).returncode == 0
    assert len(rows(output, "images")) == 33 * _COPIES
