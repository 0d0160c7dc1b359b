"""The job `triplets` as the registry knows it."""

from __future__ import annotations

from jobs.engine.job import Labels
from jobs.kind.job_kind import LOST, FurtherInput, JobKind
from jobs.triplets.config import Config

TRIPLETS = JobKind(
    name="triplets",
    about="Stores triplets of a feed's faces that are semi-hard by their vectors.",
    input_help="What `embed` has made of the faces (path or fsspec URL).",
    metavar="EMBEDDINGS",
    inputs=(FurtherInput("triplets.feed", "FEED", "An output of `feed` (path or fsspec URL)."),),
    config=Config,
    labels=Labels(members="anchors", rows="triplets"),
    tables=("anchors", "triplets"),
    statuses={"ok": "with a vector", "no_vector": "left out, without a vector", **LOST},
    failed_statuses=frozenset(LOST),
    packages=("faiss-cpu", "mtcnn-ray", "numpy", "pyarrow", "ray"),
    flags=("margin", "per-anchor", "split"),
    opener="jobs.triplets.job:open_job",
)
