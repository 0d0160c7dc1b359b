"""Evaluations as their users run them: real jobs over photos whose faces are known by hand."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs.engine.driver.verify import verify
from jobs.evaluation.widerface import evaluate_widerface
from jobs.extract.config import load_config
from jobs.messages.errors import UserError
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.images.photo import decode
from tests.command import blocking, mtcnn_ray
from tests.mtcnn_core.embedding.models import embedding_model
from tests.system.conftest import SHARDS
from tests.system.outputs import rows
from tests.system.processes import is_unfinished, running, wait_until_half_done

pytest.importorskip("matplotlib")

_HANG_S = 100
# In the demo's pictures; the astronaut's face is the same in the first two, mirrored in the other.
FACE = [179, 63, 86, 111]
MIRRORED = [242, 65, 87, 106]
POINTS = ("lex", "ley", "rex", "rey", "nx", "ny", "lmx", "lmy", "rmx", "rmy")
PLACES = (204, 101, 247, 104, 225, 129, 201, 140, 245, 143)
# What is measured, without how long it took and what there was left to do.
MEASURED = ("subsets", "over_64_px", "found")


@dataclass(frozen=True)
class Evaluated:
    """An evaluation that was interrupted once.

    Attributes:
        output: Its folder.
        truth: The ground truth.
        arguments: The command.
        half: Whether it was half done when it was interrupted.
        code: How that ended.
        done: How the same command ended after that.
        metrics: What it wrote then.
    """

    output: Path
    truth: Path
    arguments: tuple[object, ...]
    half: bool
    code: int
    done: subprocess.CompletedProcess[str]
    metrics: dict[str, Any]


@pytest.fixture(scope="module")
def evaluated(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """All 33 photos, of which three have annotated faces; interrupted, then run to its end."""
    folder = tmp_path_factory.mktemp("evaluated")
    faces: dict[str, list[list[int]]] = {
        "plain/0.jpg": [FACE],  # found, and so is a patch of the suit, which is none
        "plain/2.jpg": [MIRRORED],
        "plain/3.jpg": [[100, 100, 60, 80]],  # a cup of coffee
        "plain/broken.jpg": [[10, 10, 50, 50]],
        "plain/nowhere.jpg": [[10, 10, 50, 50]],
    }
    for file in sorted(photos.glob("*/*.jpg")):
        faces.setdefault(f"{file.parent.name}/{file.name}", [])
    lines = [
        json.dumps({"image": name, "boxes_xywh": boxes, "hard": list(range(len(boxes)))})
        for name, boxes in faces.items()
    ]
    truth = folder / "truth.jsonl"
    truth.write_text("\n".join(lines))
    output = folder / "out"
    arguments = (
        *("evaluate", "widerface", photos, truth, "--output", output),
        *("--workers", 2, "--save-detections", *SHARDS),
    )
    with running(*arguments) as process:
        wait_until_half_done(output / "dataset", process)
        half = is_unfinished(output / "dataset")
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=_HANG_S)
        code = process.returncode
    assert not (output / "metrics.json").exists()
    done = mtcnn_ray(*arguments)
    metrics = json.loads((output / "metrics.json").read_text())
    return Evaluated(output, truth, arguments, half, code, done, metrics)


def _again(evaluated: Evaluated, photos: Path, output: Path, **options: Any) -> dict[str, Any]:
    """The same evaluation in this process, where no photo is left to be processed."""
    config = load_config(None, {"crop.format": "none"}, SHARDS[1::2])
    truth = str(evaluated.truth)
    return dict(evaluate_widerface(str(photos), truth, str(output), config, **options).metrics)


def test_interrupted_and_resumed(evaluated: Evaluated) -> None:
    assert (evaluated.code, evaluated.half) == (130, True)
    assert evaluated.done.returncode == 0, evaluated.done.stderr
    assert 0 < evaluated.metrics["photos"]["processed_now"] < 33


def test_figures_by_hand(evaluated: Evaluated) -> None:
    found = evaluated.metrics
    # Four faces; two are found, and the patch comes after them.
    hard = found["subsets"]["hard"]
    assert hard["faces"] == 4
    assert hard["average_precision"] == pytest.approx(1 / 2)
    assert hard["recall"] == pytest.approx(2 / 4)
    assert hard["precision"] == pytest.approx(2 / 3)
    assert found["photos"] | {"processed_now": 0} == {
        **{"scored": 33, "absent": 1, "lost": 1, "processed_now": 0}
    }


def test_photos_left_out_or_lost_are_named(evaluated: Evaluated) -> None:
    errors = evaluated.done.stderr
    assert "1 photos of the ground truth are not in the input" in errors
    assert "1 photos could not be looked at" in errors
    assert "'plain/broken.jpg' (undecodable)" in errors


def test_the_table_shows_them(evaluated: Evaluated) -> None:
    (row,) = [line for line in evaluated.done.stdout.splitlines() if "hard" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")][1:3] == ["4", "0.500"]


def test_the_dataset_is_one_of_extract_without_crops(evaluated: Evaluated, photos: Path) -> None:
    assert verify(str(evaluated.output / "dataset")) == []
    found = rows(evaluated.output / "dataset", "faces")
    assert {row["crop"] for row in found} == {None}
    expected = FaceDetector().detect(decode((photos / "plain" / "0.jpg").read_bytes()))
    boxes = [row["box"] for row in found if row["key"] == "plain/0.jpg"]
    np.testing.assert_array_equal(boxes, expected.boxes)


def test_rows_without_crops_open_as_a_dataset(evaluated: Evaluated, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = str(evaluated.output / "dataset" / "faces" / "*.parquet")
    found = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(tmp_path)
    )
    assert isinstance(found.features["crop"], datasets.Image)
    assert set(found["crop"]) == {None}
    assert len(found["box"][0]) == 4


def test_pictures_are_drawn(evaluated: Evaluated) -> None:
    for name, kind in (
        ("precision_recall.png", "PNG"),
        ("misses.jpg", "JPEG"),
        ("false_alarms.jpg", "JPEG"),
    ):
        with Image.open(evaluated.output / name) as picture:
            assert picture.format == kind
            assert picture.width > 600
    # The cup, but not the face in the photo that nobody can read: a tile, and paper beside it.
    with Image.open(evaluated.output / "misses.jpg") as sheet:
        first, second = (sheet.convert("L").crop((x, 50, x + 160, 200)) for x in (14, 192))
        assert np.asarray(first).std() > 20
        assert np.asarray(second).std() < 3


def test_the_same_command_scores_anew_and_reads_no_photo(evaluated: Evaluated) -> None:
    before = evaluated.metrics
    again = mtcnn_ray(*evaluated.arguments, "--json")
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)
    assert found["photos"]["processed_now"] == 0
    assert {name: found[name] for name in MEASURED} == {name: before[name] for name in MEASURED}


def test_a_limit_leaves_photos_out_of_the_score(evaluated: Evaluated, photos: Path) -> None:
    found = _again(evaluated, photos, evaluated.output, limit=3)
    assert found["photos"] == {"scored": 3, "absent": 0, "lost": 0, "processed_now": 0}


def test_saved_detections_score_the_same(
    evaluated: Evaluated, photos: Path, tmp_path: Path
) -> None:
    saved = str(evaluated.output / "detections")
    found = _again(evaluated, photos, tmp_path, detections=saved)
    for name in ("average_precision", "recall", "precision"):
        expected = evaluated.metrics["subsets"]["hard"][name]
        assert found["subsets"]["hard"][name] == pytest.approx(expected, abs=1e-3)
    assert not (tmp_path / "dataset").exists()


def test_another_input_needs_another_output(evaluated: Evaluated, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    Image.new("RGB", (50, 50)).save(tmp_path / "plain" / "0.jpg")
    with pytest.raises(UserError, match="give another --output"):
        _again(evaluated, tmp_path, evaluated.output)


def test_landmarks_of_photos_in_an_archive(photos: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for name in ("3.jpg", "0.jpg", "4.jpg"):
            tar.add(photos / "plain" / name, name)
    with (tmp_path / "points.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *POINTS])
        writer.writerow(["images/0.jpg", *PLACES])
        writer.writerow(["images/3.jpg", *PLACES])
    done = mtcnn_ray(
        *("evaluate", "landmarks", tmp_path / "photos.tar", tmp_path / "points.csv"),
        *("--output", tmp_path / "out", "--workers", 1, "--json"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["faces"], found["faces_found"], found["photos"]["scored"]) == (2, 1, 2)
    assert 0 < found["error"] < 0.05
    assert found["failure_rate"] == 0.5
    with (tmp_path / "out" / "errors.csv").open() as file:
        errors = {row["photo"]: row["error"] for row in csv.DictReader(file)}
    assert errors["images/3.jpg"] == ""
    assert float(errors["images/0.jpg"]) == pytest.approx(found["error"], abs=1e-5)
    with Image.open(tmp_path / "out" / "worst.jpg") as sheet:
        assert sheet.width > 600


@pytest.fixture(scope="module")
def verified(
    photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Pairs of a photo and its copy, of a photo and a brighter one, and of nothing."""
    folder = tmp_path_factory.mktemp("verified")
    for name, file in {"a": "plain/0", "a2": "plain/0", "b": "bright/0", "b2": "bright/0"}.items():
        (folder / f"{name}.jpg").write_bytes((photos / f"{file}.jpg").read_bytes())
    (folder / "cup.jpg").write_bytes((photos / "plain" / "3.jpg").read_bytes())
    (folder / "gone.jpg").symlink_to("nowhere")
    pairs = ["a,b,same", "a.jpg,a2.jpg,1", "b.jpg,b2.jpg,1", "a.jpg,cup.jpg,1"]
    pairs += ["a.jpg,b.jpg,0", "a2.jpg,b2.jpg,0", "gone.jpg,b.jpg,0"]
    (folder / "pairs.csv").write_text("\n".join(pairs))
    model = embedding_model(folder / "model.onnx", 112)
    done = mtcnn_ray(
        *("evaluate", "verification", folder / "pairs.csv", "--model", model),
        *("--output", folder / "out", "--workers", 1),
    )
    return folder / "out", done


