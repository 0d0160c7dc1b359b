"""Probabilities and logits."""

import math

import numpy as np
import pytest

from mtcnn_core.cascade.scores import logit, sigmoid


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.5, 0), (0.75, math.log(3)), (0.1, -2.197)]
)
def test_logit(probability: float, expected: float) -> None:
    assert logit(probability) == pytest.approx(expected, abs=1e-3)


def test_sigmoid_is_the_other_way_round() -> None:
    logits = np.array([logit(p) for p in (0.001, 0.3, 0.999)], np.float32)
    found = sigmoid(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.001, 0.3, 0.999], rtol=1e-5)
