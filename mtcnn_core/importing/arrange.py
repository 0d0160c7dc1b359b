"""Which of many arrays are the weight, bias and slope of which layer: by shape and order.

Names differ from one framework to the next, so they help only where nothing else tells: arrays in
one group belong together, and PReLUs that are numbered come in the order of their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.architecture import Layer, Network
from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.pickles.tensors import Tensor

# What training leaves beside the weights, in the same shapes.
_TRAINING = re.compile(r"optim|adam|momentum|exp_avg|velocity|slots", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Parts:
    """The arrays of one layer as they were found.

    Attributes:
        layer: What they belong to.
        weight: Without sides of length 1, in any order of its axes.
        bias: ``(out,)``.
        slope: ``(out,)``; None for a head.
    """

    layer: Layer
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    slope: NDArray[np.float32] | None


def arrangements(network: Network, tensors: Sequence[Tensor]) -> Iterator[list[Parts]]:
    """Yields the ways in which arrays can be those of a network, the likeliest first.

    Args:
        network: The architecture.
        tensors: Arrays in the order of the file, among any others.

    Raises:
        WeightsError: There is no such way, or several arrays would do for one layer.
    """
    weights = [_weight(network, layer, tensors) for layer in network.layers]
    # The group of all that belongs to the network: a file, or a part of one.
    group = _common([weight.parent for weight in weights])
    inside = [tensor for tensor in tensors if tensor.path[: len(group)] == group]
    failed: WeightsError | None = None
    found = False
    seen: list[list[bytes]] = []
    for choose in (_next, _by_number):
        try:
            chosen = _arranged(network, weights, inside, choose)
        except WeightsError as error:
            failed = failed or error
            continue
        key = [tensor.array.tobytes() for tensor in chosen]
        if key not in seen:
            seen.append(key)
            found = True
            yield _parts(network, weights, chosen)
    if failed and not found:
        raise failed


def _common(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The beginning that all paths share."""
    common: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return tuple(common)


def _weight(network: Network, layer: Layer, tensors: Sequence[Tensor]) -> Tensor:
    shapes = [_sorted(layer.shape)]
    if layer.name == "dense":  # written as a convolution over all that is left of the image
        channels = network.body[-2].shape[0]
        side = round((layer.shape[1] / channels) ** 0.5)
        shapes.append(_sorted((layer.shape[0], channels, side, side)))
    found = [tensor for tensor in tensors if _sorted(tensor.shape) in shapes]
    if len(found) > 1:
        trained = [t for t in found if not any(_TRAINING.search(part) for part in t.path[1:])]
        found = trained or found
    if not found:
        raise WeightsError(
            f"there is no {network.name} in these files, and all three networks are needed: "
            f"no array has the shape {layer.shape} of its layer {layer.name}"
        )
    same = all(np.array_equal(found[0].array, other.array) for other in found[1:])
    if not same:
        names = " and ".join("/".join(tensor.path) for tensor in found[:2])
        raise WeightsError(
            f"both {names} could be {network.name}'s {layer.name}: give the files of one model"
        )
    return found[0]


def _sorted(shape: tuple[int, ...]) -> list[int]:
    return sorted(side for side in shape if side != 1)


# Of the vectors that fit a layer, those unused: the one for it.
_Choice = Callable[[list[int], int, int], int]


def _next(candidates: list[int], start: int, _: int) -> int:
    """The first one after the weight."""
    return min((at for at in candidates if at > start), default=candidates[0])


def _by_number(candidates: list[int], _: int, left: int) -> int:
    """The first one, leaving one for each later layer of this size and none over."""
    return candidates[max(len(candidates) - left, 0)]


def _arranged(
    network: Network, weights: list[Tensor], tensors: list[Tensor], choose: _Choice
) -> list[Tensor]:
    """Bias and slope of every layer, in turn; heads have no slope."""
    if choose is _by_number:
        tensors = sorted(tensors, key=lambda tensor: _natural(tensor.path))
    places = {id(tensor): place for place, tensor in enumerate(tensors)}
    biases = _siblings(tensors)
    used: set[int] = set()
    chosen: list[Tensor] = []

    def take(layer: Layer, candidates: list[int], start: int, left: int, what: str) -> int:
        if not candidates:
            raise WeightsError(f"these files hold no {what} for {network.name}'s {layer.name}")
        place = choose(candidates, start, left)
        used.add(place)
        chosen.append(tensors[place])
        return place

    for number, (layer, weight) in enumerate(zip(network.layers, weights, strict=True)):
        out = layer.shape[0]
        fitting = [
            place
            for place, tensor in enumerate(tensors)
            if _vector(tensor) == out and place not in used
        ]
        own = [place for place in fitting if biases.get(place) == places[id(weight)]]
        free = [place for place in fitting if place not in biases]
        later = network.layers[number:]
        left = sum(other.shape[0] == out for other in later)
        at = take(layer, own or free, places[id(weight)], left, "bias")
        if layer in network.body:
            free = [place for place in free if place not in used]
            shared = [p for p, t in enumerate(tensors) if _vector(t) == 1 and p not in used]
            left = sum(other.shape[0] == out for other in later if other in network.body)
            if not free:
                left = sum(other in network.body for other in later)
            take(layer, free or shared, at, left, "slope")
    return chosen


def _siblings(tensors: list[Tensor]) -> dict[int, int]:
    """Place of a vector -> place of the only weight in its group, whose bias it is."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, tensor in enumerate(tensors):
        groups.setdefault(tensor.parent, []).append(place)
    found = {}
    for members in groups.values():
        matrices = [place for place in members if len(tensors[place].shape) > 1]
        vectors = [place for place in members if len(tensors[place].shape) <= 1]
        if len(matrices) == 1 and len(vectors) == 1:
            found[vectors[0]] = matrices[0]
    return found


def _vector(tensor: Tensor) -> int:
    """Length of a vector; 0 for what is none."""
    return int(tensor.array.size) if len(tensor.shape) <= 1 else 0


def _natural(path: tuple[str, ...]) -> list[tuple[int, Any]]:
    """A key that sorts conv10 after conv9."""
    parts = re.split(r"(\d+)", "/".join(path))
    return [(1, int(part)) if part.isdigit() else (0, part) for part in parts]


def _parts(network: Network, weights: list[Tensor], chosen: list[Tensor]) -> list[Parts]:
    vectors = iter(chosen)
    found = []
    for layer, weight in zip(network.layers, weights, strict=True):
        bias = _floats(next(vectors))
        slope = _floats(next(vectors)) if layer in network.body else None
        if slope is not None:  # one slope may be shared by all channels
            slope = np.array(np.broadcast_to(slope, bias.shape))
        found.append(Parts(layer, np.squeeze(np.asarray(weight.array, np.float32)), bias, slope))
    return found


def _floats(tensor: Tensor) -> NDArray[np.float32]:
    return np.array(tensor.array, np.float32).reshape(-1)
