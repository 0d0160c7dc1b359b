"""Attempts that remember what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.engine.blame.attempt import Attempt
from jobs.engine.blame.watchdog import State, Watchdog
from jobs.engine.shards import ShardSpec
from jobs.storage.storage import Storage


class Listener(Watchdog):
    """Hears what a watchdog would, and starts no process."""

    def __init__(self) -> None:
        self.heard: list[State] = []

    def tell(self, state: State) -> None:
        self.heard.append(state)


class ToldAttempt(Attempt):
    """An attempt that writes down what it is told, and goes on as any other.

    Attributes:
        events: What it was told of, in order: ``("reading", (index, key))``, ``("begin", index)``
            and ``("cleared", None)``. Others may add what they do.
        listener: What a watchdog of it heard.
    """

    def __init__(self, spec: ShardSpec, output: Path) -> None:
        self.events: list[tuple[str, Any]] = []
        self.listener = Listener()
        super().__init__(spec, Storage(str(output)), self.listener)

    def reading(self, index: int, key: str | None) -> None:
        self.events.append(("reading", (index, key)))
        super().reading(index, key)

    def begin(self, index: int, key: str) -> None:
        self.events.append(("begin", index))
        super().begin(index, key)

    def clear_suspect(self) -> None:
        self.events.append(("cleared", None))
        super().clear_suspect()
