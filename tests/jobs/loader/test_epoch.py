"""The batches of all who share an epoch: nothing is decoded here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.loader.division import Drawing
from jobs.loader.draws import Draw
from jobs.loader.epoch import MOST_LOST, Epoch
from jobs.loader.index import FeedIndex
from jobs.loader.shares import Reader, Readers
from jobs.messages.errors import UserError
from tests.jobs.loader.made_up import index_of

Drawn = Mapping[Reader, list[Draw]]


def read(index: FeedIndex, p: int, k: int, readers: Readers, number: int = 0) -> Drawn:
    epoch = Epoch(index, Drawing(p, k, 0, 2000), number, readers)
    return {
        reader: [draw for draw, is_own in epoch.draws(reader) if is_own]
        for group in readers.groups(1)
        for reader in group
    }


def per_rank(drawn: Drawn) -> Counter[int]:
    return Counter({r: sum(len(v) for k, v in drawn.items() if k.rank == r) for r, _ in drawn})


@pytest.mark.parametrize(
    "readers", [Readers(2, 4), Readers(1, 8), Readers(4, 2), Readers(3, 5), Readers(7, 1)]
)
@pytest.mark.parametrize("identities", [28, 40, 100, 333])
def test_few_faces_are_not_lost(identities: int, readers: Readers) -> None:
    """28 identities of 4 are 7 batches of 4 x 4: as many as there are ranks at most."""
    drawn = read(index_of([4] * identities), 4, 4, readers)
    whole = identities // 4
    given = sum(map(len, drawn.values()))
    assert len(set(per_rank(drawn).values())) == 1
    assert whole - given < max(readers.world, MOST_LOST * whole + 1)


skewed = st.lists(st.integers(1, 12) | st.integers(30, 90), min_size=4, max_size=60)


@given(skewed, st.integers(1, 4), st.integers(1, 4), st.integers(2, 4), st.integers(2, 4))
def test_readers_give_what_one_would_but_for_a_twentieth(
    faces: list[int], world: int, workers: int, p: int, k: int
) -> None:
    """Whatever the labels; no face twice, and each rank as much as the others."""
    index, drawing = index_of(faces), Drawing(p, k, 0, 2000)
    alone = sum(Epoch(index, drawing, 0, Readers()).given.values())
    try:
        drawn = read(index, p, k, Readers(world, workers))
    except UserError:
        assert alone < world
        return
    places = np.concatenate([draw.places for lane in drawn.values() for draw in lane])
    assert len(np.unique(places)) == len(places)
    assert len(set(per_rank(drawn).values())) == 1
    assert alone - len(places) // (p * k) <= max(world - 1, MOST_LOST * alone)


def test_16_ranks_with_4_workers_share_an_epoch() -> None:
    """No crop twice, none lost but the remainder that is told, and classes balanced."""
    faces = np.random.default_rng(0).integers(2, 40, 6000).tolist()
    index = index_of(faces, per_block=200)
    drawn = read(index, 6, 5, Readers(16, 4))
    places = np.concatenate([batch.places for lane in drawn.values() for batch in lane])
    assert len(np.unique(places)) == len(places)
    assert 0 <= index.total - len(places) < 0.05 * index.total
    of = np.repeat(np.arange(len(faces)), faces)
    assert (np.bincount(of[places], minlength=len(faces)) / np.array(faces)).mean() > 0.95
    every = [batch for lane in drawn.values() for batch in lane]
    assert all(max(Counter(batch.class_id.tolist()).values()) <= 5 for batch in every)


def test_identities_that_fill_blocks_are_shared() -> None:
    """No share of two identities gives a batch of four."""
    index = index_of([60] * 8)
    drawn = read(index, 4, 3, Readers(2, 4))
    assert set(per_rank(drawn).values()) == {20}


def test_an_epoch_is_the_same_again() -> None:
    index, readers = index_of([5] * 60), Readers(2, 2)
    once, again, other = (read(index, 4, 4, readers, number) for number in (0, 0, 1))
    ids = [[d.places.tolist() for lane in each.values() for d in lane] for each in (once, again)]
    assert ids[0] == ids[1]
    assert ids[0] != [d.places.tolist() for lane in other.values() for d in lane]


@pytest.mark.parametrize(
    ("faces", "readers", "said"),
    [
        ([4] * 12, Readers(4, 2), "each of 4 processes: .* or let fewer processes learn"),
        ([100] * 3, Readers(1, 1), "a batch of 4 x 4: it has 300 of 3 identities, lower p or k$"),
        ([4] * 3, Readers(1, 4), "it has 12 of 3 identities, lower p or k$"),
    ],
)
def test_too_few_faces_for_a_batch_each_are_told(
    faces: list[int], readers: Readers, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        read(index_of(faces), 4, 4, readers)
