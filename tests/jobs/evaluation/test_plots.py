"""Curves as pictures."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jobs.evaluation.plots import Axis, Line, plot

pytest.importorskip("matplotlib")

X = np.linspace(0.001, 1, 50)


def _pixels(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return np.asarray(picture.convert("RGB"))


def test_a_curve_is_drawn() -> None:
    axes = Axis("x"), Axis("y")
    empty = _pixels(plot("title", *axes, []))
    drawn = _pixels(plot("title", *axes, [Line("line", X, X**2)]))
    assert drawn.shape == empty.shape
    assert (drawn != empty).any(axis=2).sum() > 500


def test_a_point_is_marked() -> None:
    axes = Axis("x"), Axis("y")
    line = _pixels(plot("title", *axes, [Line("line", X, X)]))
    marked = _pixels(plot("title", *axes, [Line("line", X, X, at=(0.2, 0.8))]))
    changed = np.argwhere((line != marked).any(axis=2)).mean(axis=0) / line.shape[:2]
    assert changed[0] < 0.4
    assert changed[1] < 0.4


def test_an_axis_may_be_logarithmic() -> None:
    plain, log = (
        _pixels(plot("title", Axis("x", 0.001, 1, log=log), Axis("y"), [Line("line", X, X)]))
        for log in (False, True)
    )
    assert (plain != log).any(axis=2).sum() > 500


def test_no_figure_is_left_in_the_process() -> None:
    code = (
        "import sys; from jobs.evaluation.plots import Axis, plot\n"
        "plot('title', Axis('x'), Axis('y'), [])\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
