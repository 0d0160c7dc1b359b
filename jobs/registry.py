"""The jobs there are. A new one is a folder, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from jobs.kind.config import Settings
from jobs.kind.job_kind import JobKind
from jobs.messages.errors import UserError

if TYPE_CHECKING:
    from jobs.training.summary import TrainingSummary

_KINDS = (
    "jobs.extract.kind:EXTRACT",
    "jobs.embed.kind:EMBED",
    "jobs.curate.kind:CURATE",
    "jobs.feed.kind:FEED",
    "jobs.triplets.kind:TRIPLETS",
    "jobs.export.kind:EXPORT",
    "jobs.samples.kind:SAMPLES",
)

# Settings of commands that are no jobs: a file for several commands may hold them.
_OTHERS = (
    "jobs.train.config:EmbeddingTrainingConfig",
    "jobs.fit.config:FitConfig",
    "jobs.cascade.config:CascadeConfig",
)

# Trainings, whose outputs have no rows: name in `job.json` -> how it ends.
_TRAININGS: Mapping[str, str] = {
    "train embedding": "jobs.train.summary:EmbeddingSummary",
    "train fit": "jobs.fit.summary:FitSummary",
    "train cascade": "jobs.cascade.summary:CascadeSummary",
}

JOBS: tuple[JobKind[Any], ...] = tuple(map(resolve_name, _KINDS))

# Job -> statuses that count as failed.
FAILED_STATUSES: Mapping[str, frozenset[str]] = {kind.name: kind.failed_statuses for kind in JOBS}


def job_named(name: str) -> JobKind[Any]:
    """The job of a name.

    Raises:
        UserError: There is none.
    """
    for kind in JOBS:
        if kind.name == name:
            return kind
    known = ", ".join(kind.name for kind in JOBS)
    raise UserError(f"there is no job '{name}': known are {known}")


def job_of(output: str, options: Mapping[str, Any]) -> JobKind[Any]:
    """The job that an output was made by, as its `job.json` says.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: There is no output, its record is damaged, or its job is not known here.
    """
    # Imported here: `--help` does without storage.
    from jobs.engine.identity import require_identity
    from jobs.storage.storage import Storage

    name = require_identity(Storage(output, options)).job
    if name in _TRAININGS:
        raise UserError(
            f"'{output}' is the output of a training, which has no rows: only status and verify "
            "are for it"
        )
    try:
        return job_named(name)
    except UserError as error:
        raise UserError(f"'{output}' was made by another program: {error}") from error


def training_of(output: str, options: Mapping[str, Any]) -> type[TrainingSummary] | None:
    """How the training ends that an output is of; None if it is not of one."""
    from jobs.engine.identity import read_identity
    from jobs.storage.storage import Storage

    identity = read_identity(Storage(output, options))
    if identity is None or identity.job not in _TRAININGS:
        return None
    kind: type[TrainingSummary] = resolve_name(_TRAININGS[identity.job])
    return kind


def sections_of_others(config: type[Settings]) -> frozenset[str]:
    """Sections of a config file that are for other commands than the one with these settings."""
    configs = (*(kind.config for kind in JOBS), *map(resolve_name, _OTHERS))
    every = {section for other in configs for section in other.model_fields}
    return frozenset(every - config.model_fields.keys())
