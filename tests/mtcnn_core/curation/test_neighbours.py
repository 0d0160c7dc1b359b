"""Neighbours by an inverted file, against all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from mtcnn_core.curation import neighbours
from mtcnn_core.curation.errors import CurationError
from mtcnn_core.curation.neighbours import nearest
from tests.mtcnn_core.curation.made_up import vectors_of

pytest.importorskip("faiss", reason="the extra `curate` is not installed")

VECTORS = vectors_of(np.repeat(np.arange(500), 10), 32)


def test_the_nearest_come_first_and_no_face_is_its_own() -> None:
    found = nearest(VECTORS, None, 5)
    cosines = VECTORS @ VECTORS.T
    np.fill_diagonal(cosines, -2)
    np.testing.assert_allclose(found.cosines, -np.sort(-cosines, axis=1)[:, :5], atol=1e-5)
    assert (found.rows != np.arange(5000)[:, None]).all()


def test_with_fewer_faces_than_are_wanted_the_rest_is_empty() -> None:
    found = nearest(VECTORS[:3], None, 5)
    assert (found.rows[:, 2:] == -1).all() and (found.rows[:, :2] >= 0).all()


def test_the_inverted_file_misses_few_whatever_the_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact = nearest(VECTORS, None, 5).rows
    monkeypatch.setattr(neighbours, "_EXACT", 100)
    one, two = nearest(VECTORS, None, 5, threads=1), nearest(VECTORS, None, 5, threads=2)
    assert (one.rows == two.rows).all()
    assert (one.rows == exact).mean() > 0.95


def test_a_missing_library_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(CurationError, match=r"install it with .*curate"):
        nearest(VECTORS, None, 5)
