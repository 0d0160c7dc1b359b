"""Checkpoints: all that the next step depends on, published whole."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import torch

from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

FOLDER = "checkpoints"

_NAME = re.compile(r"step-(\d{9})\.pt")


class Checkpoints:
    """The checkpoints of a training.

    Args:
        storage: Its output.
        kept: How many are kept, the latest ones.
    """

    def __init__(self, storage: Storage, kept: int) -> None:
        self._storage = storage
        self._kept = kept

    def latest(self) -> dict[str, Any] | None:
        """What was saved last, on the CPU; None if nothing was.

        Raises:
            UserError: It is damaged.
        """
        steps = self._steps()
        if not steps:
            return None
        path = _path(steps[-1])
        try:
            # With weights only: a file that hides code is refused.
            state: dict[str, Any] = torch.load(
                io.BytesIO(self._storage.read_bytes(path)), map_location="cpu", weights_only=True
            )
        except (RuntimeError, EOFError, KeyError, ValueError, _unpickling_error()) as error:
            raise UserError(
                f"'{path}' in '{self._storage.url}' is damaged: delete it, and the same command "
                "goes on from the one before"
            ) from error
        return state

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Publishes what the step after so many depends on, and removes the oldest."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        self._storage.publish_bytes(buffer.getvalue(), _path(step))
        self._storage.delete(*map(_path, self._steps()[: -self._kept]))

    def _steps(self) -> list[int]:
        matches = map(_NAME.fullmatch, self._storage.names(FOLDER))
        return sorted(int(match[1]) for match in matches if match)


def _path(step: int) -> str:
    return f"{FOLDER}/step-{step:09d}.pt"


def _unpickling_error() -> type[Exception]:
    import pickle

    return pickle.UnpicklingError
