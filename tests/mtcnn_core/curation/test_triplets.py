from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtcnn_core.curation import neighbours, triplets
from mtcnn_core.curation.triplets import Mining, mine


def _vectors(count: int, seed: int, width: int = 4) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _square(vectors: NDArray[np.float32], a: int, b: int) -> np.float32:
    return np.float32(((vectors[a].astype(np.float64) - vectors[b]) ** 2).sum())


def _all(vectors: NDArray[np.float32], of: list[int], margin: float) -> set[tuple[int, int, int]]:
    rows = range(len(of))
    squares = [[float(_square(vectors, a, b)) for b in rows] for a in rows]
    return {
        (a, p, n)
        for a, p in itertools.permutations(rows, 2)
        if of[a] == of[p]
        for n in rows
        if of[n] != of[a] and squares[a][p] < squares[a][n] < squares[a][p] + margin
    }


def _found(
    vectors: NDArray[np.float32], of: list[int], mining: Mining
) -> list[tuple[int, int, int]]:
    return [
        (each.anchor, int(positive), int(negative))
        for each in mine(vectors, np.array(of), mining)
        for positive, first, count in zip(each.positives, each.first, each.count, strict=True)
        for negative in each.negatives[first : first + count]
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
    for each in mine(vectors, np.array(of), Mining(0.5)):
        for p, near in zip(each.positives, each.to_positives, strict=True):
            assert near == _square(vectors, each.anchor, p)
        for n, far in zip(each.negatives, each.to_negatives, strict=True):
            assert far == _square(vectors, each.anchor, n)


def test_the_margin_is_not_rounded() -> None:
    # The negative of the first at a squared distance of 4, its positive at one of 2.
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]], np.float32)
    of = [0, 0, 1, 1]
    assert _found(vectors, of, Mining(2.0)) == []
    # As float32 that is 2.
    assert set(_found(vectors, of, Mining(2 + 1e-9))) == {(0, 1, 3), (3, 2, 0)}


def test_many_triplets_are_few_faces() -> None:
    of = [0] * 40 + [1] * 60
    for each in mine(_vectors(100, 0), np.array(of), Mining(4.0)):
        own = of.count(of[each.anchor])
        assert len(each.positives) <= own - 1 and len(each.negatives) <= 100 - own
        assert each.total > 2 * (len(each.positives) + len(each.negatives))


@pytest.mark.parametrize("wanted", [1, 3, 10])
@pytest.mark.parametrize("is_approximate", [False, True])
def test_so_many_of_each_anchor_as_far_as_there_are(
    wanted: int, is_approximate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    pytest.importorskip("threadpoolctl")
    monkeypatch.setattr(triplets, "_NEIGHBOURS", 12)
    if is_approximate:
        monkeypatch.setattr(neighbours, "_EXACT", 100)
        monkeypatch.setattr(neighbours, "_PROBES", 1)
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


@given(st.integers(0, 20), st.integers(1, 9), st.booleans())
def test_a_few_are_the_nearest_of_each_positive(seed: int, wanted: int, ties: bool) -> None:
    of = np.random.default_rng(seed).integers(0, 4, 24).tolist()
    vectors = _vectors(24, seed)
    if ties:
        vectors[1::2] = vectors[::2]
    some = _found(vectors, of, Mining(0.3, per_anchor=wanted))
    nearest = defaultdict(list)
    for a, p, n in sorted(
        _all(vectors, of, 0.3), key=lambda t: (_square(vectors, t[0], t[2]), t[2])
    ):
        nearest[a, p].append(n)
    taken = defaultdict(list)
    for a, p, n in some:
        taken[a, p].append(n)
    for pair, negatives in taken.items():
        assert negatives == nearest[pair][: len(negatives)]
    # In turns: none has two more than another, unless that has no more.
    for (a, p), negatives in nearest.items():
        most = max((len(found) for (b, _), found in taken.items() if a == b), default=0)
        assert len(taken[a, p]) >= min(most - 1, len(negatives))


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
