"""The command `compact`: small parts of a dataset become large ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.engine.errors import UserError
from jobs.engine.exchange.compact import Compaction, compact
from jobs.engine.files.storage import Storage
from jobs.engine.identity import read_identity


def compact_dataset(output: str, target_bytes: int, options: Mapping[str, Any]) -> Compaction:
    """Merges the parts of a dataset, with the row groups that its config asks for.

    Args:
        output: Local path or fsspec URL.
        target_bytes: Parts are merged as long as they are together no larger.
        options: Keyword arguments of the output's fsspec file system.

    Raises:
        jobs.engine.errors.UserError: There is no job, another run has it, or a part is damaged.
        jobs.engine.errors.Interrupted: SIGINT or SIGTERM; the same call goes on.
    """
    identity = read_identity(Storage(output, options))
    if identity is None:
        raise UserError(f"There is no job in '{output}'; check the path.")
    row_group_bytes = int(identity.config["output"]["row_group_bytes"])
    return compact(output, target_bytes, options, row_group_bytes=row_group_bytes)
