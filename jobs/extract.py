"""The job `extract`: what it is made of, and how its driver starts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from jobs import tables
from jobs.config import MEANINGS, Config
from jobs.continuing import Continued, begun, continued
from jobs.engine.identity import Identity, package_versions, read_identity
from jobs.engine.progress import Labels
from jobs.engine.run import run
from jobs.engine.settings import RunSettings
from jobs.engine.summary import Summary
from jobs.engine.workers.cluster import is_local
from jobs.extractor import Extractor
from jobs.sources import Source, check_apart, open_source
from jobs.storage.storage import Storage
from mtcnn_core.detectors import make_detector
from mtcnn_core.engines.registry import PACKAGES as ENGINES
from mtcnn_core.weights import Weights
from mtcnn_core.weights.load import ORIGINAL

# Whatever takes part in turning a photo into rows.
PACKAGES = (
    "mtcnn-ray",
    *sorted(("mtcnn", "numpy", "opencv-python-headless", "pillow", "pyarrow", "ray", *ENGINES)),
)

NAME = "extract"
LABELS = Labels(members="photos", rows="faces")


def extract(source_url: str, output: str, config: Config) -> Summary:
    """Runs the job: every photo of an input becomes rows in the output.

    Args:
        source_url: Folder, glob or file, anywhere fsspec reaches, or ``demo:``.
        output: Folder for the dataset, local or an fsspec URL.
        config: All settings.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.WeightsError: The weights or the detector's model are not there.
    """
    check_apart(source_url, output)
    job, settings, identity = prepare(source_url, going_on(config, output))
    return run(
        job,
        job.source.list,
        output,
        settings,
        identity,
        labels=LABELS,
        options=config.output.storage_options,
    )


def going_on(config: Config, output: str) -> Continued:
    """With what an output begins, or goes on if it was begun.

    Raises:
        jobs.messages.errors.UserError: Its rows would not be the same.
    """
    stored = read_identity(Storage(output, config.output.storage_options))
    return continued(stored, config, output) if stored else begun(config)


def prepare(source_url: str, going: Continued) -> tuple[ExtractJob, RunSettings, Identity]:
    """The job on an input, how it is to be run, and what determines its output.

    What fails, fails here and not in a worker; and the graphs are in the cache when they start.
    Raises as :func:`extract` does.

    Args:
        source_url: As for :func:`extract`.
        going: Settings, and what is recorded of them.
    """
    config = going.config
    source = open_source(source_url, config.input)
    settings = config.run
    on_gpu = config.detect.device != "cpu"
    if on_gpu and not settings.gpus_per_worker:
        settings = settings.model_copy(update={"gpus_per_worker": 1.0})
    # The driver of a cluster needs no GPU.
    here = config.detect if is_local(settings) else replace(config.detect, device="cpu")
    detector = make_detector(here)
    job = ExtractJob(
        source,
        config,
        dict(detector.digests),
        weights=carried(config, detector.weights),
        config_digest=going.digest,
        schema_version=going.schema,
    )
    identity = Identity(
        config=going.recorded,
        digest=going.digest,
        models=dict(detector.digests),
        packages=package_versions(PACKAGES),
        input=source_url,
        job=NAME,
        schema=going.schema,
        defaults=Config().identity(),
        meanings={name: version for name, (version, _) in MEANINGS.items()},
    )
    return job, settings, identity


def carried(config: Config, weights: Weights) -> Weights | None:
    """The weights, if the job has to take them along because they are on this machine only."""
    return None if config.detect.weights == ORIGINAL else weights


@dataclass(frozen=True)
class ExtractJob:
    """Photos -> rows of ``images`` and ``faces``.

    Attributes:
        source: Where the photos come from.
        config: All settings.
        model_digests: Of the models that take part, for the schemas' metadata.
        weights: Of the networks; None are those that the config names.
        config_digest: Of the config, as the output records it; empty is to take it.
        schema_version: Of the tables.
    """

    source: Source
    config: Config
    model_digests: Mapping[str, str]
    primary: str = "images"
    failed_statuses: frozenset[str] = tables.FAILED_STATUSES
    weights: Weights | None = None
    config_digest: str = ""
    schema_version: int = tables.SCHEMA_VERSION

    @property
    def row_group_bytes(self) -> int:
        """Limit of a row group before compression."""
        return self.config.output.row_group_bytes

    @property
    def schemas(self) -> dict[str, pa.Schema]:
        """Schemas of both tables."""
        digest, version = self.config_digest or self.config.digest(), self.schema_version
        metadata = tables.provenance(digest, self.model_digests, version)
        return {
            "images": tables.images_schema(metadata, version),
            "faces": tables.faces_schema(metadata, version),
        }

    def writer_options(self, name: str) -> dict[str, Any]:
        """How a table is written."""
        return tables.writer_options(name, self.config.output.compression)

    def start(self) -> Extractor:
        """Loads the networks; once in each worker."""
        return Extractor(self)
