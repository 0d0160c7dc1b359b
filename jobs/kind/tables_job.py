"""What all jobs say of their tables in the same way."""

from __future__ import annotations

from typing import Any, ClassVar

from jobs.kind.config import JobConfig
from jobs.kind.job_kind import JobKind


class TablesJob:
    """A :class:`jobs.engine.job.Job` as far as its kind and its config tell; to be derived from.

    Attributes:
        kind: What kind of job it is.
        config: All settings.
    """

    kind: ClassVar[JobKind[Any]]
    config: JobConfig

    @property
    def primary(self) -> str:
        """The table with one row an item."""
        return self.kind.tables[0]

    @property
    def failed_statuses(self) -> frozenset[str]:
        """Statuses that count as failed."""
        return self.kind.failed_statuses

    @property
    def row_group_bytes(self) -> int:
        """Limit of a row group's data before compression."""
        return self.config.output.row_group_bytes

    def writer_options(self, name: str) -> dict[str, Any]:
        """How a table is written."""
        return {"compression": self.config.output.compression}
