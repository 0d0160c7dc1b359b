"""What O-Net says of squares, of their mirrors, and of faces."""

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from mtcnn_core.cascade.output_stage import OutputStage
from mtcnn_core.cascade.pyramid import Pyramid
from mtcnn_core.cascade.scores import logit
from mtcnn_core.cascade.sessions import CropSession
from mtcnn_core.cascade.squares import Squares
from mtcnn_core.engines.onnxruntime import DEVICES
from mtcnn_core.settings.detector import Mirror
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET
from mtcnn_core.weights.original import load_default

Floats = NDArray[np.float32]

WIDTH = 512
SWAPPED = [1, 0, 2, 4, 3]


@pytest.fixture(scope="module")
def session() -> CropSession:
    return CropSession(ONET, load_default(), DEVICES["cpu"], Stopwatch())


def around_the_face(count: int) -> Floats:
    """Squares about a face, some far too large or beside it."""
    rng = np.random.default_rng(5)
    centre = np.array([225, 115]) + rng.uniform(-40, 40, (count, 2))
    half = rng.uniform(35, 110, (count, 1))
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def in_photo(boxes: Floats, mirrored: bool = False) -> list[Squares]:
    photo = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    if mirrored:
        photo = np.ascontiguousarray(photo[:, ::-1])
        boxes = flipped(boxes)
    return [Squares(Pyramid(photo, 20, 0.709), boxes)]


def flipped(boxes: Floats) -> Floats:
    return np.stack([WIDTH - boxes[:, 2], boxes[:, 1], WIDTH - boxes[:, 0], boxes[:, 3]], axis=1)


def stage(session: CropSession, mirror: Mirror, threshold: float = 1e-6) -> OutputStage:
    return OutputStage(session, threshold, mirror, Stopwatch())


def logits(session: CropSession, mirror: Mirror, boxes: Floats, threshold: float) -> Floats:
    (found,) = stage(session, mirror, threshold).candidates(in_photo(boxes), 0)
    return found.logits


def test_asked_of_both_mirrors_it_says_the_same_of_a_photo_and_its_mirror(
    session: CropSession,
) -> None:
    boxes = around_the_face(20)
    (found,) = stage(session, "crops").candidates(in_photo(boxes), 0)
    (mirrored,) = stage(session, "crops").candidates(in_photo(boxes, mirrored=True), 0)
    assert len(found) == 20
    # The pyramid of the mirrored photo is not quite the mirror of its pyramid.
    np.testing.assert_allclose(mirrored.logits, found.logits, atol=0.1)
    np.testing.assert_allclose(flipped(mirrored.boxes), found.boxes, atol=0.5)


def test_landmarks_change_sides_in_a_mirror(session: CropSession) -> None:
    face = np.array([[185, 65, 265, 170]], np.float32)
    (points,) = stage(session, "crops").landmarks(in_photo(face))
    (mirrored,) = stage(session, "crops").landmarks(in_photo(face, mirrored=True))
    back = np.stack([WIDTH - mirrored[0, SWAPPED, 0], mirrored[0, SWAPPED, 1]], axis=1)
    np.testing.assert_allclose(back, points[0], atol=0.5)


def test_only_where_it_was_nearly_sure_it_is_asked_again(session: CropSession) -> None:
    boxes = around_the_face(200)
    once = logits(session, "none", boxes, 1e-6)
    both = logits(session, "crops", boxes, 1e-6)
    assert len(once) == len(both) == 200
    unsure = np.abs(once) < logit(0.7)
    assert 5 <= unsure.sum() <= 195
    expected = np.where(unsure, both, once)
    expected = expected[expected >= logit(0.7)]
    np.testing.assert_allclose(logits(session, "unsure", boxes, 0.7), expected, atol=1e-5)


def test_with_a_threshold_of_a_half_it_is_always_sure(session: CropSession) -> None:
    boxes = around_the_face(50)
    np.testing.assert_array_equal(
        logits(session, "unsure", boxes, 0.5), logits(session, "none", boxes, 0.5)
    )


@pytest.mark.parametrize("mirror", ["none", "unsure", "crops"])
def test_no_squares_no_candidates(session: CropSession, mirror: Mirror) -> None:
    nothing = np.empty((0, 4), np.float32)
    (found,) = stage(session, mirror).candidates(in_photo(nothing), 0)
    assert found.boxes.shape == (0, 4)
    (points,) = stage(session, mirror).landmarks(in_photo(nothing))
    assert points.shape == (0, 5, 2)
