"""Vectors of faces that are forgotten, in the output itself or upstream."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs.embed.kind import EMBED
from jobs.engine.driver import working
from jobs.engine.driver.summary import Summary
from jobs.engine.driver.verify import verify
from jobs.extract.config import load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.config import JobConfig
from jobs.kind.forget import forget_in
from jobs.kind.loading import load
from jobs.kind.run import run_job
from jobs.sources.demo import demo_folder
from tests.jobs.engine.retries import run_here
from tests.jobs.engine.traces_of import holding

SETS = ("run.shards.first=2", "run.shards.step=100", "run.max_failed_fraction=1")
LARGE = "detect.min_face=80"
TWO = "b-two.jpg"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(working, "dispatched", run_here)


@pytest.fixture
def chain(tmp_path: Path, cache_folder: Path) -> tuple[str, str]:
    """Faces of three photos in two shards, and their vectors."""
    pytest.importorskip("skimage")
    pytest.importorskip("imagehash")
    names = {"a.jpg": "astronaut.jpg", TWO: "two.jpg", "c.jpg": "mirrored.jpg"}
    (tmp_path / "in").mkdir()
    for name, picture in names.items():
        shutil.copy(demo_folder() / "faces" / picture, tmp_path / "in" / name)
    faces, vectors = str(tmp_path / "faces"), str(tmp_path / "vectors")
    run_job(EXTRACT, str(tmp_path / "in"), faces, load_config(None, sets=(*SETS, LARGE)))
    embed(faces, vectors)
    return faces, vectors


def embed(faces: str, vectors: str) -> Summary:
    return run_job(EMBED, faces, vectors, load(EMBED.config, None, {}, SETS))


def rows(vectors: str) -> list[dict[str, Any]]:
    files = sorted(Path(vectors, "embeddings").glob("part-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def bytes_of(vectors: str, key: str, face: int) -> bytes:
    [row] = (row for row in rows(vectors) if (row["key"], row["face_index"]) == (key, face))
    return np.float32(row["embedding"]).tobytes()


def test_both_forget_a_photo_without_a_model(
    chain: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, vectors = chain
    vector, others = bytes_of(vectors, TWO, 1), [row for row in rows(vectors) if row["key"] != TWO]
    monkeypatch.delattr(working, "dispatched")  # a worker would fail
    forget_in({faces: EXTRACT, vectors: EMBED}, [TWO], None, JobConfig())
    assert holding(faces, TWO) == holding(vectors, TWO, vector) == []
    assert rows(vectors) == others
    assert verify(faces) == verify(vectors) == []


def test_vectors_that_were_not_named_learn_of_it_with_their_next_run(
    chain: tuple[str, str],
) -> None:
    faces, vectors = chain
    vector, before = bytes_of(vectors, TWO, 0), rows(vectors)
    forget_in({faces: EXTRACT}, [TWO], 0, JobConfig())
    embed(faces, vectors)
    assert holding(vectors, vector) == []
    assert rows(vectors) == [row for row in before if (row["key"], row["face_index"]) != (TWO, 0)]
    assert verify(vectors) == []


def test_vectors_alone_forget_and_do_not_take_it_from_the_faces_again(
    chain: tuple[str, str],
) -> None:
    faces, vectors = chain
    vector = bytes_of(vectors, TWO, 0)
    forget_in({vectors: EMBED}, [TWO], 0, JobConfig())
    left = rows(vectors)
    for part in Path(vectors, "embeddings").iterdir():
        part.unlink()
    embed(faces, vectors)
    assert rows(vectors) == left
    assert holding(vectors, vector) == []
    assert verify(vectors) == []
