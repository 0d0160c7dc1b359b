"""Agreement of clusters with persons, on examples worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mtcnn_core.evaluation.clusters import Agreement, agreement, bcubed


def test_agreement() -> None:
    found = np.array([True, True, True, False, False])
    true = np.array([True, True, False, True, True])
    assert agreement(found, true) == Agreement(2 / 3, 2 / 4)


def test_nothing_found_is_nothing_wrong() -> None:
    nothing = np.zeros(3, np.bool_)
    assert agreement(nothing, ~nothing) == Agreement(1, 0)


def test_f() -> None:
    assert Agreement(0.5, 1).f == pytest.approx(2 / 3)
    assert Agreement(0, 0).f == 0


def test_bcubed() -> None:
    # Precisions 1/2, 1/2, 1, 1; recalls 1, 1/3, 2/3, 2/3.
    found = bcubed(np.array([5, 5, 2, 2]), np.array([0, 1, 1, 1]))
    assert found.precision == pytest.approx(3 / 4)
    assert found.recall == pytest.approx((1 + 1 / 3 + 2 / 3 + 2 / 3) / 4)


def test_faces_that_are_alone_are_clusters_of_their_own() -> None:
    assert bcubed(np.array([-1, -1]), np.array([0, 0])) == Agreement(1, 0.5)
