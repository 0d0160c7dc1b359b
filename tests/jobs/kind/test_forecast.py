"""The command `plan`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.engine.driver.preview import Preview
from jobs.engine.identity import read_identity
from jobs.engine.plans.growth import Growth
from jobs.extract.config import load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.forecast import Forecast, forecast
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from tests.command import mtcnn_ray


@pytest.fixture(autouse=True)
def pictures(cache_folder: Path) -> None:
    pytest.importorskip("skimage")


def test_a_few_photos_are_timed(tmp_path: Path) -> None:
    found = forecast(EXTRACT, "demo:", str(tmp_path / "out"), load_config(None), store=False)
    assert (found.items, found.preview.items) == (13, 13)
    assert found.seconds_per_item is not None
    assert found.hours == pytest.approx(13 * found.seconds_per_item / found.workers / 3600)


def test_an_input_without_photos_is_planned_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("no photo")
    output = str(tmp_path / "out")
    found = forecast(EXTRACT, str(tmp_path / "in"), output, load_config(None), store=False)
    assert (found.items, found.hours) == (1, None)


def test_where_only_reading_tells_the_bytes_tell_roughly() -> None:
    preview = Preview(Growth(1, 0), shards=1, items=None, bytes=3_000_000, examples=[])
    found = Forecast(preview, workers=2, seconds_per_item=0.1, bytes_per_item=100_000)
    assert found.items == 30
    assert found.hours == pytest.approx(30 * 0.1 / 2 / 3600)


def test_a_job_that_times_nothing_is_planned_all_the_same(tmp_path: Path) -> None:
    kind = replace(EXTRACT, timer="")
    found = forecast(kind, "demo:", str(tmp_path / "out"), load_config(None), store=False)
    assert (found.items, found.seconds_per_item, found.hours) == (13, None, None)


def test_a_plan_that_is_stored_is_recorded_as_that_of_the_job(tmp_path: Path) -> None:
    kind, config = replace(EXTRACT, name="stamps", timer=""), load_config(None)
    forecast(kind, "demo:", str(tmp_path / "out"), config, store=True)
    stored = read_identity(Storage(str(tmp_path / "out")))
    assert stored is not None
    assert (stored.job, stored.input, stored.digest) == ("stamps", "demo:", config.digest())
    with pytest.raises(UserError, match="is an output of 'stamps', not of 'extract': use another"):
        forecast(EXTRACT, "demo:", str(tmp_path / "out"), config, store=True)


def test_an_input_in_its_output_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="is inside the input"):
        forecast(EXTRACT, str(tmp_path), str(tmp_path / "in"), load_config(None), store=False)


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
