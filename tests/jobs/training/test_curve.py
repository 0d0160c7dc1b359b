import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("matplotlib", reason="Matplotlib is not installed")

from jobs.training.curve import Line, draw_curve

_LOSS = Line("loss", {step: 1 / step for step in range(1, 20)}, noisy=True)


def test_it_is_the_same_picture_for_the_same_values() -> None:
    picture = draw_curve([_LOSS], "a title")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert draw_curve([_LOSS], "a title") == picture


def test_it_says_that_none_was_held_out() -> None:
    assert b"none was held out" in draw_curve([_LOSS, Line("accuracy", {})], "")
    assert b"none was held out" not in draw_curve([_LOSS, Line("accuracy", {20: 0.8})], "")


def test_every_quantity_has_its_own_axis() -> None:
    picture = draw_curve([_LOSS, Line("accuracy", {20: 0.8}), Line("recall", {20: 0.7})], "")
    assert all(f">{name}<".encode() in picture for name in ("loss", "accuracy", "recall"))
