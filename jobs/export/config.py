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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: FormatName = "imagefolder"
    where: str | None = Field(default=None, min_length=1)
    unlabelled: str = Field(default="unlabelled", min_length=1)


class ExportRunSettings(RedoingRunSettings):
    """Workers and attempts of a job whose shards are those of its input.

    Attributes:
        shards: One member, which is a shard of the input.
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
