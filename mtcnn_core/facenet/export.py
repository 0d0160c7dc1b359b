"""A trained network as a file in ONNX, which says itself how it is fed."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mtcnn_core.embedding.card import with_card
from mtcnn_core.embedding.model import UNRECORDED, Feeding, Known
from mtcnn_core.settings.crops import CropSettings

_OPSET = 17
# Crops that are computed at once.
_BATCH = 4


class CropError(Exception):
    """Crops that a network was trained on cannot be made anew from photos."""


def feeding_of(crop: CropSettings, size: int, window: float) -> Feeding:
    """Returns how a network is fed that was trained on stored crops.

    Args:
        crop: How the crops were made.
        size: Side of what the network was given, in pixels.
        window: Side of what was cut from a crop, as a fraction of the crop's.

    Raises:
        CropError: `embed` cannot make such crops.
    """
    common: dict[str, Any] = {"size": size, "normalise": "fixed", "colours": "rgb", "batch": _BATCH}
    if crop.mode == "margin":
        # The box and its margin fill the crop, and the window is a part of that.
        return Feeding(template="margin", margin=(1 + crop.margin) * window - 1, **common)
    if crop.mode == "similarity":
        return Feeding(template="arcface112", window=None if window == 1 else window, **common)
    raise CropError(
        f"the faces were cropped with crop.mode {crop.mode}, and a network that has learned from "
        "those can be given no others: extract them with margin or similarity"
    )


def export_onnx(
    network: nn.Module, feeding: Feeding, name: str, training: Mapping[str, Any]
) -> bytes:
    """Returns a network as a file in ONNX; the same weights give the same bytes.

    Args:
        network: Makes vectors of crops; see :mod:`mtcnn_core.facenet.networks`.
        feeding: How it is fed.
        name: What it is called.
        training: How it was made, as plain values.
    """
    buffer = io.BytesIO()
    size = feeding.size or 0
    was_training = network.training
    network = network.eval().to("cpu").to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with warnings.catch_warnings():
        # Of the exporter that needs no further package; the other one is asked for by name.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(_BATCH, 3, size, size),),
            buffer,  # type: ignore[arg-type]  # as its documentation says
            input_names=["crops"],
            output_names=["vectors"],
            dynamic_axes={"crops": {0: "n"}, "vectors": {0: "n"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    network.train(was_training)
    return with_card(buffer.getvalue(), Known(name, UNRECORDED, feeding), training)
