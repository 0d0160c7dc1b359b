"""Faces of photos by YuNet or SCRFD: sizes, tiles, second looks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.dense.detector import DenseDetector
from mtcnn_core.detectors import make_detector
from mtcnn_core.faces import Faces
from mtcnn_core.settings.dense import DenseSettings
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.stopwatch import Stopwatch
from tests.mtcnn_core.dense.models import Form, write_dense

Pixels = NDArray[np.uint8]


@pytest.fixture
def clouds(rng: np.random.Generator) -> Pixels:
    """150 x 200."""
    small = rng.integers(0, 256, (15, 20, 3), np.uint8)
    return np.asarray(cv2.resize(small, (200, 150), interpolation=cv2.INTER_CUBIC), np.uint8)


def _detector(folder: Path, form: Form | None = None, **settings: Any) -> DenseDetector:
    path = write_dense(folder / "model.onnx", form or Form("scrfd", anchors=2))
    given = {"min_face": 8, "faint": False, "longest_side": 128, **settings}
    dense = DenseSettings(**{"threshold": 0.3, **given.pop("dense", {})})
    detector = make_detector(DetectorSettings(detector=str(path), dense=dense, **given))
    assert isinstance(detector, DenseDetector)
    return detector


def _sides(faces: Faces) -> NDArray[np.float32]:
    sides: NDArray[np.float32] = (faces.boxes[:, 2:] - faces.boxes[:, :2]).max(axis=1)
    return sides


def test_faces_come_by_falling_score_and_are_in_the_photo(tmp_path: Path, clouds: Pixels) -> None:
    found = _detector(tmp_path).detect(clouds)
    assert len(found) > 10
    assert (np.diff(found.scores) <= 0).all()
    assert (found.boxes[:, 2:] > 0).all()
    assert (found.boxes[:, :2] < (200, 150)).all()


def test_small_faces_are_left_out(tmp_path: Path, clouds: Pixels) -> None:
    every = _detector(tmp_path).detect(clouds)
    found = _detector(tmp_path, min_face=40).detect(clouds)
    assert 0 < len(found) == (_sides(every) >= 40).sum() < len(every)


def test_faces_are_left_out_by_their_score(tmp_path: Path, clouds: Pixels) -> None:
    every = _detector(tmp_path).detect(clouds)
    found = _detector(tmp_path, min_score=0.6).detect(clouds)
    assert 0 < len(found) == (every.scores >= 0.6).sum() < len(every)


def test_places_are_those_of_the_photo_of_which_a_reduction_is_seen(
    tmp_path: Path, clouds: Pixels
) -> None:
    whole = _detector(tmp_path).detect(clouds)
    found = _detector(tmp_path).detect(clouds, (400, 450))
    assert len(found) >= len(whole)
    same = found[np.flatnonzero(np.isin(found.scores, whole.scores))]
    assert len(same) == len(whole)
    np.testing.assert_allclose(same.boxes, whole.boxes * (2, 3, 2, 3), rtol=0, atol=1e-2)
    np.testing.assert_allclose(same.landmarks, whole.landmarks * (2, 3), rtol=0, atol=1e-2)


def test_a_photo_is_shown_at_the_longest_side(tmp_path: Path, clouds: Pixels) -> None:
    # The cells of another scale see other things; a photo of that size is not scaled.
    half = np.asarray(cv2.resize(clouds, (100, 75), interpolation=cv2.INTER_AREA), np.uint8)
    found = _detector(tmp_path, longest_side=100).detect(clouds)
    expected = _detector(tmp_path, longest_side="none").detect(half, (200, 150))
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (900, 3, 3)])
@pytest.mark.parametrize("longest", [128, "none"])
@pytest.mark.parametrize("tiles", [False, True])
def test_photos_of_any_shape(
    tmp_path: Path, shape: tuple[int, ...], longest: Any, tiles: bool, rng: Any
) -> None:
    photo = rng.integers(0, 256, shape, np.uint8)
    detector = _detector(tmp_path, longest_side=longest, dense={"tiles": tiles})
    faces = detector.detect(photo)
    assert np.isfinite(faces.boxes).all()


@pytest.mark.parametrize("height", [128, 96])
def test_tiles_find_what_is_small_where_it_is(tmp_path: Path, rng: Any, height: int) -> None:
    form = Form("scrfd", anchors=2, size=None if height == 128 else (128, 96))
    settings = {"threshold": 0.6, "nms": 1.0}  # so that nothing found elsewhere has a say
    plain = _detector(tmp_path, form, dense=settings)
    tile: Pixels = np.zeros((height, 128, 3), np.uint8)
    tile[24:72, 32:80] = rng.integers(0, 256, (48, 48, 3), np.uint8)
    expected = plain.detect(tile)
    ends = (126, height - 2, 126, height - 2)
    expected = expected[np.all((expected.boxes > 2) & (expected.boxes < ends), axis=1)]
    assert len(expected) > 3
    # The second tile from above in the third column; no other shows any of it.
    left, top = 2 * 128, {128: 117, 96: 96}[height]
    photo = np.zeros((480, 640, 3), np.uint8)
    photo[top : top + height, left : left + 128] = tile
    tiles = _detector(tmp_path, form, dense={**settings, "tiles": True, "overlap": 0})
    found = tiles.detect(photo)
    for score, box in zip(expected.scores, expected.boxes, strict=True):
        at = int(np.abs(found.scores - score).argmin())
        assert found.scores[at] == pytest.approx(score, abs=1e-5)
        np.testing.assert_allclose(found.boxes[at], box + [left, top] * 2, rtol=0, atol=1e-3)


def test_what_the_edge_of_a_tile_cuts_is_left_to_its_neighbour(tmp_path: Path, rng: Any) -> None:
    photo: Pixels = rng.integers(0, 256, (128, 256, 3), np.uint8)
    detector = _detector(tmp_path, dense={"tiles": True, "overlap": 0})
    first, second = detector._in_tiles(photo, 128, 128)
    assert first.boxes[:, 2].max() < 126
    assert second.boxes[:, 0].min() > 130
    # What reaches out of the photo is not cut.
    assert first.boxes[:, :2].min() < 0
    assert second.boxes[:, 2].max() > 256


def test_tiles_cover_the_photo_and_overlap(tmp_path: Path, rng: Any) -> None:
    detector = _detector(tmp_path, dense={"tiles": True, "overlap": 0.25})
    seen: list[tuple[int, ...]] = []
    counted = np.zeros((300, 500), int)
    photo = np.zeros((300, 500, 3), np.uint8)
    photo[..., 0], photo[..., 1] = np.mgrid[:300, :500] // 2
    look = detector._session.look

    def spy(image: Pixels, longest: int | None) -> Faces:
        seen.append(image.shape)
        if longest is None:
            top, left = 2 * int(image[0, 0, 0]), 2 * int(image[0, 0, 1])
            counted[top : top + 128, left : left + 128] += 1
        return look(image, longest)

    detector._session.look = spy  # type: ignore[method-assign]
    detector.detect(photo)
    assert seen[0] == (300, 500, 3)
    assert set(seen[1:]) == {(128, 128, 3)}
    # 3 rows of 5: 500 - 128 pixels in steps of 96 at most.
    assert len(seen) == 1 + 3 * 5
    assert counted.min() >= 1


def test_a_photo_no_larger_than_a_tile_is_seen_once(tmp_path: Path, clouds: Pixels) -> None:
    detector = _detector(tmp_path, longest_side=200, dense={"tiles": True})
    looks: list[int | None] = []
    look = detector._session.look

    def spy(image: Pixels, longest: int | None) -> Faces:
        looks.append(longest)
        return look(image, longest)

    detector._session.look = spy  # type: ignore[method-assign]
    detector.detect(clouds)
    assert looks == [200]


def test_no_face_is_empty_arrays_and_looked_for_again(tmp_path: Path, clouds: Pixels) -> None:
    dim = np.asarray(110 + clouds // 64, np.uint8)
    assert len(_detector(tmp_path, dense={"threshold": 0.4}).detect(dim)) == 0
    found = _detector(tmp_path, dense={"threshold": 0.4}, faint=True).detect(dim)
    assert len(found) > 0
    empty = _detector(tmp_path).detect(np.zeros((64, 64, 3), np.uint8))
    assert (empty.boxes.shape, empty.landmarks.shape) == ((0, 4), (0, 5, 2))


def test_the_model_takes_part_by_its_digest(tmp_path: Path) -> None:
    form = Form("scrfd", anchors=2)
    first = _detector(tmp_path, form).digests
    assert set(first) == {"detector"}
    assert _detector(tmp_path, form).digests == first
    assert _detector(tmp_path, replace(form, seed=2)).digests != first


def test_time_is_told(tmp_path: Path, clouds: Pixels) -> None:
    path = write_dense(tmp_path / "model.onnx", Form())
    stopwatch = Stopwatch()
    make_detector(DetectorSettings(detector=str(path)), None, stopwatch).detect(clouds)
    assert set(stopwatch.seconds) == {"detector"}


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        _detector(tmp_path).detect(np.zeros((8, 8), np.uint8))
