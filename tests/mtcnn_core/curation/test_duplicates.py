"""Perceptual hashes, mirrored or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mtcnn_core.curation.duplicates import duplicate_groups, hash_distance, mirrored_hash
from mtcnn_core.curation.neighbours import nearest
from tests.mtcnn_core.curation.made_up import THRESHOLDS, make_faces

imagehash = pytest.importorskip("imagehash")
pytest.importorskip("faiss", reason="the extra `curate` is not installed")
data = pytest.importorskip("skimage.data")


def _hash(picture: Image.Image) -> np.ndarray:
    bits = imagehash.phash(picture, hash_size=16).hash
    return np.packbits(bits).view(np.uint64)[None]


def test_the_hash_of_a_mirrored_picture_follows_from_its_hash() -> None:
    picture = Image.fromarray(data.astronaut()[:256, 96:352])
    mirrored = _hash(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert hash_distance(mirrored_hash(_hash(picture)), mirrored)[0] <= 12
    assert hash_distance(_hash(picture), mirrored)[0] > 80


def test_distance_counts_bits() -> None:
    zeros = np.zeros((1, 4), np.uint64)
    some = np.array([[1, 3, 0, 2**63]], np.uint64)
    assert hash_distance(zeros, some)[0] == 4


def test_equal_bytes_are_one_picture_whatever_the_rest() -> None:
    faces = make_faces(np.arange(6))
    content = faces.content.copy()
    content[4] = content[1]
    faces = replace(faces, content=content)
    group = duplicate_groups(
        faces, nearest(faces.embeddings, None, 3), faces.has_vector, THRESHOLDS
    )
    assert group.tolist() == [-1, 0, -1, -1, 0, -1]


def test_faces_of_one_photo_are_no_copies() -> None:
    faces = make_faces(np.arange(6))
    content, photo = faces.content.copy(), faces.photo.copy()
    content[4], photo[4] = content[1], photo[1]
    faces = replace(faces, content=content, photo=photo)
    group = duplicate_groups(
        faces, nearest(faces.embeddings, None, 3), faces.has_vector, THRESHOLDS
    )
    assert (group == -1).all()
