"""Levels and crops."""

import math

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from mtcnn_core.cascade.pyramid import Pyramid
from tests import oracle

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


# Grey levels a pixel; no simple fraction, so that rounding errors cancel out in the mean.
SLOPE = 0.8317

# Grey levels: boxes are float32, and so are the coordinates in the oracle's OpenCV.
ROUNDING = 0.05


def _ramp(side: int = 300) -> Pixels:
    """A photo whose red grows with the column, green with the row."""
    rows, columns = SLOPE * (np.mgrid[:side, :side] + 0.5)
    ramp = np.stack([columns, rows, np.full_like(rows, 99)], axis=2)
    return np.asarray(ramp.round(), np.uint8)


def _error(pixels: Pixels, x: NDArray[np.floating], y: NDArray[np.floating]) -> Floats:
    """Where pixels of the ramp come from, less where they should: in pixels of the photo."""
    error: Floats = pixels[:, :, :2] / SLOPE - np.stack(np.meshgrid(x, y), axis=2)
    return error


def _assert_small(error: Floats, step: float) -> None:
    """Rounding to grey levels on each level is allowed, half a pixel of the result is not."""
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.45 + 0.1 * step
    assert np.abs(error).max() < 1.5 + 0.5 * step


def _square(x: float, y: float, side: float) -> NDArray[np.float32]:
    return np.array([[x, y, x + side, y + side]], np.float32)


@pytest.mark.parametrize(
    ("height", "width", "min_face", "factor"),
    [
        (512, 512, 20, 0.709),
        (333, 1001, 20, 0.709),
        (1001, 333, 12, 0.79),
        (60, 4000, 40, 0.709),
        (97, 89, 33.3, 0.5),
        (700, 500, 100, 0.709),
        (700, 500, 20, 0.3),
    ],
)
def test_level_sizes_and_exact_scales(
    height: int, width: int, min_face: float, factor: float
) -> None:
    levels = Pyramid(np.zeros((height, width, 3), np.uint8), min_face, factor).levels
    nominal = 12 / min_face
    for level in levels:
        rows, columns = level.pixels.shape[:2]
        assert (columns, rows) == (math.ceil(width * nominal), math.ceil(height * nominal))
        assert level.scale == (columns / width, rows / height)
        nominal *= factor
    assert len(levels) >= 1
    assert min(height, width) * nominal < 12


def test_a_photo_as_large_as_the_smallest_face_is_scanned() -> None:
    for min_face in range(12, 250):  # 47 * (12 / 47) is less than 12 in floating point
        photo = np.zeros((min_face, 2 * min_face, 3), np.uint8)
        levels = Pyramid(photo, min_face, 0.709).levels
        assert len(levels) == 1, min_face


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (19, 300), (300, 19)], ids=str)
def test_a_photo_smaller_than_the_smallest_face_has_no_levels(shape: tuple[int, int]) -> None:
    assert Pyramid(np.zeros((*shape, 3), np.uint8), 20, 0.709).levels == []


@pytest.mark.parametrize(("min_face", "factor"), [(12, 0.709), (20, 0.709), (100, 0.5), (20, 0.2)])
def test_levels_show_the_same_places(min_face: float, factor: float) -> None:
    for level in Pyramid(_ramp(), min_face, factor).levels:
        rows, columns = level.pixels.shape[:2]
        x = (np.arange(columns) + 0.5) / level.scale[0]
        y = (np.arange(rows) + 0.5) / level.scale[1]
        _assert_small(_error(level.pixels, x, y), 1 / level.scale[0])


@pytest.mark.parametrize("side", [24, 48])
def test_a_crop_in_whole_pixels_is_a_copy(side: int) -> None:
    photo: Pixels = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    crop = Pyramid(photo, 20, 0.709).crops(_square(203, 71, side), side)
    np.testing.assert_array_equal(crop, photo[None, 71 : 71 + side, 203 : 203 + side])


@pytest.mark.parametrize("side", [24, 48])
@pytest.mark.parametrize("size", [10, 23.9, 24.1, 37.3, 60, 99.5, 200])
def test_crops_show_where_they_were_cut(side: int, size: float) -> None:
    x, y = 20.3, 30.6
    (crop,) = Pyramid(_ramp(), 20, 0.709).crops(_square(x, y, size), side)
    centres = (np.arange(side) + 0.5) * size / side
    _assert_small(_error(crop, x + centres, y + centres), size / side)
    np.testing.assert_allclose(crop[:, :, 2], 99, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [12, 24, 100])
