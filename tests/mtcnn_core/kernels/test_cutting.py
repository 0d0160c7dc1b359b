"""Crops out of images against plain bilinear interpolation in NumPy."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.kernels.cutting import Image, cut

Floats = NDArray[np.float64]


def _plain(image: NDArray[np.uint8], first: Floats, step: Floats, side: int) -> Floats:
    """Each pixel of the image weighs 1 less its distance, black beyond."""
    weights = [
        np.maximum(1 - np.abs(first[i] + step[i] * np.arange(side)[:, None] - np.arange(length)), 0)
        for i, length in ((0, image.shape[1]), (1, image.shape[0]))
    ]
    crop: Floats = np.einsum("yr,rcs,xc->yxs", weights[1], image.astype(np.float64), weights[0])
    return crop


@pytest.mark.parametrize("side", [24, 48])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (5, 9), (60, 80)], ids=str)
def test_bilinear(shape: tuple[int, int], side: int, rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    first = rng.uniform(-1.5 * max(shape), 1.2 * max(shape), (40, 2))
    step = rng.uniform(0.01, 3, (40, 2))
    first[0], step[0] = 0, 1
    crops = cut([Image(image)], np.zeros(40, np.intp), first, step, side)
    for crop, *place in zip(crops, first, step, strict=True):
        np.testing.assert_allclose(crop, _plain(image, *place, side), rtol=0, atol=1e-3)


def test_each_from_its_own_image(rng: np.random.Generator) -> None:
    images = [rng.integers(0, 256, (*shape, 3), np.uint8) for shape in ((30, 40), (8, 5), (90, 3))]
    index = rng.integers(0, 3, 20)
    first, step = rng.uniform(-5, 30, (20, 2)), rng.uniform(0.1, 2, (20, 2))
    crops = cut([Image(image) for image in images], index, first, step, 24)
    for crop, number, *place in zip(crops, index, first, step, strict=True):
        np.testing.assert_allclose(crop, _plain(images[number], *place, 24), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "part",
    [
        (slice(3, 20), slice(5, 30)),
        (slice(None, None, 2), slice(None)),
        (slice(None), slice(None, None, 2)),
        (slice(None, None, -1), slice(None)),
    ],
    ids=str,
)
def test_parts_of_images(part: tuple[slice, slice], rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (30, 40, 3), np.uint8)[part]
    place = np.array([[-2.0, 3.0]]), np.array([[1.3, 0.9]])
    crops = cut([Image(image)], np.zeros(1, np.intp), *place, 24)
    np.testing.assert_array_equal(
        crops, cut([Image(image.copy())], np.zeros(1, np.intp), *place, 24)
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_places_that_are_nowhere_are_black(bad: float) -> None:
    image = np.full((30, 40, 3), 255, np.uint8)
    for first, step in ((bad, 1.0), (0.0, bad)):
        crops = cut(
            [Image(image)], np.zeros(1, np.intp), np.full((1, 2), first), np.full((1, 2), step), 24
        )
        # Pixel 0 of a step that is infinite is infinitely far or nowhere.
        assert not crops[0, 1:, 1:].any()


def test_nothing_to_cut() -> None:
    nothing = np.empty((0, 2))
    assert cut([], np.empty(0, np.intp), nothing, nothing, 24).shape == (0, 24, 24, 3)


GUARDED = """
import numpy as np
from mtcnn_core.kernels.cutting import Image, cut
from tests.mtcnn_core.kernels.programs import at_the_end_of_a_page

rng = np.random.default_rng(0)
for shape in ((1, 1), (1, 2), (2, 1), (3, 3), (40, 41)):
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    first, step = rng.uniform(-9, 45, (500, 2)), rng.uniform(0.01, 3, (500, 2))
    index = np.zeros(500, np.intp)
    there = at_the_end_of_a_page(image)
    for seen in (there, there[::-1], np.broadcast_to(there[-1:], there.shape)):
        crops = cut([Image(seen)], index, first, step, 24)
        assert (crops == cut([Image(seen.copy())], index, first, step, 24)).all()
print("read to the end and no further")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="protects memory as Linux does")
def test_nothing_is_read_beyond_the_image() -> None:
    done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "read to the end and no further\n"), done.stderr
