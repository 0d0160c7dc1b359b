"""A training as tables for people."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from jobs.training.summary import AnySummary, TrainingStatus, TrainingSummary


def summary_table(summary: TrainingSummary, output: str) -> Table:
    """How a training ended."""
    table = _table(output)
    for row in summary.told():
        table.add_row(*map(escape, row))
    return table


def training_table(status: TrainingStatus[AnySummary], output: str) -> Table:
    """How far a training is."""
    if status.summary is not None:
        return summary_table(status.summary, output)
    table = _table(output)
    of = "not decided yet of how many" if status.steps is None else f"of {status.steps:,}"
    table.add_row("steps", f"{status.steps_done:,}", of)
    for name in ("loss", "accuracy"):
        if status.log.get(name):
            table.add_row(name, f"{float(status.log[name]):.4f}", "")
    return table


def _table(output: str) -> Table:
    return Table(title=escape(output), show_header=False, title_justify="left")
