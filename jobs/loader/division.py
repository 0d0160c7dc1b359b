"""An epoch cut into so many shares: the batches that each reader draws and gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jobs.loader.draws import Draw, draws
from jobs.loader.index import FeedIndex
from jobs.loader.shares import Reader, Readers, Share, cut, share_of


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


class Division:
    """The shares of an epoch; the batches of each go to its readers in turn.

    Args:
        index: The feed.
        drawing: How batches are drawn.
        number: Which epoch it is.
        readers: Who shares it.
        runs: int64 ``(n,)``: all runs, as they are to be cut.
        count: How many shares there are; one of those that the readers allow.

    Attributes:
        shares: What is drawn from.
        groups: The readers of each share, in turn.
    """

    def __init__(
        self,
        index: FeedIndex,
        drawing: Drawing,
        number: int,
        readers: Readers,
        runs: NDArray[np.int64],
        count: int,
    ) -> None:
        self._index, self._drawing, self._number = index, drawing, number
        self._readers = readers
        self.shares: list[Share] = [share_of(index, each) for each in cut(index, runs, count)]
        self.groups = readers.groups(count)

    def draws(self, share: int) -> Iterator[Draw]:
        """Yields the batches of a share, given or not."""
        said = self._drawing
        seed = [said.seed, self._number, share, len(self.shares)]
        return draws(self._index, self.shares[share].runs, said.p, said.k, seed, said.pool_bytes)

    @cached_property
    def drawn(self) -> list[int]:
        """How many batches each share has."""
        return [sum(1 for _ in self.draws(share)) for share in range(len(self.shares))]

    @cached_property
    def given(self) -> Mapping[Reader, int]:
        """How many batches each reader gives, so that all ranks give equally many."""
        given = {
            reader: len(range(turn, drawn, len(group)))
            for drawn, group in zip(self.drawn, self.groups, strict=True)
            for turn, reader in enumerate(group)
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
    def place(self) -> Mapping[Reader, tuple[int, int]]:
        """Share of each reader, and which of its readers it is."""
        return {
            reader: (share, turn)
            for share, group in enumerate(self.groups)
            for turn, reader in enumerate(group)
        }
