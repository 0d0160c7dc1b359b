"""What a model is fed: known, said, or asked for; and how crops become numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.feed import said, settled
from mtcnn_core.embedding.model import Feeding
from mtcnn_core.embedding.normalise import Normaliser
from mtcnn_core.embedding.ports import CropInput
from mtcnn_core.engines.engine import Port
from mtcnn_core.settings.embedding import EmbeddingSettings
from mtcnn_core.weights.errors import ModelError

FLOAT = np.dtype(np.float32)
CROPS = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3)).astype(np.uint8)


def _input(*shape: int | None, layout: str = "model") -> CropInput:
    return CropInput.of([Port(shape, FLOAT)], 1, layout)


@pytest.mark.parametrize(
    ("shape", "layout", "last"),
    [
        ((1, 3, 112, 112), "model", False),
        ((None, 112, 112, 3), "model", True),
        ((None, 3, None, None), "model", False),
        ((None, None, None, None), "nhwc", True),
    ],
)
def test_the_layout_is_what_the_shape_tells(shape: Any, layout: str, last: bool) -> None:
    assert _input(*shape, layout=layout).channels_last is last


@pytest.mark.parametrize(
    ("shape", "layout", "says"),
    [
        ((None, None, None, None), "model", "set layout to nchw or nhwc"),
        ((1, 3, 112, 112), "nhwc", "which is not nhwc"),
        ((1, 1, 112, 112), "model", "three colours"),
        ((1, 3), "model", "three colours"),
    ],
)
def test_a_shape_that_does_not_tell_is_refused(shape: Any, layout: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        _input(*shape, layout=layout)


def _settled(known: Feeding, image: CropInput, **settings: Any) -> Feeding:
    given = EmbeddingSettings(**settings)
    return settled("faces", said(known, given), given, image)


def test_settings_go_before_what_is_known() -> None:
    known = Feeding("arcface112", None, 112, "fixed", None, None, "rgb")
    found = _settled(known, _input(1, 3, 112, 112), colours="bgr", template="margin", margin=0.5)
    assert (found.template, found.margin, found.colours) == ("margin", 0.5, "bgr")
    assert (found.normalise, found.size, found.batch) == ("fixed", 112, 1)


def test_all_that_is_not_known_is_asked_for_at_once() -> None:
    with pytest.raises(EmbeddingError) as caught:
        _settled(Feeding(), _input(None, 3, None, None))
    for word in ("template", "normalise", "colours", "size"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "says"), [((112, 112), "112x112 pixels, and size is 96"), ((90, 80), "are square")]
)
def test_a_size_that_is_not_the_models_is_refused(shape: tuple[int, int], says: str) -> None:
    with pytest.raises(EmbeddingError, match=says):
        _settled(Feeding(size=96), _input(1, 3, *shape))


def _fed(**feeding: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    return Normaliser(Feeding(**{"colours": "rgb", "layout": "nchw"} | feeding))(CROPS)


@pytest.mark.parametrize(
    ("feeding", "mean", "scale"),
    [
        ({"normalise": "fixed"}, 127.5, 128),
        ({"normalise": "own", "mean": 3.0, "scale": 2.0}, 3, 2),
        ({"normalise": "own", "mean": (1, 2, 3), "scale": (4, 5, 6)}, [1, 2, 3], [4, 5, 6]),
        ({"normalise": "imagenet"}, [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
    ],
)
def test_numbers_are_taken_off_and_divided_by(feeding: Any, mean: Any, scale: Any) -> None:
    expected = ((CROPS - np.array(mean)) / np.array(scale)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(_fed(**feeding), expected, rtol=1e-6, atol=1e-7)


def test_means_of_imagenet_follow_their_colours() -> None:
    straight, turned = _fed(normalise="imagenet"), _fed(normalise="imagenet", colours="bgr")
    np.testing.assert_array_equal(turned, straight[:, ::-1])


def test_own_means_are_in_the_order_of_the_colours() -> None:
    found = _fed(normalise="own", mean=(1.0, 2.0, 3.0), scale=1.0, colours="bgr")
    np.testing.assert_allclose(found[:, 0], CROPS[..., 2] - 1.0)


def test_prewhitened_crops_have_no_mean_and_deviation_1() -> None:
    found = _fed(normalise="prewhiten")
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), 1, rtol=1e-5)


def test_a_crop_of_one_colour_can_be_prewhitened() -> None:
    crop = np.full((1, 6, 6, 3), 200, np.uint8)
    assert not Normaliser(Feeding(normalise="prewhiten", colours="rgb"))(crop).any()


def test_colours_may_come_last() -> None:
    found = _fed(normalise="own", mean=0.0, scale=1.0, layout="nhwc")
    np.testing.assert_array_equal(found, CROPS)
