"""A worker as an actor of Ray, and as the driver sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ray

from jobs.engine.shards import ShardSpec
from jobs.engine.workers.worker import Worker


class Actor(Worker):
    """A worker that tells where it is."""

    def load(self, pickled_job: bytes) -> str:
        """Loads the job; returns the id of the node."""
        self.start(pickled_job)
        return str(ray.get_runtime_context().get_node_id())


@dataclass
class Hand:
    """A worker as the driver sees it.

    Attributes:
        actor: Its handle.
        starting: Result of its start.
        node: Where it is, once it has started.
        shards: Result -> shard of those that are with it, oldest first.
        retiring: Whether it gets no more.
    """

    actor: Any
    starting: Any
    node: str | None = None
    shards: dict[Any, ShardSpec] = field(default_factory=dict)
    retiring: bool = False
