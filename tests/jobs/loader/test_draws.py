"""Which faces come into which batch: nothing is decoded here."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.loader.draws import Lane, draws, lane_blocks
from jobs.loader.index import Block, FeedIndex

counts = st.lists(st.integers(1, 12), min_size=1, max_size=60)


def index_of(faces: list[int], per_block: int = 30) -> FeedIndex:
    """A feed whose identities have so many faces, in blocks of about so many."""
    blocks: list[Block] = []
    ids, firsts, sizes = [], [], []
    start = rows = 0
    for class_id, count in enumerate(faces):
        if rows and rows + count > per_block:
            blocks.append(Block("x", len(blocks), rows, rows * 100))
            rows = 0
        ids.append(class_id)
        firsts.append(start)
        sizes.append(count)
        rows += count
        start += count
    blocks.append(Block("x", len(blocks), rows, rows * 100))
    return FeedIndex(
        blocks,
        np.cumsum([0, *(block.rows for block in blocks)]).astype(np.int64),
        np.array(ids, np.int32),
        np.array(firsts, np.int64),
        np.array(sizes, np.int32),
        len(faces),
        {},
    )


def drawn(index: FeedIndex, p: int, k: int, lane: Lane = Lane(), seed: int = 0):  # type: ignore[no-untyped-def]  # noqa: B008
    blocks = lane_blocks(index, seed, 0, lane)
    return list(draws(index, blocks, p, k, [seed, lane.number], 2000))


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


def test_16_ranks_with_4_workers_share_an_epoch() -> None:
    """No crop twice, none lost but the remainder that is told, and classes balanced."""
    chance = np.random.default_rng(0)
    faces = chance.integers(2, 40, 6000).tolist()
    index = index_of(faces, per_block=200)
    lanes = [drawn(index, 6, 5, Lane(number, 64)) for number in range(64)]
    places = np.concatenate([batch.places for lane in lanes for batch in lane])
    assert len(np.unique(places)) == len(places)
    lost = index.total - len(places)
    assert 0 <= lost < 0.03 * index.total
    assert max(map(len, lanes)) - min(map(len, lanes)) <= 200 / 30 + 2  # one block
    of = np.repeat(np.arange(len(faces)), faces)
    share = np.bincount(of[places], minlength=len(faces)) / np.array(faces)
    assert share.mean() > 0.97
    assert all(
        max(Counter(batch.class_id.tolist()).values()) <= 5 for lane in lanes for batch in lane
    )


def test_lanes_share_the_blocks() -> None:
    index = index_of([5] * 500)
    lanes = [lane_blocks(index, 0, 0, Lane(number, 7)) for number in range(7)]
    assert sorted(block for lane in lanes for block in lane) == list(range(len(index.blocks)))


@pytest.mark.parametrize("epoch", [0, 1])
def test_the_order_is_another_one_in_each_epoch(epoch: int) -> None:
    index = index_of([5] * 500)
    assert lane_blocks(index, 0, epoch, Lane()) == lane_blocks(index, 0, epoch, Lane())
    assert lane_blocks(index, 0, epoch, Lane()) != lane_blocks(index, 0, epoch + 1, Lane())


def test_few_blocks_are_open_at_once() -> None:
    """A batch comes from what fits the pool, so crops of few blocks are in memory."""
    index = index_of([6] * 1000, per_block=30)
    blocks = lane_blocks(index, 0, 0, Lane())
    place = {block: number for number, block in enumerate(blocks)}
    spans = []
    for batch in draws(index, blocks, 4, 3, [0], 9000):
        numbers = np.searchsorted(index.starts, batch.places, side="right") - 1
        spans.append({place[number] for number in numbers.tolist()})
    # 9,000 bytes are three blocks; an identity stays open until its last face is drawn.
    assert np.mean([max(span) - min(span) for span in spans]) < 12
