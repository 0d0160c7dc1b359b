"""One output of several inputs, by the job as commands run it, in this process."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.engine.driver import working
from jobs.engine.driver.summary import Summary
from jobs.engine.driver.verify import verify
from jobs.engine.plans.growth import KeyClashError
from jobs.extract.config import load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.run import run_job
from jobs.sources.demo import demo_folder
from tests.jobs.engine.outputs import part_digests
from tests.jobs.engine.retries import run_here

SETS = ("run.shards.first=2", "run.shards.max_members=2", "detect.min_face=40")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(working, "dispatched", run_here)


@pytest.fixture
def days(tmp_path: Path, cache_folder: Path) -> tuple[Path, Path]:
    """Two folders with other photos under the same name."""
    pytest.importorskip("skimage")
    for day, picture in (("a", "faces/astronaut.jpg"), ("b", "faces/two.jpg")):
        (tmp_path / day).mkdir()
        shutil.copy(demo_folder() / picture, tmp_path / day / "1.jpg")
        shutil.copy(demo_folder() / "scenes/cat.jpg", tmp_path / day / f"{day}.jpg")
    return tmp_path / "a", tmp_path / "b"


def extract(source: Path, *sets: str) -> Summary:
    config = load_config(None, sets=[*SETS, *sets])
    return run_job(EXTRACT, str(source), str(source.parent / "out"), config)


def keys(folder: Path) -> Sequence[str]:
    found: list[str] = pq.read_table(folder / "out" / "images")["key"].to_pylist()
    return sorted(found)


def test_a_photo_of_another_day_is_not_passed_over(days: tuple[Path, Path]) -> None:
    a, b = days
    extract(a)
    with pytest.raises(KeyClashError, match=r"\(1, such as '1.jpg'; .* now '.*/b/1.jpg'\)"):
        extract(b)
    extract(b, "input.key_prefix=b")
    assert keys(a.parent) == ["1.jpg", "a.jpg", "b/1.jpg", "b/b.jpg"]
    assert verify(str(a.parent / "out")) == []


def test_both_days_are_complete_when_they_are_run_again(days: tuple[Path, Path]) -> None:
    a, b = days
    extract(a)
    extract(b, "input.key_prefix=b")
    assert extract(a).processed == extract(b, "input.key_prefix=b").processed == 0


@pytest.mark.parametrize("lost", ["faces/part-000-*.parquet", "images/part-000-*.parquet"])
def test_a_lost_part_of_one_day_is_made_anew_by_a_run_of_the_other(
    days: tuple[Path, Path], lost: str
) -> None:
    a, b = days
    extract(a)
    extract(b, "input.key_prefix=b")
    output = a.parent / "out"
    before = part_digests(output)
    for part in output.glob(lost):
        part.unlink()
    done = extract(b, "input.key_prefix=b")
    assert (done.processed, done.exit_code) == (2, 0)
    assert part_digests(output) == before
    assert verify(str(output)) == []


def test_photos_of_the_other_day_are_not_gone(days: tuple[Path, Path]) -> None:
    a, b = days
    extract(a)
    extract(b, "input.key_prefix=b", "run.gone=drop")
    (b / "b.jpg").unlink()
    assert extract(b, "input.key_prefix=b", "run.gone=drop").dropped == 1
    assert keys(a.parent) == ["1.jpg", "a.jpg", "b/1.jpg"]


def test_a_moved_input_goes_on_where_it_was(days: tuple[Path, Path]) -> None:
    a, _ = days
    extract(a)
    before = part_digests(a.parent / "out")
    assert extract(a.rename(a.parent / "moved")).processed == 0
    for part in (a.parent / "out" / "faces").iterdir():
        part.unlink()
    assert extract(a.parent / "moved").processed == 2
    assert part_digests(a.parent / "out") == before
