import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("matplotlib", reason="Matplotlib is not installed")

from jobs.train.curve import draw_curve
from jobs.train.log import LogRow

_ROWS = [LogRow(step, 0, 1.0, 1, 1 / step, 1e-3) for step in range(1, 20)]


def test_it_is_the_same_picture_for_the_same_rows() -> None:
    picture = draw_curve(_ROWS, "a title")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert draw_curve(_ROWS, "a title") == picture


def test_it_says_that_none_was_held_out() -> None:
    assert b"none was held out" in draw_curve(_ROWS, "")
    tried = LogRow(20, 0, 1.0, 1, 0.1, 1e-3, accuracy=0.8)
    assert b"none was held out" not in draw_curve([*_ROWS, tried], "")
