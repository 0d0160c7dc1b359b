"""Scoring detections of another detector: no Ray, no detector, figures by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.cli.show_evaluation import widerface_report
from jobs.evaluation.detection import default_output
from jobs.evaluation.results import Folder, Results
from jobs.evaluation.submission import write_detections
from jobs.evaluation.widerface import evaluate_widerface
from jobs.extract.config import load_config
from jobs.messages.errors import UserError
from mtcnn_core.evaluation.wider_face import Detections
from tests.jobs.evaluation.printed import printed

pytest.importorskip("matplotlib")

CONFIG = load_config(None)
# Three faces, of which the first two are found, the second one with half the score, and one
# detection that is none between them: precision 1 at recall 1/3, 2/3 at 2/3.
TRUTH = {
    "a/1.jpg": [[100, 100, 80, 80], [300, 100, 80, 80]],
    "b/2.jpg": [[50, 50, 70, 70]],
}
FOUND = {
    "a/1.jpg": Detections(
        np.array([[100.0, 100, 180, 180], [10, 300, 80, 370], [300, 100, 380, 180]]),
        np.array([0.9, 0.8, 0.5]),
    )
}
AP = 1 / 3 * 1 + 1 / 3 * 2 / 3


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """The ground truth, with photos of it in `photos` and what was found in `given/detections`."""
    rows = [
        {"image": name, "boxes_xywh": boxes, "hard": list(range(len(boxes)))}
        for name, boxes in TRUTH.items()
    ]
    file = tmp_path / "truth.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    for name in TRUTH:
        photo = tmp_path / "photos" / name
        photo.parent.mkdir(parents=True)
        Image.new("RGB", (500, 400), (90, 90, 90)).save(photo)
    write_detections(Folder(str(tmp_path / "given"), {}), FOUND)
    return file


def _evaluate(truth: Path, images: str, limit: int | None = None) -> Results:
    folder = truth.parent
    return evaluate_widerface(
        images,
        str(truth),
        str(folder / "out"),
        CONFIG,
        limit=limit,
        detections=str(folder / "given" / "detections"),
    )


def test_figures_by_hand(truth: Path) -> None:
    found = _evaluate(truth, "-").metrics
    hard = found["subsets"]["hard"]
    assert hard["average_precision"] == pytest.approx(AP)
    assert hard["recall"] == pytest.approx(2 / 3)
    assert hard["precision"] == pytest.approx(2 / 3)
    assert hard["low"] <= AP <= hard["high"]
    assert (hard["faces"], found["found"]) == (3, 3)
    assert found["over_64_px"] == {"faces": 3, "average_precision": pytest.approx(AP)}
    assert found["photos"] == {"scored": 2, "absent": 0, "without_file": 1}


def test_the_metrics_are_written(truth: Path) -> None:
    found = _evaluate(truth, "-")
    stored = json.loads((truth.parent / "out" / "metrics.json").read_text())
    assert stored == found.metrics


def test_the_curve_is_written(truth: Path) -> None:
    _evaluate(truth, "-")
    with (truth.parent / "out" / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1000
    assert {row["subset"] for row in rows} == {"hard"}
    assert (float(rows[0]["precision"]), float(rows[0]["recall"])) == pytest.approx((1, 1 / 3))
    assert (float(rows[-1]["precision"]), float(rows[-1]["recall"])) == pytest.approx((2 / 3,) * 2)
    assert (float(rows[0]["threshold"]), float(rows[-1]["threshold"])) == pytest.approx(
        (0.9, 0.5), abs=1e-3
    )


def test_without_photos_there_are_no_contact_sheets(truth: Path) -> None:
    _evaluate(truth, "-")
    files = sorted(file.name for file in (truth.parent / "out").iterdir())
    assert files == ["curve.csv", "metrics.json", "precision_recall.png"]


def test_mistakes_are_drawn(truth: Path) -> None:
    _evaluate(truth, str(truth.parent / "photos"))
    for name in ("misses.jpg", "false_alarms.jpg"):
        sheet = np.asarray(Image.open(truth.parent / "out" / name).convert("RGB")).astype(int)
        # One tile, grey like the photos.
        assert (np.abs(sheet - 90).max(axis=2) < 8).sum() > 10_000


def test_photos_that_are_not_there_are_left_out(truth: Path) -> None:
    (truth.parent / "photos" / "b" / "2.jpg").unlink()
    found = _evaluate(truth, str(truth.parent / "photos")).metrics
    assert found["photos"] == {"scored": 1, "absent": 1, "without_file": 0}
    assert found["subsets"]["hard"]["recall"] == 1


def test_a_limit_holds_without_photos_too(truth: Path) -> None:
    assert _evaluate(truth, "-", limit=1).metrics["photos"]["scored"] == 1


def test_the_report_names_what_matters(truth: Path) -> None:
    text = printed(widerface_report(_evaluate(truth, "-")))
    assert "0.556" in text
    assert text.count("0.667") == 2
    assert "1 of them have no file of detections" in text
    assert str(truth.parent / "out")[:20] in text


def test_detections_of_other_photos_are_refused(truth: Path) -> None:
    folder = truth.parent / "given" / "detections" / "a"
    folder.joinpath("1.txt").rename(folder / "7.txt")
    with pytest.raises(UserError, match="detections of none of the 2 photos"):
        _evaluate(truth, "-")


def test_without_figures_there_is_null(truth: Path) -> None:
    # A subset without a face.
    row = {"image": "a/1.jpg", "boxes_xywh": [[0, 0, 9, 9]], "hard": []}
    truth.write_text(json.dumps(row))
    found = _evaluate(truth, "-").metrics["subsets"]["hard"]
    assert found["average_precision"] is None
    assert found["recall"] is None


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not below a folder"):
        write_detections(Folder(str(tmp_path / "out"), {}), {"../up.jpg": Detections.empty()})
    assert not (tmp_path / "up.txt").exists()


def test_another_config_goes_to_another_folder() -> None:
    folders = {
        default_output("widerface", load_config(None, sets=[f"detect.min_face={side}"]))
        for side in (20, 30)
    }
    assert len(folders) == 2
    assert default_output("widerface", CONFIG).startswith("evaluations/widerface-")
