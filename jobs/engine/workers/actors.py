"""A worker as an actor of Ray, and as the driver sees it."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import cloudpickle

from jobs.engine.shards import ShardSpec


class Actor:
    """A worker that is imported only when its process looks where it should for what it imports.

    So this class is sent to it whole, and what it uses of this package it gets pickled.
    """

    def load(
        self, first: Sequence[str], last: Sequence[str], worker: bytes, job: bytes
    ) -> tuple[str, int]:
        """Makes the worker and loads the job; returns its node and the memory there.

        Args:
            first: Folders of the driver's import path that come first here.
            last: Those that come last.
            worker: Class and arguments, pickled.
            job: The job, pickled.
        """
        sys.path[:] = [*first, *(folder for folder in sys.path if folder not in first)]
        from mtcnn_ray import installed_first

        sys.path[:] = installed_first([*sys.path, *last], last)
        make, arguments = pickle.loads(worker)
        self._worker = make(*arguments)
        self._worker.start(job)
        from jobs.engine.usable import usable_memory

        return str(ray.get_runtime_context().get_node_id()), usable_memory()

    def run(self, spec: ShardSpec) -> Any:
        """What `Worker.run` says."""
        return self._worker.run(spec)


cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]


@dataclass
class Hand:
    """A worker as the driver sees it.

    Attributes:
        actor: Its handle.
        starting: Result of its start.
        node: Where it is, once it has started.
        memory: Bytes of memory there.
        shards: Result -> shard of those that are with it, oldest first.
        retiring: Whether it gets no more.
    """

    actor: Any
    starting: Any
    node: str | None = None
    memory: int = 0
    shards: dict[Any, ShardSpec] = field(default_factory=dict)
    retiring: bool = False
