from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtcnn_core.curation import triplets
from mtcnn_core.curation.triplets import Mining, mine


def _vectors(count: int, seed: int, width: int = 4) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _square(vectors: NDArray[np.float32], a: int, b: int) -> np.float32:
    return np.float32(((vectors[a].astype(np.float64) - vectors[b]) ** 2).sum())


def _all(vectors: NDArray[np.float32], of: list[int], margin: float) -> set[tuple[int, int, int]]:
    found = set()
    for a, p, n in itertools.permutations(range(len(of)), 3):
        if of[a] == of[p] and of[a] != of[n]:
            near, far = _square(vectors, a, p), _square(vectors, a, n)
            if near < far < near + np.float32(margin):
                found.add((a, p, n))
    return found


def _found(
    vectors: NDArray[np.float32], of: list[int], mining: Mining
) -> list[tuple[int, int, int]]:
    blocks = list(mine(vectors, np.array(of), mining))
    return [
        triplet
        for block in blocks
        for triplet in zip(
            block.anchor.tolist(), block.positive.tolist(), block.negative.tolist(), strict=True
        )
    ]


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=14),
    st.sampled_from([0.05, 0.2, 1.0, 4.0]),
    st.integers(0, 5),
    st.booleans(),
)
def test_all_are_found_and_no_other(of: list[int], margin: float, seed: int, ties: bool) -> None:
    vectors = _vectors(len(of), seed)
    if ties:  # faces that are the same picture
        vectors[1::2] = vectors[: len(vectors[1::2])]
    found = _found(vectors, of, Mining(margin))
    assert len(set(found)) == len(found)
    assert set(found) == _all(vectors, of, margin)


def test_the_distances_are_those_of_the_triplet() -> None:
    of = [0, 0, 0, 1, 1, 2] * 5
    vectors = _vectors(len(of), 1)
    for block in mine(vectors, np.array(of), Mining(0.5)):
        for a, p, n, near, far in zip(*block, strict=True):
            assert (near, far) == (_square(vectors, a, p), _square(vectors, a, n))
            assert near < far < near + np.float32(0.5)


@pytest.mark.parametrize("wanted", [1, 3, 10])
def test_so_many_of_each_anchor_as_far_as_there_are(
    wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    pytest.importorskip("threadpoolctl")
    monkeypatch.setattr(triplets, "_NEIGHBOURS", 12)
    of = np.random.default_rng(0).integers(0, 25, 150).tolist()
    vectors = _vectors(len(of), 3, width=8)
    every = Counter(a for a, _, _ in _all(vectors, of, 0.2))
    some = _found(vectors, of, Mining(0.2, per_anchor=wanted))
    assert Counter(a for a, _, _ in some) == {
        anchor: min(wanted, count) for anchor, count in every.items()
    }
    assert set(some) <= _all(vectors, of, 0.2)
    assert some == _found(vectors, of, Mining(0.2, per_anchor=wanted))
    if wanted < 10:
        assert some != _found(vectors, of, Mining(0.2, per_anchor=wanted, seed=1))


def test_positives_take_turns() -> None:
    of = [0] * 5 + list(range(1, 60))
    vectors = _vectors(len(of), 0)
    first = [p for a, p, _ in _found(vectors, of, Mining(4.0, per_anchor=4)) if a == 0]
    assert len(set(first)) == 4


def test_a_few_faces_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    of = np.random.default_rng(0).integers(0, 9, 70).tolist()
    vectors = _vectors(len(of), 3)
    whole = _found(vectors, of, Mining(0.3))
    monkeypatch.setattr(triplets, "_FACES", 7)
    monkeypatch.setattr(triplets, "_ANCHORS", 5)
    assert _found(vectors, of, Mining(0.3)) == whole
