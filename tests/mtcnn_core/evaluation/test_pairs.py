import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtcnn_core.evaluation.pairs import draw_pairs

persons = st.lists(st.integers(0, 6), max_size=40).map(np.array)


@given(persons, st.integers(0, 60), st.integers(0, 5))
def test_pairs_are_what_they_say_and_none_is_there_twice(
    of: np.ndarray, count: int, seed: int
) -> None:
    pairs = draw_pairs(of.astype(np.int64), count, seed)
    assert len(pairs.a) <= count
    assert len({frozenset(pair) for pair in zip(pairs.a, pairs.b, strict=True)}) == len(pairs.a)
    assert all(a != b for a, b in zip(pairs.a, pairs.b, strict=True))
    assert [of[a] == of[b] for a, b in zip(pairs.a, pairs.b, strict=True)] == pairs.same.tolist()
    assert pairs.same.sum() * 2 == len(pairs.same)


def test_all_there_are_is_drawn_where_all_is_wanted() -> None:
    pairs = draw_pairs(np.array([0, 0, 0, 1, 1, 2]), 100, 0)
    assert pairs.same.sum() == 4  # three of the first person, one of the second


def test_a_person_with_many_faces_does_not_rule() -> None:
    of = np.repeat(np.arange(11), [100, *[2] * 10])
    pairs = draw_pairs(of, 22, 0)
    assert (of[pairs.a[pairs.same]] == 0).sum() == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_decides(seed: int) -> None:
    of = np.repeat(np.arange(50), 4)
    first, again, other = (draw_pairs(of, 40, each) for each in (seed, seed, seed + 1))
    assert np.array_equal(first.a, again.a) and np.array_equal(first.b, again.b)
    assert not np.array_equal(first.a, other.a)
