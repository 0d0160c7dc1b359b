"""A training as tables for people."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from jobs.train.summary import TrainingStatus, TrainingSummary


def summary_table(summary: TrainingSummary, output: str) -> Table:
    """How a training ended."""
    table = _table(output)
    table.add_row("steps", f"{summary.steps:,}", f"{summary.crops:,} crops learned from")
    table.add_row("loss", f"{summary.loss:.4f}", f"in {summary.seconds:,.0f} s of training")
    if summary.accuracy is not None:
        best = f"of pairs held out told rightly, at best {summary.best_accuracy:.3f}"
        table.add_row("accuracy", f"{summary.accuracy:.3f}", best)
    table.add_row("network", escape(summary.model), f"SHA-256 {summary.sha256[:12]}...")
    return table


def training_table(status: TrainingStatus, output: str) -> Table:
    """How far a training is."""
    if status.summary is not None:
        return summary_table(status.summary, output)
    table = _table(output)
    table.add_row("steps", f"{status.steps_done:,}", f"of {status.steps:,}")
    for name in ("loss", "accuracy"):
        if status.log.get(name):
            table.add_row(name, f"{float(status.log[name]):.4f}", "")
    return table


def _table(output: str) -> Table:
    return Table(title=escape(output), show_header=False, title_justify="left")
