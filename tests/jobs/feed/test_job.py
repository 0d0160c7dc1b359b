from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.engine.driver.verify import verify
from jobs.kind.config import JobConfig
from jobs.kind.forget import forget_in
from jobs.messages.errors import UserError
from jobs.registry import job_of
from tests.jobs.curate.made_up import Face, Photo, people
from tests.jobs.engine.outputs import part_digests
from tests.jobs.feed.feeds import Fed


def _named(photos: list[Photo]) -> Counter[tuple[str, int, str]]:
    return Counter(
        (photo.key, index, photo.label)
        for photo in photos
        for index, face in enumerate(photo.faces)
        if face.is_kept and photo.label
    )


def _shuffled(photos: list[Photo], seed: int = 0) -> list[Photo]:
    chance = np.random.default_rng(seed)
    return [photos[index] for index in chance.permutation(len(photos))]


@pytest.mark.parametrize("seed", range(4))
def test_every_face_that_is_kept_and_named_is_there_once_with_its_crop(
    seed: int, tmp_path: Path
) -> None:
    chance = np.random.default_rng(seed)
    photos = [
        Photo(
            f"{number}.jpg",
            None if chance.random() < 0.1 else f"p{chance.integers(12):02d}",
            tuple(
                Face(f"{number}", draw, is_kept=bool(chance.random() < 0.8))
                for draw in range(chance.integers(0, 4))
            ),
        )
        for number in range(60)
    ]
    fed = Fed.of(tmp_path, photos)
    names = {row["class_id"]: row["identity"] for row in fed.rows("classes")}
    rows = fed.rows()
    found = Counter((row["key"], row["face_index"], names[row["class_id"]]) for row in rows)
    assert found == _named(photos)
    crops = {(p.key, index): face.crop for p in photos for index, face in enumerate(p.faces)}
    assert all(row["crop"]["bytes"] == crops[row["key"], row["face_index"]] for row in rows)


def test_identities_lie_one_after_the_other(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, _shuffled(people(20, 5)))
    ids = [row["class_id"] for row in fed.rows()]
    assert ids == sorted(ids)
    assert list(fed.classes().values()) == list(range(20))
    assert list(fed.classes()) == sorted(fed.classes())


def test_a_row_group_holds_whole_identities(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, _shuffled(people(30, 5)))
    groups = [set(group["class_id"].to_pylist()) for group in fed.groups()]
    assert len(groups) > 4
    assert sum(map(len, groups)) == 30


def test_names_of_parts_sort_as_classes_do(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(40, 5))
    ids = [row for group in fed.groups() for row in group["class_id"].to_pylist()]
    assert len(list((fed.output / "feed").glob("*.parquet"))) > 2
    assert ids == sorted(ids)


def test_classes_tell_how_many_faces_each_has(tmp_path: Path) -> None:
    photos = [*people(3, 4), Photo("alone.jpg", "alone", (Face("alone"),))]
    fed = Fed.of(tmp_path, photos)
    counts = {row["identity"]: row["count"] for row in fed.rows("classes")}
    assert counts == {"p000": 4, "p001": 4, "p002": 4, "alone": 1}


def test_the_second_run_finds_nothing_to_do(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(6, 3))
    before = part_digests(fed.output)
    assert fed.run().processed == 0
    assert part_digests(fed.output) == before


def test_what_is_fed_is_verified(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, _shuffled(people(12, 5)))
    assert verify(str(fed.output)) == []


def test_an_identity_that_is_added_changes_no_other(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(20, 5))
    before, parts = fed.classes(), part_digests(fed.output)
    added = [Photo(f"a/{n}.jpg", "aaa", (Face("a", n),)) for n in range(3)]
    fed.made.make([*people(20, 5), *added])
    assert fed.run().processed == 3
    assert fed.classes() == {**before, "aaa": 20}
    assert parts.items() <= part_digests(fed.output).items()


def test_a_face_that_is_added_goes_to_its_identity(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(20, 5))
    before = fed.classes()
    added = Photo("new.jpg", "p007", (Face("p7", 77),))
    fed.made.make([*people(20, 5), added])
    fed.run()
    assert fed.classes() == before
    (row,) = [row for row in fed.rows() if row["key"] == "new.jpg"]
    assert row["class_id"] == 7
    assert verify(str(fed.output)) == []


def test_an_identity_that_has_gone_leaves_a_hole(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(20, 5))
    fed.made.make([photo for photo in people(20, 5) if photo.label != "p007"])
    fed.run()
    assert 7 not in fed.classes().values()
    assert fed.classes()["p019"] == 19
    assert verify(str(fed.output)) == []


