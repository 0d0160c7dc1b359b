"""The faces of an epoch in shares, each for one reader or for several in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.loader.index import FeedIndex


class Reader(NamedTuple):
    """One of those who share an epoch.

    Attributes:
        rank: Its process of those that learn together, from 0.
        worker: Its number among the workers of that process, from 0.
    """

    rank: int = 0
    worker: int = 0


@dataclass(frozen=True)
class Readers:
    """All who share an epoch.

    Attributes:
        world: Processes that learn together.
        workers: Those who read for each.
    """

    world: int = 1
    workers: int = 1

    @property
    def counts(self) -> list[int]:
        """Into how many equal groups they can be divided, falling.

        A group is of one rank, or of whole ranks, so that ranks get equally much.
        """
        whole = _divisors(self.world)
        return [*(self.world * count for count in _divisors(self.workers)), *whole[1:]]

    def groups(self, count: int) -> list[list[Reader]]:
        """So many groups of readers, each in the order in which they get batches."""
        found: list[list[Reader]] = [[] for _ in range(count)]
        for worker in range(self.workers):
            for rank in range(self.world):
                number = (rank * self.workers + worker) * count // (self.world * self.workers)
                found[number].append(Reader(rank, worker))
        return found


@dataclass(frozen=True, eq=False)
class Share:
    """Some of the faces of an epoch.

    Attributes:
        runs: Its runs, those of each block together, blocks in the order in which they are read.
        others: int64 ``(n,)``: places of the other faces of its blocks.
    """

    runs: list[slice]
    others: NDArray[np.int64]


def shuffled(index: FeedIndex, seed: int, epoch: int) -> NDArray[np.int64]:
    """All runs: blocks in an order that seed and epoch decide, runs of a block as they lie."""
    chance = np.random.default_rng([seed, epoch])
    runs = [index.runs_of(number) for number in chance.permutation(len(index.blocks)).tolist()]
    return np.concatenate([np.arange(each.start, each.stop) for each in runs])


def cut(index: FeedIndex, runs: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Cuts runs into so many stretches, of equally many faces but for half a run at each end."""
    faces = index.faces[runs].astype(np.int64)
    ends = np.cumsum(faces)
    middles = 2 * ends - faces
    bounds = np.searchsorted(middles * count, 2 * ends[-1] * np.arange(1, count))
    return np.split(runs, bounds)


def share_counts(
    index: FeedIndex, runs: NDArray[np.int64], readers: Readers, p: int, k: int, lost: float
) -> Iterator[int]:
    """Yields how many shares are worth a trial, falling; one share, which always is, not.

    By counts alone: what each share could give at best, and of the ranks the least.

    Args:
        index: The feed.
        runs: All of them, as they are to be cut.
        readers: Who shares them.
        p: Identities in a batch, if all have `k` faces.
        k: Faces of an identity in a batch, at most.
        lost: What they may cost of the batches that one share could give, as a fraction.
    """
    whole = capacity(index, runs, p, k)
    for count in readers.counts[:-1]:
        most = np.array([capacity(index, each, p, k) for each in cut(index, runs, count)])
        # Shares of a rank add up; of one for several ranks each gets as much as the others.
        together = max(1, readers.world // count)
        ranks = most.reshape(readers.world // together, -1).sum(1) // together
        if whole and ranks.min() * readers.world >= (1 - lost) * whole:
            yield count


def capacity(index: FeedIndex, runs: NDArray[np.int64], p: int, k: int) -> int:
    """How many batches runs could give at best: an identity gives each at most `k` faces."""
    _, numbers = np.unique(index.class_id[runs], return_inverse=True)
    left = np.bincount(numbers, index.faces[runs]).astype(np.int64)
    low, high = 0, int(left.sum()) // (p * k)
    while low < high:
        middle = (low + high + 1) // 2
        if np.minimum(left, middle * k).sum() >= middle * p * k:
            low = middle
        else:
            high = middle - 1
    return low


def share_of(index: FeedIndex, runs: NDArray[np.int64]) -> Share:
    """A stretch of runs by its blocks."""
    turns = np.flatnonzero(np.diff(index.blocks_of(index.first[runs]))) + 1
    parts = [slice(int(each[0]), int(each[-1]) + 1) for each in np.split(runs, turns) if len(each)]
    others = [index.places_of(each) for part in parts for each in _beside(index, part)]
    return Share(parts, np.concatenate([np.zeros(0, np.int64), *others]))


def _beside(index: FeedIndex, part: slice) -> Iterator[slice]:
    """The runs before and behind some of a block."""
    (block,) = index.blocks_of(index.first[part.start : part.start + 1]).tolist()
    whole = index.runs_of(block)
    if whole.start < part.start:
        yield slice(whole.start, part.start)
    if part.stop < whole.stop:
        yield slice(part.stop, whole.stop)


def _divisors(number: int) -> Sequence[int]:
    """All divisors, falling."""
    return [each for each in range(number, 0, -1) if number % each == 0]
