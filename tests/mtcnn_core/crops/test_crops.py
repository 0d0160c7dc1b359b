"""The pixels of crops: where they come from, what is outside, how they are judged and stored."""

import importlib.util
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from mtcnn_core.crops.alignment import crop_matrices
from mtcnn_core.crops.crops import align, cut, encode, sharpness
from mtcnn_core.faces import Faces
from mtcnn_core.settings.crops import CropSettings

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def astronaut() -> Pixels:
    skimage = importlib.util.find_spec("skimage")
    if skimage is None or not skimage.submodule_search_locations:
        pytest.skip("no photograph: install scikit-image")
    file = Path(skimage.submodule_search_locations[0]) / "data" / "astronaut.png"
    return np.asarray(Image.open(file).convert("RGB"))


def _scaling(scale: float, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    return np.array([[scale, 0, x], [0, scale, y]])


def _ramp(width: int, height: int, step: int) -> Pixels:
    """Grey that has the value `step * x` at x, which bilinear sampling reproduces exactly."""
    centres = step * (np.arange(width) + 0.5)
    return np.repeat(np.tile(centres.astype(np.uint8), (height, 1))[..., None], 3, axis=2)


def test_identity_copies_the_pixels(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (48, 48, 3), np.uint8)
    crop = cut(image, _scaling(1), 48)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop, image)


def test_whole_pixel_shift_copies_the_pixels(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (300, 400, 3), np.uint8)
    np.testing.assert_array_equal(cut(image, _scaling(1, -210, -130), 32), image[130:162, 210:242])


@pytest.mark.parametrize(
    ("scale", "step"), [(4.0, 16), (2.0, 16), (1.0, 16), (0.5, 8), (0.25, 4), (0.125, 2)]
)
def test_centres_of_pixels_meet_at_every_scale(scale: float, step: int) -> None:
    # Counting from a pixel's corner instead moves the ramp by up to 28 grey levels.
    width = 240 // step
    image = _ramp(width, max(width, 16), step)
    size = round(width * scale)
    row = cut(image, _scaling(scale), max(size, 8))[2, :size, 0].astype(float)
    expected = step * (np.arange(size) + 0.5) / scale
    # The outermost crop pixels blend with the black outside where the crop enlarges.
    inner = slice(*(2, -2) if scale > 1 else (0, None))
    np.testing.assert_allclose(row[inner], expected[inner], atol=1.01)


def test_sides_that_do_not_halve_evenly_keep_their_place() -> None:
    image = np.zeros((999, 999, 3), np.uint8)
    image[:, :920] = 255
    row = cut(image, _scaling(1 / 8), 125)[60, :, 0]
    # Taking 999 for twice 499, and so on, would move the edge by a third of a pixel.
    assert row.sum(dtype=float) / 255 == pytest.approx(920 / 8, abs=0.12)


def test_half_a_pixel_blends_two_neighbours() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, 8] = 200
    row = cut(image, _scaling(1, 0.5), 16)[5, :, 0]
    assert row[[7, 8, 9, 10]].tolist() == [0, 100, 100, 0]


def test_rotation_turns_as_the_matrix_says() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[4, 20] = (255, 0, 0)  # its centre, (20.5, 4.5), goes to (32 - 4.5, 20.5)
    crop = cut(image, np.array([[0.0, -1.0, 32.0], [1.0, 0.0, 0.0]]), 32)
    assert np.argwhere(crop[..., 0] > 128).tolist() == [[20, 27]]


def test_outside_the_image_is_black() -> None:
    image = np.full((50, 40, 3), 200, np.uint8)
    crop = cut(image, _scaling(1, 10, 20), 80)
    assert (crop[20:70, 10:50] == 200).all()
    crop[20:70, 10:50] = 0
    assert not crop.any()


def test_a_crop_beside_the_image_is_black(rng: np.random.Generator) -> None:
    image = rng.integers(1, 256, (50, 40, 3), np.uint8)
    for x, y in [(-1e4, 0), (1e4, 0), (0, -1e4), (1e9, 1e9)]:
        assert not cut(image, _scaling(1, x, y), 16).any()


