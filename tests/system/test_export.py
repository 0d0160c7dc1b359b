"""The command `export` on Ray: killed and run again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jobs.engine.driver import working
from jobs.export.kind import EXPORT
from jobs.kind.loading import load
from jobs.kind.run import run_job
from tests.command import mtcnn_ray
from tests.jobs.curate.made_up import Curated, people
from tests.jobs.engine.retries import run_here
from tests.system.outputs import committed, contents
from tests.system.processes import (
    is_unfinished,
    kill_all,
    running,
    wait_until,
    wait_until_half_done,
)

FORMATS = ("imagefolder", "webdataset", "huggingface", "facenet")
# Small batches, so that there are many.
BATCH = {"export.shard_bytes": 3000}


@pytest.fixture(scope="module", autouse=True)
def here() -> Iterator[None]:
    """Shards run in this process, without Ray, but for those of the command."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "dispatched", run_here)
        yield


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Curated(tmp_path_factory.mktemp("faces"), Path())
    made.make(people(120, 4))
    return made.faces


def calm(faces: Path, output: Path, format_: str) -> Path:
    """What nobody has disturbed."""
    flags = {"export.format": format_, "run.min_free_bytes": 0, **BATCH}
    run_job(EXPORT, str(faces), str(output), load(EXPORT.config, None, flags))
    return output


def command(faces: Path, output: Path, format_: str) -> list[object]:
    said = [f"{name}={value}" for name, value in BATCH.items()]
    return ["export", faces, output, "--format", format_, "--workers", 2, "--set", *said]


def exported(output: Path) -> dict[str, bytes]:
    """All that is there but the tables and the records."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.relative_to(output).parts[0] not in ("_job", "files")
    } | {"files": repr(contents(output)).encode()}


def test_killed_and_run_again_it_is_as_if_nothing_had_happened(faces: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with running(*command(faces, output, "imagefolder")) as process:
        wait_until_half_done(output, process)
        kill_all(process)
    assert is_unfinished(output)
    done = mtcnn_ray(*command(faces, output, "imagefolder"))
    assert done.returncode == 0, done.stderr
    assert exported(output) == exported(calm(faces, tmp_path / "calm", "imagefolder"))
    assert mtcnn_ray("verify", output).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("format_", FORMATS)
def test_killed_at_random(
    format_: str, faces: Path, rng: np.random.Generator, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    for _ in range(4):
        enough = len(committed(output)) + int(rng.integers(1, 12))
        with running(*command(faces, output, format_)) as process:
            wait_until(lambda enough=enough: len(committed(output)) >= enough, process)
            time.sleep(rng.uniform(0, 0.05))
            kill_all(process)
    assert is_unfinished(output)
    done = mtcnn_ray(*command(faces, output, format_))
    assert done.returncode == 0, done.stderr
    assert exported(output) == exported(calm(faces, tmp_path / "calm", format_))
    assert mtcnn_ray("verify", output).returncode == 0
