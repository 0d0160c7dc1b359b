"""Pixels out of Pillow's memory: the same as those that NumPy is given."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mtcnn_core.images.pixels import rgb_pixels

_SIZES = [(1, 1), (7, 5), (640, 480), (2048, 2048), (2049, 2048), (270_000, 16), (3, 1_500_000)]

_ALONE = """
import numpy as np
from PIL import Image
from mtcnn_core.images.pixels import rgb_pixels
image = Image.effect_noise((301, 203), 90).convert("RGB")
np.testing.assert_array_equal(rgb_pixels(image), np.asarray(image))
print("equal")
"""


def _noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("size", _SIZES)
def test_pixels_are_those_that_numpy_is_given(size: tuple[int, int]) -> None:
    image = _noise(*size)
    np.testing.assert_array_equal(rgb_pixels(image), np.asarray(image))


def test_pixels_do_not_change_with_the_image() -> None:
    image = _noise(64, 48)
    pixels = rgb_pixels(image)
    before = pixels.copy()
    image.paste((0, 0, 0), (0, 0, 64, 48))
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("variable", ["PILLOW_BLOCK_SIZE=4096", "PILLOW_ALIGNMENT=64"])
def test_memory_that_pillow_cannot_hand_out_is_copied(variable: str) -> None:
    name, _, value = variable.partition("=")
    run = subprocess.run(
        [sys.executable, "-c", _ALONE],
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == "equal\n", run.stderr
