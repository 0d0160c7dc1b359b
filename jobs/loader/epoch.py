"""An epoch: the batches of each reader, drawn from counts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from jobs.loader.division import Division, Drawing
from jobs.loader.draws import Draw
from jobs.loader.index import FeedIndex
from jobs.loader.shares import Reader, Readers, Share, capacity, share_counts, shuffled
from jobs.messages.errors import UserError

# What cutting into shares may cost of the batches of an epoch.
MOST_LOST = 1 / 20


class Epoch:
    """The batches of an epoch, dealt out to readers.

    The faces are cut into as many shares as cost no more than a twentieth of the batches that one
    share for all would have, or into one. Each rank gives as many batches as the others.

    Args:
        index: The feed.
        drawing: How batches are drawn.
        number: Which epoch it is.
        readers: Who shares it.
    """

    def __init__(self, index: FeedIndex, drawing: Drawing, number: int, readers: Readers) -> None:
        self._index, self._drawing, self._number = index, drawing, number
        self._readers = readers

    @property
    def shares(self) -> list[Share]:
        """What is drawn from."""
        return self._division.shares

    @property
    def given(self) -> Mapping[Reader, int]:
        """How many batches each reader gives."""
        return self._division.given

    def share(self, reader: Reader) -> Share:
        """What a reader draws from, alone or with others."""
        return self.shares[self._division.place[reader][0]]

    def draws(self, reader: Reader) -> Iterator[tuple[Draw, bool]]:
        """Yields the batches of a reader's share, and whether each is its own.

        Raises:
            UserError: There are too few faces for a batch of each rank.
        """
        self.check()
        division = self._division
        share, turn = division.place[reader]
        # One rank gives all that there is, so nothing needs to be counted before.
        most = division.given[reader] if self._readers.world > 1 else None
        own = 0
        for number, draw in enumerate(division.draws(share)):
            if own == most:
                return
            is_own = number % len(division.groups[share]) == turn
            own += is_own
            yield draw, is_own

    def check(self) -> None:
        """Makes sure that each rank gets a batch; no crop is read.

        Raises:
            UserError: There are too few faces for that.
        """
        index, said, world = self._index, self._drawing, self._readers.world
        if world == 1:
            shares = range(len(self.shares))
            gives = any(True for share in shares for _ in self._division.draws(share))
        else:
            gives = any(self.given.values())
        if not gives:
            each = f" for each of {world} processes" if world > 1 else ""
            fewer = ", or let fewer processes learn" if world > 1 else ""
            raise UserError(
                f"the feed has not enough faces for a batch of {said.p} x {said.k}{each}: it has "
                f"{index.total} of {index.identities} identities, lower p or k{fewer}"
            )

    @cached_property
    def _division(self) -> Division:
        index, said = self._index, self._drawing
        runs = shuffled(index, said.seed, self._number)

        def divided(count: int) -> Division:
            return Division(index, said, self._number, self._readers, runs, count)

        single: Division | None = None
        # Where that is reached nearly, the batches of a single share need not be drawn to compare.
        best = capacity(index, runs, said.p, said.k)
        for count in share_counts(index, runs, self._readers, said.p, said.k, MOST_LOST):
            found = divided(count)
            given = sum(found.given.values())
            if single is None and given < (1 - MOST_LOST) * best:
                single = divided(1)
                best = sum(single.drawn)
            if given >= (1 - MOST_LOST) * best:
                return found
        return single or divided(1)
