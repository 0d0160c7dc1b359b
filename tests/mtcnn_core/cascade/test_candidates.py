"""Candidates of several views."""

import numpy as np

from mtcnn_core.cascade.candidates import Candidates


def some(count: int, value: float) -> Candidates:
    return Candidates(
        np.full((count, 4), value, np.float32),
        np.full(count, value, np.float32),
        np.full(count, int(value)),
    )


def test_views_are_joined_in_order() -> None:
    joined = Candidates.joined([some(2, 1), some(0, 2), some(1, 3)])
    assert len(joined) == 3
    assert joined.boxes.shape == (3, 4)
    np.testing.assert_array_equal(joined.logits, [1, 1, 3])
    np.testing.assert_array_equal(joined.boxes[:, 0], [1, 1, 3])
    np.testing.assert_array_equal(joined.views, [1, 1, 3])


def test_one_view_is_not_copied() -> None:
    only = some(2, 1)
    assert Candidates.joined([only]) is only
