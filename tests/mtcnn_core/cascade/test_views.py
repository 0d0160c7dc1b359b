"""Mirrored and turned views: what is found there lies where it is in the photo."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.cascade.candidates import Candidates
from mtcnn_core.cascade.views import View, unmirrored

Pixels = NDArray[np.uint8]

# In a view: a wide box about (30, 20).
BOX = [20.0, 15, 40, 25]


def found(box: list[float] = BOX) -> Candidates:
    return Candidates(np.array([box], np.float32), np.array([1.5], np.float32), np.array([0]))


def marked(width: int, height: int, x: int, y: int) -> Pixels:
    """Black but for 5x5 white pixels about the centre of pixel (x, y)."""
    image = np.zeros((height, width, 3), np.uint8)
    image[y - 2 : y + 3, x - 2 : x + 3] = 255
    return image


def brightest(image: Pixels) -> tuple[float, float]:
    """Centre of the light, x and y in continuous pixels."""
    weight = image[:, :, 0].astype(float)
    rows, columns = np.indices(weight.shape) + 0.5
    return (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()


def test_the_photo_as_it_is_costs_no_copy() -> None:
    image = marked(50, 40, 10, 20)
    seen = View(20).of(image, (50, 40))
    assert seen.pixels is image
    candidates = found()
    assert seen.to_photo(candidates) is candidates


def test_a_mirrored_box_keeps_its_size_and_changes_sides() -> None:
    seen = View(20, mirrored=True).of(marked(100, 40, 10, 20), (100, 40))
    assert brightest(seen.pixels) == pytest.approx((89.5, 20.5))
    np.testing.assert_allclose(seen.to_photo(found()).boxes, [[60, 15, 80, 25]], atol=1e-4)


@pytest.mark.parametrize("degrees", [-20, 20, 75, 90, 180, 270])
@pytest.mark.parametrize("size", [(90, 60), (61, 88)])
def test_what_is_seen_in_a_turned_photo_lies_where_it_is(
    degrees: float, size: tuple[int, int]
) -> None:
    seen = View(20, degrees=degrees).of(marked(*size, 11, 43), size)
    x, y = brightest(seen.pixels)
    there = seen.to_photo(found([x - 9, y - 4, x + 9, y + 4]))
    # A tenth of a pixel: the light is resampled.
    np.testing.assert_allclose(there.boxes, [[2.5, 39.5, 20.5, 47.5]], atol=0.1)


@pytest.mark.parametrize("degrees", [-20, 90, 180, 270])
def test_points_and_boxes_go_to_the_view_and_back(degrees: float) -> None:
    seen = View(20, degrees=degrees).of(marked(90, 60, 70, 43), (90, 60))
    [box] = seen.boxes_of(np.array([[61.5, 39.5, 79.5, 47.5]], np.float32))
    # The light lies in the middle of the box, which is as large as it was.
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, brightest(seen.pixels), atol=0.1)
    np.testing.assert_allclose(box[2:] - box[:2], [18, 8], atol=1e-4)
    there = seen.points_to_photo(np.array([[brightest(seen.pixels)]]))
    np.testing.assert_allclose(there, [[[70.5, 43.5]]], atol=0.1)


def test_degrees_turn_clockwise() -> None:
    # From the right of the centre to below it.
    seen = View(20, degrees=90).of(marked(101, 101, 90, 50), (101, 101))
    assert brightest(seen.pixels) == pytest.approx((50.5, 90.5), abs=0.1)


@pytest.mark.parametrize("degrees", [20, 90])
def test_a_turned_photo_is_seen_to_its_corners(degrees: float) -> None:
    seen = View(20, degrees=degrees).of(np.full((60, 90, 3), 255, np.uint8), (90, 60))
    assert seen.pixels[:, :, 0].sum() / 255 == pytest.approx(60 * 90, rel=0.01)


@pytest.mark.parametrize("view", [View(20, mirrored=True), View(20, degrees=33)], ids=str)
def test_a_reduced_photo_gives_pixels_of_the_whole(view: View) -> None:
    # 31 of 93 and 22 of 67 pixels: the scales of x and y differ a little.
    size = (93, 67)
    seen = view.of(marked(31, 22, 9, 14), size)
    scale = np.array(seen.pixels.shape[1::-1]) / seen.size
    x, y = brightest(seen.pixels) / scale
    there = seen.to_photo(found([x, y, x, y]))
    np.testing.assert_allclose(there.boxes[0, :2], [9.5 * 3, 14.5 * 67 / 22], atol=0.3)


def test_heads_of_a_mirrored_crop() -> None:
    heads = np.arange(15, dtype=np.float32)[None] / 16
    n = 1 / 16
    expected = [0, -3 * n, 2 * n, -1 * n, 4 * n]
    expected += [1 - i * n for i in (6, 5, 7, 9, 8)] + [i * n for i in (11, 10, 12, 14, 13)]
    np.testing.assert_allclose(unmirrored(heads)[0], expected)


def test_mirrored_twice_is_as_before() -> None:
    heads = np.random.default_rng(3).normal(size=(4, 15)).astype(np.float32)
    np.testing.assert_allclose(unmirrored(unmirrored(heads)), heads, atol=1e-6)
