"""A face's crop: from its photo, from the stored crop, or a reason."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from jobs.embed.face_items import Lost, OpenPhoto
from jobs.embed.found_faces import FoundFaces
from jobs.members import Member
from jobs.photos.read import Read
from jobs.sources.source import ReadError
from mtcnn_core.crops.crops import cut
from mtcnn_core.faces import Faces
from mtcnn_core.settings.images import ImageLimits

WANTED = np.array([[[0.5, 0, -20], [0, 0.5, -20]]], np.float32)
SIZE = 32


@pytest.fixture
def pixels(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (160, 160, 3), np.uint8)


def _file(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def _read(data: bytes | ReadError) -> Read:
    return Read(Member("a.png", "in/a.png", None, "1", None), data)


def _photo(
    pixels: NDArray[np.uint8],
    file: Read | Lost | None,
    stored: NDArray[np.float32] = WANTED,
    **changes: Any,
) -> OpenPhoto:
    digest = hashlib.sha256(_file(pixels)).hexdigest()
    faces = Faces(np.array([[40, 40, 80, 80]]), np.ones(1), np.zeros((1, 5, 2)))
    found = FoundFaces(
        key="a.png",
        label=None,
        sha256=changes.get("sha256", digest),
        size=(160, 160),
        faces=faces,
        indices=[0],
        matrices=stored,
    )
    crop = cut(pixels, stored[0], changes.get("stored_size", SIZE))
    is_stored = changes.get("is_stored", False)

    def stored_crop(key: str, index: int) -> NDArray[np.uint8] | None:
        assert (key, index) == ("a.png", 0)
        return crop if is_stored else None

    return OpenPhoto(found, file, ImageLimits(min_side=1), WANTED, SIZE, stored_crop)


def test_crop_is_cut_from_the_photo(pixels: NDArray[np.uint8]) -> None:
    crop = _photo(pixels, _read(_file(pixels))).crop(0)
    assert isinstance(crop, np.ndarray)
    np.testing.assert_array_equal(crop, cut(pixels, WANTED[0], SIZE))


def test_photo_is_preferred_to_the_stored_crop(pixels: NDArray[np.uint8]) -> None:
    photo = _photo(
        255 - pixels,
        _read(_file(pixels)),
        is_stored=True,
        sha256=hashlib.sha256(_file(pixels)).hexdigest(),
    )
    crop = photo.crop(0)
    assert isinstance(crop, np.ndarray)
    np.testing.assert_array_equal(crop, cut(pixels, WANTED[0], SIZE))


@pytest.mark.parametrize(
    ("file", "status"),
    [
        (None, "unreadable"),
        (_read(ReadError("unreadable", "storage said no")), "unreadable"),
        (_read(ReadError("too_large", "it is too large")), "too_large"),
        (_read(b"another photo"), "changed"),
        (Lost("no_crop", "no photo is read"), "no_crop"),
    ],
)
def test_without_the_photo_there_is_a_reason(
    pixels: NDArray[np.uint8], file: Read | Lost | None, status: str
) -> None:
    lost = _photo(pixels, file).crop(0)
    assert isinstance(lost, Lost)
    assert lost.status == status


def test_photo_that_cannot_be_decoded_any_more_is_told(pixels: NDArray[np.uint8]) -> None:
    data = b"no picture"
    photo = _photo(pixels, _read(data), sha256=hashlib.sha256(data).hexdigest())
    lost = photo.crop(0)
    assert isinstance(lost, Lost)
    assert lost.status in ("undecodable", "unsupported")


def test_without_the_photo_a_stored_crop_that_holds_it_is_taken(
    pixels: NDArray[np.uint8],
) -> None:
    crop = _photo(pixels, None, is_stored=True).crop(0)
    assert isinstance(crop, np.ndarray)
    np.testing.assert_array_equal(crop, cut(pixels, WANTED[0], SIZE))


def test_stored_crop_that_lacks_pixels_is_not_taken(pixels: NDArray[np.uint8]) -> None:
    stored = WANTED + np.array([[[0, 0, -4], [0, 0, 0]]], np.float32)
    assert isinstance(_photo(pixels, None, stored, is_stored=True).crop(0), Lost)