def test_verdicts_decide(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    wrong = Photo("p001/wrong.jpg", "p001", (Face("p2", 50),))
    fed = Fed.of(tmp_path, [*people(6, 6), wrong])
    fed.made.run()
    verdicts = [row for row in _verdicts(fed) if row["key"] == wrong.key]
    assert verdicts[0]["verdict"] in {"move", "drop"}
    fed = Fed(fed.made, tmp_path / "curated")
    fed.run(verdicts=str(fed.made.output))
    found = {row["key"]: row["class_id"] for row in fed.rows()}
    expected = fed.classes().get(verdicts[0]["identity"] or "")
    assert found.get(wrong.key) == expected


def _verdicts(fed: Fed) -> list[dict[str, str]]:
    from jobs.dataset import open_dataset

    rows: list[dict[str, str]] = open_dataset(str(fed.made.output)).read("verdicts").to_pylist()
    return rows


def test_verdicts_of_other_faces_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    fed = Fed.of(tmp_path, people(6, 6))
    fed.made.run()
    fed.made.make(people(6, 6)[1:])
    with pytest.raises(UserError, match="run 'mtcnn-ray curate' again"):
        Fed(fed.made, tmp_path / "other").run(verdicts=str(fed.made.output))


def test_a_condition_leaves_out(tmp_path: Path) -> None:
    photos = [
        replace(photo, faces=(replace(photo.faces[0], side=20.0 + 2 * n),))
        for n, photo in enumerate(people(4, 4))
    ]
    fed = Fed.of(tmp_path, photos, where="box_width >= 40 and score > 0.5")
    assert {row["key"] for row in fed.rows()} == {photo.key for photo in photos[10:]}
    counts = {row[0].strip(): row[1] for row in fed.shown["feed"].rows}
    assert counts["left out by the condition"] == 10


def test_splits_are_of_whole_identities_and_stay(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(40, 3), split="train=.7,val=.3")
    split = {row["identity"]: row["split"] for row in fed.rows("classes")}
    assert set(split.values()) == {"train", "val"}
    by_id = {row["class_id"]: row["split"] for row in fed.rows("classes")}
    assert all(row["split"] == by_id[row["class_id"]] for row in fed.rows())
    fed.made.make(people(60, 3))
    fed.run(split="train=.7,val=.3")
    now = {row["identity"]: row["split"] for row in fed.rows("classes")}
    assert split.items() <= now.items()


def test_identities_of_a_split_lie_together(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(40, 3), split="train=.7,val=.3")
    splits = [row["split"] for row in fed.rows()]
    assert splits == sorted(splits)


def test_who_looks_alike_lies_in_one_block(tmp_path: Path) -> None:
    # Persons in pairs, whose names say nothing of that.
    photos = [
        Photo(f"{n}/{d}.jpg", f"{n * 7 % 32:02d}", (Face(f"pair{n // 2}", 100 * n + d),))
        for n in range(32)
        for d in range(5)
    ]
    plain = Fed.of(tmp_path / "plain", photos)
    packed = Fed.of(
        tmp_path / "packed",
        photos,
        group="neighbours",
        vectors=str(tmp_path / "packed" / "vectors"),
    )

    def pairs(fed: Fed) -> int:
        names = {row["class_id"]: int(row["identity"]) for row in fed.rows("classes")}
        number = {n * 7 % 32: n // 2 for n in range(32)}
        groups = [{names[i] for i in group["class_id"].to_pylist()} for group in fed.groups()]
        return sum(len(group) - len({number[name] for name in group}) for group in groups)

    assert pairs(packed) >= 12 > pairs(plain)


def test_who_is_forgotten_is_gone_and_does_not_come_back(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(8, 4))
    before = fed.classes()
    key = "p003/0.jpg"  # the first of its class
    kinds = {str(path): job_of(str(path), {}) for path in (fed.made.faces, fed.output)}
    forget_in(kinds, [key], None, JobConfig(), False)
    assert key not in {row["key"] for row in fed.rows()}
    assert verify(str(fed.output)) == []
    fed.run()
    assert key not in {row["key"] for row in fed.rows()}
    assert fed.classes() == before
    assert {row["identity"]: row["count"] for row in fed.rows("classes")}["p003"] == 3
    assert verify(str(fed.output)) == []


def test_without_a_face_to_feed_that_is_said(tmp_path: Path) -> None:
    photos = [replace(photo, label=None) for photo in people(2, 2)]
    with pytest.raises(UserError, match="label the photos"):
        Fed.of(tmp_path, photos)
