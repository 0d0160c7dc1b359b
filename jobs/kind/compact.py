"""The command `compact`: small parts of a dataset become large ones."""

from __future__ import annotations

from jobs.engine.driver.compact import Compaction, compact
from jobs.engine.identity import require_identity
from jobs.kind.config import JobConfig
from jobs.storage.storage import Storage


def compact_dataset(output: str, target_bytes: int, config: JobConfig) -> Compaction:
    """Merges the parts of a dataset, with the row groups that its config asks for.

    Args:
        output: Local path or fsspec URL.
        target_bytes: Parts are merged as long as they are together no larger.
        config: Its workers and the storage options of the output; all else is the output's own.

    Raises:
        jobs.messages.errors.UserError: There is no job, another run has it, or a part is damaged.
        jobs.messages.errors.JobError: Workers died again and again.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call goes on.
    """
    options = config.output.storage_options
    identity = require_identity(Storage(output, options))
    row_group_bytes = int(identity.config["output"]["row_group_bytes"])
    return compact(
        output, target_bytes, options, row_group_bytes=row_group_bytes, settings=config.run
    )
