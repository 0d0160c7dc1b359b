"""Pairs of photos whose vectors are compared: figures, tables and pictures."""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.pair_sheet import Crops, hardest, pair_sheet
from jobs.evaluation.plots import Axis, Line, plot
from jobs.evaluation.results import Folder
from jobs.messages.errors import UserError
from jobs.truth.pairs import Pairs
from mtcnn_core.evaluation.verification import Verification, verify

_FAR = 1e-3

_log = logging.getLogger(__name__)


def those_with(pairs: Pairs, photos: Container[str]) -> Pairs:
    """The pairs of which both photos are in the input."""
    there = np.array([a in photos and b in photos for a, b in zip(pairs.a, pairs.b, strict=True)])
    if there.all():
        return pairs
    _log.warning(f"{int((~there).sum()):,} pairs are left out: a photo of theirs is not there.")
    return replace(
        pairs,
        a=[name for name, is_there in zip(pairs.a, there, strict=True) if is_there],
        b=[name for name, is_there in zip(pairs.b, there, strict=True) if is_there],
        same=pairs.same[there],
        folds=None if pairs.folds is None else pairs.folds[there],
    )


def score_pairs(
    pairs: Pairs,
    vectors: Mapping[str, NDArray[np.float32]],
    keys: Mapping[str, str],
    crops: Crops,
    folder: Folder,
) -> dict[str, Any]:
    """Compares the faces of pairs, and writes all about it.

    Args:
        pairs: Both photos of each are in the input.
        vectors: Key of a photo -> vector of length 1 of its face; photos without one are left out.
        keys: Name of a photo in the pairs -> its key.
        crops: Where the crops of the hardest pairs are.
        folder: Where to write.

    Returns:
        The figures, as JSON values or NaN.

    Raises:
        UserError: The pairs cannot be scored.
    """
    similarities = _similarities(pairs, vectors, keys)
    try:
        result = verify(similarities, pairs.same, pairs.folds)
    except ValueError as error:
        raise UserError(f"the pairs cannot be scored: {error}") from error
    _write_rows(folder, pairs, similarities, result)
    _draw(folder, pairs, similarities, result, keys, crops)
    return _figures(similarities, result)


def _similarities(
    pairs: Pairs, vectors: Mapping[str, NDArray[np.float32]], keys: Mapping[str, str]
) -> NDArray[np.float64]:
    """The cosine of each pair; NaN where a photo has no face."""
    sides = [[vectors.get(keys[name]) for name in names] for names in (pairs.a, pairs.b)]
    return np.array(
        [math.nan if a is None or b is None else float(a @ b) for a, b in zip(*sides, strict=True)]
    )


def _figures(similarities: NDArray[np.float64], result: Verification) -> dict[str, Any]:
    return {
        "accuracy": result.mean,
        "accuracy_deviation": result.deviation,
        "folds": len(result.accuracies),
        "roc_area": result.roc.area,
        "equal_error_rate": result.roc.equal_error_rate,
        "tar_at_far_0.001": result.roc.tar_at(_FAR),
        "pairs": len(similarities),
        "pairs_of_two_persons": result.roc.negatives,
        "pairs_without_a_face": int(np.isnan(similarities).sum()),
    }


def _write_rows(
    folder: Folder, pairs: Pairs, similarities: NDArray[np.float64], result: Verification
) -> None:
    """Writes each pair, and the curve."""
    folder.write_rows(
        "pairs.csv",
        ["a", "b", "same", "similarity", "fold", "right"],
        (
            (a, b, int(same), "" if math.isnan(value) else f"{value:.6f}", fold, int(right))
            for a, b, same, value, fold, right in zip(
                pairs.a,
                pairs.b,
                pairs.same,
                similarities,
                result.folds,
                result.is_right,
                strict=True,
            )
        ),
    )
    roc = result.roc
    folder.write_rows(
        "roc.csv",
        ["threshold", "false_accept_rate", "true_accept_rate"],
        (
            (f"{threshold:.6f}", f"{far:.6f}", f"{tar:.6f}")
            for threshold, far, tar in zip(roc.thresholds, roc.far, roc.tar, strict=True)
        ),
    )


def _draw(
    folder: Folder,
    pairs: Pairs,
    similarities: NDArray[np.float64],
    result: Verification,
    keys: Mapping[str, str],
    crops: Crops,
) -> None:
    """Writes the curve and the hardest pairs as pictures."""
    roc = result.roc
    label = f"area {roc.area:.4f}, accuracy {result.mean:.3f} +- {result.deviation:.3f}"
    lowest = min(_FAR, 0.5 / roc.negatives)  # left of it, nothing is accepted wrongly
    curve = Line(label, np.maximum(roc.far, lowest), roc.tar)
    title = f"{len(similarities):,} pairs, {roc.negatives:,} of them of two persons"
    far = Axis("false accept rate", lowest, 1, log=True)
    folder.write(
        "roc.png",
        plot(title, far, Axis("true accept rate", 0, 1.02), [curve], legend="lower right"),
    )
    folder.write("hardest_pairs.jpg", pair_sheet(hardest(pairs, similarities, result, keys), crops))
