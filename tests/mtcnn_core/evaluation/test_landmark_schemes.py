"""Many points brought down to five."""

import numpy as np
import pytest

from mtcnn_core.evaluation.landmark_schemes import five_points


@pytest.mark.parametrize(
    ("count", "expected"), [(68, [38.5, 44.5, 30, 48, 54]), (98, [63.5, 71.5, 54, 76, 82])]
)
def test_which_points_are_averaged(count: int, expected: list[float]) -> None:
    indices = np.arange(float(count))
    five = five_points(np.stack([indices, -indices], axis=1))
    np.testing.assert_allclose(five, [(x, -x) for x in expected])


def test_an_unknown_number_of_points_is_refused() -> None:
    with pytest.raises(KeyError):
        five_points(np.zeros((29, 2)))
