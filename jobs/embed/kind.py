"""The job `embed` as the registry knows it."""

from __future__ import annotations

from jobs.embed.config import EmbedConfig
from jobs.embed.statuses import FAILED_STATUSES, MEANINGS
from jobs.engine.job import Labels
from jobs.kind.job_kind import JobKind
from mtcnn_core.engines.registry import PACKAGES as ENGINES

EMBED = JobKind(
    name="embed",
    about="Turns every face of an output of extract into a vector; run it again to resume.",
    input_help="Output of extract (path or fsspec URL).",
    config=EmbedConfig,
    labels=Labels(members="faces", rows=""),
    tables=("embeddings",),
    statuses=MEANINGS,
    failed_statuses=FAILED_STATUSES,
    packages=(
        "mtcnn-ray",
        *sorted(
            ("imagehash", "numpy", "opencv-python-headless", "pillow", "pyarrow", "ray", *ENGINES)
        ),
    ),
    flags=("model", "dtype", "photos", "device", "engine", "precision"),
    opener="jobs.embed.job:open_job",
)
