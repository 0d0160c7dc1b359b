from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.dataset import open_dataset
from jobs.engine.driver.verify import verify
from jobs.kind.config import JobConfig
from jobs.kind.forget import forget_in
from jobs.kind.loading import load
from jobs.kind.run import run_job
from jobs.messages.errors import UserError
from jobs.registry import job_of
from jobs.triplets.kind import TRIPLETS
from tests.jobs.curate.made_up import Photo, people
from tests.jobs.engine.outputs import part_digests
from tests.jobs.feed.feeds import Fed

MARGIN = 4.0  # made-up persons are far from each other


@dataclass
class Mined:
    fed: Fed
    output: Path

    def run(self, **settings: object) -> Any:
        said = {"feed": str(self.fed.output), "margin": MARGIN, **settings}
        flags = {f"triplets.{name}": value for name, value in said.items()}
        config = load(TRIPLETS.config, None, {**flags, "run.min_free_bytes": 0})
        return run_job(TRIPLETS, str(self.fed.made.vectors), str(self.output), config)

    def rows(self, table: str = "triplets") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = open_dataset(str(self.output)).read(table).to_pylist()
        return rows


def mined(folder: Path, photos: list[Photo], **settings: object) -> Mined:
    found = Mined(Fed.of(folder, photos), folder / "triplets")
    found.run(**settings)
    return found


def _vectors(photos: list[Photo]) -> dict[tuple[str, int], np.ndarray]:
    return {(p.key, index): face.vector for p in photos for index, face in enumerate(p.faces)}


def _name(face: dict[str, Any]) -> tuple[str, int]:
    return face["key"], face["face_index"]


def test_each_row_is_semi_hard_and_says_how_far(tmp_path: Path) -> None:
    photos = people(6, 4)
    of = {photo.key: photo.label for photo in photos}
    vectors = _vectors(photos)
    rows = mined(tmp_path, photos).rows()
    for row in rows:
        a, p, n = (_name(row[name]) for name in ("anchor", "positive", "negative"))
        assert (row["key"], row["face_index"]) == a
        assert of[a[0]] == of[p[0]] != of[n[0]] and a != p
        near, far = row["distance_positive"], row["distance_negative"]
        assert near < far < near + MARGIN
        assert near == pytest.approx(((vectors[a] - vectors[p]) ** 2).sum(), abs=1e-5)
        assert far == pytest.approx(((vectors[a] - vectors[n]) ** 2).sum(), abs=1e-5)
    # All pairs of a person, with all faces of others: made-up ones are farther than one's own.
    assert len(rows) == 24 * 3 * 20


def test_so_many_an_anchor(tmp_path: Path) -> None:
    found = mined(tmp_path, people(6, 4), per_anchor=5)
    assert [row["num_triplets"] for row in found.rows("anchors")] == [5] * 24
    assert len(found.rows()) == 120


def test_faces_without_a_vector_are_left_out_and_counted(tmp_path: Path) -> None:
    photos = people(4, 3)
    (face,) = photos[4].faces
    photos[4] = replace(photos[4], faces=(replace(face, status="unreadable"),))
    found = mined(tmp_path, photos)
    statuses = {row["key"]: row["status"] for row in found.rows("anchors")}
    assert statuses.pop(photos[4].key) == "no_vector"
    assert set(statuses.values()) == {"ok"}
    told = {_name(row[name])[0] for row in found.rows() for name in ("positive", "negative")}
    assert photos[4].key not in told
    assert verify(str(found.output)) == []


def test_only_the_split_is_mined(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(12, 3), split="train=.5,val=.5")
    found = Mined(fed, tmp_path / "triplets")
    found.run()
    train = {row["key"] for row in fed.rows() if row["split"] == "train"}
    assert {row["key"] for row in found.rows("anchors")} == train


def test_again_there_is_nothing_to_do_and_elsewhere_the_same_bytes(tmp_path: Path) -> None:
    found = mined(tmp_path, people(6, 4), per_anchor=3)
    before = part_digests(found.output)
    assert found.run(per_anchor=3).processed == 0
    other = Mined(found.fed, tmp_path / "other")
    other.run(per_anchor=3)
    assert part_digests(other.output) == part_digests(found.output) == before


def test_faces_that_are_added_are_mined(tmp_path: Path) -> None:
    found = mined(tmp_path, people(5, 3))
    found.fed.made.make(people(6, 3))
    found.fed.run()
    found.run()
    assert len(found.rows("anchors")) == 18
    assert verify(str(found.output)) == []


def test_triplets_of_who_is_forgotten_go(tmp_path: Path) -> None:
    found = mined(tmp_path, people(4, 3))
    key = "p002/1.jpg"
    forget_in({str(found.output): job_of(str(found.output), {})}, [key], None, JobConfig())
    rows = found.rows()
    named = {_name(row[name])[0] for row in rows for name in ("anchor", "positive", "negative")}
    assert key not in named and rows
    assert verify(str(found.output)) == []


def test_vectors_of_other_faces_are_told(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(4, 3))
    fed.made.folder = tmp_path / "others"
    fed.made.make(people(4, 3, prefix="q"))
    with pytest.raises(UserError, match="embed the faces that the feed was made of"):
        Mined(fed, tmp_path / "triplets").run()
