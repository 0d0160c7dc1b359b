"""An epoch: the batches of each reader, drawn from counts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jobs.loader.draws import Draw, draws
from jobs.loader.index import FeedIndex
from jobs.loader.shares import Reader, Readers, Share, cut, share_count, share_of, shuffled
from jobs.messages.errors import UserError


@dataclass(frozen=True)
class Drawing:
    """How batches are drawn.

    Attributes:
        p: Identities in a batch, if all have `k` faces.
        k: Faces of an identity in a batch, at most.
        seed: Another one draws others.
        pool_bytes: Bytes of crops to draw from, about.
    """

    p: int
    k: int
    seed: int
    pool_bytes: int


class Epoch:
    """The batches of an epoch, dealt out to readers.

    The faces are cut into shares; the batches of a share go to its readers in turn. Each rank
    gives as many batches as the others.

    Args:
        index: The feed.
        drawing: How batches are drawn.
        number: Which epoch it is.
        readers: Who shares it.
    """

    def __init__(self, index: FeedIndex, drawing: Drawing, number: int, readers: Readers) -> None:
        self._index, self._drawing, self._number = index, drawing, number
        self._readers = readers

    def share(self, reader: Reader) -> Share:
        """What a reader draws from, alone or with others."""
        return self._shares[self._place[reader][0]]

    def draws(self, reader: Reader) -> Iterator[tuple[Draw, bool]]:
        """Yields the batches of a reader's share, and whether each is its own.

        Raises:
            UserError: There are too few faces for a batch of each rank.
        """
        self.check()
        share, turn = self._place[reader]
        # One rank gives all that there is, so nothing needs to be counted before.
        most = self.counts[reader] if self._readers.world > 1 else None
        own = 0
        for number, draw in enumerate(self._drawn(share)):
            if own == most:
                return
            is_own = number % len(self._groups[share]) == turn
            own += is_own
            yield draw, is_own

    def check(self) -> None:
        """Makes sure that each rank gets a batch; no crop is read.

        Raises:
            UserError: There are too few faces for that.
        """
        if self._readers.world == 1:
            gives = any(True for share in range(len(self._shares)) for _ in self._drawn(share))
        else:
            gives = any(self.counts.values())
        if not gives:
            index, said, world = self._index, self._drawing, self._readers.world
            each = f" for each of {world} processes" if world > 1 else ""
            fewer = ", or let fewer processes learn" if world > 1 else ""
            raise UserError(
                f"the feed has not enough faces for a batch of {said.p} x {said.k}{each}: it has "
                f"{index.total} of {index.identities} identities, lower p or k{fewer}"
            )

    @cached_property
    def counts(self) -> Mapping[Reader, int]:
        """How many batches each reader gives."""
        given: dict[Reader, int] = {}
        for share, group in enumerate(self._groups):
            drawn = sum(1 for _ in self._drawn(share))
            given |= {
                reader: len(range(turn, drawn, len(group))) for turn, reader in enumerate(group)
            }
        ranks = [
            [Reader(rank, worker) for worker in range(self._readers.workers)]
            for rank in range(self._readers.world)
        ]
        least = min(sum(given[reader] for reader in rank) for rank in ranks)
        for rank in ranks:
            while sum(given[reader] for reader in rank) > least:
                given[max(reversed(rank), key=lambda reader: given[reader])] -= 1
        return given

    @cached_property
    def _shares(self) -> list[Share]:
        return [share_of(self._index, runs) for runs in self._stretches]

    @cached_property
    def _stretches(self) -> list[NDArray[np.int64]]:
        said = self._drawing
        runs = shuffled(self._index, said.seed, self._number)
        count = share_count(self._index, runs, self._readers, said.p, said.k)
        return cut(self._index, runs, count)

    @cached_property
    def _groups(self) -> list[list[Reader]]:
        return self._readers.groups(len(self._stretches))

    @cached_property
    def _place(self) -> Mapping[Reader, tuple[int, int]]:
        """Share of each reader, and which of its readers it is."""
        return {
            reader: (share, turn)
            for share, group in enumerate(self._groups)
            for turn, reader in enumerate(group)
        }

    def _drawn(self, share: int) -> Iterator[Draw]:
        said = self._drawing
        seed = [said.seed, self._number, share, len(self._shares)]
        runs = self._shares[share].runs
        return draws(self._index, runs, said.p, said.k, seed, said.pool_bytes)
