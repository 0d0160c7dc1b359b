"""The result type."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from mtcnn_core.faces import Faces


def _faces(n: int) -> Faces:
    return Faces(
        np.arange(4 * n, dtype=np.float32).reshape(n, 4),
        np.linspace(1, 0.5, n, dtype=np.float32),
        np.arange(10 * n, dtype=np.float32).reshape(n, 5, 2),
    )


def test_empty_has_the_same_ranks() -> None:
    faces = Faces.empty()
    assert len(faces) == 0
    assert (faces.boxes.shape, faces.scores.shape, faces.landmarks.shape) == (
        (0, 4),
        (0,),
        (0, 5, 2),
    )
    assert list(faces) == []


@pytest.mark.parametrize(
    ("index", "chosen"),
    [
        (np.array([True, False, True]), [0, 2]),
        (np.array([2, 0]), [2, 0]),
        (slice(1, None), [1, 2]),
        (np.zeros(3, bool), []),
        (np.empty(0, np.intp), []),
    ],
    ids=["mask", "indices", "slice", "no mask", "no indices"],
)
def test_selection(index: Any, chosen: list[int]) -> None:
    faces = _faces(3)
    selected = faces[index]
    assert isinstance(selected, Faces)
    np.testing.assert_array_equal(selected.boxes, faces.boxes[chosen])
    np.testing.assert_array_equal(selected.scores, faces.scores[chosen])
    np.testing.assert_array_equal(selected.landmarks, faces.landmarks[chosen])


def test_iteration_gives_single_faces_in_order() -> None:
    faces = _faces(3)
    assert [len(face) for face in faces] == [1, 1, 1]
    assert [face.scores[0] for face in faces] == faces.scores.tolist()


def test_everything_becomes_float32() -> None:
    faces = Faces(np.ones((1, 4), np.int64), np.ones(1, np.float64), np.ones((1, 5, 2)))  # type: ignore[arg-type]
    assert {faces.boxes.dtype, faces.scores.dtype, faces.landmarks.dtype} == {np.dtype("f4")}


@pytest.mark.parametrize(
    ("boxes", "scores", "landmarks", "culprit"),
    [
        ((2, 4), (3,), (3, 5, 2), "boxes"),
        ((3, 5), (3,), (3, 5, 2), "boxes"),
        ((3, 4), (3, 1), (3, 5, 2), "scores"),
        ((3, 4), (3,), (3, 10), "landmarks"),
        ((0,), (0,), (0, 5, 2), "boxes"),
    ],
)
def test_shapes_that_do_not_belong_together(
    boxes: tuple[int, ...], scores: tuple[int, ...], landmarks: tuple[int, ...], culprit: str
) -> None:
    with pytest.raises(ValueError, match=f"{culprit} of . faces must have shape"):
        Faces(
            np.zeros(boxes, np.float32),
            np.zeros(scores, np.float32),
            np.zeros(landmarks, np.float32),
        )


def test_nothing_in_it_can_be_changed() -> None:
    boxes = np.zeros((1, 4), np.float32)
    faces = Faces(boxes, np.zeros(1, np.float32), np.zeros((1, 5, 2), np.float32))
    boxes[0, 0] = 7
    assert faces.boxes[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        faces.boxes[0, 0] = 7
    with pytest.raises(dataclasses.FrozenInstanceError):
        faces.scores = np.ones(1, np.float32)  # type: ignore[misc]
