"""The job `extract`: what it is made of, and what is sent to its workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa

from jobs.engine.workers.joining import is_local
from jobs.extract.config import Config
from jobs.extract.extractor import Extractor
from jobs.extract.kind import EXTRACT
from jobs.extract.schema import (
    SCHEMA_VERSION,
    faces_schema,
    images_schema,
    writer_options,
)
from jobs.kind.job_kind import Continued, Opened
from jobs.kind.schemas import provenance
from jobs.kind.tables_job import TablesJob
from jobs.photos.frames import as_containers
from jobs.sources.inputs import Inputs, open_inputs
from jobs.sources.source import Source
from mtcnn_core.detectors import make_detector
from mtcnn_core.settings.models import DENSE, SSD
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import WeightsError
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.names import ORIGINAL


def open_job(source_url: str, going: Continued[Config]) -> Opened:
    """The job on an input, and how it is to be run.

    What fails, fails here and not in a worker; and the graphs are in the cache when they start.

    Args:
        source_url: Folder, glob or file, anywhere fsspec reaches, or ``demo:``.
        going: Settings, and what is recorded of them.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.errors.WeightsError: The weights or the detector's model are not there.
    """
    config = going.config
    source = open_inputs(source_url, config.input, going.origins, is_only=going.is_moved)
    settings = config.run
    on_gpu = config.detect.device != "cpu"
    if on_gpu and not settings.gpus_per_worker:
        settings = settings.model_copy(update={"gpus_per_worker": 1.0})
    # The driver of a cluster needs no GPU.
    here = config.detect if is_local(settings) else replace(config.detect, device="cpu")
    detector = make_detector(here)
    if not on_gpu:
        # The same engine in every worker, whatever each could compute with: rows must not depend on
        # which one has a photo. A worker that cannot says so when it starts.
        engine = detector.device.runtimes["onet"].engine
        detect = replace(config.detect, engine=engine)
        config = config.model_copy(update={"detect": detect})
    job = ExtractJob(
        source,
        config,
        dict(detector.digests),
        weights=carried(config, detector.weights),
        config_digest=going.digest,
        schema_version=going.schema,
    )
    check = source.check if isinstance(source, Inputs) else None
    members = as_containers(source.list, config.input.frames)
    return Opened(job, members, settings, dict(detector.digests), check_input=check)


def carried(config: Config, weights: Weights) -> Weights | None:
    """The weights, if the job has to take them along because they are on this machine only."""
    return None if config.detect.weights == ORIGINAL else weights


@dataclass(frozen=True)
class ExtractJob(TablesJob):
    """Photos -> rows of ``images`` and ``faces``.

    Attributes:
        source: Where the photos come from.
        config: All settings.
        model_digests: Model -> digest, of those that take part, for the schemas' metadata.
        weights: Weights of the networks; None are those that the config names.
        config_digest: What the output records of the config; empty is the digest of `config`.
        schema_version: Version of the tables.
    """

    kind: ClassVar = EXTRACT

    source: Source
    config: Config
    model_digests: Mapping[str, str]
    weights: Weights | None = None
    config_digest: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def schemas(self) -> dict[str, pa.Schema]:
        """Schemas of both tables."""
        digest, version = self.config_digest or self.config.digest(), self.schema_version
        metadata = provenance(digest, self.model_digests, version)
        return {
            "images": images_schema(metadata, version),
            "faces": faces_schema(metadata, version),
        }

    def writer_options(self, name: str) -> dict[str, Any]:
        """How a table is written."""
        return writer_options(name, self.config.output.compression)

    def start(self, time: Stopwatch | None = None) -> Extractor:
        """Loads the networks; once in each worker.

        Args:
            time: Told the time spent in each stage; nothing runs ahead on threads then.

        Raises:
            WeightsError: They are not those of the driver.
        """
        detector = make_detector(self.config.detect, self.weights, time)
        if detector.digests != self.model_digests:
            raise WeightsError(_differing(detector.digests, self.model_digests))
        return Extractor(
            self.source,
            detector,
            self.config.crop,
            self.config.limits,
            self.schemas,
            time,
            self.config.input.frames,
            threads=time is None,
        )


def _differing(here: Mapping[str, str], driver: Mapping[str, str]) -> str:
    if any(here.get(kind) != driver.get(kind) for kind in (DENSE, SSD)):
        return "this node has another detector than the driver: put the same model files on both"
    return "this node has other weights than the driver: install the same mtcnn-ray on both"
