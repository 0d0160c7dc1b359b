"""What a file in ONNX says of itself: how the model in it wants its crops, written where it ends.

Whoever trains a model knows that, and whoever uses it can only get it wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.model import Feeding, Known

# Key among the metadata of the file.
KEY = "mtcnn_ray.embedding"


def with_card(graph: bytes, known: Known, training: Mapping[str, Any]) -> bytes:
    """Returns a model in ONNX that says how it is fed; the same model gives the same bytes.

    Args:
        graph: The model.
        known: Its name, licence and feeding.
        training: How it was made, as plain values, for whoever asks.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    feeding = {name: value for name, value in asdict(known.feeding).items() if value is not None}
    card = {
        "name": known.name,
        "licence": known.licence,
        "feeding": feeding,
        "training": dict(training),
    }
    onnx.helper.set_model_props(model, {KEY: json.dumps(card, sort_keys=True)})
    whole: bytes = model.SerializeToString(deterministic=True)
    return whole


def read_card(graph: bytes, name: str) -> Known | None:
    """Returns what a model in ONNX says of itself; None if it says nothing.

    Args:
        graph: The model.
        name: What to call its file.

    Raises:
        EmbeddingError: What it says cannot be read.
    """
    if KEY.encode() not in graph:
        return None
    import onnx

    model = onnx.load_model_from_string(graph)
    said = {prop.key: prop.value for prop in model.metadata_props}.get(KEY)
    if said is None:
        return None
    try:
        card = json.loads(said)
        feeding = {key: _frozen(value) for key, value in card["feeding"].items()}
        return Known(card["name"], card["licence"], Feeding(**feeding), is_told=True)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EmbeddingError(
            f"what '{name}' says of itself cannot be read: it was written by a newer mtcnn-ray, "
            "so update mtcnn-ray"
        ) from error


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
