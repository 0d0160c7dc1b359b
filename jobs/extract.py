"""The job `extract`: what it is made of, and how its driver starts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from jobs import tables
from jobs.config import Config
from jobs.engine.identity import Identity, package_versions
from jobs.engine.progress import Labels
from jobs.engine.run import Summary, run
from jobs.engine.settings import RunSettings
from jobs.engine.workers.cluster import is_local
from jobs.extractor import Extractor
from jobs.sources import Source, check_apart, open_source
from mtcnn_core.detectors import make_detector
from mtcnn_core.weights import Weights
from mtcnn_core.weights.load import ORIGINAL

# Whatever takes part in turning a photo into rows.
PACKAGES = (
    "mtcnn-ray",
    "llvmlite",
    "mtcnn",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "openvino",
    "pillow",
    "pyarrow",
    "ray",
)

LABELS = Labels(members="photos", rows="faces")


def extract(source_url: str, output: str, config: Config) -> Summary:
    """Runs the job: every photo of an input becomes rows in the output.

    Args:
        source_url: Folder, glob or file, anywhere fsspec reaches, or ``demo:``.
        output: Folder for the dataset, local or an fsspec URL.
        config: All settings.

    Raises:
        jobs.engine.errors.UserError: Something the user has to change.
        jobs.engine.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
        mtcnn_core.devices.DeviceError: The device is not there.
        mtcnn_core.weights.WeightsError: The weights or the detector's model are not there.
    """
    check_apart(source_url, output)
    job, settings, identity = prepare(source_url, config)
    return run(
        job,
        job.source.list,
        output,
        settings,
        identity,
        labels=LABELS,
        options=config.output.storage_options,
    )


def prepare(source_url: str, config: Config) -> tuple[ExtractJob, RunSettings, Identity]:
    """The job on an input, how it is to be run, and what determines its output.

    What fails, fails here and not in a worker; and the graphs are in the cache when they start.
    Raises as :func:`extract` does.
    """
    source = open_source(source_url, config.input)
    settings = config.run
    on_gpu = config.detect.device != "cpu"
    if on_gpu and not settings.gpus_per_worker:
        settings = settings.model_copy(update={"gpus_per_worker": 1.0})
    # The driver of a cluster needs no GPU.
    here = config.detect if is_local(settings) else replace(config.detect, device="cpu")
    detector = make_detector(here)
    job = ExtractJob(
        source, config, dict(detector.digests), weights=carried(config, detector.weights)
    )
    return job, settings, identity_of(source_url, config, detector.digests)


def carried(config: Config, weights: Weights) -> Weights | None:
    """The weights, if the job has to take them along because they are on this machine only."""
    return None if config.detect.weights == ORIGINAL else weights


def identity_of(source_url: str, config: Config, models: Mapping[str, str]) -> Identity:
    """What determines the output."""
    return Identity(
        config=config.identity(),
        digest=config.digest(),
        models=dict(models),
        packages=package_versions(PACKAGES),
        input=source_url,
    )


@dataclass(frozen=True)
class ExtractJob:
    """Photos -> rows of ``images`` and ``faces``.

    Attributes:
        source: Where the photos come from.
        config: All settings.
        model_digests: Of the models that take part, for the schemas' metadata.
        weights: Of the networks; None are those that the config names.
    """

    source: Source
    config: Config
    model_digests: Mapping[str, str]
    primary: str = "images"
    failed_statuses: frozenset[str] = tables.FAILED_STATUSES
    weights: Weights | None = None

    @property
    def row_group_bytes(self) -> int:
        """Limit of a row group before compression."""
        return self.config.output.row_group_bytes

    @property
    def schemas(self) -> dict[str, pa.Schema]:
        """Schemas of both tables."""
        metadata = tables.provenance(self.config.digest(), self.model_digests)
        return {
            "images": tables.images_schema(metadata),
            "faces": tables.faces_schema(metadata),
        }

    def writer_options(self, name: str) -> dict[str, Any]:
        """How a table is written."""
        return tables.writer_options(name, self.config.output.compression)

    def start(self) -> Extractor:
        """Loads the networks; once in each worker."""
        return Extractor(self)
