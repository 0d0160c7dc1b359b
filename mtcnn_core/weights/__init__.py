"""Where weights come from: the original ones, or any others of the three networks, as named arrays.

The arrays of one network are named ``<layer>.weight``, ``<layer>.bias`` and ``<layer>.slope``
(PReLU). Kernels are ``(out, in, h, w)`` for upright images, dense weights ``(out, in)`` with the
input flattened as (channel, row, column), heads in the order class, boxes, landmarks; class 1 is
face. Whatever format the weights are read from, they end as exactly this and are checked against
it.
"""

from mtcnn_core.weights.architecture import NETWORKS, ONET, PNET, RNET, Layer, Network
from mtcnn_core.weights.arrays import Arrays, Weights
from mtcnn_core.weights.errors import WeightsError
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
