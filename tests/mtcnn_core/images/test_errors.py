"""Errors that cross processes."""

import pickle

import pytest

from mtcnn_core.images.errors import ImageTooSmall
from mtcnn_core.images.photo import read_photo
from tests.mtcnn_core.images.pictures import encode, scene


def test_an_error_keeps_its_header_when_pickled() -> None:
    with pytest.raises(ImageTooSmall) as caught:
        read_photo(encode(scene(11, 30), "PNG"))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.header) == (
        ImageTooSmall,
        str(caught.value),
        caught.value.header,
    )
