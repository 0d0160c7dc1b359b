"""The job `extract` as the registry knows it."""

from __future__ import annotations

from jobs.engine.job import Labels
from jobs.extract.config import Config
from jobs.kind.job_kind import JobKind, Meaning
from jobs.photos.statuses import FAILED_STATUSES, MEANINGS
from mtcnn_core.engines.registry import PACKAGES as ENGINES

EXTRACT = JobKind(
    name="extract",
    about="Finds, aligns and stores the faces of every photo; run it again to resume.",
    input_help=("Folder, glob, tar, Parquet, manifest or photo (path or fsspec URL), or demo:."),
    config=Config,
    labels=Labels(members="photos", rows="faces"),
    tables=("images", "faces"),
    schema_version=2,
    statuses=MEANINGS,
    failed_statuses=FAILED_STATUSES,
    # Whatever takes part in turning a photo into rows.
    packages=(
        "mtcnn-ray",
        *sorted(("mtcnn", "numpy", "opencv-python-headless", "pillow", "pyarrow", "ray", *ENGINES)),
    ),
    flags=("min-face", "device", "engine", "precision", "detector", "longest-side", "weights"),
    meanings={
        "detect.turns": Meaning(2, "faces in turned photos got landmarks of upright ones", [])
    },
    before={"detect.faint": False, "detect.upright": "given"},
    opener="jobs.extract.job:open_job",
    timer="jobs.extract.times:time_sample",
)
