"""`train samples` from photos to committed rows, in this process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.dataset import open_dataset
from jobs.engine.driver.verify import verify
from jobs.kind.forget import forget_in
from jobs.messages.errors import UserError
from jobs.registry import FAILED_STATUSES
from jobs.sample_table import samples_of
from jobs.samples.figures import figures_of
from jobs.samples.kind import SAMPLES
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.samples.samples import NEGATIVE, POSITIVE
from mtcnn_core.settings.detector import DetectorSettings
from tests.jobs.engine.outputs import part_digests
from tests.jobs.samples.made import landmarks, photos, sampled


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    photos(folder)
    sampled(folder / "images", folder / "gt.jsonl", folder / "out", samples__stage="r")
    return folder


def _images(output: Path) -> dict[str, dict[str, Any]]:
    rows = open_dataset(str(output)).read("images").to_pylist()
    return {row["key"]: row for row in rows}


def test_each_photo_has_a_row_and_its_samples(made: Path) -> None:
    dataset = open_dataset(str(made / "out"))
    images = _images(made / "out")
    samples = dataset.read("samples")

    assert sorted(images) == [f"{n}.png" for n in range(6)]
    assert {row["status"] for row in images.values()} == {"ok"}
    assert {row["num_faces"] for row in images.values()} == {1}
    for key, row in images.items():
        own = [
            each
            for each in samples.select(["key", "sample_index", "kind"]).to_pylist()
            if each["key"] == key
        ]
        assert [each["sample_index"] for each in own] == list(range(row["num_samples"]))
        assert sum(each["kind"] == "positive" for each in own) == row["num_positives"] > 0
        assert sum(each["kind"] == "negative" for each in own) == row["num_negatives"] > 0
    assert samples_of(samples).side == 24
    assert verify(str(made / "out"), failed_statuses=FAILED_STATUSES) == []


def test_the_same_again_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    sampled(made / "images", made / "gt.jsonl", tmp_path / "again", samples__stage="r")

    assert part_digests(tmp_path / "again") == part_digests(made / "out")
    sampled(
        made / "images",
        made / "gt.jsonl",
        tmp_path / "one",
        samples__stage="r",
        run__shards__first=100,
    )
    first, other = (
        open_dataset(str(folder)).read("samples") for folder in (made / "out", tmp_path / "one")
    )
    assert first.to_pylist() == other.to_pylist()


def test_bad_photos_and_bad_boxes_are_counted_and_cost_nothing_else(
    made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    shutil.copytree(made / "images", folder / "images")
    (folder / "images" / "0.png").write_bytes(b"no picture")
    (folder / "images" / "unknown.png").write_bytes((made / "images" / "1.png").read_bytes())
    rows = [json.loads(line) for line in (made / "gt.jsonl").read_text().splitlines()]
    rows[1]["boxes_xywh"] += [[5, 5, 0, 9], [300, 300, 20, 20], [5, 5, -3, -3]]
    rows[2]["boxes_xywh"] = []
    rows.append({"image": "images/gone.png", "boxes_xywh": [[1, 1, 30, 30]]})
    (folder / "gt.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    summary = sampled(folder / "images", folder / "gt.jsonl", tmp_path / "out", samples__stage="r")

    images = _images(tmp_path / "out")
    assert summary.exit_code == 0
    statuses = {key: row["status"] for key, row in images.items()}
    assert statuses["0.png"] == "undecodable"
    assert statuses["unknown.png"] == "not_annotated"
    assert statuses["2.png"] == "no_face"
    assert images["1.png"]["num_unusable"] == 3
    assert images["1.png"]["num_samples"] == _images(made / "out")["1.png"]["num_samples"]
    assert images["2.png"]["num_negatives"] == images["2.png"]["num_samples"] > 0
    figures = figures_of(open_dataset(str(tmp_path / "out")), [row["image"] for row in rows])
    told = {row[0]: row[1:] for row in figures.rows}
    assert told["not in the input"][0] == 1
    assert "images/gone.png" in told["not in the input"][1]
    assert told["unusable"][0] == 3


def test_held_out_photos_have_no_samples(made: Path, tmp_path: Path) -> None:
    sampled(
        made / "images",
        made / "gt.jsonl",
        tmp_path / "out",
        samples__stage="r",
        truth__held_out=0.5,
    )

    counts = {row["status"]: row["num_samples"] for row in _images(tmp_path / "out").values()}
    assert counts["held_out"] == 0 < counts["ok"]


def test_landmarks_become_landmark_samples(made: Path, tmp_path: Path) -> None:
    from mtcnn_core.images.photo import read_photo
    from mtcnn_core.settings.images import ImageLimits

    data = (made / "images" / "0.png").read_bytes()
    image = read_photo(data, limits=ImageLimits(), name="0.png", shrink=1).pixels
    points = FaceDetector(DetectorSettings(min_face=24)).detect(image).landmarks[0]
    truth = landmarks(tmp_path, points)

    sampled(made / "images", truth, tmp_path / "out", samples__landmark_own=0)

    rows = open_dataset(str(tmp_path / "out")).read("samples")
    samples = samples_of(rows)
    assert rows.column("kind").to_pylist() == ["landmark"] * 2
    sides = samples.squares[:, 2:3] - samples.squares[:, :1]
    back = samples.squares[:, None, :2] + samples.landmarks * sides[:, None]
    np.testing.assert_allclose(back, np.stack([points] * 2), atol=0.01)


def test_another_ground_truth_is_refused(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "gt.jsonl"
    other.write_text((made / "gt.jsonl").read_text().replace("images/5.png", "images/6.png"))

    with pytest.raises(UserError, match="was made from other ground truth"):
        sampled(made / "images", other, made / "out", samples__stage="r")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"detect__detector": "face-detection-0204"}, "samples are made by the cascade"),
        ({"samples__part_iou": 0.9}, "should rise"),
        ({"detect__weights": "nobody"}, "there are no weights 'nobody'"),
    ],
)
def test_what_cannot_be_is_said(
    made: Path, tmp_path: Path, said: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Exception, match=sentence):
        sampled(made / "images", made / "gt.jsonl", tmp_path / "out", **said)


def test_photos_of_another_set_are_refused(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "gt.jsonl"
    other.write_text('{"image": "elsewhere/x.jpg", "boxes_xywh": []}\n')

    with pytest.raises(UserError, match="none of the 1 photos of the ground truth"):
        sampled(made / "images", other, tmp_path / "out")


def test_two_photos_that_may_be_the_same_are_refused(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("a", "b"):
        shutil.copytree(made / "images", folder / name / "images")

    with pytest.raises(UserError, match="may both be"):
        sampled(folder, made / "gt.jsonl", tmp_path / "out")


def test_a_photo_can_be_forgotten(made: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(made / "out", output)

    config = SAMPLES.config()
    forget_in({str(output): SAMPLES}, ["3.png"], None, config)

    assert "3.png" not in _images(output)
    keys = open_dataset(str(output)).read("samples", ["key"]).column("key").to_pylist()
    assert "3.png" not in keys and "2.png" in keys


def test_the_preset_of_mtcnn_caffe_has_its_counts(made: Path, tmp_path: Path) -> None:
    """20 crops a face at most are positives or parts, 5 beside it and 50 anywhere negatives."""
    from jobs.kind.loading import load
    from jobs.kind.run import run_job
    from jobs.registry import sections_of_others

    shown = {"samples.shown_positives": 0, "samples.shown_negatives": 0}
    flags = {"truth.file": str(made / "gt.jsonl"), "samples.stage": "p", "run.min_free_bytes": 0}
    config = load(
        SAMPLES.config, "mtcnn-caffe", {**flags, **shown}, others=sections_of_others(SAMPLES.config)
    )
    run_job(SAMPLES, str(made / "images"), str(tmp_path / "out"), config)

    for row in _images(tmp_path / "out").values():
        assert 10 <= row["num_positives"] + row["num_parts"] <= 20
        assert 40 <= row["num_negatives"] <= 55
    samples = samples_of(open_dataset(str(tmp_path / "out")).read("samples"))
    assert samples.side == 12
    assert {NEGATIVE, POSITIVE} <= set(samples.kinds.tolist())
