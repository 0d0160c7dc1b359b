"""The job `export` as the registry knows it."""

from __future__ import annotations

from jobs.engine.job import Labels
from jobs.export.config import Config
from jobs.kind.job_kind import LOST, JobKind

EXPORT = JobKind(
    name="export",
    about="Writes faces as the files that other trainers read.",
    input_help="A dataset of `extract`, or a feed (path or fsspec URL).",
    metavar="FACES|FEED",
    config=Config,
    labels=Labels(members="faces", rows=""),
    tables=("files",),
    statuses={"ok": "written", **LOST},
    failed_statuses=frozenset(LOST),
    packages=("mtcnn-ray", "numpy", "pyarrow", "ray"),
    flags=("format", "where"),
    opener="jobs.export.job:open_job",
    checker="jobs.export.own:problems",
    unforgetting="its files would stay: forget them in what it was exported from, and run "
    "'mtcnn-ray export' again, which removes them",
)
