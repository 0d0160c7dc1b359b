"""A photo's rows of both tables."""

from __future__ import annotations

import numpy as np

from jobs.extract.schema import faces_schema
from jobs.extract.table_rows import MOST_FACES, FaceRows, image_row
from jobs.members import Member
from jobs.photos.decode import Decoded
from jobs.photos.detect import Found
from mtcnn_core.faces import Faces
from mtcnn_core.images.errors import ImageHeader
from mtcnn_core.settings.crops import CropSettings
from mtcnn_core.stopwatch import Stopwatch

POINTS = [[6, 7], [14, 7], [10, 11], [7, 14], [13, 14]]


def crowd(count: int) -> Found:
    """A photo with so many faces, the surest first."""
    member = Member("a.jpg", "/a.jpg", 1, "", None)
    pixels = np.zeros((20, 20, 3), np.uint8)
    photo = Decoded(member, pixels, None, ImageHeader("PNG", 20, 20, None))
    faces = Faces(
        np.tile(np.array([2, 2, 18, 18], np.float32), (count, 1)),
        np.linspace(1, 0.5, count, dtype=np.float32),
        np.tile(
            np.array([[6, 7], [14, 7], [10, 11], [7, 14], [13, 14]], np.float32), (count, 1, 1)
        ),
    )
    return Found(photo, faces)


def test_of_a_crowd_the_surest_are_stored_and_the_row_says_so() -> None:
    found = crowd(MOST_FACES + 2)
    rows = FaceRows(CropSettings(format="none", size=16), faces_schema({}), Stopwatch())
    rows.add(found)
    batch = rows.take()
    assert batch.num_rows == MOST_FACES == 32_767
    assert batch.column("face_index").to_pylist() == list(range(MOST_FACES))
    np.testing.assert_array_equal(batch.column("score"), found.faces.scores[:MOST_FACES])
    image = image_row(found)
    assert (image["status"], image["num_faces"]) == ("ok", MOST_FACES)
    assert image["error"] == "32769 faces were found, of which the 32767 surest are stored"


def test_all_faces_of_a_smaller_crowd_are_stored_and_nothing_is_said() -> None:
    image = image_row(crowd(3))
    assert (image["error"], image["num_faces"]) == (None, 3)
