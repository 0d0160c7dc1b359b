"""The job `train samples` as the registry knows it."""

from __future__ import annotations

from jobs.engine.job import Labels
from jobs.kind.job_kind import FurtherInput, JobKind
from jobs.photos.statuses import FAILED_STATUSES, MEANINGS
from jobs.samples.config import Config
from mtcnn_core.engines.registry import PACKAGES as ENGINES

# Statuses of photos that no samples are made of.
NOT_ANNOTATED, HELD_OUT = "not_annotated", "held_out"

SAMPLES = JobKind(
    name="samples",
    group="train",
    about="Cuts crops for one network of the cascade to learn from; run it again to resume.",
    input_help="Photos, as for extract (path or fsspec URL).",
    metavar="PHOTOS",
    inputs=(
        FurtherInput(
            "truth.file",
            "GROUND_TRUTH",
            "Boxes or landmarks of their faces, or an output of extract.",
            follows=True,
        ),
    ),
    config=Config,
    labels=Labels(members="photos", rows="samples"),
    tables=("images", "samples"),
    statuses={
        **MEANINGS,
        NOT_ANNOTATED: "left out, since the ground truth does not name them",
        HELD_OUT: "left out, to be tried on",
    },
    failed_statuses=FAILED_STATUSES,
    packages=(
        "mtcnn-ray",
        *sorted(("mtcnn", "numpy", "opencv-python-headless", "pillow", "pyarrow", "ray", *ENGINES)),
    ),
    flags=("stage", "min-face", "engine", "weights"),
    has_figures=True,
    opener="jobs.samples.job:open_job",
)
