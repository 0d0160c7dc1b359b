"""The command `plan`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.engine.driver.preview import Preview
from jobs.engine.plans.growth import Growth
from jobs.extract.config import load_config
from jobs.kind.forecast import Forecast, forecast
from tests.command import mtcnn_ray


@pytest.fixture(autouse=True)
def pictures(cache_folder: Path) -> None:
    pytest.importorskip("skimage")


def test_a_few_photos_are_timed(tmp_path: Path) -> None:
    found = forecast("demo:", str(tmp_path / "out"), load_config(None), store=False)
    assert (found.photos, found.preview.items) == (13, 13)
    assert found.seconds_per_photo is not None
    assert found.hours == pytest.approx(13 * found.seconds_per_photo / found.workers / 3600)


def test_an_input_without_photos_is_planned_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("no photo")
    output = str(tmp_path / "out")
    found = forecast(str(tmp_path / "in"), output, load_config(None), store=False)
    assert (found.photos, found.hours) == (1, None)


def test_where_only_reading_tells_the_bytes_tell_roughly() -> None:
    preview = Preview(Growth(1, 0), shards=1, items=None, bytes=3_000_000, examples=[])
    found = Forecast(preview, workers=2, seconds_per_photo=0.1, bytes_per_photo=100_000)
    assert found.photos == 30
    assert found.hours == pytest.approx(30 * 0.1 / 2 / 3600)


def test_a_stored_plan_is_followed_by_extract(tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert mtcnn_ray("plan", "demo:", output).returncode == 0
    before = {path.name: path.read_bytes() for path in (output / "_job/plan").iterdir()}
    assert mtcnn_ray("extract", "demo:", output, "--workers", 1).returncode == 0
    after = {path.name: path.read_bytes() for path in (output / "_job/plan").iterdir()}
    assert after == before


def test_json_says_what_the_table_says(tmp_path: Path) -> None:
    run = mtcnn_ray("plan", "demo:", tmp_path / "out", "--dry-run", "--json", "--workers", 3)
    found = json.loads(run.stdout)
    assert (found["photos"], found["shards"], found["new"], found["workers"]) == (13, 1, 13, 3)
    table = mtcnn_ray("plan", "demo:", tmp_path / "out", "--dry-run", "--workers", 3).stdout
    assert "nothing was written" in table
    assert not (tmp_path / "out").exists()
