"""`train samples` and `train fit` as users run them: on Ray, killed at any time."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from jobs.dataset import open_dataset
from tests.command import mtcnn_ray, start
from tests.jobs.engine.outputs import part_digests
from tests.jobs.samples.made import photos
from tests.system.processes import wait_until

_SETS = ("--min-face", "24", "--set", "run.shards.first=2", "--set", "run.shards.step=100")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    photos(folder, count=12)
    done = _samples(folder, "out", "--workers", "1")
    assert done.returncode == 0, done.stderr
    return folder


def _samples(folder: Path, output: str, *more: str):  # type: ignore[no-untyped-def]
    words = ("train", "samples", folder / "images", folder / "gt.jsonl", folder / output)
    return mtcnn_ray(*words, "--stage", "o", *_SETS, *more)


def test_two_workers_make_the_same_bytes(made: Path) -> None:
    done = _samples(made, "two", "--workers", "2")

    assert done.returncode == 0, done.stderr
    assert "positives" in done.stdout
    assert part_digests(made / "two") == part_digests(made / "out")


def test_a_killed_driver_costs_nothing(made: Path) -> None:
    words = ("train", "samples", made / "images", made / "gt.jsonl", made / "killed")
    process = start(*words, "--stage", "o", *_SETS, "--workers", "1")
    wait_until(lambda: any((made / "killed" / "samples").glob("*.parquet")), process)
    process.kill()
    process.wait()

    done = _samples(made, "killed", "--workers", "1")

    assert done.returncode == 0, done.stderr
    assert part_digests(made / "killed") == part_digests(made / "out")
    verified = mtcnn_ray("verify", made / "killed")
    assert verified.returncode == 0, verified.stdout


def test_a_killed_fit_ends_with_the_same_weights(made: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed")
    sets = ("fit.batch=16", "fit.precision=float32", "run.checkpoint_every=1", "run.log_every=1")
    flags = [word for each in sets for word in ("--set", each)]
    fit = ("train", "fit", made / "out")
    whole = mtcnn_ray(*fit, made / "whole", "--steps", "30", *flags)
    assert whole.returncode == 0, whole.stderr
    assert "O-Net" in whole.stdout

    generator = random.Random(0)
    process = start(*fit, made / "again", "--steps", "30", *flags)
    least = generator.randint(3, 12)
    wait_until(lambda: _steps(made / "again") >= least, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    resumed = mtcnn_ray(*fit, made / "again", "--steps", "30", *flags)

    assert resumed.returncode == 0, resumed.stderr
    weights = [(made / name / "weights.npz").read_bytes() for name in ("whole", "again")]
    assert weights[0] == weights[1]
    assert "30" in mtcnn_ray("status", made / "again").stdout


def _steps(output: Path) -> int:
    return max(
        (int(path.stem.removeprefix("step-")) for path in (output / "checkpoints").glob("*.pt")),
        default=0,
    )


def test_label_makes_a_ground_truth_for_samples(made: Path) -> None:
    """The cascade itself is the teacher: no other detector comes with the package."""
    labels = made / "labels"
    done = mtcnn_ray("train", "label", made / "images", labels, "--teacher", "mtcnn")
    assert done.returncode == 0, done.stderr
    assert open_dataset(str(labels)).rows["faces"] == 12

    words = ("train", "samples", made / "images", labels, made / "taught")
    done = mtcnn_ray(*words, "--stage", "r", *_SETS)

    assert done.returncode == 0, done.stderr
    rows = open_dataset(str(made / "taught")).read("samples", ["kind", "target"]).to_pylist()
    targets = [row["target"] for row in rows if row["kind"] == "positive"]
    assert targets and all(0.7 <= target <= 1 for target in targets)
