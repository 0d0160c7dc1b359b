"""A feed as PyTorch reads it: batches of P identities with K faces each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jobs.loader.chance import uniform
from jobs.loader.crops import Part, StoredCrops, decode_into
from jobs.loader.draws import Draw, Lane, draws, lane_blocks
from jobs.loader.index import FeedIndex, read_index
from jobs.messages.errors import UserError

try:
    import torch
    from torch.utils.data import IterableDataset, get_worker_info
except ImportError as error:
    raise UserError("a feed is read with PyTorch: pip install 'mtcnn-ray[train]'") from error

# davidsandberg/facenet cuts 160 pixels out of 182.
WINDOW = 160 / 182
_POOL_BYTES = 64 << 20


class FaceFeed(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Batches of a feed; an item is a whole batch.

    Reads row groups one after the other, in an order that is another one in each epoch, and draws
    batches from those that are open. A batch has p * k crops, at most k of an identity; where
    identities have fewer than k faces, or fewer are left, there are more than p of them in it. No
    crop is in two batches of an epoch. What does not fill a batch of different identities when all
    is read is left out of the epoch: :meth:`remainder` tells how much.

    The same seed, ranks and workers give the same batches. Which part of a crop is seen, and
    whether it is mirrored, depends on the crop, the seed and the epoch alone.

    Args:
        output: Local path or fsspec URL of an output of `feed`.
        p: Identities in a batch, if all have `k` faces.
        k: Faces of an identity in a batch, at most.
        rank: Which process this is, of those that learn together.
        world: How many there are; with several each gives equally many batches.
        seed: Another one draws other batches and parts.
        split: The split that is read.
        size: Side of a crop in the batch, in pixels; None is that of the window.
        window: Side of the square that is cut from each crop, as a fraction of the crop's.
        augment: Whether the square lies anywhere, and half of the crops are mirrored; else it is
            the middle.
        flip: Whether crops are mirrored.
        pool_bytes: Bytes of crops that a worker draws from, about.
        storage_options: Keyword arguments of the fsspec file system.

    Attributes:
        classes: One more than the highest class id of all splits.
        size: Side of a crop in the batch.

    Raises:
        UserError: There is no feed, or no face in the split.
    """

    def __init__(
        self,
        output: str,
        p: int = 45,
        k: int = 40,
        *,
        rank: int = 0,
        world: int = 1,
        seed: int = 0,
        split: str = "train",
        size: int | None = None,
        window: float = WINDOW,
        augment: bool = True,
        flip: bool = True,
        pool_bytes: int = _POOL_BYTES,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._output, self._options = output, dict(storage_options or {})
        self._p, self._k, self._seed = p, k, seed
        self._rank, self._world = rank, world
        self._window, self._augment, self._flip = window, augment, flip
        self._pool_bytes = pool_bytes
        self._index = read_index(output, split, self._options)
        self.classes = self._index.classes
        self.size = size or max(1, round(self._index.crop.get("size", 160) * window))
        self._epoch = 0
        self._given = 0
        self._resumes = False

    @property
    def index(self) -> FeedIndex:
        """Which faces of the split are where."""
        return self._index

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch that is read next; others begin in another order."""
        if epoch != self._epoch:
            self._epoch, self._given = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Where this worker is."""
        return {"epoch": self._epoch, "given": self._given}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Goes on behind the batch after which :meth:`state_dict` was asked."""
        self._epoch, self._given = state["epoch"], state["given"]
        self._resumes = True

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yields crops, uint8 ``(p * k, 3, size, size)`` RGB, and class ids, int64 ``(p * k,)``."""
        info = get_worker_info()
        if info is not None:
            cv2.setNumThreads(1)
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        if not self._resumes:
            self._given = 0
        self._resumes = False
        skipped = self._given
        crops = StoredCrops(self._output, self._options, self._index)
        for number, draw in enumerate(self._draws(worker, workers)):
            if number < skipped:
                crops.skip(draw.places)
                continue
            batch = self._batch(draw, crops)
            self._given = number + 1
            yield batch

    def batches(self, workers: int = 1) -> int:
        """Batches of this rank in this epoch, with so many workers; no crop is read."""
        return sum(sum(1 for _ in self._draws(worker, workers)) for worker in range(workers))

    def remainder(self, workers: int = 1) -> int:
        """Crops that are in no batch of this epoch, over all ranks; no crop is read."""
        given = sum(
            sum(1 for _ in self._draws(worker, workers, rank))
            for rank in range(self._world)
            for worker in range(workers)
        )
        return self._index.total - given * self._p * self._k

    def _draws(self, worker: int, workers: int, rank: int | None = None) -> Iterator[Draw]:
        """The batches of a worker, with as many from each where several ranks learn together."""
        lanes = self._world * workers
        own = Lane((self._rank if rank is None else rank) * workers + worker, lanes)
        most = None
        if self._world > 1:
            most = min(sum(1 for _ in self._lane(Lane(number, lanes))) for number in range(lanes))
        for number, draw in enumerate(self._lane(own)):
            if most is not None and number >= most:
                return
            yield draw

    def _lane(self, lane: Lane) -> Iterator[Draw]:
        blocks = lane_blocks(self._index, self._seed, self._epoch, lane)
        seed = [self._seed, self._epoch, lane.number, lane.count]
        return draws(self._index, blocks, self._p, self._k, seed, self._pool_bytes)

    def _batch(self, draw: Draw, crops: StoredCrops) -> tuple[torch.Tensor, torch.Tensor]:
        out = np.empty((len(draw.places), self.size, self.size, 3), np.uint8)
        parts = self._parts(draw.places)
        for pixels, file, part in zip(out, crops.take(draw.places), parts, strict=True):
            decode_into(pixels, file, part)
        # Colours last in memory, as convolutions on processors and tensor cores want them.
        return torch.from_numpy(out).permute(0, 3, 1, 2), torch.from_numpy(draw.class_id)

    def _parts(self, places: NDArray[np.int64]) -> Iterator[Part]:
        if not self._augment:
            return (Part(self._window) for _ in range(len(places)))
        drawn = uniform(places, self._seed, self._epoch, 3)
        return (
            Part(self._window, down, right, self._flip and mirror < 0.5)
            for down, right, mirror in drawn.tolist()
        )