def test_black_outside_the_photo(size: float) -> None:
    photo = np.full((250, 250, 3), 200, np.uint8)
    half = size / 2
    corners = np.concatenate(
        [_square(x - half, y - half, size) for y in (0, 250) for x in (0, 250)]
    )
    crops = Pyramid(photo, 20, 0.709).crops(corners, 24)
    for i, crop in enumerate(crops):
        inside = np.zeros((24, 24), bool)
        inside[
            slice(12, 24) if i < 2 else slice(12), slice(12, 24) if i % 2 == 0 else slice(12)
        ] = 1
        # Next to the border, bilinear interpolation mixes both.
        border = np.zeros((24, 24), bool)
        margin = math.ceil(24 / size)
        border[12 - margin : 12 + margin] = border[:, 12 - margin : 12 + margin] = True
        np.testing.assert_allclose(crop[inside & ~border], 200, rtol=0, atol=1e-4)
        assert (crop[~inside & ~border] == 0).all()


def test_crops_are_those_of_the_plain_cascade(rng: np.random.Generator) -> None:
    """From the same level each, whatever the size of the box and wherever it lies."""
    photo: Pixels = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    photo = photo[:, :401]
    size = np.exp(rng.uniform(np.log(5), np.log(600), 300))
    corner = rng.uniform(-0.9, 1, (300, 2)) * size[:, None] + rng.uniform(0, 1, (300, 2)) * (
        401 - size[:, None]
    ).clip(0)
    boxes = np.concatenate([corner, corner + size[:, None]], axis=1).astype(np.float32)
    for min_face in (12, 20, 100):
        _, ladder = oracle.pyramid(photo, min_face, 0.709)
        crops = Pyramid(photo, min_face, 0.709).crops(boxes, 24)
        for box, crop in zip(boxes, crops, strict=True):
            expected = oracle.crop(ladder, photo, box.astype(np.float64), 24)
            assert np.abs(crop - expected).max() <= ROUNDING


def test_crops_do_not_depend_on_each_other(rng: np.random.Generator) -> None:
    """Whatever their order, and more of them than OpenCV counts rows: 700 * 48 pixels."""
    photo: Pixels = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    corner, size = rng.uniform(-20, 480, (720, 2)), np.full((720, 1), 60.0)
    size[:20] = rng.uniform(20, 400, (20, 1))
    boxes = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    pyramid = Pyramid(photo, 20, 0.709)
    crops = pyramid.crops(boxes, 48)
    for i in [*range(20), *range(20, 720, 9)]:
        np.testing.assert_array_equal(crops[i], pyramid.crops(boxes[i : i + 1], 48)[0])


@pytest.mark.parametrize("shape", [(70, 40_000), (40_000, 70), (2600, 2500)], ids=str)
def test_crops_of_levels_too_large_to_be_seen_as_a_whole(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    """Wider than 16 bits count, or of 6 megapixels and more."""
    photo = rng.integers(0, 256, (*shape, 3), np.uint8)
    pyramid = Pyramid(photo, 20, 0.709)
    height, width = shape
    for x, y in [(0, 0), (width - 24, height - 24), (width // 2, height // 2)]:
        (crop,) = pyramid.crops(_square(x, y, 24), 24)
        np.testing.assert_array_equal(crop, photo[y : y + 24, x : x + 24])
    boxes = [_square(x, y, 30) for x, y in ((-15, -15), (width - 15, height - 15), (width - 45, 9))]
    _, ladder = oracle.pyramid(photo, 20, 0.709)
    for box, crop in zip(boxes, pyramid.crops(np.concatenate(boxes), 24), strict=True):
        expected = oracle.crop(ladder, photo, box[0].astype(np.float64), 24)
        assert np.abs(crop - expected).max() <= ROUNDING


def test_no_crops() -> None:
    crops = Pyramid(_ramp(), 20, 0.709).crops(np.empty((0, 4), np.float32), 24)
    assert crops.shape == (0, 24, 24, 3)


def test_boxes_outside_the_photo_are_dropped() -> None:
    boxes = np.concatenate([_square(10, 10, 20), _square(300, 10, 20), _square(-10, 290, 20)])
    kept = Pyramid(_ramp(), 20, 0.709).visible(boxes)
    np.testing.assert_array_equal(kept, boxes[[0, 2]])


def test_boxes_are_ordered_by_size() -> None:
    boxes = np.concatenate([_square(10, 10, side) for side in (20, 50, 30, 10)])
    kept = Pyramid(_ramp(), 20, 0.709).visible(boxes)
    np.testing.assert_array_equal(kept, boxes[[1, 2, 0, 3]])
