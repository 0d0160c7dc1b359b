"""Who reads which faces of an epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.loader.shares import (
    Reader,
    Readers,
    capacity,
    cut,
    share_counts,
    share_of,
    shuffled,
)
from tests.jobs.loader.made_up import index_of

counts = st.lists(st.integers(1, 12), min_size=1, max_size=60)


@given(counts, st.integers(1, 9))
def test_shares_are_equal_but_for_one_run(faces: list[int], count: int) -> None:
    index = index_of(faces)
    stretches = cut(index, shuffled(index, 0, 0), count)
    assert len(stretches) == count
    assert sorted(np.concatenate(stretches).tolist()) == list(range(len(index.first)))
    sizes = [int(index.faces[runs].sum()) for runs in stretches]
    assert max(sizes) - min(sizes) <= 2 * max(faces)
    assert all(abs(size - sum(faces) / count) <= max(faces) for size in sizes)


@given(counts, st.integers(1, 9))
def test_what_else_is_in_the_blocks_of_a_share_is_told(faces: list[int], count: int) -> None:
    index = index_of(faces)
    for runs in cut(index, shuffled(index, 0, 0), count):
        share = share_of(index, runs)
        own = [place for part in share.runs for place in index.places_of(part).tolist()]
        blocks = np.unique(index.blocks_of(index.first[runs]))
        whole = [p for b in blocks.tolist() for p in index.places_of(index.runs_of(b)).tolist()]
        assert sorted([*own, *share.others.tolist()]) == whole


def test_cutting_opens_few_blocks_twice() -> None:
    index = index_of([5] * 500)
    shares = [share_of(index, runs) for runs in cut(index, shuffled(index, 0, 0), 7)]
    assert sum(len(share.runs) for share in shares) <= len(index.blocks) + 6


def test_the_order_is_another_one_in_each_epoch() -> None:
    index = index_of([5] * 500)
    first, again, second = (shuffled(index, 0, epoch).tolist() for epoch in (0, 0, 1))
    assert first == again != second


def test_the_capacity_is_what_identities_can_give() -> None:
    # Three batches of 2 x 4: the large identity gives 4 to each, the others 4 in turn.
    index = index_of([100, 4, 4, 4], per_block=200)
    assert capacity(index, np.arange(4), 2, 4) == 3


@pytest.mark.parametrize(
    ("readers", "counts"),
    [
        (Readers(1, 4), [4, 2, 1]),
        (Readers(4, 1), [4, 2, 1]),
        (Readers(4, 6), [24, 12, 8, 4, 2, 1]),
        (Readers(3, 2), [6, 3, 1]),
    ],
)
def test_groups_are_of_one_rank_or_of_whole_ranks(readers: Readers, counts: list[int]) -> None:
    assert readers.counts == counts
    for count in counts:
        groups = readers.groups(count)
        assert {len(group) for group in groups} == {readers.world * readers.workers // count}
        assert len({reader for group in groups for reader in group}) == sum(map(len, groups))
        ranks = [{reader.rank for reader in group} for group in groups]
        assert {len(each) for each in ranks} == {max(1, readers.world // count)}


def test_ranks_take_turns_before_workers() -> None:
    (group,) = Readers(2, 2).groups(1)
    assert group == [Reader(0, 0), Reader(1, 0), Reader(0, 1), Reader(1, 1)]


@pytest.mark.parametrize(("identities", "counts"), [(2000, [8, 4, 2]), (395, [4, 2]), (35, [])])
def test_the_fewer_faces_the_fewer_shares(identities: int, counts: list[int]) -> None:
    """Of 79 batches 8 shares would give 9 each, and of 7 two ranks 3, whoever shares."""
    index = index_of([4] * identities)
    runs = shuffled(index, 0, 0)
    assert list(share_counts(index, runs, Readers(2, 4), 5, 4, 1 / 20)) == counts
