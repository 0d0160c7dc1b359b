from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import jobs.triplets.mining
import jobs.triplets.pairs
import jobs.triplets.pieces
from jobs.dataset import open_dataset
from jobs.engine.driver import working
from jobs.engine.driver.compact import compact
from jobs.engine.driver.status import status
from jobs.engine.driver.verify import verify
from jobs.kind.config import JobConfig
from jobs.kind.forget import forget_in
from jobs.kind.loading import load
from jobs.kind.retry import retry
from jobs.kind.run import run_job
from jobs.messages.errors import UserError
from jobs.registry import FAILED_STATUSES, job_of
from jobs.triplets.kind import TRIPLETS
from tests.jobs.curate.made_up import Photo, people
from tests.jobs.engine.outputs import part_digests
from tests.jobs.engine.retries import run_here
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
    faces = {tuple(_name(row[name]) for name in ("anchor", "positive", "negative")) for row in rows}
    assert len(faces) == len(rows) == 24 * 3 * 20


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


def _cut(monkeypatch: pytest.MonkeyPatch, triplets: int, named: int, batch: int) -> None:
    monkeypatch.setattr(jobs.triplets.pieces, "_TRIPLETS", triplets)
    monkeypatch.setattr(jobs.triplets.pieces, "_NAMED", named)
    monkeypatch.setattr(jobs.triplets.pairs, "_BATCH", batch)


@pytest.mark.parametrize(("triplets", "named", "batch"), [(100, 10**6, 7), (10**6, 50, 1000)])
def test_cut_into_small_pieces_the_rows_are_the_same(
    triplets: int, named: int, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = mined(tmp_path, people(6, 4))
    _cut(monkeypatch, triplets, named, batch)
    pieces = Mined(whole.fed, tmp_path / "pieces")
    pieces.run()
    parts = {path: count for path, count in _sizes(pieces.output).items() if count}
    assert len(parts) > 5 and max(parts.values()) < 2 * 100
    for table in ("anchors", "triplets"):
        assert pieces.rows(table) == whole.rows(table)
    assert verify(str(pieces.output)) == []


def _dying(after: int) -> Callable[..., Iterator[Any]]:
    """Workers that are killed with their driver after so many shards."""

    def run(*arguments: Any) -> Iterator[Any]:
        for number, result in enumerate(run_here(*arguments)):
            if number == after:
                raise KeyboardInterrupt
            yield result

    return run


def _crashed(index: int) -> Callable[..., Iterator[Any]]:
    """Workers that know of one item of each shard that it has killed one."""

    def run(job: Any, storage: Any, packages: Any, settings: Any, work: Any, *more: Any) -> Any:
        specs, count = work()
        convicted = [replace(spec, verdicts={index: "crashed"}) for spec in specs]
        return run_here(job, storage, packages, settings, lambda: (convicted, count), *more)

    return run


def _sizes(output: Path) -> dict[str, int]:
    parts = sorted((output / "triplets").glob("*.parquet"))
    return {path.name: pq.read_metadata(path).num_rows for path in parts}


def test_killed_and_resumed_it_is_the_same_and_nothing_is_mined_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut(monkeypatch, 100, 10**6, 1000)
    found = mined(tmp_path, people(6, 4))
    other = Mined(found.fed, tmp_path / "other")
    with monkeypatch.context() as patched:
        patched.setattr(working, "dispatched", _dying(3))
        with pytest.raises(KeyboardInterrupt):
            other.run()
        assert 0 < len(_sizes(other.output)) < len(_sizes(found.output))
    with monkeypatch.context() as patched:
        patched.setattr(jobs.triplets.mining, "mine", lambda *_: pytest.fail("mined"))
        other.run()
    assert part_digests(other.output) == part_digests(found.output)


def test_an_anchor_that_killed_its_worker_is_told_and_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = mined(tmp_path, people(4, 3))
    other = Mined(found.fed, tmp_path / "other")
    with monkeypatch.context() as patched:
        patched.setattr(working, "dispatched", _crashed(1))
        other.run()
    crashed = [row for row in other.rows("anchors") if row["status"] == "crashed"]
    assert crashed and all(row["num_triplets"] == 0 for row in crashed)
    anchors = {_name(row["anchor"]) for row in other.rows()}
    assert not anchors & {_name(row) for row in crashed}
    assert retry(TRIPLETS, str(other.output)).summary.processed == len(crashed)
    assert sorted(map(str, other.rows())) == sorted(map(str, found.rows()))
    assert verify(str(other.output), failed_statuses=FAILED_STATUSES) == []


def test_compacted_it_has_the_same_rows_and_nothing_is_left_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut(monkeypatch, 100, 10**6, 1000)
    found = mined(tmp_path, people(6, 4))
    before, parts = found.rows(), len(_sizes(found.output))
    compact(str(found.output))
    assert len(_sizes(found.output)) < parts
    assert found.rows() == before
    assert verify(str(found.output)) == []
    assert found.run().processed == 0


def test_status_counts_anchors_and_triplets(tmp_path: Path) -> None:
    found = mined(tmp_path, people(4, 3), per_anchor=2)
    told = status(str(found.output))
    assert (told.members_done, told.statuses, told.rows["triplets"]) == (12, {"ok": 12}, 24)


def test_vectors_of_other_faces_are_told(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(4, 3))
    fed.made.folder = tmp_path / "others"
    fed.made.make(people(4, 3, prefix="q"))
    with pytest.raises(UserError, match="embed the faces that the feed was made of"):
        Mined(fed, tmp_path / "triplets").run()
