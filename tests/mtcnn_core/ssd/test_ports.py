"""What a model is shown, and what is taken from its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mtcnn_core.engines.engine import Port
from mtcnn_core.settings.ssd import SsdSettings
from mtcnn_core.ssd.ports import ImageInput, rows_of
from mtcnn_core.weights.errors import ModelError

_F32, _F16, _U8 = (np.dtype(kind) for kind in (np.float32, np.float16, np.uint8))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([1, 3, 384, 672], ImageInput(672, 384, False, _F32)),
        ([None, 3, 300, 300], ImageInput(300, 300, False, _F32)),
        ([1, 300, 400, 3], ImageInput(400, 300, True, _F32)),
    ],
)
def test_images_of_one_size_are_accepted(shape: Sequence[int | None], expected: ImageInput) -> None:
    assert ImageInput.of([Port(shape, _F32)], 1) == expected


@pytest.mark.parametrize(
    ("shapes", "dtype", "outputs", "sentence"),
    [
        ([[1, 3, 8, 8], [1, 3]], _F32, 1, "it has 2 inputs and 1 outputs, but an SSD detector"),
        ([], _F32, 1, "it has 0 inputs"),
        ([[1, 3, 8, 8]], _F32, 2, "it has 1 inputs and 2 outputs"),
        ([[1, 3, None, 8]], _F32, 1, "the shape 1 x 3 x \\? x 8; export it for images of one size"),
        ([[1, 4, 8, 8]], _F32, 1, "its input has the shape 1 x 4 x 8 x 8, but an SSD detector"),
        ([[2, 3, 8, 8]], _F32, 1, "its input has the shape 2 x 3 x 8 x 8"),
        ([[1, 3]], _F32, 1, "its input has the shape 1 x 3, but"),
        ([[]], _F32, 1, "its input has the shape nothing"),
        ([[1, 3, 8, 8]], np.dtype(np.int64), 1, "its input is of the type int64"),
    ],
)
def test_what_takes_no_image_is_refused(
    shapes: Any, dtype: np.dtype[Any], outputs: int, sentence: str
) -> None:
    with pytest.raises(ModelError, match=sentence):
        ImageInput.of([Port(shape, dtype) for shape in shapes], outputs)


@pytest.mark.parametrize("dtype", [_F32, _F16, _U8], ids=str)
@pytest.mark.parametrize("channels_last", [False, True])
def test_what_open_model_zoo_wants_is_blue_green_red_as_it_is(
    dtype: np.dtype[Any], channels_last: bool, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (5, 7, 3), np.uint8)
    blob = ImageInput(7, 5, channels_last, dtype).blob(pixels, SsdSettings())
    expected = pixels[None, :, :, ::-1]
    assert blob.dtype == dtype and blob.flags.c_contiguous
    np.testing.assert_array_equal(blob, expected if channels_last else np.moveaxis(expected, 3, 1))


@pytest.mark.parametrize("colours", ["bgr", "rgb"])
def test_mean_and_scale_are_in_the_order_of_the_colours(
    colours: Any, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (5, 7, 3), np.uint8)
    settings = SsdSettings(colours=colours, mean=(104, 117, 123), scale=58)
    blob = ImageInput(7, 5, True, _F32).blob(pixels, settings)
    ordered = pixels[..., ::-1] if colours == "bgr" else pixels
    expected = (ordered.astype(np.float64) - [104, 117, 123]) / 58
    np.testing.assert_allclose(blob[0], expected, rtol=1e-5, atol=1e-6)


def test_a_photo_is_resized_as_a_whole() -> None:
    # Black on the left, white on the right, whatever the sides.
    pixels = np.zeros((40, 20, 3), np.uint8)
    pixels[:, 10:] = 255
    blob = ImageInput(8, 4, True, _F32).blob(pixels, SsdSettings())
    np.testing.assert_array_equal(blob[0, :, :4], 0)
    np.testing.assert_array_equal(blob[0, :, 4:], 255)


def test_rows_end_at_a_negative_image() -> None:
    rows = np.arange(28, dtype=np.float32).reshape(1, 1, 4, 7)
    rows[0, 0, :, 0] = 0, 0, -1, 0
    np.testing.assert_array_equal(rows_of(rows), rows[0, 0, :2])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_no_numbers_are_dropped(bad: float) -> None:
    rows = np.zeros((1, 1, 3, 7), np.float32)
    rows[0, 0, 1, 4] = bad
    assert rows_of(rows).shape == (2, 7)


@pytest.mark.parametrize("shape", [(1, 1, 2, 6), (1, 2, 2, 7), (2, 1, 2, 7), (1, 2, 7), (200, 5)])
def test_another_answer_is_refused(shape: tuple[int, ...]) -> None:
    shown = " x ".join(map(str, shape))
    with pytest.raises(ModelError, match=f"its output has the shape {shown}, but an SSD detector"):
        rows_of(np.zeros(shape, np.float32))


def test_no_rows_are_an_empty_table() -> None:
    assert rows_of(np.zeros((1, 1, 0, 7), np.float32)).shape == (0, 7)
