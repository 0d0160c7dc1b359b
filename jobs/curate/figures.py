"""What was made, in numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jobs.curate.kind import REASONS, VERDICTS
from jobs.curate.verdict_rows import VerdictColumns
from jobs.kind.figures import Cell, Figures

_REASONS = ("", *REASONS)


def figures_of(columns: VerdictColumns) -> list[Figures]:
    """All verdicts by reason, identities before and after, and persons that are elsewhere too."""
    found = [Figures("verdicts", "Verdicts", ("", "faces", "why"), list(_verdict_rows(columns)))]
    if columns.leaks:
        rows = [_leak_row(columns, each.against, each.rows) for each in columns.leaks]
        title = "Also in other vectors"
        found.append(Figures("leaks", title, ("against", "faces", "identities"), rows))
    return found


def _verdict_rows(columns: VerdictColumns) -> Iterator[tuple[Cell, ...]]:
    yield "faces", len(columns), "a row each"
    counts = np.zeros((len(VERDICTS), len(_REASONS)), np.int64)
    np.add.at(counts, (columns.verdict, columns.reason), 1)
    for verdict, of_verdict in zip(VERDICTS, counts.tolist(), strict=True):
        yield verdict, sum(of_verdict), ""
        for reason, count in zip(_REASONS, of_verdict, strict=True):
            if count and reason:
                yield f"  {verdict} {reason}", count, REASONS[reason]
    yield "identities before", len(np.unique(columns.label[columns.label >= 0])), "labels"
    stays = (columns.verdict != VERDICTS.index("drop")) & (columns.identity >= 0)
    yield "identities after", len(np.unique(columns.identity[stays])), "of faces that stay"
    nameless = (columns.verdict != VERDICTS.index("drop")) & (columns.identity < 0)
    if nameless.any():
        yield "of no identity", int(nameless.sum()), "without a label, and like no other face"


def _leak_row(columns: VerdictColumns, against: str, rows: np.ndarray) -> tuple[Cell, ...]:
    identities = columns.identity[rows]
    return against, len(rows), len(np.unique(identities[identities >= 0]))
