"""A feed as PyTorch reads it: batches of P identities with K faces each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jobs.loader.chance import uniform
from jobs.loader.crops import Part, StoredCrops, decode_into
from jobs.loader.division import Drawing
from jobs.loader.draws import Draw
from jobs.loader.epoch import Epoch
from jobs.loader.index import FeedIndex, read_index
from jobs.loader.shares import Reader, Readers
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
        UserError: There is no feed, or no face in the split; or a number is out of its range.
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
        _check(p=(p, 1, None), k=(k, 1, None), world=(world, 1, None), rank=(rank, 0, world - 1))
        _check(seed=(seed, 0, None), size=(1 if size is None else size, 1, None))
        _check(pool_bytes=(pool_bytes, 1, None), window=(window, 0.01, 1))
        self._output, self._options = output, dict(storage_options or {})
        self._drawing = Drawing(p, k, seed, pool_bytes)
        self._rank, self._world = rank, world
        self._window, self._augment, self._flip = window, augment, flip
        self._index = read_index(output, split, self._options)
        self.classes = self._index.classes
        self.size = size or max(1, round(self._index.crop.get("size", 160) * window))
        self._epoch = 0
        self._given = 0
        self._resumes = False
        self._drawn: dict[tuple[int, int], Epoch] = {}

    @property
    def index(self) -> FeedIndex:
        """Which faces of the split are where."""
        return self._index

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch that is read next; others begin in another order."""
        if epoch != self._epoch:
            self._epoch, self._given = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Where this worker is, and in which batches."""
        return {"epoch": self._epoch, "given": self._given, **self._said()}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Goes on behind the batch after which :meth:`state_dict` was asked.

        Raises:
            UserError: It was asked of a feed with other batches.
        """
        for name, value in self._said().items():
            if state[name] != value:
                raise UserError(
                    f"the feed was stopped with {name}={state[name]} and has {name}={value}: "
                    f"go on with {state[name]}, or begin the epoch anew"
                )
        self._epoch, self._given = state["epoch"], state["given"]
        self._resumes = True

    def _said(self) -> dict[str, int]:
        """What the batches of an epoch depend on, besides the workers."""
        return {**asdict(self._drawing), "world": self._world}

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yields crops, uint8 ``(p * k, 3, size, size)`` RGB, and class ids, int64 ``(p * k,)``.

        Raises:
            UserError: There are too few faces for a batch of each rank, or a crop is damaged.
        """
        info = get_worker_info()
        if info is not None:
            cv2.setNumThreads(1)
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        if not self._resumes:
            self._given = 0
        self._resumes = False
        skipped, given = self._given, 0
        epoch, reader = self._of_epoch(workers), Reader(self._rank, worker)
        crops = StoredCrops(self._output, self._options, self._index)
        crops.skip(epoch.share(reader).others)
        for draw, is_own in epoch.draws(reader):
            given += is_own
            if not is_own or given <= skipped:
                crops.skip(draw.places)
                continue
            batch = self._batch(draw, crops)
            self._given = given
            yield batch

    def check(self, workers: int = 1) -> None:
        """Makes sure that there is a batch for each rank in this epoch; no crop is read.

        Args:
            workers: Processes that read for each rank.

        Raises:
            UserError: There are too few faces for that.
        """
        self._of_epoch(workers).check()

    def batches(self, workers: int = 1) -> int:
        """Batches of this rank in this epoch, with so many workers; no crop is read."""
        given = self._of_epoch(workers).given
        return sum(given[Reader(self._rank, worker)] for worker in range(workers))

    def remainder(self, workers: int = 1) -> int:
        """Crops that are in no batch of this epoch, over all ranks; no crop is read."""
        given = sum(self._of_epoch(workers).given.values())
        return self._index.total - given * self._drawing.p * self._drawing.k

    def _of_epoch(self, workers: int) -> Epoch:
        """The epoch as so many workers share it, which is worked out once."""
        which = (self._epoch, workers)
        if which not in self._drawn:
            readers = Readers(self._world, workers)
            self._drawn = {which: Epoch(self._index, self._drawing, self._epoch, readers)}
        return self._drawn[which]

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
        drawn = uniform(places, self._drawing.seed, self._epoch, 3)
        return (
            Part(self._window, down, right, self._flip and mirror < 0.5)
            for down, right, mirror in drawn.tolist()
        )


def _check(**said: tuple[float, float, float | None]) -> None:
    """Makes sure that numbers are in their ranges: the number, the least and the most."""
    for name, (number, least, most) in said.items():
        if number < least or (most is not None and number > most):
            upwards = "or more" if most is None else f"to {most}"
            raise UserError(f"'{name}' of the feed is {number}: give {least} {upwards}")
