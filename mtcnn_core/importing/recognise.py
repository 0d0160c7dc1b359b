"""Files of any known format -> the weights in them, proven on the check photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtcnn_core.importing import check
from mtcnn_core.importing.arrange import arrangements
from mtcnn_core.importing.files import read_files
from mtcnn_core.importing.layouts import Orientation, arranged
from mtcnn_core.importing.onnx_graph import is_ours
from mtcnn_core.importing.orient import oriented
from mtcnn_core.weights.architecture import NETWORKS
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.errors import UnprovenError
from mtcnn_core.weights.pickles.tensors import Tensor


@dataclass(frozen=True)
class Recognised:
    """Weights that were found in files.

    Attributes:
        weights: As the cascade uses them.
        sources: Files that hold arrays.
        layouts: Network -> how its arrays were laid out, in words.
        outcome: What they find in the check photo.
    """

    weights: Weights
    sources: Sequence[Path]
    layouts: Mapping[str, str]
    outcome: check.Outcome


def recognise(paths: Sequence[Path]) -> Recognised:
    """Reads the three networks from files, whatever their format, order and layout.

    Args:
        paths: Files and folders; other files in folders, and other arrays in files, do no harm.

    Returns:
        The weights; whether they pass the check is in the outcome.

    Raises:
        WeightsError: A file is in none of the known formats, damaged or hides code, or the three
            networks are not in them.
    """
    files = read_files(paths)
    tensors = [tensor for each in files.values() for tensor in each]
    ours = all(is_ours(file.read_bytes()) for file in files)
    found = {n.name: oriented(n, arrangements(n, tensors), ours=ours) for n in NETWORKS}
    weights = Weights(
        {n.name: arranged(n, found[n.name].parts, found[n.name].orientation) for n in NETWORKS}
    )
    layouts = {name: str(reading.orientation) for name, reading in found.items()}
    return Recognised(weights, list(files), layouts, check.check(weights))


def examine(weights: Weights) -> check.Outcome:
    """Checks weights as a whole and each network on its own.

    Raises:
        UnprovenError: A network answers in no way that makes sense.
    """
    misread = []
    for network in NETWORKS:
        tensors = [
            Tensor((network.name, *name.split(".")), array)
            for name, array in weights[network.name].items()
        ]
        best = oriented(network, arrangements(network, tensors))
        if best.geometry != Orientation():
            misread.append(network.name)
    return replace(check.check(weights), misread=tuple(misread))


def proven(paths: Sequence[Path]) -> Recognised:
    """Reads the three networks as :func:`recognise` does, and refuses those that fail the check.

    Raises:
        WeightsError: As for :func:`recognise`.
        UnprovenError: The weights fail the check.
    """
    found = recognise(paths)
    if not found.outcome.passed:
        raise UnprovenError(f"these weights fail the check, so they are not taken: {found.outcome}")
    return found
