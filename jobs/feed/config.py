"""All that the job `feed` can be told."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jobs.engine.settings import OutputSettings, ShardSizes
from jobs.feed.splits import read_splits
from jobs.kind.config import JobConfig, RedoingRunSettings


def _splits(text: str) -> str:
    read_splits(text)
    return text


class FeedSettings(BaseModel):
    """Which faces are fed, in which order.

    Attributes:
        verdicts: Output of `curate`: its identities instead of labels, and no face that it drops.
        where: Expression of SQL over the columns of faces; those of which it is not true are left
            out.
        group: What comes to lie side by side: "identity" goes by name, "neighbours" by likeness.
        vectors: Output of `embed`, for "neighbours".
        split: Shares of the identities, as in "train=.9,val=.1".
        seed: Another one deals identities out otherwise.
        shard_bytes: Bytes of crops in a shard, about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdicts: str | None = Field(default=None, min_length=1)
    where: str | None = Field(default=None, min_length=1)
    group: Literal["identity", "neighbours"] = "identity"
    vectors: str | None = Field(default=None, min_length=1)
    split: Annotated[str, AfterValidator(_splits)] = "train=1"
    seed: int = Field(default=0, ge=0, lt=2**32)
    shard_bytes: int = Field(default=32 << 20, ge=1)


class FeedOutputSettings(OutputSettings):
    """How the output is written.

    Attributes:
        row_group_bytes: Row groups are closed before an identity with which they would be larger.
    """

    row_group_bytes: int = Field(default=4 << 20, ge=1)


class FeedRunSettings(RedoingRunSettings):
    """Workers and attempts of a job whose shards are cut by `feed.shard_bytes`.

    Attributes:
        shards: One member, which is all of a shard.
    """

    shards: ShardSizes = ShardSizes(first=1, step=1 << 30, max_members=1)


class Config(JobConfig):
    """Everything `feed` can be told, one section a field.

    Attributes:
        run: How the work is spread over workers; what changes upstream is done again.
        output: How the output is written.
        feed: Which faces, in which order.
    """

    # What lies there decides, wherever it is: it takes part in the state of the input.
    compared: ClassVar = {f"feed.{name}": lambda address: None for name in ("verdicts", "vectors")}

    run: FeedRunSettings = Field(default_factory=FeedRunSettings)
    output: FeedOutputSettings = Field(default_factory=FeedOutputSettings)
    feed: FeedSettings = Field(default_factory=FeedSettings)

    def identity(self) -> dict[str, Any]:
        """What determines the output; addresses as they may be stored."""
        from jobs.sources.inputs import recorded

        dump = super().identity()
        for name in ("verdicts", "vectors"):
            address = dump["feed"][name]
            dump["feed"][name] = recorded(address) if address else None
        return dump
