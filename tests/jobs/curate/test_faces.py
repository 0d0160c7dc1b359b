"""Faces and vectors as columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jobs.curate.faces import Photos, Vectors, read_photos, read_vectors
from jobs.finished import open_finished
from jobs.messages.errors import UserError
from tests.jobs.curate.made_up import Curated, Face, Photo, make_faces

PHOTOS = [
    Photo("a.jpg", "x", (Face("a"), Face("b", offset=30.0, side=20.0))),
    Photo("b.jpg", None, ()),
    Photo("c.jpg", None, (Face("a"),), content="a.jpg"),
    Photo("d.jpg", "y", (Face("a", 1, status="unreadable"), Face("c"))),
    Photo("e.gif#1", "y", (Face("a"),), content="a.jpg"),
    Photo("f.gif#1", "y", (Face("a"),), content="a.jpg", frames=2),
    Photo("f.gif#2", "y", (Face("a"),), content="a.jpg", frames=2),
]
GIFS = ("e.gif#1", "f.gif#1", "f.gif#2")
PLACES = ["a.jpg#0", "a.jpg#1", "c.jpg#0", "d.jpg#0", "d.jpg#1", *(f"{name}#0" for name in GIFS)]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    folder = tmp_path_factory.mktemp("inputs")
    inputs = Curated(folder, folder / "out")
    inputs.make(PHOTOS)
    return inputs


@pytest.fixture(scope="module")
def vectors(inputs: Curated) -> Vectors:
    return read_vectors(open_finished(str(inputs.vectors), "embed", {}))


@pytest.fixture(scope="module")
def photos(inputs: Curated, vectors: Vectors) -> Photos:
    return read_photos(open_finished(str(inputs.faces), "extract", {}), vectors)


def test_rows_are_those_of_the_table(vectors: Vectors) -> None:
    names = zip(vectors.keys.to_pylist(), vectors.face_index.tolist(), strict=True)
    assert [f"{key}#{index}" for key, index in names] == PLACES
    assert vectors.labels.to_pylist() == ["x", "x", None, *"yyyyy"]


def test_vectors_are_where_there_are_some(vectors: Vectors) -> None:
    assert np.flatnonzero(~vectors.has_vector).tolist() == [3]
    assert np.array_equal(vectors.embeddings[4], Face("c").vector)
    assert not vectors.embeddings[3].any()
    assert np.flatnonzero(np.isnan(vectors.quality)).tolist() == [3]


def test_hashes_are_the_bytes_of_the_table(vectors: Vectors) -> None:
    assert vectors.phash.dtype == np.uint64
    assert vectors.phash[4].tobytes() == Face("c").phash
    assert not vectors.phash[3].any()


def test_faces_of_a_photo_share_its_number(photos: Photos) -> None:
    assert photos.photo.tolist() == [0, 0, 2, 3, 3, 4, 5, 6]


def test_the_same_face_of_the_same_bytes_has_the_same_content(photos: Photos) -> None:
    content = photos.content
    assert np.array_equal(content[0], content[2])
    assert np.array_equal(content[0], content[5])  # of a file with a single picture
    assert not np.array_equal(content[0], content[1])
    assert not np.array_equal(content[0], content[4])


def test_the_same_place_in_another_picture_of_a_file_is_other_content(photos: Photos) -> None:
    assert len(np.unique(photos.content[[0, 6, 7]], axis=0)) == 3


def test_centrality_is_area_less_twice_the_squared_distance(photos: Photos) -> None:
    assert photos.centrality[:2].tolist() == [40.0**2, 20.0**2 - 2 * 2 * 30.0**2]


def test_vectors_of_other_faces_are_refused(
    inputs: Curated, vectors: Vectors, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As many, under other keys."""
    folder = tmp_path_factory.mktemp("others") / "faces"
    make_faces(folder, [replace(photo, key=f"z{photo.key}") for photo in PHOTOS])
    with pytest.raises(UserError, match="are not those of the faces in"):
        read_photos(open_finished(str(folder), "extract", {}), vectors)
