"""The command `evaluate verification`: whether the crops let a model tell people apart."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.engine.interrupts import interrupts
from jobs.evaluation.detection import default_output, detect
from jobs.evaluation.found_photos import FoundPhotos
from jobs.evaluation.plots import check_plots
from jobs.evaluation.results import Folder, Results
from jobs.evaluation.scored_pairs import score_pairs, those_with
from jobs.extract.config import Config
from jobs.messages.errors import UserError
from jobs.truth.pairs import read_pairs
from mtcnn_core.embedding.embedder import Embedder, check_directions
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.files import read_model
from mtcnn_core.embedding.normalise import fixed_numbers
from mtcnn_core.settings.embedding import Colours, EmbeddingSettings, Template

_AT_ONCE = 64


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
        pairs = those_with(pairs, found.photos)
        keys = {name: photo.key for name, photo in found.photos.items()}
        vectors = _vectors(set(keys.values()), found.dataset, embedder)
        folder = Folder(output, config.output.storage_options)
        metrics = {
            "evaluation": "verification",
            "ground_truth": pairs_file,
            "model": _about(embedder),
            **score_pairs(pairs, vectors, keys, found.dataset, folder),
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


def _vectors(
    keys: Collection[str], dataset: FoundPhotos, embedder: Embedder
) -> dict[str, NDArray[np.float32]]:
    """Key -> vector of the face that is kept of each photo, of those that have one."""
    crops = dataset.kept_crops(keys)
    embedded: dict[str, NDArray[np.float32]] = {}
    while some := list(islice(crops, _AT_ONCE)):
        vectors, norms = embedder(np.stack([crop for _, crop in some]))
        check_directions(norms, embedder.model.name)
        embedded.update(zip((key for key, _ in some), vectors, strict=True))
    return embedded
