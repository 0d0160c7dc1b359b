"""Which faces come into which batch: drawn from counts alone, before any crop is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jobs.loader.index import FeedIndex

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Draw:
    """A batch.

    Attributes:
        places: int64 ``(p * k,)``: its faces.
        class_id: int64 ``(p * k,)``: whose they are.
    """

    places: Places
    class_id: NDArray[np.int64]


@dataclass
class Pool:
    """The identities that are drawn from, and their faces that were not drawn yet."""

    faces: dict[int, list[int]] = field(default_factory=dict)
    bytes: float = 0.0

    def add(self, index: FeedIndex, runs: slice, chance: np.random.Generator) -> None:
        """Adds the faces of runs of a block, those of each identity shuffled."""
        (block,) = index.blocks_of(index.first[runs.start : runs.start + 1]).tolist()
        for class_id, first, count in zip(
            index.class_id[runs].tolist(),
            index.first[runs].tolist(),
            index.faces[runs].tolist(),
            strict=True,
        ):
            own = self.faces.setdefault(class_id, [])
            own += chance.permutation(np.arange(first, first + count)).tolist()
            self.bytes += count * _face_bytes(index, block)

    def draw(self, index: FeedIndex, p: int, k: int, chance: np.random.Generator) -> Draw | None:
        """Draws a batch; None if there are not enough faces of different identities.

        An identity gives at most `k` faces. One with more groups of `k` than others is drawn that
        much likelier, and always where it has as many as there are batches left in the pool: else
        it would remain when all others are used up. A single face would have none like it in the
        batch: of `k` + 1 two are left.
        """
        ids = np.fromiter(self.faces, np.int64, len(self.faces))
        left = np.fromiter(map(len, self.faces.values()), np.int64, len(self.faces))
        take = np.minimum(left, k)
        take[(left == k + 1) & (k > 2)] = k - 1
        if take.sum() < p * k:
            return None
        # Weighted sampling without replacement: Efraimidis and Spirakis (2006).
        groups = -(-left // k)
        keys = chance.exponential(size=len(ids)) / groups
        keys[groups * (p * k) >= left.sum()] = 0.0
        order = np.argsort(keys, kind="stable")
        ends = np.cumsum(take[order])
        drawn = order[: int(np.searchsorted(ends, p * k)) + 1]
        sizes = take[drawn]
        sizes[-1] -= ends[len(drawn) - 1] - p * k
        places: list[int] = []
        for class_id, size in zip(ids[drawn].tolist(), sizes.tolist(), strict=True):
            own = self.faces[class_id]
            places += own[-size:]
            del own[-size:]
            if not own:
                del self.faces[class_id]
        found = np.array(places, np.int64)
        self.bytes -= sum(_face_bytes(index, block) for block in index.blocks_of(found).tolist())
        return Draw(found, np.repeat(ids[drawn], sizes))


def draws(
    index: FeedIndex,
    runs: Sequence[slice],
    p: int,
    k: int,
    seed: Sequence[int],
    pool_bytes: int,
) -> Iterator[Draw]:
    """Yields the batches of a share.

    Blocks are opened in order as long as what is open and not drawn has fewer bytes than the pool
    may have, or is not enough for a batch.

    Args:
        index: The feed.
        runs: Its runs, block by block.
        p: Identities in a batch, if all have `k` faces.
        k: Faces of an identity in a batch, at most.
        seed: Numbers that all depends on that is drawn by chance.
        pool_bytes: Bytes of crops to draw from, about.
    """
    chance = np.random.default_rng(list(seed))
    pool = Pool()
    following = iter(runs)
    is_open = True
    while True:
        while is_open and pool.bytes < pool_bytes:
            is_open = _open_next(pool, following, index, chance)
        found = pool.draw(index, p, k, chance)
        if found is not None:
            yield found
        elif is_open:
            is_open = _open_next(pool, following, index, chance)
        else:
            return


def _open_next(
    pool: Pool, following: Iterator[slice], index: FeedIndex, chance: np.random.Generator
) -> bool:
    runs = next(following, None)
    if runs is None:
        return False
    pool.add(index, runs, chance)
    return True


def _face_bytes(index: FeedIndex, block: int) -> float:
    return index.blocks[block].bytes / max(1, index.blocks[block].rows)
