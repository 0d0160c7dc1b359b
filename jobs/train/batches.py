"""The batches of a training, epoch after epoch, from the very one on where it was stopped."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from jobs.loader.face_feed import FaceFeed

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
        return {"epoch": self.epoch, "loader": self._loader.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on behind the batch after which :meth:`state_dict` was asked."""
        self.epoch = state["epoch"]
        self._feed.set_epoch(self.epoch)
        self._loader.load_state_dict(dict(state["loader"]))


def _with_own_signals(worker: int) -> None:
    """Lets a loader end when it is told to; it has the handlers of the process that it is from.

    An interrupt from the keyboard reaches it as well, and is for that process alone.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
