"""Verification of vectors that `embed` has stored."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jobs.embed.config import EmbedConfig
from jobs.embed.kind import EMBED
from jobs.engine.driver import working
from jobs.evaluation.stored_vectors import evaluate_vectors
from jobs.extract.config import load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.loading import load
from jobs.kind.run import run_job
from jobs.messages.errors import UserError
from jobs.sources.demo import demo_folder
from tests.jobs.engine.retries import run_here

pytest.importorskip("matplotlib")
pytest.importorskip("skimage")

_PAIRS = "a,b,same\na.jpg,again.jpg,1\na.jpg,other.jpg,0\nagain.jpg,other.jpg,0\na.jpg,none.jpg,1\n"


@pytest.fixture
def folder(tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos, what was found in them, their vectors, and pairs of them."""
    monkeypatch.setattr(working, "dispatched", run_here)
    faces = demo_folder() / "faces"
    (tmp_path / "photos").mkdir()
    for name, picture in (
        ("a.jpg", faces / "astronaut.jpg"),
        ("again.jpg", faces / "astronaut.jpg"),
        ("other.jpg", faces / "two.jpg"),
        ("none.jpg", demo_folder() / "scenes" / "cat.jpg"),
    ):
        shutil.copy(picture, tmp_path / "photos" / name)
    sets = ("detect.min_face=40",)
    run_job(
        EXTRACT, str(tmp_path / "photos"), str(tmp_path / "faces"), load_config(None, sets=sets)
    )
    config: EmbedConfig = load(EMBED.config, None)
    run_job(EMBED, str(tmp_path / "faces"), str(tmp_path / "vectors"), config)
    (tmp_path / "pairs.csv").write_text(_PAIRS)
    return tmp_path


def _evaluated(folder: Path, faces: str | None = None) -> dict[str, object]:
    found = evaluate_vectors(
        str(folder / "pairs.csv"),
        str(folder / "vectors"),
        faces,
        str(folder / "out"),
        "center",
        {},
    )
    return dict(found.metrics)


def test_pairs_are_compared_by_the_stored_vectors(folder: Path) -> None:
    metrics = _evaluated(folder)
    assert (metrics["pairs"], metrics["pairs_without_a_face"]) == (4, 1)
    rows = (folder / "out" / "pairs.csv").read_text().splitlines()[1:]
    same, *others, without = [row.split(",")[3] for row in rows]
    assert float(same) == pytest.approx(1, abs=1e-6)
    assert others[0] == others[1]  # of the same picture under two names
    assert 0.9 < float(others[0]) < 0.995  # the same woman in another one
    assert without == ""


def test_hardest_pairs_are_shown(folder: Path) -> None:
    _evaluated(folder)
    assert (folder / "out" / "hardest_pairs.jpg").stat().st_size > 1000


def test_faces_that_were_moved_are_named(folder: Path) -> None:
    (folder / "faces").rename(folder / "moved")
    with pytest.raises(UserError, match="there is no job"):
        _evaluated(folder)
    assert _evaluated(folder, str(folder / "moved"))["pairs"] == 4


def test_other_faces_are_refused(folder: Path) -> None:
    config = load_config(None, sets=("detect.min_face=60",))
    run_job(EXTRACT, str(folder / "photos"), str(folder / "other"), config)
    with pytest.raises(UserError, match="was not made from"):
        _evaluated(folder, str(folder / "other"))
