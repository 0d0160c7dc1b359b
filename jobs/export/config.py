"""All that the job `export` can be told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.engine.settings import ShardSizes
from jobs.kind.config import JobConfig, RedoingRunSettings

FormatName = Literal["imagefolder", "webdataset", "huggingface", "facenet"]


class ExportSettings(BaseModel):
    """What is exported, and as what.

    Attributes:
        format: "imagefolder" is a folder for each class; "webdataset" tar files; "huggingface"
            Parquet that `datasets` loads; "facenet" the folders of davidsandberg/facenet.
        where: Expression of SQL over the columns; faces of which it is not true are left out.
        unlabelled: Class of faces without a label; none of a feed is.
        shard_bytes: Bytes of crops that are written together, and lie in one file where a format
            has files of many, about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: FormatName = "imagefolder"
    where: str | None = Field(default=None, min_length=1)
    unlabelled: str = Field(default="unlabelled", min_length=1)
    shard_bytes: int = Field(default=32 << 20, ge=1)


class ExportRunSettings(RedoingRunSettings):
    """How the work is spread over workers, as for any job that follows another one.

    Attributes:
        shards: One member, which is a batch of faces; see `export.shard_bytes`.
    """

    shards: ShardSizes = ShardSizes(first=1, step=1 << 30, max_members=1)


class Config(JobConfig):
    """Everything `export` can be told, one section a field.

    Attributes:
        run: How the work is spread over workers; what changes upstream is done again.
        export: What is exported, and as what.
    """

    run: ExportRunSettings = Field(default_factory=ExportRunSettings)
    export: ExportSettings = Field(default_factory=ExportSettings)
