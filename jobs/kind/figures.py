"""Numbers that a job has to show besides how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Cell = str | int | float | None


@dataclass(frozen=True)
class Figures:
    """A table of numbers.

    Attributes:
        name: What programs call it.
        title: What people read above it.
        columns: Names of the columns; the first tells what a row is about.
        rows: The cells of each row.
        notes: Sentences to be read below it.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)

    def as_record(self) -> dict[str, Any]:
        """The table as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Figures:
        """The table that :meth:`as_record` has made JSON of."""
        return cls(**record)
