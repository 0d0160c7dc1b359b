"""Faces on a picture: what is drawn lies where the face is, and nowhere else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.faces import Faces
from mtcnn_core.pictures.drawing import draw_faces

_BOX = [60.0, 80.0, 140.0, 180.0]
_LANDMARKS = [[80.5, 110.5], [120.5, 110.5], [100.5, 130.5], [85.5, 155.5], [115.5, 155.5]]
_FACES = Faces(
    np.array([_BOX], np.float32),
    np.array([0.987], np.float32),
    np.array([_LANDMARKS], np.float32),
)


def _grey(height: int = 300, width: int = 240) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 128, np.uint8)


def test_the_input_is_not_changed() -> None:
    image = _grey()
    drawn = draw_faces(image, _FACES)
    assert (image == 128).all()
    assert not np.shares_memory(image, drawn)


def test_the_box_is_green_on_its_four_sides() -> None:
    drawn = draw_faces(_grey(), _FACES).astype(int)
    x1, y1, x2, y2 = (int(value) for value in _BOX)
    for y, x in [(130, x1), (130, x2 - 1), (y2 - 1, 100), (y1, 135)]:
        around = drawn[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
        assert np.abs(around - (0, 230, 118)).sum(axis=1).min() < 120, (x, y)


def test_each_landmark_is_a_red_dot() -> None:
    drawn = draw_faces(_grey(), _FACES).astype(int)
    for x, y in _LANDMARKS:
        red, green, blue = drawn[int(y), int(x)]
        assert red > 200 > 100 > max(green, blue), (x, y)


def test_nothing_is_drawn_far_from_the_face() -> None:
    drawn = draw_faces(_grey(), _FACES)
    drawn[40:186, 54:146] = 128  # the box, its line, and the score above it
    assert (drawn == 128).all()


def test_the_inside_of_the_box_stays_visible() -> None:
    drawn = draw_faces(_grey(), _FACES)
    assert (drawn[85:100, 65:135] == 128).all()


def test_no_faces_draw_nothing() -> None:
    image = _grey()
    drawn = draw_faces(image, Faces.empty())
    np.testing.assert_array_equal(drawn, image)
    assert not np.shares_memory(image, drawn)


def test_an_array_that_may_not_be_written_is_drawn_on_a_copy() -> None:
    image = np.broadcast_to(np.uint8(128), (300, 240, 3))  # one byte, three channels
    np.testing.assert_array_equal(draw_faces(image, _FACES), draw_faces(_grey(), _FACES))


@pytest.mark.parametrize("turn", ["transposed", "reversed", "sliced", "fortran"])
def test_views_are_drawn_like_copies(rng: np.random.Generator, turn: str) -> None:
    base = rng.integers(0, 256, (320, 320, 3), np.uint8)
    view = {
        "transposed": base.transpose(1, 0, 2),
        "reversed": base[::-1, ::-1, ::-1],
        "sliced": base[10:310, 5:245],
        "fortran": np.asfortranarray(base),
    }[turn]
    np.testing.assert_array_equal(draw_faces(view, _FACES), draw_faces(view.copy(), _FACES))


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 5), (3000, 4000)])
def test_pictures_of_any_size_keep_it(shape: tuple[int, int]) -> None:
    drawn = draw_faces(_grey(*shape), _FACES)
    assert drawn.shape == (*shape, 3)
    assert drawn.dtype == np.uint8


def test_a_face_beyond_the_picture_is_drawn_as_far_as_it_is_seen() -> None:
    boxes = np.array([[-50, 40, 90, 400], [1e5, 1e5, 2e5, 2e5]], np.float32)
    points = np.repeat(boxes[:, None, :2], 5, axis=1)
    drawn = draw_faces(_grey(), Faces(boxes, np.array([0.9, 0.8], np.float32), points))
    assert (drawn[200, 85:95] != 128).any()
    assert (drawn[:, 150:] == 128).all()