@pytest.mark.parametrize("rotated", [False, True])
def test_fine_stripes_become_grey_when_shrunk(rotated: bool) -> None:
    image = np.zeros((512, 512, 3), np.uint8)
    image[:, ::2] = 255
    matrix = _scaling(1 / 8)
    if rotated:
        turned = np.array(cv2.getRotationMatrix2D((256, 256), 23, 1 / 8), np.float64)
        matrix = turned - np.array([[0, 0, 224], [0, 0, 224]])
    crop = cut(image, matrix, 64)[16:48, 16:48]
    assert crop.min() >= 126
    assert crop.max() <= 129


def test_a_twice_as_large_photo_gives_the_same_crop(astronaut: Pixels) -> None:
    boxes = np.array([[178, 60, 270, 182]], np.float32)
    faces = Faces(boxes, np.ones(1, np.float32), np.zeros((1, 5, 2), np.float32))
    doubled = Faces(2 * boxes, faces.scores, faces.landmarks)
    twice = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    (small,) = align(astronaut, faces)
    (large,) = align(twice.astype(np.uint8), doubled)
    difference = np.abs(small.astype(float) - large)
    assert difference.mean() < 2  # moved by one pixel of the crop: 5


@pytest.mark.parametrize("width", [1024, 1000, 997])
@pytest.mark.parametrize("scale", [2.0, 0.7, 0.3, 0.11])
def test_the_part_looked_at_gives_what_the_whole_image_gives(
    astronaut: Pixels, rng: np.random.Generator, width: int, scale: float
) -> None:
    image = cv2.resize(astronaut, (width, 1024), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    for _ in range(5):
        turn, (x, y) = rng.uniform(-180, 180), rng.uniform(300, 700, 2)
        matrix = np.array(cv2.getRotationMatrix2D((x, y), turn, scale), np.float64)
        matrix[:, 2] += 16 - np.array([x, y])
        difference = np.abs(cut(image, matrix, 32).astype(int) - _cut_of_whole(image, matrix, 32))
        # Not equal: coordinates are rounded to 1/32 pixel, and an odd side is not halved evenly.
        assert difference.mean() <= (5 if width % 2 else 0.1)


def _cut_of_whole(image: Pixels, matrix: NDArray[np.float64], size: int) -> Pixels:
    matrix = matrix.copy()
    while abs(np.linalg.det(matrix[:, :2])) < 0.25:
        height, width = image.shape[:2]
        half = (width // 2, height // 2)
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA).astype(np.uint8)
        matrix[:, :2] *= (width / half[0], height / half[1])
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR).astype(np.uint8)


def test_a_huge_image_shrinks_to_its_mean(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (4096, 4096, 3), np.uint8)
    crop = cut(image, _scaling(8 / 4096), 8)[1:-1, 1:-1]
    np.testing.assert_allclose(crop, 127.5, atol=3)


def test_a_single_pixel_fills_a_crop_that_is_inside_it() -> None:
    image = np.zeros((5, 5, 3), np.uint8)
    image[2, 2] = (10, 200, 90)
    crop = cut(image, _scaling(10_000, -25_000 + 80, -25_000 + 80), 160)
    assert np.abs(crop.astype(int) - image[2, 2]).max() <= 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (3, 2)])
