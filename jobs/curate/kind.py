"""The job `curate` as the registry knows it."""

from __future__ import annotations

from jobs.curate.config import Config
from jobs.engine.job import Labels
from jobs.kind.job_kind import LOST, FurtherInput, JobKind

VERDICTS = ("keep", "drop", "move", "merge")
# What is said of a face that is not simply kept -> that in a few words.
REASONS = {
    "other_face": "not the face of its photo that the label is of",
    "not_like_identity": "not the person that it is labelled as",
    "duplicate": "the same picture as another one",
    "same_person": "two labels are one person",
    "two_persons": "one label is two persons",
    "quality": "too poor to tell, or without a vector",
    "own": "as you have said",
}
# What a row is, as `status` counts it: its verdict, and the reason where there is one.
STATUSES = {
    "keep": "as it is labelled",
    **{f"{verdict} {reason}": why for reason, why in REASONS.items() for verdict in VERDICTS},
}

CURATE = JobKind(
    name="curate",
    about="Judges the faces of a dataset by their vectors: what to keep, drop, move or merge.",
    input_help="What `embed` has made of them (path or fsspec URL).",
    metavar="EMBEDDINGS",
    inputs=(FurtherInput("curate.faces", "FACES", "A dataset of `extract` (path or fsspec URL)."),),
    config=Config,
    labels=Labels(members="faces", rows=""),
    tables=("verdicts",),
    statuses={**STATUSES, **LOST},
    failed_statuses=frozenset(LOST),
    packages=("faiss-cpu", "mtcnn-ray", "numpy", "pyarrow", "ray", "scipy"),
    flags=("against", "verdicts", "calibrate"),
    has_figures=True,
    opener="jobs.curate.job:open_job",
)
