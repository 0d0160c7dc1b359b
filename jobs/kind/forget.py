"""The command `forget`: photos and faces leave datasets for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.engine.driver.forget import Forgot, forget
from jobs.engine.driver.forgetting import Target
from jobs.engine.erasing.search import Wanted
from jobs.engine.identity import require_identity
from jobs.kind.config import JobConfig
from jobs.kind.job_kind import JobKind
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage


def forget_in(
    kinds: Mapping[str, JobKind[Any]],
    keys: Sequence[str],
    face: int | None,
    config: JobConfig,
    dry_run: bool = False,
) -> Forgot:
    """Takes photos, or one face of a photo, out of datasets, and all that names them.

    Args:
        kinds: Path or URL of each output -> the job that made it.
        keys: Keys of the photos; none ends what was stopped.
        face: Number of the one face of a single photo that is meant; None is all of them.
        config: Its workers and the storage options of the outputs; all else is the outputs' own.
        dry_run: Whether to tell what would go, and write nothing.

    Raises:
        jobs.messages.errors.UserError: None of it is there, or an output is in use or damaged.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call goes on.
    """
    if face is not None and len(keys) != 1:
        raise UserError("--face is the number of a face of one photo: give its --key, and no other")
    for output, kind in kinds.items():
        if kind.unforgetting:
            raise UserError(f"nothing can be forgotten in '{output}', {kind.unforgetting}")
    options = config.output.storage_options
    targets = [
        Target(
            output,
            kind.tables,
            kind.failed_statuses,
            _row_group_bytes(Storage(output, options)),
            options,
        )
        for output, kind in kinds.items()
    ]
    wanted = Wanted(tuple(dict.fromkeys(keys)), face)
    return forget(targets, wanted, dry_run=dry_run, settings=config.run)


def _row_group_bytes(storage: Storage) -> int:
    return int(require_identity(storage).config["output"]["row_group_bytes"])
