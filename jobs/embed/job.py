"""The job `embed`: what it is made of, and what is sent to its workers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa

from jobs.embed.config import EmbedConfig
from jobs.embed.found_faces import TABLE
from jobs.embed.kind import EMBED
from jobs.embed.photos import Photos, open_photos
from jobs.embed.schema import embeddings_schema, writer_options
from jobs.embed.vectorizer import Vectorizer
from jobs.engine.workers.joining import is_local
from jobs.kind.job_kind import Continued, Opened
from jobs.kind.schemas import EMBEDDING_MODEL, provenance
from jobs.kind.tables_job import TablesJob
from jobs.upstream import Upstream
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.files import EmbeddingFiles, carried
from mtcnn_core.embedding.model import EmbeddingModel
from mtcnn_core.embedding.perceptual_hash import library


def open_job(source_url: str, going: Continued[EmbedConfig]) -> Opened:
    """The job on an output of `extract`, and how it is to be run.

    Args:
        source_url: The output.
        going: Settings, and what is recorded of them.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        mtcnn_core.embedding.errors.EmbeddingError: The model cannot be used as the settings say.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
    """
    config = going.config
    faces = Upstream(source_url, config.input.storage_options, "extract")
    photos = open_photos(faces, config)
    library()  # what is missing is said before anything runs
    settings = config.run
    on_gpu = config.embed.device != "cpu"
    if on_gpu and not settings.gpus_per_worker:
        settings = settings.model_copy(update={"gpus_per_worker": 1.0})
    files = carried(config.embed)
    # The driver of a cluster needs no GPU.
    here = config.embed if is_local(settings) else replace(config.embed, device="cpu")
    embedder = Embedder(here, files)
    job = EmbedJob(faces, photos, config, embedder.model, files, going.digest, going.schema)
    return Opened(
        job,
        lambda: faces.members(TABLE),
        settings,
        models=dict(embedder.digests),
        upstream={"faces": faces.digest},
        prepare=photos.check if photos else lambda: None,
        check_input=lambda member: photos.check() if photos else None,
    )


@dataclass(frozen=True)
class EmbedJob(TablesJob):
    """Faces -> rows of ``embeddings``.

    Attributes:
        faces: The output of `extract`.
        photos: Its photos; None if none are to be read.
        config: All settings.
        model: The model, as the driver has it.
        files: The model's files, if they are on this machine only.
        config_digest: What the output records of the config.
        schema_version: Version of the table.
    """

    kind: ClassVar = EMBED

    faces: Upstream
    photos: Photos | None
    config: EmbedConfig
    model: EmbeddingModel
    files: EmbeddingFiles | None
    config_digest: str
    schema_version: int

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """Schema of the table."""
        digests = {"embedding": self.model.digest}
        metadata = provenance(self.config_digest, digests, self.schema_version)
        about = json.dumps(self.model.about(), sort_keys=True)
        dtype = self.config.vectors.dtype
        schema = embeddings_schema(self.model.width, dtype, {**metadata, EMBEDDING_MODEL: about})
        return {"embeddings": schema}

    def writer_options(self, name: str) -> dict[str, Any]:
        """How a table is written."""
        return writer_options(self.config.output.compression)

    def start(self) -> Vectorizer:
        """Loads the model; once in each worker.

        Raises:
            EmbeddingError: It is not the one of the driver.
        """
        embedder = Embedder(self.config.embed, self.files)
        if embedder.model != self.model:
            raise EmbeddingError(
                "this node has another model than the driver: install the same mtcnn-ray on both"
            )
        return Vectorizer(self.faces, self.photos, embedder, self.schemas["embeddings"])
