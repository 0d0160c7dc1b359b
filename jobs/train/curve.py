"""The log of a training as a picture: its loss, and how well faces held out are told."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence

from jobs.messages.errors import UserError
from jobs.train.log import LogRow

NAME = "curve.svg"

_INCHES = (9.0, 3.6)
_LOSS, _ACCURACY = "#c2410c", "#0f766e"
# Of the mean that is drawn over the single values.
_OVER = 0.9


def check_curve() -> None:
    """Finds out before hours of work whether the picture can be drawn.

    Raises:
        UserError: Matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise UserError(
            "the curve of a training needs Matplotlib: pip install 'mtcnn-ray[train]'"
        ) from error


def draw_curve(rows: Sequence[LogRow], title: str) -> bytes:
    """Draws loss and accuracy over the steps.

    Args:
        rows: The log.
        title: Above the picture.

    Returns:
        An SVG file; the same rows give the same bytes.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "mtcnn-ray", "svg.fonttype": "none"}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        left, right = figure.subplots(1, 2)
        steps = [row.step for row in rows]
        left.plot(steps, [row.loss for row in rows], color=_LOSS, alpha=0.3, linewidth=0.8)
        left.plot(steps, _evened([row.loss for row in rows]), color=_LOSS, linewidth=1.8)
        left.set_ylabel("loss")
        tried = [row for row in rows if row.accuracy is not None]
        right.plot(
            [row.step for row in tried],
            [row.accuracy for row in tried],
            color=_ACCURACY,
            marker="o",
            markersize=4,
            linewidth=1.8,
        )
        right.set_ylabel("accuracy on faces held out")
        right.set_ylim(0.45, 1.0)
        if not tried:
            right.text(0.5, 0.5, "none was held out", ha="center", transform=right.transAxes)
        for axes in (left, right):
            axes.set_xlabel("steps")
            axes.set_xlim(left=0)
            axes.grid(color="#e4e4e7")
            axes.set_axisbelow(True)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        data = io.BytesIO()
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    return data.getvalue()


def _evened(values: Sequence[float]) -> list[float]:
    """Running means, in which the last values count most."""
    means: list[float] = []
    for value in values:
        means.append(value if not means else _OVER * means[-1] + (1 - _OVER) * value)
    return means
