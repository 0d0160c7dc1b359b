"""The command `retry`: photos that failed are tried again, and their rows replaced."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from jobs import tables
from jobs.config import load_config
from jobs.engine.identity import require_identity
from jobs.engine.retry import Retried, retry_items
from jobs.extract import LABELS, going_on, prepare
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

_log = logging.getLogger(__name__)


def retry(
    output: str,
    statuses: str | None = None,
    source_url: str | None = None,
    config: str | None = None,
    flags: Mapping[str, object] | None = None,
    sets: Sequence[str] = (),
) -> Retried:
    """Processes the photos with some statuses again, with the settings the output was made with.

    Args:
        output: Folder of the dataset, local or an fsspec URL.
        statuses: With commas between them; None is all that count as failed.
        source_url: Where the photos are now; None is where they were. Credentials in an address
            are not stored with the output, so they have to be given again.
        config: YAML file or preset with storage options and whatever else does not change rows.
        flags: As for `load_config`.
        sets: As for `load_config`.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call goes on.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.WeightsError: The weights are not installed.
    """
    wanted = _statuses(statuses)
    given = load_config(config, flags, sets)
    made = require_identity(Storage(output, given.output.storage_options))
    found = load_config(config, flags, sets, stored=made.config)
    if source_url is not None and source_url != made.input:
        _log.warning("The input was '%s'; it is now read from where you say.", made.input)
    going = going_on(found, output)
    with _hint(source_url):
        job, settings, identity = prepare(source_url or made.input, going)

    def check_input() -> None:
        with _hint(source_url):
            next(iter(job.source.list()))

    return retry_items(
        job,
        output,
        settings,
        replace(identity, input=made.input),
        wanted,
        check_input=check_input,
        labels=LABELS,
        options=found.output.storage_options,
    )


@contextlib.contextmanager
def _hint(source_url: str | None) -> Iterator[None]:
    """Adds to what is wrong with the input what may help, unless it was given."""
    try:
        yield
    except UserError as error:
        if source_url is not None:
            raise
        raise UserError(f"{error}; or say with --input where the photos are now.") from error


def _statuses(text: str | None) -> tuple[str, ...]:
    if text is None:
        return tuple(sorted(tables.FAILED_STATUSES))
    known: tuple[str, ...] = get_args(tables.Status)
    wanted = [status.strip() for status in text.split(",")]
    for status in wanted:
        if status not in known:
            raise UserError(f"There is no status '{status}'; known are {', '.join(known)}.")
    return tuple(sorted(set(wanted)))
