"""The job `feed` as the registry knows it."""

from __future__ import annotations

from jobs.engine.job import Labels
from jobs.feed.config import Config
from jobs.kind.job_kind import LOST, JobKind

FEED = JobKind(
    name="feed",
    about="Writes faces in the order in which training reads them: identity after identity.",
    input_help="A dataset of `extract` (path or fsspec URL).",
    metavar="FACES",
    config=Config,
    labels=Labels(members="faces", rows="identities"),
    tables=("feed", "classes"),
    statuses={"ok": "with a crop", **LOST},
    failed_statuses=frozenset(LOST),
    packages=("mtcnn-ray", "numpy", "pyarrow", "ray", "duckdb"),
    flags=("verdicts", "where", "group", "vectors", "split"),
    has_figures=True,
    opener="jobs.feed.job:open_job",
)
