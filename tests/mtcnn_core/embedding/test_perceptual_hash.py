"""Perceptual hashes: near-duplicates are near."""

import sys

import cv2
import numpy as np
import pytest

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.perceptual_hash import HASH_BYTES, perceptual_hash


def _smooth(rng: np.random.Generator) -> np.ndarray:
    coarse = rng.integers(0, 256, (12, 12, 3), np.uint8)
    return cv2.resize(coarse, (150, 150), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def _distance(one: bytes, other: bytes) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


def test_half_of_the_bits_are_set(rng: np.random.Generator) -> None:
    hashed = perceptual_hash(_smooth(rng))
    assert len(hashed) == HASH_BYTES
    assert sum(byte.bit_count() for byte in hashed) == 128


def test_encoded_again_it_is_nearly_the_same(rng: np.random.Generator) -> None:
    crop = _smooth(rng)
    _, file = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 60])
    again = cv2.imdecode(file, cv2.IMREAD_COLOR).astype(np.uint8)
    assert _distance(perceptual_hash(crop), perceptual_hash(again)) < 30


def test_other_picture_is_far(rng: np.random.Generator) -> None:
    assert _distance(perceptual_hash(_smooth(rng)), perceptual_hash(_smooth(rng))) > 80


def test_missing_library_is_told(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(EmbeddingError, match=r"mtcnn-ray\[embed\]"):
        perceptual_hash(_smooth(rng))


def test_a_crop_is_evened_about_its_axis(rng: np.random.Generator) -> None:
    crop = _smooth(rng)
    assert perceptual_hash(crop, crop.shape[1] / 2 - 1) == perceptual_hash(crop[:, :-2])
    assert perceptual_hash(crop, crop.shape[1] / 2 + 1) == perceptual_hash(crop[:, 2:])
    assert perceptual_hash(crop, crop.shape[1] / 2) == perceptual_hash(crop)