def test_verification_by_hand(verified: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    output, _ = verified
    found = json.loads((output / "metrics.json").read_text())
    # Copies are told from brighter ones in both folds; the cup and the photo that is gone are
    # wrong, one pair of three in each.
    assert (found["folds"], found["pairs"], found["pairs_without_a_face"]) == (3, 6, 2)
    with (output / "pairs.csv").open() as file:
        told = {(row["a"], row["b"]): row for row in csv.DictReader(file)}
    assert float(told["a.jpg", "a2.jpg"]["similarity"]) == pytest.approx(1, abs=1e-5)
    assert float(told["a.jpg", "b.jpg"]["similarity"]) < 0.999
    assert told["a.jpg", "cup.jpg"]["similarity"] == ""
    right = {pair for pair, row in told.items() if row["right"] == "1"}
    assert right == set(told) - {("a.jpg", "cup.jpg"), ("gone.jpg", "b.jpg")}
    assert found["accuracy"] == pytest.approx((1 + 1 + 0) / 3)
    for name in ("roc.png", "hardest_pairs.jpg"):
        with Image.open(output / name) as picture:
            assert picture.width > 600


def test_photos_that_failed_decide_the_exit_code(
    verified: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = verified
    assert done.returncode == 1
    assert "pairs with a photo without a face" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["widerface", "{}", "{}/no.jsonl"], "no ground truth"),
        (["verification", "{}/pairs.csv"], "--model"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = mtcnn_ray("evaluate", *(each.replace("{}", str(tmp_path)) for each in arguments))
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_missing_extra_is_named_before_the_run(evaluated: Evaluated, tmp_path: Path) -> None:
    done = mtcnn_ray(*evaluated.arguments, env=blocking("matplotlib", tmp_path))
    assert done.returncode == 2
    assert "pip install 'mtcnn-ray[evaluate]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_wider_face(data_dir: Path, tmp_path: Path) -> None:
    wider = data_dir / "wider"
    done = mtcnn_ray(
        *("evaluate", "widerface", wider / "images", wider / "gt.jsonl"),
        *("--output", tmp_path / "out", "--json"),
    )
    found = json.loads(done.stdout)["subsets"]
    assert [found[name]["faces"] for name in ("easy", "medium", "hard")] != [0, 0, 0]
    assert found["easy"]["average_precision"] >= 0.785
    assert found["medium"]["average_precision"] >= 0.740
    assert found["hard"]["average_precision"] >= 0.522
