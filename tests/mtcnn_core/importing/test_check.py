"""The bundled photo, the face in it, and what passes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mtcnn_core.importing.check
from mtcnn_core.faces import Faces
from mtcnn_core.importing.check import BOX, check, crops, face, outcome, photo
from mtcnn_core.importing.recognise import examine
from mtcnn_core.weights import NETWORKS, Network
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.importing.layouts import perturbed


def test_the_original_weights_find_the_face() -> None:
    found = check(load_default())
    assert found.passed
    assert found.box_error < 0.02
    assert found.landmark_error < 0.02


def test_the_photo_is_small_and_its_source_is_noted() -> None:
    file = Path(mtcnn_core.importing.check.__file__).with_name("check.png")
    assert file.stat().st_size < 40_000
    assert photo().shape == (120, 120, 3)
    with Image.open(file) as image:
        assert "public domain" in image.info["Source"]


def test_the_face_is_where_it_is_to_be_seen() -> None:
    """By eye, from the picture: the eyes, the mouth, and that left is left."""
    (box,), (landmarks,) = face().boxes, face().landmarks
    np.testing.assert_allclose(landmarks[0], [46, 39], atol=2)
    np.testing.assert_allclose(landmarks[1], [69, 40], atol=2)
    np.testing.assert_allclose(landmarks[3:].mean(0), [56, 60], atol=3)
    np.testing.assert_allclose(box, BOX, atol=3)


def _found(box: float = 0, landmark: float = 0, faces: int = 1) -> Faces:
    return Faces(
        np.tile(np.float32([30, 15, 80 + box, 75]), (faces, 1)),
        np.full(faces, 0.9, np.float32),
        np.tile(np.float32([[46, 39 + landmark], *[[60, 50]] * 4]), (faces, 1, 1)),
    )


@pytest.mark.parametrize(
    ("faces", "passed"),
    [
        (_found(), True),
        (_found(box=7.5), True),
        (_found(box=8.5), False),
        (_found(landmark=4.5), True),
        (_found(landmark=5.5), False),
        (_found(faces=2), False),
        (_found(faces=0), False),
    ],
)
def test_what_passes(faces: Faces, passed: bool) -> None:
    assert outcome(faces, _found()).passed is passed


def test_what_is_said_of_it() -> None:
    found = outcome(_found(box=1.5, landmark=2), _found())
    assert str(found) == "box within 1.50 px, landmarks within 2.00 px, score 0.9000"
    assert str(outcome(_found(faces=0), _found())) == "no face was found in the check photo"
    assert str(outcome(_found(faces=2), _found())).startswith(
        "2 faces in place of one; the best: box within"
    )
    assert str(replace(found, misread=("pnet",))) == "the arrays of pnet are in another order"


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_crops_of_the_face_and_beside_it(network: Network) -> None:
    pixels, with_face = crops(network.side)
    assert pixels.shape == (10, network.side, network.side, 3)
    assert with_face.sum() == 5
    assert pixels.min() >= 0
    assert pixels.max() > 200


def test_weights_after_more_training_pass() -> None:
    assert examine(perturbed(np.random.default_rng(3), 0.03)).passed


def test_weights_of_zeros_fail() -> None:
    arrays = {
        name: {key: np.zeros_like(array) for key, array in each.items()}
        for name, each in load_default().arrays.items()
    }
    assert not check(Weights(arrays)).passed
