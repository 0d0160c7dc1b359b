"""How a run goes about its work, as opposed to what it computes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ShardSizes(BaseModel):
    """How members are cut into shards; part of what determines the output's bytes.

    Shards start at `first` members, double every `step` shards up to `max_members`, and are
    closed early at `max_bytes`. The first results are there soon, and a small input still keeps
    many workers busy, without knowing the size of the input in advance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int = Field(default=16, ge=1)
    step: int = Field(default=16, ge=1)
    max_members: int = Field(default=1024, ge=1)
    max_bytes: int = Field(default=256 * 2**20, ge=1)

    def items_of(self, items: int | None, size: int) -> int:
        """Items of a member; where it does not tell, as many as a full shard has in its bytes."""
        return -(-size * self.max_members // self.max_bytes) if items is None else items


class RunSettings(BaseModel):
    """Workers, attempts and reporting of one run.

    Attributes:
        workers: Worker processes, one CPU each; None is one for every usable CPU.
        gpus_per_worker: What each worker takes of a GPU, as in 0.25 for four on one.
        ray_address: Cluster to join; None starts Ray on this machine unless RAY_ADDRESS is set.
        max_failed_fraction: Failed members the exit code tolerates, as a fraction of all.
        max_attempts: Deaths of a shard's workers without progress before it is given up; losses
            of nodes are counted apart.
        max_worker_bytes: Resident memory past which a worker is replaced after its shard;
            None is never.
        kill_worker_bytes: Resident memory past which it is ended at once; None is never.
        item_timeout_s: Seconds over one item, once it is read, after which its worker is ended.
        stall_timeout_s: Seconds without anything read after which the worker is ended.
        grace_s: Seconds that shards in hand get to end after the first SIGINT or SIGTERM.
        head_timeout_s: Seconds to wait for a cluster whose head has gone.
        min_free_bytes: Room on the disk of the output, or of the temporary folder if the output is
            remote, below which no shard is begun; 0 is not to look.
        line_every_s: Seconds between progress lines where there is no terminal.
        changed: What to do about members that are not what they were when they were planned:
            "report" says how many, "redo" processes them again.
        gone: What to do about planned members that are not in the input any more: "report" says how
            many, "keep" says nothing, "drop" leaves them out, with their rows.
        shards: How members are cut into shards.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int | None = Field(default=None, ge=1)
    gpus_per_worker: float = Field(default=0.0, ge=0.0, le=64.0)
    ray_address: str | None = None
    max_failed_fraction: float = Field(default=0.1, ge=0.0, le=1.0)
    max_attempts: int = Field(default=4, ge=1)
    max_worker_bytes: int | None = Field(default=4 * 2**30, ge=1)
    kill_worker_bytes: int | None = Field(default=8 * 2**30, ge=1)
    item_timeout_s: float = Field(default=120.0, gt=0.0)
    stall_timeout_s: float = Field(default=900.0, gt=0.0)
    grace_s: float = Field(default=10.0, ge=0.0)
    head_timeout_s: float = Field(default=300.0, ge=0.0)
    min_free_bytes: int = Field(default=2**30, ge=0)
    line_every_s: float = Field(default=30.0, gt=0.0)
    changed: Literal["report", "redo"] = "report"
    gone: Literal["report", "keep", "drop"] = "report"
    shards: ShardSizes = ShardSizes()


class OutputSettings(BaseModel):
    """How the output is written.

    Attributes:
        row_group_bytes: Row groups of the Parquet parts are closed at this size.
        compression: Codec of all Parquet columns; crops are compressed images already.
        storage_options: Passed to fsspec as they are; never shown, dumped or digested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    row_group_bytes: int = Field(default=32 << 20, ge=1)
    compression: Literal["zstd", "snappy", "lz4", "gzip", "none"] = "zstd"
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False, exclude=True)
