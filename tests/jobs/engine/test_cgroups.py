"""Limits of groups of processes: in trees of files as kernels and containers show them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from jobs.engine.cgroups import Share, share

_UNIFIED = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
_NO_LIMIT = str((1 << 63) - 4096)
_MB = 1 << 20


def made_up(root: Path, mounts: str, groups: str, files: Mapping[str, str]) -> Share:
    """What is found in a tree with these mounts, groups of this process, and files of theirs."""
    own = {"proc/self/mountinfo": mounts, "proc/self/cgroup": groups}
    cgroups = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in {**own, **cgroups}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return share(root)


def test_a_system_without_groups(tmp_path: Path) -> None:
    assert share(tmp_path) == Share(None, None)


def test_no_limit(tmp_path: Path) -> None:
    files = {"cpu.max": "max 100000", "memory.max": "max", "memory.high": "max"}
    assert made_up(tmp_path, _UNIFIED, "0::/", files) == Share(None, None)


def test_a_container_that_sees_itself_alone(tmp_path: Path) -> None:
    files = {"cpu.max": "250000 100000", "memory.max": str(700 * _MB)}
    assert made_up(tmp_path, _UNIFIED, "0::/", files) == Share(2.5, 700 * _MB)


def test_the_least_of_groups_in_each_other(tmp_path: Path) -> None:
    files = {
        "a.slice/cpu.max": "200000 100000",
        "a.slice/memory.max": "max",
        "a.slice/memory.high": str(300 * _MB),
        "a.slice/b.scope/cpu.max": "max 100000",
        "a.slice/b.scope/memory.max": str(900 * _MB),
        "other.slice/cpu.max": "10000 100000",
    }
    found = made_up(tmp_path, _UNIFIED, "0::/a.slice/b.scope", files)
    assert found == Share(2.0, 300 * _MB)


def test_a_group_outside_of_what_is_shown(tmp_path: Path) -> None:
    files = {"cpu.max": "100000 100000", "memory.max": "max"}
    assert made_up(tmp_path, _UNIFIED, "0::/../elsewhere", files) == Share(1.0, None)


def test_version_1_with_groups_in_each_other(tmp_path: Path) -> None:
    mounts = (
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    )
    groups = "4:memory:/jobs/mine\n1:cpu,cpuacct:/jobs/mine\n0::/"
    files = {
        "cpu,cpuacct/jobs/mine/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/jobs/mine/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/jobs/cpu.cfs_quota_us": "150000",
        "cpu,cpuacct/jobs/cpu.cfs_period_us": "50000",
        "memory/jobs/mine/memory.limit_in_bytes": str(500 * _MB),
        "memory/memory.limit_in_bytes": _NO_LIMIT,
    }
    assert made_up(tmp_path, mounts, groups, files) == Share(3.0, 500 * _MB)


def test_version_1_in_a_container_that_shows_the_names_of_the_host(tmp_path: Path) -> None:
    mounts = (
        "32 31 0:29 /docker/c0ffee /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
        "35 31 0:32 /docker/c0ffee /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory"
    )
    groups = "4:memory:/docker/c0ffee\n1:cpu:/docker/c0ffee"
    files = {
        "cpu/cpu.cfs_quota_us": "50000",
        "cpu/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": str(256 * _MB),
    }
    assert made_up(tmp_path, mounts, groups, files) == Share(0.5, 256 * _MB)


def test_a_name_with_a_blank(tmp_path: Path) -> None:
    mounts = r"31 23 0:28 / /sys/fs/cgroup/a\040b rw - cgroup2 cgroup2 rw"
    found = made_up(tmp_path, mounts, "0::/", {"a b/cpu.max": "100000 100000"})
    assert found.cpus == 1.0


@pytest.fixture
def group(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A group of this machine's, for a controller, that is removed afterwards."""
    tops = {"cpu": ("cpu", "cpu,cpuacct"), "memory": ("memory",)}[request.param]
    for top in (Path("/sys/fs/cgroup") / name for name in (*tops, "")):
        group = top / f"mtcnn-ray-test-{uuid.uuid4().hex[:8]}"
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                limits = {"cpu.max", "cpu.cfs_quota_us", "memory.max", "memory.limit_in_bytes"}
                if any((group / name).exists() for name in limits):
                    yield group
                    return
            finally:
                group.rmdir()
    pytest.skip(f"no group with a limit for {request.param} can be made here")


def seen_in(group: Path, expression: str) -> str:
    """What a process in a group finds."""
    program = (
        f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')\n"
        f"from jobs.engine import usable\nprint({expression})"
    )
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def limit(group: Path, limits: Mapping[str, str]) -> None:
    for name, text in limits.items():
        if (group / name).exists():
            (group / name).write_text(text)


@pytest.mark.parametrize("group", ["cpu"], indirect=True)
def test_a_quota_of_this_machine(group: Path) -> None:
    limit(group, {"cpu.max": "100000 100000", "cpu.cfs_quota_us": "100000"})
    assert seen_in(group, "usable.usable_cpus(), usable.default_workers()") == "1 1"


@pytest.mark.parametrize("group", ["memory"], indirect=True)
def test_a_limit_to_memory_of_this_machine(group: Path) -> None:
    size = str(800 * _MB)
    limit(group, {"memory.max": size, "memory.limit_in_bytes": size})
    assert seen_in(group, "usable.usable_memory(), usable.default_workers()") == f"{size} 1"
