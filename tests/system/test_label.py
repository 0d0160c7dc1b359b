"""`train label`: what a teacher finds is the ground truth of other commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.cascade.config import CascadeConfig
from jobs.cascade.held_out import HeldOut
from jobs.dataset import open_dataset
from jobs.truth.faces import read_ground_truth
from tests.command import mtcnn_ray
from tests.mtcnn_core.dense.models import Form, write_dense
from tests.system.outputs import Finished, digests


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that is sure of some random places, and doubts others."""
    return write_dense(tmp_path_factory.mktemp("teacher") / "teacher.onnx", Form())


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, photos: Path, teacher: Path) -> Finished:
    output = tmp_path_factory.mktemp("label") / "out"
    return Finished(output, _label(photos / "plain", output, teacher))


def _label(folder: Path, output: Path, teacher: Path):  # type: ignore[no-untyped-def]
    few = ("--longest-side", 160, "--workers", 1, "--set", "run.max_failed_fraction=1")
    return mtcnn_ray("train", "label", folder, output, "--teacher", teacher, *few)


def test_what_is_found_is_a_ground_truth(labelled: Finished) -> None:
    assert labelled.done.returncode == 0, labelled.done.stderr
    truth = read_ground_truth(str(labelled.output))
    rows = open_dataset(str(labelled.output)).read("faces").to_pylist()
    assert sum(map(len, truth.faces.values())) == len(rows) > 0
    assert {row["crop"] for row in rows} == {None}
    of_one = [row for row in rows if row["key"] == "0.jpg"]
    faces = truth.faces["0.jpg"]
    assert set(faces.scores) == {np.float32(row["score"]) for row in of_one}
    assert np.isfinite(faces.boxes).all()
    assert np.isfinite(faces.landmarks).all()


def test_what_a_teacher_doubts_is_told(labelled: Finished) -> None:
    scores = open_dataset(str(labelled.output)).read("faces").column("score").to_numpy()
    assert 0.3 <= scores.min() < 0.4


def test_nothing_is_judged_by_what_a_teacher_doubts(labelled: Finished, photos: Path) -> None:
    config = CascadeConfig.model_validate({"cascade": {"holdout": 0.5}})
    held_out = HeldOut(str(photos / "plain"), str(labelled.output), config)
    for faces in held_out.truth.values():
        np.testing.assert_array_equal(faces.ignored, faces.scores < 0.5)
    assert any(faces.ignored.any() for faces in held_out.truth.values())


def test_the_same_command_resumes(labelled: Finished, photos: Path, teacher: Path) -> None:
    before = digests(labelled.output)
    assert _label(photos / "plain", labelled.output, teacher).returncode == 0
    assert digests(labelled.output) == before


def test_without_a_teacher_it_says_so(photos: Path, tmp_path: Path) -> None:
    done = mtcnn_ray("train", "label", photos, tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--teacher" in done.stderr
    assert not (tmp_path / "out").exists()
