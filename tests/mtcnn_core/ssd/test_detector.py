"""What becomes of an SSD's boxes: faces with landmarks, in pixels of the photo."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.ssd import SsdSettings
from mtcnn_core.ssd.detector import SsdDetector
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.ssd.models import ASTRONAUT, END, Row, write_onnx

Pixels = NDArray[np.uint8]
# Where there is no face: her badge, the shuttle, the flag.
BACKGROUND: Row = (0, 0, 0.8, 0.1, 0.6, 0.4, 0.9)


@pytest.fixture(scope="module")
def astronaut() -> Pixels:
    photo: Pixels = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    return photo


@pytest.fixture(scope="module")
def known(astronaut: Pixels) -> Faces:
    """Her face, as the cascade sees it."""
    return FaceDetector(DetectorSettings(min_face=60)).detect(astronaut)[:1]


def _detector(folder: Path, *rows: Row, ssd: Any = None, **settings: Any) -> SsdDetector:
    model = write_onnx(folder / "small.onnx", [*rows, END])
    given = SsdSettings(**(ssd or {}))
    settings = {"faint": False, **settings}
    return SsdDetector(DetectorSettings(detector=str(model), ssd=given, **settings))


def _with(row: Row, **values: float) -> Row:
    names = ("image", "label", "confidence", "x1", "y1", "x2", "y2")
    return [values.get(name, value) for name, value in zip(names, row, strict=True)]


def test_a_box_on_a_face_gets_its_landmarks(
    tmp_path: Path, astronaut: Pixels, known: Faces
) -> None:
    found = _detector(tmp_path, ASTRONAUT).detect(astronaut)
    assert len(found) == 1
    np.testing.assert_allclose(found.landmarks, known.landmarks, rtol=0, atol=4)


def test_the_box_is_between_those_of_the_ssd_and_of_the_cascade(
    tmp_path: Path, astronaut: Pixels, known: Faces
) -> None:
    given = 512 * np.array(ASTRONAUT[3:], np.float32)
    shifted = _with(ASTRONAUT, x1=0.37, x2=0.54)
    found = _detector(tmp_path, shifted).detect(astronaut).boxes[0]
    # Half of what it was off in x.
    off = 512 * 0.02
    centre = (found[0] + found[2]) / 2 - (known.boxes[0, 0] + known.boxes[0, 2]) / 2
    assert 0.3 * off < centre < 0.7 * off
    np.testing.assert_allclose(found[1::2], given[1::2], rtol=0, atol=12)


@pytest.mark.parametrize("confidence", [0.3, 0.6, 0.9])
def test_the_score_is_both_opinions_in_parts_of_four_and_one(
    tmp_path: Path, astronaut: Pixels, confidence: float
) -> None:
    # One network is asked on the same square in another way.
    found = _detector(tmp_path, _with(ASTRONAUT, confidence=confidence)).detect(astronaut)
    other = _detector(tmp_path, _with(ASTRONAUT, confidence=0.5)).detect(astronaut)
    # At 0.5 the SSD's logit is 0, and what is left is a fifth of O-Net's.
    onet = 5 * _logit(float(other.scores[0]))
    assert onet > 3
    expected = (4 * _logit(confidence) + onet) / 5
    assert _logit(float(found.scores[0])) == pytest.approx(expected, abs=1e-3)


def test_what_onet_does_not_know_stays_when_the_ssd_is_sure(
    tmp_path: Path, astronaut: Pixels
) -> None:
    found = _detector(tmp_path, BACKGROUND).detect(astronaut)
    assert len(found) == 1
    assert 0.2 <= found.scores[0] < 0.8


def test_faces_come_by_falling_score(tmp_path: Path, astronaut: Pixels) -> None:
    found = _detector(tmp_path, BACKGROUND, ASTRONAUT).detect(astronaut)
    assert len(found) == 2
    assert found.scores[0] > found.scores[1]
    assert found.boxes[0, 0] > found.boxes[1, 0]


def test_neighbours_do_not_matter(tmp_path: Path, astronaut: Pixels) -> None:
    rows = (ASTRONAUT, BACKGROUND)
    alone = [_detector(tmp_path, row).detect(astronaut) for row in rows]
    both = _detector(tmp_path, *rows).detect(astronaut)
    for name in ("scores", "boxes", "landmarks"):
        expected = np.concatenate([getattr(each, name) for each in alone])
        np.testing.assert_allclose(getattr(both, name), expected, rtol=0, atol=1e-3)


def test_a_large_photo_is_reduced_before_it_is_sampled(tmp_path: Path, astronaut: Pixels) -> None:
    detector = _detector(tmp_path, ASTRONAUT)
    ssd, seen = detector._ssd, []
    assert (ssd.width, ssd.height) == (48, 32)

    def spy(pixels: Pixels) -> Any:
        seen.append(pixels.shape)
        return ssd(pixels)

    spy.width, spy.height = ssd.width, ssd.height  # type: ignore[attr-defined]
    detector._ssd = spy  # type: ignore[assignment]
    detector.detect(astronaut)
    detector.detect(astronaut[:60, :60])
    assert seen == [(64, 64, 3), (60, 60, 3)]


@pytest.mark.parametrize(("threshold", "faces"), [(0.79, 1), (0.97, 0)])
def test_the_threshold_is_one_of_the_score(
    tmp_path: Path, astronaut: Pixels, threshold: float, faces: int
) -> None:
    # The SSD alone gives 0.8; with O-Net it is 0.9 or so.
    row = _with(ASTRONAUT, confidence=0.8)
    detector = _detector(tmp_path, row, ssd={"threshold": threshold})
    assert len(detector.detect(astronaut)) == faces


def test_what_the_ssd_hardly_believes_is_not_looked_at(tmp_path: Path, astronaut: Pixels) -> None:
    looked: list[int] = []
    for confidence in (0.07, 0.09):  # the limit is 0.4 of the threshold of 0.2
        detector = _detector(tmp_path, _with(ASTRONAUT, confidence=confidence))
        onet = detector._onet
        detector._onet = lambda n, cut, onet=onet: (looked.append(n), onet(n, cut))[1]  # type: ignore[assignment, misc]
        detector.detect(astronaut)
    assert looked == [0, 1]


@pytest.mark.parametrize(("min_face", "faces"), [(100, 1), (130, 0)])
def test_small_faces_are_left_out(
    tmp_path: Path, astronaut: Pixels, min_face: int, faces: int
) -> None:
    detector = _detector(tmp_path, ASTRONAUT, min_face=min_face)
    assert len(detector.detect(astronaut)) == faces


def test_sizes_are_those_of_the_photo_of_which_a_reduction_is_seen(
    tmp_path: Path, astronaut: Pixels
) -> None:
    whole = _detector(tmp_path, ASTRONAUT, min_face=50).detect(astronaut)
    half = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    detector = _detector(tmp_path, ASTRONAUT, min_face=100)
    found = detector.detect(np.asarray(half, np.uint8), (512, 512))
    np.testing.assert_allclose(found.boxes, whole.boxes, rtol=0, atol=3)
    np.testing.assert_allclose(found.landmarks, whole.landmarks, rtol=0, atol=3)
    detector = _detector(tmp_path, ASTRONAUT, min_face=100)
    assert len(detector.detect(np.asarray(half, np.uint8))) == 0


@pytest.mark.parametrize(("label", "faces"), [(None, 2), (1, 1), (2, 0)])
def test_other_classes_are_left_out(
    tmp_path: Path, astronaut: Pixels, label: int | None, faces: int
) -> None:
    rows = [ASTRONAUT, _with(BACKGROUND, label=1)]
    assert len(_detector(tmp_path, *rows, ssd={"label": label}).detect(astronaut)) == faces


@pytest.mark.parametrize(
    "row",
    [
        _with(ASTRONAUT, x1=0.6),
        _with(ASTRONAUT, x1=0.52),
        _with(ASTRONAUT, x1=1.1, x2=1.3),
        _with(ASTRONAUT, y1=-0.5, y2=-0.1),
        _with(ASTRONAUT, y1=math.nan),
        _with(ASTRONAUT, x2=math.inf),
    ],
    ids=["inverted", "no width", "right of it", "above it", "nan", "inf"],
)
def test_boxes_without_a_place_in_the_photo_are_dropped(
    tmp_path: Path, astronaut: Pixels, row: Row
) -> None:
    assert len(_detector(tmp_path, row, ASTRONAUT).detect(astronaut)) == 1


@pytest.mark.parametrize("confidence", [1.0, 1.5])
def test_certainty_is_no_infinity(tmp_path: Path, astronaut: Pixels, confidence: float) -> None:
    (score,) = _detector(tmp_path, _with(ASTRONAUT, confidence=confidence)).detect(astronaut).scores
    assert 0.99 < score <= 1


def test_a_face_may_reach_beyond_the_photo(tmp_path: Path, astronaut: Pixels) -> None:
    cut = astronaut[:, :230]  # through her face, at 0.45 of the photo
    row = _with(ASTRONAUT, x1=0.35 / 0.449, x2=0.52 / 0.449)
    (box,) = _detector(tmp_path, row).detect(cut).boxes
    assert box[2] > 235


def test_no_face_is_empty_arrays(tmp_path: Path, astronaut: Pixels) -> None:
    found = _detector(tmp_path).detect(astronaut)
    assert (found.boxes.shape, found.landmarks.shape) == ((0, 4), (0, 5, 2))


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (900, 2, 3)])
def test_photos_of_any_shape(tmp_path: Path, shape: tuple[int, ...], rng: Any) -> None:
    photo = rng.integers(0, 256, shape, np.uint8)
    whole: Row = (0, 0, 0.9, 0, 0, 1, 1)
    faces = _detector(tmp_path, whole).detect(photo)
    assert np.isfinite(faces.landmarks).all()
    assert len(faces) == (max(shape) > 100)


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)]
)
def test_other_arrays_are_refused(tmp_path: Path, image: Any) -> None:
    with pytest.raises(ValueError, match="an image is a uint8 array"):
        _detector(tmp_path, ASTRONAUT).detect(image)


def test_many_photos_are_as_one_each(tmp_path: Path, astronaut: Pixels) -> None:
    detector = _detector(tmp_path, ASTRONAUT)
    small = np.ascontiguousarray(astronaut[::2, ::2])
    for found, expected in zip(
        detector.detect_many([astronaut, small], [None, (512, 512)]),
        (detector.detect(astronaut), detector.detect(small, (512, 512))),
        strict=True,
    ):
        np.testing.assert_array_equal(found.boxes, expected.boxes)


def test_same_photo_same_bits(tmp_path: Path, astronaut: Pixels) -> None:
    first = _detector(tmp_path, ASTRONAUT, BACKGROUND).detect(astronaut)
    detector = _detector(tmp_path, ASTRONAUT, BACKGROUND)
    detector.detect(astronaut[100:, :200])
    again = detector.detect(astronaut)
    for name in ("boxes", "scores", "landmarks"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))


def test_the_photo_is_only_read(tmp_path: Path, astronaut: Pixels) -> None:
    photo = astronaut.copy()
    photo.flags.writeable = False
    _detector(tmp_path, ASTRONAUT).detect(photo)
    np.testing.assert_array_equal(photo, astronaut)


def test_it_is_known_by_its_model_and_onet(tmp_path: Path) -> None:
    one, other = _detector(tmp_path, ASTRONAUT), _detector(tmp_path, BACKGROUND)
    assert one.digests["onet"] == load_default().digests["onet"]
    assert set(one.digests) == {"ssd", "onet"}
    assert one.digests["ssd"] != other.digests["ssd"]


def test_its_stages_are_timed(tmp_path: Path, astronaut: Pixels) -> None:
    stopwatch = Stopwatch()
    settings = DetectorSettings(detector=str(write_onnx(tmp_path / "a.onnx")))
    SsdDetector(settings, stopwatch=stopwatch).detect(astronaut)
    assert set(stopwatch.seconds) == {"pyramid", "ssd", "crop", "onet"}


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_a_faint_face_is_found_with_a_second_look(tmp_path: Path, astronaut: Pixels) -> None:
    seen: list[int] = []
    detector = _detector(tmp_path, faint=True)
    find = detector._find_in
    detector._find_in = lambda image, size: (seen.append(int(image.max())), find(image, size))[1]  # type: ignore[method-assign]
    detector.detect((astronaut // 16).astype(np.uint8))
    assert seen == [15, 255]
