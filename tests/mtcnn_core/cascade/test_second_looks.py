"""Photos in which no face was found: looked at again in stretched grey, and turned upright."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from mtcnn_core import decode
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.cascade.second_looks import find_with_second_looks, stretched_grey
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings

Pixels = NDArray[np.uint8]
_PHOTOS = 80
# Photos of the first 80 of LFW with a face, found by facenet-pytorch 2.6.0 with its defaults.
FACENET_PYTORCH = {"contrast": 73, "brightness": 54, "darkness": 53, "red is blue": 78}


def _clipped(values: NDArray[np.floating]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


DEGRADED: dict[str, Callable[[Pixels], Pixels]] = {
    "contrast": lambda photo: _clipped((photo - photo.mean()) * 0.2 + photo.mean()),
    "brightness": lambda photo: _clipped(photo * 2.5),
    "darkness": lambda photo: _clipped(photo * 0.1),
    "red is blue": lambda photo: np.ascontiguousarray(photo[:, :, ::-1]),
}


@pytest.fixture(scope="module")
def astronaut() -> Pixels:
    photo: Pixels = skimage.data.astronaut()[:360, 60:400].copy()
    return photo


@pytest.fixture(scope="module")
def usual() -> FaceDetector:
    return FaceDetector(DetectorSettings())


@pytest.fixture(scope="module")
def once() -> FaceDetector:
    return FaceDetector(DetectorSettings(faint=False))


def test_a_faint_face_is_found_where_it_is(
    astronaut: Pixels, usual: FaceDetector, once: FaceDetector
) -> None:
    [clear] = once.detect(astronaut)
    faint = _clipped(astronaut * 0.03)
    assert len(once.detect(faint)) == 0
    [found] = usual.detect(faint)
    np.testing.assert_allclose(found.boxes, clear.boxes, atol=6)
    np.testing.assert_allclose(found.landmarks, clear.landmarks, atol=3)


def test_a_photo_with_a_face_is_looked_at_once(
    astronaut: Pixels, usual: FaceDetector, once: FaceDetector
) -> None:
    faces, same = once.detect(astronaut), usual.detect(astronaut)
    for name in ("boxes", "scores", "landmarks"):
        np.testing.assert_array_equal(getattr(faces, name), getattr(same, name))


def test_photos_together_are_found_as_alone(astronaut: Pixels, usual: FaceDetector) -> None:
    photos = [astronaut, _clipped(astronaut * 0.03), np.zeros((50, 60, 3), np.uint8)]
    together = usual.detect_many(photos, [None] * 3)
    for faces, photo in zip(together, photos, strict=True):
        np.testing.assert_array_equal(faces.boxes, usual.detect(photo).boxes)
    assert [len(faces) for faces in together] == [1, 1, 0]


@pytest.mark.parametrize("name", DEGRADED)
def test_as_many_weakly_exposed_photos_as_others_find(
    name: str, data_dir: Path, usual: FaceDetector
) -> None:
    paths = sorted((data_dir / "lfw" / "images").rglob("*.jpg"))[:_PHOTOS]
    photos = [DEGRADED[name](decode(path.read_bytes())) for path in paths]
    found = sum(len(usual.detect(photo)) > 0 for photo in photos)
    assert found >= FACENET_PYTORCH[name] - 2


def test_grey_is_stretched_over_the_whole_range() -> None:
    row = np.repeat(np.arange(100, 140, dtype=np.uint8), 3)
    image = np.repeat(np.tile(row, (50, 1))[:, :, None], 3, axis=2)
    grey = stretched_grey(image)
    assert grey is not None
    # One value in 40 is as dark as 1 % of the pixels, so the range is that of all.
    np.testing.assert_array_equal(grey[0, ::3, 0], np.rint(np.arange(40) * 255 / 39))


def test_nothing_to_stretch_is_not_looked_at_again() -> None:
    assert stretched_grey(np.full((20, 30, 3), 77, np.uint8)) is None
    noise = np.random.default_rng(1).integers(0, 256, (40, 50, 1), np.uint8)
    stretched = stretched_grey(np.repeat(noise, 3, axis=2))
    assert stretched is not None
    assert stretched_grey(stretched) is None


# Photos that lie on a side or on the head


def _turned(photo: Pixels, quarters: int) -> Pixels:
    return np.ascontiguousarray(np.rot90(photo, quarters))


def _points_turned(
    points: NDArray[np.floating], quarters: int, size: tuple[int, int]
) -> NDArray[np.floating]:
    """Where points, (..., 2) as x, y, of a photo are when it is turned counter-clockwise."""
    width, height = size
    for _ in range(quarters):
        points = np.stack([points[..., 1], width - points[..., 0]], axis=-1)
        width, height = height, width
    return points


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_on_its_side_has_the_faces_of_the_upright_one(
    quarters: int, astronaut: Pixels
) -> None:
    # Her head leans, so that on this side she is found without a turn.
    astronaut = np.ascontiguousarray(astronaut[:, ::-1]) if quarters == 3 else astronaut
    detector = FaceDetector(DetectorSettings(upright="auto", faint=False))
    upright = detector.detect(astronaut)
    photo = _turned(astronaut, quarters)
    assert len(FaceDetector(DetectorSettings(faint=False)).detect(photo)) == 0
    found = detector.detect(photo)
    size = astronaut.shape[1], astronaut.shape[0]
    np.testing.assert_array_equal(found.scores, upright.scores)
    np.testing.assert_allclose(
        found.landmarks, _points_turned(upright.landmarks, quarters, size), atol=1e-3
    )
    corners = _points_turned(upright.boxes.reshape(-1, 2, 2), quarters, size)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    np.testing.assert_allclose(found.boxes, boxes, atol=1e-3)


def test_a_faint_photo_on_its_side_is_found_too(astronaut: Pixels) -> None:
    photo = _turned(_clipped(astronaut * 0.03), 1)
    assert len(FaceDetector(DetectorSettings()).detect(photo)) == 0
    assert len(FaceDetector(DetectorSettings(upright="auto")).detect(photo)) == 1


def test_a_reduced_photo_on_its_head_gives_pixels_of_the_whole(astronaut: Pixels) -> None:
    detector = FaceDetector(DetectorSettings(upright="auto"))
    photo = _turned(astronaut, 2)
    height, width = photo.shape[:2]
    half = cv2.resize(photo, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    [found] = detector.detect(half.astype(np.uint8, copy=False), (width, height))
    [whole] = detector.detect(photo)
    np.testing.assert_allclose(found.landmarks, whole.landmarks, atol=4)


def test_the_surest_turn_is_taken() -> None:
    """Of turns that find something, the photo as it is among them, all faces are those of one."""
    scores = iter([[0.85], [0.8], [0.9, 0.7], [0.75]])

    def find(images: Sequence[Pixels], sizes: Sequence[tuple[int, int]]) -> list[Faces]:
        values = np.array(next(scores), np.float32)
        n = len(values)
        return [Faces(np.zeros((n, 4), np.float32), values, np.zeros((n, 5, 2), np.float32))]

    settings = DetectorSettings(upright="auto", faint=False)
    [found] = find_with_second_looks(find, settings, [np.zeros((9, 9, 3), np.uint8)], [(9, 9)])
    np.testing.assert_array_equal(found.scores, np.array([0.9, 0.7], np.float32))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_that_is_found_on_its_side_is_turned_too(quarters: int) -> None:
    """Without a turn its landmarks were those of an upright face."""
    photo = skimage.data.astronaut()[:250, 120:330]
    photo = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    turned = _turned(photo.astype(np.uint8, copy=False), quarters)
    assert len(FaceDetector().detect(turned)) == 1
    detector = FaceDetector(DetectorSettings(upright="auto"))
    upright = detector.detect(photo.astype(np.uint8, copy=False))
    expected = _points_turned(upright.landmarks, quarters, (photo.shape[1], photo.shape[0]))
    np.testing.assert_allclose(detector.detect(turned).landmarks, expected, atol=1e-3)
