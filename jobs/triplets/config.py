"""All that the job `triplets` can be told."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jobs.engine.settings import ShardSizes
from jobs.kind.config import JobConfig, RedoingRunSettings


class TripletSettings(BaseModel):
    """Which triplets are stored.

    Attributes:
        feed: Where the feed is.
        margin: Between the squared distances.
        per_anchor: Triplets of each anchor; null is all that are semi-hard.
        split: Only faces of that split; null is all.
        seed: Which positives come first, where not all are wanted.
        threads: Threads of the driver; null is one for every usable CPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    feed: str | None = Field(default=None, min_length=1)
    margin: float = Field(default=0.2, gt=0.0, le=4.0)
    per_anchor: int | None = Field(default=None, ge=1)
    split: str | None = Field(default="train", min_length=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    threads: int | None = Field(default=None, ge=1)


class TripletRunSettings(RedoingRunSettings):
    """Workers and attempts of a job whose shards are those of the feed.

    Attributes:
        shards: One member, which is a shard of the feed.
    """

    shards: ShardSizes = ShardSizes(first=1, step=1 << 30, max_members=1)


class Config(JobConfig):
    """Everything `triplets` can be told, one section a field.

    Attributes:
        run: How the work is spread over workers; what changes upstream is done again.
        triplets: Which triplets are stored.
    """

    # What lies there decides, wherever it is: it takes part in the state of the input.
    compared: ClassVar = {"triplets.feed": lambda address: None}

    run: TripletRunSettings = Field(default_factory=TripletRunSettings)
    triplets: TripletSettings = Field(default_factory=TripletSettings)

    def identity(self) -> dict[str, Any]:
        """What determines the output; addresses as they may be stored, and no threads."""
        from jobs.sources.inputs import recorded

        dump = super().identity()
        said = {name: value for name, value in dump["triplets"].items() if name != "threads"}
        said["feed"] = recorded(said["feed"]) if said["feed"] else None
        return {**dump, "triplets": said}
