"""Batches of samples without end, in an order that depends on the seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from jobs.fit.blocks import Block, SampleBlocks
from jobs.messages.errors import UserError
from mtcnn_core.samples.balance import size_weights
from mtcnn_core.samples.samples import KINDS, NEGATIVE, PART, POSITIVE, Samples

# In the order of the ratio.
_MIXED = (NEGATIVE, PART, POSITIVE)


class SampleStream:
    """Batches, epoch after epoch.

    In each epoch the blocks come in another order; as many as the pool holds are read together,
    shuffled, and cut into batches. Samples that are over at the end of a pool go into no batch of
    that epoch: fewer than a batch, or what a ratio leaves over.

    Args:
        blocks: The samples.
        batch: Samples of a batch.
        mix: Ratio of negatives, parts and positives in it; None takes them as they come.
        balance: How far faces of rare sizes come more often; those of a pool then come as often as
            chance has it.
        pool_bytes: Bytes of samples that are read together, about.
        seed: Start of the random numbers.
        setting: What says how large a batch is.

    Attributes:
        epoch: The one that the next batch is of, from 0.
    """

    def __init__(
        self,
        blocks: SampleBlocks,
        batch: int,
        mix: tuple[float, float, float] | None,
        balance: float,
        pool_bytes: int,
        seed: int,
        setting: str = "fit.batch",
    ) -> None:
        self.epoch = 0
        self._blocks = blocks
        self._batch = batch
        self._mix = mix
        self._balance = balance
        self._pool_bytes = pool_bytes
        self._seed, self._setting = seed, setting
        self._pool_number = self._at = 0
        self._pool: tuple[Samples, list[NDArray[np.intp]]] | None = None

    def next(self) -> Samples:
        """Returns a batch.

        Raises:
            UserError: In a whole epoch there are not enough samples for one.
        """
        begun = self.epoch
        while True:
            pools = self._pools()
            if self._pool_number < len(pools):
                samples, batches = self._opened(pools[self._pool_number])
                if self._at < len(batches):
                    self._at += 1
                    return samples[batches[self._at - 1]]
                self._pool_number += 1
            else:
                if self.epoch > begun:
                    raise UserError(
                        f"there are not enough samples for a batch: lower {self._setting}, or make "
                        f"more samples{self._lacking()}"
                    )
                self.epoch += 1
                self._pool_number = 0
            self._pool, self._at = None, 0

    def state_dict(self) -> dict[str, int]:
        """Where the next batch is."""
        return {"epoch": self.epoch, "pool": self._pool_number, "at": self._at}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Goes on from there."""
        self.epoch, self._pool_number, self._at = state["epoch"], state["pool"], state["at"]
        self._pool = None

    def _pools(self) -> list[list[Block]]:
        """The blocks of the epoch, as they are read together."""
        blocks = self._blocks.blocks
        order = np.random.default_rng([self._seed, self.epoch]).permutation(len(blocks))
        pools: list[list[Block]] = [[]]
        held = 0
        for number in order.tolist():
            if held and held + blocks[number].bytes > self._pool_bytes:
                pools.append([])
                held = 0
            pools[-1].append(blocks[number])
            held += blocks[number].bytes
        return pools

    def _opened(self, pool: list[Block]) -> tuple[Samples, list[NDArray[np.intp]]]:
        if self._pool is None:
            # In the order of the files; they are shuffled anyway.
            ordered = sorted(pool, key=lambda block: (block.path, block.group, block.first))
            samples = self._blocks.read(ordered)
            rng = np.random.default_rng([self._seed, self.epoch, self._pool_number])
            self._pool = samples, list(self._batches(samples, rng))
        return self._pool

    def _batches(self, samples: Samples, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
        weights = size_weights(samples, self._balance) if self._balance else None
        if self._mix is None:
            order = _order(np.arange(len(samples)), weights, rng)
            count = len(order) // self._batch
            yield from order[: count * self._batch].reshape(count, self._batch)
            return
        shares = np.array(self._mix) / sum(self._mix)
        counts = np.diff(np.rint(np.cumsum([0, *shares]) * self._batch).astype(int)).tolist()
        orders = [_order(np.flatnonzero(samples.kinds == kind), weights, rng) for kind in _MIXED]
        pairs = [pair for pair in zip(orders, counts, strict=True) if pair[1]]
        for number in range(min(len(order) // count for order, count in pairs)):
            yield np.concatenate(
                [order[number * count : (number + 1) * count] for order, count in pairs]
            )

    def _lacking(self) -> str:
        if self._mix is None:
            return ""
        kinds = [KINDS[kind] for kind, share in zip(_MIXED, self._mix, strict=True) if share]
        return f" of each kind in fit.mix ({', '.join(kinds)})"


def _order(
    numbers: NDArray[np.intp], weights: NDArray[np.float64] | None, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Some samples in another order; by their weights, if there are any."""
    if weights is None or not len(numbers):
        return rng.permutation(numbers)
    shares = weights[numbers] / weights[numbers].sum()
    return rng.choice(numbers, len(numbers), p=shares)
