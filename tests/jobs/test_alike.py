"""Stored faces that look like one in a picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jobs.alike import faces_like
from jobs.embed.kind import EMBED
from jobs.engine.driver import working
from jobs.extract.config import load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.loading import load
from jobs.kind.run import run_job
from jobs.messages.errors import UserError
from jobs.sources.demo import demo_folder
from tests.jobs.engine.retries import run_here

LARGE = load_config(None, sets=("detect.min_face=80",))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> tuple[Path, str, str]:
    """Photos, the faces in them, and their vectors."""
    pytest.importorskip("skimage")
    pytest.importorskip("imagehash")
    folder = tmp_path_factory.mktemp("alike")
    (folder / "in").mkdir()
    for name in ("astronaut.jpg", "two.jpg"):
        shutil.copy(demo_folder() / "faces" / name, folder / "in" / name)
    faces, vectors = str(folder / "faces"), str(folder / "vectors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(working, "dispatched", run_here)
        run_job(EXTRACT, str(folder / "in"), faces, LARGE)
        run_job(EMBED, faces, vectors, load(EMBED.config, None))
    return folder / "in", faces, vectors


def test_a_face_is_most_like_itself(chain: tuple[Path, str, str]) -> None:
    photos, _, vectors = chain
    found, least = faces_like(str(photos / "astronaut.jpg"), vectors, LARGE, {})
    assert (found[0].key, found[0].face) == ("astronaut.jpg", 0)
    assert found[0].cosine > 0.999
    assert found == sorted(found, reverse=True)
    assert all(each.cosine > (-1 if least is None else least) for each in found)


def test_a_picture_without_a_face_is_an_error(chain: tuple[Path, str, str]) -> None:
    cat = str(demo_folder() / "scenes" / "cat.jpg")
    with pytest.raises(UserError, match=r"^there is no face in .*: give a picture in which one"):
        faces_like(cat, chain[2], LARGE, {})


def test_faces_are_no_vectors(chain: tuple[Path, str, str]) -> None:
    photos, faces, _ = chain
    with pytest.raises(UserError, match=r"is an output of 'extract', not of 'embed'"):
        faces_like(str(photos / "two.jpg"), faces, LARGE, {})
