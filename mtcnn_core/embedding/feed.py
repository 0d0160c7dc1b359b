"""How a model is fed: what is known of it, what its graph tells, and what the settings say."""

from __future__ import annotations

from dataclasses import replace

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.model import Feeding, Known
from mtcnn_core.embedding.ports import CropInput
from mtcnn_core.settings.embedding import EmbeddingSettings

# What has to be said of a model of which nothing is known.
_NEEDED = {
    "template": "template (arcface112, dlib150, reid128 or margin)",
    "normalise": "normalise (fixed, prewhiten, imagenet, or own with mean and scale)",
    "colours": "colours (rgb or bgr)",
    "size": "size (the side of its crops in pixels)",
}
_BATCH = 8
# What a file says of itself holds, whatever is set.
_TOLD = ("template", "margin", "size", "normalise", "mean", "scale", "colours")


def settled(name: str, feeding: Feeding, settings: EmbeddingSettings, image: CropInput) -> Feeding:
    """Returns how a model is fed, with everything settled.

    Args:
        name: What the model is called.
        feeding: What is known of it and what the user says, see :func:`said`.
        settings: What holds where nothing else is said.
        image: What its graph tells.

    Raises:
        EmbeddingError: Something has to be said, or the size is not the model's.
    """
    feeding = replace(feeding, size=_size(name, feeding.size, image))
    missing = [text for key, text in _NEEDED.items() if getattr(feeding, key) is None]
    if missing:
        raise EmbeddingError(
            f"the model '{name}' is not a known one, and how it is fed is not assumed: "
            f"set {', '.join(missing)}"
        )
    return replace(
        feeding,
        margin=settings.margin if feeding.margin is None else feeding.margin,
        layout="nhwc" if image.channels_last else "nchw",
        batch=image.batch or feeding.batch or _BATCH,
    )


def fed(name: str, known: Known | None, settings: EmbeddingSettings) -> Feeding:
    """Returns how a model is fed, as far as it is known or said.

    Args:
        name: What the model is called.
        known: What is known of it; None if nothing is.
        settings: What is said instead.

    Raises:
        EmbeddingError: Its file says how it is fed, and the settings say otherwise.
    """
    feeding = said(known.feeding if known else Feeding(), settings)
    if known is not None and known.is_told:
        for key in _TOLD:
            own, other = getattr(known.feeding, key), getattr(feeding, key)
            if own != other:
                raise EmbeddingError(
                    f"the model '{name}' was trained with {key} {own}, and {key} is set to "
                    f"{other}: leave that setting out"
                )
    return feeding


def said(feeding: Feeding, settings: EmbeddingSettings) -> Feeding:
    """Returns what is known of a model, with what the settings say in its place."""
    if settings.template != "model":
        margin = settings.margin if settings.template == "margin" else None
        feeding = replace(feeding, template=settings.template, margin=margin)
    if settings.normalise != "model":
        feeding = replace(
            feeding, normalise=settings.normalise, mean=settings.mean, scale=settings.scale
        )
    if settings.colours != "model":
        feeding = replace(feeding, colours=settings.colours)
    if settings.layout != "model":
        feeding = replace(feeding, layout=settings.layout)
    size, batch = settings.size or feeding.size, settings.batch or feeding.batch
    return replace(feeding, size=size, batch=batch)


def _size(name: str, wanted: int | None, image: CropInput) -> int | None:
    """The side of the crops, which must be one that the graph takes."""
    sides = {side for side in (image.height, image.width) if side is not None}
    if len(sides) > 1 or (wanted and sides - {wanted}):
        asked = f"size is {wanted}: set it to that" if len(sides) == 1 else "crops are square"
        raise EmbeddingError(
            f"the model '{name}' wants crops of {image.width}x{image.height} pixels, and {asked}"
        )
    return wanted or next(iter(sides), None)
