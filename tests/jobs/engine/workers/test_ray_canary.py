"""What is used of Ray's private parts, and that this release of Ray still has it.

If one of these fails with a new release, the line named in `PRIVATE` has to change.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import ray
from ray import _raylet
from ray._private import ray_constants, services
from ray._private.worker import global_worker
from ray.job_config import JobConfig

from jobs.engine.settings import RunSettings
from jobs.engine.workers.cluster import connect

ROOT = Path(__file__).resolve().parents[4]
# File -> what it imports of them.
PRIVATE = {
    "jobs/engine/workers/cluster.py": {"ray._private.worker.global_worker"},
    "jobs/engine/workers/joining.py": {"ray._private.services"},
    "jobs/engine/workers/loopback.py": {"ray._private.ray_constants", "ray._raylet"},
}


def test_private_parts_are_used_where_this_file_says_and_nowhere_else() -> None:
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / "jobs").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                names = [f"{node.value.id}.{node.attr}"]
            private = {name for name in names if name.startswith("ray.") and "._" in name}
            if private:
                found.setdefault(str(file.relative_to(ROOT)), set()).update(private)
    assert found == PRIVATE


def test_the_head_tells_its_nodes_within_a_time_limit() -> None:
    with connect(RunSettings(workers=1)):
        [node] = global_worker.gcs_client.get_all_node_info(timeout=30).values()
        assert (node.state, dict(node.resources_total)["CPU"]) == (0, 1.0)
        assert node.node_id.hex()


def test_addresses_of_clusters_on_this_machine_are_found() -> None:
    with connect(RunSettings(workers=1)):
        address = ray.get_runtime_context().gcs_address
        assert address in services.find_gcs_addresses()  # type: ignore[no-untyped-call]
    assert services.find_bootstrap_address(None) is None or ":" in services.find_bootstrap_address(
        None
    )


def test_ray_decides_by_this_constant_whether_its_address_is_made_public() -> None:
    assert isinstance(ray_constants.ENABLE_RAY_CLUSTER, bool)


def test_token_is_read_again_when_it_is_told_to() -> None:
    if not hasattr(_raylet, "AuthenticationTokenLoader"):
        pytest.skip("this Ray knows no tokens (2.52 does)")
    _raylet.Config.initialize("")  # type: ignore[attr-defined]
    _raylet.AuthenticationTokenLoader.instance().reset_cache()  # type: ignore[attr-defined]


def test_ray_asks_this_of_a_job_before_it_adds_folders_to_the_path_of_workers() -> None:
    assert JobConfig()._runtime_env_has_working_dir() is False


def test_clusters_that_this_machine_knows_of() -> None:
    with connect(RunSettings(workers=1)):
        services.find_gcs_addresses.cache_clear()
        address = global_worker.gcs_client.address
        assert address in services.find_gcs_addresses()  # type: ignore[no-untyped-call]
