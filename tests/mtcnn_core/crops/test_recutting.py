"""Crops out of crops: the same pixels where all are there, and nothing where some are not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.crops.crops import cut
from mtcnn_core.crops.recutting import photo_pixels, recut

Pixels = NDArray[np.uint8]
PHOTO = (200, 160)


def _matrix(scale: float, left: float, top: float) -> NDArray[np.float64]:
    """Takes the square of the photo that begins at a point to a crop."""
    return np.array([[scale, 0, -scale * left], [0, scale, -scale * top]])


@pytest.fixture
def photo(rng: np.random.Generator) -> Pixels:
    small = rng.integers(0, 256, (20, 25, 3), np.uint8)
    return np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)


def test_crop_within_a_crop_has_the_pixels_of_the_photo(photo: Pixels) -> None:
    stored, wanted = _matrix(1, 40, 30), _matrix(1, 60, 50)
    found = recut(cut(photo, stored, 100), stored, wanted, 50, PHOTO)
    assert found is not None
    np.testing.assert_array_equal(found, cut(photo, wanted, 50))


def test_crop_holds_itself(photo: Pixels) -> None:
    stored = _matrix(0.7, 40, 30).astype(np.float32)
    crop = cut(photo, stored, 64)
    found = recut(crop, stored, stored, 64, PHOTO)
    assert found is not None
    np.testing.assert_array_equal(found, crop)


@pytest.mark.parametrize(("left", "top"), [(39, 50), (60, 29), (91, 50), (60, 81)])
def test_crop_that_reaches_out_of_it_by_a_pixel_is_none(
    photo: Pixels, left: float, top: float
) -> None:
    stored = _matrix(1, 40, 30)
    assert recut(cut(photo, stored, 100), stored, _matrix(1, left, top), 50, PHOTO) is None


def test_beyond_the_photo_nothing_is_missing(photo: Pixels) -> None:
    stored, wanted = _matrix(1, 0, 0), _matrix(1, -20, -20)
    found = recut(cut(photo, stored, 100), stored, wanted, 60, PHOTO)
    assert found is not None
    np.testing.assert_array_equal(found, cut(photo, wanted, 60))


def test_crop_with_fewer_pixels_than_the_photo_gives_is_none(photo: Pixels) -> None:
    stored = _matrix(0.5, 40, 30)
    assert recut(cut(photo, stored, 50), stored, _matrix(1, 60, 50), 50, PHOTO) is None


def test_photo_that_is_enlarged_needs_no_more_pixels_than_it_has(photo: Pixels) -> None:
    stored = _matrix(1, 40, 30)
    assert recut(cut(photo, stored, 100), stored, _matrix(4, 60, 50), 100, PHOTO) is not None


def test_crop_that_shows_most_decides_how_fine_the_photo_must_be() -> None:
    matrices = np.array([_matrix(0.25, 0, 0), _matrix(0.02, 0, 0)])
    assert photo_pixels(matrices) == pytest.approx(4)
