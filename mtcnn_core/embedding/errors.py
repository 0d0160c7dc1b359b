"""What is wrong with an embedding model."""

from __future__ import annotations

from mtcnn_core.weights.errors import ModelError


class EmbeddingError(ModelError):
    """A model cannot embed faces, or not as the settings say; the message is one sentence."""


class UnfitModel(EmbeddingError):
    """The file holds a model that cannot embed faces."""
