"""The command `curate` on Ray: run, killed and run again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from jobs.engine.driver import working
from tests.command import mtcnn_ray
from tests.jobs.curate.made_up import Curated, Face, Photo, people
from tests.jobs.engine.retries import run_here
from tests.system.chaos import Chaos, OwnRay
from tests.system.outputs import committed, contents, everything, files_but_log
from tests.system.processes import is_unfinished, kill_driver, running, wait_until_half_done

SHARDS = ("--set", "run.shards.first=8", "--set", "run.shards.max_members=8")
# Nobody listens there: a run that needed Ray would end with an error.
NO_RAY = {"RAY_ADDRESS": "127.0.0.1:1"}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    """Verdicts that were made in this process, without Ray."""
    for name in ("faiss", "scipy", "threadpoolctl"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("curated")
    calm = Curated(folder, folder / "out")
    photos = [*people(60, 5), Photo("flipped.jpg", "p000", (Face("p9", 9), Face("x", offset=40.0)))]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "dispatched", run_here)
        calm.make(photos)
        calm.run()
    return calm


def command(calm: Curated, output: Path, *more: object) -> list[object]:
    return ["curate", calm.faces, calm.vectors, output, *SHARDS, *more]


def test_killed_and_run_again_it_is_as_if_nothing_had_happened(
    calm: Curated, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    with running(*command(calm, output, "--workers", 1)) as process:
        wait_until_half_done(output, process)
        kill_driver(process)
    assert is_unfinished(output)
    done = mtcnn_ray(*command(calm, output, "--workers", 2))
    assert done.returncode == 0, done.stderr
    assert "move not_like_identity" in done.stdout
    assert "identities after" in done.stdout
    assert contents(output) == contents(calm.output)
    assert files_but_log(output) == files_but_log(calm.output)
    assert mtcnn_ray("verify", output).returncode == 0


def test_run_again_it_needs_no_ray_and_touches_nothing(calm: Curated, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(calm.output, output, copy_function=shutil.copy2)
    before = everything(output)
    again = mtcnn_ray(*command(calm, output), env=NO_RAY)
    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing was left to do" in again.stdout
    assert everything(output) == before


def test_stale_vectors_are_one_sentence(calm: Curated, tmp_path: Path) -> None:
    shutil.copytree(calm.faces, tmp_path / "faces")
    (tmp_path / "faces" / "_SUCCESS").unlink()
    wrong = mtcnn_ray("curate", tmp_path / "faces", calm.vectors, tmp_path / "out", env=NO_RAY)
    assert (wrong.returncode, wrong.stdout, len(wrong.stderr.splitlines())) == (2, "", 1)
    assert "is not finished: run 'mtcnn-ray extract' again" in wrong.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_random(calm: Curated, rng: np.random.Generator, tmp_path: Path) -> None:
    output = tmp_path / "out"
    expected = len(committed(calm.output))
    chaos = Chaos(rng, OwnRay(), lambda: len(committed(output)), expected)
    done = chaos.run(6, *command(calm, output, "--workers", 2))
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(output) == contents(calm.output)
    assert files_but_log(output) == files_but_log(calm.output)
