"""The job `train samples`: what it is made of, and what is sent to its workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa

from jobs.dataset import open_dataset
from jobs.kind.figures import Figures
from jobs.kind.job_kind import Continued, Opened
from jobs.kind.schemas import provenance
from jobs.kind.tables_job import TablesJob
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.photos.frames import as_containers
from jobs.sample_table import TABLE, samples_schema
from jobs.samples.config import Config
from jobs.samples.figures import figures_of
from jobs.samples.kind import SAMPLES
from jobs.samples.sampling import SampleMaker
from jobs.samples.schema import images_schema, writer_options
from jobs.sources.inputs import Inputs, open_inputs
from jobs.sources.source import Source
from jobs.truth.faces import GroundTruth, read_ground_truth
from jobs.truth.names import none_is_there
from mtcnn_core.engines.registry import find_device
from mtcnn_core.samples.sampler import Sampler
from mtcnn_core.samples.shown import network_of
from mtcnn_core.settings.models import CASCADE
from mtcnn_core.weights import WeightsError
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.load import load_weights
from mtcnn_core.weights.names import ORIGINAL


def open_job(source_url: str, going: Continued[Config]) -> Opened:
    """The job on photos and their ground truth, and how it is to be run.

    Args:
        source_url: Where the photos are.
        going: Settings, and what is recorded of them.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        mtcnn_core.engines.errors.DeviceError: The engine is not there.
        mtcnn_core.weights.errors.WeightsError: The weights are not there.
    """
    config = going.config
    if config.detect.detector != CASCADE or config.detect.device != "cpu":
        raise UserError(
            "samples are made by the cascade on processors: leave detect.detector and "
            "detect.device out"
        )
    if config.truth.file is None:
        raise UserError("there is no ground truth: say with truth.file where it is")
    source = open_inputs(source_url, config.input, going.origins, is_only=going.is_moved)
    truth = read_ground_truth(config.truth.file)
    detect, weights = config.detect, load_weights(config.detect.weights)
    # The same engine in every worker, whatever each could compute with.
    engine = find_device(detect.device, detect.engine, detect.precision).runtimes["onet"].engine
    config = config.model_copy(update={"detect": replace(detect, engine=engine)})
    job = SamplesJob(
        source,
        truth,
        config,
        dict(weights.digests),
        None if detect.weights == ORIGINAL else weights,
        going.digest,
    )
    listed = as_containers(source.list, config.input.frames)
    check = source.check if isinstance(source, Inputs) else None

    def conclude() -> Sequence[Figures]:
        dataset = open_dataset(going.output, config.output.storage_options)
        return [figures_of(dataset, truth.faces)]

    return Opened(
        job,
        lambda: _each_once(listed(), truth),
        config.run,
        dict(weights.digests),
        {"ground truth": truth.digest},
        check_input=check,
        conclude=conclude,
    )


def _each_once(members: Iterable[Member], truth: GroundTruth) -> Iterator[Member]:
    """Yields members as long as it is clear which is which photo of the ground truth."""
    names = truth.names
    taken: dict[str, str] = {}
    example, is_known = "", True
    for member in members:
        is_known &= not member.is_container
        name = None if member.is_container else names.find(member.key)
        if name is not None and taken.setdefault(name, member.key) != member.key:
            raise UserError(
                f"'{taken[name]}' and '{member.key}' of the input may both be '{name}' of the "
                "ground truth: give the folder that holds one of them"
            )
        example = example or member.key
        yield member
    if example and is_known and not taken:
        raise none_is_there(truth.faces, example)


@dataclass(frozen=True)
class SamplesJob(TablesJob):
    """Photos -> rows of ``images`` and ``samples``.

    Attributes:
        source: Where the photos come from.
        truth: What is known of them.
        config: All settings.
        model_digests: Network -> digest of its weights, for the schemas' metadata.
        weights: Weights of the networks; None are those that the config names.
        config_digest: What the output records of the config.
    """

    kind: ClassVar = SAMPLES

    source: Source
    truth: GroundTruth
    config: Config
    model_digests: Mapping[str, str]
    weights: Weights | None
    config_digest: str

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """Schemas of both tables."""
        metadata = provenance(self.config_digest, self.model_digests, self.kind.schema_version)
        side = network_of(self.config.samples.stage).side
        return {"images": images_schema(metadata), TABLE: samples_schema(side, metadata)}

    def writer_options(self, name: str) -> dict[str, Any]:
        """How a table is written."""
        return writer_options(name, self.config.output.compression)

    def start(self) -> SampleMaker:
        """Loads the networks; once in each worker.

        Raises:
            WeightsError: They are not those of the driver.
        """
        detect = self.config.detect
        weights = self.weights or load_weights(detect.weights)
        if dict(weights.digests) != dict(self.model_digests):
            raise WeightsError(
                "this node has other weights than the driver: install the same mtcnn-ray on both"
            )
        return SampleMaker(
            self.source,
            self.truth,
            self.config.truth.held_out,
            Sampler(self.config.samples, detect, weights),
            detect.min_face,
            self.config.limits,
            self.schemas,
            self.config.input.frames,
        )
