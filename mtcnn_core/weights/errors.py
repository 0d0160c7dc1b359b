"""What is wrong with weights and models."""

from __future__ import annotations


class WeightsError(RuntimeError):
    """The weights are missing, damaged or not those of the cascade."""


class UnprovenError(WeightsError):
    """The arrays fit by their shapes, but they do not find the face in the check photo."""


class ModelError(WeightsError):
    """There is no such SSD model, or the file holds another kind of model."""


def reason(error: Exception) -> str:
    """Returns what an error says, in one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
