"""Whatever is killed, whenever: the dataset at the end is that of an undisturbed run."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.command import mtcnn_ray
from tests.servers.object_store import ObjectStore
from tests.system.chaos import Chaos, Nodes, OwnRay, running_nodes
from tests.system.outputs import committed, contents, digests, files, files_but_log, rows
from tests.system.processes import kill_driver, running, wait_until

_SHARDS = ("--set", "run.shards.first=5", "--set", "run.shards.max_members=5")
_EXPECTED = 66  # shards


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, many_photos: Path) -> Path:
    """Their dataset, by two workers that nothing happened to."""
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    done = mtcnn_ray("extract", many_photos, output, "--workers", 2, *_SHARDS)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder for all processes of a test; none of them outlives it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    # Ray's sockets stay where they were: their paths may not be longer than 107 bytes.
    monkeypatch.setenv("RAY_TMPDIR", os.environ.get("RAY_TMPDIR", tempfile.gettempdir()))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    left = [process for process in psutil.process_iter() if _environment(process) == str(folder)]
    _, alive = psutil.wait_procs(left, timeout=60)
    named = [process.cmdline() for process in alive]
    for process in alive:
        process.kill()
    assert not named, "processes outlived the job"


def _environment(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("TMPDIR") if process.pid != os.getpid() else None
    except psutil.Error:
        return None


@pytest.fixture
def nodes(temporary: Path) -> Iterator[Nodes]:
    """Two nodes with a worker each."""
    with running_nodes(2) as nodes:
        yield nodes


def _assert_as_if_nothing_had_happened(output: Path, expected: Path, photos: Path) -> None:
    assert contents(output) == contents(expected)
    keys = Counter(row["key"] for row in rows(output, "images"))
    assert keys == Counter(str(file.relative_to(photos)) for file in photos.rglob("*.jpg"))
    verified = mtcnn_ray("verify", output)
    assert verified.returncode == 0, verified.stdout
    assert files_but_log(output) == files_but_log(expected)


def test_the_undisturbed_run_leaves_what_the_contract_names(
    undisturbed: Path, many_photos: Path
) -> None:
    shard = r"000-0000\d\d"
    named = re.compile(
        rf"_SUCCESS|README\.md|_job/(job|summary)\.json|_job/(plan|log)/[^/]+|_job/commits/{shard}\.json"
        rf"|(images|faces)/part-{shard}\.parquet"
    )
    assert [file for file in files(undisturbed) if not named.fullmatch(file)] == []
    assert len(committed(undisturbed)) == _EXPECTED
    assert len(rows(undisturbed, "images")) == 330 == len(list(many_photos.rglob("*.jpg")))


def _killed(kills: int, rng: np.random.Generator, nodes: Nodes, photos: Path, output: Path) -> None:
    chaos = Chaos(rng, nodes, lambda: len(committed(output)), _EXPECTED)
    done = chaos.run(kills, "extract", photos, output, "--ray-address", nodes.address, *_SHARDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(chaos.kills) == kills


_MANY = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    "kills", [12, *(pytest.param(30, id=f"30-{number}", marks=_MANY) for number in range(6))]
)
def test_killed_at_random(
    kills: int,
    rng: np.random.Generator,
    nodes: Nodes,
    many_photos: Path,
    undisturbed: Path,
    temporary: Path,
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    _killed(kills, rng, nodes, many_photos, output)
    _assert_as_if_nothing_had_happened(output, undisturbed, many_photos)
    assert files(temporary) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_in_an_object_store(
    rng: np.random.Generator, s3: ObjectStore, many_photos: Path, temporary: Path, tmp_path: Path
) -> None:
    source, calm, output = s3.upload(many_photos), s3.folder(), s3.folder()
    options = ("--config", s3.config(tmp_path / "config.yaml"), *_SHARDS)
    done = mtcnn_ray("extract", source, calm, *options)
    assert done.returncode == 0, done.stderr
    expected = s3.download(calm, tmp_path / "calm")
    filesystem = s3.filesystem()

    def committed_there() -> int:
        filesystem.invalidate_cache()
        return len(filesystem.glob(f"{output}/_job/commits/*.json"))

    chaos = Chaos(rng, OwnRay(), committed_there, _EXPECTED)
    done = chaos.run(10, "extract", source, output, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(chaos.kills) == 10
    verified = mtcnn_ray("verify", output, *options[:2])
    assert verified.returncode == 0, verified.stdout
    copy = s3.download(output, tmp_path / "copy")
    assert digests(copy) == digests(expected)
    assert files_but_log(copy) == files_but_log(expected)
    assert files(temporary) == []


def test_compactions_killed_again_and_again(
    rng: np.random.Generator, undisturbed: Path, many_photos: Path, tmp_path: Path
) -> None:
    calm = tmp_path / "calm"
    shutil.copytree(undisturbed, calm)
    began = time.monotonic()
    assert mtcnn_ray("compact", calm).returncode == 0
    seconds = time.monotonic() - began
    for number in range(2):
        output = tmp_path / f"out{number}"
        shutil.copytree(undisturbed, output)
        # First where it matters most, while parts give way to others, and then anywhere.
        with running("compact", output) as process:
            wait_until(lambda output=output: _is_merging(output), process)  # type: ignore[misc]
            kill_driver(process)
        with running("compact", output) as process:
            time.sleep(rng.uniform(0, seconds))
            kill_driver(process)
        done = mtcnn_ray("compact", output)
        assert done.returncode == 0, done.stderr
        _assert_as_if_nothing_had_happened(output, calm, many_photos)


def _is_merging(output: Path) -> bool:
    """Whether a merged part is there, or more: from then on it is committed and others removed."""
    return any((output / "images").glob("part-*.*.parquet"))
