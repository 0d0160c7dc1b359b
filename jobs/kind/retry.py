"""The command `retry`: items that failed are tried again, and their rows replaced."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from jobs.engine.driver.retry import Retried, retry_items
from jobs.engine.identity import require_identity
from jobs.kind.config import JobConfig
from jobs.kind.continuing import going_on
from jobs.kind.job_kind import Continued, JobKind
from jobs.kind.loading import load
from jobs.kind.run import identity_of
from jobs.members import Member, Origin
from jobs.messages.errors import NotNowError, UserError
from jobs.sources.inputs import origin_of, recorded
from jobs.storage.storage import Storage

AnyConfig = TypeVar("AnyConfig", bound=JobConfig)

_log = logging.getLogger(__name__)


def retry(
    kind: JobKind[AnyConfig],
    output: str,
    statuses: str | None = None,
    source_url: str | None = None,
    config: str | None = None,
    flags: Mapping[str, object] | None = None,
    sets: Sequence[str] = (),
    others: Collection[str] = (),
) -> Retried:
    """Processes the items with some statuses again, with the settings the output was made with.

    Args:
        kind: The job that made it.
        output: Folder of the dataset, local or an fsspec URL.
        statuses: With commas between them; None is all that count as failed.
        source_url: Where the input is now; None is where it was. Credentials in an address are not
            stored with the output, so they have to be given again.
        config: YAML file or preset with storage options and whatever else does not change rows.
        flags: As for :func:`jobs.kind.loading.load`, as the next two.
        sets: Settings as text.
        others: Sections of other jobs.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call goes on.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.errors.WeightsError: The weights are not installed.
    """
    wanted = _statuses(kind, statuses)
    given = load(kind.config, config, flags, sets, others=others)
    made = require_identity(Storage(output, given.output.storage_options))
    found = load(kind.config, config, flags, sets, stored=made.config, others=others)
    if source_url is not None and source_url != made.input:
        _log.warning("The input was '%s'; it is now read from where you say.", made.input)
    going, url = _from_input(going_on(kind, found, output), source_url, output)
    with _hint(source_url):
        opened = kind.open(url, going)

    def check_input(members: Iterable[Member]) -> None:
        with _hint(source_url):
            for member in members:
                opened.check(member)

    return retry_items(
        opened.job,
        output,
        opened.settings,
        identity_of(kind, made.input, going, opened),
        wanted,
        check_input=check_input,
        labels=kind.labels,
        options=found.output.storage_options,
    )


def _from_input(
    going: Continued[AnyConfig], source_url: str | None, output: str
) -> tuple[Continued[AnyConfig], str]:
    """What is to be opened, and with what: the first input, or the one that takes its place.

    Raises:
        UserError: It is not clear which of several inputs is meant.
    """
    origins = going.origins
    if source_url is None:
        return _as(going, origins[0]), origins[0].input
    was = going.config.input.moved_from
    origin = origin_of(source_url, was, origins)
    if origin is not None:
        return _as(going, origin), source_url
    if was or len(origins) > 1 or not going.is_recorded:
        names = ", ".join(f"'{each.input}'" for each in origins)
        raise UserError(
            f"'{output}' has rows from several inputs, {names} among them: say with --set "
            f"input.moved_from=INPUT which one is '{recorded(source_url)}' now"
        )
    return replace(_as(going, origins[0]), is_moved=True), source_url


def _as(going: Continued[AnyConfig], origin: Origin) -> Continued[AnyConfig]:
    config = going.config.with_values({"input.key_prefix": origin.prefix or None})
    return replace(going, config=config)


@contextlib.contextmanager
def _hint(source_url: str | None) -> Iterator[None]:
    """Adds to what is wrong with the input what may help, unless it was given."""
    try:
        yield
    except NotNowError:
        raise
    except UserError as error:
        if source_url is not None:
            raise
        raise UserError(f"{error}; or say with --input where it is now") from error


def _statuses(kind: JobKind[AnyConfig], text: str | None) -> tuple[str, ...]:
    if text is None:
        return tuple(sorted(kind.failed_statuses))
    wanted = [status.strip() for status in text.split(",")]
    for status in wanted:
        if status not in kind.statuses:
            raise UserError(f"there is no status '{status}': known are {', '.join(kind.statuses)}")
    return tuple(sorted(set(wanted)))
