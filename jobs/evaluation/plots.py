"""Curves as PNG, by Matplotlib; without pyplot, whose figures belong to the whole process."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from jobs.messages.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Corner = Literal["lower left", "lower right"]

_INCHES = (7.0, 5.0)
_DPI = 130
_COLOURS = ("#0f766e", "#c2410c", "#4338ca", "#a16207")


@dataclass(frozen=True, eq=False)
class Line:
    """One curve.

    Attributes:
        label: In the legend.
        x: Values to the right.
        y: Values upwards.
        at: A point on it to be marked.
    """

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Axis:
    """One axis of a plot.

    Attributes:
        label: What it shows.
        low: Where it begins.
        high: Where it ends.
        log: Whether it is logarithmic.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False


def check_plots() -> None:
    """Finds out before hours of work whether curves can be drawn.

    Raises:
        UserError: Matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise UserError(
            "the plots of an evaluation need Matplotlib: pip install 'mtcnn-ray[evaluate]'"
        ) from error


def plot(
    title: str, x: Axis, y: Axis, lines: Sequence[Line], legend: Corner = "lower left"
) -> bytes:
    """Draws curves.

    Args:
        title: Above them.
        x: The axis to the right.
        y: The axis upwards.
        lines: Drawn in this order.
        legend: Where it stands.

    Returns:
        A PNG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    for line, colour in zip(lines, _COLOURS * len(lines), strict=False):
        axes.plot(line.x, line.y, color=colour, linewidth=1.8, label=line.label)
        if line.at is not None:
            axes.plot(*line.at, marker="o", color=colour, markeredgecolor="white", markersize=8)
    _set_axis(axes, x, y)
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="#e4e4e7")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if lines:
        axes.legend(loc=legend, frameon=True, framealpha=0.9, edgecolor="none")
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def _set_axis(axes: Axes, x: Axis, y: Axis) -> None:
    if x.log:
        axes.set_xscale("log")
    if y.log:
        axes.set_yscale("log")
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(y.low, y.high)
    axes.set_xlabel(x.label)
    axes.set_ylabel(y.label)
