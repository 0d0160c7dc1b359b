"""The job `phash` as the registry knows it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from jobs.engine.job import Labels
from jobs.kind.config import JobConfig
from jobs.kind.job_kind import LOST, JobKind


class HashSettings(BaseModel, frozen=True, extra="forbid"):
    side: int = Field(default=8, ge=2, le=16)  # of the square that a crop is reduced to, in pixels


class Config(JobConfig):
    phash: HashSettings = HashSettings()


PHASH = JobKind(
    name="phash",
    about="Hashes the crops of a dataset, so that near-duplicates can be found.",
    input_help="A dataset of extract.",
    config=Config,
    labels=Labels(members="faces"),
    tables=("hashes",),
    statuses={"ok": "hashed", "no_crop": "nothing to hash", **LOST},
    failed_statuses=frozenset(LOST),
    packages=("mtcnn-ray", "numpy", "pillow"),
    opener="jobs.phash.job:open_job",
)
