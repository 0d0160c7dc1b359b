"""What the command line shows of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from jobs.evaluation.results import Results
from jobs.messages.plain_text import plain
from mtcnn_core.faces import LANDMARKS

_LEFT_OUT = {
    "absent": "more are not in the input",
    "lost": "of them could not be looked at",
    "without_file": "of them have no file of detections",
}


def widerface_report(found: Results) -> RenderableType:
    """Average precision, and what all detections together come to; a row a subset."""
    metrics = found.metrics
    table = _table(found, ["faces", "AP", "95 % interval", "recall", "precision"])
    for subset, figures in metrics["subsets"].items():
        table.add_row(
            subset,
            f"{figures['faces']:,}",
            _share(figures["average_precision"]),
            f"{_share(figures['low'])} - {_share(figures['high'])}",
            _share(figures["recall"]),
            _share(figures["precision"]),
        )
    table.add_section()
    large = metrics["over_64_px"]
    table.add_row("over 64 px", f"{large['faces']:,}", _share(large["average_precision"]))
    return Group(table, _about(metrics))


def landmarks_report(found: Results) -> RenderableType:
    """How far the landmarks are off, in distances of the eyes; a row a point."""
    metrics = found.metrics
    table = _table(found, ["error"])
    for point in LANDMARKS:
        table.add_row(point.replace("_", " "), _share(metrics["error_by_point"][point]))
    table.add_section()
    table.add_row("mean (NME)", _share(metrics["error"]))
    table.add_row("failures over 0.1", _share(metrics["failure_rate"]))
    table.add_row("faces found", f"{metrics['faces_found']:,} of {metrics['faces']:,}")
    return Group(table, _about(metrics))


def verification_report(found: Results) -> RenderableType:
    """How well pairs are told apart; a row a figure."""
    metrics = found.metrics
    table = _table(found, ["value"])
    table.add_row(
        f"accuracy, {metrics['folds']} folds",
        f"{_share(metrics['accuracy'])} +- {_share(metrics['accuracy_deviation'])}",
    )
    table.add_row("area under the ROC", _share(metrics["roc_area"]))
    table.add_row("equal error rate", _share(metrics["equal_error_rate"]))
    table.add_row("TAR at FAR 0.001", _share(metrics["tar_at_far_0.001"]))
    table.add_row("pairs", f"{metrics['pairs']:,}")
    table.add_row("pairs with a photo without a face", f"{metrics['pairs_without_a_face']:,}")
    return Group(table, _about(metrics))


def _table(found: Results, columns: list[str]) -> Table:
    table = Table(
        title=escape(plain(found.folder)),
        title_justify="left",
        title_style="bold",
    )
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _about(metrics: Mapping[str, Any]) -> str:
    """What was looked at, and how long that took."""
    photos, seconds = metrics["photos"], metrics["seconds"]
    parts = [f"{photos['scored']:,} photos"]
    parts += [f"{photos[what]:,} {note}" for what, note in _LEFT_OUT.items() if photos.get(what)]
    if "extraction" in seconds:
        now = photos["processed_now"]
        parts.append(f"{now:,} processed now in {seconds['extraction']:.1f} s")
    parts.append(f"scored in {seconds['scoring']:.1f} s")
    return "; ".join(parts)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
