"""What squares are, by the ground truth."""

from __future__ import annotations

import numpy as np

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.samples.labels import Labels, fractions, offsets
from mtcnn_core.samples.samples import IGNORE, KINDS, NEGATIVE, PART, POSITIVE
from mtcnn_core.samples.truth import TrueFaces
from mtcnn_core.settings.samples import SampleSettings

FACE = [100.0, 100.0, 140.0, 140.0]


def _kinds(squares: list[list[float]], truth: TrueFaces, **settings: float) -> list[str]:
    labels = Labels(truth, SampleSettings(**settings))  # type: ignore[arg-type]
    return [KINDS[kind] for kind in labels.kinds(np.array(squares, np.float32))[0]]


def test_kinds_follow_the_overlap() -> None:
    # Shifted by d of its side, a square overlaps the face by (1 - d) / (1 + d).
    squares = [[100 + 40 * d, 100, 140 + 40 * d, 140] for d in (0, 0.2, 0.3, 0.5, 0.6, 2.0)]

    kinds = _kinds(squares, TrueFaces.of(np.array([FACE])))

    assert kinds == ["positive", "positive", "part", "ignore", "negative", "negative"]


def test_what_overlaps_a_face_to_be_ignored_is_nothing() -> None:
    truth = TrueFaces.of(np.array([FACE]), ignored=np.array([True]))

    assert _kinds([FACE, [110, 110, 120, 120], [300, 300, 340, 340]], truth) == [
        "ignore",
        "ignore",  # inside it
        "negative",
    ]


def test_a_face_that_is_too_small_is_ignored() -> None:
    truth = TrueFaces.of(np.array([FACE]))

    assert _kinds([FACE], truth, smallest=40) == ["positive"]
    assert _kinds([FACE], truth, smallest=41) == ["ignore"]


def test_without_faces_all_is_negative() -> None:
    assert _kinds([FACE], TrueFaces.of(np.empty((0, 4)))) == ["negative"]


def test_a_label_knows_the_nearest_face() -> None:
    truth = TrueFaces.of(
        np.array([FACE, [200.0, 100.0, 300.0, 220.0]]),
        landmarks=np.arange(20.0).reshape(2, 5, 2),
        scores=np.array([1, 0.75], np.float32),
    )
    squares = np.array([[195, 105, 305, 215], [0, 0, 20, 20]], np.float32)
    pixels = np.zeros((2, 24, 24, 3), np.uint8)

    found = Labels(truth, SampleSettings()).label(squares, pixels)

    assert found.kinds.tolist() == [POSITIVE, NEGATIVE]
    assert found.sizes[0] == 120
    assert np.isnan(found.sizes[1]) and np.isnan(found.boxes[1]).all()
    assert found.targets.tolist() == [0.75, 0]
    np.testing.assert_allclose(found.boxes[0], [5 / 110, -5 / 110, -5 / 110, 5 / 110], atol=1e-6)
    np.testing.assert_allclose(
        found.landmarks[0, 0], [(10 - 195) / 110, (11 - 105) / 110], atol=1e-6
    )
    assert np.isnan(found.scores).all()


def test_offsets_undo_what_the_cascade_does_with_them() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 200, (50, 2)).astype(np.float32)
    squares = np.concatenate([corners, corners + rng.uniform(20, 80, (50, 1))], axis=1)
    squares = squares.astype(np.float32)
    boxes = (squares + rng.uniform(-5, 5, squares.shape)).astype(np.float32)

    np.testing.assert_allclose(bx.regress(squares, offsets(squares, boxes)), boxes, atol=1e-3)


def test_fractions_are_where_the_cascade_takes_them() -> None:
    rng = np.random.default_rng(0)
    squares = np.array([[10, 20, 60, 70]], np.float32)
    points = rng.uniform(10, 70, (1, 5, 2))
    heads = fractions(squares, points).transpose(0, 2, 1).reshape(1, 10)

    np.testing.assert_allclose(bx.points(squares, heads), points, atol=1e-3)


def test_kinds_are_disjoint_and_complete() -> None:
    assert sorted((NEGATIVE, PART, POSITIVE, IGNORE)) == [0, 1, 2, 4]
