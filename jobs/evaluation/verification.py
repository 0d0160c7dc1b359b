"""The command `evaluate verification`: whether the crops let a model tell people apart."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Container, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.engine.interrupts import interrupts
from jobs.evaluation.detection import default_output, detect
from jobs.evaluation.found_photos import FoundPhotos
from jobs.evaluation.pair_sheet import hardest, pair_sheet
from jobs.evaluation.plots import Axis, Line, check_plots, plot
from jobs.evaluation.results import Folder, Results
from jobs.evaluation.truth.pairs import Pairs, read_pairs
from jobs.extract.config import Config
from jobs.messages.errors import UserError
from mtcnn_core.embedding.embedder import Embedder, check_directions
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.files import read_model
from mtcnn_core.embedding.normalise import fixed_numbers
from mtcnn_core.evaluation.verification import Verification, verify
from mtcnn_core.settings.embedding import Colours, EmbeddingSettings, Template

_FAR = 1e-3
_AT_ONCE = 64

_log = logging.getLogger(__name__)


def embedding_settings(
    model: str, mean: float | None, scale: float | None, *, bgr: bool, flip: bool
) -> EmbeddingSettings:
    """How crops are given to a model, by what the command line says.

    Args:
        model: A file, or the name of a model.
        mean: What is taken from each value; None is the model's own, or 127.5.
        scale: What the difference is divided by; None likewise, or 128.
        bgr: Whether the model wants blue first.
        flip: Whether the vector of the mirrored crop is added.

    Raises:
        jobs.messages.errors.UserError: A number is not possible.
    """
    colours: Colours = "bgr" if bgr else "model"
    if mean is None and scale is None:
        return EmbeddingSettings(model=model, colours=colours, flip=flip)
    mean = 127.5 if mean is None else mean
    scale = 128.0 if scale is None else scale
    if not math.isfinite(mean) or not 0 < scale < math.inf:
        raise UserError(f"--mean must be a number and --scale more than 0, not {mean:g}, {scale:g}")
    return EmbeddingSettings(
        model=model, normalise="own", mean=mean, scale=scale, colours=colours, flip=flip
    )


def evaluate_verification(
    pairs_file: str,
    images: str | None,
    output: str | None,
    config: Config,
    embedding: EmbeddingSettings,
) -> Results:
    """Extracts the faces of photos in pairs, embeds their crops, and compares.

    Args:
        pairs_file: As for `read_pairs`.
        images: The photos, as for `extract`; None is the folder of the pairs.
        output: Folder of the evaluation; None is one named for the config.
        config: All settings; the crops are those that are stored.
        embedding: The model, and how crops are given to it; the template and the size are those of
            the crops.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
        mtcnn_core.embedding.errors.EmbeddingError: The model cannot embed the crops.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.errors.WeightsError: The weights are not installed.
    """
    check_plots()
    _check_crops(config)
    with interrupts():
        pairs = read_pairs(pairs_file)
        embedder = _embedder(config, embedding)
        output = output or default_output("verification", config)
        names = {*pairs.a, *pairs.b}
        found = detect(images or str(Path(pairs_file).absolute().parent), names, output, config)
        began = time.monotonic()
        pairs = _those_with(pairs, found.photos)
        keys = {name: photo.key for name, photo in found.photos.items()}
        similarities = _similarities(pairs, keys, found.dataset, embedder)
        try:
            result = verify(similarities, pairs.same, pairs.folds)
        except ValueError as error:
            raise UserError(f"'{pairs_file}' cannot be scored: {error}") from error
        folder = Folder(output, config.output.storage_options)
        _write_rows(folder, pairs, similarities, result)
        _draw(folder, pairs, similarities, result, keys, found.dataset)
        metrics = {
            "evaluation": "verification",
            "ground_truth": pairs_file,
            "model": _about(embedder),
            **_figures(similarities, result),
            **found.about(),
        }
        return folder.finish(metrics, time.monotonic() - began, found.summary.exit_code)


def _check_crops(config: Config) -> None:
    """Sees to it that there will be one crop a photo."""
    if config.crop.keep == "all":
        raise UserError(
            "one face of a photo is compared: say which with --keep center, largest or best"
        )
    if config.crop.format == "none":
        raise UserError("the crops are compared: set crop.format to jpeg or png")


def _embedder(config: Config, settings: EmbeddingSettings) -> Embedder:
    files = read_model(settings.model)
    cut: Template = "arcface112" if config.crop.mode == "similarity" else "margin"
    wanted = files.known.feeding.template if files.known else None
    if wanted not in (None, "arcface112", "margin"):
        raise EmbeddingError(
            f"the model '{files.name}' wants crops of the template {wanted}, which extract does "
            "not cut: give another model"
        )
    settings = replace(settings, template=cut, size=config.crop.size)
    if files.known is None and settings.normalise == "model":
        settings = replace(settings, normalise="fixed")
    if files.known is None and settings.colours == "model":
        settings = replace(settings, colours="rgb")
    return Embedder(settings, files)


def _about(embedder: Embedder) -> dict[str, Any]:
    """The model and how it was fed, for the metrics."""
    model = embedder.model
    mean, scale = fixed_numbers(model) or (None, None)
    return {
        "file": embedder.settings.model,
        "sha256": model.digest,
        "mean": mean,
        "scale": scale,
        "bgr": model.colours == "bgr",
        "flip": model.flip,
    }


def _those_with(pairs: Pairs, photos: Container[str]) -> Pairs:
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


def _similarities(
    pairs: Pairs, keys: Mapping[str, str], dataset: FoundPhotos, embedder: Embedder
) -> NDArray[np.float64]:
    """The cosine of each pair; NaN where a photo has no face."""
    crops = dataset.kept_crops(set(keys.values()))
    embedded: dict[str, NDArray[np.float32]] = {}
    while some := list(islice(crops, _AT_ONCE)):
        vectors, norms = embedder(np.stack([crop for _, crop in some]))
        check_directions(norms, embedder.model.name)
        embedded.update(zip((key for key, _ in some), vectors, strict=True))
    sides = [[embedded.get(keys[name]) for name in names] for names in (pairs.a, pairs.b)]
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
    dataset: FoundPhotos,
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
    folder.write(
        "hardest_pairs.jpg", pair_sheet(hardest(pairs, similarities, result, keys), dataset)
    )
