"""Where crops lie: matrices against hand-computed numbers and NumPy, and which faces are kept."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from mtcnn_core.crops.alignment import crop_matrices, kept_faces, similarity_matrix
from mtcnn_core.faces import Faces
from mtcnn_core.settings.crops import PRESETS, CropSettings, Keep

_CONFIGS = Path(__file__).resolve().parents[3] / "configs"

# As published with InsightFace, in pixel centres of a 112x112 crop.
_ARCFACE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)


def _faces(boxes: ArrayLike, scores: ArrayLike | None = None) -> Faces:
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    values = np.linspace(0.99, 0.9, len(boxes)) if scores is None else np.asarray(scores)
    return Faces(boxes, values.astype(np.float32), np.zeros((len(boxes), 5, 2), np.float32))


def _face_with(landmarks: NDArray[np.float64]) -> Faces:
    box = np.array([[0, 0, 10, 10]], np.float32)
    return Faces(box, np.ones(1, np.float32), landmarks[None].astype(np.float32))


def _moved(matrix: NDArray[np.floating], points: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return result


def _rotation(degrees: float, scale: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    linear = scale * np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, shift])


@pytest.mark.parametrize(
    "exact",
    [
        pytest.param(_rotation(0, 1, (7, -3)), id="shift"),
        pytest.param(_rotation(30, 1, (0, 0)), id="rotation"),
        pytest.param(_rotation(0, 0.25, (0, 0)), id="scale"),
        pytest.param(_rotation(180, 3, (100, 50)), id="upside down"),
        pytest.param(_rotation(-100, 1.7, (1e4, -2e4)), id="all of them, far away"),
    ],
)
def test_similarity_finds_an_exact_transform(exact: NDArray[np.float64]) -> None:
    found = similarity_matrix(_ARCFACE, _moved(exact, _ARCFACE))
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-7)


def test_similarity_is_the_least_squares_fit(rng: np.random.Generator) -> None:
    source, target = rng.normal(size=(2, 5, 2)) * 40 + 60
    x, y = source.T
    one, zero = np.ones(5), np.zeros(5)
    # a, b, tx, ty of x' = ax - by + tx, y' = bx + ay + ty, by a solver that knows no geometry.
    equations = np.concatenate(
        [np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])]
    )
    (a, b, tx, ty), *_ = np.linalg.lstsq(equations, target.T.reshape(-1), rcond=None)
    np.testing.assert_allclose(
        similarity_matrix(source, target), [[a, -b, tx], [b, a, ty]], rtol=1e-8, atol=1e-8
    )


def test_similarity_does_not_mirror() -> None:
    mirrored = _ARCFACE * (-1, 1)
    assert np.linalg.det(similarity_matrix(mirrored, _ARCFACE)[:, :2]) >= 0


def test_similarity_takes_equal_points_to_the_centre_of_the_target() -> None:
    matrix = similarity_matrix(np.full((5, 2), 33.0), _ARCFACE)
    np.testing.assert_allclose(_moved(matrix, np.array([[33.0, 33.0]])), [_ARCFACE.mean(axis=0)])


PHOTO = (640, 480)


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        # The box is 40x80 around (30, 60); with the margin 50x100.
        (0.25, [[3.2, 0, -16], [0, 1.6, -16]]),
        (0.0, [[4.0, 0, -40], [0, 2.0, -40]]),
        (1.0, [[2.0, 0, 20], [0, 1.0, 20]]),
    ],
)
def test_margin_matrix_by_hand(margin: float, expected: list[list[float]]) -> None:
    settings = CropSettings(size=160, mode="margin", margin=margin)
    matrices = crop_matrices(_faces([10, 20, 50, 100]), settings, PHOTO)
    assert matrices.dtype == np.float32
    np.testing.assert_allclose(matrices, [expected], rtol=1e-6)


def test_default_margin_gives_the_box_128_of_160_pixels() -> None:
    (matrix,) = crop_matrices(_faces([100, 200, 180, 300]), CropSettings(), PHOTO)
    corners = np.array([[100.0, 200.0], [180.0, 300.0]])
    np.testing.assert_allclose(_moved(matrix, corners), [[16, 16], [144, 144]], atol=1e-3)


@pytest.mark.parametrize(
    ("box", "seen"),
    [
        ([100, 200, 180, 300], [84, 184, 196, 316]),
        # Cut off at each border.
        ([10, 20, 50, 100], [0, 4, 66, 116]),
        ([10, 10, 50, 100], [0, 0, 66, 116]),
        ([600, 400, 630, 470], [584, 384, 640, 480]),
        # Nothing is left of it: a pixel at the border.
        ([700, 100, 720, 130], [684, 84, 685, 146]),
    ],
)
def test_margin_in_pixels_by_hand(box: list[float], seen: list[float]) -> None:
    settings = CropSettings(mode="margin_pixels", margin_pixels=32, size=160)
    ((a, b, left), (c, d, top)) = crop_matrices(_faces(box), settings, PHOTO)[0]
    x1, y1, x2, y2 = seen
    assert (b, c) == (0, 0)
    corners = [a * x1 + left, d * y1 + top, a * x2 + left, d * y2 + top]
    assert corners == pytest.approx([0, 0, 160, 160], abs=0.01)


def test_margin_is_in_proportion_to_the_face() -> None:
    box = np.array([31.5, 20.25, 71.0, 90.5])
    (small,) = crop_matrices(_faces(box), CropSettings(), PHOTO)
    (large,) = crop_matrices(_faces(2 * box), CropSettings(), PHOTO)
    np.testing.assert_allclose(large[:, :2] * 2, small[:, :2], rtol=1e-6)
    np.testing.assert_allclose(large[:, 2], small[:, 2], rtol=1e-5)


@pytest.mark.parametrize("size", [112, 224])
def test_arcface_landmarks_land_on_the_template(size: int) -> None:
    # Continuous coordinates: the middle of pixel 38 is 38.5.
    template = (_ARCFACE + 0.5) * size / 112
    in_photo = _moved(_rotation(17, 2.3, (400, 300)), template)
    settings = CropSettings(size=size, mode="similarity")
    (matrix,) = crop_matrices(_face_with(in_photo), settings, PHOTO)
    np.testing.assert_allclose(_moved(matrix, in_photo), template, atol=2e-3)


def test_no_faces_have_no_matrices() -> None:
    for settings in PRESETS.values():
        assert crop_matrices(Faces.empty(), settings, PHOTO).shape == (0, 2, 3)


# A photo of 200x100: its centre is (100, 50).
_LARGE = [0, 0, 60, 60]  # area 3600, 70 and 20 off: 3600 - 2 * 5300 = -7000
_CENTRAL = [95, 45, 105, 55]  # area 100, not off: 100
_TRANSPOSED = [40, 90, 60, 110]  # central only if width and height were swapped
_NEAR = [100, 50, 130, 80]  # area 900, 15 and 15 off: 900 - 2 * 450 = 0


@pytest.mark.parametrize(
    ("policy", "boxes", "scores", "kept"),
    [
        ("all", [_LARGE, _CENTRAL, _NEAR], None, [True, True, True]),
        ("largest", [_CENTRAL, _NEAR, _LARGE], None, [False, False, True]),
        ("largest", [_CENTRAL, _NEAR, _NEAR], None, [False, True, False]),
        ("center", [_LARGE, _NEAR, _CENTRAL], None, [False, False, True]),
        ("center", [_TRANSPOSED, _NEAR], None, [False, True]),
        ("center", [_LARGE, _CENTRAL, _CENTRAL], None, [False, True, False]),
        ("best", [_LARGE, _CENTRAL, _NEAR], [0.7, 0.8, 0.99], [False, False, True]),
        ("best", [_LARGE, _CENTRAL, _NEAR], [0.7, 0.9, 0.9], [False, True, False]),
    ],
)
def test_kept_by_hand(
    policy: Keep, boxes: list[list[float]], scores: list[float] | None, kept: list[bool]
) -> None:
    found = kept_faces(_faces(boxes, scores), 200, 100, policy)
    assert found.dtype == np.bool_
    assert found.tolist() == kept


def test_center_weighs_the_area_against_twice_the_squared_distance() -> None:
    # One pixel more to the side and the large face, 3600 - 2 * 42 ** 2 = 72, loses to 100.
    assert kept_faces(_faces([[28, 20, 88, 80], _CENTRAL]), 200, 100, "center").tolist() == [
        False,
        True,
    ]
    assert kept_faces(_faces([[29, 20, 89, 80], _CENTRAL]), 200, 100, "center").tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize("policy", ["all", "largest", "center", "best"])
def test_no_faces_keep_none(policy: Keep) -> None:
    assert kept_faces(Faces.empty(), 200, 100, policy).shape == (0,)


def test_presets_are_the_files_in_configs_that_say_how_to_crop() -> None:
    files = {file.stem: yaml.safe_load(file.read_text()) for file in _CONFIGS.glob("*.yaml")}
    crops = {name: values["crop"] for name, values in files.items() if "crop" in values}
    assert {name: CropSettings(**crop) for name, crop in crops.items()} == PRESETS


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"margin": -0.1}, {"mode": "affine"}, {"quality": 101}, {"keep": "one"}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        CropSettings(**wrong)  # type: ignore[arg-type]
