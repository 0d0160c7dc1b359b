"""Samples of a photo."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.samples.sampler import Sampled, Sampler
from mtcnn_core.samples.samples import LANDMARK, NEGATIVE, PART, POSITIVE, Samples
from mtcnn_core.samples.truth import TrueFaces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.samples import SampleSettings, Stage
from mtcnn_core.weights.load import load_weights
from tests.mtcnn_core.samples.photos import BOX, astronaut, truth

SIZE = (512, 512)
SIDES: dict[Stage, int] = {"p": 12, "r": 24, "o": 48}


def _sampled(known: TrueFaces, key: str = "a.jpg", **settings: object) -> Sampled:
    detect = DetectorSettings(min_face=24)
    sampler = Sampler(SampleSettings(**settings), detect, load_weights("original"))  # type: ignore[arg-type]
    return sampler.sample(astronaut(), SIZE, known, key)


def _same(one: Samples, other: Samples) -> bool:
    names = [field.name for field in fields(Samples)]
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names
    )


@pytest.mark.parametrize("stage", ["p", "r", "o"])
def test_all_kinds_come_from_one_photo(stage: Stage) -> None:
    found = _sampled(truth(), stage=stage)

    assert found.samples.side == SIDES[stage]
    kinds = np.bincount(found.samples.kinds, minlength=5)
    assert kinds[POSITIVE] and kinds[NEGATIVE]
    assert (found.faces, found.ignored, found.unusable) == (1, 0, 0)
    assert found.missed == 0


def test_they_depend_on_the_key_and_the_seed_alone() -> None:
    first = _sampled(truth(), "a.jpg").samples

    assert _same(first, _sampled(truth(), "a.jpg").samples)
    assert not _same(first, _sampled(truth(), "b.jpg").samples)
    assert not _same(first, _sampled(truth(), "a.jpg", seed=1).samples)


def test_as_many_are_taken_as_was_said() -> None:
    found = _sampled(
        truth(),
        stage="r",
        drawn=50,
        drawn_positives=4,
        drawn_parts=3,
        drawn_beside=0,
        drawn_negatives=0,
        shown_positives=0,
        shown_negatives=7,
    ).samples

    assert np.bincount(found.kinds, minlength=5).tolist() == [7, 3, 4, 0, 0]


def test_scores_are_those_of_the_network() -> None:
    """The hardest negatives are the surest ones of all that it is shown."""
    every = _sampled(truth(), stage="r", shown_negatives=10_000).samples
    few = _sampled(truth(), stage="r", shown_negatives=5, hardest=True).samples

    asked = every.scores[(every.kinds == NEGATIVE) & ~np.isnan(every.scores)]
    hardest = few.scores[(few.kinds == NEGATIVE) & ~np.isnan(few.scores)]
    np.testing.assert_array_equal(np.sort(hardest), np.sort(asked)[-5:])


def test_crops_are_what_the_squares_show() -> None:
    found = _sampled(truth(), stage="o").samples
    whole = found[found.kinds == POSITIVE]
    image = astronaut().astype(np.float64)
    for square, pixels in zip(whole.squares[:5], whole.pixels[:5], strict=True):
        x1, y1, x2, y2 = square.round().astype(int)
        inside = image[max(y1, 0) : y2, max(x1, 0) : x2].mean(axis=(0, 1))
        np.testing.assert_allclose(pixels.mean(axis=(0, 1)), inside, atol=12)


def test_a_box_without_area_or_outside_is_counted_and_left_out() -> None:
    boxes = np.concatenate([BOX, [[10, 10, 10, 30], [600, 10, 640, 50], [30, 30, 20, 20]]])

    found = _sampled(TrueFaces.of(boxes))

    assert (found.faces, found.unusable) == (1, 3)
    assert _same(found.samples, _sampled(truth()).samples)


def test_a_photo_without_faces_has_negatives_only() -> None:
    found = _sampled(TrueFaces.of(np.empty((0, 4))))

    assert found.faces == 0
    assert set(found.samples.kinds.tolist()) == {NEGATIVE}


def _landmarks() -> np.ndarray:
    faces = FaceDetector(DetectorSettings(min_face=24, mirror="crops")).detect(astronaut())
    return faces.landmarks[:1].astype(np.float64)


def test_landmark_samples_say_where_the_points_are() -> None:
    points = _landmarks()
    known = TrueFaces.of(np.full((1, 4), np.nan), points)

    found = _sampled(known, landmark_crops=3, landmark_own=0).samples

    assert found.kinds.tolist() == [LANDMARK] * 3
    sides = found.squares[:, 2:3] - found.squares[:, :1]
    back = found.squares[:, None, :2] + found.landmarks * sides[:, None]
    np.testing.assert_allclose(back, np.repeat(points, 3, axis=0), atol=0.01)


def test_landmarks_in_the_wrong_place_are_left_out_and_counted() -> None:
    known = TrueFaces.of(np.full((1, 4), np.nan), _landmarks() + 30)

    assert _sampled(known).doubtful == 1
    assert not len(_sampled(known).samples)
    assert len(_sampled(known, landmark_doubt=None).samples)


def test_a_face_without_points_gets_those_that_the_cascade_sees() -> None:
    found = _sampled(truth()).samples
    none = _sampled(truth(), landmark_own=0).samples

    seen = found[found.kinds == LANDMARK]
    assert len(seen) == 2 and not (none.kinds == LANDMARK).any()
    sides = seen.squares[:, 2:3] - seen.squares[:, :1]
    back = (seen.squares[:, None, :2] + seen.landmarks * sides[:, None]).mean(axis=0)
    np.testing.assert_allclose(back, _landmarks()[0], atol=4)


def test_parts_overlap_less_than_positives() -> None:
    found = _sampled(truth(), drawn=200, drawn_parts=50).samples

    assert found.ious[found.kinds == POSITIVE].min() >= 0.65
    assert found.ious[found.kinds == PART].min() >= 0.4
    assert found.ious[found.kinds == PART].max() < 0.65
    assert found.ious[found.kinds == NEGATIVE].max() < 0.3
