"""Which faces come into which batch: nothing is decoded here."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobs.loader.draws import Draw, draws
from jobs.loader.index import FeedIndex
from jobs.loader.shares import share_of, shuffled
from tests.jobs.loader.made_up import index_of

counts = st.lists(st.integers(1, 12), min_size=1, max_size=60)


def drawn(index: FeedIndex, p: int, k: int, seed: int = 0) -> list[Draw]:
    runs = share_of(index, shuffled(index, seed, 0)).runs
    return list(draws(index, runs, p, k, [seed], 2000))


@given(counts, st.integers(2, 5), st.integers(2, 5), st.integers(0, 3))
def test_no_face_is_drawn_twice_and_no_identity_too_often(
    faces: list[int], p: int, k: int, seed: int
) -> None:
    index = index_of(faces)
    batches = drawn(index, p, k, seed=seed)
    places = np.concatenate([np.zeros(0, np.int64), *(batch.places for batch in batches)])
    assert len(np.unique(places)) == len(places)
    of = np.repeat(np.arange(len(faces)), faces)
    for batch in batches:
        assert len(batch.places) == p * k
        assert np.array_equal(of[batch.places], batch.class_id)
        assert max(Counter(batch.class_id.tolist()).values()) <= k


@given(counts, st.integers(2, 4), st.integers(2, 4))
def test_what_is_left_fills_no_batch(faces: list[int], p: int, k: int) -> None:
    index = index_of(faces)
    left = np.array(faces)
    for batch in drawn(index, p, k):
        left -= np.bincount(batch.class_id, minlength=len(faces))
    # Of k + 1 faces k - 1 are taken, and two are left for another batch.
    assert np.minimum(left, k).sum() - (left == k + 1).sum() < p * k


def test_identities_with_enough_faces_come_p_by_k() -> None:
    for batch in drawn(index_of([8] * 40), 5, 4):
        assert set(Counter(batch.class_id.tolist()).values()) == {4}
        assert len(set(batch.class_id.tolist())) == 5


def test_an_epoch_gives_all_faces_of_equal_identities() -> None:
    assert sum(len(batch.places) for batch in drawn(index_of([8] * 40), 5, 4)) == 320


def test_a_large_identity_is_not_left_over() -> None:
    index = index_of([40, *[4] * 50], per_block=400)
    batches = drawn(index, 5, 4)
    of_large = sum(int((batch.class_id == 0).sum()) for batch in batches)
    assert of_large >= 36  # of 40; drawn evenly it would be 15


def test_a_single_face_is_the_exception() -> None:
    index = index_of([5] * 60)
    sizes = Counter(
        size for batch in drawn(index, 5, 4) for size in Counter(batch.class_id.tolist()).values()
    )
    assert sizes[1] < 0.1 * sum(sizes.values())


def test_few_blocks_are_open_at_once() -> None:
    """A batch comes from what fits the pool, so crops of few blocks are in memory."""
    index = index_of([6] * 1000, per_block=30)
    runs = share_of(index, shuffled(index, 0, 0)).runs
    blocks = index.blocks_of(index.first[[each.start for each in runs]]).tolist()
    place = {block: number for number, block in enumerate(blocks)}
    spans = []
    for batch in draws(index, runs, 4, 3, [0], 9000):
        spans.append({place[number] for number in index.blocks_of(batch.places).tolist()})
    # 9,000 bytes are three blocks; an identity stays open until its last face is drawn.
    assert np.mean([max(span) - min(span) for span in spans]) < 12
