"""Each reason on faces that were made for it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from mtcnn_core.curation.columns import FaceColumns
from mtcnn_core.curation.curate import bearers, curate
from mtcnn_core.curation.errors import CurationError
from mtcnn_core.curation.verdicts import Reason, Verdict
from tests.mtcnn_core.curation.made_up import THRESHOLDS, make_faces

pytest.importorskip("faiss", reason="the extra `curate` is not installed")

PERSON = np.repeat(np.arange(12), 8)


def test_faces_that_are_as_labelled_are_kept() -> None:
    verdicts = curate(make_faces(PERSON), THRESHOLDS)
    assert (verdicts.verdict == Verdict.keep).all()
    assert (verdicts.reason == Reason.none).all()
    assert (verdicts.identity == PERSON).all()
    assert (PERSON[verdicts.evidence] == PERSON[:, None]).all()


def test_a_flipped_label_moves_to_its_person() -> None:
    label = PERSON.copy()
    label[5] = 7
    verdicts = curate(make_faces(PERSON, label), THRESHOLDS)
    assert np.flatnonzero(verdicts.verdict != Verdict.keep).tolist() == [5]
    assert verdicts.verdict[5] == Verdict.move
    assert verdicts.reason[5] == Reason.not_like_identity
    assert verdicts.identity[5] == 0
    assert (PERSON[verdicts.evidence[5, :2]] == 0).all()
    assert verdicts.score[5] > THRESHOLDS.margin


def test_a_stranger_under_a_label_is_dropped() -> None:
    person = PERSON.copy()
    person[5] = 12
    verdicts = curate(make_faces(person, PERSON), THRESHOLDS)
    assert np.flatnonzero(verdicts.verdict != Verdict.keep).tolist() == [5]
    assert verdicts.verdict[5] == Verdict.drop
    assert verdicts.identity[5] == -1


def test_the_face_nearest_the_centre_bears_the_label() -> None:
    faces = make_faces(PERSON)
    photo, centrality = faces.photo.copy(), faces.centrality.copy()
    photo[20], centrality[20] = photo[3], -50
    verdicts = curate(replace(faces, photo=photo, centrality=centrality), THRESHOLDS)
    assert np.flatnonzero(verdicts.verdict).tolist() == [20]
    assert verdicts.reason[20] == Reason.other_face
    assert verdicts.evidence[20].tolist() == [3, -1, -1]
    assert verdicts.score[20] == 50


def test_of_equals_the_first_bears_the_label() -> None:
    faces = replace(make_faces(PERSON), photo=np.zeros(len(PERSON), np.int64))
    assert (bearers(faces) == 0).all()


def test_faces_that_are_too_bad_or_have_no_vector_are_dropped() -> None:
    faces = make_faces(PERSON)
    quality, has_vector = faces.quality.copy(), faces.has_vector.copy()
    quality[[4, 9]], has_vector[30] = 0.2, False
    faces = replace(faces, quality=quality, has_vector=has_vector)
    verdicts = curate(faces, replace(THRESHOLDS, quality=0.5))
    assert np.flatnonzero(verdicts.reason == Reason.quality).tolist() == [4, 9, 30]
    assert (verdicts.verdict[[4, 9, 30]] == Verdict.drop).all()
    assert np.isclose(verdicts.score[4], 0.2)
    assert np.isnan(verdicts.score[30])


def test_labels_of_one_person_are_merged_into_the_larger() -> None:
    label = PERSON.copy()
    label[:3] = 12
    verdicts = curate(make_faces(PERSON, label), THRESHOLDS)
    assert np.flatnonzero(verdicts.verdict).tolist() == [0, 1, 2]
    assert (verdicts.verdict[:3] == Verdict.merge).all()
    assert (verdicts.reason[:3] == Reason.same_person).all()
    assert (verdicts.identity[:3] == 0).all()
    assert (PERSON[verdicts.evidence[:3]] == 0).all()


def test_a_label_of_two_persons_is_split() -> None:
    label = PERSON.copy()
    label[8:13], label[13:16] = 0, 12
    faces = make_faces(PERSON, label).select(np.flatnonzero(label != 12))
    verdicts = curate(faces, THRESHOLDS)
    moved = np.flatnonzero(verdicts.verdict)
    assert moved.tolist() == [8, 9, 10, 11, 12]
    assert (verdicts.verdict[moved] == Verdict.move).all()
    assert (verdicts.reason[moved] == Reason.two_persons).all()
    assert (verdicts.identity[moved] == 12).all()
    assert verdicts.split_from.tolist() == [0]


def test_faces_without_labels_become_identities() -> None:
    faces = make_faces(PERSON, np.full(len(PERSON), -1))
    verdicts = curate(faces, THRESHOLDS)
    assert (verdicts.verdict == Verdict.keep).all()
    assert (verdicts.identity == PERSON).all()
    assert verdicts.split_from.tolist() == [-1] * 12


def test_a_face_that_is_alone_is_of_no_identity() -> None:
    person = np.concatenate([PERSON, [12]])
    verdicts = curate(make_faces(person, np.full(len(person), -1)), THRESHOLDS)
    assert verdicts.identity[-1] == -1
    assert (verdicts.identity[:-1] >= 0).all()


def test_two_faces_in_one_photo_are_not_one_person() -> None:
    faces = make_faces(PERSON, np.full(len(PERSON), -1))
    photo = faces.photo.copy()
    photo[1] = photo[0]
    verdicts = curate(replace(faces, photo=photo), THRESHOLDS)
    assert verdicts.identity[0] != verdicts.identity[1]


def test_faces_without_labels_join_the_label_they_are_like() -> None:
    label = np.where(np.arange(len(PERSON)) < 4, -1, PERSON)
    verdicts = curate(make_faces(PERSON, label), THRESHOLDS)
    assert (verdicts.verdict[:4] == Verdict.merge).all()
    assert (verdicts.identity[:4] == 0).all()


def _copied(faces: FaceColumns, rows: list[int], labels: list[int]) -> FaceColumns:
    """Copies of some faces behind them, in photos of their own."""
    some = faces.select(np.array(rows))
    copies = replace(
        some,
        photo=len(faces) + np.arange(len(rows)),
        label=np.array(labels, np.int32),
        quality=some.quality / 2,
    )
    columns = [field.name for field in fields(FaceColumns)]
    return FaceColumns(
        **{name: np.concatenate([getattr(faces, name), getattr(copies, name)]) for name in columns}
    )


def test_the_best_of_several_copies_stays() -> None:
    faces = _copied(make_faces(PERSON), [2, 2, 9], [0, 0, 1])
    verdicts = curate(faces, THRESHOLDS)
    n = len(PERSON)
    assert np.flatnonzero(verdicts.verdict).tolist() == [n, n + 1, n + 2]
    assert (verdicts.reason[n:] == Reason.duplicate).all()
    assert verdicts.evidence[n:, 0].tolist() == [2, 2, 9]


def test_of_copies_under_two_labels_the_one_that_is_like_its_label_stays() -> None:
    faces = _copied(make_faces(PERSON), [2], [7])
    quality = faces.quality.copy()
    quality[-1] = 5
    verdicts = curate(replace(faces, quality=quality), THRESHOLDS)
    assert np.flatnonzero(verdicts.verdict).tolist() == [len(PERSON)]
    assert verdicts.evidence[-1, 0] == 2


def test_no_faces_give_no_verdicts() -> None:
    faces = make_faces(PERSON).select(np.zeros(0, np.int64))
    assert len(curate(faces, THRESHOLDS)) == 0


def test_the_number_of_threads_does_not_matter() -> None:
    person = np.repeat(np.arange(900), 7)
    label = np.where(np.arange(len(person)) % 11 == 0, -1, (person + (person % 5 == 0)) % 900)
    faces = make_faces(person, label, spread=1.6)
    one, three = curate(faces, THRESHOLDS, threads=1), curate(faces, THRESHOLDS, threads=3)
    for field in fields(one):
        assert getattr(one, field.name).tobytes() == getattr(three, field.name).tobytes()


def test_columns_that_do_not_belong_together_are_refused() -> None:
    faces = make_faces(PERSON)
    with pytest.raises(CurationError, match="the column label is int32"):
        replace(faces, label=faces.label[:-1])
