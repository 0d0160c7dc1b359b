"""The job `extract` as the registry knows it."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.engine.job import Job, Labels
from jobs.extract.config import Config
from jobs.extract.schema import SCHEMA_VERSION
from jobs.kind.job_kind import Continued, JobKind, Opened, SampleTimes
from jobs.members import Member
from jobs.photos.statuses import FAILED_STATUSES, MEANINGS


def _open(source_url: str, going: Continued[Config]) -> Opened:
    # Imported here: `status` and `verify` do without the networks.
    from jobs.extract.job import open_job

    return open_job(source_url, going)


def _time(job: Job, members: Sequence[Member]) -> SampleTimes | None:
    from jobs.extract.job import ExtractJob
    from jobs.extract.times import time_sample

    assert isinstance(job, ExtractJob)
    return time_sample(job, members)


EXTRACT = JobKind(
    name="extract",
    about="Finds, aligns and stores the faces of every photo; run it again to resume.",
    input_help=("Folder, glob, tar, Parquet, manifest or photo (path or fsspec URL), or demo:."),
    config=Config,
    labels=Labels(members="photos", rows="faces"),
    tables=("images", "faces"),
    schema_version=SCHEMA_VERSION,
    statuses=MEANINGS,
    failed_statuses=FAILED_STATUSES,
    # Whatever takes part in turning a photo into rows.
    packages=(
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
    ),
    flags=("min-face", "device", "engine", "precision", "detector", "weights"),
    open=_open,
    time=_time,
)
