"""All that the job `embed` can be told."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.kind.config import JobConfig, RedoingRunSettings
from mtcnn_core.settings.embedding import EmbeddingSettings
from mtcnn_core.settings.models import name_of

# In place of an input: no photo is read.
NO_PHOTOS = "none"


class PhotosSettings(BaseModel):
    """Where the photos are that the faces were found in.

    Attributes:
        input: Where they are now, if they were moved since `extract`; "none" reads no photo, and
            takes stored crops where these hold all that is needed.
        moved_from: Which of the inputs of `extract` that was, if it had several.
        storage_options: Passed to fsspec as they are; never shown, dumped or digested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: str | None = Field(default=None, min_length=1)
    moved_from: str | None = Field(default=None, min_length=1)
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False, exclude=True)


class VectorSettings(BaseModel):
    """How vectors are stored.

    Attributes:
        dtype: Type of their numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: Literal["float32", "float16"] = "float32"


class EmbedConfig(JobConfig):
    """Everything `embed` can be told, one section a field.

    Attributes:
        run: How the work is spread over workers; what changes upstream is done again.
        embed: The model, and how faces are given to it.
        photos: Where the photos are.
        vectors: How vectors are stored.
    """

    # Of the path to a model only the name counts, so the file can be moved: what is in it is known
    # by a digest of its own.
    compared: ClassVar = {"embed.model": name_of}

    run: RedoingRunSettings = Field(default_factory=RedoingRunSettings)
    embed: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    photos: PhotosSettings = Field(default_factory=PhotosSettings)
    vectors: VectorSettings = Field(default_factory=VectorSettings)

    def identity(self) -> dict[str, Any]:
        """What determines the output; photos are the same wherever they are."""
        dump = super().identity()
        is_none = self.photos.input == NO_PHOTOS
        dump["photos"] = {"input": NO_PHOTOS if is_none else None}
        return dump
