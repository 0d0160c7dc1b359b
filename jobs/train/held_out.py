"""How well faces of persons that were not learned from are told from each other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.loader.split import read_split
from jobs.train.config import EmbeddingTrainingConfig
from mtcnn_core.evaluation.pairs import Pairs, draw_pairs
from mtcnn_core.evaluation.verification import verify

_BATCH = 128
_FAR = 1e-2

_log = logging.getLogger(__name__)


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

    def trial(self, vectors_of: Callable[[Tensor], NDArray[np.float32]]) -> dict[str, float]:
        """Tries a network; nothing where there are not enough pairs.

        Args:
            vectors_of: uint8 ``(n, 3, size, size)`` -> vectors of length 1.
        """
        faces = self._read()
        if faces is None:
            return {}
        vectors = np.concatenate([vectors_of(crops) for crops in faces.crops.split(_BATCH)])
        cosines = np.einsum("nd,nd->n", vectors[faces.pairs.a], vectors[faces.pairs.b])
        found = verify(cosines.astype(np.float64), faces.pairs.same)
        return {
            "accuracy": found.mean,
            "deviation": found.deviation,
            "tar": found.roc.tar_at(_FAR),
        }

    def _read(self) -> _Faces | None:
        """The faces of the pairs, which are the same in each trial."""
        if not self._is_read:
            self._is_read = True
            self._faces = self._draw()
        return self._faces

    def _draw(self) -> _Faces | None:
        said, settings = self._config.held_out, self._config.train
        options = self._config.input.storage_options
        ids = _class_ids(self._feed, said.split, options)
        pairs = draw_pairs(ids, said.pairs, settings.seed)
        if pairs.same.sum() < 2:
            _log.warning(
                "The feed has no two pairs of one person in the split '%s': how well faces are "
                "told is not tried. `mtcnn-ray feed --split` holds persons out.",
                said.split,
            )
            return None
        wanted = np.unique(np.concatenate([pairs.a, pairs.b]))
        places = np.searchsorted(wanted, np.stack([pairs.a, pairs.b]))
        crops = torch.empty((len(wanted), 3, self._size, self._size), dtype=torch.uint8)
        at = row = 0
        for some, _ in read_split(
            self._feed,
            said.split,
            size=self._size,
            window=settings.window,
            storage_options=options,
        ):
            here = wanted[(wanted >= row) & (wanted < row + len(some))] - row
            crops[at : at + len(here)] = torch.from_numpy(np.ascontiguousarray(some[here]))
            at, row = at + len(here), row + len(some)
        return _Faces(crops, Pairs(places[0], places[1], pairs.same))
