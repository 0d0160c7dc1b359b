"""Finds out how the arrays of a network are laid out, by what it then says of known crops.

Every framework writes kernels, dense layers and heads in its own order, and some networks were
trained on transposed or BGR images. Each order that the shapes allow is tried on crops of the
check photo, and the one whose answers are those of the original weights is taken.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.importing import check
from mtcnn_core.importing.arrange import Parts
from mtcnn_core.importing.layouts import BOXES, LANDMARKS, PIXELS, Orientation, arranged, ordered
from mtcnn_core.importing.probe import convolved, heads
from mtcnn_core.weights.architecture import Network
from mtcnn_core.weights.errors import UnprovenError, WeightsError
from mtcnn_core.weights.original import load_default

Floats = NDArray[np.float32]
# Answers that differ by less are those of equal weights.
_EQUAL = 1e-3
# The best reading has to be better than all with another geometry by so much.
_LARGEST_SHARE = 0.8
# Random networks begin at 1; the original ones with all numbers changed by a tenth reach 0.3.
_LARGEST_LOSS = 0.7


@dataclass(frozen=True)
class Reading:
    """One way to read a network, and how far its answers are from the expected ones."""

    loss: float
    orientation: Orientation
    parts: list[Parts]

    @property
    def geometry(self) -> Orientation:
        """All that a face cannot be found without; pixels, colours and slopes matter less."""
        own = Orientation()
        return replace(self.orientation, colours=own.colours, pixels=own.pixels, slope=own.slope)


def oriented(
    network: Network, arrangements: Iterable[list[Parts]], *, ours: bool = False
) -> Reading:
    """Returns the way to read a network in which it answers as expected.

    Args:
        network: The architecture.
        arrangements: From :func:`mtcnn_core.importing.arrange.arrangements`.
        ours: Whether its images are known to be as ours are, RGB of (x - 127.5) / 128.

    Raises:
        WeightsError: The shapes allow none.
        UnprovenError: None of them stands out.
    """
    found = []
    for reading in readings(network, arrangements, ours=ours):
        if reading.loss < _EQUAL:
            return reading
        found.append(reading)
    if not found:
        raise WeightsError(f"the arrays do not fit {network.name} in any order of their axes")
    best = min(found, key=lambda reading: reading.loss)
    others = [each.loss for each in found if each.geometry != best.geometry]
    if best.loss > min(_LARGEST_LOSS, _LARGEST_SHARE * min(others, default=1e9)):
        raise UnprovenError(
            f"the arrays fit {network.name} by their shapes, but in no order of their axes "
            "do they find the face in the check photo: they are of another kind, or not trained"
        )
    return best


def readings(
    network: Network, arrangements: Iterable[list[Parts]], *, ours: bool = False
) -> Iterator[Reading]:
    """Yields all ways to read a network, those for the likeliest images first.

    Args:
        network: The architecture.
        arrangements: From :func:`mtcnn_core.importing.arrange.arrangements`.
        ours: Whether its images are known to be as ours are.
    """
    own = Orientation()
    known = [(own.slope, own.pixels, own.colours)]
    crops, _ = check.crops(network.side)
    ways = [(parts, kernel) for parts in arrangements for kernel in _kernels(parts)]
    possible = known if ours else list(product((1, -1), PIXELS, ("RGB", "BGR")))
    for images, (parts, kernel) in product(possible, ways):
        slope, pixels, colours = images
        first = Orientation(kernel, colours=colours, pixels=pixels, slope=slope)
        with np.errstate(all="ignore"):  # of nonsense, which is then not chosen
            features = convolved(network, arranged(network, parts, first), crops)
            judged = [
                _judged(network, parts, replace(first, flatten=flatten), features)
                for flatten in _flattenings(parts)
            ]
        yield from judged


def _judged(
    network: Network, parts: list[Parts], orientation: Orientation, features: Floats
) -> Reading:
    """The order of the heads that fits best, and how well it fits."""
    found = heads(network, arranged(network, parts, orientation), features)
    expected, (_, face) = _expected(network), check.crops(network.side)
    score = found["score"]
    losses = [
        _mean(_probability(score[:, ::step]) - _probability(expected["score"])) for step in (1, -1)
    ]
    orientation = replace(orientation, face=1 if losses[0] <= losses[1] else 0)
    loss = min(losses)
    for head, orders in (("boxes", BOXES), ("landmarks", LANDMARKS)):
        if head in found:
            wanted = expected[head][face]
            by_order = {
                name: _mean(found[head][face][:, np.ravel(order)] - wanted)
                for name, order in orders.items()
            }
            best = min(by_order, key=lambda name: by_order[name])
            orientation = replace(orientation, **{head: best})  # type: ignore[arg-type]
            loss += by_order[best] * 4  # offsets that are off by a quarter are as bad as can be
    return Reading(loss, orientation, parts)


@functools.cache
def _expected(network: Network) -> dict[str, Floats]:
    arrays = load_default()[network.name]
    crops, _ = check.crops(network.side)
    return heads(network, arrays, convolved(network, arrays, crops))


def _probability(scores: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(scores[:, 0] - scores[:, 1])))


def _mean(values: Floats) -> float:
    mean = float(np.abs(values).mean())
    return mean if np.isfinite(mean) else 1e9


def _kernels(parts: list[Parts]) -> list[str]:
    """Orders of the axes that the shapes of all kernels allow."""
    return [
        "".join(axes)
        for axes in permutations("oihw")
        if all(
            each.weight.transpose(ordered(axes, "oihw")).shape == each.layer.shape
            for each in parts
            if each.weight.ndim == 4 and len(each.layer.shape) == 4
        )
    ]


def _flattenings(parts: list[Parts]) -> list[str]:
    """Orders in which the first dense layer may read its input."""
    dense = [each for each in parts if each.layer.name == "dense"]
    if not dense or dense[0].weight.ndim == 4:
        return ["chw"]
    return ["".join(axes) for axes in permutations("chw")]