def test_thin_images_are_cut(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    # The whole image onto the whole crop, each side scaled by itself.
    matrix = np.array([[64 / shape[1], 0, 0], [0, 64 / shape[0], 0]])
    crop = cut(image, matrix, 64)
    assert crop.shape == (64, 64, 3)
    # One pixel's bilinear tent falls off from the middle of the crop.
    assert crop[32, 32].min() > 85


@pytest.mark.parametrize(
    "linear", [[[0, 0], [0, 0]], [[1, 0], [0, 0]], [[1, 2], [2, 4]], [[1e-30, 0], [0, 1e-30]]]
)
def test_matrices_without_an_inverse_give_some_crop(linear: list[list[float]]) -> None:
    image = np.full((70, 90, 3), 77, np.uint8)
    crop = cut(image, np.column_stack([linear, [4, 4]]), 16)
    assert crop.shape == (16, 16, 3)
    assert set(np.unique(crop)) <= set(range(78))


def test_the_image_is_not_changed(astronaut: Pixels) -> None:
    image = astronaut.copy()
    for scale in (0.05, 1, 3):
        cut(image, _scaling(scale), 40)
    np.testing.assert_array_equal(image, astronaut)


def test_views_are_cut_like_copies(astronaut: Pixels) -> None:
    view = astronaut[::-1, 10:-7, ::-1]
    for scale in (0.1, 1.3):
        np.testing.assert_array_equal(
            cut(view, _scaling(scale), 50), cut(view.copy(), _scaling(scale), 50)
        )


def test_align_cuts_what_the_matrices_say(astronaut: Pixels) -> None:
    boxes = np.array([[178, 60, 270, 182], [10, 10, 50, 90]], np.float32)
    landmarks = np.array(
        [[[200, 100], [245, 100], [222, 130], [205, 150], [240, 150]]] * 2, np.float32
    )
    faces = Faces(boxes, np.array([0.9, 0.8], np.float32), landmarks)
    crops = align(astronaut, faces, size=112, mode="similarity")
    settings = CropSettings(size=112, mode="similarity")
    for crop, matrix in zip(crops, crop_matrices(faces, settings, (512, 512)), strict=True):
        np.testing.assert_array_equal(crop, cut(astronaut, matrix, 112))
    assert align(astronaut, Faces.empty(), size=96).shape == (0, 96, 96, 3)


def test_sharpness_falls_with_blur(astronaut: Pixels) -> None:
    crop = astronaut[60:182, 170:292]
    blurred = [cv2.GaussianBlur(crop, (0, 0), sigma).astype(np.uint8) for sigma in (1, 2, 4)]
    values = [sharpness(each) for each in [crop, *blurred]]
    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[1]


def test_sharpness_by_hand() -> None:
    # A Laplacian of 0 in all rows but two: -200 above the edge, 200 below.
    crop = np.zeros((20, 20, 3), np.uint8)
    crop[10:] = 200
    assert sharpness(crop) == pytest.approx(2 * 200**2 / 20)
    assert sharpness(np.full((20, 20, 3), 123, np.uint8)) == 0


@pytest.mark.parametrize("size", [9, 160, 700])
def test_sharpness_of_noise_by_its_definition(size: int, rng: np.random.Generator) -> None:
    grey = rng.choice([0, 255], (size, size))  # the steepest there is
    padded = np.pad(grey, 1, mode="reflect")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    crop = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    assert sharpness(crop) == pytest.approx((around - 4 * grey).var(), rel=1e-12)


def test_png_gives_the_pixels_back(astronaut: Pixels) -> None:
    crop = np.ascontiguousarray(astronaut[60:140, 170:250])
    data = encode(crop, CropSettings(format="png"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), crop)


def test_jpeg_is_rgb_without_subsampled_chroma() -> None:
    # One-pixel columns of red and green: subsampling would blend them.
    crop = np.zeros((64, 64, 3), np.uint8)
    crop[:, ::2, 0] = crop[:, 1::2, 1] = 200
    decoded = np.asarray(Image.open(io.BytesIO(encode(crop, CropSettings()))).convert("RGB"))
    assert np.abs(decoded.astype(int) - crop).mean() < 4


@pytest.mark.parametrize("settings", [CropSettings(), CropSettings(format="png")])
def test_equal_crops_have_equal_bytes(astronaut: Pixels, settings: CropSettings) -> None:
    crop = np.ascontiguousarray(astronaut[:160, 100:260])
    assert encode(crop, settings) == encode(crop.copy(), settings)


def test_quality_is_used(astronaut: Pixels) -> None:
    crop = np.ascontiguousarray(astronaut[:160, 100:260])
    sizes = [len(encode(crop, CropSettings(quality=quality))) for quality in (30, 75, 95)]
    assert sizes == sorted(sizes)
    assert sizes[2] > 2 * sizes[0]


def test_a_reduced_photo_gives_the_crop_of_the_full_one() -> None:
    photo = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    reduced = cv2.resize(photo, (256, 256), interpolation=cv2.INTER_AREA).astype(np.uint8)
    matrix = np.array([[0.4, 0, -70], [0, 0.4, -20]])
    full = cut(photo, matrix, 48)
    difference = cut(reduced, matrix, 48, photo=(512, 512)).astype(int) - full
    assert np.abs(difference).mean() < 3
