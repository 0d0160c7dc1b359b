"""Average linkage from neighbours, against SciPy's over all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from mtcnn_core.curation.linkage import Usual, average_linkage, relative_cosines, totals
from tests.mtcnn_core.curation.made_up import vectors_of

pytest.importorskip("faiss", reason="the extra `curate` is not installed")
hierarchy = pytest.importorskip("scipy.cluster.hierarchy")

PERSON = np.random.default_rng(4).integers(30, size=200)
VECTORS = vectors_of(PERSON, 16, spread=1.0)
ALL = np.argwhere(np.triu(np.ones((200, 200)), 1))


@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.6])
def test_with_all_pairs_it_is_average_linkage(threshold: float) -> None:
    distances = np.clip(1 - (VECTORS @ VECTORS.T)[tuple(ALL.T)], 0, None).astype(np.float64)
    tree = hierarchy.linkage(distances, "average")
    wanted = hierarchy.fcluster(tree, 1 - threshold, "distance")
    found = average_linkage(VECTORS, ALL, threshold)
    same = found[:, None] == found
    assert (same == (wanted[:, None] == wanted)).all()


def test_faces_of_one_photo_stay_apart_however_many_join() -> None:
    photo = np.arange(200)
    first = np.flatnonzero(PERSON[0] == PERSON)
    photo[first[:2]] = 0
    free = average_linkage(VECTORS, ALL, 0.2)
    found = average_linkage(VECTORS, ALL, 0.2, photo=photo.astype(np.int64))
    assert free[first[0]] == free[first[1]]
    assert found[first[0]] != found[first[1]]


def test_clusters_that_are_there_stay_together() -> None:
    start = (np.arange(200) // 50).astype(np.int32)
    found = average_linkage(VECTORS, ALL, 2.0, start=start)
    assert (found == start).all()


def test_without_edges_all_are_alone() -> None:
    found = average_linkage(VECTORS, np.empty((0, 2), np.int64), 0.0)
    assert (found == np.arange(200)).all()


def test_relative_cosines_of_one_person_do_not_depend_on_how_many_photos() -> None:
    usual = Usual(0.5, 0.0)
    for count in (1, 2, 8):
        person = np.repeat(np.arange(200), count)
        here, there = (totals(vectors_of(person, 64, seed, spread=1.0), person) for seed in (1, 2))
        own = relative_cosines(*here, *there, usual)
        strangers = relative_cosines(*here, there[0][::-1].copy(), there[1], usual)
        assert abs(own.mean()) < 0.05
        assert strangers.mean() < -0.4
