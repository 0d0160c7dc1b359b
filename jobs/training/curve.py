"""The log of a training as a picture."""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from jobs.messages.errors import UserError

NAME = "curve.svg"

_INCHES = (9.0, 3.6)
_COLOURS = ("#c2410c", "#0f766e", "#4338ca")
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


@dataclass(frozen=True)
class Line:
    """A quantity over steps or rounds.

    Attributes:
        label: What it is called, beside its axis.
        points: Number of the step or round -> value.
        limits: Lowest and highest value shown; None fits them.
        noisy: Whether a running mean is drawn over it.
    """

    label: str
    points: Mapping[int, float]
    limits: tuple[float, float] | None = None
    noisy: bool = False


def draw_curve(lines: Sequence[Line], title: str, across: str = "steps") -> bytes:
    """Draws quantities over steps or rounds, beside each other.

    Args:
        lines: The quantities.
        title: Above the picture.
        across: What is counted below each of them.

    Returns:
        An SVG file; the same values give the same bytes.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "mtcnn-ray", "svg.fonttype": "none"}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        for axes, line, colour in zip(
            figure.subplots(1, len(lines), squeeze=False)[0], lines, cycle(_COLOURS), strict=False
        ):
            steps, values = list(line.points), list(line.points.values())
            if line.noisy:
                axes.plot(steps, values, color=colour, alpha=0.3, linewidth=0.8)
                axes.plot(steps, _evened(values), color=colour, linewidth=1.8)
            else:
                axes.plot(steps, values, color=colour, marker="o", markersize=4, linewidth=1.8)
            axes.set_ylabel(line.label)
            if line.limits is not None:
                axes.set_ylim(*line.limits)
            if not steps:
                axes.text(0.5, 0.5, "none was held out", ha="center", transform=axes.transAxes)
            axes.set_xlabel(across)
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
