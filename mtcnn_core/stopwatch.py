"""Where the time of the cascade goes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Stopwatch:
    """Adds up the time spent in named stages; stages do not nest.

    Attributes:
        seconds: Stage -> wall-clock seconds since the last reset.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Times the block as a part of a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    def reset(self) -> None:
        """Forgets everything."""
        self.seconds.clear()
