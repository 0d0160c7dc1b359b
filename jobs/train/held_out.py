"""How well faces of persons that were not learned from are told from each other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.loader.index import read_index
from jobs.loader.split import faces_of, read_split
from jobs.messages.errors import UserError
from jobs.train.config import EmbeddingTrainingConfig
from mtcnn_core.evaluation.pairs import Pairs, draw_pairs
from mtcnn_core.evaluation.verification import verify

_BATCH = 128
_FAR = 1e-2

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """How well pairs held out were told; None where there are none.

    Attributes:
        accuracy: Mean over ten folds, each with the threshold of the others.
        deviation: Standard deviation over the folds.
        tar: True accept rate at a false accept rate of 1 in 100.
    """

    accuracy: float | None = None
    deviation: float | None = None
    tar: float | None = None


@dataclass(frozen=True)
class _Faces:
    crops: Tensor
    pairs: Pairs


class HeldOut:
    """Pairs of faces that are held out.

    Args:
        feed: Where the feed is.
        config: How many of which split.
        size: Side of a crop in pixels.
    """

    def __init__(self, feed: str, config: EmbeddingTrainingConfig, size: int) -> None:
        self._feed, self._config, self._size = feed, config, size
        self._faces: _Faces | None = None
        self._is_read = False

    def trial(self, vectors_of: Callable[[Tensor], NDArray[np.float32]]) -> Trial:
        """Tries a network; nothing is known where there are not enough pairs.

        Args:
            vectors_of: uint8 ``(n, 3, size, size)`` -> vectors of length 1.
        """
        faces = self._read()
        if faces is None:
            return Trial()
        starts = range(0, len(faces.crops), _BATCH)
        vectors = np.concatenate([vectors_of(faces.crops[at : at + _BATCH]) for at in starts])
        cosines = np.einsum("nd,nd->n", vectors[faces.pairs.a], vectors[faces.pairs.b])
        found = verify(cosines.astype(np.float64), faces.pairs.same)
        return Trial(found.mean, found.deviation, found.roc.tar_at(_FAR))

    def _read(self) -> _Faces | None:
        """The faces of the pairs, which are the same in each trial."""
        if not self._is_read:
            self._is_read = True
            self._faces = self._draw()
        return self._faces

    def _draw(self) -> _Faces | None:
        said, settings = self._config.held_out, self._config.train
        options = self._config.input.storage_options
        try:
            index = read_index(self._feed, said.split, options)
        except UserError as error:
            _log.warning(f"{error}: how well faces are told is not tried.")
            return None
        places, ids = faces_of(index)
        pairs = draw_pairs(ids, said.pairs, settings.seed)
        if pairs.same.sum() < 2:
            _log.warning(
                f"The split '{said.split}' has no two pairs of one person: how well faces are told "
                "is not tried."
            )
            return None
        # Only faces that are in a pair.
        wanted, numbers = np.unique(np.concatenate([pairs.a, pairs.b]), return_inverse=True)
        crops = np.concatenate(
            [
                some
                for some, _ in read_split(
                    self._feed,
                    said.split,
                    size=self._size,
                    window=settings.window,
                    places=places[wanted],
                    index=index,
                    storage_options=options,
                )
            ]
        )
        of_a, of_b = numbers.reshape(2, -1)
        return _Faces(torch.from_numpy(crops).permute(0, 3, 1, 2), Pairs(of_a, of_b, pairs.same))
