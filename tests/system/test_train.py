"""Training as users run it: killed at any time, on Ray, and at the end of the whole chain."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs.train
from jobs.engine.driver import working
from tests.command import mtcnn_ray, start
from tests.jobs.curate.made_up import people
from tests.jobs.engine.retries import run_here
from tests.jobs.feed.feeds import Fed
from tests.system.processes import running, wait_until

for name in ("torch", "torchdata", "pytorch_metric_learning", "matplotlib"):
    pytest.importorskip(name)

README = Path(jobs.train.__file__).parent / "README.md"
_SETS = (
    *("train.size=32", "train.p=4", "train.k=3", "run.threads=1", "run.loaders=1"),
    *("run.checkpoint_every=3", "held_out.every=20", "held_out.pairs=40"),
)
_FLAGS = [word for each in _SETS for word in ("--set", each)]


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "dispatched", run_here)
        folder = tmp_path_factory.mktemp("feed")
        yield Fed.of(folder, people(24, 5), split="train=.6,val=.4").output


@pytest.fixture(scope="module")
def undisturbed(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trained") / "out"
    done = mtcnn_ray("train", "embedding", feed, output, "--steps", 60, *_FLAGS)
    assert done.returncode == 0, done.stderr
    return output


def _digest(output: Path) -> str:
    return hashlib.sha256((output / "model.onnx").read_bytes()).hexdigest()


def _steps(output: Path) -> list[str]:
    folder = output / "checkpoints"
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def _killed(feed: Path, output: Path, kills: int, seed: int) -> str:
    """Kills a training so many times at random steps; returns the digest that it ends with."""
    chance = random.Random(seed)
    command = ("train", "embedding", feed, output, "--steps", 60, *_FLAGS)
    for _ in range(kills):
        more = _New(output, chance.randint(1, 4))
        with running(*command) as process:
            wait_until(more.are_there, process)
            process.send_signal(signal.SIGKILL)
    done = mtcnn_ray(*command)
    assert done.returncode == 0, done.stderr
    return _digest(output)


class _New:
    """So many checkpoints more than there are."""

    def __init__(self, output: Path, count: int) -> None:
        self._output, self._count = output, count
        self._before = set(_steps(output))
        self._seen: set[str] = set()

    def are_there(self) -> bool:
        self._seen |= {*_steps(self._output)} - self._before
        return len(self._seen) >= self._count


def test_killed_twice_it_ends_with_the_same_weights(
    feed: Path, undisturbed: Path, tmp_path: Path
) -> None:
    assert _killed(feed, tmp_path / "out", kills=2, seed=0) == _digest(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_killed_five_times_it_ends_with_the_same_weights(
    seed: int, feed: Path, undisturbed: Path, tmp_path: Path
) -> None:
    assert _killed(feed, tmp_path / "out", kills=5, seed=seed) == _digest(undisturbed)


def test_interrupted_it_says_how_to_go_on(feed: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    process = start("train", "embedding", feed, output, "--steps", 5000, *_FLAGS)
    wait_until(lambda: bool(_steps(output)), process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "run the same command again to resume" in errors
    told = mtcnn_ray("status", output)
    assert told.returncode == 0 and "of 5,000" in told.stdout


@pytest.mark.slow
def test_two_workers_of_ray_train_end_with_a_model(feed: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    command = ("train", "embedding", feed, output, "--steps", 8, "--workers", 2, *_FLAGS)
    done = mtcnn_ray(*command, "--set", "train.p=2")
    assert done.returncode == 0, done.stderr
    assert "8 of 8 steps" in done.stderr
    assert mtcnn_ray("verify", output).returncode == 0


def test_the_whole_chain_runs_as_the_readme_shows_it(data_dir: Path, tmp_path: Path) -> None:
    (script,) = re.findall(r"```bash\n(mtcnn-ray extract photos .*?)```", README.read_text(), re.S)
    persons = sorted(
        (
            folder
            for folder in (data_dir / "lfw_people").iterdir()
            if len(list(folder.iterdir())) >= 4
        ),
        key=lambda folder: folder.name,
    )
    for folder in persons[:60]:
        (tmp_path / "photos" / folder.name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[:4]:
            shutil.copy(photo, tmp_path / "photos" / folder.name)
    text = script.replace("--steps 600", "--steps 3").replace("train.p=30", "train.p=10")
    assert text != script
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", text],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model" / "model.onnx").is_file()
    assert mtcnn_ray("verify", tmp_path / "own-vectors").returncode == 0
