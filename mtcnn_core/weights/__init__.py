"""Where weights come from: the original ones, or any others of the three networks, as named arrays.

The arrays of one network are named ``<layer>.weight``, ``<layer>.bias`` and ``<layer>.slope``
(PReLU). Kernels are ``(out, in, h, w)`` for upright images, dense weights ``(out, in)`` with the
input flattened as (channel, row, column), heads in the order class, boxes, landmarks; class 1 is
face. Whatever format the weights are read from, they end as exactly this and are checked against
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtcnn_core.weights.architecture import NETWORKS, ONET, PNET, RNET, Layer, Network
from mtcnn_core.weights.errors import WeightsError

if TYPE_CHECKING:
    from mtcnn_core.weights.arrays import Arrays, Weights
    from mtcnn_core.weights.original import load_default

__all__ = [
    "NETWORKS",
    "ONET",
    "PNET",
    "RNET",
    "Arrays",
    "Layer",
    "Network",
    "Weights",
    "WeightsError",
    "load_default",
]


def __getattr__(name: str) -> Any:
    # What NumPy is needed for is imported when it is asked for: the command line, which asks for
    # the names of engines and for errors, starts in half the time.
    if name in ("Arrays", "Weights"):
        from mtcnn_core.weights import arrays

        return getattr(arrays, name)
    if name == "load_default":
        from mtcnn_core.weights.original import load_default

        return load_default
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
