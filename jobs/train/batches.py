"""The batches of a training, epoch after epoch, from the very one on where it was stopped."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from jobs.loader.face_feed import FaceFeed
from jobs.messages.errors import UserError
from jobs.train.config import EmbeddingTrainingConfig
from jobs.train.ranks import Ranks
from mtcnn_core.facenet.networks import input_size

Batch = tuple[Tensor, Tensor]


class Batches:
    """Batches without end.

    Args:
        feed: One epoch of them.
        loaders: Processes that read and decode; 0 is this one.

    Attributes:
        epoch: The one that the last batch was of, from 0.
    """

    def __init__(self, feed: FaceFeed, loaders: int) -> None:
        self.epoch = 0
        self._feed, self._loaders = feed, loaders
        with warnings.catch_warnings():  # of torchdata's own call of what PyTorch will drop
            warnings.simplefilter("ignore", UserWarning)
            from torchdata.stateful_dataloader import StatefulDataLoader

            self._loader = StatefulDataLoader(
                feed, batch_size=None, num_workers=loaders, worker_init_fn=_with_own_signals
            )
        self._iterator: Iterator[Batch] | None = None

    def __iter__(self) -> Iterator[Batch]:
        """Yields crops, uint8 ``(n, 3, size, size)`` RGB, and class ids, int64 ``(n,)``.

        Raises:
            UserError: There are too few faces for a batch of each rank.
        """
        while True:
            yield from self._of_epoch()
            self._iterator = None
            self.epoch += 1

    def _of_epoch(self) -> Iterator[Batch]:
        self._feed.set_epoch(self.epoch)
        # Here rather than in the loaders, which wrap what they raise; they share what is found.
        self._feed.check(max(1, self._loaders))
        self._iterator = iter(self._loader)
        yield from self._iterator

    def state_dict(self) -> dict[str, Any]:
        """What tells where the next batch is."""
        loader = self._loader.state_dict()
        return {"epoch": self.epoch, "loaders": self._loaders, "loader": loader}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on behind the batch after which :meth:`state_dict` was asked.

        Raises:
            UserError: It was asked of so many other loaders, whose batches are others.
        """
        if (begun := state["loaders"]) != self._loaders:
            raise UserError(
                f"this training was begun with run.loaders={begun}: "
                "go on with as many, or use another output"
            )
        self.epoch = state["epoch"]
        self._feed.set_epoch(self.epoch)
        self._loader.load_state_dict(dict(state["loader"]))


def feed_of(feed: str, config: EmbeddingTrainingConfig, ranks: Ranks) -> FaceFeed:
    """The feed as one of the processes that learn reads it.

    Args:
        feed: Where it is.
        config: All settings.
        ranks: Which process it is.

    Raises:
        UserError: There is no feed, or no face in the split.
    """
    settings = config.train
    return FaceFeed(
        feed,
        settings.p,
        settings.k,
        rank=ranks.rank,
        world=ranks.world,
        seed=settings.seed,
        split=config.held_out.trained,
        size=settings.size or input_size(settings.network),
        window=settings.window,
        flip=settings.flip,
        pool_bytes=settings.pool_bytes,
        storage_options=config.input.storage_options,
    )


def check_batches(feed: str, config: EmbeddingTrainingConfig) -> None:
    """Makes sure that there is something to learn from; to be asked before anything starts.

    Args:
        feed: Where it is.
        config: All settings.

    Raises:
        UserError: There are too few faces for a batch of each process, or no two of one identity
            for a loss that compares those.
    """
    read = feed_of(feed, config, Ranks(world=config.run.workers or 1))
    if config.train.loss == "triplet" and read.index.largest < 2:
        raise UserError(
            f"no identity in the split '{config.held_out.trained}' of '{feed}' has two faces, "
            "which the triplet loss compares: give photos of one person the same label, or take "
            "train.loss=softmax"
        )
    read.check(max(1, config.run.loaders))


def _with_own_signals(worker: int) -> None:
    """Lets a loader end when it is told to; it has the handlers of the process that it is from.

    An interrupt from the keyboard reaches it as well, and is for that process alone.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
