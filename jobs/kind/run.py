"""A job of any kind, from its input to its output."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

from jobs.engine.driver.run import run
from jobs.engine.driver.summary import Summary
from jobs.engine.identity import Identity, package_versions
from jobs.kind.config import JobConfig
from jobs.kind.continuing import going_on
from jobs.kind.job_kind import Continued, JobKind, Opened, Show
from jobs.members import Origin
from jobs.sources.inputs import recorded
from jobs.sources.overlap import check_apart

AnyConfig = TypeVar("AnyConfig", bound=JobConfig)


def run_job(
    kind: JobKind[AnyConfig],
    source_url: str,
    output: str,
    config: AnyConfig,
    show: Show = lambda figures: None,
) -> Summary:
    """Runs a job: every item of an input becomes rows in the output. The same call resumes it.

    Args:
        kind: The job.
        source_url: Where its input is: for photos a folder, glob or file, anywhere fsspec reaches,
            or ``demo:``.
        output: Folder for the dataset, local or an fsspec URL.
        config: All settings.
        show: Given the figures that the job has to show, as they come.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.JobError: The job does not start in any worker.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.errors.WeightsError: The weights or the detector's model are not there.
    """
    for address in (source_url, *further_inputs(kind, config)):
        check_apart(address, output)
    going = going_on(kind, config, output)
    opened = kind.open(source_url, going)
    if opened.decide:
        opened.decide(show, True)
    summary = run(
        opened.job,
        opened.list_members,
        output,
        opened.settings,
        identity_of(kind, source_url, going, opened),
        inputs=names_of(source_url, config),
        labels=kind.labels,
        options=config.output.storage_options,
        prepare=opened.prepare,
        lost=opened.lost,
    )
    for figures in opened.conclude():
        show(figures)
    return summary


def further_inputs(kind: JobKind[AnyConfig], config: AnyConfig) -> list[str]:
    """Addresses of the inputs besides the one that is listed, as far as they are said."""
    found = (_setting(config, each.setting) for each in kind.inputs)
    return [address for address in found if address]


def names_of(source_url: str, config: JobConfig) -> list[Origin]:
    """What the input of a job is recorded as, and what else it was called before."""
    prefix, was = config.input.key_prefix or "", config.input.moved_from
    return [Origin(recorded(url), prefix) for url in (source_url, was) if url]


def identity_of(
    kind: JobKind[AnyConfig],
    source_url: str,
    going: Continued[AnyConfig],
    opened: Opened,
) -> Identity:
    """What determines the output of a job.

    Args:
        kind: The job.
        source_url: Where its input is.
        going: With what the output goes on.
        opened: The job on its input.
    """
    return Identity(
        config=going.recorded,
        digest=going.digest,
        models=dict(opened.models),
        packages=package_versions(kind.packages),
        input=source_url,
        job=kind.name,
        schema=going.schema,
        defaults=kind.config().identity(),
        upstream=dict(opened.upstream),
        meanings={name: meaning.version for name, meaning in kind.meanings.items()},
    )


def _setting(config: JobConfig, name: str) -> Any:
    """The value of a setting, by its dotted name."""
    return functools.reduce(getattr, name.split("."), config)
